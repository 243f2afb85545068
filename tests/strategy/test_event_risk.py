"""Events make a new trade smaller and further out; what nobody listed is named, and never counted as none."""

from __future__ import annotations

from datetime import date

import pytest

from tests.chains import DAY, WEEKLY, shipped_events, shipped_rules
from tests.strategy.scenes import events_of
from volguard.strategy.event_risk import (
    NO_TABLE,
    EventRisk,
    class_a_next_session,
    event_horizon,
    events_ahead,
)
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.events import EventClass, EventKind

CALENDAR = shipped_rules().calendar
# Of the weekly trade itself: the weekend before Monday the 8th and the expiry on the 9th.
OWN = 1.3 * (1 - 5 / 7) + 1.2 * (1 - 6 / 7)


def ahead(tables: EventTables | None, today: date = DAY, until: date = WEEKLY) -> EventRisk:
    return events_ahead(tables, CALENDAR, (WEEKLY,), today, until)


@pytest.mark.parametrize(
    ("rows", "score", "multiplier", "highest"),
    [
        ((), OWN, 1.0, EventClass.C),
        (((date(2025, 9, 4), EventKind.RBI),), OWN + 2.0 * 6 / 7, 0.5, EventClass.B),
        (((date(2025, 9, 5), EventKind.FOMC),), OWN + 2.5 * 5 / 7, 0.3, EventClass.A),
        (
            ((date(2025, 9, 4), EventKind.RBI), (date(2025, 9, 5), EventKind.FOMC)),
            OWN + 2.0 * 6 / 7 + 2.5 * 5 / 7,
            0.3,
            EventClass.A,
        ),
        (((date(2025, 9, 10), EventKind.FOMC),), OWN, 1.0, EventClass.C),  # after the expiry
        (((date(2025, 9, 2), EventKind.FOMC),), OWN, 1.0, EventClass.C),  # over
    ],
)
def test_the_score_is_the_sum_of_the_impacts_and_the_smallest_multiplier_wins(
    rows: tuple[tuple[date, EventKind], ...], score: float, multiplier: float, highest: EventClass
) -> None:
    risk = ahead(events_of(*rows))
    assert risk.score is not None
    assert risk.score.score == pytest.approx(score)
    assert risk.size_multiplier == multiplier
    assert risk.figures["event_class"] == highest.value
    assert risk.missing == ""


def test_kinds_that_nobody_listed_are_named() -> None:
    figures = ahead(events_of((date(2025, 9, 5), EventKind.FOMC))).figures
    assert figures["event_kinds_not_known"] == "budget, global, results, data"
    assert figures["event_heaviest"] == "fomc 2025-09-05"


def test_without_a_table_nothing_is_claimed_and_the_figures_say_so() -> None:
    risk = ahead(None)
    assert (risk.score, risk.size_multiplier) == (None, 1.0)
    assert risk.figures == {"event_score": None, "event_multiplier": None, "events_missing": NO_TABLE}
    assert not risk.is_above(0.0)


def test_beyond_the_calendar_the_events_are_missing_by_its_word() -> None:
    risk = ahead(events_of(), date(2035, 1, 3), date(2035, 1, 9))
    assert risk.score is None
    assert "calendar" in risk.missing


def test_a_score_at_the_limit_is_not_above_it() -> None:
    risk = ahead(events_of((date(2025, 9, 4), EventKind.RBI)))
    seen = float(str(risk.figures["event_score"]))
    assert not risk.is_above(seen)
    assert risk.is_above(seen - 1e-6)


@pytest.mark.parametrize(("expiry", "last"), [(WEEKLY, WEEKLY), (date(2025, 9, 30), date(2025, 9, 10))])
def test_events_count_up_to_the_expiry_and_a_week_ahead(expiry: date, last: date) -> None:
    assert event_horizon(DAY, expiry, 7) == last


@pytest.mark.parametrize(
    ("today", "event"),
    [
        (date(2025, 9, 16), None),  # the decision is tradable on the 18th
        (date(2025, 9, 17), date(2025, 9, 18)),
        (date(2025, 9, 18), None),  # it has come
        (date(2025, 9, 30), None),  # the RBI on 1 October is of class B
        (date(2026, 1, 30), date(2026, 2, 1)),  # Friday before the budget on a Sunday with a session
    ],
)
def test_the_session_before_a_class_a_event_is_known(today: date, event: date | None) -> None:
    found = class_a_next_session(shipped_events(), CALENDAR, today)
    assert (None if found is None else found.day) == event


def test_an_event_on_a_day_without_a_session_comes_before_the_next() -> None:
    """Friday 5 September: a class A event on Saturday is met by the prices of Monday."""
    friday = date(2025, 9, 5)
    found = class_a_next_session(events_of((date(2025, 9, 6), EventKind.FOMC)), CALENDAR, friday)
    assert found is not None and found.event_class is EventClass.A


def test_without_a_table_or_a_calendar_no_event_is_claimed() -> None:
    assert class_a_next_session(None, CALENDAR, DAY) is None
    assert class_a_next_session(events_of(), CALENDAR, date(2035, 1, 3)) is None
