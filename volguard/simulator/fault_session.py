"""One session against a broker that lies, in this process and on virtual time, judged after every step.

The session runs the same engine and the same loop as any other. A crash throws away all but the journal; the
next process goes on from there. What the exchange knows is the truth that the book is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from volguard.engine.state import Desk, State, Step
from volguard.engine.step import Engine
from volguard.model.decision import Approved
from volguard.model.event import (
    Effect,
    Event,
    OperatorCommand,
    Record,
    SessionResumed,
    StepFailed,
)
from volguard.model.market import ChainSnapshot, SourceInfo
from volguard.runner import Pace, Runner, Watch
from volguard.simulator.exchange import Exchange
from volguard.simulator.fault_invariants import Invariant, SafetyAction
from volguard.simulator.fault_judge import Judge
from volguard.simulator.fault_market import LyingMarket
from volguard.simulator.lies import Liar, Lie, Told
from volguard.simulator.lying_broker import LyingBroker

CRASHES_MAX: Final = 6
CHECKPOINT_S: Final = 86_400.0  # none: a restart replays the whole journal


Edge = Callable[[str], None]


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
    checked: Mapping[Invariant, int]
    broken: Mapping[Invariant, int]
    actions: Mapping[SafetyAction, int]
    orders: int
    trades: int
    crashes: int
    steps: int
    edges: int
    naked_s_max: float
    was_emergency: bool


@dataclass(slots=True)
class KeptJournal:
    """A journal in memory; `edge` is called before and after each commit and may end the process.

    `committed` hears of each step that is kept, before anything of it is sent.
    """

    edge: Edge
    committed: Callable[[Event, Sequence[Record], Sequence[Effect]], None]
    desks: dict[int, Desk] = field(default_factory=dict)  # after that many steps
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
        self.desks = {count: desk for count, desk in self.desks.items() if count <= self.on_disk}
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


class EdgedBroker(LyingBroker):
    """Every request is an edge twice: the process may end before it leaves, or when it has.

    `leaves` hears of each order just before it goes out.
    """

    def __init__(self, exchange: Exchange, liar: Liar, edge: Edge, leaves: Edge) -> None:
        super().__init__(exchange, liar)
        self._edge, self._leaves = edge, leaves

    def place(self, approved: Approved) -> None:
        """Send one order, if the process lives."""
        self._edge("before a place")
        self._leaves(approved.request.tag)
        super().place(approved)
        self._edge("after a place")

    def modify(self, approved: Approved) -> None:
        """Re-price one, if the process lives."""
        self._edge("before a modify")
        super().modify(approved)
        self._edge("after a modify")

    def cancel(self, tag: str, ts: datetime) -> None:
        """Take one off, if the process lives."""
        self._edge("before a cancel")
        super().cancel(tag, ts)
        self._edge("after a cancel")

    def query(self, tag: str, ts: datetime) -> None:
        """Look for one, if the process lives."""
        self._edge("before a query")
        super().query(tag, ts)

    def read_book(self, ts: datetime) -> None:
        """Read the books, if the process lives."""
        self._edge("before a reading of the books")
        super().read_book(ts)


BrokerMaker = Callable[[Exchange, Liar, Edge, Edge], EdgedBroker]


def run_fault_session(
    engine: Engine,
    day: FaultDay,
    *,
    liar: Liar,
    exchange: Exchange,
    capital_inr: Decimal,
    crash_at: int | None = None,
    broker_of: BrokerMaker = EdgedBroker,
) -> FaultResult:
    """One session from its opening to the close, with as many restarts as it has crashes.

    `crash_at`: the number of the journal or network edge at which the process ends, besides chance.
    """
    run = _FaultRun(engine, day, liar, exchange, capital_inr, crash_at, broker_of)
    state = run.to_the_end()
    run.judge.at_end(state)
    ledger = run.judge.ledger
    return FaultResult(
        seed=liar.seed,
        violations=tuple(ledger.violations),
        lies=tuple(liar.told),
        checked=dict(ledger.checked),
        broken=dict(ledger.broken),
        actions=dict(ledger.actions),
        orders=sum(tag != "" for tag in exchange.accepted_tags),
        trades=len(exchange.trades),
        crashes=run.crashes,
        steps=len(run.journal.steps),
        edges=run.edges,
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
        broker_of: BrokerMaker,
    ) -> None:
        self._engine, self._day, self._liar = engine, day, liar
        self._broker = broker_of(exchange, liar, self._edge, self._leaves)
        self.judge = Judge(engine=engine, broker=self._broker, capital_inr=capital_inr)
        self.journal = KeptJournal(edge=self._edge, committed=self._committed)
        self._crash_at = crash_at
        self._state = State()
        self.edges = 0
        self.crashes = 0
        self._now = day.opening[0].ts
        self._replayed: tuple[int, State] = (0, State())
        self._resumed_at: datetime | None = None
        self._is_killed = False
        self._words: list[tuple[OperatorCommand, str]] = []

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
        market = LyingMarket(
            source=self._day.info,
            shots=self._day.shots,
            lot_size=self._day.lot_size,
            liar=self._liar,
            show=self._broker.show,
            people=self._people,
            resumed_at=self._resumed_at,
        )
        runner = Runner(
            engine=self._engine,
            journal=self.journal,
            source=market,
            exchange=self._broker,
            clock=_StoppedClock(),
            watch=Watch(
                stop_requested=lambda: False,
                kill_switch_present=lambda: self._is_killed,
                words=self._said,
            ),
            pace=Pace(speed=None),
            checkpoint_s=CHECKPOINT_S,
            gap_cadences=3.0,
            show=self._seen,
        )
        self._state = state
        return runner.run(opening, state).state

    def _people(self, at: datetime) -> None:
        if not self._is_killed and self._liar.tells(Lie.KILL_SWITCH, at, "operator"):
            self._is_killed = True
        if self._liar.tells(Lie.OPERATOR_FLATTENS, at, "operator"):
            self._words.append((OperatorCommand.FLATTEN, "the operator asks to close everything"))

    def _said(self) -> tuple[tuple[OperatorCommand, str], ...]:
        said, self._words = tuple(self._words), []
        return said

    def _committed(self, event: Event, records: Sequence[Record], effects: Sequence[Effect]) -> None:
        self.judge.before_effects(self._state, event, effects, records)

    def _leaves(self, tag: str) -> None:
        self.judge.orders.leaves(tag, self._now)

    def _seen(self, state: State, step: Step) -> None:
        del step
        self._state = state
        if state.desk is not None:
            self._now = state.desk.now
            self.journal.desks[len(self.journal.steps)] = state.desk
        self.judge.after_step(state)

    def _recovered(self) -> tuple[State, tuple[Event, ...]]:
        # Replayed from where the last restart came to: what was on disk then is on disk now.
        self.journal.lose_power()
        done, state = self._replayed
        for event, records, _ in self.journal.steps[done:]:
            error = next((r.error for r in records if isinstance(r, StepFailed)), None)
            step = (
                self._engine.step(state, event) if error is None else self._engine.failed(state, event, error)
            )
            state = step.state
        told = len(self.journal.steps)
        self._replayed = (told, state)
        if state.desk is None or told < len(self._day.opening):
            return state, self._day.opening[told:]
        desk = state.desk
        self._resumed_at = desk.now
        self.judge.restarted(desk, self.journal.desks.get(told))  # None: it ended within that step
        self._broker.restore(desk.book.orders, desk.fill_ids, desk.now)
        return state, (SessionResumed(ts=desk.now, code_version="fault session", from_seq=told),)

    def _edge(self, where: str) -> None:
        self.edges += 1
        is_due = self.edges == self._crash_at
        by_chance = self.crashes < CRASHES_MAX and self._liar.tells(Lie.CRASH, self._now, where)
        if is_due or by_chance:
            raise Crash(where)
