"""The dated table of scheduled events, and what lies between two dates: rows, expiries and weekends.

A kind without a row for a date is not "no event": each kind says which dates it is complete for, and what is
not known is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

from volguard.nse.calendar import Calendar
from volguard.nse.dated import Confidence
from volguard.volatility.events import Event, EventClass, EventKind, class_of

COMPUTED: Final = frozenset({EventKind.EXPIRY, EventKind.WEEKEND})
BEFORE_DAYS: Final = 10  # more than the longest closure: the weekend before the first date is seen


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownRow:
    """Dates, both inclusive, for which the rows of a kind are complete."""

    kind: EventKind
    first: date
    last: date
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRow:
    """One event on the first date on which the market can trade on it."""

    day: date
    kind: EventKind
    name: str
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTables:
    """events.toml; raises ValueError on a row twice, of a computed kind, or outside its kind's dates."""

    known: tuple[KnownRow, ...]
    event: tuple[EventRow, ...]

    def __post_init__(self) -> None:
        seen: set[tuple[date, EventKind]] = set()
        for row in self.event:
            if row.kind in COMPUTED:
                raise ValueError(f"event on {row.day} was of kind {row.kind}, which is computed")
            if (row.day, row.kind) in seen:
                raise ValueError(f"event had {row.kind} on {row.day} twice")
            seen.add((row.day, row.kind))
            complete = [known for known in self.known if known.kind is row.kind]
            if complete and not any(known.first <= row.day <= known.last for known in complete):
                raise ValueError(f"event on {row.day} lies outside the dates known of {row.kind}")
        for known in self.known:
            if known.last < known.first:
                raise ValueError(f"known of {known.kind} ended on {known.last}, before {known.first}")

    def is_known(self, kind: EventKind, first: date, last: date) -> bool:
        """Whether the rows of a kind are complete from `first` to `last`."""
        return any(row.kind is kind and row.first <= first and last <= row.last for row in self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAhead:
    """Events between two dates, ascending, and the kinds that nobody listed for all of those dates."""

    events: tuple[Event, ...]
    not_known: tuple[EventKind, ...]


def events_between(
    tables: EventTables, calendar: Calendar, expiries: Iterable[date], first: date, last: date
) -> EventsAhead:
    """All scheduled events from `first` to `last`, both included; a weekend counts on the session after it.

    Raises DateNotCovered outside the calendar.
    """
    found = [
        Event(day=row.day, kind=row.kind, name=row.name) for row in tables.event if first <= row.day <= last
    ]
    found += [
        Event(day=day, kind=EventKind.EXPIRY, name="expiry") for day in expiries if first <= day <= last
    ]
    sessions = calendar.trading_days(first - timedelta(days=BEFORE_DAYS), last)
    for before, after in pairwise(sessions):
        closed = (after - before).days - 1
        if closed >= 2 and first <= after:
            found.append(Event(day=after, kind=EventKind.WEEKEND, name=f"{closed} days without a session"))
    listed = [kind for kind in EventKind if kind not in COMPUTED]
    return EventsAhead(
        events=tuple(sorted(found, key=lambda event: (event.day, event.kind, event.name))),
        not_known=tuple(kind for kind in listed if not tables.is_known(kind, first, last)),
    )


def crush_days(tables: EventTables, days: Iterable[date]) -> dict[date, bool]:
    """Of each session: whether a class A or B event fell on it or since the session before.

    Sessions that the table does not cover for every kind it lists are left out: nobody knows.
    """
    listed = {row.kind for row in tables.known}
    strong = [row.day for row in tables.event if class_of(row.kind) is not EventClass.C]
    out: dict[date, bool] = {}
    for before, day in pairwise(days):
        if all(tables.is_known(kind, before, day) for kind in listed):
            out[day] = any(before < event <= day for event in strong)
    return out
