"""Bugs 1 to 9 of other programs, about an order's identity and its retry: none of them can happen here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.adapters.upstox.test_order_tracks import KEY, begun, folded, image, trade
from tests.fakes import TS, MemoryJournal, approval, make_runner, order
from tests.model.books import make_trade
from tests.museum.broker import Nothing, Watched, struck
from tests.museum.scene import ENGINE, Scene, again, crash_day
from tests.simulator.upstox_server.desk import FAR_CALL, FAR_PUT
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_orders import OrderIds
from volguard.engine.state import State
from volguard.execution.basket import entry_basket, exit_basket
from volguard.model.book import Position
from volguard.model.broker import BrokerOrder
from volguard.model.decision import Approved
from volguard.model.event import OrderFilled, Place
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Urgency
from volguard.simulator.upstox_server.faults import FaultName

LOW = "20.00"


@pytest.fixture
def desk() -> Iterator[Watched]:
    """A broker whose writes are counted."""
    made = Watched()
    yield made
    made.shut()


OPEN_OUTCOMES = (
    FaultName.DROPPED_REPLY,
    FaultName.LATENCY,
    FaultName.SERVER_ERROR_BEFORE,
    FaultName.SERVER_ERROR_AFTER,
)


def test_museum_01_key_with_a_clock(desk: Watched) -> None:
    """A key made of the time finds no duplicate: ours is the intent alone, at whatever time it is made.

    What stays the same gets the same tag, what differs in structure, leg, slice or attempt another one, and
    the broker's side takes a tag once.
    """
    early = make_trade(trade_id="T001")
    late = replace(early, proposed_at=early.proposed_at + timedelta(microseconds=1))

    def tags(trade: object, code: str = "abcd1234", freeze: int = 75) -> list[str]:
        basket = entry_basket(trade, session_code=code, freeze=freeze, reason="entry")  # type: ignore[arg-type]
        return [line.tag for wave in basket.waves for line in wave]

    assert tags(early) == tags(late)
    two_lots = replace(early, lots=2)
    assert len(set(tags(two_lots))) == 8 and set(tags(two_lots)).isdisjoint(tags(early, code="abcd1235"))
    exits = [
        exit_basket(
            "T001",
            [Position(contract=early.legs[0].contract, quantity=75)],
            attempt=attempt,
            urgency=Urgency.HIGH,
            session_code="abcd1234",
            freeze=75,
            reason="stop",
        ).waves
        for attempt in (1, 1, 2)
    ]
    assert exits[0] == exits[1] and exits[0][0][0].tag != exits[2][0][0].tag
    first, second = Scene.entering(), Scene.entering()
    assert [one.tag for one in first.placed()] == [one.tag for one in second.placed()] != []
    approved = approval(contract=FAR_CALL, limit_price=LOW)
    desk.place(approved)
    desk.place(again(approved))
    assert desk.core.exchange.accepted_tags == ["VG-1"] and len(desk.writes) == 1


@pytest.mark.parametrize("name", OPEN_OUTCOMES)
def test_museum_02_retry_around_the_post(desk: Watched, name: FaultName) -> None:
    """Whatever becomes of the reply, the request that makes an order leaves once."""
    desk.arm(struck(name, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    for seconds in (1, 30, 120):
        desk.told(seconds)
    assert len(desk.writes) == 1
    assert desk.core.exchange.accepted_tags.count("VG-1") <= 1


def test_museum_03_one_tag_for_all(desk: Watched) -> None:
    """Two lost orders are each found, each by a tag of its own, and told apart by their broker's numbers."""
    desk.arm(struck(FaultName.DROPPED_REPLY, "place", times=2))
    desk.place(approval(tag="VG-A", contract=FAR_CALL, limit_price=LOW))
    desk.place(approval(tag="VG-B", contract=FAR_PUT, limit_price="21.00"))
    found = {word.tag: word.broker_order_id for word in desk.told(5) if word.state is OrderState.OPEN}
    theirs = {one.tag: one.order_id for one in desk.reads.orders()}
    assert found == theirs and len(set(found.values())) == 2
    scene = Scene.holding()
    scene.flatten()
    scene.look()
    sent = [one.tag for one in scene.placed()]
    assert len(sent) == len(set(sent)) == 6  # four legs in, two shorts out


@pytest.mark.parametrize("name", OPEN_OUTCOMES)
def test_museum_04_retry_of_a_batch(desk: Watched, name: FaultName) -> None:
    """A read timeout says nothing of what the exchange did: it leaves once, and each line is sought."""
    desk.arm(struck(name, "multi_place"))
    batch = [approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(3)]
    desk.multi_place(batch)
    words = desk.states(1) + desk.states(60)
    assert len(desk.writes) == 1
    accepted = desk.core.exchange.accepted_tags
    assert len(accepted) == len(set(accepted))
    for approved in batch:
        tag = approved.request.tag
        assert words.count((tag, "UNKNOWN")) == 1
        assert ((tag, "OPEN") in words) is (tag in accepted)


