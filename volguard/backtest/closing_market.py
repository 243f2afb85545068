"""A past day of which only closing prices are known, as a market: its chain is seen once, near its end.

A bhavcopy has one price a contract, of the last half hour's trades, else of the last one. The engine sees
them at SEEN_AT, when it may still enter, and what it decides on them fills at them: nobody could have traded
at an average, so the touch that the spread model puts around each is the least that a fill costs. All looks
of a day together give no more than VOLUME_SHARE of what was traded on it; contracts of which that is less
than a lot are not quoted. One that is held keeps its price if it was traded at all, without a size.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

import numpy as np

from volguard.adapters.bhavcopy_days import BhavcopyDays, ClosingDay
from volguard.backtest.attention import Attention
from volguard.backtest.modelled_chain import RIGHTS
from volguard.backtest.near_listing import NearListing, NearListings
from volguard.backtest.spread_model import Liquidity, size_units, spread_share, touch_beyond, whole_lots
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying
from volguard.model.market import (
    BHAVCOPY,
    BoolArray,
    Capabilities,
    ChainSnapshot,
    DailyBar,
    FloatArray,
    IntArray,
    Listing,
    SourceInfo,
)
from volguard.nse.calendar import Session
from volguard.nse.expiries import ListedExpiry
from volguard.nse.rules import Rules

SEEN_AT: Final = time(14, 40)
LOOK_S: Final = 5.0
LOOKS: Final = 3
LOOKS_MAX: Final = 24  # while an order is under way
CADENCE_S: Final = 300.0  # one price a day never gets old within the looks at it
VOLUME_SHARE: Final = 0.01
INDEX_TOLERANCE: Final = 1.0  # points between two files' closes of the index
YEAR_S: Final = 365.0 * 86_400.0
PERCENT: Final = 100.0
DIGEST_BYTES: Final = 16


class ClosingMarkets:
    """Makes the market of a session from its bhavcopy; `vix` by day in percent."""

    def __init__(
        self,
        days: BhavcopyDays,
        listings: NearListings,
        vix: dict[date, float],
        *,
        rules: Rules,
        underlying: Underlying,
        attention: Attention,
    ) -> None:
        self._days, self._listings, self._vix = days, listings, vix
        self._rules, self._underlying, self._attention = rules, underlying, attention

    def of(self, session: Session, bar: DailyBar) -> ClosingMarket:
        """The market of a session with hours.

        Raises DataError where the day is not there, lacks an expiry that the rules list, or has another lot
        or another close of the index; UsageError where its file cannot be read any more.
        """
        if session.day not in self._vix:
            raise DataError(
                f"India VIX has no value of {session.day.isoformat()}",
                hint="the spread around its prices cannot be modelled",
            )
        return ClosingMarket(
            self._days.on(session.day),
            self._listings.on(session.day),
            underlying=self._underlying,
            tick=self._rules.contracts.tick(self._underlying, session.day),
            seen_at=seen_at(session),
            closes=session.windows[-1][1],
            index_close=bar.close,
            vix=self._vix[session.day],
            attention=self._attention,
        )


def seen_at(session: Session) -> datetime:
    """When closing prices are shown: SEEN_AT, in a session without it half way through its last hours."""
    usual = datetime.combine(session.day, SEEN_AT, tzinfo=session.windows[0][0].tzinfo)
    if any(start <= usual < end for start, end in session.windows):
        return usual
    start, end = session.windows[-1]
    return start + 0.5 * (end - start)


class ClosingMarket:
    """Implements ports.MarketData; what is held stays listed. Raises DataError as `ClosingMarkets.of`."""

    def __init__(
        self,
        day: ClosingDay,
        near: NearListing,
        *,
        underlying: Underlying,
        tick: Decimal,
        seen_at: datetime,
        closes: datetime,
        index_close: float,
        vix: float,
        attention: Attention,
    ) -> None:
        self._day, self._tick = day, tick
        self._seen_at, self._closes = seen_at, closes
        self._index_close, self._vix = index_close, vix
        self._attention = attention
        self._shown = _shown(day, near)
        _require_same_index(day, index_close)
        self.info = SourceInfo(
            kind=BHAVCOPY,
            label=f"{underlying} {day.day.isoformat()}, closing prices",
            underlying=underlying,
            trading_date=day.day,
            capabilities=Capabilities(
                spot=True, vix=True, quote_time=False, depth=False, cadence_s=CADENCE_S
            ),
            digest=_digest(day, index_close, vix),
        )

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """The looks later than `after`: a few, and more of them while something is under way."""
        first, most = self._made
        for count in range(LOOKS_MAX):
            if count >= LOOKS and not self._attention.is_close:
                return
            ts = self._seen_at + timedelta(seconds=count * LOOK_S)
            if after is None or ts > after:
                yield self._less_taken(replace(first, ts=ts), most)

    def _less_taken(self, shot: ChainSnapshot, most: IntArray) -> ChainSnapshot:
        taken = self._attention.filled_on(self._day.day)
        rows = {row: units for one, units in taken.items() if (row := shot.listing.row(one)) is not None}
        if not rows:
            return shot
        left = most.copy()
        for row, units in rows.items():
            left[row] = max(left[row] - units, 0)
        bid_qty, ask_qty = np.minimum(shot.bid_qty, left), np.minimum(shot.ask_qty, left)
        return replace(shot, bid_qty=bid_qty, ask_qty=ask_qty)

    # The first look, and the most units of each row that all looks give together.
    @cached_property
    def _made(self) -> tuple[ChainSnapshot, IntArray]:
        columns = _columns(self._day, self._shown, self._held_strikes())
        lots = np.repeat(self._shown.lots, columns.strikes)[:, None]
        liquidity = Liquidity.of(np.repeat(self._shown.liquidity, columns.strikes, axis=0)[:, None, :])
        depth = self._depth(columns)
        bid, ask = touch_beyond(columns.close, spread_share(liquidity, depth) * columns.close, self._tick)
        most = np.floor(columns.contracts * VOLUME_SHARE).astype(np.int64) * lots
        size = np.minimum(whole_lots(size_units(liquidity, depth), lots), most)
        size = np.where(np.isnan(columns.close), 0, size)
        count = 2 * len(columns.strike)
        is_listed = columns.strikes > 0
        shot = ChainSnapshot(
            ts=self._seen_at,
            listing=Listing(
                underlying=self.info.underlying,
                expiries=tuple(np.array(self._shown.expiries, dtype=object)[is_listed]),
                offsets=np.concatenate(([0], np.cumsum(2 * columns.strikes[is_listed]))),
                strike=np.repeat(columns.strike.astype(np.float64), 2),
                is_call=np.tile(RIGHTS, len(columns.strike)),
            ),
            bid=bid.reshape(count),
            bid_qty=np.where(np.isnan(bid), 0, size).reshape(count),
            ask=ask.reshape(count),
            ask_qty=size.reshape(count),
            ltp=np.where(columns.contracts > 0, columns.last, np.nan).reshape(count),
            volume=(columns.contracts * lots).reshape(count),
            oi=columns.oi.reshape(count),
            vendor_iv=np.full(count, np.nan),
            underlying_ltp=self._index_close,
            vix=self._vix,
        )
        return shot, most.reshape(count)

    def _held_strikes(self) -> dict[date, set[int]]:
        held: dict[date, set[int]] = {}
        for position in self._attention.held:
            held.setdefault(position.contract.expiry, set()).add(position.contract.strike)
        return held

    # Standard deviations out of the money by India VIX, of the call and the put of each row.
    def _depth(self, columns: _Columns) -> FloatArray:
        left_s = [
            (datetime.combine(expiry, self._closes.timetz()) - self._seen_at).total_seconds()
            for expiry in self._shown.expiries
        ]
        years = np.repeat(np.array(left_s) / YEAR_S, columns.strikes)
        deviation = self._vix / PERCENT * np.sqrt(years)
        call = np.log(columns.strike / self._index_close) / deviation
        return np.stack((call, -call), axis=-1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Shown:
    # Expiries that the rules list, with their `places` among the file's.
    expiries: tuple[date, ...]
    places: tuple[int, ...]
    lots: IntArray
    liquidity: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    # A strike a row, the call and the put beside each other; `strikes` of each expiry in order.
    strikes: IntArray
    strike: IntArray
    close: FloatArray  # nan: without a price
    last: FloatArray
    contracts: IntArray
    oi: IntArray


def _shown(day: ClosingDay, near: NearListing) -> _Shown:
    places = [_place(day, one) for one in near.expiries]
    quoted = set(day.expiry[_is_quoted(day)].tolist())
    found = [place for place in places if place is not None]
    for one, place in zip(near.expiries, places, strict=True):
        if place is None:
            raise DataError(
                f"the bhavcopy of {day.day.isoformat()} has nothing of the expiry {one.day.isoformat()}",
                hint="fetch the file again; or config/contracts.toml should say when that expiry was moved",
            )
    if not quoted.intersection(found):
        told = ", ".join(one.day.isoformat() for one in near.expiries)
        raise DataError(
            f"the bhavcopy of {day.day.isoformat()} has too few trades to quote any of {told}",
            hint="fetch the file again",
        )
    for row, place in enumerate(found):
        lots = set(day.lot_size[day.expiry == place].tolist()) - {0}
        if other := lots - {int(near.lots[row])}:
            raise DataError(
                f"the bhavcopy of {day.day.isoformat()} has lots of {min(other)} for "
                f"{near.expiries[row].day.isoformat()}, the rules {near.lots[row]}",
                hint="config/contracts.toml should say the lot of that expiry",
            )
    return _Shown(
        expiries=tuple(one.day for one in near.expiries),
        places=tuple(found),
        lots=near.lots,
        liquidity=near.liquidity,
    )


def _require_same_index(day: ClosingDay, index_close: float) -> None:
    told = day.index_close
    if told is not None and abs(told - index_close) > INDEX_TOLERANCE:
        raise DataError(
            f"the bhavcopy of {day.day.isoformat()} has the index at {told}, the history {index_close}",
            hint="one of them is of another day, or of another index",
        )


def _place(day: ClosingDay, listed: ListedExpiry) -> int | None:
    # As the rules have it, or on another day of that week: a holiday told late.
    if listed.day in day.expiries:
        return day.expiries.index(listed.day)
    week = listed.day.isocalendar()[:2]
    same = [place for place, one in enumerate(day.expiries) if one.isocalendar()[:2] == week]
    return same[0] if len(same) == 1 else None


def _is_quoted(day: ClosingDay) -> BoolArray:
    return np.asarray(np.floor(day.contracts * VOLUME_SHARE) >= 1.0)


def _columns(day: ClosingDay, shown: _Shown, held: Mapping[date, set[int]]) -> _Columns:
    parts = [
        _part(day, place, held.get(expiry, set()))
        for expiry, place in zip(shown.expiries, shown.places, strict=True)
    ]
    return _Columns(
        strikes=np.array([len(part["strike"]) for part in parts], dtype=np.int64),
        **{name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
    )


def _part(day: ClosingDay, place: int, held: Collection[int]) -> dict[str, Any]:
    rows = np.flatnonzero(day.expiry == place)
    always = np.array(sorted(held), dtype=np.int64)
    kept = np.unique(np.concatenate((day.strike[rows][_is_quoted(day)[rows]], always)))
    at = np.searchsorted(kept, day.strike[rows])
    is_kept = (at < len(kept)) & (kept[np.minimum(at, len(kept) - 1)] == day.strike[rows])
    rows, at = rows[is_kept], at[is_kept]
    is_priced = _is_quoted(day)[rows] | (np.isin(day.strike[rows], always) & (day.contracts[rows] > 0))
    side = np.where(day.is_call[rows], 0, 1)
    last, close = np.full((2, len(kept), 2), np.nan)
    contracts, oi = np.zeros((2, len(kept), 2), dtype=np.int64)
    last[at, side] = day.close[rows]
    close[at, side] = np.where(is_priced, day.close[rows], np.nan)
    contracts[at, side], oi[at, side] = day.contracts[rows], day.oi[rows]
    return {"strike": kept, "close": close, "last": last, "contracts": contracts, "oi": oi}


def _digest(day: ClosingDay, index_close: float, vix: float) -> str:
    digest = hashlib.blake2b(
        repr((day.day, day.expiries, index_close, vix)).encode(), digest_size=DIGEST_BYTES
    )
    for column in (day.expiry, day.strike, day.is_call, day.close, day.contracts, day.oi, day.lot_size):
        digest.update(column.tobytes())
    return digest.hexdigest()
