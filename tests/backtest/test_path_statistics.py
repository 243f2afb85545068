"""Figures of records, many at once, against plain Python and scipy."""

from __future__ import annotations

import math
import statistics as plain
from datetime import date

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.backtest.curves import curve_making, some_returns, weekdays
from volguard.backtest.curve import curve_of_returns
from volguard.backtest.path_statistics import Conventions, Statistic, path_statistics
from volguard.model.errors import UsageError

YEAR = Conventions()


def figures(returns: list[float], conventions: Conventions = YEAR) -> dict[Statistic, float]:
    made = curve_making(returns)
    found = path_statistics(np.array([returns]), made.week_starts, conventions)
    return {name: float(found[name][0]) for name in Statistic}


def test_a_small_record_by_hand() -> None:
    """Four sessions, worked out on paper."""
    found = figures([0.10, -0.05, 0.02, -0.03])
    total = 1.10 * 0.95 * 1.02 * 0.97 - 1.0
    assert found[Statistic.TOTAL_RETURN] == pytest.approx(total)
    assert found[Statistic.CAGR] == pytest.approx((1.0 + total) ** 63 - 1.0)
    deviation = math.sqrt((0.09**2 + 0.06**2 + 0.01**2 + 0.04**2) / 3)
    assert found[Statistic.VOLATILITY] == pytest.approx(deviation * math.sqrt(252))
    assert found[Statistic.SHARPE] == pytest.approx(0.01 / deviation * math.sqrt(252))
    downside = math.sqrt((0.05**2 + 0.03**2) / 4)
    assert found[Statistic.SORTINO] == pytest.approx(0.01 / downside * math.sqrt(252))
    assert found[Statistic.MAX_DRAWDOWN] == pytest.approx(0.95 * 1.02 * 0.97 - 1.0)
    assert found[Statistic.CALMAR] == pytest.approx(found[Statistic.CAGR] / (1.0 - 0.95 * 1.02 * 0.97))
    assert found[Statistic.DRAWDOWN_SESSIONS] == 3
    assert (found[Statistic.WORST_DAY], found[Statistic.BEST_DAY]) == (-0.05, 0.10)
    assert found[Statistic.WORST_WEEK] == pytest.approx(total)  # all four days are of one week


@given(some_returns(least=4))
def test_moments_are_those_of_plain_python_and_scipy(returns: list[float]) -> None:
    """Mean and deviation by the standard library, adjusted skew and kurtosis by scipy."""
    assume(max(returns) - min(returns) > 1e-4)
    found = figures(returns)
    deviation = plain.stdev(returns)
    assert found[Statistic.VOLATILITY] == pytest.approx(deviation * math.sqrt(252), rel=1e-9)
    assert found[Statistic.SHARPE] == pytest.approx(
        plain.fmean(returns) / deviation * math.sqrt(252), rel=1e-7, abs=1e-9
    )
    skew, kurtosis = scipy.stats.skew(returns, bias=False), scipy.stats.kurtosis(returns, bias=False)
    assert found[Statistic.SKEW] == pytest.approx(skew, rel=1e-6, abs=1e-6)
    assert found[Statistic.KURTOSIS] == pytest.approx(kurtosis, rel=1e-6, abs=1e-6)


@given(st.lists(st.integers(-200, 200), min_size=100, max_size=400, unique=True))
def test_cvar_is_the_mean_of_what_is_at_or_below_the_quantile(thousandths: list[int]) -> None:
    """Without equal returns at the quantile the tail is simply all that lies at or below it."""
    returns = pd.Series(thousandths) / 1000.0
    found = figures(list(returns))
    for statistic, share in ((Statistic.CVAR_95, 0.05), (Statistic.CVAR_99, 0.01)):
        quantile = returns.quantile(share)
        assert found[statistic] == pytest.approx(returns[returns <= quantile + 1e-12].mean(), abs=1e-12)


def test_flat_sessions_do_not_fill_the_tail() -> None:
    """Of a hundred sessions two lost and the rest were flat: five make the tail, not all that are flat."""
    found = figures([-0.10, -0.05, *[0.0] * 98])
    assert found[Statistic.CVAR_95] == pytest.approx(-0.15 / 5)


