"""Daily stops: the soft one first, each latched, none on a single mark or on no mark at all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import shipped
from volguard.risk.stops import StopState, judge_stops

EQUITY = Decimal(2_000_000)  # soft at 40,000 and hard at 60,000 rupees
LIMITS = shipped().limits


def after(*marks: str | None, state: StopState | None = None) -> StopState:
    """The stops after marks of the day's net result."""
    now = StopState() if state is None else state
    for mark in marks:
        now = judge_stops(
            now,
            pnl_net_inr=Decimal(mark) if mark is not None else None,
            start_equity_inr=EQUITY,
            limits=LIMITS,
            confirm_marks=2,
        )
    return now


def test_one_bad_mark_does_not_fire() -> None:
    """A stop needs two marks in a row: a good one between them starts the count anew."""
    assert not after("-500000").soft
    assert not after("-500000", "0", "-500000").soft
    assert after("-40000", "-40000").soft


@pytest.mark.parametrize(("loss", "is_hit"), [("-39999.99", False), ("-40000", True), ("-40000.01", True)])
def test_the_soft_stop_at_its_limit(loss: str, is_hit: bool) -> None:
    """The stop is hit at exactly 2 % of start-of-day equity."""
    assert after(loss, loss).soft is is_hit


def test_the_hard_stop_follows_the_soft_one_and_never_comes_with_it() -> None:
    """A crash through both limits fires soft, then hard, in two steps."""
    first = after("-70000", "-70000")
    assert (first.soft, first.hard) == (True, False)
    second = after("-70000", state=first)
    assert (second.soft, second.hard) == (True, True)


@pytest.mark.parametrize(("loss", "is_hit"), [("-59999.99", False), ("-60000", True)])
def test_the_hard_stop_at_its_limit(loss: str, is_hit: bool) -> None:
    """The hard stop is hit at exactly 3 %."""
    assert after(loss, loss, loss).hard is is_hit


def test_no_mark_changes_nothing() -> None:
    """A book that cannot be marked neither fires a stop nor forgets a bad mark."""
    once = after("-50000")
    assert after(None, None, state=once) is once
    assert after(None, "-50000", state=once).soft


def test_a_stop_is_latched() -> None:
    """A recovered mark does not undo a stop."""
    hit = after("-70000", "-70000", "-70000")
    again = after("100000", "100000", state=hit)
    assert again.soft and again.hard


@settings(derandomize=True, max_examples=200, deadline=None)
@given(st.lists(st.none() | st.integers(-90_000, 20_000), max_size=12))
def test_hard_is_never_without_soft(marks: list[int | None]) -> None:
    """On any path: hard implies soft, soft came earlier, and neither is ever taken back."""
    state = StopState()
    for mark in marks:
        then = after(None if mark is None else str(mark), state=state)
        assert not then.hard or (then.soft and (state.soft or state.hard))
        assert (state.soft, state.hard) <= (then.soft, then.hard)
        state = then
