"""Trading state and safety level: the whole table, and every cause that moves it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.engine.turns import alerts, decisions, make_desk, make_turn, moves
from tests.fakes import TS
from volguard.engine.supervisor import (
    LEVEL_OF_STATE,
    TRANSITIONS,
    Word,
    apply_stops,
    cap_phase,
    degrade,
    halt,
    is_session_open,
    move,
    recover,
    start_flatten,
)
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.errors import InvariantBroken
from volguard.risk.stops import StopState

T = TradingState
PAIRS = [(state, word) for state in T for word in Word]
DWELL_S = 120.0


@pytest.mark.parametrize(("state", "word"), [pair for pair in PAIRS if pair in TRANSITIONS])
def test_a_legal_word_moves_state_and_level_together(state: TradingState, word: Word) -> None:
    """HALTED and REDUCING carry their safety level; every move is noted with its reason."""
    turn = make_turn(trading_state=state)
    move(turn, word, "why")
    target = TRANSITIONS[state, word]
    level = {T.HALTED: SafetyLevel.HALTED, T.REDUCING: SafetyLevel.DEGRADED}.get(target, SafetyLevel.NORMAL)
    assert (turn.desk.trading_state, turn.desk.safety_level) == (target, level)
    assert moves(turn) == [(target, level, "why")]


@pytest.mark.parametrize(("state", "word"), [pair for pair in PAIRS if pair not in TRANSITIONS])
def test_an_illegal_word_raises_and_changes_nothing(state: TradingState, word: Word) -> None:
    """The message names word and state."""
    turn = make_turn(trading_state=state)
    with pytest.raises(InvariantBroken, match=f"{word} is not possible while {state}"):
        move(turn, word, "why")
    assert turn.desk == make_desk(trading_state=state) and turn.records == []


def test_the_table_is_the_one_of_the_design() -> None:
    """BOOTING -> RECONCILING -> READY -> ACTIVE <-> REDUCING; HALTED from everywhere, left by one word."""
    assert all((state, Word.HALTED) in TRANSITIONS for state in T if state is not T.HALTED)
    assert [word for state, word in TRANSITIONS if state is T.HALTED] == [Word.RELEASED]
    assert [state for state, word in TRANSITIONS if word is Word.RELEASED] == [T.HALTED]
    assert {target for (_, word), target in TRANSITIONS.items() if word is Word.HALTED} == {T.HALTED}
    assert {key for key, target in TRANSITIONS.items() if target is T.ACTIVE} == {
        (T.READY, Word.OPENED),
        (T.REDUCING, Word.HEALED),
    }
    assert set(LEVEL_OF_STATE) == {T.HALTED, T.REDUCING}


@pytest.mark.parametrize(
    ("state", "then"),
    [(T.ACTIVE, T.REDUCING), (T.READY, T.REDUCING), (T.REDUCING, T.REDUCING), (T.HALTED, T.HALTED)],
)
def test_a_cause_degrades_and_is_told_once(state: TradingState, then: TradingState) -> None:
    """Only risk-reducing orders from now on; halted stays halted; the alert is not repeated."""
    turn = make_turn(trading_state=state)
    degrade(turn, "data_quality", "bad")
    degrade(turn, "data_quality", "bad")
    degrade(turn, "feed_gap", "silent")
    assert turn.desk.trading_state is then
    assert turn.desk.degraded_by == ("data_quality", "feed_gap")
    assert alerts(turn) == ["data_quality", "feed_gap"]


def test_healing_takes_a_clean_dwell() -> None:
    """The cause gone, then 120 s of clean looks; a cause in between starts the dwell anew."""
    turn = make_turn()
    degrade(turn, "feed_gap", "silent")

    def look(seconds: float, *causes: str) -> TradingState:
        turn.desk = replace(turn.desk, now=TS + timedelta(seconds=seconds))
        for cause in causes:
            degrade(turn, cause, "again")
        recover(turn, frozenset(causes))
        return turn.desk.trading_state

    assert look(15, "feed_gap") is T.REDUCING
    assert look(30) is T.REDUCING and turn.desk.degraded_by == ()
    assert look(149.9) is T.REDUCING
    assert look(149.95, "data_quality") is T.REDUCING
    assert look(160) is T.REDUCING
    assert look(160 + DWELL_S - 0.1) is T.REDUCING
    assert look(160 + DWELL_S) is T.ACTIVE and turn.desk.safety_level is SafetyLevel.NORMAL


def test_the_soft_stop_never_heals() -> None:
    """A latched cause keeps the session reducing for the rest of the day."""
    turn = make_turn()
    degrade(turn, "soft_stop", "loss")
    for minutes in (1, 10, 300):
        turn.desk = replace(turn.desk, now=TS + timedelta(minutes=minutes))
        recover(turn, frozenset())
    assert turn.desk.trading_state is T.REDUCING and turn.desk.degraded_by == ("soft_stop",)


def test_business_opens_at_the_first_good_look() -> None:
    """READY becomes ACTIVE when nothing worries, and not before."""
    turn = make_turn(trading_state=T.READY)
    degraded = make_turn(trading_state=T.READY)
    recover(turn, frozenset())
    degrade(degraded, "data_quality", "bad")
    recover(degraded, frozenset({"data_quality"}))
    assert (turn.desk.trading_state, degraded.desk.trading_state) == (T.ACTIVE, T.REDUCING)


def test_halted_is_not_left_by_clean_looks() -> None:
    """Hours of good data do not release a halt."""
    turn = make_turn()
    halt(turn, "hard_stop", "loss")
    for minutes in (1, 100):
        turn.desk = replace(turn.desk, now=TS + timedelta(minutes=minutes))
        recover(turn, frozenset())
    halt(turn, "again", "loss")
    assert turn.desk.trading_state is T.HALTED
    assert alerts(turn) == ["hard_stop"] and len(moves(turn)) == 1


def test_flatten_is_decided_once() -> None:
    """The first reason stands."""
    turn = make_turn()
    start_flatten(turn, "hard_stop", "loss")
    start_flatten(turn, "operator", "please")
    assert turn.desk.flatten_reason == "hard_stop" and decisions(turn) == [("FLATTEN", "hard_stop")]


def judged(pnl: str | None, *, stops: StopState | None = None, times: int = 1):  # type: ignore[no-untyped-def]
    """A turn after the day's result was judged."""
    turn = make_turn(stops=stops or StopState())
    for _ in range(times):
        apply_stops(turn, Decimal(pnl) if pnl is not None else None)
    return turn


