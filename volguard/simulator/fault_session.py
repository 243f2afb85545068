"""One session against a broker that lies, in this process and on virtual time, judged after every step.

The session runs the same engine and the same loop as any other. A crash throws away all but the journal; the
next process goes on from there. What the exchange knows is the truth that the book is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.decision import Approved
from volguard.model.event import (
    Effect,
    Event,
    Link,
    LinkChanged,
    Record,
    SessionResumed,
    StepFailed,
)
from volguard.model.market import ChainSnapshot, Silence, SourceInfo
from volguard.runner import Pace, Runner, Watch
from volguard.simulator.exchange import Exchange
from volguard.simulator.fault_judge import Judge
from volguard.simulator.lies import Liar, Lie, Told
from volguard.simulator.lying_broker import LyingBroker

CRASHES_MAX: Final = 6
SILENCE_S: Final = 5.0  # how often a live source says that nothing came
DEAD_FEED_S: Final = 240.0
DEAD_TOKEN_S: Final = 180.0
CHECKPOINT_S: Final = 86_400.0  # none: a restart replays the whole journal


class Crash(Exception):
    """The process ends here, at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDay:
    """A market of one lot size, in units, and what a session on it is told first."""

    lot_size: int
    info: SourceInfo
    shots: tuple[ChainSnapshot, ...]
    opening: tuple[Event, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultResult:
    """What a session came to; `violations` is empty when every invariant held."""

    seed: int
    violations: tuple[str, ...]
    lies: tuple[Told, ...]
    orders: int
    trades: int
    crashes: int
    steps: int
    naked_s_max: float
    was_emergency: bool


@dataclass(slots=True)
class KeptJournal:
    """A journal in memory; `edge` is called before and after each commit and may end the process.

    `committed` hears of each step that is kept, before anything of it is sent.
    """

    edge: Callable[[str], None]
    committed: Callable[[Event, Sequence[Record], Sequence[Effect]], None]
    steps: list[tuple[Event, tuple[Record, ...], tuple[Effect, ...]]] = field(default_factory=list)
    on_disk: int = 0  # steps that survive the power going off
    _staged: Event | None = None

    def append(self, event: Event) -> int:
        """Stage an event."""
        self._staged = event
        return len(self.steps) + 1

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        """Keep the staged event with what it caused; only a durable commit, and all before it, is on disk."""
        del seq
        self.edge("before a commit")
        if self._staged is not None:
            self.steps.append((self._staged, tuple(records), tuple(effects)))
            self.committed(self._staged, records, effects)
            self._staged = None
        if durable:
            self.on_disk = len(self.steps)
        self.edge("after a commit")

    def lose_power(self) -> None:
        """What was not on disk is gone."""
        del self.steps[self.on_disk :]
        self._staged = None

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Nothing: a restart replays the events."""
        del ts, state


class _StoppedClock:
    # The loop asks it for durations alone: event time is in the events.
    def now(self) -> datetime:
        raise ValueError("a session against lies has event time alone")

    def sleep(self, seconds: float) -> None:
        del seconds

    def monotonic_s(self) -> float:
        return 0.0


@dataclass(slots=True)
class _LyingMarket:
    # The day's snapshots with silence between them, holes, and ties that break.
    day: FaultDay
    liar: Liar
    quiet_until: datetime | None = None
    token_back_at: datetime | None = None

    @property
    def info(self) -> SourceInfo:
        return self.day.info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        before = after
        for shot in self.day.shots:
            if after is not None and shot.ts <= after:
                continue
            yield from self._until(before, shot.ts)
            before = shot.ts
            if self._is_silent(shot.ts):
                continue
            is_thin = self.liar.tells(Lie.THIN_BOOK, shot.ts, "market")
            yield _thinned(shot, self.day.lot_size) if is_thin else shot

    def _until(self, before: datetime | None, until: datetime) -> Iterator[Silence | LinkChanged]:
        at = None if before is None else before + timedelta(seconds=SILENCE_S)
        while at is not None and at < until:
            if self.token_back_at is not None and at >= self.token_back_at:
                self.token_back_at = None
                yield LinkChanged(ts=at, link=Link.TOKEN, is_up=True, text="a new token is in place")
            yield Silence(ts=at)
            at += timedelta(seconds=SILENCE_S)

    def _is_silent(self, at: datetime) -> bool:
        if self.quiet_until is not None and at < self.quiet_until:
            return True
        if self.liar.tells(Lie.FEED_DEAD, at, "feed"):
            self.quiet_until = at + timedelta(seconds=DEAD_FEED_S)
            return True
        return self.liar.tells(Lie.SNAPSHOT_LOST, at, "feed")

    def links(self, at: datetime) -> Iterable[LinkChanged]:
        if self.token_back_at is None and self.liar.tells(Lie.TOKEN_DEAD, at, "token"):
            self.token_back_at = at + timedelta(seconds=DEAD_TOKEN_S)
            yield LinkChanged(ts=at, link=Link.TOKEN, is_up=False, text="UDAPI100050 invalid token")


def run_fault_session(
    engine: Engine,
    day: FaultDay,
    *,
    liar: Liar,
    exchange: Exchange,
    capital_inr: Decimal,
    crash_at: int | None = None,
) -> FaultResult:
    """One session from its opening to the close, with as many restarts as it has crashes.

    `crash_at`: the number of the journal or network edge at which the process ends, besides chance.
    """
    run = _FaultRun(engine, day, liar, exchange, capital_inr, crash_at)
    state = run.to_the_end()
    run.judge.truth_is_kept()
    run.judge.at_end(state)
    return FaultResult(
        seed=liar.seed,
        violations=tuple(run.judge.violations),
        lies=tuple(liar.told),
        orders=len(exchange.accepted_tags),
        trades=len(exchange.trades),
        crashes=run.crashes,
        steps=len(run.journal.steps),
        naked_s_max=run.judge.naked_s_max,
        was_emergency=run.judge.was_emergency,
    )


class _FaultRun:
    def __init__(
        self,
        engine: Engine,
        day: FaultDay,
        liar: Liar,
        exchange: Exchange,
        capital_inr: Decimal,
        crash_at: int | None,
    ) -> None:
        self._engine, self._day, self._liar = engine, day, liar
        self._broker = _EdgedBroker(exchange, liar, self._edge)
        self.judge = Judge(engine=engine, broker=self._broker, capital_inr=capital_inr)
        self.journal = KeptJournal(edge=self._edge, committed=self._committed)
        self._crash_at = crash_at
        self._state = State()
        self.edges = 0
        self.crashes = 0
        self._now = day.opening[0].ts

    def to_the_end(self) -> State:
        """Run, crash and go on until the day is over."""
        state, opening = State(), self._day.opening
        while True:
            try:
                return self._one_process(state, opening)
            except Crash:
                self.crashes += 1
                state, opening = self._recovered()

    def _one_process(self, state: State, opening: tuple[Event, ...]) -> State:
        market = _LyingMarket(self._day, self._liar)
        runner = Runner(
            engine=self._engine,
            journal=self.journal,
            source=_Linked(market),
            exchange=self._broker,
            clock=_StoppedClock(),
            watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
            pace=Pace(speed=None),
            checkpoint_s=CHECKPOINT_S,
            gap_cadences=3.0,
            show=self._seen,
        )
        self._state = state
        return runner.run(opening, state).state

    def _committed(self, event: Event, records: Sequence[Record], effects: Sequence[Effect]) -> None:
        self.judge.before_effects(self._state, event, effects, records)

    def _seen(self, state: State, step: Step) -> None:
        del step
        self._state = state
        if state.desk is not None:
            self._now = state.desk.now
        self.judge.after_step(state)

    def _recovered(self) -> tuple[State, tuple[Event, ...]]:
        self.journal.lose_power()
        state = State()
        for event, records, _ in self.journal.steps:
            error = next((r.error for r in records if isinstance(r, StepFailed)), None)
            step = (
                self._engine.step(state, event) if error is None else self._engine.failed(state, event, error)
            )
            state = step.state
        told = len(self.journal.steps)
        if state.desk is None or told < len(self._day.opening):
            return state, self._day.opening[told:]
        desk = state.desk
        self._broker.restore(desk.book.orders, desk.fill_ids, desk.now)
        return state, (SessionResumed(ts=desk.now, code_version="fault session", from_seq=told),)

    def _edge(self, where: str) -> None:
        self.edges += 1
        is_due = self.edges == self._crash_at
        by_chance = self.crashes < CRASHES_MAX and self._liar.tells(Lie.CRASH, self._now, where)
        if is_due or by_chance:
            raise Crash(where)


class _EdgedBroker(LyingBroker):
    # Every request is an edge twice: the process may end before it leaves, or when it has.
    def __init__(self, exchange: Exchange, liar: Liar, edge: Callable[[str], None]) -> None:
        super().__init__(exchange, liar)
        self._edge = edge

    def place(self, approved: Approved) -> None:
        self._edge("before a place")
        super().place(approved)
        self._edge("after a place")

    def modify(self, approved: Approved) -> None:
        self._edge("before a modify")
        super().modify(approved)

    def cancel(self, tag: str, ts: datetime) -> None:
        self._edge("before a cancel")
        super().cancel(tag, ts)


@dataclass(slots=True)
class _Linked:
    # A market whose ties may break at each look.
    market: _LyingMarket

    @property
    def info(self) -> SourceInfo:
        return self.market.info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        for seen in self.market.snapshots(after):
            yield seen
            if isinstance(seen, ChainSnapshot):
                yield from self.market.links(seen.ts)


def _thinned(shot: ChainSnapshot, lot: int) -> ChainSnapshot:
    return replace(shot, bid_qty=np.minimum(shot.bid_qty, lot), ask_qty=np.minimum(shot.ask_qty, lot))
