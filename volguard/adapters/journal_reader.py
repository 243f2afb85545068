"""A journal read as it lies, without a lock and without a write; sessions may be running on it."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from volguard.adapters.journal_chain import GENESIS, blob_hash
from volguard.adapters.journal_codec import (
    CHECKPOINT_KIND,
    EVENT_KINDS,
    SNAPSHOT_KIND,
    SnapshotReference,
    decode,
    decode_as,
)
from volguard.adapters.journal_open import connect_read_only, readable, stored_schema
from volguard.adapters.market_codec import decode_listing, decode_snapshot
from volguard.model.errors import JournalDamaged, UsageError
from volguard.model.event import Event, MarketSnapshot
from volguard.model.market import ChainSnapshot, Listing
from volguard.ports import JournalRow

_LISTINGS_KEPT: Final = 8
_LAST: Final = "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
_MARKET_ROW: Final = (
    "SELECT m.blob, e.body FROM market m JOIN events e ON e.seq = m.seq WHERE e.seq = ? AND e.kind = ?"
)


class JournalReader:
    """Rows and snapshots of one journal; every method raises JournalDamaged on what cannot be read."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection
        self._listings: dict[int, Listing] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open for reading.

        Raises UsageError when there is no such journal, ConfigError when a newer version wrote it,
        JournalDamaged when the file is none.
        """
        with ExitStack() as undo:
            connection = undo.enter_context(closing(connect_read_only(path)))
            if stored_schema(path, connection) is None:
                raise UsageError(f"journal {path} is empty", hint="a session that never began left it")
            undo.pop_all()
        return cls(path, connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """The open database, for verification."""
        return self._connection

    @property
    def head(self) -> tuple[int, str]:
        """Sequence number and hash of the last row; (0, GENESIS) before the first."""
        with readable(self.path):
            row = self._connection.execute(
                "SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1"
            ).fetchone()
        return (row[0], row[1]) if row else (0, GENESIS)

    def rows(
        self, after: int = 0, kinds: Collection[str] | None = None, limit: int | None = None
    ) -> Iterator[JournalRow]:
        """Rows after a sequence number, in order, only of the given kinds (None: all), streamed."""
        wanted = sorted(kinds) if kinds is not None else []
        among = f"AND kind IN ({','.join('?' * len(wanted))})" if kinds is not None else ""
        query = f"SELECT seq, ts_ist, kind, body, hash FROM events WHERE seq > ? {among} ORDER BY seq LIMIT ?"
        with readable(self.path):
            cursor = self._connection.execute(query, (after, *wanted, -1 if limit is None else limit))
            for seq, ts_ist, kind, body, chain_hash in cursor:
                ts = datetime.fromisoformat(ts_ist)
                yield JournalRow(seq=seq, ts_ist=ts, kind=kind, body=body, hash=chain_hash)

    def events(self, after: int = 0) -> Iterator[tuple[int, Event]]:
        """What the engine was told after a sequence number, each event whole again, with its number."""
        for row in self.rows(after, EVENT_KINDS):
            yield row.seq, self.event(row)

    def event(self, row: JournalRow) -> Any:
        """The event, record or effect of a row, a MarketSnapshot with its columns."""
        value = decode(row.kind, row.body)
        if isinstance(value, SnapshotReference):
            return MarketSnapshot(ts=value.ts, snapshot=self.snapshot(row.seq))
        return value

    def snapshot(self, seq: int) -> ChainSnapshot:
        """The chain that a MarketSnapshot row recorded. Raises UsageError when that row is no snapshot."""
        blob, body = self._market_row(seq)
        reference = decode_as(SnapshotReference, body)
        if blob_hash(blob) != reference.blob_hash:
            raise JournalDamaged(f"journal {self.path}: the market data of row {seq} were altered", seq=seq)
        return decode_snapshot(blob, self.listing(reference.listing_seq))

    def listing(self, seq: int) -> Listing:
        """The contracts named in the blob of a row; the same object for every snapshot over it."""
        if seq not in self._listings:
            if len(self._listings) >= _LISTINGS_KEPT:
                del self._listings[next(iter(self._listings))]
            self._listings[seq] = decode_listing(self._market_row(seq)[0])
        return self._listings[seq]

    def last_checkpoint(self) -> JournalRow | None:
        """The newest checkpoint; its body is the state, for `journal_codec.decode_as`."""
        query = "SELECT seq FROM events WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        with readable(self.path):
            found = self._connection.execute(query, (CHECKPOINT_KIND,)).fetchone()
        return next(self.rows(found[0] - 1, limit=1)) if found else None

    def meta(self) -> dict[str, str]:
        """What the journal says of itself: schema, kind of hash, whether it was anchored."""
        with readable(self.path):
            return dict(self._connection.execute("SELECT key, value FROM meta ORDER BY key"))

    def _market_row(self, seq: int) -> tuple[bytes, str]:
        with readable(self.path):
            found = self._connection.execute(_MARKET_ROW, (seq, SNAPSHOT_KIND)).fetchone()
        if found is None:
            raise UsageError(f"journal {self.path}: row {seq} holds no snapshot")
        return found[0], found[1]
