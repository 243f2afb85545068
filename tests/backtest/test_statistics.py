"""Figures with their days, and reasons in place of figures that cannot be had."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.backtest.curves import curve, curve_making, some_returns, weekdays
from volguard.backtest.curve import curve_of_values
from volguard.backtest.figure import Figure, figure_or
from volguard.backtest.path_statistics import Conventions, Statistic
from volguard.backtest.statistics import by_month, curve_statistics

YEAR = Conventions()


def test_a_missing_value_leaves_no_figure() -> None:
    """One value that is not known makes every figure unknown, each with the reason; none is made up."""
    found = curve_statistics(curve([101.0, math.nan, 103.0] * 20), YEAR)
    assert {figure.value for figure in found.figures.values()} == {None}
    assert {figure.reason for figure in found.figures.values()} == {found.fault}
    assert "20 of 61 values missing, the first on 2024-01-02" in found.fault
    assert (found.deepest, found.worst_day, found.worst_week) == (None, None, None)
    assert (found.first_day, found.sessions) == (date(2024, 1, 1), 60)


def test_a_ruined_account_says_so() -> None:
    """From nothing no return can be told: the reason has the day and what was left."""
    found = curve_statistics(curve([90.0, 0.0, 10.0]), YEAR)
    assert found.figures[Statistic.CAGR].reason == "the account was worth 0.00 on 2024-01-02"


@pytest.mark.parametrize("values", [[], [101.0]])
def test_one_session_makes_no_record(values: list[float]) -> None:
    """Nothing is said of no session, or of one."""
    found = curve_statistics(curve(values), YEAR)
    assert found.fault in ("there is no session", "one session makes no record, at least 2 needed")
    assert all(figure.value is None for figure in found.figures.values())


def test_a_short_record_has_no_figures_per_year() -> None:
    """Nineteen sessions are not a year; what needs no year is there."""
    found = curve_statistics(curve_making([0.01, -0.01] * 9 + [0.02]), YEAR).figures
    for name in (Statistic.CAGR, Statistic.VOLATILITY, Statistic.SHARPE, Statistic.SORTINO, Statistic.CALMAR):
        assert found[name] == Figure(None, "19 sessions, at least 20 needed")
    assert found[Statistic.CVAR_95].reason == "19 sessions, at least 20 needed"
    assert found[Statistic.CVAR_99].reason == "19 sessions, at least 100 needed"
    assert found[Statistic.WORST_DAY].value == pytest.approx(-0.01)
    longer = curve_statistics(curve_making([0.01, -0.01] * 10), YEAR).figures
    assert longer[Statistic.CAGR].value is not None and longer[Statistic.CVAR_95].value is not None


def test_three_sessions_have_a_skew_and_no_kurtosis() -> None:
    """The adjusted moments need as many sessions as their order."""
    found = curve_statistics(curve_making([0.01, -0.02, 0.0]), YEAR).figures
    assert found[Statistic.SKEW].value is not None
    assert found[Statistic.KURTOSIS].reason == "3 sessions, at least 4 needed"


def test_a_still_account_has_reasons_for_its_ratios() -> None:
    """An account that never moved has no volatility to divide by, and says which."""
    found = curve_statistics(curve([100.0] * 30), YEAR).figures
    assert found[Statistic.VOLATILITY] == Figure(0.0)
    assert found[Statistic.SHARPE].reason == "the returns do not vary"
    assert found[Statistic.SORTINO].reason == "no return was below the target"
    assert found[Statistic.CALMAR].reason == "the account was never below its peak"
    assert found[Statistic.KURTOSIS].reason == "the returns do not vary"


def test_figures_know_their_days() -> None:
    """Worst and best day, and the first session of the worst week."""
    found = curve_statistics(curve_making([0.0, 0.03, 0.0, 0.0, -0.02, -0.01, -0.03, 0.0, 0.0, 0.0]), YEAR)
    assert (found.worst_day, found.best_day) == (date(2024, 1, 9), date(2024, 1, 2))
    assert found.worst_week == date(2024, 1, 8)


@given(some_returns(least=2, most=40), st.integers(-20, 40))
def test_the_unit_of_money_is_no_matter(returns: list[float], power: int) -> None:
    """The same account in paise, lakhs or dollars has the same figures."""
    made, scale = curve_making(returns), 2.0**power
    other = curve_of_values(made.days, made.values * scale, start=made.start * scale)
    assert curve_statistics(other, YEAR) == curve_statistics(made, YEAR)


@given(some_returns(least=30))
def test_losses_lie_in_order(returns: list[float]) -> None:
    """The worst day is no better than the tail beyond it, and no drawdown is milder than the worst day."""
    found = curve_statistics(curve_making(returns), YEAR)
    worst, tail = found.figures[Statistic.WORST_DAY].value, found.figures[Statistic.CVAR_95].value
    depth = found.figures[Statistic.MAX_DRAWDOWN].value
    assert worst is not None and tail is not None and depth is not None
    assert worst <= tail + 1e-12
    assert depth <= min(worst, 0.0) + 1e-12
    if found.deepest is not None:
        assert depth == pytest.approx(found.deepest.depth, abs=1e-12)


@given(some_returns(least=2))
def test_months_compound_to_the_total(returns: list[float]) -> None:
    """Every session is in one month, in order."""
    made = curve_making(returns)
    months = by_month(made)
    assert list(months) == sorted({(day.year, day.month) for day in weekdays(len(returns))})
    total = np.prod([1.0 + value for value in months.values()])
    assert total == pytest.approx(made.values[-1] / made.start, rel=1e-12)
    assert by_month(curve([math.nan, 1.0])) == {}


def test_a_figure_is_a_value_or_a_reason() -> None:
    """Neither both nor none, and never nan."""
    for value, reason in ((None, ""), (1.0, "too short"), (math.nan, ""), (math.inf, "")):
        with pytest.raises(ValueError, match="figure is"):
            Figure(value, reason)
    assert figure_or(math.nan, "too short") == Figure(None, "too short")
    assert figure_or(2.0, "too short") == Figure(2.0)