def test_a_soft_stop_only_reduces() -> None:
    """2 % of the account on two confirmed marks: REDUCING, alert with figures, no flatten."""
    turn = judged("-45000", times=2)
    assert turn.desk.trading_state is T.REDUCING and turn.desk.degraded_by == ("soft_stop",)
    assert turn.desk.flatten_reason == "" and alerts(turn) == ["soft_stop"]
    assert turn.effects[0].text == "the day's loss is 2.25% of equity, soft stop 2.00%"


def test_a_hard_stop_halts_and_flattens() -> None:
    """3 %: soft, hard, flatten, in that order."""
    turn = judged("-70000", times=3)
    assert turn.desk.trading_state is T.HALTED and turn.desk.flatten_reason == "hard_stop"
    assert [reason for _, _, reason in moves(turn)] == ["soft_stop", "hard_stop"]
    assert decisions(turn) == [("FLATTEN", "hard_stop")]


@pytest.mark.parametrize(
    ("pnl", "times"),
    [("-70000", 1), (None, 9), ("-39999", 9)],
)
def test_no_stop_on_a_price_that_nobody_quotes(pnl: str | None, times: int) -> None:
    """One mark, no confirmed mark, or a loss inside the limit: nothing happens."""
    turn = judged(pnl, times=times)
    assert turn.desk.trading_state is T.ACTIVE and turn.effects == [] and turn.records == []


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize(
    ("quality", "state", "cap"),
    [
        (0.9, T.ACTIVE, Phase.FULL_AUTO),
        (0.8, T.ACTIVE, Phase.SEMI_AUTO),  # FULL_AUTO needs more than 0.8
        (0.5, T.ACTIVE, Phase.SEMI_AUTO),
        (0.49, T.ACTIVE, Phase.SHADOW),
        (None, T.ACTIVE, Phase.SHADOW),
        (0.9, T.REDUCING, Phase.SHADOW),
        (0.9, T.HALTED, Phase.SHADOW),
    ],
)
def test_the_phase_is_only_ever_lowered(
    phase: Phase, quality: float | None, state: TradingState, cap: Phase
) -> None:
    """Effective phase = the lower of the operator's and what the data carry."""
    turn = make_turn(phase=phase, quality=quality, trading_state=state)
    cap_phase(turn)
    order = list(Phase)
    assert turn.desk.effective_phase == order[min(order.index(phase), order.index(cap))]
    assert turn.desk.phase is phase


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [("09:14:59", False), ("09:15:00", True), ("12:00:00", True), ("15:40:00", True), ("15:40:01", False)],
)
def test_the_session_is_open_by_the_dated_calendar(clock: str, is_open: bool) -> None:
    """16 September 2026: 09:15 to 15:40."""
    hour, minute, second = map(int, clock.split(":"))
    assert is_session_open(make_turn(), TS.replace(hour=hour, minute=minute, second=second)) is is_open


def test_a_day_without_a_session_is_unknown_not_open() -> None:
    """A Sunday: None, which the review refuses."""
    assert is_session_open(make_turn(), TS + timedelta(days=4)) is None
