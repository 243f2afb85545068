"""Sharpe ratios judged: the papers' own figures, and an independent computation to fifty digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.curves import curve_making
from volguard.backtest.deflated_sharpe import (
    SharpeRecord,
    deflated_sharpe,
    expected_max_sharpe,
    probabilistic_sharpe,
    sharpe_record,
)
from volguard.backtest.figure import Figure
from volguard.backtest.path_statistics import Conventions
from volguard.model.errors import UsageError

# Bailey & Lopez de Prado 2014, "A numerical example": five years of 250 sessions, a Sharpe ratio of 2.5 a
# year, skew -3 and kurtosis 10, a variance of 1/2 a year among the trials.
PAPER = SharpeRecord(sharpe=2.5 / math.sqrt(250), sessions=1250, skew=-3.0, kurtosis=10.0)
PAPER_VARIANCE = 0.5 / 250


def deflated(record: SharpeRecord, trials: int) -> float:
    return probabilistic_sharpe(record, expected_max_sharpe(trials, PAPER_VARIANCE))


def test_the_published_example_of_the_deflated_sharpe_ratio() -> None:
    """A hundred trials leave 0.1132 a session for luck and a probability of 0.9004."""
    assert round(expected_max_sharpe(100, PAPER_VARIANCE), 4) == 0.1132
    assert round(deflated(PAPER, 100), 4) == 0.9004


def test_the_published_number_of_trials_at_the_usual_level() -> None:
    """After 46 trials it would have been 0.9505; with normal returns as much after 88."""
    assert round(deflated(PAPER, 46), 4) == 0.9505
    normal = SharpeRecord(sharpe=PAPER.sharpe, sessions=1250, skew=0.0, kurtosis=3.0)
    assert round(deflated(normal, 88), 4) == 0.9505


def test_the_published_example_of_the_probabilistic_sharpe_ratio() -> None:
    """Two years of monthly returns, Sharpe ratio 0.458 a month: 0.982 if normal, 0.913 as they were.

    Bailey & Lopez de Prado 2012, section 5.
    """
    as_normal = SharpeRecord(sharpe=0.458, sessions=24, skew=0.0, kurtosis=3.0)
    as_was = SharpeRecord(sharpe=0.458, sessions=24, skew=-2.448, kurtosis=10.164)
    assert round(probabilistic_sharpe(as_normal, 0.0), 3) == 0.982
    assert round(probabilistic_sharpe(as_was, 0.0), 3) == 0.913


@given(
    sharpe=st.floats(-0.5, 0.5),
    benchmark=st.floats(-0.3, 0.3),
    sessions=st.integers(2, 5000),
    skew=st.floats(-4.0, 4.0),
    above=st.floats(0.1, 30.0),
)
def test_the_probability_to_fifty_digits(
    sharpe: float, benchmark: float, sessions: int, skew: float, above: float
) -> None:
    """The same by mpmath, far tails included; kurtosis is at least 1 + skew squared in any distribution."""
    kurtosis = 1.0 + skew * skew + above
    record = SharpeRecord(sharpe=sharpe, sessions=sessions, skew=skew, kurtosis=kurtosis)
    with mpmath.workdps(50):
        s = mpmath.mpf(sharpe)
        spread = mpmath.sqrt(1 - mpmath.mpf(skew) * s + (mpmath.mpf(kurtosis) - 1) / 4 * s * s)
        exact = float(mpmath.ncdf((s - mpmath.mpf(benchmark)) * mpmath.sqrt(sessions - 1) / spread))
    assert probabilistic_sharpe(record, benchmark) == pytest.approx(exact, rel=1e-9, abs=1e-300)


@pytest.mark.parametrize("trials", [2, 3, 10, 32, 100, 1000, 100_000])
def test_the_expected_maximum_by_scipy(trials: int) -> None:
    """The formula by scipy's quantiles exactly, and near the true mean of the largest of normal draws."""
    quantile = scipy.stats.norm.isf
    g = float(np.euler_gamma)
    formula = (1 - g) * quantile(1 / trials) + g * quantile(1 / (trials * math.e))
    assert expected_max_sharpe(trials, 4.0) == pytest.approx(2.0 * formula, rel=1e-9)
    true, _ = scipy.integrate.quad(
        lambda x: x * trials * scipy.stats.norm.pdf(x) * scipy.stats.norm.cdf(x) ** (trials - 1), -12.0, 12.0
    )
    assert expected_max_sharpe(trials, 1.0) == pytest.approx(true, abs=0.05)


