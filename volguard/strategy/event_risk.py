"""Scheduled events as a trade faces them: their score, the size they leave, what comes next session.

Without a table nothing is claimed: no score and no smaller size, and the decision says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from volguard.model.decision import FigureValue
from volguard.model.errors import DateNotCovered
from volguard.model.units import figure
from volguard.nse.calendar import Calendar
from volguard.volatility.event_calendar import EventTables, events_between
from volguard.volatility.events import Event, EventClass, EventKind, EventScore, class_of, score_events

NO_TABLE: Final = "there is no table of events"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRisk:
    """Events from today up to a trade's expiry; `score` None where not available, `missing` says why.

    `not_known`: kinds that nobody listed for all those dates; their events are not in the score.
    """

    score: EventScore | None
    not_known: tuple[EventKind, ...]
    missing: str

    @property
    def size_multiplier(self) -> float:
        """Factor for the lots of a new trade; 1 where no event is known."""
        return 1.0 if self.score is None else self.score.size_multiplier

    def is_above(self, limit: float) -> bool:
        """Whether the score is known to be above a limit."""
        return self.score is not None and figure(self.score.score) > limit

    @property
    def figures(self) -> dict[str, FigureValue]:
        """What the decision keeps of it."""
        score = self.score
        if score is None:
            return {"event_score": None, "event_multiplier": None, "events_missing": self.missing}
        first = score.impacts[0] if score.impacts else None
        highest = score.highest_class
        return {
            "event_score": figure(score.score),
            "event_multiplier": score.size_multiplier,
            "event_class": None if highest is None else highest.value,
            "event_heaviest": None if first is None else f"{first.event.kind} {first.event.day.isoformat()}",
            "event_kinds_not_known": ", ".join(self.not_known),
        }


def events_ahead(
    tables: EventTables | None, calendar: Calendar, expiries: Iterable[date], today: date, until: date
) -> EventRisk:
    """What is scheduled from `today` to `until`, both included, with the expiries listed in between."""
    if tables is None:
        return EventRisk(score=None, not_known=(), missing=NO_TABLE)
    try:
        ahead = events_between(tables, calendar, expiries, today, until)
    except DateNotCovered as error:
        return EventRisk(score=None, not_known=(), missing=str(error))
    score = score_events(ahead.events, today, until)
    return EventRisk(score=score, not_known=ahead.not_known, missing="")


def event_horizon(today: date, expiry: date, days: int) -> date:
    """The last date whose events count for a trade: its expiry, and at most so many days ahead."""
    return min(expiry, today + timedelta(days=days))


def class_a_next_session(tables: EventTables | None, calendar: Calendar, today: date) -> Event | None:
    """The first class A event after today up to the next session; None where none is known."""
    if tables is None:
        return None
    try:
        last = calendar.next_trading_day(today)
    except DateNotCovered:
        return None
    rows = [row for row in tables.event if class_of(row.kind) is EventClass.A and today < row.day <= last]
    first = min(rows, key=lambda row: (row.day, row.kind), default=None)
    return None if first is None else Event(day=first.day, kind=first.kind, name=first.name)