def test_a_tail_of_whole_sessions_keeps_its_last() -> None:
    """0.01 of 2900 is exactly 29: the quantile is a session, and it is in the tail."""
    returns = list(np.linspace(-0.05, 0.05, 2901))
    assert figures(returns)[Statistic.CVAR_99] == pytest.approx(float(np.mean(returns[:30])))


def test_a_week_is_compounded_over_its_sessions() -> None:
    """The worst week is that of Monday to Friday, not any five sessions."""
    returns = [0.0, 0.0, 0.0, -0.04, -0.04, -0.04, -0.04, 0.0, 0.0, 0.0, -0.05]
    assert figures(returns)[Statistic.WORST_WEEK] == pytest.approx(0.96**2 - 1.0)


@given(some_returns(least=10))
def test_weeks_are_those_of_a_calendar(returns: list[float]) -> None:
    """The worst week is the worst of pandas' weeks that end on Sunday, across the end of a year too."""
    days = weekdays(len(returns), date(2024, 12, 19))
    made = curve_of_returns(days, returns)
    found = path_statistics(np.array([returns]), made.week_starts, YEAR)[Statistic.WORST_WEEK][0]
    weeks = pd.Series(returns, index=pd.DatetimeIndex(days)).add(1.0).resample("W-SUN").prod() - 1.0
    assert found == pytest.approx(weeks.min(), abs=1e-12)


@given(some_returns())
def test_the_longest_run_below_the_peak_is_counted(returns: list[float]) -> None:
    """Sessions since the last peak, at most."""
    wealth = curve_making(returns).wealth
    longest = run = 0
    for row in range(1, len(wealth)):
        run = run + 1 if wealth[row] < max(wealth[:row]) * (1.0 - 1e-12) else 0
        longest = max(longest, run)
    assert figures(returns)[Statistic.DRAWDOWN_SESSIONS] == longest


def test_paths_are_measured_each_alone() -> None:
    """A path among others has the figures it has alone."""
    rng = np.random.default_rng(5)
    paths = rng.normal(0.0005, 0.01, (7, 130))
    starts = curve_making(list(paths[0])).week_starts
    together = path_statistics(paths, starts, YEAR)
    for row in range(len(paths)):
        alone = path_statistics(paths[row : row + 1], starts, YEAR)
        for name in Statistic:
            assert together[name][row] == pytest.approx(alone[name][0], rel=1e-12)


def test_a_still_record_has_no_ratio() -> None:
    """Without variation there is no Sharpe ratio, skew or kurtosis; without a fall no Sortino or Calmar."""
    for returns in ([0.0] * 30, [0.001] * 30):
        found = figures(returns)
        for name in (Statistic.SHARPE, Statistic.SKEW, Statistic.KURTOSIS):
            assert math.isnan(found[name])
        assert math.isnan(found[Statistic.CALMAR]) and math.isnan(found[Statistic.SORTINO])
        assert found[Statistic.VOLATILITY] == 0.0
        assert found[Statistic.MAX_DRAWDOWN] == 0.0 and found[Statistic.DRAWDOWN_SESSIONS] == 0.0
    assert figures([-0.001] * 30)[Statistic.SORTINO] == pytest.approx(-math.sqrt(252))


def test_the_risk_free_rate_is_taken_off_the_ratios_alone() -> None:
    """An account that makes the risk-free rate every session has earned nothing for its risk."""
    rate = 1.0 + 0.065
    session = rate ** (1.0 / 252.0) - 1.0
    returns = [session + step for step in (0.01, -0.01) * 20]
    found, bare = figures(returns, Conventions(risk_free=0.065)), figures(returns)
    assert found[Statistic.SHARPE] == pytest.approx(0.0, abs=1e-9)
    assert found[Statistic.SORTINO] == pytest.approx(0.0, abs=1e-9)
    assert found[Statistic.CAGR] == bare[Statistic.CAGR]
    assert found[Statistic.VOLATILITY] == bare[Statistic.VOLATILITY]


def test_impossible_conventions_are_refused() -> None:
    """A year has sessions, a rate is above a total loss, a figure per year needs two sessions."""
    for change in ({"sessions_per_year": 0.0}, {"risk_free": -1.0}, {"sessions_min": 1}):
        with pytest.raises(UsageError):
            Conventions(**change)
