"""The variance clock counts sessions, the rest of today, and closed days, by the exchange's calendar."""

from __future__ import annotations

from datetime import date, datetime

import numpy as np
import pytest

from tests.backtest.modelled import clock
from tests.chains import shipped_rules
from volguard.backtest.variance_clock import VarianceClock
from volguard.model.errors import DateNotCovered
from volguard.model.units import IST


def at(year: int, month: int, day: int, hour: int = 9, minute: int = 15) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=IST)


def test_a_friday_morning_to_the_tuesday_after() -> None:
    """Half a session is left at 12:22:30; two sessions and two closed days follow."""
    ts = datetime(2025, 9, 5, 12, 22, 30, tzinfo=IST)
    left = clock().left(ts, [date(2025, 9, 9), date(2025, 9, 5)])
    assert left.session_left.tolist() == [0.5, 0.5]
    assert left.sessions.tolist() == [2.0, 0.0]
    assert left.closed_days.tolist() == [2.0, 0.0]
    assert left.years[0] * 365.0 == pytest.approx(4.0 + 3.125 / 24.0)


def test_a_holiday_is_a_closed_day() -> None:
    """27 August 2025 was a holiday: of the two days to the 28th one is a session."""
    left = clock().left(at(2025, 8, 26, 15, 30), [date(2025, 8, 28)])
    assert (left.session_left[0], left.sessions[0], left.closed_days[0]) == (0.0, 1.0, 1.0)


def test_before_the_open_all_of_the_session_is_left_and_on_a_sunday_none() -> None:
    """The night before does not wear the session down; a day without a session has nothing left."""
    assert clock().left(at(2025, 9, 4, 7, 0), [date(2025, 9, 9)]).session_left[0] == 1.0
    sunday = clock().left(at(2025, 9, 7, 11, 0), [date(2025, 9, 9)])
    assert (sunday.session_left[0], sunday.sessions[0], sunday.closed_days[0]) == (0.0, 2.0, 0.0)


def test_the_ceremonial_hour_holds_no_variance() -> None:
    """On 1 November 2024 there was the muhurat hour alone: nothing of a session is left before it."""
    left = clock().left(at(2024, 11, 1, 12, 0), [date(2024, 11, 7)])
    assert (left.session_left[0], left.sessions[0], left.closed_days[0]) == (0.0, 4.0, 2.0)


def test_the_last_five_minutes_count_as_five() -> None:
    """At the close of the expiry day the same time is left as five minutes before, after it nan."""
    expiry = [date(2025, 9, 9)]
    end, before = (clock().left(at(2025, 9, 9, 15, minute), expiry) for minute in (30, 25))
    assert end.years[0] == before.years[0] == 300.0 / (365.0 * 86_400.0)
    assert end.session_left[0] == before.session_left[0] == 300.0 / 22_500.0
    assert np.isnan(clock().left(at(2025, 9, 9, 15, 31), expiry).years[0])


def test_the_windows_of_a_broken_session_are_counted() -> None:
    """On 24 February 2021 trading stopped from 11:40 to 15:45: within the pause 75 minutes were left."""
    session = shipped_rules().calendar.session(date(2021, 2, 24))
    assert session is not None
    left = clock().left(at(2021, 2, 24, 13, 0), [date(2021, 2, 25)])
    assert left.session_left[0] == pytest.approx(75.0 * 60.0 / session.seconds)


def test_an_expiry_that_a_late_holiday_closed_keeps_hours() -> None:
    """29 June 2023 was listed as an expiry and became a holiday: its contracts keep 15:30."""
    assert clock().close(date(2023, 6, 29)) == at(2023, 6, 29, 15, 30)
    left = clock().left(at(2023, 6, 27, 15, 30), [date(2023, 6, 29)])
    assert (left.sessions[0], left.closed_days[0]) == (1.0, 1.0)


def test_outside_its_days_it_refuses() -> None:
    """A date beyond the clock or the calendar is an error, never a guess."""
    short = VarianceClock(shipped_rules().calendar, date(2025, 1, 1), date(2025, 12, 31))
    with pytest.raises(DateNotCovered, match="variance clock on 2026-01-06"):
        short.left(at(2025, 12, 30), [date(2026, 1, 6)])
    with pytest.raises(DateNotCovered, match="2027"):
        clock().left(at(2026, 12, 30), [date(2027, 1, 5)])


def test_moments_are_rows() -> None:
    """Moments one above another."""
    both = clock().lefts([at(2025, 9, day) for day in (3, 4)], [[date(2025, 9, 9)]] * 2)
    assert both.sessions.tolist() == [[4.0], [3.0]]
    assert both.take(np.array([True, False])).sessions.tolist() == [[4.0]]
