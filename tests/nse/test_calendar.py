"""Sessions and holidays: which days trade, at what hours, and for how many seconds."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.errors import DateNotCovered
from volguard.model.units import IST
from volguard.nse.calendar import Calendar, CalendarTables, Session, SessionKind

CHECKED = (date(2019, 1, 1), date(2026, 12, 31))


def at(day: date, hour: int, minute: int, second: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute, second), tzinfo=IST)


def hours(session: Session | None) -> list[tuple[str, str]]:
    assert session is not None
    return [(f"{start:%H:%M}", f"{end:%H:%M}") for start, end in session.windows]


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2019, 1, 1), "15:30"),
        (date(2026, 7, 31), "15:30"),
        (date(2026, 8, 3), "15:40"),
        (date(2026, 12, 31), "15:40"),
    ],
)
def test_options_close_at_half_past_three_and_ten_minutes_later_since_august_2026(
    day: date, close: str, calendar: Calendar
) -> None:
    session = calendar.session(day)
    assert hours(session) == [("09:15", close)]
    assert session is not None
    assert session.kind is SessionKind.REGULAR
    assert session.closing_auction_from == (at(day, 15, 15) if close == "15:40" else None)
    assert session.windows[0][0].utcoffset() == timedelta(hours=5, minutes=30)


@pytest.mark.parametrize("day", [date(2020, 2, 1), date(2024, 1, 20), date(2025, 2, 1), date(2026, 2, 1)])
def test_budget_and_full_weekend_sessions_are_ordinary_trading_days(day: date, calendar: Calendar) -> None:
    assert day.weekday() >= 5
    session = calendar.session(day)
    assert hours(session) == [("09:15", "15:30")]
    assert session is not None and session.kind is SessionKind.SPECIAL
    assert calendar.is_trading_day(day) and calendar.is_expiry_candidate(day)
    assert calendar.next_trading_day(day - timedelta(1)) == day


@pytest.mark.parametrize(
    ("day", "windows", "seconds"),
    [
        (date(2024, 3, 2), [("09:15", "10:00"), ("11:30", "12:30")], 6300),
        (date(2024, 5, 18), [("09:15", "10:00"), ("11:45", "12:40")], 6000),
        (date(2021, 2, 24), [("09:15", "11:40"), ("15:45", "17:00")], 13200),
    ],
)
def test_days_in_two_parts_count_only_the_hours_that_traded(
    day: date, windows: list[tuple[str, str]], seconds: float, calendar: Calendar
) -> None:
    session = calendar.session(day)
    assert hours(session) == windows
    assert session is not None and session.seconds == seconds
    assert calendar.open_seconds(at(day, 0, 0), at(day, 23, 59)) == seconds
    gap_start, gap_end = session.windows[0][1], session.windows[1][0]
    assert calendar.open_seconds(gap_start, gap_end) == 0.0


@pytest.mark.parametrize("day", [date(2020, 3, 13), date(2020, 3, 23)])
def test_a_circuit_breaker_halt_is_no_rule_of_the_calendar(day: date, calendar: Calendar) -> None:
    """The halts of March 2020 left the hours as scheduled; silence in the data is the feed's to report."""
    assert hours(calendar.session(day)) == [("09:15", "15:30")]


@pytest.mark.parametrize(
    ("day", "windows"),
    [
        (date(2019, 10, 27), [("18:15", "19:15")]),
        (date(2021, 11, 4), [("18:15", "19:15")]),
        (date(2024, 11, 1), [("18:00", "19:00")]),
        (date(2025, 10, 21), [("13:45", "14:45")]),
    ],
)
def test_a_muhurat_only_day_has_a_session_but_is_no_trading_day(
    day: date, windows: list[tuple[str, str]], calendar: Calendar
) -> None:
    session = calendar.session(day)
    assert hours(session) == windows
    assert session is not None and session.kind is SessionKind.MUHURAT
    assert not calendar.is_trading_day(day)
    assert not calendar.is_expiry_candidate(day)
    assert calendar.trading_days(day, day) == ()
    assert calendar.open_seconds(at(day, 0, 0), at(day, 23, 59)) == 0.0


def test_muhurat_hours_that_are_not_published_are_an_error(calendar: Calendar) -> None:
    day = date(2026, 11, 8)
    with pytest.raises(DateNotCovered, match=r"calendar\.special_session .*muhurat session on 2026-11-08"):
        calendar.session(day)
    assert not calendar.is_trading_day(day)
    assert calendar.open_seconds(at(date(2026, 11, 6), 15, 40), at(date(2026, 11, 9), 9, 15)) == 0.0


