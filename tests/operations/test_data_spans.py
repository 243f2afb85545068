"""Which dates are still to be asked for: what was not answered, and what is missing of what was."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import shipped_rules
from volguard.operations.data_spans import has_session, joined_spans, months_of, to_ask, trading_days

CALENDAR = shipped_rules().calendar
BASE = date(2026, 1, 1)


def day(number: int) -> date:
    return BASE + timedelta(days=number)


spans = st.tuples(st.integers(0, 60), st.integers(0, 20)).map(lambda n: (day(n[0]), day(n[0] + n[1])))


def days_in(found: list[tuple[date, date]]) -> set[date]:
    return {first + timedelta(days=n) for first, last in found for n in range((last - first).days + 1)}


@given(st.lists(spans))
def test_joined_spans_hold_the_same_days_apart(found: list[tuple[date, date]]) -> None:
    """Spans made one hold the same days, in order, with at least one day between any two."""
    joined = joined_spans(found)
    assert days_in(list(joined)) == days_in(found)
    for (_, last), (first, _) in pairwise(joined):
        assert (first - last).days > 1


@given(spans, st.lists(spans), st.sets(st.integers(0, 80).map(day)))
def test_what_is_to_ask_is_the_smallest_span_of_what_is_open(
    chunk: tuple[date, date], answered: list[tuple[date, date]], gaps: set[date]
) -> None:
    """It reaches from the first to the last day that was never answered or is missing; nothing open: None."""
    wanted = days_in([chunk])
    still_open = (wanted - days_in(answered)) | (wanted & gaps)
    expected = (min(still_open), max(still_open)) if still_open else None
    assert to_ask(chunk, answered, gaps) == expected


@given(spans)
def test_months_cover_a_span_once(span: tuple[date, date]) -> None:
    """The months of a span hold each of its days once, and none reaches over the end of a month."""
    months = months_of(*span)
    assert days_in(list(months)) == days_in([span])
    assert sum((last - first).days + 1 for first, last in months) == (span[1] - span[0]).days + 1
    assert all(first.month == last.month for first, last in months)


def test_trading_days_are_told_as_far_as_the_calendar_goes() -> None:
    """Days before the tables are not judged: it is told from when on they are."""
    days, known_from = trading_days(CALENDAR, date(2018, 12, 20), date(2019, 1, 4))
    assert (days[0], known_from) == (date(2019, 1, 1), date(2019, 1, 1))
    assert trading_days(CALENDAR, date(2017, 1, 1), date(2017, 2, 1)) == ((), None)
    assert trading_days(CALENDAR, date(2026, 9, 14), date(2026, 9, 16))[1] == date(2026, 9, 14)


def test_a_holiday_has_no_session_and_an_unknown_day_may_have_one() -> None:
    """Only a day that the calendar knows as closed is without a session."""
    assert not has_session(CALENDAR, date(2026, 1, 26))
    assert has_session(CALENDAR, date(2026, 9, 16))
    assert has_session(CALENDAR, date(2017, 1, 26))
