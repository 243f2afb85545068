"""The loop: append, step, commit, and only then act; what fails halts and sends nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from tests.fakes import (
    TRADING,
    TS,
    Day,
    FakeClock,
    MemoryJournal,
    make_engine,
    make_runner,
    opening,
    paper,
    simulated,
)
from volguard.adapters.paper import PaperExchange
from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.decision import Approved, SafetyLevel, TradingState
from volguard.model.errors import JournalWriteFailed
from volguard.model.event import (
    Alert,
    AskMargin,
    Cancel,
    Event,
    FeedGap,
    KillSwitchSeen,
    MarketSnapshot,
    Modify,
    OrderFilled,
    OrderUpdated,
    Place,
    SessionEnded,
    SessionResumed,
    StepFailed,
)
from volguard.model.market import ChainSnapshot
from volguard.runner import WAIT_SLICE_S, Watch

CADENCE_S = 300.0
ENGINE = make_engine(*TRADING)


def a_day(start: int = 2, stop: int = 12) -> Day:
    """Fifty minutes with two entries in them."""
    return simulated(seed=1, scenario="crash", cadence_s=CADENCE_S, start=start, stop=stop)


def without(day: Day, *numbers: int) -> Day:
    """The day with some snapshots missing."""
    shots = tuple(shot for i, shot in enumerate(day.market.shots) if i not in numbers)
    return Day(market=replace(day.market, shots=shots), history=day.history)


def run(day: Day, journal: MemoryJournal | None = None, **around: object) -> tuple[MemoryJournal, State, str]:
    """A whole run: its journal, last state and reason of its end."""
    kept = MemoryJournal() if journal is None else journal
    outcome = make_runner(day.market, kept, **{"engine": ENGINE, **around}).run(opening(day), State())  # type: ignore[arg-type]
    return kept, outcome.state, outcome.end_reason


@dataclass
class Watched:
    """A paper exchange that notes what it is sent into the journal's log."""

    log: list[str]
    inner: PaperExchange = field(default_factory=lambda: paper(cadence_s=CADENCE_S))

    def place(self, approved: Approved) -> None:
        self.log.append("send")
        self.inner.place(approved)

    def modify(self, approved: Approved) -> None:
        self.log.append("send")
        self.inner.modify(approved)

    def cancel(self, tag: str, ts: datetime) -> None:
        self.log.append("send")
        self.inner.cancel(tag, ts)

    def due(self, until: datetime) -> Iterator[OrderUpdated]:
        return self.inner.due(until)

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[OrderFilled]:
        return self.inner.fills_at(snapshot)

    def close(self, ts: datetime) -> Iterator[OrderUpdated]:
        return self.inner.close(ts)


def test_nothing_is_sent_before_its_commit_returns() -> None:
    """Every order follows the commit of the step that asked for it; each append has its own commit."""
    journal = MemoryJournal()
    run(a_day(), journal, exchange=Watched(log=journal.log))
    sends = journal.log.count("send")
    assert sends == sum(isinstance(e, Place | Modify | Cancel) for e in journal.effects) > 8
    last = ""
    for entry in journal.log:
        if entry == "send":
            assert last in ("commit MarketSnapshot", "commit OrderUpdated", "commit OrderFilled", "send")
        if entry.startswith("commit"):
            assert last == entry.replace("commit", "append")
        last = entry


def test_what_leaves_or_came_from_outside_is_durable() -> None:
    """A snapshot can be asked for again; orders, fills, the operator's acts cannot."""
    journal, _, _ = run(a_day())
    for event, _, effects, durable in journal.steps:
        leaves = any(isinstance(effect, Place | Modify | Cancel) for effect in effects)
        assert durable is (leaves or not isinstance(event, MarketSnapshot | FeedGap | SessionResumed))
    assert any(not durable for *_, durable in journal.steps)


def test_events_are_journaled_in_event_time_order() -> None:
    """Acknowledgements, gaps, the kill switch, fills and looks at the market: time never goes back."""
    seen: list[bool] = []

    def appears_late() -> bool:
        seen.append(True)
        return len(seen) > 4

    day = without(a_day(stop=20), 5, 6, 7, 8)
    journal, _, _ = run(day, watch=Watch(stop_requested=lambda: False, kill_switch_present=appears_late))
    times = [event.ts for event in journal.events]
    assert times == sorted(times)
    kinds = {type(event) for event in journal.events}
    assert {FeedGap, KillSwitchSeen, OrderUpdated, OrderFilled, MarketSnapshot} <= kinds


