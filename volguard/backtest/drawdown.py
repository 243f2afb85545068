"""Times under water: how far below its own peak the account was, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.backtest.curve import EquityCurve
from volguard.model.market import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One stretch of sessions below the peak before it.

    depth         value at the trough over the peak, less one: -0.2 is a fifth lost
    peak_day      session of the peak; None where it is the start, before the first session
    first_day     first session below the peak
    trough_day    first session of the lowest value
    recovery_day  first session at or above the peak again; None where the record ends before it
    sessions      sessions below the peak
    days          calendar days from the first to the last session below the peak, both counted
    """

    depth: float
    peak_day: date | None
    first_day: date
    trough_day: date
    recovery_day: date | None
    sessions: int
    days: int


def drawdown_series(curve: EquityCurve) -> FloatArray:
    """Value over the highest value until then (the start among them) less one, (n,); nan from a missing
    value on. Never above 0.
    """
    wealth = curve.wealth
    return np.asarray(wealth / np.maximum.accumulate(wealth) - 1.0)[1:]


def drawdowns(curve: EquityCurve) -> tuple[Drawdown, ...]:
    """Every stretch under water, in order of time. The curve has to be without a missing value."""
    below = drawdown_series(curve) < 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([False], below, [False]))))
    return tuple(_stretch(curve, int(first), int(end)) for first, end in edges.reshape(-1, 2))


def deepest(stretches: tuple[Drawdown, ...]) -> Drawdown | None:
    """The maximum drawdown, the earlier of equals; None where the account was never under water."""
    return min(stretches, key=lambda stretch: stretch.depth, default=None)


def longest(stretches: tuple[Drawdown, ...]) -> Drawdown | None:
    """The one of most sessions, the earlier of equals; None where there is none."""
    return max(stretches, key=lambda stretch: stretch.sessions, default=None)


def _stretch(curve: EquityCurve, first: int, end: int) -> Drawdown:
    # Sessions first .. end - 1 are below the value of the session before them.
    peak = curve.wealth[first]
    trough = first + int(np.argmin(curve.values[first:end]))
    return Drawdown(
        depth=float(curve.values[trough] / peak - 1.0),
        peak_day=curve.days[first - 1] if first else None,
        first_day=curve.days[first],
        trough_day=curve.days[trough],
        recovery_day=curve.days[end] if end < curve.sessions else None,
        sessions=end - first,
        days=(curve.days[end - 1] - curve.days[first]).days + 1,
    )
