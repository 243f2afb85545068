"""One pure step per event: what it returns is all that happens."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from tests.engine.turns import leaving, make_state
from tests.fakes import (
    TRADING,
    TS,
    Day,
    MemoryJournal,
    make_engine,
    make_runner,
    opening,
    session_started,
    simulated,
)
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.execution.basket import is_uncovered
from volguard.model.book import TradeState, positions_of
from volguard.model.decision import Action, SafetyLevel, TradingState
from volguard.model.errors import InvariantBroken
from volguard.model.event import (
    Alert,
    Cancel,
    DecisionMade,
    Event,
    FeedGap,
    KillSwitchSeen,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    Place,
    StateChanged,
    StepFailed,
)
from volguard.model.order import Purpose

ENGINE = make_engine(*TRADING)


@cache
def day() -> Day:
    """Two entries in fifty minutes."""
    return simulated(seed=1, scenario="crash", start=2, stop=12)


def played(events: int, engine: Engine = ENGINE) -> tuple[State, list[Event]]:
    """The state after so many events of the day, and the events."""
    journal = MemoryJournal()
    make_runner(day().market, journal, engine=engine).run(opening(day()), State())
    state = State()
    for event in journal.events[:events]:
        state = engine.step(state, event).state
    return state, journal.events


def with_resting_entry() -> State:
    """A state in which an entry's orders are at the exchange."""
    journal = MemoryJournal()
    make_runner(day().market, journal, engine=ENGINE).run(opening(day()), State())
    state = State()
    for event in journal.events:
        state = ENGINE.step(state, event).state
        if state.desk is not None and len(state.desk.book.live_orders) >= 2:
            return state
    raise AssertionError("no entry")


def test_a_step_is_pure() -> None:
    """The same state and event give the same step, and the state that went in is as it was."""
    state, events = played(4)
    desk = state.desk
    first, second = ENGINE.step(state, events[4]), ENGINE.step(state, events[4])
    assert (first.records, first.effects, first.state.desk) == (
        second.records,
        second.effects,
        second.state.desk,
    )
    assert state.desk is desk


def test_the_first_event_is_the_start_and_there_is_one() -> None:
    """Nothing before it, no second one."""
    with pytest.raises(InvariantBroken, match="the first event of a session must be its start"):
        ENGINE.step(State(), FeedGap(ts=TS, last_ts=TS, limit_s=1.0))
    started = ENGINE.step(State(), session_started()).state
    with pytest.raises(InvariantBroken, match="session s-1 is already running"):
        ENGINE.step(started, session_started())


def test_a_session_starts_in_the_safe_state() -> None:
    """BOOTING, RECONCILING, READY; nothing trades before the first good look."""
    step = ENGINE.step(State(), session_started())
    assert [r.trading_state for r in step.records if isinstance(r, StateChanged)] == [
        TradingState.RECONCILING,
        TradingState.READY,
    ]
    assert step.effects == ()


def test_a_snapshot_of_the_past_raises() -> None:
    """Time never goes back, and no look is taken twice."""
    state, _ = played(3)
    for shot in day().market.shots[:1]:
        with pytest.raises(InvariantBroken, match="is not later than"):
            ENGINE.step(state, MarketSnapshot(ts=shot.ts, snapshot=shot))


def test_a_failed_step_changes_nothing_but_the_halt() -> None:
    """Before the start there is not even that to change."""
    event = FeedGap(ts=TS, last_ts=TS, limit_s=1.0)
    nothing = ENGINE.failed(State(), event, "boom")
    assert nothing.records == (StepFailed(ts=TS, error="boom"),) and nothing.state.desk is None
    state = with_resting_entry()
    step = ENGINE.failed(state, event, "boom")
    assert state.desk is not None and step.state.desk is not None
    assert step.state.desk == replace(
        state.desk, now=TS, failed=True, trading_state=TradingState.HALTED, safety_level=SafetyLevel.HALTED
    )
    assert leaving(step.effects) == []


def test_a_gap_reduces_at_once() -> None:
    """Silence freezes new risk, says since when, and withdraws every resting entry: nobody watches it."""
    state = with_resting_entry()
    assert state.desk is not None
    now = state.desk.now + timedelta(seconds=900)
    step = ENGINE.step(state, FeedGap(ts=now, last_ts=state.desk.now, limit_s=900.0))
    assert step.state.desk is not None and step.state.desk.trading_state is TradingState.REDUCING
    assert [e.code for e in step.effects if isinstance(e, Alert)] == ["feed_gap"]
    assert "no snapshot for 900 s since" in step.effects[0].text  # type: ignore[union-attr]
    sent = leaving(step.effects)
    assert sent and all(isinstance(effect, Cancel) for effect in sent)
    assert {effect.tag for effect in sent if isinstance(effect, Cancel)} == {
        order.request.tag for order in state.desk.book.live_orders
    }


def later(state: State, seconds: float = 1.0) -> Any:
    """A moment after a state's own time."""
    assert state.desk is not None
    return state.desk.now + timedelta(seconds=seconds)


