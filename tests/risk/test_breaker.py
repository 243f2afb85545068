"""A breaker opens on too many failures, lets nothing through, then one attempt, and only then all again."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.journal_codec import decode_as, encode_exact
from volguard.model.errors import InvariantBroken
from volguard.model.units import IST
from volguard.risk.breaker import (
    TRANSITIONS,
    BreakerSettings,
    BreakerState,
    Circuit,
    Noted,
    Outcome,
    OutcomeKind,
    Word,
    advance,
    may_send,
    note_outcome,
    note_sent,
    refusal,
)

START = datetime(2026, 9, 16, 10, 0, tzinfo=IST)
ORDERS = BreakerSettings(
    consecutive_failures_max=5,
    window_failures_max=0,
    window_timeouts_max=3,
    error_rate_max=0.20,
    error_rate_outcomes_min=10,
    window_s=60.0,
    open_s=60.0,
)
FEED = replace(
    ORDERS,
    consecutive_failures_max=0,
    window_failures_max=5,
    window_timeouts_max=0,
    error_rate_max=0.0,
    open_s=300.0,
)
OK, FAILED, TIMED_OUT = OutcomeKind.OK, OutcomeKind.FAILED, OutcomeKind.TIMED_OUT
KINDS = {"o": OK, "f": FAILED, "t": TIMED_OUT}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def after(
    outcomes: str,
    *,
    every_s: float = 1.0,
    settings: BreakerSettings = ORDERS,
    state: BreakerState | None = None,
) -> BreakerState:
    """The state after outcomes (o, f, t), one each `every_s`, the first at 0; a dot is a silent moment."""
    now = BreakerState() if state is None else state
    for index, letter in enumerate(outcomes):
        if letter != ".":
            outcome = Outcome(key=f"VG-{index}", kind=KINDS[letter])
            now = note_outcome(now, outcome, at(index * every_s), settings)
    return now


OPENED = after("fffff")  # at 4 s, until 64 s
HALF = advance(OPENED, at(64), ORDERS)
PROBING = note_sent(HALF, "VG-probe", at(65), ORDERS)


def answer(kind: OutcomeKind, key: str = "VG-probe") -> Outcome:
    return Outcome(key=key, kind=kind)


# --- opening -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "every_s", "circuit"),
    [
        ("ffff", 1.0, Circuit.CLOSED),
        ("fffff", 1.0, Circuit.OPEN),
        ("fffff", 1000.0, Circuit.OPEN),  # in a row, however slowly
        ("ffffofff", 100.0, Circuit.CLOSED),  # one success starts the row anew
        ("tt", 1.0, Circuit.CLOSED),
        ("ttt", 30.0, Circuit.OPEN),  # the third exactly 60 s after the first
        ("ttt", 30.1, Circuit.CLOSED),
        ("totot", 10.0, Circuit.OPEN),
        ("ooooofoof", 1.0, Circuit.CLOSED),  # 2 of 9: too few to tell a rate
        ("oooooooff", 1.0, Circuit.CLOSED),
        ("ooooooooff", 1.0, Circuit.OPEN),  # 2 of 10
        ("oooooooooof", 1.0, Circuit.CLOSED),  # 1 of 11
        ("ooooooooff", 10.0, Circuit.CLOSED),  # too few within the minute
        ("fttft", 100.0, Circuit.OPEN),  # a time-out is a failure too
    ],
)
def test_an_order_breaker_opens_by_each_of_its_rules(outcomes: str, every_s: float, circuit: Circuit) -> None:
    state = after(outcomes, every_s=every_s)
    assert state.circuit is circuit
    assert bool(state.reason) is (circuit is Circuit.OPEN)


def test_the_reason_names_the_rule_with_figure_and_limit() -> None:
    assert after("fffff").reason == "5 failures in a row, limit 5"
    assert after("ttt").reason == "3 time-outs within 60 s, limit 3"
    assert after("ooooooooff").reason == "2 of 10 attempts failed within 60 s, limit 20%"
    assert after("fffff", settings=FEED).reason == "5 failures within 60 s, limit 5"


@pytest.mark.parametrize(
    ("outcomes", "every_s", "circuit"),
    [
        ("fofofofof", 7.5, Circuit.OPEN),  # five within exactly 60 s, successes between them or not
        ("fofofofof", 7.6, Circuit.CLOSED),
        ("ffff", 1.0, Circuit.CLOSED),
        ("ffffffff", 16.0, Circuit.CLOSED),  # a slow row never has five in a minute
    ],
)
def test_the_feed_breaker_counts_failures_within_a_minute(
    outcomes: str, every_s: float, circuit: Circuit
) -> None:
    assert after(outcomes, every_s=every_s, settings=FEED).circuit is circuit


def test_the_feed_breaker_stays_open_for_five_minutes() -> None:
    opened = after("fffff", settings=FEED)
    assert not may_send(opened, at(4 + 299.9))
    assert may_send(opened, at(4 + 300))


# --- open and half open ------------------------------------------------------------------------------


def test_open_lets_nothing_through_for_its_time_and_says_why() -> None:
    assert OPENED.circuit is Circuit.OPEN
    assert not may_send(OPENED, at(63.9))
    assert refusal(OPENED, at(4)) == "the breaker is open for 60 s more: 5 failures in a row, limit 5"
    with pytest.raises(InvariantBroken, match="VG-9 was sent while the breaker was OPEN"):
        note_sent(OPENED, "VG-9", at(63), ORDERS)


def test_outcomes_while_open_neither_close_it_nor_prolong_it() -> None:
    heard = note_outcome(OPENED, answer(OK, "VG-7"), at(10), ORDERS)
    heard = note_outcome(heard, answer(FAILED, "VG-8"), at(20), ORDERS)
    assert (heard.circuit, heard.until, heard.reason) == (Circuit.OPEN, OPENED.until, OPENED.reason)


def test_half_open_lets_one_through_and_waits_for_it() -> None:
    assert (HALF.circuit, HALF.probe) == (Circuit.HALF_OPEN, "")
    assert may_send(HALF, at(64)) and refusal(HALF, at(64)) == ""
    assert not may_send(PROBING, at(65))
    assert refusal(PROBING, at(65)) == "the breaker is half open and waits for VG-probe"
    with pytest.raises(InvariantBroken, match="VG-9 was sent while the breaker was HALF_OPEN"):
        note_sent(PROBING, "VG-9", at(66), ORDERS)


def test_the_attempt_closes_the_breaker_for_a_fresh_start() -> None:
    closed = note_outcome(PROBING, answer(OK), at(66), ORDERS)
    assert (closed.circuit, closed.until, closed.probe, closed.reason) == (Circuit.CLOSED, None, "", "")
    again = note_outcome(closed, answer(FAILED, "VG-10"), at(67), ORDERS)
    assert again.circuit is Circuit.CLOSED  # the five before it are not counted twice


@pytest.mark.parametrize("kind", [FAILED, TIMED_OUT])
@pytest.mark.parametrize("key", ["VG-probe", "VG-other"])
def test_any_failure_while_half_open_opens_it_again(kind: OutcomeKind, key: str) -> None:
    again = note_outcome(PROBING, answer(kind, key), at(70), ORDERS)
    assert (again.circuit, again.until, again.probe) == (Circuit.OPEN, at(130), "")


def test_the_success_of_another_order_proves_nothing() -> None:
    heard = note_outcome(PROBING, answer(OK, "VG-other"), at(70), ORDERS)
    assert (heard.circuit, heard.probe) == (Circuit.HALF_OPEN, "VG-probe")


def test_an_attempt_that_nobody_answers_is_a_failure() -> None:
    assert advance(PROBING, at(124.9), ORDERS) == PROBING
    lost = advance(PROBING, at(125), ORDERS)
    assert (lost.circuit, lost.until) == (Circuit.OPEN, at(185))
    assert lost.reason == "VG-probe was not answered within 60 s"
    assert advance(PROBING, at(500), ORDERS).circuit is Circuit.HALF_OPEN


@pytest.mark.parametrize("outcomes", ["oooooooofff", "ttt"])
def test_what_opened_it_is_not_counted_again_when_it_has_closed(outcomes: str) -> None:
    """All of it lies within the last minute still, and another failure comes."""
    quick = replace(ORDERS, open_s=5.0)
    opened = after(outcomes, every_s=0.1, settings=quick)
    tried = note_sent(opened, "VG-probe", at(6), quick)
    closed = note_outcome(tried, answer(OK), at(6.5), quick)
    still = note_outcome(closed, answer(TIMED_OUT, "VG-20"), at(7), quick)
    assert still.circuit is Circuit.CLOSED


# --- the table ---------------------------------------------------------------------------------------


def test_the_table_is_the_whole_machine() -> None:
    assert {
        (Circuit.CLOSED, Word.TRIPPED): Circuit.OPEN,
        (Circuit.OPEN, Word.COOLED): Circuit.HALF_OPEN,
        (Circuit.HALF_OPEN, Word.PROVED): Circuit.CLOSED,
        (Circuit.HALF_OPEN, Word.FAILED): Circuit.OPEN,
    } == TRANSITIONS


# --- properties --------------------------------------------------------------------------------------

STEPS = st.lists(st.tuples(st.integers(0, 45), st.sampled_from("ssoft"), st.integers(0, 40)), max_size=60)


def walked(steps: list[tuple[int, str, int]], *, doubled: bool = False) -> list[tuple[BreakerState, bool]]:
    """A day at random: wait, then send if allowed (s) or hear of one order; states, and what was sent."""
    now, state, seen, sent = 0.0, BreakerState(), [], 0
    for wait, letter, number in steps:
        now += wait
        has_sent = False
        state = advance(state, at(now), ORDERS)
        if letter == "s":
            has_sent = may_send(state, at(now))
            sent += has_sent
            if has_sent:
                state = note_sent(state, f"S-{sent}", at(now), ORDERS)
        else:
            key = state.probe if number < 10 and state.probe else f"K-{number}"
            outcome = Outcome(key=key, kind=KINDS[letter])
            state = note_outcome(state, outcome, at(now), ORDERS)
            if doubled:
                state = note_outcome(state, outcome, at(now), ORDERS)
        seen.append((state, has_sent))
    return seen


@given(STEPS)
def test_open_never_sends_and_half_open_never_more_than_one(steps: list[tuple[int, str, int]]) -> None:
    """Whatever happens, while HALF_OPEN one attempt leaves, and none while OPEN."""
    sent_while_half_open = 0
    before = Circuit.CLOSED
    for state, has_sent in walked(steps):
        if state.circuit is Circuit.OPEN:
            assert not has_sent
        if state.circuit is not Circuit.HALF_OPEN or before is not Circuit.HALF_OPEN:
            sent_while_half_open = 0
        if state.circuit is Circuit.HALF_OPEN:
            sent_while_half_open += has_sent
            assert sent_while_half_open <= 1
        before = state.circuit


@given(STEPS)
def test_a_doubled_outcome_changes_nothing(steps: list[tuple[int, str, int]]) -> None:
    """Every outcome heard twice leads to the same states as heard once."""
    assert walked(steps, doubled=True) == walked(steps)


@given(STEPS)
def test_the_state_comes_back_from_a_checkpoint(steps: list[tuple[int, str, int]]) -> None:
    """Plain data: what a restart reads is what was written."""
    for state, _ in walked(steps)[-1:]:
        assert decode_as(BreakerState, encode_exact(state)) == state


@given(STEPS, st.integers(0, 400), st.integers(0, 400))
def test_time_may_pass_in_one_stride_or_in_two(
    steps: list[tuple[int, str, int]], first: int, second: int
) -> None:
    """How often the clock is looked at decides nothing."""
    state = walked(steps)[-1][0] if steps else BreakerState()
    total = sum(wait for wait, _, _ in steps)
    half_way = advance(state, at(total + first), ORDERS)
    later = at(total + first + second)
    assert advance(half_way, later, ORDERS) == advance(state, later, ORDERS)


def test_a_doubled_send_is_the_same_attempt() -> None:
    assert note_sent(PROBING, "VG-probe", at(66), ORDERS) == PROBING


def test_the_first_word_on_an_order_counts() -> None:
    state = after("f")
    assert note_outcome(state, answer(OK, "VG-0"), at(1), ORDERS) == state


def test_a_double_is_known_after_the_breaker_has_closed() -> None:
    closed = note_outcome(PROBING, answer(OK), at(66), ORDERS)
    assert note_outcome(closed, answer(FAILED, "VG-4"), at(67), ORDERS) == closed


def test_what_is_remembered_does_not_grow_with_the_day() -> None:
    state = after("o" * 500, every_s=10.0)
    assert len(state.noted) <= 13
    slow = after("oooffff", every_s=1000.0)
    assert [old.key for old in slow.noted] == ["VG-3", "VG-4", "VG-5", "VG-6"]
    assert isinstance(slow.noted[0], Noted)


# --- settings ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("consecutive_failures_max", -1),
        ("window_failures_max", -1),
        ("window_timeouts_max", -1),
        ("error_rate_max", -0.1),
        ("error_rate_max", 1.1),
        ("error_rate_max", math.nan),
        ("error_rate_outcomes_min", 0),
        ("window_s", 0.0),
        ("window_s", math.nan),
        ("open_s", 0.0),
        ("open_s", math.inf),
    ],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    change: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} was {value}"):
        replace(ORDERS, **change)


def test_a_breaker_that_no_rule_opens_is_refused() -> None:
    with pytest.raises(ValueError, match="every rule was 0"):
        replace(FEED, window_failures_max=0)
