"""The journal in SQLite: append-only, one transaction per step, every row chained to the one before it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

from volguard.adapters.journal_chain import (
    HASH_KIND,
    Anchor,
    anchor_path,
    append_anchor,
    blob_hash,
    read_anchors,
    row_hash,
    sync_directory,
)
from volguard.adapters.journal_codec import CHECKPOINT_KIND, SnapshotReference, encode, encode_exact
from volguard.adapters.journal_open import (
    KEEP_HINT,
    SCHEMA,
    connect_read_only,
    readable,
    stored_schema,
)
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.lock import JournalLock
from volguard.adapters.market_codec import encode_snapshot
from volguard.model.errors import InvariantBroken, JournalDamaged, JournalWriteFailed
from volguard.model.event import Effect, Event, MarketSnapshot, Record
from volguard.model.market import ChainSnapshot, Listing
from volguard.model.units import IST

_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS events (seq INTEGER PRIMARY KEY, ts_utc TEXT NOT NULL, ts_ist TEXT NOT NULL, "
    "kind TEXT NOT NULL, body TEXT NOT NULL, prev_hash TEXT NOT NULL, hash TEXT NOT NULL)",
    "CREATE TABLE IF NOT EXISTS market (seq INTEGER PRIMARY KEY, listing_seq INTEGER NOT NULL, "
    "blob BLOB NOT NULL)",
)
_INSERT_EVENT: Final = "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_MARKET: Final = "INSERT INTO market VALUES (?, ?, ?)"
_LAST_LISTING: Final = "SELECT listing_seq FROM market ORDER BY seq DESC LIMIT 1"
_INSERT_META: Final = "INSERT OR IGNORE INTO meta VALUES (?, ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Staged:
    seq: int
    ts: datetime
    row: tuple[str, bytes]
    market: tuple[int, int, bytes] | None = None
    listing: tuple[int, Listing] | None = None


class SqliteJournal(JournalReader):
    """The one writer of a journal; holds its lock until closed.

    A step's event is staged by `append` and written by `commit` together with all it caused, or not at all:
    when a write fails, JournalWriteFailed is raised and the journal stands as it stood before the step.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: JournalLock) -> None:
        super().__init__(path, connection)
        self._lock = lock
        self._full_sync: bool | None = None
        self._staged: _Staged | None = None
        self._listing: tuple[int, Listing] | None = None  # the newest stored, with its row
        self._head, self._last_ts = self._checked_head()

    @classmethod
    def open(cls, path: Path, *, create: bool = False) -> Self:
        """Open for writing, or create.

        Raises UsageError when it does not exist and may not be created, ConfigError on a newer schema (the
        file is not touched), LockHeld when another process writes it, JournalDamaged when its end does not
        fit its own hash or its anchors, JournalWriteFailed when it cannot be written.
        """
        if path.exists() or not create:
            _check_schema(path)
        with ExitStack() as undo:
            lock = JournalLock.take(path)
            undo.callback(lock.release)
            connection = undo.enter_context(closing(_connect_writable(path)))
            journal = cls(path, connection, lock)
            undo.pop_all()
        return journal

    def close(self) -> None:
        """Close the file and give the lock up; a staged event that was never committed is forgotten."""
        super().close()
        self._lock.release()

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the last committed row."""
        return self._head

    def append(self, event: Event) -> int:
        """Stage an event and give its sequence number; nothing is written yet.

        Raises InvariantBroken while an earlier event is still staged.
        """
        if self._staged is not None:
            raise InvariantBroken(
                f"row {self._staged.seq} is staged and not committed: nothing may follow it"
            )
        seq = self._head[0] + 1
        if isinstance(event, MarketSnapshot):
            self._staged = self._staged_snapshot(seq, event.ts, event.snapshot)
        else:
            self._staged = _Staged(seq=seq, ts=event.ts, row=encode(event))
        return seq

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        """Write the staged event, then its records and effects, in one transaction; on disk when `durable`.

        Raises JournalWriteFailed with nothing written, InvariantBroken when `seq` is not what is staged.
        """
        staged = self._staged
        if staged is None or staged.seq != seq:
            raise InvariantBroken(f"row {seq} is committed but {staged.seq if staged else 'none'} is staged")
        rows = [staged.row, *map(encode, records), *map(encode, effects)]
        self._staged = None
        self._write(staged.ts, rows, market=staged.market, durable=durable)
        self._listing = staged.listing or self._listing

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Write the state (a dataclass without arrays) as one durable row and anchor the chain there."""
        self._refuse_staged()
        self._write(ts, [(CHECKPOINT_KIND, encode_exact(state))], durable=True)
        self.anchor()

    def anchor(self) -> None:
        """Put the head on record in the anchor file, on disk. Raises JournalWriteFailed."""
        seq, chain_hash = self._head
        if self._last_ts is None:
            return
        try:
            append_anchor(anchor_path(self.path), Anchor(seq=seq, hash=chain_hash, ts=self._last_ts))
            self._connection.execute(_INSERT_META, ("anchored_from", str(seq)))
        except (OSError, sqlite3.Error) as error:
            raise _write_failed(self.path, error) from error

    def _refuse_staged(self) -> None:
        if self._staged is not None:
            raise InvariantBroken(f"row {self._staged.seq} is staged, not committed: nothing may follow it")

    def _staged_snapshot(self, seq: int, ts: datetime, snapshot: ChainSnapshot) -> _Staged:
        known = self._known_listing()
        if known is None or not known[1].same_as(snapshot.listing):
            known = None
        blob = encode_snapshot(snapshot, with_listing=known is None)
        # The newer of two equal listings is kept, so that the next comparison is one of identity.
        listing_seq = known[0] if known else seq
        reference = SnapshotReference(
            ts=ts, blob_hash=blob_hash(blob), listing_seq=listing_seq, rows=len(snapshot.listing)
        )
        return _Staged(
            seq=seq,
            ts=ts,
            row=encode(reference),
            market=(seq, listing_seq, blob),
            listing=(listing_seq, snapshot.listing),
        )

    def _known_listing(self) -> tuple[int, Listing] | None:
        if self._listing is None:
            with readable(self.path):
                found = self._connection.execute(_LAST_LISTING).fetchone()
            self._listing = (found[0], self.listing(found[0])) if found else None
        return self._listing

    def _write(
        self,
        ts: datetime,
        rows: list[tuple[str, bytes]],
        *,
        market: tuple[int, int, bytes] | None = None,
        durable: bool,
    ) -> None:
        lines, head = self._chained(ts, rows)
        connection = self._connection
        try:
            self._set_sync(durable)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(_INSERT_EVENT, lines)
            if market is not None:
                connection.execute(_INSERT_MARKET, market)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            _roll_back(connection)
            raise _write_failed(self.path, error) from error
        self._head, self._last_ts = head, ts

    def _chained(
        self, ts: datetime, rows: list[tuple[str, bytes]]
    ) -> tuple[list[tuple[int, str, str, str, str, str, str]], tuple[int, str]]:
        ts_utc, ts_ist = ts.astimezone(UTC).isoformat(), ts.astimezone(IST).isoformat()
        seq, chain_hash = self._head
        lines = []
        for kind, body in rows:
            seq, prev_hash = seq + 1, chain_hash
            chain_hash = row_hash(prev_hash, seq, ts_utc, ts_ist, kind, body)
            lines.append((seq, ts_utc, ts_ist, kind, body.decode(), prev_hash, chain_hash))
        return lines, (seq, chain_hash)

    def _set_sync(self, full: bool) -> None:
        # In WAL mode FULL syncs the log at every commit and NORMAL only when the log is folded back; the
        # log is one file, so a FULL commit also brings the NORMAL ones before it to disk.
        # SQLite ignores this pragma inside a transaction.
        if full is not self._full_sync:
            self._connection.execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._full_sync = full

    def _checked_head(self) -> tuple[tuple[int, str], datetime | None]:
        query = (
            "SELECT seq, ts_utc, ts_ist, kind, body, prev_hash, hash FROM events ORDER BY seq DESC LIMIT 1"
        )
        try:
            last = self._connection.execute(query).fetchone()
        except sqlite3.DatabaseError as error:
            raise JournalDamaged(f"journal {self.path} cannot be read: {error}", hint=KEEP_HINT) from error
        head, ts = super().head, None
        if last is not None:
            seq, ts_utc, ts_ist, kind, body, prev_hash, chain_hash = last
            if row_hash(prev_hash, seq, ts_utc, ts_ist, kind, body.encode()) != chain_hash:
                raise JournalDamaged(f"journal {self.path}: row {seq} was altered", seq=seq, hint=KEEP_HINT)
            ts = datetime.fromisoformat(ts_ist)
        self._check_anchored(head[0])
        return head, ts

    def _check_anchored(self, seq: int) -> None:
        path = anchor_path(self.path)
        anchors = read_anchors(path) if path.exists() else ()
        if anchors and anchors[-1].seq > seq:
            raise JournalDamaged(
                f"journal {self.path} ends at row {seq}, its anchor file knows row {anchors[-1].seq}",
                seq=seq + 1,
                hint=KEEP_HINT,
            )


def _check_schema(path: Path) -> None:
    connection = connect_read_only(path)
    try:
        stored_schema(path, connection)
    finally:
        connection.close()


def _connect_writable(path: Path) -> sqlite3.Connection:
    new = not path.exists()
    try:
        with ExitStack() as undo:
            connection = undo.enter_context(closing(sqlite3.connect(path, isolation_level=None)))
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for statement in _TABLES:
                connection.execute(statement)
            connection.executemany(_INSERT_META, [("schema_version", str(SCHEMA)), ("hash_kind", HASH_KIND)])
            connection.execute("COMMIT")
            if new:
                sync_directory(path.parent)
            undo.pop_all()
    except (sqlite3.Error, OSError) as error:
        raise _write_failed(path, error) from error
    return connection


def _roll_back(connection: sqlite3.Connection) -> None:
    # After a full disk SQLite may have rolled back by itself.
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _write_failed(path: Path, error: Exception) -> JournalWriteFailed:
    return JournalWriteFailed(
        f"journal {path} could not be written: {error}",
        hint="free the disk or mend its permissions; what was committed before is intact",
    )
