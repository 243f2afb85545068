"""What is scheduled between two dates; what nobody listed is named, never counted as nothing."""

from __future__ import annotations

from datetime import date

import pytest

from tests.chains import shipped_events, shipped_rules
from volguard.volatility.event_calendar import EventRow, EventTables, KnownRow, crush_days, events_between
from volguard.volatility.events import Event, EventKind, score_events

K = EventKind
TABLES = shipped_events()
CALENDAR = shipped_rules().calendar


def test_a_week_with_a_decision_a_weekend_and_an_expiry() -> None:
    ahead = events_between(TABLES, CALENDAR, [date(2025, 9, 16)], date(2025, 9, 12), date(2025, 9, 18))
    assert [(event.day, event.kind) for event in ahead.events] == [
        (date(2025, 9, 15), K.WEEKEND),
        (date(2025, 9, 16), K.EXPIRY),
        (date(2025, 9, 18), K.FOMC),
    ]
    assert set(ahead.not_known) == {K.GLOBAL, K.RESULTS, K.DATA}
    score = score_events(ahead.events, date(2025, 9, 12), date(2025, 9, 18))
    parts = 2.5 * (1 - 6 / 7) + 1.3 * (1 - 3 / 7) + 1.2 * (1 - 4 / 7)
    assert score.score == pytest.approx(parts)
    assert score.size_multiplier == 0.3


def test_the_weekend_before_the_first_date_counts_on_it() -> None:
    ahead = events_between(TABLES, CALENDAR, (), date(2025, 9, 15), date(2025, 9, 15))
    assert ahead.events == (Event(day=date(2025, 9, 15), kind=K.WEEKEND, name="2 days without a session"),)


def test_dates_beyond_a_schedule_are_not_known() -> None:
    ahead = events_between(TABLES, CALENDAR, (), date(2026, 3, 30), date(2026, 4, 2))
    assert K.RBI in ahead.not_known and K.FOMC not in ahead.not_known


def test_a_decision_at_night_counts_on_the_next_indian_date() -> None:
    fomc = [row.day for row in TABLES.event if row.kind is K.FOMC]
    assert len(fomc) == 32
    assert date(2024, 9, 19) in fomc and date(2024, 9, 18) not in fomc


def test_a_crush_needs_a_strong_event_on_the_day_or_since_the_session_before() -> None:
    days = CALENDAR.trading_days(date(2025, 2, 4), date(2025, 2, 12))
    crush = crush_days(TABLES, days)
    assert [day for day, is_after in crush.items() if is_after] == [date(2025, 2, 7)]
    # The budget of 1 February 2026, a Sunday, was traded on that day.
    sunday = crush_days(TABLES, CALENDAR.trading_days(date(2026, 1, 30), date(2026, 2, 3)))
    assert sunday == {date(2026, 2, 1): True, date(2026, 2, 2): False, date(2026, 2, 3): False}


def test_of_days_that_nobody_listed_a_crush_is_not_known() -> None:
    assert crush_days(TABLES, [date(2012, 1, 2), date(2012, 1, 3)]) == {}
    assert crush_days(TABLES, CALENDAR.trading_days(date(2026, 4, 1), date(2026, 4, 10))) == {}


def row(day: date, kind: EventKind) -> EventRow:
    return EventRow(day=day, kind=kind, name="n", source="s", confidence="H")


KNOWN = KnownRow(kind=K.RBI, first=date(2025, 1, 1), last=date(2025, 12, 31), source="s")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ((row(date(2025, 2, 7), K.RBI), row(date(2025, 2, 7), K.RBI)), "rbi on 2025-02-07 twice"),
        ((row(date(2025, 2, 7), K.EXPIRY),), "of kind expiry, which is computed"),
        ((row(date(2026, 2, 6), K.RBI),), "2026-02-06 lies outside the dates known of rbi"),
    ],
)
def test_a_wrong_row_is_refused(rows: tuple[EventRow, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EventTables(known=(KNOWN,), event=rows)


def test_dates_in_the_wrong_order_are_refused() -> None:
    wrong = KnownRow(kind=K.RBI, first=date(2025, 1, 2), last=date(2025, 1, 1), source="s")
    with pytest.raises(ValueError, match="ended on 2025-01-01, before 2025-01-02"):
        EventTables(known=(wrong,), event=())
