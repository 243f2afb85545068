"""What was known before a day is the last session's, and nothing is filled in."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from volguard.backtest.known_state import KnownDays
from volguard.model.errors import DataError
from volguard.model.market import DailyBar

MONDAY = date(2025, 9, 1)


def index(count: int = 8, *, unknown: int | None = None) -> list[DailyBar]:
    """Sessions from MONDAY on, a day each, closing 100 points higher; `unknown`: only its close is known."""
    bars = []
    for i in range(count):
        close = 25_000.0 + 100.0 * i
        ends = (close - 50.0, close + 60.0, close - 80.0) if i != unknown else (None, None, None)
        day = MONDAY + timedelta(days=i)
        bars.append(DailyBar(day=day, open=ends[0], high=ends[1], low=ends[2], close=close))
    return bars


def vix(count: int = 8) -> list[DailyBar]:
    return [
        DailyBar(day=MONDAY + timedelta(days=i), open=None, high=None, low=None, close=12.0 + i)
        for i in range(count)
    ]


def test_before_a_day_its_own_bar_is_unknown() -> None:
    """The figures are the session's before it, whether or not the day itself has a bar."""
    days = KnownDays(index(), vix())
    known = days.before(MONDAY + timedelta(days=6))
    assert known.day == MONDAY + timedelta(days=5)
    assert (known.vix, known.level) == (0.17, 25_500.0)
    assert days.before(MONDAY + timedelta(days=60)).day == MONDAY + timedelta(days=7)
    assert days.after_close(MONDAY + timedelta(days=6)).level == 25_600.0


def test_the_range_is_parkinsons_of_five_sessions() -> None:
    """Mean squared log range over 4 ln 2, for 252 sessions a year."""
    known = KnownDays(index(), vix()).before(MONDAY + timedelta(days=6))
    squares = [math.log(bar.high / bar.low) ** 2 for bar in index()[1:6] if bar.high and bar.low]
    assert known.range_volatility == pytest.approx(
        math.sqrt(252.0 * sum(squares) / 5.0 / (4.0 * math.log(2.0)))
    )


def test_the_future_changes_nothing() -> None:
    """Other bars from the day on leave what was known before it as it was."""
    day = MONDAY + timedelta(days=6)
    changed = [
        bar if bar.day < day else DailyBar(day=bar.day, open=1.0, high=9.0, low=1.0, close=2.0)
        for bar in index()
    ]
    spiked = [
        bar if bar.day < day else DailyBar(day=bar.day, open=None, high=None, low=None, close=99.0)
        for bar in vix()
    ]
    assert KnownDays(changed, spiked).before(day) == KnownDays(index(), vix()).before(day)


def test_a_state_has_the_shape_of_its_levels() -> None:
    """One known day serves many levels of the day."""
    state = KnownDays(index(), vix()).before(MONDAY + timedelta(days=6)).state(np.array([1.0, 2.0]))
    assert state.level.tolist() == [1.0, 2.0]
    assert state.vix.tolist() == [0.17, 0.17]
    assert state.vix_level.tolist() == [25_500.0, 25_500.0]


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (KnownDays(index(), vix(5)), "India VIX has no value of 2025-09-06"),
        (KnownDays(index(unknown=3), vix()), "within 5 sessions up to 2025-09-06"),
        (KnownDays(index()[6:], vix()), "no session before 2025-09-07"),
        (KnownDays(index()[3:], vix()), "within 5 sessions up to 2025-09-06"),
    ],
)
def test_a_missing_figure_is_named_and_never_filled(days: KnownDays, told: str) -> None:
    """No VIX of the session before, a range not known, no session at all: the day is refused."""
    with pytest.raises(DataError, match=told):
        days.before(MONDAY + timedelta(days=6))


def test_a_day_without_a_bar_has_no_close() -> None:
    """Asking after the close of a day that the history lacks is an error."""
    with pytest.raises(DataError, match="no bar of 2026-01-01"):
        KnownDays(index(), vix()).after_close(date(2026, 1, 1))
