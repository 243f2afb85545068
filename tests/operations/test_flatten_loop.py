"""The flatten against the look-alike: flat in the right order, or exactly what remains and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.operations.flatten_scene import (
    CONDORS,
    LONG_CALLS,
    LOT,
    SHORT_CALLS,
    SHORT_PUTS,
    SHORTS,
    FlattenScene,
    dead,
)
from tests.simulator.upstox_server.desk import fair
from volguard.adapters.side_file import read_side_file
from volguard.measure.broker_net import OUR_PRODUCT
from volguard.model.instrument import OptionContract, Side
from volguard.operations.flatten_loop import FlattenOutcome, FlattenState
from volguard.simulator.exchange_orders import OrderType, Word
from volguard.simulator.upstox_server.faults import FaultName, FaultRule


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FlattenScene]:
    """Three condors, nothing wrong yet."""
    made = FlattenScene(tmp_path)
    yield made
    made.close()


def left(outcome: FlattenOutcome) -> dict[OptionContract | None, int]:
    return {one.holding.contract: one.holding.quantity for one in outcome.remaining}


def ours(scene: FlattenScene) -> list[str]:
    return [tag for tag in scene.core.exchange.accepted_tags if tag.startswith("FL")]


def test_twelve_legs_are_closed_shorts_first(scene: FlattenScene) -> None:
    """Each leg by one order; no long leaves while a short of its kind is held; zero is read twice."""
    scene.hold()
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and scene.held == {}
    assert len(ours(scene)) == len(set(ours(scene))) == len(CONDORS)
    assert scene.uncovered() == []
    kinds = [row.kind for row in read_side_file(scene.side_file or Path()).rows]
    assert Counter(kinds)["OrderSent"] == len(CONDORS) and Counter(kinds)["ReadZero"] == 2


def test_nothing_held_is_flat_after_two_readings(scene: FlattenScene) -> None:
    """No order is sent."""
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and scene.core.exchange.accepted_tags == []
    assert scene.last.zero_reads == 2


def test_a_frozen_short_remains_with_the_one_long_that_covers_it(scene: FlattenScene) -> None:
    """Its order goes on resting; the other five shorts and five longs are closed; nothing is swept."""
    scene.hold()
    frozen = SHORT_CALLS[0]
    scene.core.freeze(frozen, for_s=3600.0)
    outcome = scene.run(deadline_s=50.0, order_budget_s=10.0)
    assert outcome.state is FlattenState.NOT_FLAT and outcome.sweeps == 0
    assert left(outcome) == {frozen: -LOT, LONG_CALLS[0]: LOT} == scene.held
    assert "rests at" in outcome.remaining[0].why and "covers" in outcome.remaining[1].why
    assert scene.uncovered() == []
    (working,) = outcome.working
    assert working.contract == frozen and working.side is Side.BUY


def test_a_frozen_long_remains_alone_and_the_next_run_ends_flat(scene: FlattenScene) -> None:
    """The order that rests from the first run is counted: the second sends no twin of it."""
    scene.hold()
    frozen = LONG_CALLS[0]
    scene.core.freeze(frozen, for_s=100.0)
    first = scene.run(deadline_s=40.0, order_budget_s=10.0)
    assert first.state is FlattenState.NOT_FLAT and left(first) == {frozen: LOT}
    second = scene.run(deadline_s=200.0)
    assert second.state is FlattenState.FLAT and scene.held == {}


def test_a_lost_reply_is_no_second_order(scene: FlattenScene) -> None:
    """Every second reply is lost after the broker took the order: it is found by its tag."""
    scene.hold()
    scene.arm(FaultRule(name=FaultName.DROPPED_REPLY, every=2, where=frozenset({"place"})))
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT
    assert len(ours(scene)) == len(set(ours(scene))) == len(CONDORS)


def test_an_order_that_never_arrived_is_sent_again_under_another_tag(scene: FlattenScene) -> None:
    """Only after two readings without it."""
    scene.hold({SHORTS[0]: -LOT})
    scene.arm(dead("place", times_max=1))
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT
    rows = read_side_file(scene.side_file or Path()).rows
    assert [row.body["readings"] for row in rows if row.kind == "OrderAbsent"] == [1, 2]
    assert len(ours(scene)) == 1


def test_when_one_way_of_placing_is_dead_the_other_is_taken(scene: FlattenScene) -> None:
    """The order host answers nothing but errors; orders go out by the other host, none twice."""
    scene.hold()
    scene.arm(dead("place"))
    outcome = scene.run(deadline_s=120.0, order_budget_s=60.0)
    assert outcome.state is FlattenState.FLAT
    assert len(ours(scene)) == len(set(ours(scene)))


def test_when_no_order_is_taken_the_broker_closes_it(scene: FlattenScene) -> None:
    """Both ways of placing refuse: exit-all, once, and nothing of ours rests meanwhile."""
    scene.hold({contract: CONDORS[contract] for contract in (SHORT_CALLS[0], LONG_CALLS[0])})
    scene.arm(dead("place", name=FaultName.EMPTY_400), dead("multi_place", name=FaultName.EMPTY_400))
    outcome = scene.run(deadline_s=150.0, order_budget_s=30.0)
    assert outcome.sweeps == 1 and outcome.state is FlattenState.FLAT
    assert ours(scene) == []


def test_dead_quotes_leave_the_last_price_and_the_band(scene: FlattenScene) -> None:
    """It is said, and closed all the same."""
    scene.hold()
    scene.arm(dead("quotes"))
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and scene.uncovered() == []
    assert any("last prices" in line for line in scene.said)
    assert "quotes" in outcome.troubles


def test_positions_that_cannot_be_read_are_not_flat(scene: FlattenScene) -> None:
    """An empty account, but nobody says so: not known, and no blind order."""
    scene.arm(dead("positions"))
    outcome = scene.run(deadline_s=20.0)
    assert outcome.state is FlattenState.NOT_KNOWN and "positions" in outcome.troubles
    assert scene.core.exchange.accepted_tags == []


def test_an_order_book_that_cannot_be_read_sends_nothing(scene: FlattenScene) -> None:
    """What rests already is not known, so nothing is sent that could be its twin."""
    scene.hold()
    scene.arm(dead("order_book"))
    outcome = scene.run(deadline_s=20.0)
    assert outcome.state is FlattenState.NOT_FLAT and len(outcome.remaining) == len(CONDORS)
    assert ours(scene) == []


def test_a_token_that_dies_pages_and_ends_unknown(scene: FlattenScene) -> None:
    """The operator is told at once: a new token would be taken up."""
    scene.hold()
    scene.token = None
    outcome = scene.run(deadline_s=10.0)
    assert outcome.state is FlattenState.NOT_KNOWN
    assert len(scene.pages) == 1 and "token" in scene.pages[0]


def test_a_new_token_in_mid_flatten_is_taken_up(scene: FlattenScene) -> None:
    """The loop asks for the token at each call."""
    scene.hold({SHORTS[0]: -LOT})
    given, scene.token = scene.token, None

    def log_in_after_a_while() -> bool:
        if scene.clock.monotonic_s() > 5.0:
            scene.token = given
        return False

    assert scene.run(deadline_s=60.0, stopped=log_in_after_a_while).state is FlattenState.FLAT


def test_orders_that_would_add_are_taken_off_and_exits_that_work_stay(scene: FlattenScene) -> None:
    """An entry in another contract and more of the same short go; the exit that the market reaches fills."""
    scene.hold({SHORTS[0]: -LOT})
    entry = scene.rest(SHORT_PUTS[0], Side.BUY, LOT, "100.00")
    more = scene.rest(SHORTS[0], Side.SELL, LOT, "200.00")
    works = scene.rest(SHORTS[0], Side.BUY, LOT, str(round(fair(SHORTS[0]) * 1.1)))
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT
    assert entry.word is Word.CANCELLED and more.word is Word.CANCELLED
    assert works.word is Word.COMPLETE and ours(scene) == []


def test_a_stop_gives_way_to_an_exit_that_can_be_placed(scene: FlattenScene) -> None:
    """It is gone before ours leaves: both together would close the short twice."""
    scene.hold({SHORTS[0]: -LOT})
    stop = scene.rest(
        SHORTS[0],
        Side.BUY,
        LOT,
        "185.00",
        order_type=OrderType.SL,
        trigger_price=Decimal("180.00"),
    )
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and scene.held == {}
    assert stop.word is Word.CANCELLED and len(ours(scene)) == 1


def test_without_quotes_a_stop_stays_until_the_brokers_exit_all(scene: FlattenScene) -> None:
    """The protection is not taken away for an order that cannot be priced."""
    scene.hold({SHORTS[0]: -LOT})
    stop = scene.rest(
        SHORTS[0],
        Side.BUY,
        LOT,
        "185.00",
        order_type=OrderType.SL,
        trigger_price=Decimal("180.00"),
    )
    scene.arm(dead("quotes"))
    outcome = scene.run(deadline_s=40.0, order_budget_s=15.0)
    assert outcome.state is FlattenState.FLAT and stop.word is Word.CANCELLED
    rows = read_side_file(scene.side_file or Path()).rows
    acts = [row.kind for row in rows if row.kind in ("CancelSent", "ExitAllDecided", "ExitAllSent")]
    assert acts == ["ExitAllDecided", "CancelSent", "ExitAllSent"]


def test_a_cancel_that_always_fails_is_said_and_nothing_is_doubled(scene: FlattenScene) -> None:
    """The foreign order stays, so the account is not proven flat."""
    scene.hold({SHORTS[0]: -LOT})
    scene.rest(SHORT_PUTS[0], Side.BUY, LOT, "100.00")
    scene.arm(dead("cancel"))
    outcome = scene.run(deadline_s=20.0)
    assert outcome.state is FlattenState.NOT_FLAT and scene.held == {}
    assert "cancels" in outcome.troubles and len(outcome.working) == 1


def test_another_product_is_left_to_the_broker(scene: FlattenScene) -> None:
    """An order of ours would open a second position beside an intraday one: exit-all closes it."""
    side = Side.BUY
    order = scene.rest(SHORTS[0], side, LOT, str(round(fair(SHORTS[0]) * 1.1)), product="I")
    scene.clock.advance(6.0)
    scene.core.advance()
    assert order.word is Word.COMPLETE
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and outcome.sweeps == 1
    assert scene.held == {} and ours(scene) == []
    assert OUR_PRODUCT == "D"


def test_the_brokers_exit_all_waits_until_nothing_of_ours_can_fill(scene: FlattenScene) -> None:
    """An order of ours that cannot be taken off and one of the broker's would close the same twice."""
    scene.hold({SHORTS[0]: -LOT})
    scene.core.freeze(SHORTS[0], for_s=3600.0)
    carried = scene.rest(SHORT_PUTS[0], Side.BUY, LOT, "165.00", product="I")
    scene.clock.advance(6.0)
    scene.core.advance()
    assert carried.word is Word.COMPLETE
    scene.arm(dead("cancel", "multi_cancel"))
    outcome = scene.run(deadline_s=40.0, order_budget_s=5.0)
    assert outcome.state is FlattenState.NOT_FLAT and outcome.sweeps == 0
    assert left(outcome) == {SHORTS[0]: -LOT, SHORT_PUTS[0]: LOT} == scene.held


