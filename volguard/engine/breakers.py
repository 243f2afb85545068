"""Breakers in the loop: what the broker and the feed did moves them; an open one stops new risk."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from volguard.engine.state import Turn
from volguard.engine.supervisor import degrade
from volguard.model.event import Alert, Severity
from volguard.model.order import OrderState
from volguard.risk.breaker import (
    BreakerState,
    Circuit,
    Outcome,
    OutcomeKind,
    advance,
    note_outcome,
    note_sent,
)

OUTCOME_OF: Final = {
    OrderState.OPEN: OutcomeKind.OK,
    OrderState.PARTIAL: OutcomeKind.OK,
    OrderState.FILLED: OutcomeKind.OK,
    OrderState.CANCELLED: OutcomeKind.OK,
    OrderState.REJECTED: OutcomeKind.FAILED,
    OrderState.UNKNOWN: OutcomeKind.TIMED_OUT,
}


def rest_breakers(turn: Turn) -> None:
    """Let time pass for both: an open one cools, an attempt that nobody answered fails."""
    desk, settings = turn.desk, turn.settings
    before = desk.order_breaker
    after = advance(before, turn.now, settings.order_breaker)
    feed = advance(desk.feed_breaker, turn.now, settings.feed_breaker)
    turn.desk = replace(desk, order_breaker=after, feed_breaker=feed)
    _tell(turn, before, after)


def note_order_sent(turn: Turn, tag: str) -> None:
    """An order that adds risk leaves: the one attempt of a breaker that is half open."""
    after = note_sent(turn.desk.order_breaker, tag, turn.now, turn.settings.order_breaker)
    turn.desk = replace(turn.desk, order_breaker=after)


def note_order_word(turn: Turn, tag: str) -> None:
    """The broker's first word on an order tells whether it works; exits count as well."""
    order = turn.desk.book.order(tag)
    kind = OUTCOME_OF.get(order.state) if order is not None else None
    if kind is None:
        return
    before = turn.desk.order_breaker
    after = note_outcome(before, Outcome(key=tag, kind=kind), turn.now, turn.settings.order_breaker)
    turn.desk = replace(turn.desk, order_breaker=after)
    _tell(turn, before, after)


def note_feed(turn: Turn, *, is_good: bool) -> None:
    """A hole in the feed, or a look: too many holes open the feed's breaker, and new risk rests with it."""
    state, settings, now = turn.desk.feed_breaker, turn.settings.feed_breaker, turn.now
    if not is_good:
        hole = Outcome(key=f"hole {now.isoformat()}", kind=OutcomeKind.FAILED)
        state = note_outcome(state, hole, now, settings)
    elif state.circuit is Circuit.HALF_OPEN:
        look = f"look {now.isoformat()}"
        state = note_outcome(
            note_sent(state, look, now, settings), Outcome(key=look, kind=OutcomeKind.OK), now, settings
        )
    turn.desk = replace(turn.desk, feed_breaker=state)
    if state.circuit is not Circuit.CLOSED:
        degrade(turn, "feed_breaker", f"the feed failed too often: {state.reason}")


def _tell(turn: Turn, before: BreakerState, after: BreakerState) -> None:
    if after.circuit is Circuit.OPEN and before.circuit is not Circuit.OPEN:
        text = f"no new orders for a while: {after.reason}"
        turn.effects.append(Alert(ts=turn.now, severity=Severity.CRITICAL, code="order_breaker", text=text))
