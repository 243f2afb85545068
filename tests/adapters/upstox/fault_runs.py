"""One seeded run of orders against a look-alike that misbehaves, and what must hold at its end."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.adapters.upstox.broker_parts import OverLookAlike
from tests.fakes import TS, approval, order
from tests.simulator.upstox_server.desk import CALL, FAR_CALL, FAR_PUT, PUT, fair, shot
from volguard.execution.lifecycle import booked, told
from volguard.model.decision import Approved
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import Side
from volguard.model.order import Order, OrderState, Purpose
from volguard.runner import Answer
from volguard.simulator.exchange_orders import SimOrder, Word
from volguard.simulator.upstox_server.faults import FaultName, FaultRule
from volguard.simulator.upstox_server.server import LookAlike

ORDER_CALLS = frozenset(
    {"place", "multi_place", "modify", "cancel", "order_book", "order_history", "order_trades"}
)
FAULTS = (
    FaultName.LATENCY,
    FaultName.RATE_LIMIT,
    FaultName.RATE_LIMIT_IN_200,
    FaultName.SERVER_ERROR_BEFORE,
    FaultName.SERVER_ERROR_AFTER,
    FaultName.DROPPED_REPLY,
    FaultName.HTML_403,
    FaultName.EMPTY_400,
    FaultName.LATE_FILL,
    FaultName.PARTIAL_207,
)
STREAM_FAULTS = (FaultName.DUPLICATE_UPDATES, FaultName.REORDERED_UPDATES)
ENDS = {
    Word.COMPLETE: OrderState.FILLED,
    Word.CANCELLED: OrderState.CANCELLED,
    Word.REJECTED: OrderState.REJECTED,
}


def fault_rules(rng: random.Random) -> list[FaultRule]:
    """Several faults at high rates; a latency is sometimes longer than the client waits."""
    rules = [
        FaultRule(
            name=name, probability=rng.uniform(0.1, 0.4), where=ORDER_CALLS, size=rng.choice((1.0, 60.0))
        )
        for name in rng.sample(FAULTS, rng.randint(3, 5))
    ]
    return rules + [FaultRule(name=name, probability=rng.uniform(0.1, 0.5)) for name in STREAM_FAULTS]


class Ledger:
    """Orders as the words and fills have made them: an illegal word raises."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.absent: set[str] = set()
        self.fill_ids: list[str] = []

    def hear(self, answer: Answer) -> None:
        """Take one event."""
        match answer:
            case OrderFilled(tag=tag):
                self.fill_ids.append(answer.fill_id)
                self.orders[tag] = booked(self.orders[tag], answer.quantity)
            case OrderUpdated(tag=tag):
                self.orders[tag] = told(self.orders[tag], answer)
            case OrderAbsent(tag=tag):
                self.absent.add(tag)

    def unknown(self) -> list[str]:
        """Tags of which nobody knows whether they live."""
        return [tag for tag, held in self.orders.items() if held.state is OrderState.UNKNOWN]


