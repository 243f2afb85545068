"""The loop: every event is journaled, stepped, committed, and only then acted on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol

from volguard.engine.state import State, Step
from volguard.engine.step import Engine
from volguard.model.errors import JournalWriteFailed, LockHeld
from volguard.model.event import (
    PAPER,
    Alert,
    AskMargin,
    BookCarried,
    BrokerBookRead,
    Cancel,
    ClosedElsewhere,
    Effect,
    Event,
    FeedGap,
    HistoryLoaded,
    KillSwitchSeen,
    LinkChanged,
    MarginAnswered,
    MarketSnapshot,
    Modify,
    OperatorCommand,
    OperatorSpoke,
    OrderAbsent,
    OrderFilled,
    OrderUpdated,
    Place,
    ProposalAnswered,
    Query,
    ReadBook,
    SessionEnded,
    SessionStarted,
    TimePassed,
)
from volguard.model.market import ChainSnapshot, Silence
from volguard.model.proposal import Answer as OperatorAnswer
from volguard.ports import Broker, Clock, Journal, MarketData

# Events that came from outside and would be lost with the power; the market can be asked for again.
DURABLE_EVENTS = (
    SessionStarted,
    HistoryLoaded,
    LinkChanged,
    OrderUpdated,
    OrderFilled,
    OrderAbsent,
    BrokerBookRead,
    ClosedElsewhere,
    BookCarried,
    OperatorSpoke,
    ProposalAnswered,
    MarginAnswered,
    KillSwitchSeen,
    SessionEnded,
)


Answer = OrderUpdated | OrderFilled | OrderAbsent | BrokerBookRead | MarginAnswered
WAIT_SLICE_S: Final = 0.25  # how long the operator's word may wait while the next look is not due


class Exchange(Broker, Protocol):
    """A broker in this process whose answers are fetched in event time."""

    def read_book(self, ts: datetime) -> None:
        """Read orders, executions and positions; the answer is a BrokerBookRead; a paper book gives none."""
        ...

    def due(self, until: datetime) -> Iterator[Answer]:
        """Answers up to a moment, oldest first."""
        ...

    def fills_at(self, snapshot: ChainSnapshot) -> Iterator[Answer]:
        """Executions that a snapshot makes, and what else is heard with them."""
        ...

    def close(self, ts: datetime) -> Iterator[Answer]:
        """Ends of all resting orders at the session's close."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast events are taken: `speed` times market time, None as fast as possible."""

    speed: float | None


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What a run leaves behind besides its journal."""

    state: State
    end_reason: str
    step_ms: list[float] = field(default_factory=list)


def _silent() -> tuple[()]:
    return ()


def ignored(_monotonic_s: float) -> None:
    """Nobody wants to hear when looks arrive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What the runner looks at between events: the wish to stop, the kill-switch file, the operator's words.

    `words` gives each word once, with its text; `answers` each answer to a proposal.
    """

    stop_requested: Callable[[], bool]
    kill_switch_present: Callable[[], bool]
    words: Callable[[], Iterable[tuple[OperatorCommand, str]]] = _silent
    answers: Callable[[], Iterable[OperatorAnswer]] = _silent


class Runner:
    """Runs one session over one source; owns the state, alone.

    `arrived` hears when each look at the market came into the loop, by the clock's monotonic seconds;
    `ask_margin` asks a broker who has a margin calculator, his answer comes with the others.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        journal: Journal,
        source: MarketData,
        exchange: Exchange,
        clock: Clock,
        watch: Watch,
        pace: Pace,
        checkpoint_s: float,
        gap_cadences: float,
        show: Callable[[State, Step], None],
        arrived: Callable[[float], None] = ignored,
        ask_margin: Callable[[AskMargin], None] | None = None,
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._source = source
        self._exchange = exchange
        self._clock = clock
        self._watch = watch
        self._pace = pace
        self._checkpoint = timedelta(seconds=checkpoint_s)
        self._gap_s = gap_cadences * source.info.capabilities.cadence_s
        self._show = show
        self._arrived = arrived
        self._ask_margin = ask_margin
        self._last_checkpoint_at: datetime | None = None
        self._last_snapshot_at: datetime | None = None
        self._gap_told_of: datetime | None = None

    def run(self, opening: tuple[Event, ...], state: State) -> Outcome:
        """Take the opening events, then the market until it ends or the operator stops it.

        Raises JournalWriteFailed, with nothing sent after the write that failed.
        """
        outcome = Outcome(state=state, end_reason="market_over")
        if state.desk is not None:
            self._last_snapshot_at = state.desk.last_snapshot_at
            self._last_checkpoint_at = state.desk.now
        for event in opening:
            self._take(outcome, event)
        for event in self._market(outcome):
            self._take(outcome, event)
        return outcome

    def _market(self, outcome: Outcome) -> Iterator[Event]:
        kill_switch = outcome.state.desk.kill_switch if outcome.state.desk is not None else False
        last, resumed_at = self._last_snapshot_at, _now(outcome)
        heard_at = resumed_at
        for seen in self._source.snapshots(after=last):
            heard_at = seen.ts
            for word in self._heard_while_waiting(last, seen.ts, outcome):
                yield word
                if isinstance(word, OperatorSpoke) and word.command is OperatorCommand.YIELD:
                    outcome.end_reason = "yielded"
            self._arrived(self._clock.monotonic_s())
            if self._watch.stop_requested() or outcome.end_reason == "yielded":
                yield from self._leave(outcome)
                return
            yield from self._before(last, seen.ts, resumed_at=resumed_at)
            if self._watch.kill_switch_present() is not kill_switch:
                kill_switch = not kill_switch
                yield KillSwitchSeen(ts=seen.ts, present=kill_switch)
            match seen:
                case Silence():
                    if self._engine.waits_for_time(outcome.state):
                        yield TimePassed(ts=seen.ts)
                case LinkChanged():
                    yield seen
                case ChainSnapshot():
                    yield from self._exchange.fills_at(seen)
                    yield MarketSnapshot(ts=seen.ts, snapshot=seen)
                    last = seen.ts
        end = max(_now(outcome), heard_at)  # a day that ended in silence went on to its close all the same
        yield from self._exchange.close(end)
        yield SessionEnded(ts=end, reason=outcome.end_reason)

    def _leave(self, outcome: Outcome) -> Iterator[Event]:
        # Nothing of ours stays on a real exchange when nobody watches it; paper orders wait for us.
        if outcome.end_reason != "yielded":
            outcome.end_reason = "interrupted"
        desk = outcome.state.desk
        if outcome.end_reason == "yielded" or (desk is not None and desk.broker != PAPER):
            yield from self._exchange.close(_now(outcome))
        yield SessionEnded(ts=_now(outcome), reason=outcome.end_reason)

    def _before(self, last: datetime | None, until: datetime, *, resumed_at: datetime) -> Iterator[Event]:
        # What happened between two looks at the market, in event-time order.
        is_gap = last is not None and (until - last).total_seconds() > self._gap_s
        if last is not None and is_gap and self._gap_told_of != last:
            silent_at = last + timedelta(seconds=self._gap_s)
            yield from self._exchange.due(silent_at)
            self._gap_told_of = last
            if silent_at >= resumed_at:  # else it was told before the restart
                yield FeedGap(ts=silent_at, last_ts=last, limit_s=self._gap_s)
        yield from self._exchange.due(until)

    def _take(self, outcome: Outcome, event: Event) -> None:
        began_s = self._clock.monotonic_s()
        seq = self._journal.append(event)
        step = self._step(outcome.state, event)
        leaves = any(isinstance(effect, Place | Modify | Cancel) for effect in step.effects)
        durable = leaves or isinstance(event, DURABLE_EVENTS)
        self._journal.commit(seq, step.records, step.effects, durable=durable)
        outcome.state = step.state
        for effect in step.effects:
            self._submit(effect)
        if isinstance(event, MarketSnapshot):
            outcome.step_ms.append((self._clock.monotonic_s() - began_s) * 1000.0)
        self._maybe_checkpoint(outcome.state, event)
        self._show(step.state, step)

    def _step(self, state: State, event: Event) -> Step:
        try:
            return self._engine.step(state, event)
        except (JournalWriteFailed, LockHeld):
            raise
        except Exception as error:  # noqa: BLE001 - the one boundary: whatever it was, trading is halted
            return self._engine.failed(state, event, f"{type(error).__name__}: {error}")

    def _submit(self, effect: Effect) -> None:
        match effect:
            case Place(approved=approved):
                self._exchange.place(approved)
            case Modify(approved=approved):
                self._exchange.modify(approved)
            case Cancel(tag=tag, ts=ts):
                self._exchange.cancel(tag, ts)
            case Query(tag=tag, ts=ts):
                self._exchange.query(tag, ts)
            case ReadBook(ts=ts):
                self._exchange.read_book(ts)
            case AskMargin():
                if self._ask_margin is not None:
                    self._ask_margin(effect)
            case Alert():
                pass  # journaled with the step, and on the next frame

    def _maybe_checkpoint(self, state: State, event: Event) -> None:
        desk = state.desk
        if desk is None:
            return
        last = self._last_checkpoint_at
        is_due = last is None or desk.now - last >= self._checkpoint
        if is_due or isinstance(event, OrderFilled | SessionEnded):
            self._journal.checkpoint(desk.now, desk)
            self._last_checkpoint_at = desk.now

    def _heard_while_waiting(
        self, last: datetime | None, upcoming: datetime, outcome: Outcome
    ) -> Iterator[OperatorSpoke | ProposalAnswered]:
        left_s = 0.0
        if self._pace.speed is not None and last is not None:
            left_s = (upcoming - last).total_seconds() / self._pace.speed
        while True:
            for command, text in self._watch.words():
                yield OperatorSpoke(ts=_now(outcome), command=command, text=text)
            for answer in self._watch.answers():
                yield ProposalAnswered(
                    ts=_now(outcome),
                    proposal_id=answer.proposal_id,
                    digest=answer.digest,
                    verdict=answer.verdict,
                    lots=answer.lots,
                    reason=answer.reason,
                )
            if left_s <= 0.0 or self._watch.stop_requested() or outcome.end_reason == "yielded":
                return
            self._clock.sleep(min(WAIT_SLICE_S, left_s))
            left_s -= WAIT_SLICE_S


def _now(outcome: Outcome) -> datetime:
    desk = outcome.state.desk
    if desk is None:
        raise ValueError("a session that never started has no time")
    return desk.now
