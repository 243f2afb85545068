"""Drawdowns: depth, days and lengths, against a search of all pairs of values."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given

from tests.backtest.curves import curve, curve_making, some_returns, weekdays
from volguard.backtest.drawdown import Drawdown, deepest, drawdown_series, drawdowns, longest


def test_a_small_record_by_hand() -> None:
    """From a peak on Tuesday over a weekend to the next Tuesday, and a second one that has not ended."""
    found = drawdowns(curve([102.0, 110.0, 99.0, 88.0, 104.5, 100.0, 110.0, 121.0, 120.0]))
    assert found == (
        Drawdown(
            depth=88.0 / 110.0 - 1.0,
            peak_day=date(2024, 1, 2),
            first_day=date(2024, 1, 3),
            trough_day=date(2024, 1, 4),
            recovery_day=date(2024, 1, 9),
            sessions=4,
            days=6,
        ),
        Drawdown(
            depth=120.0 / 121.0 - 1.0,
            peak_day=date(2024, 1, 10),
            first_day=date(2024, 1, 11),
            trough_day=date(2024, 1, 11),
            recovery_day=None,
            sessions=1,
            days=1,
        ),
    )
    assert deepest(found) is found[0] and longest(found) is found[0]


def test_the_start_is_a_peak_too() -> None:
    """A record that loses from the first session on is under water from there, with no day of a peak."""
    (found,) = drawdowns(curve([90.0, 95.0], start=100.0))
    assert (found.peak_day, found.first_day, found.depth) == (None, date(2024, 1, 1), pytest.approx(-0.1))


def test_a_record_that_only_rises_or_rests_has_none() -> None:
    """At the peak is not below it."""
    assert drawdowns(curve([100.0, 101.0, 101.0])) == ()
    assert deepest(()) is None and longest(()) is None


def test_the_longest_need_not_be_the_deepest() -> None:
    """One short fall and one long rest a little below the peak."""
    found = drawdowns(curve([50.0, 100.0, 99.0, 99.0, 99.0, 101.0]))
    deep, long = deepest(found), longest(found)
    assert deep is not None and long is not None
    assert (deep.sessions, long.sessions) == (1, 3)


@given(some_returns())
def test_depth_is_the_worst_of_all_pairs(returns: list[float]) -> None:
    """No value over an earlier one is lower than the maximum drawdown, and one is as low."""
    made = curve_making(returns)
    wealth = made.wealth
    pairs = [wealth[j] / wealth[i] - 1.0 for i in range(len(wealth)) for j in range(i, len(wealth))]
    found = deepest(drawdowns(made))
    assert (found.depth if found else 0.0) == pytest.approx(min(pairs), abs=1e-15)


@given(some_returns())
def test_stretches_cover_the_sessions_below_the_peak_and_no_other(returns: list[float]) -> None:
    """Sessions of all stretches are those below the highest value before; the unit of money is no matter."""
    made = curve_making(returns)
    stretches = drawdowns(made)
    below = [worth < max(made.wealth[: row + 1]) for row, worth in enumerate(made.values)]
    assert sum(stretch.sessions for stretch in stretches) == sum(below)
    assert np.all(drawdown_series(made)[np.array(below)] < 0.0)
    days = weekdays(len(returns))
    for stretch in stretches:
        first = days.index(stretch.first_day)
        assert all(below[first : first + stretch.sessions])
        assert stretch.recovery_day == (
            days[first + stretch.sessions] if first + stretch.sessions < len(days) else None
        )
    bigger = curve([value * 4.0 for value in made.values], start=made.start * 4.0)
    assert drawdowns(bigger) == stretches
