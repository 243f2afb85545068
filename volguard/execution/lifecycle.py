"""The order machine: which word of the broker moves an order where; illegal words raise, changing nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from volguard.model.errors import InvariantBroken
from volguard.model.event import OrderUpdated
from volguard.model.order import Order, OrderState

S = OrderState

# (state, what the broker reports) -> state. An execution moves an order through `booked`; the broker's own
# PARTIAL and FILLED only say that one is on its way. No row leads out of UNKNOWN but what the broker says,
# and from where it has spoken only words that contradict each other lead back there: a no, and then signs of
# life. Which of both is true its book decides.
TRANSITIONS: Final[dict[tuple[OrderState, OrderState], OrderState]] = {
    (S.SENT, S.UNKNOWN): S.UNKNOWN,
    (S.SENT, S.OPEN): S.OPEN,
    (S.SENT, S.PARTIAL): S.OPEN,
    (S.SENT, S.FILLED): S.OPEN,
    (S.SENT, S.CANCELLED): S.CANCELLED,
    (S.SENT, S.REJECTED): S.REJECTED,
    (S.UNKNOWN, S.UNKNOWN): S.UNKNOWN,
    (S.UNKNOWN, S.OPEN): S.OPEN,
    (S.UNKNOWN, S.PARTIAL): S.OPEN,
    (S.UNKNOWN, S.FILLED): S.OPEN,
    (S.UNKNOWN, S.CANCELLED): S.CANCELLED,
    (S.UNKNOWN, S.REJECTED): S.REJECTED,
    (S.UNKNOWN, S.DENIED): S.DENIED,  # its book was read twice and does not have it
    (S.OPEN, S.UNKNOWN): S.OPEN,  # the stream was faster than the lost reply
    (S.OPEN, S.OPEN): S.OPEN,
    (S.OPEN, S.PARTIAL): S.OPEN,
    (S.OPEN, S.FILLED): S.OPEN,
    (S.OPEN, S.CANCELLED): S.CANCELLED,
    (S.OPEN, S.REJECTED): S.REJECTED,  # a modify that the exchange refuses ends some orders
    (S.PARTIAL, S.UNKNOWN): S.PARTIAL,
    (S.PARTIAL, S.OPEN): S.PARTIAL,  # the acknowledgement overtaken by its first fill
    (S.PARTIAL, S.PARTIAL): S.PARTIAL,
    (S.PARTIAL, S.FILLED): S.PARTIAL,
    (S.PARTIAL, S.CANCELLED): S.CANCELLED,
    (S.PARTIAL, S.REJECTED): S.REJECTED,  # the rest was refused; what was filled is ours
    (S.FILLED, S.UNKNOWN): S.FILLED,
    (S.FILLED, S.OPEN): S.FILLED,  # reordered: the fill came first
    (S.FILLED, S.PARTIAL): S.FILLED,
    (S.FILLED, S.FILLED): S.FILLED,
    (S.FILLED, S.CANCELLED): S.FILLED,  # the cancel lost the race
    (S.CANCELLED, S.UNKNOWN): S.CANCELLED,
    (S.CANCELLED, S.OPEN): S.CANCELLED,  # reordered: an older word
    (S.CANCELLED, S.PARTIAL): S.CANCELLED,
    (S.CANCELLED, S.FILLED): S.CANCELLED,  # filled before the cancel after all: the executions will tell
    (S.CANCELLED, S.CANCELLED): S.CANCELLED,  # a doubled update
    (S.CANCELLED, S.REJECTED): S.CANCELLED,  # two ends: over it is
    (S.REJECTED, S.UNKNOWN): S.REJECTED,
    (S.REJECTED, S.OPEN): S.UNKNOWN,  # the reply said no, and it lives: or this is an older word
    (S.REJECTED, S.PARTIAL): S.UNKNOWN,
    (S.REJECTED, S.FILLED): S.UNKNOWN,
    (S.REJECTED, S.CANCELLED): S.CANCELLED,  # it lived and is gone: two ends, over it is
    (S.REJECTED, S.REJECTED): S.REJECTED,
    (S.DENIED, S.DENIED): S.DENIED,
    (S.DENIED, S.OPEN): S.OPEN,  # it appeared after all, late: it lives, and must be dealt with
    (S.DENIED, S.PARTIAL): S.OPEN,
    (S.DENIED, S.FILLED): S.OPEN,
    (S.DENIED, S.CANCELLED): S.CANCELLED,
    (S.DENIED, S.REJECTED): S.REJECTED,
}

# Where an execution of a part leads; one of the whole makes any of them FILLED. What ended has ended, but a
# fill proves that an order lives which was counted as absent.
AFTER_PART: Final[dict[OrderState, OrderState]] = {
    S.SENT: S.PARTIAL,
    S.UNKNOWN: S.PARTIAL,
    S.OPEN: S.PARTIAL,
    S.PARTIAL: S.PARTIAL,
    S.DENIED: S.PARTIAL,
    S.CANCELLED: S.CANCELLED,
    S.REJECTED: S.REJECTED,
}


def told(order: Order, update: OrderUpdated) -> Order:
    """The order after the broker's word. Raises InvariantBroken on an illegal one."""
    target = TRANSITIONS.get((order.state, update.state))
    if target is None:
        raise InvariantBroken(
            f"order {order.request.tag}: {update.state.value} reported while {order.state.value}"
        )
    asked = order.request.quantity
    if not 0 <= update.filled_quantity <= asked:
        raise InvariantBroken(
            f"order {order.request.tag}: the broker says {update.filled_quantity} of {asked} are filled"
        )
    if target is S.UNKNOWN and order.state is not S.UNKNOWN:
        # Sought from here on: older readings of the broker's book say nothing.
        order = replace(order, sought_at=None, absent_since=None, absent_reads=0)
    return replace(
        order,
        state=target,
        reported_quantity=max(order.reported_quantity, update.filled_quantity),
        broker_order_id=update.broker_order_id or order.broker_order_id,
        reason=update.reason or order.reason,
    )


def booked(order: Order, quantity: int) -> Order:
    """The order after one more execution; a late fill after a cancel is booked like any other.

    Raises InvariantBroken when more would be filled than was asked for, or what never was sent.
    """
    filled = order.filled_quantity + quantity
    asked = order.request.quantity
    after = AFTER_PART.get(order.state)
    if quantity <= 0 or filled > asked or after is None:
        raise InvariantBroken(f"order {order.request.tag}: filled {filled} of {asked} after {quantity} more")
    return replace(order, state=S.FILLED if filled == asked else after, filled_quantity=filled)