def test_a_full_disk_stops_everything_with_nothing_sent() -> None:
    """The commit that fails is the last thing that happens: its orders never leave."""

    def full(event: Event) -> None:
        if isinstance(event, MarketSnapshot) and event.ts == day.market.shots[1].ts:
            raise JournalWriteFailed("journal s.db could not be written: disk full")

    day = a_day()
    journal = MemoryJournal(on_commit=full)
    shown: list[Step] = []
    runner = make_runner(
        day.market,
        journal,
        engine=ENGINE,
        exchange=Watched(log=journal.log),
        show=lambda _state, step: shown.append(step),
    )
    with pytest.raises(JournalWriteFailed, match="disk full"):
        runner.run(opening(day), State())
    assert journal.log[-1] == "append MarketSnapshot" and "send" not in journal.log
    assert len(shown) == len(journal.steps) == 3  # start, history, one look
    whole, _, _ = run(day)
    asked = [effects for event, _, effects, _ in whole.steps if event.ts == day.market.shots[1].ts]
    assert any(
        isinstance(effect, Place) for effects in asked for effect in effects
    )  # there was something to send


class _Stumbles(Engine):
    # Raises on one event, as a bug would.
    def __init__(self, at: datetime) -> None:
        super().__init__(ENGINE.settings, ENGINE.rules)
        self.at = at

    def step(self, state: State, event: Event) -> Step:
        if isinstance(event, MarketSnapshot) and event.ts == self.at:
            raise KeyError("a bug")
        return super().step(state, event)


def test_a_step_that_raises_is_journaled_and_halts() -> None:
    """STEP_FAILED with its error; trading halted, one loud alert, the rest of the state unchanged."""
    day = a_day()
    at = day.market.shots[6].ts
    states: list[tuple[State, Step]] = []
    journal, last, reason = run(
        day, engine=_Stumbles(at), show=lambda state, step: states.append((state, step))
    )
    number = next(
        i for i, (_, step) in enumerate(states) if any(isinstance(r, StepFailed) for r in step.records)
    )
    before, (after, step) = states[number - 1][0], states[number]
    assert step.records[0] == StepFailed(ts=at, error="KeyError: 'a bug'")
    assert [e.code for e in step.effects if isinstance(e, Alert)] == ["step_failed"]
    assert before.desk is not None and after.desk is not None and last.desk is not None
    assert after.desk == replace(
        before.desk,
        now=at,
        failed=True,
        trading_state=TradingState.HALTED,
        safety_level=SafetyLevel.HALTED,
    )
    assert after.market is before.market and after.outlook is before.outlook
    assert journal.events.count(journal.events[number]) == 1
    assert reason == "market_over"  # the session goes on, halted
    assert last.desk.trading_state is TradingState.HALTED and last.desk.snapshots == 9


def test_a_gap_is_told_when_it_is_known() -> None:
    """Three cadences after the last look, not when the market comes back; and only once."""
    day = without(a_day(), 4, 5, 6)
    journal, _, _ = run(day)
    (gap,) = [event for event in journal.events if isinstance(event, FeedGap)]
    last = day.market.shots[3].ts
    assert gap == FeedGap(ts=last + timedelta(seconds=900), last_ts=last, limit_s=900.0)
    follows = journal.events[journal.events.index(gap) + 1 :]
    assert next(e for e in follows if isinstance(e, MarketSnapshot)).ts == day.market.shots[4].ts
    assert not any(isinstance(e, OrderFilled) and e.ts == day.market.shots[4].ts for e in follows)


def test_exactly_three_cadences_are_no_gap() -> None:
    """The limit itself is still regular."""
    journal, _, _ = run(without(a_day(), 4, 5))
    assert not any(isinstance(event, FeedGap) for event in journal.events)


def test_ctrl_c_ends_the_session_as_interrupted() -> None:
    """At the next event, never in the middle of one; resting orders stay for the next start."""
    looks: list[datetime] = []

    def note(_state: State, step: Step) -> None:
        if step.state.market is not None and step.state.market.ts not in looks:
            looks.append(step.state.market.ts)

    watch = Watch(stop_requested=lambda: len(looks) >= 2, kill_switch_present=lambda: False)
    journal, state, reason = run(a_day(), watch=watch, show=note)
    assert reason == "interrupted" and len(looks) == 2
    assert journal.events[-1] == SessionEnded(ts=looks[-1], reason="interrupted")
    assert state.desk is not None and journal.checkpoints[-1] == (looks[-1], state.desk)
    assert state.desk.book.live_orders  # placed on the second look, not cancelled


