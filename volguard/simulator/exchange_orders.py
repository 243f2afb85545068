"""Orders and executions as the simulator's exchange keeps them, and the words an order passes through.

The words are the broker's own. An order's history is a list of images; an image never changes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract, Side

ZERO: Final = Decimal(0)


class Word(StrEnum):
    """Where an order is, in the broker's words."""

    RECEIVED = "put order req received"
    VALIDATING = "validation pending"
    OPENING = "open pending"
    OPEN = "open"
    TRIGGER_PENDING = "trigger pending"
    MODIFY_VALIDATING = "modify validation pending"
    MODIFYING = "modify pending"
    MODIFIED = "modified"
    NOT_MODIFIED = "not modified"
    CANCELLING = "cancel pending"
    NOT_CANCELLED = "not cancelled"
    COMPLETE = "complete"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    AMO_RECEIVED = "after market order req received"
    AMO_MODIFIED = "modify after market order req received"
    AMO_CANCELLED = "cancelled after market order"

    @property
    def is_final(self) -> bool:
        """Nothing follows."""
        return self in FINAL

    @property
    def is_in_flight(self) -> bool:
        """Taken by the broker, not yet by the exchange."""
        return self in (Word.RECEIVED, Word.VALIDATING, Word.OPENING)

    @property
    def is_waiting_for_open(self) -> bool:
        """Given outside market hours: it is sent at the next open."""
        return self in (Word.AMO_RECEIVED, Word.AMO_MODIFIED)


W = Word
FINAL: Final = frozenset({W.COMPLETE, W.REJECTED, W.CANCELLED, W.AMO_CANCELLED})
_WORKING_NEXT: Final = frozenset(
    {W.OPEN, W.MODIFY_VALIDATING, W.MODIFIED, W.NOT_MODIFIED, W.CANCELLING, W.COMPLETE, W.CANCELLED}
)

# word -> words that may follow; a partial execution repeats the word with another filled quantity
TRANSITIONS: Final[dict[Word, frozenset[Word]]] = {
    W.RECEIVED: frozenset({W.VALIDATING, W.COMPLETE, W.CANCELLED}),  # complete: by another channel, at once
    W.VALIDATING: frozenset({W.OPENING, W.REJECTED, W.CANCELLED}),  # cancelled: by the close
    W.OPENING: frozenset({W.OPEN, W.TRIGGER_PENDING, W.CANCELLED, W.REJECTED}),
    W.OPEN: _WORKING_NEXT,
    W.TRIGGER_PENDING: _WORKING_NEXT,
    W.MODIFY_VALIDATING: frozenset({W.MODIFY_VALIDATING, W.MODIFYING, W.CANCELLING, W.COMPLETE, W.CANCELLED}),
    W.MODIFYING: _WORKING_NEXT | {W.MODIFYING},
    W.MODIFIED: _WORKING_NEXT | {W.TRIGGER_PENDING},
    W.NOT_MODIFIED: _WORKING_NEXT | {W.TRIGGER_PENDING},
    W.CANCELLING: frozenset({W.CANCELLING, W.NOT_CANCELLED, W.COMPLETE, W.CANCELLED}),
    W.NOT_CANCELLED: frozenset({W.COMPLETE}),
    W.AMO_RECEIVED: frozenset({W.RECEIVED, W.AMO_MODIFIED, W.AMO_CANCELLED}),
    W.AMO_MODIFIED: frozenset({W.AMO_RECEIVED}),
}


class OrderType(StrEnum):
    """How an order is priced."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    SL = "SL"
    SL_M = "SL-M"

    @property
    def is_unpriced(self) -> bool:
        """It has no limit of its own: the market's, with protection."""
        return self in (OrderType.MARKET, OrderType.SL_M)

    @property
    def has_trigger(self) -> bool:
        """It sleeps until the last price reaches its trigger."""
        return self in (OrderType.SL, OrderType.SL_M)


class Validity(StrEnum):
    """How long an order stays."""

    DAY = "DAY"
    IOC = "IOC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order as it is given; quantities in units, prices in rupees (0 where the type has none)."""

    contract: OptionContract
    side: Side
    quantity: int
    order_type: OrderType = OrderType.LIMIT
    limit_price: Decimal = ZERO
    trigger_price: Decimal = ZERO
    validity: Validity = Validity.DAY
    product: str = "D"
    tag: str | None = None
    disclosed_quantity: int = 0
    protection_percent: float = -1.0  # of an order without a limit; -1: the exchange's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a modify asks for; None keeps what is. `quantity` is the new total."""

    limit_price: Decimal | None = None
    trigger_price: Decimal | None = None
    quantity: int | None = None
    order_type: OrderType | None = None
    validity: Validity | None = None
    disclosed_quantity: int | None = None
    protection_percent: float | None = None


# A tuple, for one is made at every word of every order: a frozen dataclass takes four times as long.
class Image(NamedTuple):
    """An order at one moment; `average_price` is 0 until something is filled."""

    at: datetime
    word: Word
    order_type: OrderType
    validity: Validity
    limit_price: Decimal
    trigger_price: Decimal
    quantity: int
    disclosed_quantity: int
    filled_quantity: int
    average_price: Decimal
    request_number: int
    exchange_at: datetime | None
    message: str


@dataclass(slots=True, kw_only=True)
class SimOrder:
    """One order of the exchange's book; changed by the exchange alone."""

    order_id: str
    exchange_order_id: str
    ticket: Ticket
    placed_at: datetime
    word: Word
    order_type: OrderType
    validity: Validity
    limit_price: Decimal
    trigger_price: Decimal
    quantity: int
    disclosed_quantity: int
    protection_percent: float
    filled_quantity: int = 0
    filled_value: Decimal = ZERO
    request_number: int = 1
    live_at: datetime | None = None  # from when on the market can fill it
    dies_at: datetime | None = None
    exchange_at: datetime | None = None  # when the exchange first had it
    message: str = ""
    images: list[Image] = field(default_factory=list)

    @property
    def open_quantity(self) -> int:
        """Units that may still fill."""
        return self.quantity - self.filled_quantity

    @property
    def average_price(self) -> Decimal:
        """Mean price of what was filled, 0 before."""
        return self.filled_value / self.filled_quantity if self.filled_quantity else ZERO

    def move(self, word: Word, at: datetime, message: str | None = None) -> Image:
        """Pass to another word and keep the image. Raises InvariantBroken where the words do not follow."""
        if self.images and word not in TRANSITIONS.get(self.word, ()):
            raise InvariantBroken(f"order {self.order_id}: {word.value!r} after {self.word.value!r}")
        self.word = word
        if message is not None:
            self.message = message
        self.images.append(self.image(at))
        return self.images[-1]

    def image(self, at: datetime) -> Image:
        """How it stands."""
        return Image(
            at=at,
            word=self.word,
            order_type=self.order_type,
            validity=self.validity,
            limit_price=self.limit_price,
            trigger_price=self.trigger_price,
            quantity=self.quantity,
            disclosed_quantity=self.disclosed_quantity,
            filled_quantity=self.filled_quantity,
            average_price=self.average_price,
            request_number=self.request_number,
            exchange_at=self.exchange_at,
            message=self.message,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimTrade:
    """One execution."""

    trade_id: str
    order: SimOrder
    at: datetime
    quantity: int
    price: Decimal
    charges_inr: Decimal
    touch_bid: Decimal | None
    touch_ask: Decimal | None

    @property
    def cash_inr(self) -> Decimal:
        """Rupees received (a sell) or paid (a buy, negative), before charges."""
        return -self.order.ticket.side.sign * self.quantity * self.price
