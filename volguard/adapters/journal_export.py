"""A journal in the forms of others: its recorded chains as Parquet, its rows as CSV or JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

import msgspec

from volguard.adapters.chain_writer import ChainWriter
from volguard.adapters.journal_codec import SNAPSHOT_KIND
from volguard.adapters.journal_reader import JournalReader
from volguard.model.errors import DataError
from volguard.model.market import ChainSnapshot

_OPTIONAL: Final = {"quote_ts": "quote_age_s", "underlying_ltp": "underlying_ltp", "vix": "vix"}


def export_parquet(journal: Path, out: Path) -> int:
    """Write the recorded snapshots as a chain-snapshot file and count them; sizes in units, iv in percent.

    The optional columns are there when some snapshot has them. Raises DataError when there is nothing to
    write or a strike is not a whole number, JournalDamaged on unreadable rows, OSError.
    """
    with JournalReader.open(journal) as reader:
        optional = _optional_columns(reader)
        part = out.with_name(f"{out.name}.part")
        try:
            with ChainWriter(part, optional=optional) as writer:
                for snapshot in _snapshots(reader):
                    writer.add(snapshot)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    return writer.snapshots


def export_jsonl(journal: Path, out: Path) -> int:
    """Write every row as one JSON object a line (seq, ts, kind, body, hash) and count them."""
    with JournalReader.open(journal) as reader, out.open("wb") as file:
        count = 0
        for row in reader.rows():
            count += 1
            line = {
                "seq": row.seq,
                "ts": row.ts_ist,
                "kind": row.kind,
                "body": msgspec.Raw(row.body.encode()),
            }
            file.write(msgspec.json.encode(line | {"hash": row.hash}) + b"\n")
    return count


def export_csv(journal: Path, out: Path) -> int:
    """Write every row as one CSV line (seq, ts, kind, body as JSON text, hash) and count them."""
    with JournalReader.open(journal) as reader, out.open("w", newline="", encoding="utf-8") as file:
        return _csv_lines(reader, file)


def _csv_lines(reader: JournalReader, file: IO[str]) -> int:
    writer = csv.writer(file)
    writer.writerow(("seq", "ts", "kind", "body", "hash"))
    count = 0
    for row in reader.rows():
        count += 1
        writer.writerow((row.seq, row.ts_ist.isoformat(), row.kind, row.body, row.hash))
    return count


def _snapshots(reader: JournalReader) -> Iterator[ChainSnapshot]:
    return (reader.snapshot(row.seq) for row in reader.rows(kinds=(SNAPSHOT_KIND,)))


def _optional_columns(reader: JournalReader) -> tuple[str, ...]:
    seen = set()
    empty = True
    for snapshot in _snapshots(reader):
        empty = False
        seen |= {column for column, name in _OPTIONAL.items() if getattr(snapshot, name) is not None}
    if empty:
        raise DataError(f"journal {reader.path} holds no market data", hint="only a session's journal does")
    return tuple(sorted(seen))
