"""A daily bar becomes a path through its four prices and no others, by one stated rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.backtest.daily_path import path_of_bar, sees_high_first
from volguard.model.errors import DataError
from volguard.model.market import DailyBar
from volguard.model.units import IST

DAY = date(2024, 6, 4)
OPENS, CLOSES = datetime(2024, 6, 4, 9, 15, tzinfo=IST), datetime(2024, 6, 4, 15, 30, tzinfo=IST)


def bar(*prices: float | None) -> DailyBar:
    first, high, low, last = prices
    assert last is not None
    return DailyBar(day=DAY, open=first, high=high, low=low, close=last)


def test_looks_at_the_turns_hold_the_four_prices() -> None:
    """In the order of the date, straight between them; the last look is before the close."""
    assert not sees_high_first(DAY)
    path = path_of_bar(bar(23_179.5, 23_338.7, 21_281.45, 21_884.5), OPENS, CLOSES, 7_500.0)
    assert [ts.strftime("%H:%M") for ts in path.times] == ["09:15", "11:20", "13:25"]
    assert path.level.tolist() == [23_179.5, 21_281.45, 23_338.7]
    path = path_of_bar(bar(100.0, 110.0, 94.0, 100.0), OPENS, CLOSES, 3_750.0)
    assert path.level.tolist() == pytest.approx([100.0, 97.0, 94.0, 102.0, 110.0, 105.0])


def test_a_day_that_sees_its_high_first_does() -> None:
    day = next(d for d in (date(2024, 6, n) for n in range(5, 30)) if sees_high_first(d))
    opens, closes = (ts.replace(day=day.day) for ts in (OPENS, CLOSES))
    path = path_of_bar(replace(bar(100.0, 110.0, 94.0, 104.0), day=day), opens, closes, 7_500.0)
    assert path.level.tolist() == [100.0, 110.0, 94.0]


def test_the_order_of_extremes_tells_nothing_of_the_close() -> None:
    """As often one as the other, whatever the day does: a strategy can learn nothing from it."""
    days = [date(2015, 1, 1) + timedelta(days=n) for n in range(4000)]
    assert 0.46 < sum(map(sees_high_first, days)) / len(days) < 0.54


def test_between_looks_the_index_is_where_the_path_is_not_on_a_line_to_the_next_look() -> None:
    """The turn at 11:20 lies between looks at 9:15 and 14:15: what comes after it does not bend what was."""
    path = path_of_bar(bar(100.0, 110.0, 94.0, 104.0), OPENS, CLOSES, 18_000.0)
    other = path_of_bar(bar(100.0, 130.0, 94.0, 104.0), OPENS, CLOSES, 18_000.0)
    at = OPENS.replace(hour=10, minute=17, second=30)
    assert path.level_at(at) == other.level_at(at) == pytest.approx(97.0)
    assert path.level_at(OPENS) == 100.0 and path.level_at(path.closes) == 104.0
    assert path.closes == CLOSES and path.level[1] != other.level[1]


@given(
    low=st.floats(1.0, 1e5),
    rises=st.lists(st.floats(0.0, 1e4), min_size=3, max_size=3),
    every_s=st.floats(60.0, 22_500.0),
)
def test_no_look_leaves_the_bar(low: float, rises: list[float], every_s: float) -> None:
    """Whatever the day: between low and high, from the open on, in ascending time, none at the close."""
    first, last = low + rises[0], low + rises[1]
    high = max(first, last) + rises[2]
    path = path_of_bar(bar(first, high, low, last), OPENS, CLOSES, every_s)
    assert path.level[0] == first and path.times[0] == OPENS and path.times[-1] < CLOSES
    assert (path.level >= low * (1 - 1e-12)).all() and (path.level <= high * (1 + 1e-12)).all()
    assert list(path.times) == sorted(set(path.times))


@pytest.mark.parametrize(
    ("prices", "says"),
    [
        ((None, 2.0, 1.0, 1.5), "has its close alone"),
        ((1.5, None, 1.0, 1.5), "has its close alone"),
        ((1.5, 2.0, None, 1.5), "has its close alone"),
        ((2.5, 2.0, 1.0, 1.5), "contradicts itself: open 2.5"),
        ((1.5, 2.0, 1.6, 1.5), "contradicts itself"),
        ((0.0, 2.0, 0.0, 1.5), "contradicts itself"),
        ((np.nan, 2.0, 1.0, 1.5), "contradicts itself"),
    ],
)
def test_a_bar_of_which_no_path_can_be_made_is_named(prices: tuple[float | None, ...], says: str) -> None:
    """Nothing is filled in: the error names the day and what it has."""
    with pytest.raises(DataError, match=says) as error:
        path_of_bar(bar(*prices), OPENS, CLOSES, 600.0)
    assert "2024-06-04" in str(error.value)


@pytest.mark.parametrize("every_s", [0.0, -1.0, 22_501.0])
def test_looks_that_make_no_day_are_refused(every_s: float) -> None:
    """At least one look, and time goes on."""
    with pytest.raises(ValueError, match="every_s was"):
        path_of_bar(bar(1.5, 2.0, 1.0, 1.5), OPENS, CLOSES, every_s)
