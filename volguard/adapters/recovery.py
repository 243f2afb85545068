"""Bring a session back from its journal: last checkpoint, the market before it, the events after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from volguard.adapters.journal_codec import EVENT_KINDS, SNAPSHOT_KIND, decode, decode_as
from volguard.adapters.journal_reader import JournalReader
from volguard.engine.day_outlook import outlook_of
from volguard.engine.observe import unchanged_s
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.measure.market_view import MarketView, view_market
from volguard.model.errors import JournalDamaged
from volguard.model.event import HistoryLoaded, SessionEnded, SessionStarted, StepFailed
from volguard.ports import JournalRow
from volguard.volatility.outlook import NO_OUTLOOK, Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """The first row of a journal, and how its last session ended (None: it did not)."""

    started: SessionStarted
    ended: str | None


def beginning_of(reader: JournalReader) -> Beginning:
    """What a journal says of its session. Raises JournalDamaged when it does not begin with a start."""
    started, ended = start_of(reader), None
    for row in reader.rows(kinds=(SessionEnded.__name__, "SessionResumed")):
        ended = decode(row.kind, row.body).reason if row.kind == SessionEnded.__name__ else None
    return Beginning(started=started, ended=ended)


def start_of(reader: JournalReader) -> SessionStarted:
    """A journal's first row. Raises JournalDamaged when it is no session's start."""
    first = next(iter(reader.rows(limit=1)), None)
    if first is None or first.kind != SessionStarted.__name__:
        raise JournalDamaged(f"journal {reader.path} does not begin with a session's start", seq=1)
    started: SessionStarted = decode(first.kind, first.body)
    return started


def recover_state(reader: JournalReader, engine: Engine) -> State:
    """The state after the journal's last row. Raises JournalDamaged when a row cannot be read."""
    checkpoint = reader.last_checkpoint()
    state, after = State(), 0
    if checkpoint is not None:
        state, after = _from_checkpoint(reader, engine, checkpoint), checkpoint.seq
    failures = failed_steps(reader, after)
    for seq, event in reader.events(after=after):
        error = failures.get(seq)
        step = engine.failed(state, event, error) if error is not None else engine.step(state, event)
        state = step.state
    return state


def desk_at_rest(reader: JournalReader) -> Desk | None:
    """What a journal holds at its end by its last checkpoint alone; None where events follow that.

    No engine steps, so it can be read whatever settings wrote it: a book outlives an upgrade overnight.
    """
    checkpoint = reader.last_checkpoint()
    if checkpoint is None:
        return None
    follows = next(reader.rows(checkpoint.seq, EVENT_KINDS, limit=1), None)
    return None if follows is not None else decode_as(Desk, checkpoint.body)


def failed_steps(reader: JournalReader, after: int) -> dict[int, str]:
    """Errors of the steps that raised, by the sequence number of their event."""
    return {
        row.seq - 1: decode(row.kind, row.body).error
        for row in reader.rows(after=after, kinds=(StepFailed.__name__,))
    }


def _from_checkpoint(reader: JournalReader, engine: Engine, checkpoint: JournalRow) -> State:
    desk = decode_as(Desk, checkpoint.body)
    return State(
        desk=desk,
        market=_market_before(reader, engine, desk, checkpoint.seq),
        outlook=_outlook(reader, engine, desk.trading_date),
    )


def _market_before(reader: JournalReader, engine: Engine, desk: Desk, seq: int) -> MarketView | None:
    # A view depends on its snapshot and the one before it, so two bring it back exactly.
    # A snapshot whose step failed never became the market.
    failures = failed_steps(reader, 0)
    known = [row.seq for row in reader.rows(kinds=(SNAPSHOT_KIND,)) if row.seq < seq]
    rows = [number for number in known if number not in failures][-2:]
    view: MarketView | None = None
    for number in rows:
        snapshot = reader.snapshot(number)
        view = view_market(
            snapshot,
            view,
            trading_date=desk.trading_date,
            capabilities=desk.source.capabilities,
            rules=engine.rules,
            settings=engine.settings.flags,
            unchanged_s=unchanged_s(desk, snapshot),
        )
    return view


def _outlook(reader: JournalReader, engine: Engine, trading_date: date) -> Outlook:
    for row in reader.rows(kinds=(HistoryLoaded.__name__,)):
        history: HistoryLoaded = decode(row.kind, row.body)
        return outlook_of(history, trading_date, engine.settings, engine.rules)
    return NO_OUTLOOK
