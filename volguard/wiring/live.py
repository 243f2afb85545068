"""Where a live account's journal lies, and whether today's session goes on in it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Final

import msgspec

from volguard.adapters.journal_files import next_session_path
from volguard.adapters.journal_open import connect_read_only, stored_schema
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.lock import JournalLock, lock_path
from volguard.adapters.recovery import beginning_of, recover_state
from volguard.adapters.side_file import SideRecord, read_side_file, side_files
from volguard.config.loader import restore
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.state import State
from volguard.engine.step import Engine
from volguard.model.errors import UsageError
from volguard.model.event import ClosedElsewhere, OutsideFill, SessionStarted
from volguard.model.instrument import OptionContract, Side
from volguard.wiring.sources import rules_of

JOURNAL: Final = "journal"
REHEARSAL: Final = "rehearsal-"
MAY_GO_ON: Final = (None, "interrupted", "yielded")


def live_journal_path(root: Root, settings: Settings) -> Path:
    """The journal of the account's session of now; a rehearsal's lies apart."""
    prefix = REHEARSAL if settings.upstox.is_rehearsal else ""
    return root.resolve(JOURNAL) / f"{prefix}{settings.account.name}.db"


def day_journal_path(
    root: Root, settings: Settings, started: SessionStarted, note: Callable[[str], None]
) -> Path:
    """The account's journal, ready for a session: to be continued, or new with the old one set aside.

    Raises UsageError when the old one holds positions that this session would not know of, LockHeld when a
    session runs on it.
    """
    path = live_journal_path(root, settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or not _has_begun(path):
        return path
    with JournalReader.open(path) as reader:
        before = beginning_of(reader)
        old = before.started
        why = _why_not(old, started)
        if not why and before.ended in MAY_GO_ON:
            note(f"continuing {path.name}")
            return path
        engine_settings = restore(old.settings, Settings)
        engine = Engine(engine_settings.engine, rules_of(engine_settings))
        desk = with_closed_elsewhere(path, recover_state(reader, engine), engine).desk
    if desk is not None and (desk.book.positions or desk.book.live_orders):
        held = ", ".join(f"{p.quantity:+d} {p.contract.symbol}" for p in desk.book.positions) or "live orders"
        raise UsageError(
            f"{path.name} of {old.trading_date.isoformat()} holds {held}, and cannot be continued: "
            f"{why or 'its day is over'}",
            hint="volguard flatten closes them; or move the journal away and volguard reconcile --adopt",
        )
    aside = next_session_path(path.parent, path.stem, old.trading_date)
    lock = JournalLock.take(path)
    try:
        for one in sorted(path.parent.glob(f"{path.name}*")):  # with its anchors
            if one != lock_path(path):
                one.rename(path.parent / one.name.replace(path.name, aside.name, 1))
    finally:
        lock.release()
    note(f"{path.name} of {old.trading_date.isoformat()} is flat and set aside as {aside.name}")
    return path


def closed_elsewhere(path: Path, state: State) -> tuple[ClosedElsewhere, ...]:
    """What `volguard flatten` closed of this session's book, by its records beside the journal; each once.

    A record of another session is none of this book's. Raises JournalDamaged when one was changed.
    """
    if state.desk is None:
        return ()
    known = set(state.desk.fill_ids)
    records = [read_side_file(one) for one in side_files(path)]
    told = [(r.path.name, _fills_of(r)) for r in records if r.session_id == state.desk.session_id]
    return tuple(
        ClosedElsewhere(ts=state.desk.now, source=name, fills=fills)
        for name, fills in told
        if any(fill.fill_id not in known for fill in fills)
    )


def with_closed_elsewhere(path: Path, state: State, engine: Engine) -> State:
    """The state as it is once what was closed elsewhere is booked. Raises JournalDamaged."""
    for event in closed_elsewhere(path, state):
        state = engine.step(state, event).state
    return state


def _fills_of(record: SideRecord) -> tuple[OutsideFill, ...]:
    sent = {row.body["tag"]: row.body for row in record.rows if row.kind == "OrderSent"}
    seen: set[str] = set()
    fills: list[OutsideFill] = []
    for row in record.rows:
        if row.kind != "OrderFilled":
            continue
        tag = row.body["tag"]
        order = sent[tag]
        fills.append(
            OutsideFill(
                ts=row.ts,
                fill_id=row.body["fill_id"],
                contract=msgspec.convert(order["contract"], OptionContract),
                side=Side(order["side"]),
                quantity=row.body["quantity"],
                price=Decimal(row.body["price"]),
                is_first_of_order=tag not in seen,
            )
        )
        seen.add(tag)
    return tuple(fills)


def _why_not(old: SessionStarted, new: SessionStarted) -> str:
    if old.trading_date != new.trading_date:
        return "it is of another day"
    if old.source != new.source:
        return "it ran on another market"
    same = (old.settings_hash, old.phase, old.code_version) == (
        new.settings_hash,
        new.phase,
        new.code_version,
    )
    return "" if same else "settings, phase or version have changed"


def _has_begun(path: Path) -> bool:
    with closing(connect_read_only(path)) as connection:
        if stored_schema(path, connection) is None:
            return False
    with JournalReader.open(path) as reader:
        return reader.head[0] > 0
