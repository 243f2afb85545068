"""What the broker's own books prove of each position: how much is held for certain, closed already, covered.

Two witnesses say what is held: the positions, and what today's orders have filled. They may lag one behind
the other, so only what both say is there is closed: nothing may ever be closed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from volguard.model.broker import BrokerOrder, BrokerPosition, InstrumentKey
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying

OUR_PRODUCT: Final = "D"  # of every order of ours: one of another product would open a second position
DERIVATIVES: Final = "NSE_FO|"

Place = tuple[InstrumentKey, str]  # an instrument under one product: what the broker keeps a position of
CoverGroup = tuple[Underlying, date, OptionType]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One position that is not zero; signed units. `contract` None: none of our underlying's options."""

    key: InstrumentKey
    product: str
    contract: OptionContract | None
    quantity: int
    last_price: Decimal | None
    keyed_as: OptionContract | None = None  # what its key stands for, where its own symbol says otherwise

    @property
    def place(self) -> Place:
        """Instrument and product."""
        return self.key, self.product

    @property
    def closing_side(self) -> Side:
        """The side of an order that closes it."""
        return Side.SELL if self.quantity > 0 else Side.BUY

    @property
    def name(self) -> str:
        """How a person knows it."""
        return self.contract.symbol if self.contract is not None else str(self.key)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulOrder:
    """An order that left and is in no book yet: it counts as working until its absence is proven."""

    tag: str
    key: InstrumentKey
    product: str
    side: Side
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerEvidence:
    """Both books as read, the orders first; `offsets` is what is held besides the fills of today's orders.

    In this order a fill between the two readings makes less room, never more.
    """

    read_at: datetime
    orders: tuple[BrokerOrder, ...]
    positions: tuple[BrokerPosition, ...]
    in_doubt: tuple[DoubtfulOrder, ...] = ()
    offsets: Mapping[Place, int] = field(default_factory=dict)


def is_live(order: BrokerOrder) -> bool:
    """Whether it may still fill; a word that is not known counts as alive."""
    return order.state is None or order.state.may_fill


def pending_units(order: BrokerOrder) -> int:
    """Units that may still fill."""
    return max(0, order.quantity - order.filled_quantity) if is_live(order) else 0


def holdings(positions: Iterable[BrokerPosition]) -> tuple[Holding, ...]:
    """Positions of derivatives that are not zero, shorts first, then by name."""
    units: dict[Place, int] = {}
    rows: dict[Place, BrokerPosition] = {}
    for row in positions:
        if row.key.startswith(DERIVATIVES):
            place = (row.key, row.product)
            units[place] = units.get(place, 0) + row.quantity
            rows[place] = row
    found = [
        Holding(
            key=key,
            product=product,
            contract=rows[key, product].contract,
            quantity=quantity,
            last_price=rows[key, product].last_price,
            keyed_as=rows[key, product].keyed_as,
        )
        for (key, product), quantity in units.items()
        if quantity
    ]
    return tuple(sorted(found, key=lambda one: (one.quantity > 0, one.name, one.product)))


def filled_units(orders: Iterable[BrokerOrder]) -> dict[Place, int]:
    """Signed units that today's orders have filled."""
    units: dict[Place, int] = {}
    for order in orders:
        if order.filled_quantity:
            place = (order.key, order.product)
            units[place] = units.get(place, 0) + order.side.sign * order.filled_quantity
    return units


def offsets_of(positions: Iterable[BrokerPosition], orders: Iterable[BrokerOrder]) -> dict[Place, int]:
    """Per position, what is held besides the fills of today's orders."""
    filled = filled_units(orders)
    units: dict[Place, int] = {}
    for row in positions:
        place = (row.key, row.product)
        units[place] = units.get(place, 0) + row.quantity
    return {place: units.get(place, 0) - filled.get(place, 0) for place in sorted({*units, *filled})}


def sure_units(evidence: BrokerEvidence, holding: Holding) -> int:
    """Signed units that both witnesses agree are held: the lesser of the two, 0 where they oppose."""
    offset = evidence.offsets.get(holding.place)
    if offset is None:
        return holding.quantity
    by_orders = offset + filled_units(evidence.orders).get(holding.place, 0)
    if by_orders * holding.quantity <= 0:
        return 0
    sign = 1 if holding.quantity > 0 else -1
    return sign * min(abs(by_orders), abs(holding.quantity))


