"""What every broker owes the engine, whichever body it has; each new broker joins `BROKERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.adapters.upstox.broker_parts import OverLookAlike, OverSockets
from tests.fakes import NIFTY, TS, Touch, approval, call, chain, order, paper, put, shipped_rules
from volguard.execution.lifecycle import booked, told
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderState
from volguard.runner import Answer, Exchange
from volguard.simulator.exchange import Exchange as SimulatorExchange
from volguard.simulator.exchange import ExchangeSettings
from volguard.simulator.exchange_broker import SimulatedBroker


def simulated() -> Exchange:
    """The simulator's exchange, told of the same snapshots."""
    exchange = SimulatorExchange(
        rules=shipped_rules(),
        underlying=NIFTY,
        trading_date=TS.date(),
        settings=ExchangeSettings(gap_s=45.0),
        capital_inr=Decimal(2_000_000),
    )
    return SimulatedBroker(exchange, delay_s=0.25)


BROKERS: dict[str, Callable[[], Exchange]] = {
    "paper": paper,
    "simulator": simulated,
    "upstox": OverLookAlike,
    "upstox over sockets": OverSockets,
}
CALL, PUT = call(24800), put(24200)
WIDE: dict[OptionContract, Touch] = {CALL: (9.9, 650, 10.0, 650), PUT: (8.0, 650, 8.2, 650)}


@dataclass
class Told:
    """A broker, and the orders as its words and fills have made them: an illegal word would raise."""

    broker: Exchange
    orders: dict[str, Order] = field(default_factory=dict)
    fills: list[OrderFilled] = field(default_factory=list)
    words: list[OrderUpdated] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    def place(self, at: datetime = TS, **changes: object) -> str:
        given = approval(at, **changes)  # type: ignore[arg-type]
        tag = given.request.tag
        self.orders[tag] = replace(order(OrderState.SENT, at=at), request=given.request)
        self.broker.place(given)
        return tag

    def look(self, seconds: float, quotes: dict[OptionContract, Touch] | None = None) -> list[OrderFilled]:
        """One snapshot so many seconds after the start; gives the fills that it made."""
        snapshot = chain(TS + timedelta(seconds=seconds), WIDE if quotes is None else quotes)
        before = len(self.fills)
        self._hear(self.broker.due(snapshot.ts))
        self._hear(self.broker.fills_at(snapshot))
        return self.fills[before:]

    def end(self, seconds: float) -> None:
        self._hear(self.broker.close(TS + timedelta(seconds=seconds)))

    def _hear(self, answers: Iterator[Answer]) -> None:
        for answer in answers:
            match answer:
                case OrderFilled():
                    self.fills.append(answer)
                    self.orders[answer.tag] = booked(self.orders[answer.tag], answer.quantity)
                case OrderUpdated():
                    self.words.append(answer)
                    self.orders[answer.tag] = told(self.orders[answer.tag], answer)
                case OrderAbsent():
                    self.absent.append(answer.tag)


@pytest.fixture(params=sorted(BROKERS))
def desk(request: pytest.FixtureRequest) -> Iterator[Told]:
    """Each broker in turn, after a first look at the market."""
    made = Told(broker=BROKERS[request.param]())
    made.look(0)
    yield made
    if isinstance(made.broker, OverLookAlike):
        made.broker.shut()


def test_an_order_is_acknowledged_then_filled(desk: Told) -> None:
    """Our tag comes back with the broker's own number, then the fill; both name the same order."""
    tag = desk.place(contract=CALL, limit_price="10.00")
    (fill,) = desk.look(15)
    assert (fill.tag, fill.quantity, str(fill.price)) == (tag, 65, "10.00")
    assert desk.orders[tag].state is OrderState.FILLED
    assert desk.words[0].state is OrderState.OPEN and desk.words[0].broker_order_id


def test_a_fill_is_never_better_than_the_touch_nor_worse_than_the_limit(desk: Told) -> None:
    """A buy pays the ask, a sell takes the bid."""
    desk.place(tag="b", contract=CALL, limit_price="10.50")
    desk.place(tag="s", contract=PUT, side=Side.SELL, limit_price="7.50")
    assert {(f.tag, str(f.price)) for f in desk.look(15)} == {("b", "10.00"), ("s", "8.00")}


def test_a_limit_that_the_market_does_not_reach_rests(desk: Told) -> None:
    """It fills when the market comes to it, and not before."""
    tag = desk.place(contract=CALL, limit_price="9.95")
    assert desk.look(15) == []
    assert desk.orders[tag].state is OrderState.OPEN
    assert len(desk.look(30, {CALL: (9.8, 650, 9.95, 650)})) == 1