def test_the_end_of_the_market_ends_all_orders() -> None:
    """No order outlives the source; the last row says why the session ended."""
    day = a_day(stop=4)  # the last look places orders
    journal, state, reason = run(day)
    assert reason == "market_over" and journal.events[-1] == SessionEnded(
        ts=day.market.shots[-1].ts, reason=reason
    )
    assert state.desk is not None and state.desk.book.orders and not state.desk.book.live_orders


def test_the_kill_switch_is_told_once_each_way() -> None:
    """Its appearance and its going are events; halted it stays."""
    shots: list[int] = []

    def present() -> bool:
        shots.append(1)
        return 3 <= len(shots) <= 5

    journal, state, _ = run(a_day(), watch=Watch(stop_requested=lambda: False, kill_switch_present=present))
    assert [e.present for e in journal.events if isinstance(e, KillSwitchSeen)] == [True, False]
    assert state.desk is not None and state.desk.trading_state is TradingState.HALTED
    assert not state.desk.kill_switch


def test_checkpoints_come_by_time_and_with_each_fill() -> None:
    """At the start, after every fill, after `checkpoint_s` of event time, at the end."""
    journal, state, _ = run(a_day(), checkpoint_s=600.0)
    fills = [event.ts for event in journal.events if isinstance(event, OrderFilled)]
    times = [ts for ts, _ in journal.checkpoints]
    assert fills and all(ts in times for ts in fills)
    assert all(later - earlier <= timedelta(seconds=900) for earlier, later in pairwise(times))
    assert journal.checkpoints[-1][1] == state.desk


def test_speed_waits_in_market_time() -> None:
    """Ten times market speed: a tenth of each interval; as fast as possible: no wait at all."""
    clock, hurried = FakeClock(), FakeClock()
    run(a_day(stop=5), clock=clock, speed=10.0)
    run(a_day(stop=5), clock=hurried)
    assert sum(clock.slept_s) == 60.0 and max(clock.slept_s) <= WAIT_SLICE_S and hurried.slept_s == []


def test_the_same_market_gives_the_same_journal() -> None:
    """Two runs over one source: event by event, record by record, effect by effect."""
    first, second = run(a_day())[0], run(a_day())[0]
    assert first.records == second.records and first.effects == second.effects
    assert [type(e) for e in first.events] == [type(e) for e in second.events]


def test_each_snapshot_is_timed() -> None:
    """One figure per look at the market, for the report."""
    day = a_day()
    outcome = make_runner(day.market, MemoryJournal(), engine=ENGINE).run(opening(day), State())
    assert len(outcome.step_ms) == len(day.market.shots) and min(outcome.step_ms) > 0.0


def test_a_look_is_heard_of_before_its_step_and_by_the_same_clock() -> None:
    """So that what it led to can be timed from its arrival to the screen."""
    day, clock = a_day(), FakeClock()
    heard: list[float] = []
    shown: list[tuple[int, int]] = []
    make_runner(
        day.market,
        MemoryJournal(),
        engine=ENGINE,
        clock=clock,
        arrived=heard.append,
        show=lambda state, _step: shown.append((len(heard), state.desk.snapshots if state.desk else 0)),
    ).run(opening(day), State())
    assert len(heard) == len(day.market.shots)
    assert heard == sorted(heard)
    assert all(looks >= snapshots for looks, snapshots in shown)
    assert {snapshots for _, snapshots in shown} == set(range(len(day.market.shots) + 1))


def test_a_broker_is_asked_for_a_margin_after_the_question_is_in_the_journal() -> None:
    """Where nobody can be asked the question is journaled all the same, and nothing breaks."""
    question = AskMargin(ts=TS, proposal_id="P001", positions=())

    class Asking(Engine):
        def step(self, state: State, event: Event) -> Step:
            step = super().step(state, event)
            is_first = isinstance(event, MarketSnapshot) and state.market is None
            return replace(step, effects=(*step.effects, question)) if is_first else step

    asking = Asking(ENGINE.settings, ENGINE.rules)
    day = a_day(stop=4)
    journal, asked = MemoryJournal(), []
    make_runner(
        day.market, journal, engine=asking, ask_margin=lambda one: asked.append((one, len(journal.effects)))
    ).run(opening(day), State())
    ((one, effects_before),) = asked
    assert one == question and effects_before >= 1
    unasked = MemoryJournal()
    make_runner(day.market, unasked, engine=asking).run(opening(day), State())
    assert unasked.effects == journal.effects
