"""A day of closing prices as a market: what is quoted, how much of it, what stays listed without a price."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from tests.backtest.modelled import shipped_tables
from tests.chains import NIFTY, shipped_rules
from volguard.adapters.bhavcopy_days import ClosingDay
from volguard.backtest.attention import Attention
from volguard.backtest.closing_market import ClosingMarket, seen_at
from volguard.backtest.near_listing import NearListings
from volguard.model.instrument import OptionContract, OptionType
from volguard.model.market import ChainSnapshot
from volguard.model.units import IST

DAY = date(2023, 6, 12)  # expiries on the 15th, the 22nd, the 29th
WEEK = date(2023, 6, 15)
NEXT = date(2023, 6, 22)
LEVEL, VIX = 18_600.0, 11.0
LOT = 50


class Holding(Attention):
    """Holds one put; looks are asked for until `looks` of them were given."""

    def __init__(self, contract: OptionContract | None = None, *, is_close: bool = False) -> None:
        super().__init__()
        self._contract, self._is_close = contract, is_close

    @property
    def held(self) -> tuple[object, ...]:  # type: ignore[override]
        return () if self._contract is None else (Held(self._contract),)

    @property
    def is_close(self) -> bool:
        return self._is_close


class Taken(Attention):
    """Two hundred puts of 18400 were traded on the day."""

    def filled_on(self, day: date) -> dict[OptionContract, int]:
        return {put(18_400): 200} if day == DAY else {}


class Held:
    def __init__(self, contract: OptionContract) -> None:
        self.contract = contract


def closing_day(expiry: date = WEEK, **columns: object) -> ClosingDay:
    """Call and put of 18000 to 19200, a hundred points apart: 100 rupees, 10,000 lots."""
    strikes = np.repeat(np.arange(18_000, 19_300, 100), 2)
    rows = len(strikes)
    day = ClosingDay(
        day=DAY,
        expiries=(expiry, NEXT),
        expiry=np.zeros(rows, dtype=np.int64),
        strike=strikes,
        is_call=np.tile([True, False], rows // 2),
        close=np.full(rows, 100.0),
        contracts=np.full(rows, 10_000),
        oi=np.full(rows, 500),
        lot_size=np.full(rows, LOT),
        index_close=LEVEL,
    )
    return replace(day, **columns)  # type: ignore[arg-type]


@cache
def listings() -> NearListings:
    return NearListings(
        shipped_rules().contracts, shipped_tables().spreads, underlying=NIFTY, expiries=2, monthly_days=0
    )


def market(day: ClosingDay, attention: Attention | None = None, level: float = LEVEL) -> ClosingMarket:
    session = shipped_rules().calendar.session(day.day)
    assert session is not None
    return ClosingMarket(
        day,
        listings().on(day.day),
        underlying=NIFTY,
        tick=Decimal("0.05"),
        seen_at=seen_at(session),
        closes=session.windows[-1][1],
        index_close=level,
        vix=VIX,
        attention=attention or Attention(),
    )


def look(day: ClosingDay, attention: Attention | None = None, level: float = LEVEL) -> ChainSnapshot:
    return next(iter(market(day, attention, level).snapshots()))


def put(strike: int) -> OptionContract:
    return OptionContract(underlying=NIFTY, expiry=WEEK, strike=strike, option_type=OptionType.PUT)


def row_of(shot: ChainSnapshot, strike: int) -> int:
    row = shot.listing.row(put(strike))
    assert row is not None
    return row


def test_it_is_looked_at_three_times_and_longer_while_something_is_under_way() -> None:
    times = [shot.ts for shot in market(closing_day()).snapshots()]
    first = datetime(2023, 6, 12, 14, 40, tzinfo=IST)
    assert times == [first + timedelta(seconds=seconds) for seconds in (0, 5, 10)]
    assert len(list(market(closing_day(), Holding(is_close=True)).snapshots())) == 24
    assert [shot.ts for shot in market(closing_day()).snapshots(after=times[1])] == times[2:]


def test_a_ceremonial_hour_is_looked_at_half_way() -> None:
    session = shipped_rules().calendar.session(date(2024, 5, 18))  # two short windows of a Saturday
    assert session is not None
    start, end = session.windows[-1]
    assert start < seen_at(session) < end


@pytest.mark.parametrize(
    ("day", "level", "strikes"), [(DAY, LEVEL, (18_000, 18_400)), (WEEK, 18_630.0, (18_500, 18_600))]
)
def test_the_spread_is_that_of_its_depth_and_never_inside_the_price(
    day: date, level: float, strikes: tuple[int, ...]
) -> None:
    """Depth by India VIX and the time from 14:40 to the close of the expiry, reckoned here by hand."""
    shot = look(closing_day(day=day, index_close=None), level=level)
    left = datetime(2023, 6, 15, 15, 30, tzinfo=IST) - shot.ts
    deviation = VIX / 100.0 * math.sqrt(left.total_seconds() / (365.0 * 86_400.0))
    terms = listings().on(day).liquidity[0].tolist()
    share, wing = terms[0], terms[1]
    for strike in strikes:
        depth = min(-math.log(strike / level) / deviation, 3.0)
        half = 0.5 * max(share * math.exp(wing * depth) * 100.0, 0.05)
        row = row_of(shot, strike)
        assert shot.bid[row] == pytest.approx(math.floor((100.0 - half) / 0.05 + 1e-6) * 0.05, abs=1e-9)
        assert shot.ask[row] == pytest.approx(math.ceil((100.0 + half) / 0.05 - 1e-6) * 0.05, abs=1e-9)
        assert shot.bid[row] < 100.0 < shot.ask[row]


def test_a_look_shows_a_hundredth_of_the_day_and_no_more_than_the_model() -> None:
    much, more = look(closing_day()), look(closing_day(contracts=np.full(26, 10_000_000)))
    few = look(closing_day(contracts=np.full(26, 299)))
    row = row_of(much, 18_400)
    assert few.bid_qty[row_of(few, 18_400)] == few.ask_qty[row_of(few, 18_400)] == 2 * LOT
    assert much.bid_qty[row] == 100 * LOT < more.bid_qty[row] < 100_000 * LOT
    assert much.volume[row] == 10_000 * LOT and much.oi[row] == 500


def test_what_was_hardly_traded_has_no_quote_beside_a_pair_that_has_one() -> None:
    """The put of 18400 with 99 lots: listed for its call's sake, without a price or a size."""
    contracts = np.full(26, 10_000)
    contracts[9] = 99
    shot = look(closing_day(contracts=contracts))
    row = row_of(shot, 18_400)
    assert np.isnan(shot.bid[row]) and np.isnan(shot.ask[row])
    assert shot.bid_qty[row] == shot.ask_qty[row] == 0
    assert shot.ltp[row] == 100.0  # it was traded once that day
    assert shot.bid[row - 1] > 0.0


