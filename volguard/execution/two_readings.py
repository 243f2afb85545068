"""Two readings of the books, one after the other: what lasts is a disagreement, the rest was in motion.

Orders move while books are read. A difference counts when both readings show it. Where one of them could not
read what it rests on, nothing clears it: it counts too. A book that was not read is cleared by a reading that
had all three: two halves, each of which lacks another book, are no whole, and nothing was seen to agree.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from volguard.execution.reconcile import Difference, DifferenceKind
from volguard.model.broker import BrokerView

ORDERS: Final = "orders"
TRADES: Final = "trades"
POSITIONS: Final = "positions"
BOOKS: Final = (ORDERS, TRADES, POSITIONS)

_K: Final = DifferenceKind
# The broker's books that a reading must have for its silence to clear a difference of this kind.
RESTS_ON: Final[Mapping[DifferenceKind, tuple[str, ...]]] = {
    _K.UNREAD: BOOKS,
    _K.POSITION: (POSITIONS,),
    _K.ORPHAN_POSITION: (POSITIONS,),
    _K.GHOST_POSITION: (POSITIONS,),
    _K.OTHER_PRODUCT: (POSITIONS,),
    _K.FOREIGN_ORDER: (ORDERS,),
    _K.LOST_ORDER: (ORDERS,),
    _K.ORDER_STATE: (ORDERS,),
    _K.ORDER_FILLED: (ORDERS,),
    _K.ORDER_TERMS: (ORDERS,),
    _K.TWICE: (ORDERS,),
    _K.UNBOOKED_TRADE: (TRADES, ORDERS),  # whose order it was, the order book says
    _K.UNPROVEN_FILL: (TRADES,),
    _K.TRADE_TERMS: (TRADES,),
    _K.CHARGES: (),
    _K.FUNDS: (),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The differences seen at one time, and which of the broker's books could be read then."""

    differences: tuple[Difference, ...]
    read: frozenset[str]

    @classmethod
    def of(cls, found: tuple[Difference, ...], view: BrokerView) -> Reading:
        """A comparison with the view that it was made with."""
        return cls(
            differences=found, read=frozenset(name for name in BOOKS if getattr(view, name) is not None)
        )

    def clears(self, difference: Difference) -> bool:
        """It looked where the difference would show, and has none of that kind and subject."""
        looked = all(book in self.read for book in RESTS_ON[difference.kind])
        return looked and _key(difference) not in {_key(one) for one in self.differences}


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """What lasts, as it was seen last, and what was in motion; each sorted."""

    lasting: tuple[Difference, ...]
    moving: tuple[Difference, ...]


def confirm(first: Reading, second: Reading) -> Confirmed:
    """Split the differences of two readings."""
    newest = {_key(one): one for one in (*first.differences, *second.differences)}
    ordered = [newest[key] for key in sorted(newest)]
    moving = [one for one in ordered if first.clears(one) or second.clears(one)]
    return Confirmed(lasting=tuple(one for one in ordered if one not in moving), moving=tuple(moving))


def _key(difference: Difference) -> tuple[str, str]:
    return difference.kind.value, difference.subject