@pytest.mark.parametrize("flattens", [False, True])
def test_the_kill_switch_cancels_what_is_pending(flattens: bool) -> None:
    """Every resting entry is cancelled in the very step, whether or not the book is squared off too."""
    engine = make_engine(*TRADING, f"limits.kill_switch_flattens={str(flattens).lower()}")
    state = with_resting_entry()
    assert state.desk is not None
    resting = {order.request.tag for order in state.desk.book.live_orders}
    step = engine.step(state, KillSwitchSeen(ts=later(state), present=True))
    assert {effect.tag for effect in leaving(step.effects) if isinstance(effect, Cancel)} == resting
    desk = step.state.desk
    assert desk is not None and desk.trading_state is TradingState.HALTED and desk.kill_switch
    assert desk.flatten_reason == ("kill_switch" if flattens else "")
    gone = engine.step(step.state, KillSwitchSeen(ts=later(step.state), present=False))
    assert gone.state.desk is not None and gone.state.desk.trading_state is TradingState.HALTED


def test_flatten_halts_cancels_and_opens_nothing_more() -> None:
    """The operator's word: no look at the market after it may enter again."""
    state = with_resting_entry()
    step = ENGINE.step(state, OperatorSpoke(ts=later(state), command=OperatorCommand.FLATTEN))
    assert all(isinstance(effect, Cancel) for effect in leaving(step.effects)) and leaving(step.effects)
    assert [r.decision.action for r in step.records if isinstance(r, DecisionMade)] == [Action.FLATTEN]
    now, placed = step.state, []
    for shot in day().market.shots:
        if now.desk is not None and shot.ts > now.desk.now:
            following = ENGINE.step(now, MarketSnapshot(ts=shot.ts, snapshot=shot))
            now, placed = following.state, [*placed, *following.effects]
    assert all(e.approved.request.purpose is Purpose.CLOSE for e in placed if isinstance(e, Place))
    assert now.desk is not None and now.desk.trading_state is TradingState.HALTED


def test_a_halt_withdraws_resting_entries_at_the_next_look() -> None:
    """HALTED adds no risk: an entry that still rests would."""
    state = with_resting_entry()
    halted = ENGINE.failed(state, FeedGap(ts=later(state), last_ts=TS, limit_s=1.0), "boom").state
    assert halted.desk is not None
    resting = {order.request.tag for order in halted.desk.book.live_orders}
    shot = next(shot for shot in day().market.shots if shot.ts > halted.desk.now)
    step = ENGINE.step(halted, MarketSnapshot(ts=shot.ts, snapshot=shot))
    assert {effect.tag for effect in leaving(step.effects) if isinstance(effect, Cancel)} == resting


def test_a_state_without_a_market_survives_every_word() -> None:
    """Kill switch, flatten and gaps before the first look halt without an error."""
    state = make_state(trading_state=TradingState.READY)
    events: tuple[Event, ...] = (
        KillSwitchSeen(ts=TS, present=True),
        OperatorSpoke(ts=TS, command=OperatorCommand.FLATTEN),
        OperatorSpoke(ts=TS, command=OperatorCommand.YIELD),
        FeedGap(ts=TS, last_ts=TS, limit_s=1.0),
    )
    for event in events:
        state = ENGINE.step(state, event).state
    assert state.desk is not None and state.desk.trading_state is TradingState.HALTED


def test_a_crash_through_both_stops_ends_flat() -> None:
    """Soft stop, hard stop, flatten, in that order; halted in the end with nothing held."""
    engine = make_engine(
        *TRADING,
        "limits.soft_stop_share=0.001",
        "limits.hard_stop_share=0.0015",
        "strategy.loss_credits_max=9.0",
        "strategy.loss_share_of_max_loss=1.0",
        "strategy.exit_short_delta=1.0",
    )
    whole = simulated(seed=1, scenario="crash")
    journal = MemoryJournal()
    outcome = make_runner(whole.market, journal, engine=engine).run(opening(whole), State())
    desk = outcome.state.desk
    assert desk is not None and desk.stops.hard and desk.trading_state is TradingState.HALTED
    story = [r.reason for r in journal.records if isinstance(r, StateChanged)] + [
        r.decision.reason
        for r in journal.records
        if isinstance(r, DecisionMade) and r.decision.action is Action.FLATTEN
    ]
    assert story[-3:] == ["soft_stop", "hard_stop", "hard_stop"]
    kinds = [
        (r.reason if isinstance(r, StateChanged) else r.decision.action)
        for r in journal.records
        if isinstance(r, StateChanged | DecisionMade)
    ]
    assert kinds.index("soft_stop") < kinds.index("hard_stop") < kinds.index(Action.FLATTEN)
    assert desk.book.positions == () and desk.book.live_orders == ()
    assert all(not trade.state.is_live for trade in desk.book.trades)


def test_no_day_leaves_a_short_uncovered() -> None:
    """Calm, trend, crash and spike: after each fill of the paper exchange every short has its long."""
    for scenario in ("calm", "trend", "crash", "spike"):
        whole = simulated(seed=7, scenario=scenario)
        journal, seen = MemoryJournal(), []
        make_runner(
            whole.market,
            journal,
            engine=ENGINE,
            show=lambda state, _step: seen.append(state),  # noqa: B023
        ).run(opening(whole), State())
        fills = 0
        for before, after in pairwise(seen):
            assert before.desk is not None and after.desk is not None
            for trade in after.desk.book.trades:
                fills += len(trade.fills)
                assert not is_uncovered(positions_of(trade.fills))
                assert trade.state is not TradeState.OPEN or positions_of(trade.fills)
        assert fills > 0, scenario
