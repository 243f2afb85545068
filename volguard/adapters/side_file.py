"""A hash-chained record beside a journal, for who acts while the journal belongs to somebody else.

One JSON object a line, each with the hash of the line before it; written to the disk before the next act. It
is named after the journal, so that the session which starts next finds it and takes it in.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from volguard.adapters.journal_chain import GENESIS, row_hash, sync_directory
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.model.errors import JournalDamaged, VolguardError
from volguard.model.units import IST

FORMAT: Final = "volguard.side_file/1"
OPENING: Final = "SideFileOpened"
SUFFIX: Final = ".jsonl"


class SideRow(msgspec.Struct, kw_only=True, frozen=True):
    """One line: what happened when, chained to the line before."""

    seq: int
    ts: datetime
    kind: str
    body: dict[str, Any]
    prev_hash: str
    hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SideRecord:
    """A whole side file that was verified; `is_cut` when a crash left a last line without its end."""

    path: Path
    rows: tuple[SideRow, ...]
    is_cut: bool

    @property
    def session_id(self) -> str | None:
        """The session whose book it changed; None: there was none, or it could not be told."""
        opening = self.rows[0].body if self.rows else {}
        return opening.get("session_id")


class SideFile:
    """Appends rows and waits for the disk after each. Close it."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor: int | None = descriptor
        self._seq, self._head = 0, GENESIS

    @classmethod
    def create(cls, journal: Path, purpose: str, at: datetime) -> SideFile:
        """A new one beside a journal (0600); its first line says of which session. Raises OSError."""
        stamp = at.astimezone(IST).strftime("%Y%m%dT%H%M%S")
        journal.parent.mkdir(parents=True, exist_ok=True)
        for number in range(1, 100):
            twin = "" if number == 1 else f"-{number}"
            path = journal.with_name(f"{journal.stem}.{purpose}-{stamp}{twin}{SUFFIX}")
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            except FileExistsError:
                continue
            made = cls(path, descriptor)
            opening = {"format": FORMAT, "journal": journal.name, "purpose": purpose}
            made.write(OPENING, opening | {"session_id": session_of(journal)}, at)
            sync_directory(path.parent)
            return made
        raise FileExistsError(f"{journal.stem}.{purpose}-{stamp}: a hundred of them are there already")

    def write(self, kind: str, body: Mapping[str, Any], at: datetime) -> None:
        """Add one row; it is on the disk when this returns. Raises OSError, ValueError when closed."""
        if self._descriptor is None:
            raise ValueError(f"{self.path} is closed")
        plain = msgspec.json.decode(msgspec.json.encode(body, order="sorted"))
        row = _chained(self._head, self._seq + 1, at.astimezone(IST), kind, plain)
        line = msgspec.json.encode(row) + b"\n"
        if os.write(self._descriptor, line) != len(line):
            raise OSError(f"{self.path} took only a part of a line")
        os.fsync(self._descriptor)
        self._seq, self._head = row.seq, row.hash

    def close(self) -> None:
        """Let the file go."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def session_of(journal: Path) -> str | None:
    """The session that a journal is of; None when there is none, or it cannot be read now."""
    if not journal.exists():
        return None
    try:
        with JournalReader.open(journal) as reader:
            return beginning_of(reader).started.session_id if reader.head[0] else None
    except (VolguardError, OSError):
        return None


def side_files(journal: Path) -> tuple[Path, ...]:
    """Side files beside a journal, oldest first."""
    return tuple(sorted(journal.parent.glob(f"{journal.stem}.*-*{SUFFIX}")))


def read_side_file(path: Path) -> SideRecord:
    """Every row, verified. A last line cut short by a crash is left out, and said.

    Raises JournalDamaged naming the line that is no row or does not follow the one before, OSError.
    """
    whole, _, rest = path.read_bytes().rpartition(b"\n")
    rows: list[SideRow] = []
    head = GENESIS
    for number, line in enumerate(whole.split(b"\n") if whole else [], 1):
        row = _parsed(path, number, line)
        if row != _chained(head, number, row.ts.astimezone(IST), row.kind, row.body):
            raise _damaged(path, number, "does not follow the line before it, or was changed")
        rows.append(row)
        head = row.hash
    opening = rows[0].body if rows else {}
    if rows and (rows[0].kind != OPENING or opening.get("format") != FORMAT):
        raise _damaged(path, 1, f"does not say that this is a {FORMAT}")
    return SideRecord(path=path, rows=tuple(rows), is_cut=bool(rest))


def _chained(head: str, seq: int, ts: datetime, kind: str, body: Mapping[str, Any]) -> SideRow:
    text = msgspec.json.encode(body, order="sorted")
    ts_utc, ts_ist = ts.astimezone(UTC).isoformat(), ts.isoformat()
    return SideRow(
        seq=seq,
        ts=ts,
        kind=kind,
        body=dict(body),
        prev_hash=head,
        hash=row_hash(head, seq, ts_utc, ts_ist, kind, text),
    )


def _parsed(path: Path, number: int, line: bytes) -> SideRow:
    try:
        row = msgspec.json.decode(line, type=SideRow)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _damaged(path, number, f"is no row: {error}") from error
    if row.ts.tzinfo is None:
        raise _damaged(path, number, "has a time without a zone")
    return row


def _damaged(path: Path, number: int, what: str) -> JournalDamaged:
    return JournalDamaged(
        f"side file {path} line {number} {what}",
        seq=number,
        hint="keep the file, and compare it with the broker's own order book",
    )
