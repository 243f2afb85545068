"""Scheduled events after a session: their score, its parts, and what nobody has listed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from volguard.config.settings import Settings
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.operations.smile_view import known
from volguard.volatility.event_calendar import events_between
from volguard.volatility.events import DECAY_DAYS, score_events
from volguard.wiring import rules_of


def events_document(as_of: date, settings: Settings) -> dict[str, Any]:
    """Events of the seven days after `as_of`, as a trade that opens on the next session would face them."""
    rules = rules_of(settings)
    try:
        first = rules.calendar.next_trading_day(as_of)
        last = first + timedelta(days=int(DECAY_DAYS))
        listed = rules.contracts.expiries(Underlying(settings.market.underlying), first)
        ahead = events_between(
            settings.events, rules.calendar, [expiry.day for expiry in listed], first, last
        )
    except DateNotCovered as error:
        return {"score": None, "missing": str(error)}
    score = score_events(ahead.events, first, last)
    highest = score.highest_class
    return {
        "first": first.isoformat(),
        "last": last.isoformat(),
        "score": known(score.score),
        "size_multiplier": known(score.size_multiplier),
        "highest_class": None if highest is None else highest.value,
        "events": [
            {
                "day": part.event.day.isoformat(),
                "kind": part.event.kind.value,
                "name": part.event.name,
                "class": part.event.event_class.value,
                "impact": known(part.impact),
            }
            for part in score.impacts
        ],
        "not_known": [kind.value for kind in ahead.not_known],
        "missing": None,
    }
