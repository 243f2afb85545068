"""Bugs 18 to 26 of other programs, about legs that are filled in part and exits that are not exits."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.fakes import TS, approval
from tests.museum.broker import Watched
from tests.museum.scene import Scene
from tests.simulator.upstox_server.desk import FAR_CALL, shot
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire_order_bodies import place_body
from volguard.execution.basket import uncovered_units
from volguard.model.book import TradeState
from volguard.model.event import OrderFilled, TradeChanged
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Purpose
from volguard.simulator.upstox_server.messages import Request, Response

LOOKS_MAX = 8


@pytest.fixture
def desk() -> Iterator[Watched]:
    """A broker over the look-alike."""
    made = Watched()
    yield made
    made.shut()


def opened_names(scene: Scene) -> list[str]:
    return [r.trade_id for r in scene.records if isinstance(r, TradeChanged) and r.state == TradeState.OPEN]


def end_all_leaving(scene: Scene) -> None:
    """Every order whose cancel was asked for ends, with what is filled of it."""
    for order in scene.alive():
        if order.cancel_requested_at is not None:
            scene.word(order.request.tag, OrderState.CANCELLED, filled=order.filled_quantity)


def to_close(scene: Scene) -> dict[object, int]:
    """Units that live orders close, signed, by contract."""
    found: dict[object, int] = {}
    for order in scene.alive():
        if order.request.purpose is Purpose.CLOSE:
            units = order.request.side.sign * order.open_quantity
            found[order.request.contract] = found.get(order.request.contract, 0) + units
    return found


def assert_only_closing(scene: Scene) -> None:
    """No more is on its way out than is held, and every short has its long."""
    held = scene.units()
    for contract, units in to_close(scene).items():
        there = held.get(contract, 0)  # type: ignore[call-overload]
        assert units * there < 0 and abs(units) <= abs(there), scene.desk.now
    assert uncovered_units(scene.desk.book.positions) == 0


def test_museum_18_legs_that_are_never_cancelled(desk: Watched) -> None:
    """An entry that does not fill in its time is taken off, each leg of it, until it is off."""
    scene = Scene.entering()
    hedges = {one.tag for one in scene.placed()}
    for tag in hedges:
        scene.word(tag, OrderState.OPEN)
    while not scene.cancelled():
        scene.look()
        assert scene.looks < 4 + LOOKS_MAX
    assert set(scene.cancelled()) == hedges
    asked = len(scene.effects)
    scene.look()  # nothing came of it: the request itself may be lost
    assert set(scene.cancelled(since=asked)) == hedges
    end_all_leaving(scene)
    assert scene.alive() == () and scene.trade().state is TradeState.ABANDONED

    desk.place(approval(contract=FAR_CALL, limit_price="20.00"))
    desk.told(1)
    desk.cancel("VG-1", desk.clock.now())
    assert desk.states(5) == [("VG-1", "CANCELLED")]
    assert [one.word.value for one in desk.core.exchange.orders.values()] == ["cancelled"]


def test_museum_19_success_with_a_leg_missing() -> None:
    """Three legs of four are no trade: it is never called open, and is closed again, shorts first."""
    scene = Scene.entering()
    scene.fill_all()
    scene.look()
    filled, missing = scene.placed(side=Side.SELL)
    scene.fill(filled.tag)
    scene.word(missing.tag, OrderState.OPEN)
    while not scene.cancelled():
        scene.look()
        assert scene.looks < 4 + LOOKS_MAX
    assert scene.cancelled() == [missing.tag]
    end_all_leaving(scene)
    while scene.units():
        scene.look()
        assert_only_closing(scene)
        for order in scene.alive():
            scene.fill(order.request.tag)
            assert_only_closing(scene)
        assert scene.looks < 4 + 2 * LOOKS_MAX
    assert opened_names(scene) == [] and "basket_flattened" in scene.alerts()
    assert scene.trade().state is TradeState.CLOSED


def test_museum_20_frozen_at_the_first_part(desk: Watched) -> None:
    """Parts add up as they come, over the wire as in the order machine, until the last unit."""
    desk.place(approval(contract=FAR_CALL, limit_price="40.00", quantity=195))
    told = []
    for number in range(1, 4):
        told += list(desk.fills_at(shot(15.0 * number, size=65)))
    fills = [event for event in told if isinstance(event, OrderFilled)]
    assert [fill.quantity for fill in fills] == [65, 65, 65] and len({fill.fill_id for fill in fills}) == 3
    scene = Scene.entering()
    (hedge, _) = scene.placed()
    for count, units in enumerate((65, 130, 195), start=1):
        scene.word(hedge.tag, OrderState.PARTIAL, filled=65)  # the word of the first part, again and again
        scene.fill(hedge.tag, units)
        order = scene.order(hedge.tag)
        assert order.filled_quantity == (65, 195, 390)[count - 1]
    assert order.state is OrderState.FILLED and scene.units() == {hedge.contract: 390}


def test_museum_21_rollback_of_what_was_asked_for() -> None:
    """What is taken back is what was filled, late fills too, in one order at a time: it never turns round."""
    scene = Scene.entering()
    part, other = scene.placed()
    scene.fill(part.tag, 65)
    scene.word(other.tag, OrderState.OPEN)
    while not scene.cancelled():
        scene.look()
    end_all_leaving(scene)
    scene.look()
    (exit_one,) = scene.placed(purpose=Purpose.CLOSE)
    assert (exit_one.contract, exit_one.side, exit_one.quantity) == (part.contract, Side.SELL, 65)
    scene.word(exit_one.tag, OrderState.UNKNOWN)  # its answer is lost: no second one until it is known
    for _ in range(3):
        scene.look()
    assert scene.placed(purpose=Purpose.CLOSE) == [exit_one]
    scene.word(exit_one.tag, OrderState.OPEN)
    scene.fill(part.tag, 65)  # the cancel lost the race for one lot
    scene.fill(exit_one.tag)
    for _ in range(LOOKS_MAX):
        scene.look()
        assert_only_closing(scene)
        for order in scene.alive():
            if order.request.purpose is Purpose.CLOSE:
                scene.fill(order.request.tag)
    sold = [one.quantity for one in scene.placed(purpose=Purpose.CLOSE) if one.contract == part.contract]
    assert sum(sold) == 130 and part.contract not in scene.units()


def test_museum_22_closed_without_a_fill() -> None:
    """An exit that was sent, taken and called complete closes nothing: its executions do."""
    scene = Scene.holding()
    before = scene.units()
    scene.flatten()
    scene.look()
    exits = scene.placed(purpose=Purpose.CLOSE)
    assert {one.side for one in exits} == {Side.BUY}
    for one in exits:
        scene.word(one.tag, OrderState.OPEN)
        scene.word(one.tag, OrderState.FILLED, filled=one.quantity)
        scene.look()
    assert scene.units() == before and scene.trade().state is TradeState.CLOSING
    assert scene.trade().closed_at is None and scene.placed(purpose=Purpose.CLOSE) == exits
    while scene.units():
        scene.fill_all()
        scene.look()
    assert scene.trade().state is TradeState.CLOSED and scene.trade().closed_at is not None


def test_museum_23_two_exits_for_one_short() -> None:
    """However often and for whatever reason it is closed, no more is on its way than is held.

    The broker's own triggers, which nobody watches, are not used at all.
    """
    scene = Scene.holding()
    scene.flatten()
    for number in range(LOOKS_MAX):
        scene.look()
        scene.flatten()
        assert_only_closing(scene)
        for order in scene.alive():
            if number % 2:
                scene.fill(order.request.tag, 130)
            else:
                scene.word(order.request.tag, OrderState.OPEN, filled=order.filled_quantity)
            assert_only_closing(scene)
    table = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]
    assert len(table) > 30 and not [one.name for one in table if "gtt" in one.path.lower()]


def test_museum_24_protection_taken_off_first() -> None:
    """The long is sold when its short has been bought back; a refused exit leaves it where it is."""
    scene = Scene.holding()
    longs = {contract: units for contract, units in scene.units().items() if units > 0}
    scene.flatten()
    for _ in range(3):
        scene.look()
        for order in scene.alive():
            assert order.request.side is Side.BUY
            scene.word(order.request.tag, OrderState.REJECTED)
    assert scene.placed(purpose=Purpose.CLOSE, side=Side.SELL) == [] and scene.cancelled() == []
    assert {c: u for c, u in scene.units().items() if u > 0} == longs
    assert len({one.tag for one in scene.placed(purpose=Purpose.CLOSE)}) >= 4  # it is tried again, each time
    scene.look()
    (first, second) = scene.alive()
    scene.fill(first.request.tag)
    scene.fill(second.request.tag, 325)
    scene.look()
    sold = {one.contract for one in scene.placed(purpose=Purpose.CLOSE, side=Side.SELL)}
    assert {c.option_type for c in sold} == {first.request.contract.option_type}


def test_museum_25_exit_under_another_product(desk: Watched) -> None:
    """An exit closes the row that the entry opened: same product, and nothing left over."""
    desk.place(approval(contract=FAR_CALL, limit_price="40.00"))
    list(desk.fills_at(shot(15)))
    (held,) = desk.reads.positions()
    closing = approval(
        desk.clock.now(),
        tag="VG-2",
        contract=FAR_CALL,
        side=Side.SELL,
        purpose=Purpose.CLOSE,
        limit_price="20.00",
    )
    desk.place(closing)
    list(desk.fills_at(shot(30)))
    (left,) = desk.reads.positions()
    assert (held.quantity, left.quantity, left.product) == (65, 0, held.product)
    bodies = [place_body(one.request, held.key) for one in (approval(contract=FAR_CALL), closing)]
    assert {body.product for body in bodies} == {held.product}


def test_museum_26_another_tag_and_no_segment(desk: Watched) -> None:
    """Orders are found by the very tag that they were sent with, and the broker's sweep reaches them all.

    It goes by segment, one that the broker knows, and names no tag: a tag would reach intraday rows alone.
    """
    asked: list[Request] = []
    handle = desk.core.handle

    def answer(sent: Request) -> Response:
        asked.append(sent)
        return handle(sent)

    desk.core.handle = answer  # type: ignore[method-assign]
    desk.place(approval(tag="VGabcd1234-T001-E-000", contract=FAR_CALL, limit_price="40.00"))
    assert [
        one.tag for one in desk.reads.orders_of_tag("VGabcd1234-T001-E-000")
    ] == desk.core.exchange.accepted_tags
    list(desk.fills_at(shot(15)))
    assert len(desk.broker.exit_all().order_ids) == 1
    swept = [one.query for one in asked if one.path.endswith("/positions/exit")]
    assert swept == [{"segment": "NSE_FO"}]
    desk.reach(TS + timedelta(seconds=20))
    list(desk.fills_at(shot(30)))
    assert [held.quantity for held in desk.reads.positions()] == [0]
    with pytest.raises(ApiFailure):  # the look-alike tells a segment that does not exist
        desk.client.call(endpoints.EXIT_ALL, query={"segment": "SEC"}, body={})
