"""The broker's words for where an order is, and how to tell an older update from a newer one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from volguard.model.order import OrderState


@dataclass(frozen=True, slots=True)
class OrderWord:
    """What a status word means; `rank` rises along the path of one request, `is_final` ends the order."""

    state: OrderState
    rank: int
    is_final: bool = False


# Whatever the broker holds, checked by the exchange or not, may fill: OPEN. A refused modify or cancel
# leaves the order as it was. Ranks: each path the broker describes climbs.
WORDS: Final[dict[str, OrderWord]] = {
    "put order req received": OrderWord(OrderState.OPEN, 1),
    "after market order req received": OrderWord(OrderState.OPEN, 1),
    "modify after market order req received": OrderWord(OrderState.OPEN, 2),
    "validation pending": OrderWord(OrderState.OPEN, 2),
    "modify validation pending": OrderWord(OrderState.OPEN, 3),
    "trigger pending": OrderWord(OrderState.OPEN, 3),
    "open pending": OrderWord(OrderState.OPEN, 4),
    "modify pending": OrderWord(OrderState.OPEN, 4),
    "modified": OrderWord(OrderState.OPEN, 5),
    "not modified": OrderWord(OrderState.OPEN, 5),
    "open": OrderWord(OrderState.OPEN, 6),
    "cancel pending": OrderWord(OrderState.OPEN, 7),
    "not cancelled": OrderWord(OrderState.OPEN, 8),
    "complete": OrderWord(OrderState.FILLED, 9, is_final=True),
    "rejected": OrderWord(OrderState.REJECTED, 9, is_final=True),
    "cancelled": OrderWord(OrderState.CANCELLED, 9, is_final=True),
    "cancelled after market order": OrderWord(OrderState.CANCELLED, 9, is_final=True),
}
UNKNOWN_RANK: Final = 0


@dataclass(frozen=True, slots=True, order=True)
class Recency:
    """Where an update stands among all of one order: of two, the greater is the later.

    Fills and request numbers only ever rise and nothing follows an end, so the order of arrival is not
    needed; equals are the same update twice.
    """

    is_final: bool
    filled_quantity: int
    request_number: int
    rank: int


def state_of(word: str, *, quantity: int, filled_quantity: int) -> OrderState | None:
    """The state that a status word and the fills stand for; None: not known, so still live.

    None too for a word that its own fills deny: `complete` with units missing. A rejection after fills is
    a cancel of the rest.
    """
    known = WORDS.get(word.strip().lower())
    if known is None:
        return None
    if known.state is OrderState.FILLED:
        return OrderState.FILLED if filled_quantity == quantity else None
    if known.state is OrderState.REJECTED and filled_quantity:
        return OrderState.CANCELLED
    if known.state is OrderState.OPEN and filled_quantity:
        return OrderState.FILLED if filled_quantity == quantity else OrderState.PARTIAL
    return known.state


def recency_of(word: str, *, filled_quantity: int, request_number: int) -> Recency:
    """Where an update stands among all of one order, whatever order they came in."""
    known = WORDS.get(word.strip().lower())
    return Recency(
        is_final=known is not None and known.is_final,
        filled_quantity=filled_quantity,
        request_number=request_number,
        rank=UNKNOWN_RANK if known is None else known.rank,
    )
