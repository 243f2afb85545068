"""How busy the record was: premium traded against the account, and sessions with something at risk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from volguard.backtest.bootstrap import Intervals, Resampling, intervals
from volguard.backtest.curve import EquityCurve
from volguard.backtest.figure import Figure, figure_or, not_available
from volguard.backtest.path_statistics import Conventions
from volguard.backtest.statistics import fault_of
from volguard.model.errors import UsageError
from volguard.model.market import BoolArray, FloatArray, IntArray


class ActivityStatistic(StrEnum):
    """Figures of what was done; `activity_statistics` defines each."""

    TURNOVER = "turnover"
    EXPOSURE = "exposure"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Activity:
    """What was done in each session of a curve: premium traded, units times price, bought and sold, rupees
    (n,); and whether a position was held at any moment of it (n,).
    """

    traded_inr: FloatArray
    held: BoolArray


def activity_statistics(
    curve: EquityCurve, activity: Activity, conventions: Conventions
) -> Mapping[ActivityStatistic, Figure]:
    """Turnover: premium traded in a year of sessions over the mean value of the account at the closes.
    Exposure: share of the sessions with a position. Raises UsageError on unequal lengths.
    """
    fault = _fault(curve, activity)
    if fault:
        return dict.fromkeys(ActivityStatistic, not_available(fault))
    values = _of_paths(curve, activity, conventions, np.arange(curve.sessions)[np.newaxis])
    return {name: figure_or(float(values[name][0]), "it is no finite number") for name in ActivityStatistic}


def activity_intervals(
    curve: EquityCurve, activity: Activity, conventions: Conventions, resampling: Resampling
) -> Intervals:
    """An interval of each; sessions are drawn with their returns, so that the account grows along."""
    figures = activity_statistics(curve, activity, conventions)
    return intervals(
        curve.returns,
        lambda rows: _of_paths(curve, activity, conventions, rows),
        {name: figure.reason for name, figure in figures.items()},
        resampling,
    )


def _fault(curve: EquityCurve, activity: Activity) -> str:
    for column in (activity.traded_inr, activity.held):
        if column.shape != (curve.sessions,):
            raise UsageError(f"{curve.sessions} sessions came with activity of shape {column.shape}")
    missing = int(np.sum(~np.isfinite(activity.traded_inr)))
    if missing:
        return f"the premium traded is missing in {missing} of {curve.sessions} sessions"
    return fault_of(curve)


def _of_paths(
    curve: EquityCurve, activity: Activity, conventions: Conventions, rows: IntArray
) -> Mapping[ActivityStatistic, FloatArray]:
    worth = curve.start * np.exp(np.cumsum(np.log1p(curve.returns)[rows], axis=1))
    traded = np.mean(activity.traded_inr[rows], axis=1)
    return {
        ActivityStatistic.TURNOVER: traded * conventions.sessions_per_year / np.mean(worth, axis=1),
        ActivityStatistic.EXPOSURE: np.mean(activity.held[rows], axis=1),
    }
