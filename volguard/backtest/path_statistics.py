"""The figures of a record of returns, for many records of the same sessions at once.

One definition serves the record itself (one row) and its bootstrap (a row a path). Returns r are simple
returns of a session, decimal; m paths, n sessions; N sessions a year (252); f the risk-free return of a
session, (1 + yearly)^(1/N) - 1; e = r - f. A figure that has no value is nan.

    total return       prod(1 + r) - 1
    cagr               (1 + total return)^(N / n) - 1: years are counted in sessions, not by the calendar
    volatility         s sqrt(N), s the standard deviation with n - 1
    sharpe             mean(e) / s sqrt(N)                       W. F. Sharpe, J. Portfolio Mgmt, fall 1994
    sortino            mean(e) / sqrt(sum(min(e, 0)^2) / n) sqrt(N): target f, all n sessions in the mean of
                       squares                                   Sortino & Price, J. of Investing, fall 1994
    max drawdown       lowest wealth over its running maximum, less one; the start counts as a peak
    drawdown sessions  longest run of sessions below the peak before them
    calmar             cagr / |max drawdown|, over the whole record (T. W. Young, Futures, Oct 1991, takes the
                       last 36 months)
    cvar 95, cvar 99   mean of the returns at or below the 5 % (1 %) quantile, which is interpolated between
                       order statistics (type 7 of Hyndman & Fan, Am. Statistician, 1996). Historical: no
                       normal tail is fitted to a seller's returns. Of equal returns at the quantile only
                       so many count as the tail holds. A loss is negative.
    worst, best day    lowest and highest r
    worst week         lowest compounded return of an ISO week, whole or not
    skew               adjusted Fisher-Pearson G1               Joanes & Gill, The Statistician, 1998, sect. 2
    kurtosis           adjusted excess kurtosis G2, 0 for a normal distribution                        (same)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.errors import UsageError
from volguard.model.market import FloatArray

STILL: Final = 1e-12  # returns that differ by less do so by the noise of floating point
SESSIONS_PER_YEAR: Final = 252.0


class Statistic(StrEnum):
    """Figures of a record of returns; the module defines each."""

    TOTAL_RETURN = "total_return"
    CAGR = "cagr"
    VOLATILITY = "volatility"
    SHARPE = "sharpe"
    SORTINO = "sortino"
    CALMAR = "calmar"
    MAX_DRAWDOWN = "max_drawdown"
    DRAWDOWN_SESSIONS = "drawdown_sessions"
    CVAR_95 = "cvar_95"
    CVAR_99 = "cvar_99"
    WORST_DAY = "worst_day"
    BEST_DAY = "best_day"
    WORST_WEEK = "worst_week"
    SKEW = "skew"
    KURTOSIS = "kurtosis"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conventions:
    """How a record is measured.

    sessions_per_year    by which a session's figure becomes a year's
    risk_free            decimal per year, compounded over the sessions of a year
    sessions_min         fewer sessions give no figure per year
    """

    sessions_per_year: float = SESSIONS_PER_YEAR
    risk_free: float = 0.0
    sessions_min: int = 20

    def __post_init__(self) -> None:
        if not (self.sessions_per_year > 0.0 and self.risk_free > -1.0 and self.sessions_min >= 2):
            raise UsageError(f"a record cannot be measured by {self}")

    @property
    def risk_free_per_session(self) -> float:
        """The same growth in a session, decimal."""
        return float((1.0 + self.risk_free) ** (1.0 / self.sessions_per_year) - 1.0)


def path_statistics(
    returns: FloatArray, week_starts: Sequence[int], conventions: Conventions
) -> Mapping[Statistic, FloatArray]:
    """Every statistic of each path: returns (m, n), n at least 2, each above -1; a statistic is (m,).

    `week_starts` are the columns at which a week begins, 0 the first.
    """
    yearly, n = conventions.sessions_per_year, returns.shape[1]
    growth = np.log1p(returns)
    total = np.sum(growth, axis=1)
    depth, sessions = _under_water(growth)
    with np.errstate(all="ignore"):
        cagr = np.expm1(total * (yearly / n))
        moments = _moments(returns)
        excess = moments.mean - conventions.risk_free_per_session
        short = np.minimum(returns - conventions.risk_free_per_session, 0.0)
        downside = np.sqrt(np.mean(short * short, axis=1))
        ordered = np.sort(returns, axis=1)
        return {
            Statistic.TOTAL_RETURN: np.expm1(total),
            Statistic.CAGR: cagr,
            Statistic.VOLATILITY: moments.deviation * np.sqrt(yearly),
            Statistic.SHARPE: _finite(excess / moments.deviation * np.sqrt(yearly)),
            Statistic.SORTINO: _finite(excess / downside * np.sqrt(yearly)),
            Statistic.CALMAR: _finite(cagr / -depth),
            Statistic.MAX_DRAWDOWN: depth,
            Statistic.DRAWDOWN_SESSIONS: sessions,
            Statistic.CVAR_95: _tail_mean(ordered, 0.05),
            Statistic.CVAR_99: _tail_mean(ordered, 0.01),
            Statistic.WORST_DAY: ordered[:, 0],
            Statistic.BEST_DAY: ordered[:, -1],
            Statistic.WORST_WEEK: np.expm1(np.add.reduceat(growth, list(week_starts), axis=1).min(axis=1)),
            Statistic.SKEW: moments.skew,
            Statistic.KURTOSIS: moments.kurtosis,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Moments:
    mean: FloatArray
    deviation: FloatArray
    skew: FloatArray
    kurtosis: FloatArray


def _moments(returns: FloatArray) -> _Moments:
    n = returns.shape[1]
    mean = np.mean(returns, axis=1)
    gap = returns - mean[:, np.newaxis]
    square = gap * gap
    second = np.mean(square, axis=1)
    is_still = np.ptp(returns, axis=1) <= STILL
    second = np.where(is_still, 0.0, second)
    skew = np.mean(square * gap, axis=1) / second**1.5
    kurtosis = np.mean(square * square, axis=1) / second**2 - 3.0
    blank = np.where(is_still, np.nan, 0.0)
    return _Moments(
        mean=mean,
        deviation=np.sqrt(second * (n / (n - 1))),
        skew=blank + (skew * np.sqrt(n * (n - 1)) / (n - 2) if n > 2 else np.nan),
        kurtosis=blank + ((n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6.0) if n > 3 else np.nan),
    )


def _under_water(growth: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Depth, and the longest run of sessions since a peak.
    m, n = growth.shape
    wealth = np.zeros((m, n + 1))
    np.cumsum(growth, axis=1, out=wealth[:, 1:])
    below = np.expm1(wealth - np.maximum.accumulate(wealth, axis=1))
    below[below >= -STILL] = 0.0
    at = np.arange(n + 1)
    peak = np.maximum.accumulate(np.where(below < 0.0, 0, at), axis=1)
    return below.min(axis=1), np.max(at - peak, axis=1).astype(np.float64)


def _tail_mean(ordered: FloatArray, share: float) -> FloatArray:
    # The quantile lies at this row or between it and the next, so the tail is the rows up to it.
    rows = int(share * (ordered.shape[1] - 1)) + 1
    return np.asarray(np.mean(ordered[:, :rows], axis=1))


def _finite(values: FloatArray) -> FloatArray:
    return np.where(np.isfinite(values), values, np.nan)