def test_a_cancel_ends_what_is_left(desk: Told) -> None:
    """What was filled stays filled; the word says so."""
    tag = desk.place(contract=CALL, limit_price="10.00", quantity=130)
    desk.look(15, {CALL: (9.9, 65, 10.0, 65)})
    desk.broker.cancel(tag, TS + timedelta(seconds=15))
    assert desk.look(30) == []
    assert desk.orders[tag].state is OrderState.CANCELLED
    assert (desk.words[-1].filled_quantity, desk.orders[tag].filled_quantity) == (65, 65)


def test_a_cancel_of_what_is_gone_says_nothing_wrong(desk: Told) -> None:
    """The cancel lost the race: the order stays filled."""
    tag = desk.place(contract=CALL, limit_price="10.00")
    desk.look(15)
    desk.broker.cancel(tag, TS + timedelta(seconds=15))
    desk.broker.cancel("never-sent", TS + timedelta(seconds=15))
    assert desk.look(30) == []
    assert desk.orders[tag].state is OrderState.FILLED


def test_a_modify_moves_the_price_of_the_same_order(desk: Told) -> None:
    """One order, one tag, another limit."""
    desk.place(contract=CALL, limit_price="9.50")
    assert desk.look(15) == []
    desk.broker.modify(approval(TS + timedelta(seconds=15), contract=CALL, limit_price="10.00"))
    assert [str(f.price) for f in desk.look(30)] == ["10.00"]


def test_a_modify_of_what_is_gone_revives_nothing(desk: Told) -> None:
    """A filled order cannot fill again."""
    desk.place(contract=CALL, limit_price="10.00")
    desk.look(15)
    desk.broker.modify(approval(TS + timedelta(seconds=15), contract=CALL, limit_price="11.00"))
    assert desk.look(30) == []


def test_an_approval_works_once(desk: Told) -> None:
    """The same approval a second time is rejected, and the first order is untouched."""
    given = approval(TS, tag="once", contract=CALL, limit_price="9.50")
    desk.orders["once"] = order(OrderState.SENT, tag="once", contract=CALL)
    desk.broker.place(given)
    desk.look(15)
    again = approval(TS, tag="once", contract=CALL, limit_price="9.50", sequence=given.review_sequence)
    desk.broker.place(again)
    words = [w for w in desk.broker.due(TS + timedelta(seconds=30)) if isinstance(w, OrderUpdated)]
    assert [word.state for word in words] == [OrderState.REJECTED] and "used" in words[0].reason


def test_an_expired_approval_is_rejected(desk: Told) -> None:
    """The market of the review is gone: no order."""
    tag = desk.place(contract=CALL, limit_price="10.00", valid_s=0.1)
    assert desk.look(15) == []
    assert desk.orders[tag].state is OrderState.REJECTED and "expired" in desk.orders[tag].reason


def test_fill_ids_are_unique(desk: Told) -> None:
    """A fill can be told from every other, so that a doubled one is known."""
    for number in range(3):
        desk.place(tag=f"t{number}", contract=CALL, limit_price="10.00", quantity=130)
    for seconds in (15, 30, 45, 60, 75, 90):
        desk.look(seconds, {CALL: (9.9, 65, 10.0, 65)})
    ids = [fill.fill_id for fill in desk.fills]
    assert len(ids) == 6 and len(set(ids)) == 6
    assert sum(fill.quantity for fill in desk.fills) == 390


def test_the_close_ends_every_order(desk: Told) -> None:
    """No order outlives the day."""
    tags = [desk.place(tag=f"t{n}", contract=CALL, limit_price="9.00") for n in range(3)]
    desk.look(15)
    tags.append(desk.place(TS + timedelta(seconds=15), tag="last", contract=CALL, limit_price="9.00"))
    desk.end(15)
    assert {desk.orders[tag].state for tag in tags} == {OrderState.CANCELLED}
    assert desk.look(30) == []


def test_words_come_in_event_time_order(desk: Told) -> None:
    """Oldest first, none from the future."""
    for number, at in enumerate((3.0, 1.0, 2.0)):
        desk.place(TS + timedelta(seconds=at), tag=f"t{number}", contract=CALL, limit_price="9.00")
    desk.broker.cancel("t1", TS + timedelta(seconds=2.5))
    desk.look(2)
    assert all(word.ts <= TS + timedelta(seconds=2) for word in desk.words)
    desk.look(15)
    times = [word.ts for word in desk.words]
    assert times == sorted(times) and len(times) == 4


def test_a_query_finds_what_rests_and_says_what_is_not_there(desk: Told) -> None:
    """The answer of a whole reading is a word on the order, or that there is none of that tag."""
    tag = desk.place(contract=CALL, limit_price="9.00")
    desk.look(15)
    count = len(desk.words)
    desk.broker.query(tag, TS + timedelta(seconds=15))
    desk.broker.query("never-sent", TS + timedelta(seconds=15))
    desk.look(30)
    assert [word.state for word in desk.words[count:]] == [OrderState.OPEN]
    assert desk.absent == ["never-sent"]