@pytest.mark.parametrize("day", [date(2026, 1, 15), date(2026, 11, 24), date(2026, 9, 19), date(2024, 1, 22)])
def test_holidays_and_weekends_have_no_session(day: date, calendar: Calendar) -> None:
    assert calendar.session(day) is None
    assert not calendar.is_trading_day(day)


@pytest.mark.parametrize("day", [date(2018, 12, 31), date(2027, 1, 1)])
def test_a_date_outside_the_calendar_is_refused_by_name(day: date, calendar: Calendar) -> None:
    inside = date(2022, 1, 3)
    for ask in (
        calendar.session,
        calendar.is_trading_day,
        calendar.is_expiry_candidate,
        calendar.previous_trading_day,
        calendar.next_trading_day,
        lambda day: calendar.trading_days(min(day, inside), max(day, inside)),
        lambda day: calendar.open_seconds(at(inside, 9, 15), at(day, 9, 15)),
    ):
        with pytest.raises(DateNotCovered, match=f"table calendar has no row on {day}"):
            ask(day)


def test_the_neighbours_of_a_day_skip_weekends_holidays_and_muhurat(calendar: Calendar) -> None:
    assert calendar.next_trading_day(date(2026, 9, 11)) == date(2026, 9, 15)  # weekend and Ganesh Chaturthi
    assert calendar.previous_trading_day(date(2026, 9, 15)) == date(2026, 9, 11)
    assert calendar.previous_trading_day(date(2025, 10, 23)) == date(2025, 10, 20)
    with pytest.raises(DateNotCovered, match="a trading day before on 2019-01-01"):
        calendar.previous_trading_day(date(2019, 1, 1))
    with pytest.raises(DateNotCovered, match="a trading day after on 2026-12-31"):
        calendar.next_trading_day(date(2026, 12, 31))


# Weekday sessions as published per year, less the weekday muhurat hours, and the weekend sessions.
@pytest.mark.parametrize(
    ("year", "weekday_sessions", "weekday_muhurat", "weekend"),
    [
        (2019, 244, 0, 0),
        (2020, 250, 0, 1),
        (2021, 248, 1, 0),
        (2022, 248, 1, 0),
        (2023, 245, 0, 0),
        (2024, 246, 1, 3),
        (2025, 248, 1, 1),
        (2026, 245, 0, 1),
    ],
)
def test_every_year_has_its_published_number_of_trading_days(
    year: int, weekday_sessions: int, weekday_muhurat: int, weekend: int, calendar: Calendar
) -> None:
    days = calendar.trading_days(date(year, 1, 1), date(year, 12, 31))
    assert len(days) == weekday_sessions - weekday_muhurat + weekend
    assert len([day for day in days if day.weekday() >= 5]) == weekend


def test_the_index_closed_on_exactly_these_days(calendar: Calendar, data_folder: Path) -> None:
    """Seven years of daily closes: every one has a session, and what the vendor lacks is named."""
    with gzip.open(data_folder / "nifty_daily.csv.gz", "rt") as file:
        closes = {date.fromisoformat(row["date"]) for row in csv.DictReader(file)}
    closes = {day for day in closes if day >= CHECKED[0]}
    trading = set(calendar.trading_days(CHECKED[0], date(2025, 12, 31)))
    muhurat = {date(2021, 11, 4), date(2022, 10, 24), date(2024, 11, 1), date(2025, 10, 21)}
    saturdays = {date(2020, 2, 1), date(2024, 1, 20), date(2024, 3, 2), date(2024, 5, 18)}
    vendor_gaps = {date(2019, 1, 1), date(2019, 2, 13), date(2019, 3, 29)}
    assert closes - trading == muhurat
    assert trading - closes == saturdays | vendor_gaps


def test_minute_bars_of_2024_lie_on_trading_days_and_in_session(
    calendar: Calendar, data_folder: Path
) -> None:
    bars = pd.read_parquet(data_folder / "nifty_1min_2024.parquet", columns=["ts"])
    by_day = bars.groupby(bars["ts"].dt.date)["ts"].agg(["min", "max"])
    assert tuple(by_day.index) == calendar.trading_days(date(2024, 1, 1), date(2024, 12, 31))
    two_parts = {date(2024, 3, 2), date(2024, 5, 18)}  # the vendor filled these Saturdays between the windows
    for day, first, last in by_day.itertuples():
        session = calendar.session(day)
        assert session is not None
        assert session.windows[0][0] <= first
        assert last < session.windows[-1][1] or day in two_parts


