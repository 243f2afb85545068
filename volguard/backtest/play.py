"""Days played one after the other by the engine that trades tomorrow: market in, book carried, nothing else.

The loop is the runner's, the fills are the paper exchange's. What a session is told (its settings, its
history) comes with each day; what an option is worth at its expiry is settled after the close.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from volguard.adapters.heard_journal import HeardJournal
from volguard.adapters.paper import PaperExchange
from volguard.backtest.attention import Attention
from volguard.backtest.attribution import Attribution
from volguard.backtest.held_legs import HeldLegs, marks_inr
from volguard.backtest.moved_expiry import desk_with_moved
from volguard.backtest.played_log import DayLog, Watched
from volguard.backtest.settlement import Settlement, settle
from volguard.engine.carried import book_to_carry
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.model.book import ZERO, Fill, Position
from volguard.model.decision import Decision
from volguard.model.errors import DataError, UsageError
from volguard.model.event import (
    Alert,
    BookCarried,
    Event,
    HistoryLoaded,
    SessionStarted,
)
from volguard.model.market import SourceInfo
from volguard.ports import Clock, Journal, MarketData
from volguard.report.refused import RefusedDay, carried_on_paper, refusals_of
from volguard.report.refused_gather import last_good
from volguard.runner import Pace, Runner, Watch

NOT_KNOWN: Final = "NOT_KNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """What the edge of a played session is set to: the paper exchange's delay, gaps, checkpoints.

    Worse fills: `slippage_ticks` beyond the touch, and `late_looks` at which an order does not fill yet.
    """

    paper_delay_s: float
    gap_cadences: float
    checkpoint_s: float
    slippage_ticks: int = 0
    late_looks: int = 0

    def __post_init__(self) -> None:
        if self.slippage_ticks < 0 or self.late_looks < 0:
            raise UsageError(
                f"slippage of {self.slippage_ticks} ticks and {self.late_looks} late looks: 0 or more"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """One day to be played; `final_level` is the index's official close, None where it is not known.

    `moved`: expiries of what is held that are another day now, by the day they were.
    """

    market: MarketData
    started: SessionStarted
    history: HistoryLoaded
    final_level: Decimal | None
    moved: Mapping[date, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayLeftOut:
    """A session that cannot be played, and why; what expires on it is settled all the same."""

    day: date
    reason: str
    final_level: Decimal | None
    moved: Mapping[date, date] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedDay:
    """What a day that was left out did to the book; `desk` of the session before, None: there was none."""

    day: date
    reason: str
    desk: Desk | None
    settled: tuple[Settlement, ...]
    final_level: Decimal | None
    attribution: Attribution
    moved: Mapping[date, date]

    @property
    def charges_inr(self) -> Decimal:
        """STT of what was exercised."""
        return sum((one.charges_inr for one in self.settled), ZERO)

    @property
    def cash_inr(self) -> Decimal:
        """Rupees that settlement brought, its tax taken off."""
        return sum((one.cash_inr for one in self.settled), ZERO) - self.charges_inr


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedDay:
    """What a day left: its decisions, its fills, what was settled, and what is held overnight.

    marks_inr        worth of what is held, marked as `held_legs` says; None where a leg has no mark
    margin_inr       the most that what was held needed at any look, 0 without; None: not known at one of them
    regime           that the last close before it left in force
    attribution      of the P&L of the day at those marks
    moved            expiries that became another day since the session before
    refused          what was not traded, carried on paper to the day's last good look
    """

    started: SessionStarted
    desk: Desk
    decisions: tuple[Decision, ...]
    decisions_hash: str
    fills: tuple[Fill, ...]
    settled: tuple[Settlement, ...]
    final_level: Decimal | None
    held: tuple[Position, ...]
    marks_inr: Decimal | None
    margin_inr: float | None
    regime: str
    attribution: Attribution
    moved: Mapping[date, date]
    refused: RefusedDay
    alerts: tuple[Alert, ...]
    failures: tuple[str, ...]  # of steps that raised: the engine halts itself then

    @property
    def trading_date(self) -> date:
        """Its date."""
        return self.started.trading_date

    @property
    def charges_inr(self) -> Decimal:
        """Charges of the day's fills, and STT of what was exercised."""
        traded = sum((fill.charges_inr for fill in self.fills), ZERO)
        return traded + sum((one.charges_inr for one in self.settled), ZERO)

    @property
    def cash_inr(self) -> Decimal:
        """Rupees that came in on the day, charges taken off."""
        traded = sum((fill.cash_inr for fill in self.fills), ZERO)
        return traded + sum((one.cash_inr for one in self.settled), ZERO) - self.charges_inr


Keep = Callable[[SessionStarted], AbstractContextManager[Journal | None]]


def kept_nowhere(_started: SessionStarted) -> AbstractContextManager[Journal | None]:
    """No journal."""
    return nullcontext()


