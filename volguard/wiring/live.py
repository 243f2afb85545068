"""Where a live account's journal lies, and whether today's session goes on in it."""

from __future__ import annotations

import re
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
from volguard.adapters.recovery import beginning_of, desk_at_rest, recover_state
from volguard.adapters.side_file import SideRecord, read_side_file, side_files
from volguard.config.loader import restore
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.engine.carried import book_to_carry
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.model.errors import JournalDamaged, UsageError
from volguard.model.event import BookCarried, ClosedElsewhere, OutsideFill, SessionStarted
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

    What one of an earlier day holds is carried, by `carried_book`. Raises UsageError when one of the same day
    holds positions and cannot be continued, LockHeld when a session runs on it.
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
    desk = _end_of(path, path)
    if old.trading_date > started.trading_date:
        raise UsageError(
            f"{path.name} is of {old.trading_date.isoformat()}, after the session's day "
            f"{started.trading_date.isoformat()}",
            hint="check the clock of this machine",
        )
    if old.trading_date == started.trading_date and (desk.book.positions or desk.book.live_orders):
        held = ", ".join(f"{p.quantity:+d} {p.contract.symbol}" for p in desk.book.positions) or "live orders"
        raise UsageError(
            f"{path.name} of today holds {held}, and cannot be continued: {why or 'its day is over'}",
            hint="run it on with the settings that it began with; or volguard flatten closes what it holds",
        )
    aside = next_session_path(path.parent, path.stem, old.trading_date)
    lock = JournalLock.take(path)
    try:
        for one in sorted(path.parent.glob(f"{path.name}*")):  # with its anchors
            if one != lock_path(path):
                one.rename(path.parent / one.name.replace(path.name, aside.name, 1))
    finally:
        lock.release()
    note(f"{path.name} of {old.trading_date.isoformat()} is set aside as {aside.name}")
    return path


def carried_book(path: Path, started: SessionStarted, note: Callable[[str], None]) -> tuple[BookCarried, ...]:
    """What the account's session before left to a new one; empty when it was flat or there was none.

    Read from the file that was set aside, so that a crash between the two loses nothing.
    """
    aside = newest_aside(path)
    if aside is None:
        return ()
    carried = book_to_carry(_end_of(aside, path), aside.name, started.ts, started.trading_date)
    if carried is None:
        return ()
    note(f"carried from {aside.name}: {', '.join(trade.trade_id for trade in carried.trades)}")
    return (carried,)


def newest_aside(path: Path) -> Path | None:
    """The account's journal that was set aside last."""
    pattern = re.compile(rf"{re.escape(path.stem)}-(\d{{4}}-\d\d-\d\d)-(\d+)\.db")
    found = [
        (match.group(1), int(match.group(2)), one)
        for one in path.parent.glob(f"{path.stem}-*.db")
        if (match := pattern.fullmatch(one.name))
    ]
    return max(found)[2] if found else None


def _end_of(journal: Path, account: Path) -> Desk:
    # The desk at a journal's end, with what was closed beside the account's journal booked.
    with JournalReader.open(journal) as reader:
        rested = desk_at_rest(reader)
        if rested is not None and not closed_elsewhere(account, State(desk=rested)):
            return rested
        settings = restore(beginning_of(reader).started.settings, Settings)
        engine = Engine(settings.engine, rules_of(settings))
        desk = with_closed_elsewhere(account, recover_state(reader, engine), engine).desk
    if desk is None:
        raise JournalDamaged(f"journal {journal} holds no session", seq=1)
    return desk


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