def test_a_whole_day_has_six_hours_and_a_quarter_and_ten_minutes_more_later(calendar: Calendar) -> None:
    for day, seconds in ((date(2025, 8, 29), 22500.0), (date(2026, 9, 16), 23100.0)):
        assert calendar.open_seconds(at(day, 0, 0), at(day, 23, 59)) == seconds
        assert calendar.open_seconds(at(day, 9, 15), at(day, 9, 15, 3)) == 3.0


def test_a_week_counts_its_sessions_and_nothing_between(calendar: Calendar) -> None:
    week = calendar.open_seconds(at(date(2026, 9, 11), 12, 0), at(date(2026, 9, 16), 12, 0))
    assert week == 23100.0 + 23100.0  # half of Friday, all of Tuesday, half of Wednesday


def test_instants_without_a_time_zone_are_refused(calendar: Calendar) -> None:
    naive = at(date(2026, 9, 16), 12, 0).replace(tzinfo=None)
    with pytest.raises(ValueError, match="has no time zone"):
        calendar.open_seconds(naive, at(date(2026, 9, 16), 13, 0))


INSTANTS = st.datetimes(datetime(2019, 1, 1), datetime(2026, 12, 31, 23, 59)).map(  # noqa: DTZ001
    lambda naive: naive.replace(tzinfo=IST)
)


@settings(derandomize=True, max_examples=200, deadline=None)
@given(a=INSTANTS, b=INSTANTS, c=INSTANTS)
def test_session_time_adds_up_and_never_exceeds_the_clock(
    a: datetime, b: datetime, c: datetime, calendar: Calendar
) -> None:
    a, b, c = sorted((a, b, c))
    whole = calendar.open_seconds(a, c)
    assert whole == pytest.approx(calendar.open_seconds(a, b) + calendar.open_seconds(b, c), abs=1e-6)
    assert 0.0 <= whole <= (c - a).total_seconds()
    assert calendar.open_seconds(c, a) == -whole


@settings(derandomize=True, max_examples=30, deadline=None)
@given(first=INSTANTS, days=st.integers(0, 20))
def test_session_seconds_equal_a_plain_sum_over_days(first: datetime, days: int, calendar: Calendar) -> None:
    last = min(first + timedelta(days=days), at(CHECKED[1], 23, 59))
    total, day = 0.0, first.date()
    while day <= last.date():
        session = calendar.session(day) if calendar.is_trading_day(day) else None
        for open_at, close_at in session.windows if session else ():
            total += max(0.0, (min(last, close_at) - max(first, open_at)).total_seconds())
        day += timedelta(1)
    assert calendar.open_seconds(first, max(first, last)) == pytest.approx(total, abs=1e-6)


def test_a_holiday_added_late_closes_the_day_and_must_be_counted(calendar_tables: CalendarTables) -> None:
    late = replace(calendar_tables.holiday[-1], day=date(2026, 12, 15), known_from=date(2026, 12, 11))
    rows = (*calendar_tables.holiday, late)
    with pytest.raises(ValueError, match="year 2026: rows give 244 weekday and 2 special sessions"):
        replace(calendar_tables, holiday=rows)
    years = (*calendar_tables.year[:-1], replace(calendar_tables.year[-1], weekday_sessions=244))
    calendar = Calendar(replace(calendar_tables, holiday=rows, year=years))
    assert calendar.session(date(2026, 12, 15)) is None
    assert calendar.is_expected_open(date(2026, 12, 15), date(2026, 12, 10))
    assert not calendar.is_expected_open(date(2026, 12, 15), date(2026, 12, 11))


def test_contradictory_rows_are_refused(calendar_tables: CalendarTables) -> None:
    holiday, special = calendar_tables.holiday, calendar_tables.special_session
    for change, message in (
        ({"holiday": (*holiday, holiday[0])}, "holiday 2019-03-04 is given twice"),
        ({"holiday": (replace(holiday[0], day=date(2019, 3, 9)), *holiday[1:])}, "falls on a weekend"),
        ({"holiday": (replace(holiday[0], day=date(2027, 3, 9)), *holiday[1:])}, "outside the calendar"),
        (
            {"special_session": (replace(special[0], day=holiday[0].day), *special[1:])},
            "has a special_session",
        ),
        ({"special_session": (*special, special[0])}, "special_session 2019-10-27 is given twice"),
        ({"checked_until": date(2026, 12, 30)}, "checked_until"),
    ):
        with pytest.raises(ValueError, match=message):
            replace(calendar_tables, **change)  # type: ignore[arg-type]
