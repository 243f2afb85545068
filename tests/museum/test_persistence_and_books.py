"""Bugs 10 to 17 of other programs, about what is written down and what the broker says is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.execution.test_reconcile import book_of, diff, fill, mirror, their_position
from tests.fakes import MemoryJournal, approval, make_runner
from tests.museum.broker import Nothing, Watched, struck
from tests.museum.scene import ENGINE, Scene, crash_day
from tests.simulator.upstox_server.desk import FAR_CALL, shot
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_account import PositionRow
from volguard.engine.state import State
from volguard.execution.reconcile import DifferenceKind
from volguard.model.book import TradeState
from volguard.model.broker import BrokerView
from volguard.model.decision import Approved, TradingState
from volguard.model.errors import JournalWriteFailed
from volguard.model.event import Event, MarketSnapshot, OperatorCommand, OperatorSpoke, Place
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderState
from volguard.simulator.upstox_server.faults import FaultName

K = DifferenceKind
NOBODY = BrokerView(orders=(), trades=(), positions=())


@pytest.fixture
def desk() -> Iterator[Watched]:
    """A broker over the look-alike."""
    made = Watched()
    yield made
    made.shut()


def test_museum_10_stored_before_it_is_filled() -> None:
    """What is sent is no position, and its limit no price; what cannot be written down is not sent.

    A journal that fails ends the session before the order leaves.
    """
    scene = Scene.entering()
    (hedge, _) = scene.placed()
    assert scene.units() == {} and scene.trade().fills == () and scene.trade().state is TradeState.OPENING
    scene.fill(hedge.tag, 65, price=hedge.limit_price - Decimal("0.55"))
    assert scene.units() == {hedge.contract: 65}
    assert [one.price for one in scene.trade().fills] == [hedge.limit_price - Decimal("0.55")]

    left: list[str] = []

    class Edge(Nothing):
        def place(self, approved: Approved) -> None:
            left.append(approved.request.tag)

    def full(event: Event) -> None:
        if isinstance(event, MarketSnapshot) and event.ts >= scene.events[-2].ts:  # the look that would enter
            raise JournalWriteFailed("the disk is full", hint="make room")

    journal = MemoryJournal(on_commit=full)
    runner = make_runner(crash_day().market, journal, engine=ENGINE, exchange=Edge())
    with pytest.raises(JournalWriteFailed):
        runner.run(tuple(Scene.opened().events), State())
    assert left == [] and journal.steps != [] and not any(isinstance(e, Place) for e in journal.effects)


@pytest.mark.parametrize("filled", [0, 1, 2, 3, 4])
def test_museum_11_recorded_after_all_legs(filled: int) -> None:
    """Wherever a process dies between the legs, the journal alone brings back each leg and open order."""
    scene = Scene.entering()
    for _ in range(filled):
        scene.fill(scene.alive()[0].request.tag)
        if not scene.alive():
            scene.look()
    fresh = scene.restarted()
    assert fresh.desk == scene.desk
    assert sum(abs(units) for units in fresh.units().values()) == 390 * filled
    told = {one.tag for one in scene.placed()}
    assert {order.request.tag for order in fresh.desk.book.orders} == told
    assert len(fresh.alive()) == len(told) - filled


def orphaned(units: int, contract: OptionContract = FAR_CALL) -> BrokerView:
    position = replace(their_position(contract, units), last_price=Decimal("30.00"))
    return BrokerView(orders=(), trades=(), positions=(position,))


def test_museum_12_orphans_injected_and_ghosts_closed() -> None:
    """What the broker holds and we do not is told, and so is the reverse; only the operator's word adopts it.

    No reading of the broker's book ever writes into ours.
    """
    scene = Scene.opened(broker="upstox")
    for _ in range(6):
        scene.read(orphaned(-65))
    assert scene.desk.book.trades == () and "held_elsewhere" in scene.alerts()
    scene.look()
    scene.look()
    assert scene.placed() == [] and scene.desk.trading_state is not TradingState.ACTIVE
    scene.tell(OperatorSpoke(ts=scene.soon(), command=OperatorCommand.ADOPT))
    assert scene.units() == {FAR_CALL: -65}

    held = Scene.holding(broker="upstox")
    before = held.units()
    for _ in range(6):
        held.read(NOBODY)  # all of it gone, says the broker
    assert held.units() == before and held.trade().state is TradeState.OPEN
    assert held.desk.trading_state is TradingState.HALTED and held.alerts()[-1] == "mismatch"


def test_museum_13_a_field_that_is_not_sent(desk: Watched) -> None:
    """The quantity of a position is read by the name under which it is sent; a row without it is no zero."""
    desk.place(approval(contract=FAR_CALL, limit_price="40.00"))
    list(desk.fills_at(shot(15)))
    (held,) = desk.reads.positions()
    assert (held.contract, held.quantity) == (FAR_CALL, 65)
    row = (
        '"product":"D","instrument_token":"NSE_FO|1","buy_value":1.0,"sell_value":0.0,"overnight_quantity":0'
    )
    body = f'{{"status":"success","data":[{{{row},"net_quantity":65}}]}}'
    with pytest.raises(ApiFailure, match=r"positions.*quantity"):
        data_of(body.encode(), list[PositionRow], endpoints.POSITIONS)


@pytest.mark.parametrize(("theirs", "found"), [(65, []), (-65, [K.POSITION]), (130, [K.POSITION])])
def test_museum_14_sizes_without_their_sign(theirs: int, found: list[DifferenceKind]) -> None:
    """Long 65 is not short 65."""
    book = book_of(fill(1))
    (position,) = book.positions
    view = replace(mirror(book), positions=(their_position(position.contract, theirs),))
    assert [one.kind for one in diff(book, view)] == found


def test_museum_15_a_failed_query_is_a_flat_book(desk: Watched) -> None:
    """A book that cannot be read raises at the wire, is told as unread, and closes nothing in ours."""
    desk.place(approval(contract=FAR_CALL, limit_price="40.00"))
    list(desk.fills_at(shot(15)))
    for name in (FaultName.SERVER_ERROR_BEFORE, FaultName.EMPTY_400, FaultName.HTML_403):
        desk.arm(struck(name, "positions", times=99))
        with pytest.raises(ApiFailure):
            desk.reads.positions()
    scene = Scene.holding(broker="upstox")
    before = scene.units()
    blind = BrokerView(orders=None, trades=None, positions=None, unread="HTTP 503")
    for _ in range(3):
        scene.read(blind)
    assert scene.units() == before and scene.desk.mismatches == ()
    assert scene.desk.trading_state is TradingState.HALTED and "broker_unread" in scene.alerts()


def test_museum_16_counts_compared_with_counts() -> None:
    """As many positions on either side, of the same size: other contracts and sides are differences each."""
    book = book_of(fill(1))
    (position,) = book.positions
    other = replace(position.contract, strike=position.contract.strike + 100)
    view = replace(mirror(book), positions=(their_position(other, position.quantity),))
    assert sorted(one.kind for one in diff(book, view)) == [K.GHOST_POSITION, K.ORPHAN_POSITION]
    turned = replace(mirror(book).trades[0], side=Side.SELL)  # type: ignore[index]
    assert [one.kind for one in diff(book, replace(mirror(book), trades=(turned,)))] == [K.TRADE_TERMS]


def test_museum_17_a_mismatch_that_is_only_told() -> None:
    """A book that is not the broker's stops what leaves: no new risk at first, nothing at all in the end."""
    scene = Scene.holding(broker="upstox")
    assert scene.desk.trading_state is TradingState.ACTIVE
    gone = mirror(scene.desk.book)
    assert gone.positions is not None
    gone = replace(gone, positions=gone.positions[1:])
    scene.read(gone)
    scene.read(gone)
    assert scene.desk.trading_state is TradingState.REDUCING
    scene.read(gone)
    scene.read(gone)
    assert scene.desk.trading_state is TradingState.HALTED
    sent = len(scene.effects)
    while scene.looks < 64:  # a short's stop is hit on the way: on a book that is untrue nothing is sent
        scene.look()
    assert scene.placed(since=sent) == [] and scene.cancelled(since=sent) == []
    assert scene.alerts(since=sent).count("mismatch") > 1  # and the operator is paged
    assert OrderState.FILLED in {order.state for order in scene.desk.book.orders}
