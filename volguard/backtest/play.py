"""Days played one after the other by the engine that trades tomorrow: market in, book carried, nothing else.

The loop is the runner's, the fills are the paper exchange's. What a session is told (its settings, its
history) comes with each day; what an option is worth at its expiry is settled after the close.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from volguard.adapters.journal_codec import encode
from volguard.adapters.paper import PaperExchange
from volguard.backtest.settlement import Settlement, settle
from volguard.engine.carried import book_to_carry
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.measure.market_view import MarketView
from volguard.model.book import ZERO, Fill, Position
from volguard.model.decision import Decision
from volguard.model.errors import DataError
from volguard.model.event import (
    Alert,
    BookCarried,
    DecisionMade,
    Effect,
    Event,
    FillBooked,
    HistoryLoaded,
    Record,
    SessionStarted,
    StepFailed,
)
from volguard.model.market import SourceInfo
from volguard.model.units import PAISA
from volguard.ports import Clock, MarketData
from volguard.runner import Pace, Runner, Watch

HASH_BYTES: Final = 32  # of the decisions, as the day's report counts them


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """What the edge of a played session is set to: the paper exchange's delay, gaps, checkpoints."""

    paper_delay_s: float
    gap_cadences: float
    checkpoint_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPlan:
    """One day to be played; `final_level` is the index's official close, None where it is not known."""

    market: MarketData
    started: SessionStarted
    history: HistoryLoaded
    final_level: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedDay:
    """What a day left: its decisions, its fills, what was settled, and what is held overnight.

    `marks_inr` is the worth of what is held at the mids of the last look; None where a leg has no mid then.
    """

    started: SessionStarted
    desk: Desk
    decisions: tuple[Decision, ...]
    decisions_hash: str
    fills: tuple[Fill, ...]
    settled: tuple[Settlement, ...]
    held: tuple[Position, ...]
    marks_inr: Decimal | None
    alerts: tuple[Alert, ...]
    failed_steps: int

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


class Player:
    """Plays days with one engine; `clock` times steps alone, decisions never see it."""

    def __init__(self, engine: Engine, settings: PlaySettings, clock: Clock) -> None:
        self._engine, self._settings, self._clock = engine, settings, clock

    def exchange(self, info: SourceInfo) -> PaperExchange:
        """A paper exchange in the lots of a session's date."""
        contracts = self._engine.rules.contracts
        return PaperExchange(
            delay_s=self._settings.paper_delay_s,
            cadence_s=info.capabilities.cadence_s,
            gap_cadences=self._settings.gap_cadences,
            lot_size=lambda expiry: contracts.lot_size(info.underlying, info.trading_date, expiry),
        )

    def play(self, plan: DayPlan, carried: BookCarried | None = None) -> PlayedDay:
        """One day from open to close. Raises DataError where what expired on it cannot be settled."""
        log = _DayLog()
        info = plan.market.info
        runner = Runner(
            engine=self._engine,
            journal=log,
            source=plan.market,
            exchange=self.exchange(info),
            clock=self._clock,
            watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
            pace=Pace(speed=None),
            checkpoint_s=self._settings.checkpoint_s,
            gap_cadences=self._settings.gap_cadences,
            show=lambda _state, _step: None,
        )
        opening: tuple[Event, ...] = (plan.started, plan.history)
        state = runner.run(opening if carried is None else (*opening, carried), State()).state
        if state.desk is None:
            raise ValueError(f"the session of {plan.started.trading_date} never began")
        return self._played(plan, log, state, state.desk)

    def play_all(self, plans: Iterable[DayPlan]) -> Iterator[PlayedDay]:
        """Day after day, what one holds carried to the next. Raises DataError as `play` does."""
        before: PlayedDay | None = None
        for plan in plans:
            before = self.play(plan, _carried(before, plan.started))
            yield before

    def _played(self, plan: DayPlan, log: _DayLog, state: State, desk: Desk) -> PlayedDay:
        day, held = plan.started.trading_date, desk.book.positions
        settled = self._settled(plan, held)
        left = tuple(p for p in held if p.contract.expiry > day)
        return PlayedDay(
            started=plan.started,
            desk=desk,
            decisions=tuple(log.decisions),
            decisions_hash=log.digest.hexdigest(),
            fills=tuple(log.fills),
            settled=settled,
            held=left,
            marks_inr=_marks_inr(left, state.market),
            alerts=tuple(log.alerts),
            failed_steps=log.failed,
        )

    def _settled(self, plan: DayPlan, held: Sequence[Position]) -> tuple[Settlement, ...]:
        day = plan.started.trading_date
        expiring = [p for p in held if p.contract.expiry == day]
        if not expiring:
            return ()
        if plan.final_level is None:
            names = ", ".join(p.contract.symbol for p in expiring)
            raise DataError(f"{names} expired on {day.isoformat()}, and the official close is not known")
        return settle(expiring, day, plan.final_level, self._engine.rules.charges)


class _DayLog:
    # A journal in memory that keeps what a played day tells.
    def __init__(self) -> None:
        self.decisions: list[Decision] = []
        self.fills: list[Fill] = []
        self.alerts: list[Alert] = []
        self.failed = 0
        self.digest = hashlib.blake2b(digest_size=HASH_BYTES)
        self._count = 0

    def append(self, event: Event) -> int:  # noqa: ARG002 - the port's
        self._count += 1
        return self._count

    def commit(
        self,
        seq: int,  # noqa: ARG002 - the port's
        records: Sequence[Record],
        effects: Sequence[Effect],
        *,
        durable: bool,  # noqa: ARG002 - the port's
    ) -> None:
        for record in records:
            match record:
                case DecisionMade(decision=decision):
                    self.decisions.append(decision)
                    self.digest.update(encode(record)[1] + b"\n")
                case FillBooked(fill=fill):
                    self.fills.append(fill)
                case StepFailed():
                    self.failed += 1
        self.alerts += [effect for effect in effects if isinstance(effect, Alert)]

    def checkpoint(self, ts: datetime, state: Any) -> None:
        pass


def _carried(before: PlayedDay | None, started: SessionStarted) -> BookCarried | None:
    if before is None:
        return None
    return book_to_carry(before.desk, before.started.session_id, started.ts, started.trading_date)


def _marks_inr(held: Sequence[Position], view: MarketView | None) -> Decimal | None:
    total = ZERO
    for position in held:
        row = view.row(position.contract) if view is not None else None
        mid = float(view.mid[row]) if view is not None and row is not None else float("nan")
        if mid != mid:  # nan: it has no mid
            return None
        total += position.quantity * Decimal(repr(mid))
    return total.quantize(PAISA)