def working_units(
    evidence: BrokerEvidence, place: Place, side: Side, *, without_tag: str | None = None
) -> int:
    """Units of one side on their way at a place: orders that may fill, and orders in doubt."""
    booked_tags = {order.tag for order in evidence.orders if order.tag}
    in_book = sum(
        pending_units(order)
        for order in evidence.orders
        if (order.key, order.product) == place
        and order.side is side
        and (without_tag is None or order.tag != without_tag)
    )
    in_doubt = sum(
        order.quantity
        for order in evidence.in_doubt
        if (order.key, order.product) == place
        and order.side is side
        and order.tag not in booked_tags
        and order.tag != without_tag
    )
    return in_book + in_doubt


def closable_units(evidence: BrokerEvidence, holding: Holding, *, without_tag: str | None = None) -> int:
    """Units that may still be closed: what is surely held less what is on its way to close it."""
    on_its_way = working_units(evidence, holding.place, holding.closing_side, without_tag=without_tag)
    return max(0, abs(sure_units(evidence, holding)) - on_its_way)


def group_of(contract: OptionContract) -> CoverGroup:
    """The options among which a long covers a short."""
    return contract.underlying, contract.expiry, contract.option_type


def spare_longs(evidence: BrokerEvidence, group: CoverGroup, *, without_tag: str | None = None) -> int:
    """Units of longs of a group that cover nothing: surely held, not on their way out, beyond all shorts.

    A short counts for what either witness says of it, a long for what both do. While a short is held whose
    key and symbol name different contracts, no long of the group of its key is spare.
    """
    longs, shorts = 0, 0
    filled = filled_units(evidence.orders)
    for holding in holdings(evidence.positions):
        named = holding.keyed_as
        if named is not None and holding.quantity < 0 and group_of(named) == group:
            return 0  # a short that may be of this group, by a name that is not certain
        if holding.contract is None or group_of(holding.contract) != group:
            continue
        if holding.quantity > 0:
            leaving = working_units(evidence, holding.place, Side.SELL, without_tag=without_tag)
            longs += max(0, sure_units(evidence, holding) - leaving)
        else:
            offset = evidence.offsets.get(holding.place)
            by_orders = 0 if offset is None else offset + filled.get(holding.place, 0)
            shorts += max(-holding.quantity, -by_orders)
    return max(0, longs - shorts - _shorts_to_come(evidence, group))


def adders(evidence: BrokerEvidence) -> tuple[BrokerOrder, ...]:
    """Orders that may still fill and would add a position: they open one, or close more than is held.

    Of several that close the same position those that rest at a price stay first, stops after them.
    """
    held = {holding.place: holding for holding in holdings(evidence.positions)}
    room = {place: abs(holding.quantity) for place, holding in held.items()}
    found = []
    for order in sorted(evidence.orders, key=_precedence):
        place, pending = (order.key, order.product), pending_units(order)
        if not pending or not order.key.startswith(DERIVATIVES):
            continue
        holding = held.get(place)
        if holding is None or order.side is not holding.closing_side or pending > room[place]:
            found.append(order)
        else:
            room[place] -= pending
    return tuple(sorted(found, key=lambda order: order.order_id))


def exits(evidence: BrokerEvidence) -> tuple[BrokerOrder, ...]:
    """Orders that work and only close what is held: they stay."""
    adding = {order.order_id for order in adders(evidence)}
    return tuple(
        order
        for order in evidence.orders
        if pending_units(order) and order.key.startswith(DERIVATIVES) and order.order_id not in adding
    )


def is_net_zero(positions: Sequence[BrokerPosition]) -> bool:
    """Every derivative position of the account is zero."""
    return not holdings(positions)


# A sell that rests in a contract that is not held would make a short that needs its long.
def _shorts_to_come(evidence: BrokerEvidence, group: CoverGroup) -> int:
    long_places = {held.place for held in holdings(evidence.positions) if held.quantity > 0}
    return sum(
        pending_units(order)
        for order in evidence.orders
        if order.side is Side.SELL
        and order.contract is not None
        and group_of(order.contract) == group
        and (order.key, order.product) not in long_places
    )


def _precedence(order: BrokerOrder) -> tuple[bool, str]:
    return order.word == "trigger pending", order.order_id
