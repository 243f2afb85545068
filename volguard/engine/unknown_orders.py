"""Orders of which nobody knows whether they live: the broker's book is read until it is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from volguard.engine.orders import put_order
from volguard.engine.reconciling import may_send
from volguard.engine.state import Desk, Turn
from volguard.engine.supervisor import degrade
from volguard.execution.basket import Basket, BasketState
from volguard.execution.lifecycle import told
from volguard.model.errors import InvariantBroken
from volguard.model.event import Alert, Cancel, OrderAbsent, OrderUpdated, Query, Severity
from volguard.model.order import CANCELLABLE_STATES, Order, OrderState

CAUSE: Final = "order_unknown"
ABSENT_READS_MIN: Final = 2  # a book that was read once may be older than the order


def unknown_orders(desk: Desk) -> tuple[Order, ...]:
    """Orders that may or may not live at the broker."""
    return tuple(order for order in desk.book.orders if order.state is OrderState.UNKNOWN)


def seek_unknown(turn: Turn) -> None:
    """While an order is unknown no new risk is taken, and the broker's book is asked for it."""
    for order in unknown_orders(turn.desk):
        degrade(turn, CAUSE, f"order {order.request.tag}: not known whether it lives")
        delay_s = turn.settings.execution.absence_delay_s
        if order.sought_at is None or (turn.now - order.sought_at).total_seconds() >= delay_s:
            put_order(turn, replace(order, sought_at=turn.now), reason="sought")
            turn.effects.append(Query(tag=order.request.tag, ts=turn.now))


def on_absent(turn: Turn, event: OrderAbsent) -> None:
    """A reading of the broker's book without the order; only a second one, later, counts as absence.

    Raises InvariantBroken for an order that is not ours.
    """
    order = turn.desk.book.order(event.tag)
    if order is None:
        raise InvariantBroken(f"the broker was asked for order {event.tag}, which this book never sent")
    if order.state is not OrderState.UNKNOWN:
        return
    since = order.absent_since or turn.now
    order = replace(order, absent_since=since, absent_reads=order.absent_reads + 1)
    waited_s = (turn.now - since).total_seconds()
    if order.absent_reads < ABSENT_READS_MIN or waited_s < turn.settings.execution.absence_delay_s:
        put_order(turn, order, reason="absent once")
        return
    text = f"absent from {order.absent_reads} readings of the order book, {waited_s:.0f} s apart"
    word = OrderUpdated(ts=turn.now, tag=event.tag, state=OrderState.DENIED, filled_quantity=0, reason=text)
    put_order(turn, told(order, word), reason=text)
    text = f"order {event.tag}: {text}; it never reached the exchange"
    turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code="order_absent", text=text))


def take_back(turn: Turn, before: Order) -> None:
    """An order that was given up lives after all: off the exchange with it, at once.

    It was counted as absent, or refused, and whatever needed it has been undone since.
    """
    tag = before.request.tag
    after = turn.desk.book.order(tag)
    was_absent = before.state is OrderState.DENIED
    was_refused = before.state is OrderState.UNKNOWN and tag not in _tags_of(turn.desk.baskets)
    if after is None or after.state not in CANCELLABLE_STATES or not (was_absent or was_refused):
        return
    text = f"order {tag}: given up, and in the broker's book after all; taken off"
    turn.effects.append(Alert(ts=turn.now, severity=Severity.CRITICAL, code="order_appeared", text=text))
    put_order(turn, replace(after, cancel_requested_at=turn.now), reason="order_appeared")
    turn.effects.append(Cancel(tag=tag, ts=turn.now, reason="order_appeared"))


def ask_off_again(turn: Turn) -> None:
    """An order that is to leave is cancelled again: the request may be lost.

    A basket that unwinds asks for its own, unless nothing moves on a book in doubt; one that works leaves an
    order alone that was taken off.
    """
    delay_s = turn.settings.execution.absence_delay_s
    is_moving = may_send(turn.desk) and not turn.desk.is_yielding
    unwinding = [basket for basket in turn.desk.baskets if basket.state is BasketState.UNWINDING]
    asked_for = _tags_of(unwinding) if is_moving else set()
    for order in turn.desk.book.live_orders:
        tag, asked = order.request.tag, order.cancel_requested_at
        if tag in asked_for or asked is None or order.state not in CANCELLABLE_STATES:
            continue
        if (turn.now - asked).total_seconds() >= delay_s:
            put_order(turn, replace(order, cancel_requested_at=turn.now), reason="cancel_again")
            turn.effects.append(Cancel(tag=tag, ts=turn.now, reason="cancel_again"))


def _tags_of(baskets: Iterable[Basket]) -> set[str]:
    return {line.tag for basket in baskets for wave in basket.waves for line in wave}