class FaultRun:
    """Some orders placed, one by one or together, re-priced and taken off while several faults strike.

    Half of the runs have a portfolio stream, which repeats and reorders what it says.
    """

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        has_stream = self.rng.random() < 0.5
        self.desk = OverLookAlike(*fault_rules(self.rng), seed=seed, has_stream=has_stream)
        self.ledger = Ledger()
        self.unwanted: set[str] = set()

    def play(self) -> list[str]:
        """What is wrong at the end; nothing is."""
        try:
            for number in range(self.rng.randint(3, 6)):
                self._place(number)
                for _ in range(self.rng.randint(1, 3)):
                    self._meddle()
                    self._look(self.rng.uniform(0.5, 15.0))
            self.desk.arm()
            for _ in range(4):
                for tag in self.ledger.unknown():
                    self.desk.query(tag, self.desk.clock.now())
                self._look(10.0)
            return problems(self.desk.core, self.ledger) + self._still_there()
        finally:
            self.desk.shut()

    def _still_there(self) -> list[str]:
        orders = self.desk.core.exchange.orders.values()
        return [
            f"{one.ticket.tag} was to be taken off and is {one.word}"
            for one in orders
            if one.ticket.tag in self.unwanted and not one.word.is_final
        ]

    def _place(self, number: int) -> None:
        side, purpose = self.rng.choice(list(Side)), self.rng.choice(list(Purpose))
        together = self.rng.choice((1, 1, 1, 3))
        orders = [self._order(f"VG-{number}-{line}", side, purpose) for line in range(together)]
        for given in orders:
            self.ledger.orders[given.request.tag] = replace(order(OrderState.SENT), request=given.request)
        if together == 1:
            self.desk.place(orders[0])
        else:
            self.desk.multi_place(orders)

    def _order(self, tag: str, side: Side, purpose: Purpose) -> Approved:
        contract = self.rng.choice((CALL, PUT, FAR_CALL, FAR_PUT))
        better = self.rng.choice((-1.0, -0.1, 0.1, 0.5)) * side.sign
        return approval(
            self.desk.clock.now(),
            tag=tag,
            contract=contract,
            side=side,
            quantity=65 * self.rng.randint(1, 3),
            limit_price=_price(fair(contract) + better),
            purpose=purpose,
            valid_s=120.0,
        )

    def _meddle(self) -> None:
        tag = self.rng.choice(sorted(self.ledger.orders))
        held, now = self.ledger.orders[tag], self.desk.clock.now()
        if held.state.is_final:
            return
        if held.state is OrderState.UNKNOWN and self.rng.random() < 0.7:
            self.desk.query(tag, now)
        elif held.state is not OrderState.UNKNOWN and self.rng.random() < 0.5:
            price = held.request.limit_price + Decimal("0.10") * held.request.side.sign
            self.desk.modify(approval(now, **_fields(held), limit_price=price))
        else:
            self.unwanted.add(tag)
            self.desk.cancel(tag, now)

    def _look(self, seconds: float) -> None:
        self.desk.reach(self.desk.clock.now() + timedelta(seconds=seconds))
        if self.desk.has_stream:
            self.desk.deliver()
        at_s = (self.desk.clock.now() - TS).total_seconds()
        snapshot = shot(at_s, size=self.rng.choice((65, 650)))
        for answer in self.desk.due(snapshot.ts):
            self.ledger.hear(answer)
        for answer in self.desk.fills_at(snapshot):
            self.ledger.hear(answer)


def problems(core: LookAlike, ledger: Ledger) -> list[str]:
    """Where orders were sent twice, or the client's book and the server's differ."""
    tags = core.exchange.accepted_tags
    found = [f"{tag} was accepted twice" for tag in set(tags) if tags.count(tag) > 1]
    found += [f"fill {one} was told twice" for one in set(ledger.fill_ids) if ledger.fill_ids.count(one) > 1]
    theirs = {one.ticket.tag: one for one in core.exchange.orders.values()}
    for tag, ours in ledger.orders.items():
        found += _differences(tag, ours, theirs.get(tag), is_absent=tag in ledger.absent)
    return found


def _differences(tag: str, ours: Order, theirs: SimOrder | None, *, is_absent: bool) -> list[str]:
    if theirs is None:
        is_known = ours.state is OrderState.REJECTED or (ours.state is OrderState.UNKNOWN and is_absent)
        return [] if is_known else [f"{tag} is {ours.state} here and not in the book"]
    if ours.state is OrderState.UNKNOWN:
        return []
    resting = OrderState.PARTIAL if theirs.filled_quantity else OrderState.OPEN
    wanted = ENDS.get(theirs.word, resting)
    if (ours.state, ours.filled_quantity) == (wanted, theirs.filled_quantity):
        return []
    return [
        f"{tag} is {ours.state} {ours.filled_quantity} here, {theirs.word} {theirs.filled_quantity} there"
    ]


def _fields(held: Order) -> dict[str, Any]:
    asked = held.request
    return {
        "tag": asked.tag,
        "contract": asked.contract,
        "side": asked.side,
        "quantity": asked.quantity,
        "purpose": asked.purpose,
        "valid_s": 120.0,
    }


def _price(value: float) -> Decimal:
    return max(Decimal("0.05"), (Decimal(str(value)) * 20).quantize(Decimal(1)) / 20).quantize(
        Decimal("0.01")
    )
