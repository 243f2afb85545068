"""An order whose answer was lost: sought by its tag, never sent again, absent only when twice not found."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.engine.turns import ENGINE, alerts, make_state, make_turn
from tests.fakes import TS, order
from volguard.engine.state import State, Step
from volguard.engine.unknown_orders import unknown_orders
from volguard.model.book import Book
from volguard.model.decision import TradingState
from volguard.model.errors import InvariantBroken
from volguard.model.event import (
    Alert,
    Cancel,
    Event,
    Modify,
    OrderAbsent,
    OrderUpdated,
    Place,
    Query,
    TimePassed,
)
from volguard.model.order import Order, OrderState

DELAY_S = ENGINE.settings.execution.absence_delay_s
TAG = "VG-1"


def word(state: OrderState, seconds: float = 1.0, filled: int = 0) -> OrderUpdated:
    """What the broker says of the order."""
    return OrderUpdated(
        ts=TS + timedelta(seconds=seconds), tag=TAG, state=state, filled_quantity=filled, broker_order_id="B1"
    )


def absent(seconds: float) -> OrderAbsent:
    return OrderAbsent(ts=TS + timedelta(seconds=seconds), tag=TAG)


def passed(seconds: float) -> TimePassed:
    return TimePassed(ts=TS + timedelta(seconds=seconds))


def take(state: State, *events: Event) -> tuple[State, list[Step]]:
    """Some events, one after the other."""
    steps = []
    for event in events:
        steps.append(ENGINE.step(state, event))
        state = steps[-1].state
    return state, steps


def sent(state: OrderState = OrderState.SENT) -> State:
    """A session with one order out and nothing else."""
    return make_state(book=Book(orders=(order(state, tag=TAG),)))


def the_order(state: State) -> Order:
    assert state.desk is not None
    found = state.desk.book.order(TAG)
    assert found is not None
    return found


def queries(steps: list[Step]) -> list[float]:
    """Seconds after the start of every reading that was asked for."""
    return [
        (effect.ts - TS).total_seconds()
        for step in steps
        for effect in step.effects
        if isinstance(effect, Query)
    ]


def test_a_lost_reply_is_sought_at_once_and_stops_new_risk() -> None:
    """The book is read by tag in the same step; nothing is sent but that."""
    state, steps = take(sent(), word(OrderState.UNKNOWN))
    assert queries(steps) == [1.0]
    assert not [e for e in steps[0].effects if isinstance(e, Place | Modify | Cancel)]
    assert state.desk is not None and state.desk.trading_state is TradingState.REDUCING
    assert state.desk.degraded_by == ("order_unknown",)
    assert ENGINE.waits_for_time(state)


def test_it_is_sought_again_after_the_delay_and_not_before() -> None:
    """A broker that is asked without pause is one that stops answering."""
    state, _ = take(sent(), word(OrderState.UNKNOWN))
    times = [2.0, 1.0 + DELAY_S - 0.5, 1.0 + DELAY_S, 2.0 + DELAY_S, 1.0 + 2 * DELAY_S]
    _, steps = take(state, *(passed(seconds) for seconds in times))
    assert queries(steps) == [1.0 + DELAY_S, 1.0 + 2 * DELAY_S]


def test_one_reading_without_it_proves_nothing() -> None:
    """The broker's book may lag behind its own acceptance."""
    state, _ = take(sent(), word(OrderState.UNKNOWN), absent(1.5))
    assert the_order(state).state is OrderState.UNKNOWN
    state, _ = take(state, absent(1.6))  # a doubled answer is no second reading
    assert the_order(state).state is OrderState.UNKNOWN


def test_two_readings_with_time_between_count_as_absent() -> None:
    """It never reached the exchange: the order ends as DENIED, with the proof in its reason."""
    state, steps = take(sent(), word(OrderState.UNKNOWN), absent(1.5), absent(1.5 + DELAY_S))
    ended = the_order(state)
    assert ended.state is OrderState.DENIED and not ended.may_fill
    assert "2 readings" in ended.reason
    assert [e.code for e in steps[-1].effects if isinstance(e, Alert)] == ["order_absent"]
    assert state.desk is not None and unknown_orders(state.desk) == ()
    assert not ENGINE.waits_for_time(state)


@pytest.mark.parametrize("found", [OrderState.OPEN, OrderState.CANCELLED, OrderState.REJECTED])
def test_what_the_book_says_ends_the_doubt(found: OrderState) -> None:
    """Found by its tag: it is what the broker says it is, and is asked for no more."""
    state, _ = take(sent(), word(OrderState.UNKNOWN), absent(1.5), word(found, 3.0))
    assert the_order(state).state is found
    _, steps = take(state, passed(60.0), passed(120.0))
    assert queries(steps) == []


def test_an_absent_order_that_appears_is_taken_off_at_once() -> None:
    """It was given up; whatever needed it is undone already: it may not fill now."""
    state, _ = take(sent(), word(OrderState.UNKNOWN), absent(1.5), absent(1.5 + DELAY_S))
    state, steps = take(state, word(OrderState.OPEN, 30.0))
    assert [e.tag for e in steps[-1].effects if isinstance(e, Cancel)] == [TAG]
    assert "order_appeared" in [e.code for e in steps[-1].effects if isinstance(e, Alert)]
    assert the_order(state).cancel_requested_at == TS + timedelta(seconds=30)


def test_a_refused_order_that_lives_is_sought_and_taken_off() -> None:
    """The reply said no, the stream says it lives: the book is asked, and what nobody needs is cancelled."""
    state, steps = take(sent(), word(OrderState.REJECTED), word(OrderState.OPEN, 2.0))
    assert the_order(state).state is OrderState.UNKNOWN and queries(steps) == [2.0]
    assert not [e for e in steps[-1].effects if isinstance(e, Cancel)]
    assert state.desk is not None and state.desk.trading_state is TradingState.REDUCING
    state, steps = take(state, word(OrderState.UNKNOWN, 2.5), word(OrderState.OPEN, 3.0))
    assert [[e.tag for e in step.effects if isinstance(e, Cancel)] for step in steps] == [[], [TAG]]
    assert "order_appeared" in [e.code for e in steps[-1].effects if isinstance(e, Alert)]
    state, _ = take(state, word(OrderState.CANCELLED, 4.0))
    assert the_order(state).state is OrderState.CANCELLED


def test_a_late_word_of_absence_changes_nothing() -> None:
    """The order was found meanwhile: an older reading that lacked it is no news."""
    state, _ = take(sent(), word(OrderState.UNKNOWN), word(OrderState.OPEN, 2.0), absent(3.0), absent(30.0))
    assert the_order(state).state is OrderState.OPEN


def test_absence_of_an_order_that_was_never_ours_is_an_error() -> None:
    """The answer to a question that was not asked: the book does not add up."""
    with pytest.raises(InvariantBroken, match="VG-1"):
        ENGINE.step(make_state(), absent(1.0))


def test_time_alone_changes_nothing_else() -> None:
    """A tick of the clock with nothing to wait for leaves the desk as it was."""
    before = sent(OrderState.OPEN)
    after, steps = take(before, passed(5.0))
    assert steps[0].effects == () and steps[0].records == ()
    assert before.desk is not None
    assert after.desk == replace(before.desk, now=TS + timedelta(seconds=5))
    assert alerts(make_turn()) == []
