"""A recorded day as flat columns: quotes of sampled snapshots with the parity forward of their expiry.

The forward and the discount are the recorded ones, so that what is measured against these quotes is the
volatility of a model and not its carry. There is no spot in the file: the index is the nearest expiry's
forward, discounted. Only quotes of both sides enter; of expiries within DAYS_MAX.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice, pairwise
from typing import Final

import numpy as np

from volguard.backtest.chain_model import MarketState
from volguard.backtest.known_state import Known
from volguard.backtest.variance_clock import TIME_FIELDS, TimeLeft, VarianceClock
from volguard.model.errors import DataError
from volguard.model.market import BoolArray, ChainSnapshot, FloatArray, IntArray
from volguard.ports import MarketData
from volguard.pricing.forward import imply_forwards
from volguard.pricing.implied_vol import implied_vol

DAYS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RecordedQuotes:
    """One quote of both sides a row, shape (quotes,): touches in points and units.

    `sigma` is implied by the mid, nan where it holds no volatility; `expiry` a position in `expiries`; `day`
    the trading date; `theta` the recorded at-the-money total variance of the quote's expiry at that time,
    nan where no quotes surround the forward.
    """

    day: date
    snapshots: int
    expiries: tuple[date, ...]
    expiry: IntArray
    state: MarketState
    left: TimeLeft
    forward: FloatArray
    discount: FloatArray
    strike: FloatArray
    is_call: BoolArray
    bid: FloatArray
    ask: FloatArray
    bid_qty: IntArray
    ask_qty: IntArray
    sigma: FloatArray
    theta: FloatArray

    @property
    def mid(self) -> FloatArray:
        """Half way between the touches, points."""
        return np.asarray(0.5 * (self.bid + self.ask))

    @property
    def spread(self) -> FloatArray:
        """Ask less bid, points."""
        return np.asarray(self.ask - self.bid)

    @property
    def log_moneyness(self) -> FloatArray:
        """ln(K/F)."""
        return np.asarray(np.log(self.strike / self.forward))

    @property
    def depth(self) -> FloatArray:
        """Recorded standard deviations out of the money, ln(K/F) / sqrt(theta) of a call; negative: in it."""
        z = self.log_moneyness / np.sqrt(self.theta)
        return np.where(self.is_call, z, -z)

    @property
    def is_out_of_the_money(self) -> BoolArray:
        """Calls at or above the forward, puts below it."""
        return np.asarray((self.strike >= self.forward) == self.is_call)


def read_recorded(
    market: MarketData, *, known: Known, clock: VarianceClock, every: int, first: int = 0
) -> RecordedQuotes:
    """Quotes of every n-th snapshot, beginning with number `first`. Raises DataError where none is usable."""
    shots = [shot for shot in islice(market.snapshots(), first, None, every)]
    parts = [part for shot in shots if isinstance(shot, ChainSnapshot) for part in _quotes(shot, clock)]
    if not parts:
        raise DataError(
            f"{market.info.label}: no expiry within {DAYS_MAX} days has a forward",
            hint="give a recorded chain with quotes of calls and puts",
        )
    expiries = tuple(sorted({part.expiry for part in parts}))
    return _joined(market.info.trading_date, len(shots), expiries, parts, known)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    # One expiry of one snapshot.
    expiry: date
    columns: dict[str, FloatArray]  # of the rows kept
    scalars: dict[str, float]  # the same for all of them


def _quotes(shot: ChainSnapshot, clock: VarianceClock) -> Iterator[_Part]:
    listing = shot.listing
    expiries = [day for day in listing.expiries if (day - shot.ts.date()).days <= DAYS_MAX]
    # nan for the far ones: they are neither priced nor asked of the calendar
    years = np.full(len(listing.expiries), np.nan)
    left = clock.left(shot.ts, expiries)
    years[: len(expiries)] = left.years
    forwards = imply_forwards(listing, shot.bid, shot.ask, years)
    usable = [i for i in range(len(expiries)) if forwards.is_known[i]]
    if not usable:
        return
    level = float(forwards.forward[usable[0]] * forwards.discount[usable[0]])
    both = shot.ask > shot.bid  # never so where a side is nan
    for i in usable:
        rows = np.flatnonzero(both & (listing.expiry_index == i))
        columns = {
            name: column[rows].astype(np.float64)
            for name, column in (
                ("strike", listing.strike),
                ("is_call", listing.is_call),
                ("bid", shot.bid),
                ("ask", shot.ask),
                ("bid_qty", shot.bid_qty),
                ("ask_qty", shot.ask_qty),
            )
        }
        scalars = {
            "forward": float(forwards.forward[i]),
            "discount": float(forwards.discount[i]),
            "level": level,
        }
        scalars |= {name: float(getattr(left, name)[i]) for name in TIME_FIELDS}
        yield _Part(expiry=expiries[i], columns=columns, scalars=scalars)


def _joined(
    day: date, snapshots: int, expiries: tuple[date, ...], parts: list[_Part], known: Known
) -> RecordedQuotes:
    counts = [len(part.columns["strike"]) for part in parts]

    def column(name: str) -> FloatArray:
        return np.concatenate([part.columns[name] for part in parts])

    def scalar(name: str) -> FloatArray:
        return np.repeat([part.scalars[name] for part in parts], counts)

    left = TimeLeft(**{name: scalar(name) for name in TIME_FIELDS})
    strike, is_call = column("strike"), column("is_call") > 0.0
    bid, ask, forward, discount = column("bid"), column("ask"), scalar("forward"), scalar("discount")
    sigma = implied_vol(0.5 * (bid + ask), forward, strike, left.years, is_call, discount).sigma
    starts = np.cumsum([0, *counts])
    theta = [
        _at_the_money(strike[a:b] / forward[a:b], is_call[a:b], sigma[a:b] ** 2 * left.years[a:b])
        for a, b in pairwise(starts.tolist())
    ]
    return RecordedQuotes(
        day=day,
        snapshots=snapshots,
        expiries=expiries,
        expiry=np.repeat([expiries.index(part.expiry) for part in parts], counts),
        state=known.state(scalar("level")),
        left=left,
        forward=forward,
        discount=discount,
        strike=strike,
        is_call=is_call,
        bid=bid,
        ask=ask,
        bid_qty=column("bid_qty").astype(np.int64),
        ask_qty=column("ask_qty").astype(np.int64),
        sigma=sigma,
        theta=np.repeat(theta, counts),
    )


# Between the nearest out-of-the-money quotes on both sides of the forward.
def _at_the_money(moneyness: FloatArray, is_call: BoolArray, w: FloatArray) -> float:
    puts = np.flatnonzero(~is_call & (moneyness < 1.0) & np.isfinite(w))
    calls = np.flatnonzero(is_call & (moneyness >= 1.0) & np.isfinite(w))
    if not (len(puts) and len(calls)):
        return math.nan
    put, call = puts[np.argmax(moneyness[puts])], calls[np.argmin(moneyness[calls])]
    return float(np.interp(1.0, moneyness[[put, call]], w[[put, call]]))