@given(st.integers(2, 10_000), st.floats(1e-6, 1.0))
def test_more_trials_or_more_spread_leave_less(trials: int, variance: float) -> None:
    """Luck grows with every trial and with the spread among them."""
    assert expected_max_sharpe(trials + 1, variance) > expected_max_sharpe(trials, variance)
    assert expected_max_sharpe(trials, 2.0 * variance) > expected_max_sharpe(trials, variance)


def test_one_trial_has_no_luck_to_take_off() -> None:
    """A single setting is judged against zero."""
    assert expected_max_sharpe(1, 0.5) == 0.0
    found = deflated_sharpe(PAPER, [PAPER.sharpe])
    assert found.expected_max == Figure(0.0)
    assert found.deflated == found.probabilistic


def test_a_sweep_is_judged_by_its_own_spread() -> None:
    """N is the size of the sweep, V the variance of its Sharpe ratios with N - 1."""
    sweep = [0.02, -0.01, 0.05, PAPER.sharpe]
    found = deflated_sharpe(PAPER, sweep)
    best = expected_max_sharpe(4, float(np.var(sweep, ddof=1)))
    assert (found.expected_max.value, found.trials) == (pytest.approx(best), 4)
    assert found.deflated.value == pytest.approx(probabilistic_sharpe(PAPER, best))


def test_a_trial_without_a_figure_is_still_a_trial() -> None:
    """A setting that never traded was tried: it counts among the trials, not in the variance."""
    found = deflated_sharpe(PAPER, [0.02, None, 0.05, None])
    assert found.expected_max.value == pytest.approx(expected_max_sharpe(4, 0.00045))
    alone = deflated_sharpe(PAPER, [PAPER.sharpe, None])
    assert alone.expected_max.reason == "1 of 2 trials have a Sharpe ratio, at least 2 needed"
    assert alone.deflated.reason == alone.expected_max.reason
    assert alone.probabilistic.value is not None


def test_the_record_of_a_curve_is_per_session_with_full_kurtosis() -> None:
    """What is handed to the formulas is the session's Sharpe ratio, and 3 more than the excess kurtosis."""
    returns = list(np.random.default_rng(2).normal(0.001, 0.01, 300))
    record = sharpe_record(curve_making(returns), Conventions())
    assert isinstance(record, SharpeRecord)
    assert record.sharpe == pytest.approx(np.mean(returns) / np.std(returns, ddof=1))
    assert record.kurtosis == pytest.approx(scipy.stats.kurtosis(returns, bias=False) + 3.0)
    assert record.skew == pytest.approx(scipy.stats.skew(returns, bias=False))
    assert record.sessions == 300


def test_a_record_without_a_sharpe_ratio_is_not_judged() -> None:
    """The reason of the missing ratio is that of the missing judgement."""
    reason = sharpe_record(curve_making([0.0] * 30), Conventions())
    assert reason == "the returns do not vary"
    found = deflated_sharpe(reason, [0.02, 0.05])
    assert found.deflated == found.probabilistic == Figure(None, "the returns do not vary")
    assert found.expected_max.value is not None
    short = sharpe_record(curve_making([0.01, -0.01] * 5), Conventions())
    assert short == "10 sessions, at least 20 needed"


def test_moments_of_no_distribution_have_no_probability() -> None:
    """Where the variance of the estimate would not be above zero there is none."""
    odd = SharpeRecord(sharpe=1.0, sessions=100, skew=3.0, kurtosis=2.0)
    assert math.isnan(probabilistic_sharpe(odd, 0.0))
    assert deflated_sharpe(odd, [0.1, 0.2]).deflated.reason == "the moments are not those of a distribution"


def test_impossible_questions_are_refused() -> None:
    """A trial at least, no negative or missing variance, two sessions."""
    for trials, variance in ((0, 1.0), (5, -1.0), (5, math.nan)):
        with pytest.raises(UsageError):
            expected_max_sharpe(trials, variance)
    with pytest.raises(UsageError):
        probabilistic_sharpe(SharpeRecord(sharpe=0.1, sessions=1, skew=0.0, kurtosis=3.0), 0.0)
    with pytest.raises(UsageError):
        deflated_sharpe(PAPER, [])
