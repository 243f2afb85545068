"""Orders of the account that are in the way: taken off by number, and told when they will not go.

Those go that would add a position, at once. An exit of another channel stays while the market reaches it; it
gives way to ours only where ours could be placed this very moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from volguard.adapters.upstox.any_order import cancel_order
from volguard.adapters.upstox.failures import ApiFailure
from volguard.execution.flatten import Sight
from volguard.measure.broker_net import OUR_PRODUCT, BrokerEvidence, adders, exits, pending_units
from volguard.model.broker import BrokerOrder, InstrumentKey
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import Side
from volguard.operations.flatten_edge import FlattenEdge
from volguard.operations.flatten_record import FlattenRecord

AGAIN_S: Final = 2.0  # doubled each time, up to
AGAIN_MAX_S: Final = 16.0
PATIENCE_S: Final = 3.0  # for an exit of another channel that the market does not reach
STOP_WORD: Final = "trigger pending"


@dataclass(slots=True, kw_only=True)
class _Asked:
    tries: int = 0
    again_at: datetime | None = None


@dataclass(slots=True)
class Cancels:
    """Asks for the end of orders, each no more often than makes sense."""

    edge: FlattenEdge
    record: FlattenRecord
    asked: dict[str, _Asked] = field(default_factory=dict)
    first_seen: dict[str, datetime] = field(default_factory=dict)
    trouble: str = ""

    def adding(self, evidence: BrokerEvidence) -> None:
        """Take off what would add a position."""
        self.take_off(adders(evidence), "it would add a position", evidence)

    def in_the_way(
        self, evidence: BrokerEvidence, sights: Mapping[InstrumentKey, Sight], own_tags: Iterable[str]
    ) -> None:
        """Take off exits of other channels that do not work: stops, and limits that the market is away from.

        Only under the product of our orders, and only where a price for ours is known.
        """
        now, ours = self._now(), frozenset(own_tags)
        going = []
        for order in exits(evidence):
            if order.tag in ours or order.product != OUR_PRODUCT or order.contract is None:
                continue
            first = self.first_seen.setdefault(order.order_id, now)
            touch = _touch(sights.get(order.key), order.side)
            if touch is None or _reaches(order, touch):
                continue
            if order.word == STOP_WORD or now - first >= timedelta(seconds=PATIENCE_S):
                going.append(order)
        self.take_off(going, "it does not fill; one of ours takes its place", evidence)

    def everything(self, evidence: BrokerEvidence) -> bool:
        """Take off all that may fill; whether nothing is left that could."""
        living = [order for order in evidence.orders if pending_units(order)]
        self.take_off(living, "before the broker's exit-all, which would close it twice", evidence)
        return not living and not evidence.in_doubt

    def take_off(self, orders: Iterable[BrokerOrder], why: str, evidence: BrokerEvidence) -> None:
        """Ask for the end of these; a failure is told, and asked again later."""
        now, orders = self._now(), tuple(orders)
        going = {order.order_id for order in orders}
        staying = {one.tag for one in evidence.orders if pending_units(one) and one.order_id not in going}
        for order in orders:
            asked = self.asked.setdefault(order.order_id, _Asked())
            if asked.again_at is not None and now < asked.again_at:
                continue
            asked.again_at = now + timedelta(seconds=min(AGAIN_S * 2.0**asked.tries, AGAIN_MAX_S))
            asked.tries += 1
            self.record.tell(
                "CancelSent",
                {"order_id": order.order_id, "tag": order.tag, "why": why},
                f"cancelling {order_words(order)}: {why}",
            )
            try:
                cancel_order(self.edge.client, order.order_id)
                self.trouble = ""
            except (ApiFailure, InvariantBroken) as error:
                self._failed(order, error, by_tag=order.tag not in staying)

    def _failed(self, order: BrokerOrder, error: ApiFailure | InvariantBroken, *, by_tag: bool) -> None:
        self.trouble = error.message
        self.record.tell(
            "CancelFailed",
            {"order_id": order.order_id, "error": error.message},
            f"cancel of {order.order_id} failed: {error.message}",
        )
        tries = self.asked[order.order_id].tries
        if order.tag and by_tag and self.edge.broker is not None and tries > 1:
            # The other way, by another host: all that lives under this tag is to go.
            try:
                self.edge.broker.multi_cancel(order.tag)
                self.trouble = ""
            except ApiFailure as failure:
                self.record.tell("CancelFailed", {"tag": order.tag, "error": failure.message})

    def _now(self) -> datetime:
        read_clock = self.edge.now
        return read_clock()


def order_words(order: BrokerOrder) -> str:
    """An order as a person reads it."""
    name = order.contract.symbol if order.contract is not None else str(order.key)
    return f"order {order.order_id} {order.side} {pending_units(order)} {name} at {order.limit_price}"


def _touch(sight: Sight | None, side: Side) -> Decimal | None:
    if sight is None:
        return None
    if side is Side.BUY:
        return min((level.price for level in sight.depth.asks), default=None)
    return max((level.price for level in sight.depth.bids), default=None)


def _reaches(order: BrokerOrder, touch: Decimal) -> bool:
    if order.word == STOP_WORD:
        return False
    return order.side.sign * (order.limit_price - touch) >= 0
