"""Orders as values: what is asked for, how urgent, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.model.instrument import OptionContract, Side

TAG_LENGTH_MAX: Final = 40  # the broker's limit


class OrderState(StrEnum):
    """Where an order is; UNKNOWN is left only by what the broker reports."""

    PLANNED = "PLANNED"
    DENIED = "DENIED"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    OPEN = "OPEN"
    PARTIAL = "PARTIAL"
    FILLED = "FILLED"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"

    @property
    def is_final(self) -> bool:
        """No more fills are expected; a late one is still booked."""
        return self in FINAL_STATES

    @property
    def may_fill(self) -> bool:
        """The exchange may hold it, or it is not proven that it does not."""
        return self in LIVE_STATES


FINAL_STATES: Final = frozenset(
    {OrderState.DENIED, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}
)
LIVE_STATES: Final = frozenset({OrderState.SENT, OrderState.UNKNOWN, OrderState.OPEN, OrderState.PARTIAL})
RESTING_STATES: Final = frozenset({OrderState.OPEN, OrderState.PARTIAL})
CANCELLABLE_STATES: Final = frozenset({OrderState.SENT, *RESTING_STATES})  # an unknown one is sought first


class Purpose(StrEnum):
    """What an order does to the book's risk."""

    OPEN = "OPEN"
    CLOSE = "CLOSE"


class Urgency(StrEnum):
    """How much may be paid to be done sooner."""

    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One limit order as it is sent; `tag` names it for ever, ours and the broker's."""

    tag: str
    trade_id: str
    contract: OptionContract
    side: Side
    quantity: int
    limit_price: Decimal
    purpose: Purpose
    urgency: Urgency


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is known of one order.

    `filled_quantity` is the sum of booked executions, `reported_quantity` the most that the broker has ever
    said was filled: what lies between is known to be ours and still to be told.
    """

    request: OrderRequest
    state: OrderState
    sent_at: datetime
    limit_price: Decimal
    priced_at: datetime  # when the resting price was last sent: the ladder's clock
    rung: int
    broker_order_id: str | None = None
    filled_quantity: int = 0
    reported_quantity: int = 0
    cancel_requested_at: datetime | None = None
    sought_at: datetime | None = None  # when the broker's book was last asked for it
    absent_since: datetime | None = None  # the first reading of that book without it
    absent_reads: int = 0
    reason: str = ""

    @property
    def open_quantity(self) -> int:
        """Units that may still fill."""
        return self.request.quantity - self.filled_quantity

    @property
    def awaited_quantity(self) -> int:
        """Units that the broker says are filled and whose executions have not come yet."""
        return max(0, self.reported_quantity - self.filled_quantity)

    @property
    def may_fill(self) -> bool:
        """An execution may still come: the exchange may hold it, or one is on its way."""
        return self.state.may_fill or self.awaited_quantity > 0
