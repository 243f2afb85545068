"""Traded condors as arrays: four real prices at entry and four an hour later, with what was known that day.

India VIX is known only after each close in daily history: the figure of the session before is used, and the
model moves it by what the index did since. The index comes from the legs' own spot column. The publisher's
prices are closes of one-minute bars, last trades, so that two legs of a condor may be up to a minute apart.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np

from volguard.adapters.volatility_files import LegMoment, read_legs
from volguard.backtest.chain_model import MarketState
from volguard.backtest.known_state import Known, KnownDays
from volguard.backtest.variance_clock import TimeLeft, VarianceClock
from volguard.model.errors import DataError
from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.pricing.implied_vol import implied_vol
from volguard.volatility.leg_iv import TradedLeg

LEGS: Final = ("p_m3", "p_m1", "c_p1", "c_p3")
SIGNS: Final = np.array([-1.0, 1.0, 1.0, -1.0])  # the inner legs are sold, the outer ones bought


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CondorPrices:
    """All condors at one moment of their day: state, `left`, `forward` and `discount` (days, 1), the rest
    (days, 4) in the order of LEGS; prices in points, `sigma` implied by them, nan where they hold none."""

    state: MarketState
    left: TimeLeft
    forward: FloatArray
    discount: FloatArray
    strike: FloatArray
    is_call: BoolArray
    price: FloatArray
    sigma: FloatArray

    @property
    def credit(self) -> FloatArray:
        """What selling the condor brought, points, shape (days,)."""
        return np.asarray(self.price @ SIGNS)

    def take(self, rows: BoolArray) -> CondorPrices:
        """The given days."""
        return CondorPrices(
            state=self.state.take(rows),
            left=self.left.take(rows),
            forward=self.forward[rows],
            discount=self.discount[rows],
            strike=self.strike[rows],
            is_call=self.is_call[rows],
            price=self.price[rows],
            sigma=self.sigma[rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Condors:
    """Condors by day; `left_out` are days that could not be used, and why."""

    days: tuple[date, ...]
    entry: CondorPrices
    exit: CondorPrices
    left_out: tuple[str, ...]

    @property
    def years(self) -> IntArray:
        """Calendar year of each day, shape (days,)."""
        return np.array([day.year for day in self.days], dtype=np.int64)

    @property
    def days_to_expiry(self) -> IntArray:
        """Calendar days from each day to its expiry, shape (days,)."""
        left = self.entry.left
        return (left.sessions + left.closed_days)[:, 0].astype(np.int64)

    def take(self, rows: BoolArray) -> Condors:
        """The given days."""
        days = tuple(day for day, kept in zip(self.days, rows.tolist(), strict=True) if kept)
        return Condors(
            days=days, entry=self.entry.take(rows), exit=self.exit.take(rows), left_out=self.left_out
        )


def read_condors(
    path: Path, *, known: KnownDays, clock: VarianceClock, carry: Callable[[date], float]
) -> Condors:
    """Condors of a file of traded legs (see `adapters.volatility_files`), one a day, four lines each.

    `carry` is the growth of the forward over the index, continuous per year. Raises DataError for a file
    that cannot be read or whose lines are not whole condors.
    """
    legs = {moment: _read(path, moment, clock) for moment in LegMoment}
    entries = _by_day(path, legs[LegMoment.ENTRY])
    exits = _by_day(path, legs[LegMoment.EXIT])
    usable: dict[date, Known] = {}
    left_out = []
    for day in entries:
        try:
            usable[day] = known.before(day)
        except DataError as error:
            left_out.append(f"{day}: {error.message}")
    if not usable:
        raise DataError(f"{path}: no day has the history it needs", hint="give history of the same years")
    return Condors(
        days=tuple(usable),
        entry=_prices([entries[day] for day in usable], list(usable.values()), clock, carry),
        exit=_prices([exits[day] for day in usable], list(usable.values()), clock, carry),
        left_out=tuple(left_out),
    )


def _read(path: Path, moment: LegMoment, clock: VarianceClock) -> tuple[TradedLeg, ...]:
    return read_legs(path, vix={}, expiry_close=clock.close, moment=moment)


def _by_day(path: Path, legs: Sequence[TradedLeg]) -> dict[date, tuple[TradedLeg, ...]]:
    days: dict[date, list[TradedLeg]] = {}
    for leg in legs:
        days.setdefault(leg.ts.date(), []).append(leg)
    for day, found in days.items():
        found.sort(key=lambda leg: leg.strike)
        if tuple(leg.name for leg in found) != LEGS or len({leg.ts for leg in found}) != 1:
            raise DataError(
                f"{path}: {day} had the legs {', '.join(leg.name for leg in found)}",
                hint=f"a condor has {', '.join(LEGS)}, traded at one time",
            )
    return {day: tuple(days[day]) for day in sorted(days)}


def _prices(
    condors: Sequence[tuple[TradedLeg, ...]],
    known: Sequence[Known],
    clock: VarianceClock,
    carry: Callable[[date], float],
) -> CondorPrices:
    left = clock.lefts([legs[0].ts for legs in condors], [[legs[0].expiry_close.date()] for legs in condors])
    level = np.array([[legs[0].spot] for legs in condors])
    growth = np.exp(np.array([[carry(legs[0].ts.date())] for legs in condors]) * left.years)
    strike, value = (
        np.array([[getattr(leg, name) for leg in legs] for legs in condors]) for name in ("strike", "price")
    )
    is_call = np.array([[leg.is_call for leg in legs] for legs in condors])
    forward, discount = level * growth, 1.0 / growth
    return CondorPrices(
        state=MarketState(
            level=level,
            vix=np.array([[one.vix] for one in known]),
            vix_level=np.array([[one.level] for one in known]),
            range_volatility=np.array([[one.range_volatility] for one in known]),
        ),
        left=left,
        forward=forward,
        discount=discount,
        strike=strike,
        is_call=is_call,
        price=value,
        sigma=implied_vol(value, forward, strike, left.years, is_call, discount).sigma,
    )
