"""What the record of an account says: its figures with the days they fell on, and those it cannot give.

Definitions are those of `path_statistics`, which the bootstrap uses too; drawdowns with their days are those
of `drawdown`. A record with a missing value, or of an account that was worth nothing, gives no figure but a
reason; so does one too short for a figure.

The figures equal those of the library quantstats 0.0.86, which counts years in sessions too, but for these:
its CVaR is of a fitted normal distribution unless told "historical", and takes all returns equal to the
quantile into the tail; its weeks join the last days of December to the first week of the same year; its
ratios are infinite or 0 where there is nothing to divide by, and it skips missing returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.backtest.curve import EquityCurve
from volguard.backtest.drawdown import Drawdown, deepest, drawdowns, longest
from volguard.backtest.figure import Figure, figure_or, not_available
from volguard.backtest.path_statistics import Conventions, Statistic, path_statistics
from volguard.model.market import FloatArray

SESSIONS_MIN: Final[Mapping[Statistic, int]] = {
    Statistic.CVAR_95: 20,  # below it the tail holds less than one session
    Statistic.CVAR_99: 100,
    Statistic.SKEW: 3,
    Statistic.KURTOSIS: 4,
}
PER_YEAR: Final = (
    *(Statistic.CAGR, Statistic.VOLATILITY, Statistic.SHARPE),
    *(Statistic.SORTINO, Statistic.CALMAR),
)
WITHOUT_VALUE: Final[Mapping[Statistic, str]] = {
    Statistic.SHARPE: "the returns do not vary",
    Statistic.SORTINO: "no return was below the target",
    Statistic.CALMAR: "the account was never below its peak",
    Statistic.SKEW: "the returns do not vary",
    Statistic.KURTOSIS: "the returns do not vary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveStatistics:
    """Figures of a curve with their days; a day is None where its figure is not available.

    `worst_week` is the first session of that week; `deepest` and `longest` are None where there is no
    drawdown, or no record (`fault` says why).
    """

    sessions: int
    first_day: date | None
    last_day: date | None
    fault: str
    figures: Mapping[Statistic, Figure]
    worst_day: date | None = None
    best_day: date | None = None
    worst_week: date | None = None
    deepest: Drawdown | None = None
    longest: Drawdown | None = None


def curve_statistics(curve: EquityCurve, conventions: Conventions) -> CurveStatistics:
    """Every statistic of the curve, each a value or the reason why it has none."""
    fault = fault_of(curve)
    if fault:
        return CurveStatistics(
            sessions=curve.sessions,
            first_day=curve.days[0] if curve.days else None,
            last_day=curve.days[-1] if curve.days else None,
            fault=fault,
            figures=dict.fromkeys(Statistic, not_available(fault)),
        )
    returns, stretches = curve.returns, drawdowns(curve)
    values = path_statistics(returns[np.newaxis], curve.week_starts, conventions)
    deep, long = deepest(stretches), longest(stretches)
    figures = {name: _figure(name, float(values[name][0]), curve.sessions, conventions) for name in Statistic}
    return CurveStatistics(
        sessions=curve.sessions,
        first_day=curve.days[0],
        last_day=curve.days[-1],
        fault="",
        figures=figures,
        worst_day=curve.days[int(np.argmin(returns))],
        best_day=curve.days[int(np.argmax(returns))],
        worst_week=curve.days[curve.week_starts[int(np.argmin(_by_week(returns, curve.week_starts)))]],
        deepest=deep,
        longest=long,
    )


def fault_of(curve: EquityCurve) -> str:
    """Why no statistic can be made of the curve, or nothing."""
    return curve.fault or ("one session makes no record, at least 2 needed" if curve.sessions < 2 else "")


def by_month(curve: EquityCurve) -> Mapping[tuple[int, int], float]:
    """Compounded return of each calendar month, whole or not, by (year, month); nothing of a faulty curve."""
    if curve.fault:
        return {}
    months: dict[tuple[int, int], float] = {}
    for day, growth in zip(curve.days, np.log1p(curve.returns), strict=True):
        months[day.year, day.month] = months.get((day.year, day.month), 0.0) + float(growth)
    return {month: float(np.expm1(growth)) for month, growth in months.items()}


def _figure(name: Statistic, value: float, sessions: int, conventions: Conventions) -> Figure:
    needed = conventions.sessions_min if name in PER_YEAR else SESSIONS_MIN.get(name, 2)
    if sessions < needed:
        return not_available(f"{sessions} sessions, at least {needed} needed")
    return figure_or(value, WITHOUT_VALUE.get(name, "it is beyond what a number can hold"))


def _by_week(returns: FloatArray, week_starts: tuple[int, ...]) -> FloatArray:
    return np.asarray(np.add.reduceat(np.log1p(returns), list(week_starts)))