def test_without_an_instrument_file_the_broker_closes_all(scene: FlattenScene) -> None:
    """No contract is known, so no order of ours can be made."""
    scene.hold({contract: CONDORS[contract] for contract in (SHORT_CALLS[0], LONG_CALLS[0])})
    scene.master = None
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and outcome.sweeps == 1


def test_an_exit_all_whose_reply_is_lost_is_not_repeated(scene: FlattenScene) -> None:
    """It may have happened: the books are read, and it had."""
    scene.hold({SHORTS[0]: -LOT})
    scene.master = None
    scene.arm(dead("exit_all", name=FaultName.DROPPED_REPLY))
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT and outcome.sweeps == 1 and scene.held == {}
    assert len(scene.core.exchange.orders) == 2  # the one that opened it and the one that closed it


def test_the_operator_stops_it(scene: FlattenScene) -> None:
    """Nothing more is sent after the word; what remains is said."""
    scene.hold()
    outcome = scene.run(stopped=lambda: True)
    assert outcome.state is FlattenState.INTERRUPTED
    assert len(outcome.remaining) == len(CONDORS) and ours(scene) == []


def test_more_than_the_freeze_quantity_leaves_in_slices(scene: FlattenScene) -> None:
    """Each below it, each under a tag of its own."""
    scene.hold({SHORTS[0]: -30 * LOT})
    outcome = scene.run()
    assert outcome.state is FlattenState.FLAT
    assert [int(tag.split("-")[2]) for tag in ours(scene)] == [1, 2]
