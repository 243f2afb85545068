"""One journaled day told in three ways: as journaled, stepped again, and run again from its recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event as Signal

from volguard.adapters.clock import SystemClock
from volguard.adapters.heard_journal import HeardJournal
from volguard.adapters.journal_codec import EVENT_KINDS, decode, encode
from volguard.adapters.journal_export import export_parquet
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of, failed_steps, recover_state
from volguard.adapters.replay import ReplayMarket
from volguard.config.loader import restore
from volguard.config.settings import Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.measure.touch import closing_price
from volguard.model.book import Fill, positions_of
from volguard.model.decision import Phase
from volguard.model.errors import JournalDamaged, UsageError
from volguard.model.event import (
    PAPER,
    DecisionMade,
    FillBooked,
    HistoryLoaded,
    Place,
    SessionStarted,
    StepFailed,
)
from volguard.model.instrument import OptionContract
from volguard.model.order import OrderRequest
from volguard.nse.rules import Rules
from volguard.operations.parity_causes import Account, DecisionRow
from volguard.operations.replay_journal import step_again
from volguard.runner import Pace, Runner, Watch
from volguard.wiring import engine_of, paper_exchange, rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A day told in one way; `broke_off` says why it ends before the day does, None: it is whole."""

    account: Account
    failed_steps: int
    broke_off: str | None = None


@dataclass(slots=True, kw_only=True)
class _Notes:
    # What steps said, kept as an account needs it.
    decisions: list[DecisionRow] = field(default_factory=list)
    sent: dict[str, OrderRequest] = field(default_factory=dict)
    fills: list[Fill] = field(default_factory=list)
    failed: int = 0

    def take(self, said: object, *, seq: int | None, body: str | None = None) -> None:
        match said:
            case DecisionMade(decision=decision):
                text = encode(said)[1].decode() if body is None else body
                self.decisions.append(DecisionRow(seq=seq, decision=decision, body=text))
            case Place(approved=approved):
                self.sent.setdefault(approved.request.tag, approved.request)
            case FillBooked(fill=fill):
                self.fills.append(fill)
            case StepFailed():
                self.failed += 1

    def told(self, state: State, rules: Rules, broke_off: str | None = None) -> Told:
        account = Account(
            decisions=tuple(self.decisions),
            sent=self.sent,
            fills=tuple(self.fills),
            marks=_marks(self.fills, state, rules),
        )
        return Told(account=account, failed_steps=self.failed, broke_off=broke_off)


def as_journaled(reader: JournalReader) -> Told:
    """What the journal's own rows say, nothing computed but the closing marks. Raises JournalDamaged."""
    notes = _Notes()
    kinds = tuple(kind.__name__ for kind in (DecisionMade, Place, FillBooked, StepFailed))
    for row in reader.rows(kinds=kinds):
        notes.take(decode(row.kind, row.body), seq=row.seq, body=row.body)
    engine = engine_of(reader)
    return notes.told(recover_state(reader, engine), engine.rules)


def as_replayed(reader: JournalReader) -> Told:
    """Every event of the journal stepped again; breaks off where a step raises that did not then."""
    notes, state = _Notes(), State()
    engine = engine_of(reader)
    failures = failed_steps(reader, 0)
    for row in reader.rows(kinds=EVENT_KINDS):
        try:
            step = step_again(engine, state, reader, row, failures)
        except JournalDamaged as damage:
            return notes.told(state, engine.rules, damage.message)
        for said in (*step.records, *step.effects):
            notes.take(said, seq=None)
        state = step.state
    return notes.told(state, engine.rules)


def as_run_again(reader: JournalReader) -> Told:
    """A SHADOW session over the market that the journal recorded, with its settings and its history.

    Orders, answers and words of the operator are not repeated: what is filled, the paper exchange fills.
    Raises UsageError on a journal without market or history.
    """
    started = beginning_of(reader).started
    history = _history_of(reader)
    with TemporaryDirectory(prefix="volguard-parity-") as folder:
        recording = Path(folder) / "day.parquet"
        export_parquet(reader.path, recording)
        return _run(started, history, recording)


def _run(started: SessionStarted, history: HistoryLoaded, recording: Path) -> Told:
    settings = restore(started.settings, Settings)
    rules = rules_of(settings)
    info = started.source
    market = ReplayMarket(
        recording,
        lot_size=lambda day, expiry: rules.contracts.lot_size(info.underlying, day, expiry),
        cadence_s=info.capabilities.cadence_s,
    )
    notes = _Notes()
    runner = Runner(
        engine=Engine(settings.engine, rules),
        journal=HeardJournal(lambda said: notes.take(said, seq=None)),
        source=market,
        exchange=paper_exchange(settings, info, rules),
        clock=SystemClock(Signal()),
        watch=Watch(stop_requested=lambda: False, kill_switch_present=lambda: False),
        pace=Pace(speed=None),
        checkpoint_s=settings.journal.checkpoint_s,
        gap_cadences=settings.quotes.gap_cadences,
        show=lambda _state, _step: None,
    )
    again = replace(started, source=market.info, phase=Phase.SHADOW, broker=PAPER)
    outcome = runner.run((again, history), State())
    return notes.told(outcome.state, rules)


def _history_of(reader: JournalReader) -> HistoryLoaded:
    for row in reader.rows(kinds=(HistoryLoaded.__name__,), limit=1):
        history: HistoryLoaded = decode(row.kind, row.body)
        return history
    raise UsageError(f"journal {reader.path} ends before its history was loaded: there is no day to compare")


def _marks(fills: Sequence[Fill], state: State, rules: Rules) -> dict[OptionContract, Decimal | None]:
    desk, view = state.desk, state.market
    if desk is None or view is None:
        return {}
    tick = rules.contracts.tick(view.listing.underlying, desk.trading_date)
    return {
        position.contract: closing_price(view, position.contract, position.quantity, tick)
        for position in positions_of(fills)
    }