def test_museum_05_id_with_microseconds(desk: Watched) -> None:
    """A process that dies between sending and hearing leaves a name behind by which the next one finds it.

    The intent is in the journal, on disk, before it leaves; the journal alone gives the same tag again.
    """
    journal, left_at = MemoryJournal(), dict[str, int]()

    class Edge(Nothing):
        def place(self, approved: Approved) -> None:
            left_at[approved.request.tag] = len(journal.steps)

    runner = make_runner(crash_day().market, journal, engine=ENGINE, exchange=Edge())
    runner.run(tuple(Scene.opened().events), State())
    intents = {
        effect.approved.request.tag: number
        for number, (_, _, effects, is_durable) in enumerate(journal.steps, start=1)
        for effect in effects
        if isinstance(effect, Place) and is_durable
    }
    assert left_at == intents != {}
    assert [one.tag for one in Scene.entering().placed()] == list(intents)[:2]

    desk.arm(struck(FaultName.DROPPED_REPLY, "place"))
    desk.place(approval(tag="VG-A", contract=FAR_CALL, limit_price=LOW))
    desk.broker = desk.new_broker()
    desk.broker.restore([order(OrderState.SENT, tag="VG-A", contract=FAR_CALL)], ())
    assert desk.states(5) == [("VG-A", "UNKNOWN"), ("VG-A", "OPEN")]
    assert desk.core.exchange.accepted_tags == ["VG-A"] and len(desk.writes) == 1


def test_museum_06_accepted_is_not_filled(desk: Watched) -> None:
    """Success of a batch, and even the word `complete`, books nothing: a short waits for executions."""
    desk.multi_place([approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(2)])
    assert desk.states(1) == [("M-0", "OPEN"), ("M-1", "OPEN")]
    scene = Scene.entering()
    hedges = scene.placed()
    for hedge in hedges:
        scene.word(hedge.tag, OrderState.OPEN)
        scene.word(hedge.tag, OrderState.FILLED, filled=hedge.quantity)
    scene.look()
    assert scene.units() == {} and scene.placed(side=Side.SELL) == []
    assert {scene.order(hedge.tag).awaited_quantity for hedge in hedges} == {390}
    scene.fill_all()
    scene.look()
    assert [one.quantity for one in scene.placed(side=Side.SELL)] == [390, 390]


def test_museum_07_order_ids_read_as_order_id(desk: Watched) -> None:
    """An answer without the list of numbers is no acceptance under None: it is unknown what became of it."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    (word,) = desk.told(1)
    assert word.broker_order_id == next(iter(desk.core.exchange.orders)) is not None
    for body in (b'{"status":"success","data":{"order_id":"1"}}', b'{"status":"success","data":{}}'):
        with pytest.raises(ApiFailure, match="order_ids") as failure:
            data_of(body, OrderIds, endpoints.PLACE)
        assert failure.value.is_outcome_open


def test_museum_08_a_route_that_does_not_exist(desk: Watched) -> None:
    """Each question about an order goes to a route that answers, and one that is away is made up for."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    (number,) = desk.core.exchange.orders
    assert desk.reads.order(number).tag == "VG-1"
    assert desk.reads.order_history(number)[-1].tag == "VG-1"
    assert [one.order_id for one in desk.reads.orders()] == [number]
    assert [one.order_id for one in desk.reads.orders_of_tag("VG-1")] == [number]
    assert desk.reads.trades() == desk.reads.trades_of(number) == ()
    for away in ("order_history", "order_book"):
        tag = f"VG-{away}"
        desk.arm(struck(FaultName.DROPPED_REPLY, "place"), struck(FaultName.EMPTY_400, away, times=99))
        desk.place(approval(tag=tag, at=desk.clock.now(), contract=FAR_CALL, limit_price=LOW))
        seen = desk.states((desk.clock.now() - TS).total_seconds() + 5)
        assert (tag, "OPEN") in seen, away


def test_museum_09_first_id_of_a_slice() -> None:
    """Units and prices of every number count; the order has ended when the last of its numbers has."""

    def filled(number: str, units: int) -> BrokerOrder:
        # The stream leaves the tag out: the number alone says whose it is.
        return image("complete", units, order_id=number, quantity=units, state=OrderState.FILLED, tag=None)

    tracks, state = begun(), order(OrderState.SENT, quantity=195)
    tracks.accepted("VG-1", ["A", "B"], TS)
    track = tracks.get("VG-1")
    assert track is not None and track.key == KEY
    tracks.saw(filled("A", 130), TS)
    tracks.saw(image("open", 0, order_id="B", quantity=65, tag=None), TS)
    parts = [
        replace(trade("T1", 130), order_id="A", price=Decimal("10.00")),
        replace(trade("T2", 65), order_id="B", price=Decimal("11.00")),
    ]
    tracks.traded(track, parts[:1], TS)
    for event in tracks.drain(TS):
        state = folded(state, event)
    assert (state.state, state.filled_quantity, track.live_ids) == (OrderState.PARTIAL, 130, ("B",))
    tracks.saw(filled("B", 65), TS)
    tracks.traded(track, parts, TS)
    last = list(tracks.drain(TS))
    assert [(one.fill_id, one.price) for one in last if isinstance(one, OrderFilled)] == [
        ("T2", Decimal("11.00"))
    ]
    for event in last:
        state = folded(state, event)
    assert (state.state, state.filled_quantity) == (OrderState.FILLED, 195)
