"""What makes an edit show: each row's hash covers the row before it, and heads are anchored in a file beside.

Hashes are BLAKE2b with 32 bytes (Aumasson, Neves, Wilcox-O'Hearn, Winnerlein 2013; RFC 7693), in hex. A
chain without a key proves order and content, not its own length: the anchor file, and copies of it kept
elsewhere, prove that the tail is still there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Final

from volguard.model.errors import JournalDamaged

HASH_KIND: Final = "blake2b-256"
GENESIS: Final = "0" * 64  # what the first row follows


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """The head of the chain at one moment."""

    seq: int
    hash: str
    ts: datetime


def row_hash(prev_hash: str, seq: int, ts_utc: str, ts_ist: str, kind: str, body: bytes) -> str:
    """Hash of one row over every stored column and the hash of the row before it."""
    # Lengths first, so that no byte can wander from one column into the next unnoticed.
    head = f"{prev_hash}|{seq}|{len(ts_utc)}:{ts_utc}|{len(ts_ist)}:{ts_ist}|{len(kind)}:{kind}|{len(body)}:"
    return blake2b(head.encode() + body, digest_size=32).hexdigest()


def blob_hash(blob: bytes) -> str:
    """Hash of a snapshot's blob, kept in the body of its row."""
    return blake2b(blob, digest_size=32).hexdigest()


def anchor_path(journal: Path) -> Path:
    """Where the anchors of a journal live."""
    return journal.with_name(f"{journal.name}.anchor")


def read_anchors(path: Path) -> tuple[Anchor, ...]:
    """All anchors of a file, oldest first; a last line cut short by a crash is left out.

    Raises JournalDamaged on a line that is no anchor, FileNotFoundError when there is no file.
    """
    whole, _, _ = path.read_bytes().rpartition(b"\n")
    lines = whole.split(b"\n") if whole else []
    return tuple(_parsed(path, number, line) for number, line in enumerate(lines, 1))


def append_anchor(path: Path, anchor: Anchor) -> None:
    """Add one line `seq hash ts` and wait until the disk has it. Raises OSError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end = _end_of_whole_lines(descriptor)
        line = f"{anchor.seq} {anchor.hash} {anchor.ts.isoformat()}\n".encode()
        if os.pwrite(descriptor, line, end) != len(line):
            raise OSError(f"{path} took only a part of an anchor")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if end == 0:
        sync_directory(path.parent)


def sync_directory(folder: Path) -> None:
    """Make the names of new files in a folder survive a power cut. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _end_of_whole_lines(descriptor: int) -> int:
    # A line without its end is what a crash left of an anchor; the next one takes its place.
    size = os.fstat(descriptor).st_size
    start = max(0, size - 4096)
    end = start + os.pread(descriptor, 4096, start).rfind(b"\n") + 1
    os.ftruncate(descriptor, end)
    return end


def _parsed(path: Path, number: int, line: bytes) -> Anchor:
    try:
        seq, chain_hash, ts = line.decode("ascii").split(" ")
        return Anchor(seq=int(seq), hash=chain_hash, ts=datetime.fromisoformat(ts))
    except ValueError as error:
        raise JournalDamaged(
            f"anchor file {path} line {number} is not an anchor",
            hint="compare it with the anchors in the reports",
        ) from error
