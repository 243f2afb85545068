"""Proves a journal whole: every byte of every row, no gap, no row cut off behind an anchor, true views."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from volguard.adapters.journal_chain import (
    GENESIS,
    HASH_KIND,
    Anchor,
    anchor_path,
    blob_hash,
    read_anchors,
    row_hash,
)
from volguard.adapters.journal_codec import SNAPSHOT_KIND, SnapshotReference, decode_as
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_views import VIEWS_KEY, compare_views
from volguard.model.errors import JournalDamaged, UsageError

META_KEYS: Final = frozenset({"schema_version", "hash_kind", "anchored_from", VIEWS_KEY})
_ROWS: Final = """
SELECT e.seq, e.ts_utc, e.ts_ist, e.kind, e.body, e.prev_hash, e.hash, m.listing_seq, m.blob
FROM events e LEFT JOIN market m ON m.seq = e.seq ORDER BY e.seq"""
_ORPHAN: Final = "SELECT min(seq) FROM market WHERE seq NOT IN (SELECT seq FROM events)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """What a look at every row found; `rows` counts the sound ones, `head_hash` is the last sound one's."""

    ok: bool
    rows: int
    head_hash: str
    first_bad_seq: int | None = None
    reason: str = ""


def verify(path: Path, anchor: Path | None = None) -> Verification:
    """Check chain, market data, anchors (of the file given, else of the one beside), pages and views.

    Damage is a value, not an error. Raises UsageError when the journal or a given anchor file is absent,
    ConfigError when a newer version wrote the journal.
    """
    if anchor is not None and not anchor.is_file():
        raise UsageError(f"anchor file {anchor} does not exist")
    walk = _Walk()
    try:
        with JournalReader.open(path) as reader:
            reader.connection.execute("BEGIN")  # one and the same view of a journal that grows meanwhile
            walk.chain(reader.connection)
            walk.anchors(anchor or anchor_path(path), reader.meta())
            walk.remainder(reader)
    except (sqlite3.DatabaseError, JournalDamaged) as error:
        return walk.result(_Fault(f"the file cannot be read: {error}", walk.unproved_seq))
    except _Fault as fault:
        return walk.result(fault)
    return walk.result(None)


class _Fault(Exception):
    def __init__(self, reason: str, seq: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seq = seq


class _Walk:
    # How far the chain has proved sound; each method raises _Fault at the first thing that is not.
    def __init__(self) -> None:
        self._hashes = [GENESIS]
        self._at_end = False

    @property
    def next_seq(self) -> int:
        return len(self._hashes)

    @property
    def unproved_seq(self) -> int | None:
        # What cannot be read behind the last row is no row.
        return None if self._at_end else self.next_seq

    def result(self, fault: _Fault | None) -> Verification:
        return Verification(
            ok=fault is None,
            rows=len(self._hashes) - 1,
            head_hash=self._hashes[-1],
            first_bad_seq=fault.seq if fault else None,
            reason=fault.reason if fault else "",
        )

    def chain(self, connection: sqlite3.Connection) -> None:
        # Text comes as bytearray and blobs as bytes: a byte of a cell's type is a byte of the row too.
        connection.text_factory = bytearray
        try:
            for row in connection.execute(_ROWS):
                self._row(*row)
            self._at_end = True
            (orphan,) = connection.execute(_ORPHAN).fetchone()
        finally:
            connection.text_factory = str
        if orphan is not None:
            raise _Fault(f"market data of row {orphan} belong to no row", orphan)

    def anchors(self, path: Path, meta: dict[str, str]) -> None:
        if not path.is_file():
            if "anchored_from" in meta:
                raise _Fault(f"anchor file {path} is missing, the journal was anchored", None)
            return
        sound = 0
        for anchor in read_anchors(path):
            self._anchor(anchor, sound)
            sound = anchor.seq

    def remainder(self, reader: JournalReader) -> None:
        meta = reader.meta()
        if unknown := meta.keys() - META_KEYS:
            raise _Fault(f"meta table holds unknown keys: {', '.join(sorted(unknown))}", None)
        if meta.get("hash_kind") != HASH_KIND:
            raise _Fault(f"kind of hash is {meta.get('hash_kind')}, not {HASH_KIND}", None)
        (pages,) = reader.connection.execute("PRAGMA quick_check(1)").fetchone()
        if pages != "ok":
            raise _Fault(f"a page is damaged: {pages}", None)
        if differing := compare_views(reader):
            raise _Fault(f"derived tables differ from the rows: {', '.join(differing)}", None)

    def _row(
        self, seq: int, ts_utc: Any, ts_ist: Any, kind: Any, body: Any, prev: Any, own: Any, *market: Any
    ) -> None:
        if seq != self.next_seq:
            raise _Fault(f"row {self.next_seq} is missing", self.next_seq)
        columns = (ts_utc, ts_ist, kind, body, prev, own)
        if not all(isinstance(column, bytearray) for column in columns):
            raise _Fault(f"row {seq} was altered: a column is not text", seq)
        texts = [column.decode("utf-8", "surrogateescape") for column in (ts_utc, ts_ist, kind, prev, own)]
        if not _is_sound(seq, texts, bytes(body)) or texts[3] != self._hashes[-1]:
            raise _Fault(f"row {seq} was altered", seq)
        self._market(seq, texts[2], bytes(body), *market)
        self._hashes.append(texts[4])

    def _market(self, seq: int, kind: str, body: bytes, listing_seq: Any, blob: Any) -> None:
        if kind != SNAPSHOT_KIND:
            if blob is not None:
                raise _Fault(f"row {seq} has market data and is no snapshot", seq)
            return
        said = decode_as(SnapshotReference, body)
        if (
            not isinstance(blob, bytes)
            or blob_hash(blob) != said.blob_hash
            or listing_seq != said.listing_seq
        ):
            raise _Fault(f"market data of row {seq} were altered or removed", seq)

    def _anchor(self, anchor: Anchor, sound: int) -> None:
        if anchor.seq >= self.next_seq:
            raise _Fault(
                f"rows {self.next_seq} to {anchor.seq} are cut off: an anchor knows them", self.next_seq
            )
        if self._hashes[anchor.seq] != anchor.hash:
            raise _Fault(
                f"rows after {sound} were written anew: row {anchor.seq} had another hash", sound + 1
            )


def _is_sound(seq: int, texts: list[str], body: bytes) -> bool:
    ts_utc, ts_ist, kind, prev_hash, own_hash = texts
    try:
        return row_hash(prev_hash, seq, ts_utc, ts_ist, kind, body) == own_hash
    except UnicodeEncodeError:  # bytes that were never text
        return False
