"""Scheduled events: how much lies ahead, and how much smaller a new trade should be for it.

Each kind has a weight; its impact fades with distance, weight x max(0.1, 1 - days / 7). The score is the sum
of the impacts up to the horizon, held to 0 .. 5. Class A, B or C follows from the weight and scales the size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final

SCORE_MAX: Final = 5.0
DECAY_DAYS: Final = 7.0
DECAY_MIN: Final = 0.1
CLASS_A_WEIGHT_MIN: Final = 2.5
CLASS_B_WEIGHT_MIN: Final = 1.5


class EventKind(StrEnum):
    """What is scheduled."""

    BUDGET = "budget"
    FOMC = "fomc"
    RBI = "rbi"
    GLOBAL = "global"
    RESULTS = "results"
    WEEKEND = "weekend"
    EXPIRY = "expiry"
    DATA = "data"


class EventClass(StrEnum):
    """How much an event can move: A halves and halves again, C is a day like others."""

    A = "A"
    B = "B"
    C = "C"


WEIGHTS: Final[Mapping[EventKind, float]] = {
    EventKind.BUDGET: 3.0,
    EventKind.FOMC: 2.5,
    EventKind.RBI: 2.0,
    EventKind.GLOBAL: 2.0,
    EventKind.RESULTS: 1.5,
    EventKind.WEEKEND: 1.3,
    EventKind.EXPIRY: 1.2,
    EventKind.DATA: 1.0,
}
MULTIPLIERS: Final[Mapping[EventClass, float]] = {
    EventClass.A: 0.3,
    EventClass.B: 0.5,
    EventClass.C: 1.0,
}


def class_of(kind: EventKind) -> EventClass:
    """Class of a kind of event, by its weight."""
    weight = WEIGHTS[kind]
    if weight >= CLASS_A_WEIGHT_MIN:
        return EventClass.A
    return EventClass.B if weight >= CLASS_B_WEIGHT_MIN else EventClass.C


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One dated event."""

    day: date
    kind: EventKind
    name: str

    @property
    def event_class(self) -> EventClass:
        """Class by weight."""
        return class_of(self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventImpact:
    """What one event adds to the score."""

    event: Event
    days_ahead: int
    impact: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EventScore:
    """Score 0 .. 5 with its parts (largest first), and the factor for the size of a new trade."""

    score: float
    size_multiplier: float
    impacts: tuple[EventImpact, ...]

    @property
    def highest_class(self) -> EventClass | None:
        """The highest class ahead; None without events."""
        return min((part.event.event_class for part in self.impacts), default=None)


def score_events(events: Sequence[Event], today: date, until: date) -> EventScore:
    """Events from `today` to `until` (a trade's expiry), both included; of several the smallest multiplier.

    Raises ValueError when `until` lies before `today`.
    """
    if until < today:
        raise ValueError(f"until was {until}, before today {today}")
    ahead = [event for event in events if today <= event.day <= until]
    impacts = sorted(
        (_impact(event, today) for event in ahead),
        key=lambda part: (-part.impact, part.event.day, part.event.kind, part.event.name),
    )
    return EventScore(
        score=min(SCORE_MAX, sum(part.impact for part in impacts)),
        size_multiplier=min((MULTIPLIERS[event.event_class] for event in ahead), default=1.0),
        impacts=tuple(impacts),
    )


def _impact(event: Event, today: date) -> EventImpact:
    days = (event.day - today).days
    decay = max(DECAY_MIN, 1.0 - days / DECAY_DAYS)
    return EventImpact(event=event, days_ahead=days, impact=WEIGHTS[event.kind] * decay)
