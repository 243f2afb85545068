"""The order machine: which word of the broker moves an order where; illegal words raise, changing nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from volguard.model.errors import InvariantBroken
from volguard.model.event import OrderUpdated
from volguard.model.order import Order, OrderState

S = OrderState

# (state, what the broker reports) -> state. Fills move an order through `booked`, by cumulative quantity.
TRANSITIONS: Final[dict[tuple[OrderState, OrderState], OrderState]] = {
    (S.SENT, S.OPEN): S.OPEN,
    (S.SENT, S.REJECTED): S.REJECTED,
    (S.SENT, S.CANCELLED): S.CANCELLED,
    (S.SENT, S.UNKNOWN): S.UNKNOWN,
    (S.UNKNOWN, S.OPEN): S.OPEN,
    (S.UNKNOWN, S.CANCELLED): S.CANCELLED,
    (S.UNKNOWN, S.REJECTED): S.REJECTED,
    (S.OPEN, S.OPEN): S.OPEN,
    (S.OPEN, S.CANCELLED): S.CANCELLED,
    (S.OPEN, S.REJECTED): S.REJECTED,  # a modify that the exchange refuses ends some orders
    (S.PARTIAL, S.OPEN): S.PARTIAL,  # the acknowledgement overtaken by its first fill
    (S.PARTIAL, S.CANCELLED): S.CANCELLED,
    (S.FILLED, S.OPEN): S.FILLED,  # reordered: the fill came first
    (S.FILLED, S.CANCELLED): S.FILLED,  # the cancel lost the race
    (S.CANCELLED, S.CANCELLED): S.CANCELLED,  # a doubled update
    (S.CANCELLED, S.OPEN): S.CANCELLED,  # reordered: an older word
    (S.REJECTED, S.REJECTED): S.REJECTED,
}


def told(order: Order, update: OrderUpdated) -> Order:
    """The order after the broker's word. Raises InvariantBroken on an illegal one."""
    target = TRANSITIONS.get((order.state, update.state))
    if target is None:
        raise InvariantBroken(
            f"order {order.request.tag}: {update.state.value} reported while {order.state.value}"
        )
    return replace(
        order,
        state=target,
        broker_order_id=update.broker_order_id or order.broker_order_id,
        reason=update.reason or order.reason,
    )


def booked(order: Order, quantity: int) -> Order:
    """The order after one more execution; a late fill after a cancel is booked like any other.

    Raises InvariantBroken when more would be filled than was asked for.
    """
    filled = order.filled_quantity + quantity
    asked = order.request.quantity
    if quantity <= 0 or filled > asked:
        raise InvariantBroken(f"order {order.request.tag}: filled {filled} of {asked} after {quantity} more")
    if filled == asked:
        return replace(order, state=S.FILLED, filled_quantity=filled)
    still = order.state if order.state.is_final else S.PARTIAL
    return replace(order, state=still, filled_quantity=filled)
