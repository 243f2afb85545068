"""Is a Sharpe ratio more than luck? Its probability against a benchmark, and against the best of many trials.

After D. H. Bailey & M. Lopez de Prado, "The Sharpe ratio efficient frontier", J. of Risk, 2012, for the
probabilistic Sharpe ratio, and "The deflated Sharpe ratio", J. of Portfolio Management, 2014, eq. 1 and 2.
Two traps: all Sharpe ratios here are those of ONE SESSION, not of a year, and kurtosis is the full one, 3 for
a normal distribution.

    PSR(b) = Phi((S - b) sqrt(n - 1) / sqrt(1 - skew S + (kurtosis - 1) / 4 S^2))
    E[max] = sqrt(V) ((1 - g) z(1 - 1/N) + g z(1 - 1/(N e)))
    DSR    = PSR(E[max])

S the Sharpe ratio of n sessions, N trials of which none has an edge, V the variance of their Sharpe ratios,
g the Euler-Mascheroni constant, z the inverse of Phi. The trials count as independent: neighbouring settings
are not, so that N is too high and the DSR too low, on the safe side.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final

import numpy as np

from volguard.backtest.curve import EquityCurve
from volguard.backtest.figure import Figure, figure_or, not_available
from volguard.backtest.path_statistics import Conventions, Statistic
from volguard.backtest.statistics import curve_statistics
from volguard.model.errors import UsageError
from volguard.pricing.normal import cdf

NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class SharpeRecord:
    """A Sharpe ratio per session with what its error depends on; `kurtosis` is 3 for normal returns."""

    sharpe: float
    sessions: int
    skew: float
    kurtosis: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflatedSharpe:
    """The chosen trial of a sweep, judged. Sharpe ratios per session.

    probabilistic   probability that the true Sharpe ratio is above zero, as if it were the only trial
    expected_max    what the best of so many trials without an edge shows
    deflated        probability that the true Sharpe ratio is above `expected_max`
    trials          of the sweep, those without a Sharpe ratio too
    """

    probabilistic: Figure
    expected_max: Figure
    deflated: Figure
    trials: int


def sharpe_record(curve: EquityCurve, conventions: Conventions) -> SharpeRecord | str:
    """The record of a curve; or why it has none."""
    figures = curve_statistics(curve, conventions).figures
    sharpe, skew, excess = (figures[name] for name in (Statistic.SHARPE, Statistic.SKEW, Statistic.KURTOSIS))
    if sharpe.value is None or skew.value is None or excess.value is None:
        return sharpe.reason or skew.reason or excess.reason
    return SharpeRecord(
        sharpe=sharpe.value / math.sqrt(conventions.sessions_per_year),
        sessions=curve.sessions,
        skew=skew.value,
        kurtosis=excess.value + 3.0,
    )


def probabilistic_sharpe(record: SharpeRecord, benchmark: float) -> float:
    """Probability that the true Sharpe ratio per session is above the benchmark; nan where the moments
    cannot be those of one distribution. Raises UsageError below 2 sessions.
    """
    if record.sessions < 2:
        raise UsageError(f"{record.sessions} sessions, at least 2 needed")
    s = record.sharpe
    spread = 1.0 - record.skew * s + (record.kurtosis - 1.0) / 4.0 * s * s
    if not spread > 0.0:
        return math.nan
    return float(cdf((s - benchmark) * math.sqrt(record.sessions - 1) / math.sqrt(spread)))


def expected_max_sharpe(trials: int, variance: float) -> float:
    """What the best of so many trials shows without any edge; 0 for one trial. Raises UsageError below one
    trial or a negative variance.
    """
    if trials < 1 or not variance >= 0.0:
        raise UsageError(f"{trials} trials of variance {variance} have no best")
    if trials == 1:
        return 0.0
    first, second = (
        NORMAL.inv_cdf(1.0 - 1.0 / trials),
        NORMAL.inv_cdf(1.0 - 1.0 / (trials * math.e)),
    )
    return math.sqrt(variance) * ((1.0 - np.euler_gamma) * first + np.euler_gamma * second)


def deflated_sharpe(record: SharpeRecord | str, sweep: Sequence[float | None]) -> DeflatedSharpe:
    """Judge a record against its sweep: the Sharpe ratio per session of every trial, its own among them, None
    for one that has none. Variance is that of the known ones, with N - 1. Raises UsageError without a trial.
    """
    if not sweep:
        raise UsageError("a sweep has at least the trial that is judged")
    best = _expected_max(sweep)
    if isinstance(record, str):
        none = not_available(record)
        return DeflatedSharpe(probabilistic=none, expected_max=best, deflated=none, trials=len(sweep))
    reason = "the moments are not those of a distribution"
    return DeflatedSharpe(
        probabilistic=figure_or(probabilistic_sharpe(record, 0.0), reason),
        expected_max=best,
        deflated=(
            not_available(best.reason)
            if best.value is None
            else figure_or(probabilistic_sharpe(record, best.value), reason)
        ),
        trials=len(sweep),
    )


def _expected_max(sweep: Sequence[float | None]) -> Figure:
    if len(sweep) == 1:
        return Figure(0.0)
    known = [sharpe for sharpe in sweep if sharpe is not None]
    if len(known) < 2:
        return not_available(f"{len(known)} of {len(sweep)} trials have a Sharpe ratio, at least 2 needed")
    return Figure(expected_max_sharpe(len(sweep), float(np.var(known, ddof=1))))
