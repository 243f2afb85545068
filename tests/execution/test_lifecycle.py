"""The order machine: every legal word, every illegal one, late fills, overfills."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.fakes import TS, order
from volguard.execution.lifecycle import TRANSITIONS, booked, told
from volguard.model.errors import InvariantBroken
from volguard.model.event import OrderUpdated
from volguard.model.order import OrderState

S = OrderState
ALL_PAIRS = [(state, word) for state in S for word in S]


def word(state: OrderState, **changes: object) -> OrderUpdated:
    """What a broker reports."""
    return replace(
        OrderUpdated(ts=TS, tag="VG-1", state=state, filled_quantity=0, broker_order_id="B1", reason="r"),
        **changes,
    )


@pytest.mark.parametrize(("state", "said"), [pair for pair in ALL_PAIRS if pair in TRANSITIONS])
def test_a_legal_word_moves_the_order_and_nothing_else(state: OrderState, said: OrderState) -> None:
    """State, broker's number and reason follow the word; price, quantity and fills stay."""
    before = order(state)
    assert told(before, word(said)) == replace(
        before, state=TRANSITIONS[state, said], broker_order_id="B1", reason="r"
    )


@pytest.mark.parametrize(("state", "said"), [pair for pair in ALL_PAIRS if pair not in TRANSITIONS])
def test_an_illegal_word_raises_and_changes_nothing(state: OrderState, said: OrderState) -> None:
    """The message names order, word and state."""
    before = order(state)
    with pytest.raises(InvariantBroken, match=f"order VG-1: {said} reported while {state}"):
        told(before, word(said))
    assert before == order(state)


def test_the_table_is_the_one_of_the_design() -> None:
    """What ended stays ended, and an unknown order is never called rejected by us."""
    finals = {S.DENIED, S.FILLED, S.CANCELLED, S.REJECTED}
    for (state, _), target in TRANSITIONS.items():
        assert state not in finals or target is state
        assert target not in (S.PLANNED, S.DENIED, S.SENT)
    assert {target for (state, _), target in TRANSITIONS.items() if state is S.UNKNOWN} == {
        S.OPEN,
        S.CANCELLED,
        S.REJECTED,
    }
    assert {state for state, _ in TRANSITIONS}.isdisjoint({S.PLANNED, S.DENIED})


def test_a_word_without_number_or_reason_keeps_what_is_known() -> None:
    """An empty field of a later word erases nothing."""
    known = told(order(S.SENT), word(S.OPEN))
    after = told(known, word(S.OPEN, broker_order_id=None, reason=""))
    assert (after.broker_order_id, after.reason) == ("B1", "r")


def test_fills_are_cumulative() -> None:
    """A partial fill, then the rest."""
    once = booked(order(S.OPEN, quantity=195), 65)
    assert (once.state, once.filled_quantity, once.open_quantity) == (S.PARTIAL, 65, 130)
    whole = booked(once, 130)
    assert (whole.state, whole.filled_quantity, whole.open_quantity) == (S.FILLED, 195, 0)


@pytest.mark.parametrize("state", [S.SENT, S.UNKNOWN])
def test_a_fill_may_come_before_the_acknowledgement(state: OrderState) -> None:
    """A fill proves that the order lives; the older word that follows is accepted."""
    partly = booked(order(state, quantity=130), 65)
    assert partly.state is S.PARTIAL
    assert told(partly, word(S.OPEN)).state is S.PARTIAL
    assert told(booked(partly, 65), word(S.OPEN)).state is S.FILLED


def test_a_late_fill_after_a_cancel_is_booked() -> None:
    """The cancel lost the race in part: the units are ours, the order stays ended."""
    late = booked(order(S.CANCELLED, quantity=130), 65)
    assert (late.state, late.filled_quantity) == (S.CANCELLED, 65)
    assert booked(late, 65).state is S.FILLED


@pytest.mark.parametrize("quantity", [66, 130, 0, -65])
def test_an_overfill_or_an_empty_fill_raises(quantity: int) -> None:
    """More than was asked for, or nothing: money does not add up."""
    before = order(S.OPEN, quantity=65)
    with pytest.raises(InvariantBroken, match=f"order VG-1: filled {quantity} of 65 after {quantity} more"):
        booked(before, quantity)
    assert before.filled_quantity == 0
