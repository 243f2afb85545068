"""Which dates of a series are still to be asked for, given what was asked before and what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date, timedelta

from volguard.adapters.manifest import Span
from volguard.model.errors import DateNotCovered
from volguard.nse.calendar import Calendar

ONE_DAY = timedelta(days=1)


def joined_spans(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch or overlap made one."""
    joined: list[Span] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1] + ONE_DAY:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return tuple(joined)


def months_of(first: date, last: date) -> tuple[Span, ...]:
    """The dates from `first` to `last` cut at the ends of months."""
    months: list[Span] = []
    start = first
    while start <= last:
        next_month = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
        months.append((start, min(last, next_month - ONE_DAY)))
        start = next_month
    return tuple(months)


def to_ask(chunk: Span, answered: Iterable[Span], gaps: Collection[date]) -> Span | None:
    """The smallest span of a chunk that holds every day not answered yet, and every gap; None: nothing."""
    first, last = chunk
    open_days = {gap for gap in gaps if first <= gap <= last}
    start = first
    for answered_first, answered_last in joined_spans(answered):
        if answered_last < start or answered_first > last:
            continue
        if start < answered_first:
            open_days |= {start, answered_first - ONE_DAY}
        start = answered_last + ONE_DAY
    if start <= last:
        open_days |= {start, last}
    return (min(open_days), max(open_days)) if open_days else None


def trading_days(calendar: Calendar, first: date, last: date) -> tuple[tuple[date, ...], date | None]:
    """Trading days of a span, and from when on the calendar knows them (None: nothing of it)."""
    days: list[date] = []
    known_from: date | None = None
    for year in range(first.year, last.year + 1):  # the tables begin and end with a year
        start = max(first, date(year, 1, 1))
        try:
            days += calendar.trading_days(start, min(last, date(year, 12, 31)))
        except DateNotCovered:
            continue
        known_from = known_from or start
    return tuple(days), known_from


def has_session(calendar: Calendar, day: date) -> bool:
    """Whether anything is traded on a day; so it is on one with hours that are not known."""
    try:
        return calendar.session(day) is not None
    except DateNotCovered:
        return True
