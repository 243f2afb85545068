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
    assert told(told(before, word(said)), word(said)).state is TRANSITIONS[TRANSITIONS[state, said], said]


@pytest.mark.parametrize(("state", "said"), [pair for pair in ALL_PAIRS if pair not in TRANSITIONS])
def test_an_illegal_word_raises_and_changes_nothing(state: OrderState, said: OrderState) -> None:
    """The message names order, word and state."""
    before = order(state)
    with pytest.raises(InvariantBroken, match=f"order VG-1: {said} reported while {state}"):
        told(before, word(said))
    assert before == order(state)


def test_the_table_is_the_one_of_the_design() -> None:
    """What filled or was taken off stays so; a refusal is doubted when the order then shows life."""
    doubted = {(S.REJECTED, said) for said in (S.OPEN, S.PARTIAL, S.FILLED)}
    for (state, said), target in TRANSITIONS.items():
        assert state not in (S.FILLED, S.CANCELLED) or target is state
        assert state is not S.REJECTED or target in (S.REJECTED, S.CANCELLED) or (state, said) in doubted
        assert target not in (S.PLANNED, S.SENT)
        assert (
            target is not S.DENIED or said is S.DENIED
        )  # absence is proven, never concluded from another word
        assert target is not S.UNKNOWN or state in (S.SENT, S.UNKNOWN) or (state, said) in doubted
    assert all(TRANSITIONS[pair] is S.UNKNOWN for pair in doubted)
    assert {said for state, said in TRANSITIONS if state is S.UNKNOWN} == set(S) - {S.PLANNED, S.SENT}
    assert {state for state, target in TRANSITIONS.items() if target is S.DENIED} == {
        (S.UNKNOWN, S.DENIED),
        (S.DENIED, S.DENIED),
    }
    assert S.PLANNED not in {state for state, _ in TRANSITIONS}


@pytest.mark.parametrize("state", [S.OPEN, S.PARTIAL, S.FILLED, S.CANCELLED, S.REJECTED])
def test_a_lost_reply_after_the_stream_changes_nothing(state: OrderState) -> None:
    """The stream has proven the order: that the reply to placing it was lost is no news."""
    assert told(order(state), word(S.UNKNOWN)).state is state


@pytest.mark.parametrize(("said", "then"), [(S.OPEN, S.OPEN), (S.FILLED, S.OPEN), (S.CANCELLED, S.CANCELLED)])
def test_an_order_that_was_counted_as_absent_may_appear_after_all(said: OrderState, then: OrderState) -> None:
    """It is late in the broker's book: from then on it is dealt with like any other."""
    absent = told(order(S.UNKNOWN), word(S.DENIED))
    assert not absent.may_fill
    assert told(absent, word(said)).state is then
    assert booked(absent, 65).state in (S.PARTIAL, S.FILLED)


@pytest.mark.parametrize("said", [S.OPEN, S.PARTIAL, S.FILLED])
@pytest.mark.parametrize(
    ("book", "end"),
    [
        (S.OPEN, S.OPEN),
        (S.PARTIAL, S.OPEN),
        (S.FILLED, S.OPEN),
        (S.CANCELLED, S.CANCELLED),
        (S.REJECTED, S.REJECTED),
        (S.DENIED, S.DENIED),
    ],
)
def test_a_refused_order_that_shows_life_is_what_the_book_then_says(
    said: OrderState, book: OrderState, end: OrderState
) -> None:
    """A no and signs of life cannot both be true: not known, may fill, and left by the book's word alone."""
    doubted = told(order(S.REJECTED), word(said))
    assert doubted.state is S.UNKNOWN and doubted.may_fill
    assert told(doubted, word(book)).state is end


def test_of_two_ends_either_is_an_end() -> None:
    """Refused and then taken off, or the other way round: nothing lives, and nothing is halted for it."""
    assert told(order(S.REJECTED), word(S.CANCELLED)).state is S.CANCELLED
    assert told(order(S.CANCELLED), word(S.REJECTED)).state is S.CANCELLED


def test_an_order_that_becomes_doubtful_is_sought_from_the_start() -> None:
    """A reading of before the refusal is no reading since: it takes two new ones to count as absent."""
    once = replace(order(S.UNKNOWN), sought_at=TS, absent_since=TS, absent_reads=1)
    again = told(told(once, word(S.REJECTED)), word(S.OPEN))
    assert (again.state, again.sought_at, again.absent_since, again.absent_reads) == (
        S.UNKNOWN,
        None,
        None,
        0,
    )
    assert told(once, word(S.UNKNOWN)).absent_reads == 1  # a doubled word of doubt takes nothing back


def test_what_the_broker_says_is_filled_is_awaited() -> None:
    """An order that ended with more filled than was told is not done until its executions have come."""
    ended = told(order(S.OPEN, quantity=130), word(S.CANCELLED, filled_quantity=65))
    assert (ended.state, ended.awaited_quantity, ended.may_fill) == (S.CANCELLED, 65, True)
    told_all = booked(ended, 65)
    assert (told_all.state, told_all.awaited_quantity, told_all.may_fill) == (S.CANCELLED, 0, False)


def test_a_reordered_older_word_takes_nothing_back() -> None:
    """Cumulative quantities only ever grow, whichever order the words come in."""
    newer = told(order(S.OPEN, quantity=130), word(S.OPEN, filled_quantity=65))
    assert told(newer, word(S.OPEN, filled_quantity=0)).reported_quantity == 65


@pytest.mark.parametrize("filled", [-65, 131])
def test_a_word_that_does_not_add_up_raises(filled: int) -> None:
    """More filled than was asked for, or less than nothing."""
    with pytest.raises(InvariantBroken, match=f"the broker says {filled} of 130"):
        told(order(S.OPEN, quantity=130), word(S.OPEN, filled_quantity=filled))


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