class Player:
    """Plays days with one engine; `clock` times steps alone, decisions never see it.

    `attention` hears every state: markets that are made look at it. `keep` opens the journal of a day that
    is to be kept.
    """

    def __init__(
        self, engine: Engine, settings: PlaySettings, clock: Clock, keep: Keep = kept_nowhere
    ) -> None:
        self._engine, self._settings, self._clock = engine, settings, clock
        self._keep = keep
        self._legs = HeldLegs()
        self.attention = Attention()

    def exchange(self, info: SourceInfo) -> PaperExchange:
        """A paper exchange in the lots of a session's date."""
        return PaperExchange.of_session(
            info,
            self._engine.rules.contracts,
            delay_s=self._settings.paper_delay_s,
            gap_cadences=self._settings.gap_cadences,
            slippage_ticks=self._settings.slippage_ticks,
            late_looks=self._settings.late_looks,
        )

    def play_all(self, plans: Iterable[DayPlan | DayLeftOut]) -> Iterator[PlayedDay | SkippedDay]:
        """Day after day, what one holds carried to the next; once.

        Raises DataError where what expired on a day cannot be settled.
        """
        book: _Overnight | None = None
        for plan in plans:
            if book is not None and plan.moved:
                book = replace(book, desk=desk_with_moved(book.desk, plan.moved))
            self._legs.moved(plan.moved)
            if isinstance(plan, DayLeftOut):
                yield self._skipped(plan, book)
                continue
            played = self._play(plan, None if book is None else book.carried_to(plan.started))
            book = _Overnight(desk=played.desk, session_id=played.started.session_id)
            yield played

    def _play(self, plan: DayPlan, carried: BookCarried | None) -> PlayedDay:
        log = DayLog()
        watched = Watched(self._engine, self._legs, log, self.attention)
        with self._keep(plan.started) as kept:
            state = self._run(plan, carried, watched, HeardJournal(log.hear, kept))
        if state.desk is None:
            raise ValueError(f"the session of {plan.started.trading_date} never began")
        return self._played(plan, log, watched, state, state.desk)

    def _run(
        self, plan: DayPlan, carried: BookCarried | None, watched: Watched, journal: HeardJournal
    ) -> State:
        info = plan.market.info
        runner = Runner(
            engine=self._engine,
            journal=journal,
            source=plan.market,
            exchange=self.exchange(info),
            clock=self._clock,
            watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
            pace=Pace(speed=None),
            checkpoint_s=self._settings.checkpoint_s,
            gap_cadences=self._settings.gap_cadences,
            show=watched.show,
        )
        opening: tuple[Event, ...] = (plan.started, plan.history)
        return runner.run(opening if carried is None else (*opening, carried), State()).state

    def _skipped(self, plan: DayLeftOut, book: _Overnight | None) -> SkippedDay:
        held = () if book is None else book.desk.book.positions
        return SkippedDay(
            day=plan.day,
            reason=plan.reason,
            desk=None if book is None else book.desk,
            settled=self._settled(plan.day, plan.final_level, held),
            final_level=plan.final_level,
            attribution=self._legs.told(),
            moved=plan.moved,
        )

    def _played(self, plan: DayPlan, log: DayLog, watched: Watched, state: State, desk: Desk) -> PlayedDay:
        day, held = plan.started.trading_date, desk.book.positions
        tick = self._engine.rules.contracts.tick(plan.market.info.underlying, day)
        if state.market is not None:
            watched.trade(state.market, all_of_them=True)
            self._legs.marked(state.market, tick)
        settled = self._settled(day, plan.final_level, held)
        left = tuple(p for p in held if p.contract.expiry > day)
        stand = state.outlook.stand.regime
        return PlayedDay(
            started=plan.started,
            desk=desk,
            decisions=tuple(log.decisions),
            decisions_hash=log.digest.hexdigest(),
            fills=tuple(log.fills),
            settled=settled,
            final_level=plan.final_level,
            held=left,
            marks_inr=marks_inr(state.market, [(p.contract, p.quantity) for p in left], tick),
            margin_inr=watched.margin_inr,
            regime=NOT_KNOWN if stand is None else stand.value,
            attribution=self._legs.told(),
            moved=plan.moved,
            refused=self._refused(plan, log, watched),
            alerts=tuple(log.alerts),
            failures=tuple(log.failures),
        )

    def _refused(self, plan: DayPlan, log: DayLog, watched: Watched) -> RefusedDay:
        marked_at = last_good(log.seen, self._engine.settings.limits.quality_new_trades_min)
        return carried_on_paper(
            refusals_of(log.decisions, plan.market.info.underlying),
            log.decisions,
            watched.look_at,
            None if marked_at is None else watched.look_at(marked_at),
            self._engine.rules,
        )

    def _settled(
        self, day: date, final_level: Decimal | None, held: Sequence[Position]
    ) -> tuple[Settlement, ...]:
        expiring = [p for p in held if p.contract.expiry == day]
        if not expiring:
            return ()
        if final_level is None:
            names = ", ".join(p.contract.symbol for p in expiring)
            raise DataError(
                f"{names} expired on {day.isoformat()}, and the official close is not known",
                hint="settlement needs the index's close of that day: give a history that holds it",
            )
        settled = settle(expiring, day, final_level, self._engine.rules.charges)
        self._legs.settled(settled, final_level)
        return settled


@dataclass(frozen=True, slots=True, kw_only=True)
class _Overnight:
    desk: Desk
    session_id: str

    def carried_to(self, started: SessionStarted) -> BookCarried | None:
        return book_to_carry(self.desk, self.session_id, started.ts, started.trading_date)