def test_what_was_taken_on_the_day_is_not_there_again() -> None:
    """Of six lots four were traded; of two no more than two can be."""
    shot = look(closing_day(contracts=np.full(26, 699)), Taken())
    row = row_of(shot, 18_400)
    assert shot.bid_qty[row] == shot.ask_qty[row] == 2 * LOT
    assert shot.bid_qty[row - 1] == 6 * LOT
    assert look(closing_day(contracts=np.full(26, 299)), Taken()).ask_qty[row] == 0


def test_what_is_held_keeps_its_price_if_it_was_traded_at_all() -> None:
    contracts = np.full(26, 10_000)
    contracts[1] = 3
    shot = look(closing_day(contracts=contracts), Holding(put(18_000)))
    row = row_of(shot, 18_000)
    assert shot.bid[row] < 100.0 < shot.ask[row] and shot.bid_qty[row] == shot.ask_qty[row] == 0


def test_what_is_held_stays_listed() -> None:
    contracts = np.full(26, 10_000)
    contracts[:2] = 0
    day = closing_day(contracts=contracts)
    assert look(day).listing.row(put(18_000)) is None
    shot = look(day, Holding(put(18_000)))
    row = row_of(shot, 18_000)
    assert np.isnan(shot.ask[row]) and np.isnan(shot.ltp[row])


def test_a_week_s_expiry_that_the_file_has_on_another_day_is_shown_as_the_rules_have_it() -> None:
    shot = look(closing_day(expiry=date(2023, 6, 14)))
    assert shot.listing.expiries == (WEEK,)
