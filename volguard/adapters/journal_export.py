"""A journal in the forms of others: its recorded chains as Parquet, its rows as CSV or JSON lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import numpy as np

from volguard.adapters.journal_codec import SNAPSHOT_KIND
from volguard.adapters.journal_reader import JournalReader
from volguard.model.errors import DataError
from volguard.model.market import ChainSnapshot, FloatArray, Listing

_GROUP_ROWS: Final = 100_000  # a few megabytes in memory, however long the session
_PERCENT_PLACES: Final = 12  # cuts the noise of x 100 so that reading (/ 100) gives the same float back


def export_parquet(journal: Path, out: Path) -> int:
    """Write the recorded snapshots as a chain-snapshot file and count them; sizes in units, iv in percent.

    The optional columns are there when some snapshot has them. Raises DataError when there is nothing to
    write or a strike is not a whole number, JournalDamaged on unreadable rows, OSError.
    """
    import pyarrow.parquet as pq

    with JournalReader.open(journal) as reader:
        optional = _optional_columns(reader)
        schema = _schema(optional)
        part = out.with_name(f"{out.name}.part")
        try:
            with pq.ParquetWriter(part, schema, compression="zstd") as writer:
                count = _write_groups(reader, writer, schema, optional)
            part.replace(out)
        finally:
            part.unlink(missing_ok=True)
    return count


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
        seen |= {
            name for name in ("quote_age_s", "underlying_ltp", "vix") if getattr(snapshot, name) is not None
        }
    if empty:
        raise DataError(f"journal {reader.path} holds no market data", hint="only a session's journal does")
    return tuple(sorted(seen))


def _schema(optional: tuple[str, ...]) -> Any:
    import pyarrow as pa

    stamp, name = pa.timestamp("us", "Asia/Kolkata"), pa.dictionary(pa.int8(), pa.string())
    fields = {
        "ts": stamp,
        "underlying": name,
        "expiry": pa.date32(),
        "strike": pa.int32(),
        "option_type": name,
    }
    fields |= {"bid": pa.float64(), "bid_qty": pa.int64(), "ask": pa.float64(), "ask_qty": pa.int64()}
    fields |= {"ltp": pa.float64(), "volume": pa.int64(), "oi": pa.int64(), "iv": pa.float64()}
    kinds = {"quote_age_s": ("quote_ts", stamp), "underlying_ltp": ("underlying_ltp", pa.float64())}
    fields |= dict(kinds.get(column, (column, pa.float64())) for column in optional)
    return pa.schema(list(fields.items()), metadata={"quantity_unit": "units"})


def _write_groups(reader: JournalReader, writer: Any, schema: Any, optional: tuple[str, ...]) -> int:
    import pyarrow as pa

    waiting: list[Any] = []
    count = 0
    for snapshot in _snapshots(reader):
        count += 1
        columns = _columns(snapshot, optional)
        waiting.append(pa.RecordBatch.from_pydict(columns, schema=schema))
        if sum(batch.num_rows for batch in waiting) >= _GROUP_ROWS:
            writer.write_table(pa.Table.from_batches(waiting))
            waiting = []
    if waiting:
        writer.write_table(pa.Table.from_batches(waiting))
    return count


def _columns(snapshot: ChainSnapshot, optional: tuple[str, ...]) -> dict[str, Any]:
    rows, listing = len(snapshot.listing), snapshot.listing
    columns = {
        "ts": [snapshot.ts] * rows,
        "underlying": _words(np.zeros(rows, np.int8), [str(listing.underlying)]),
        "expiry": np.asarray(listing.expiries, "datetime64[D]")[listing.expiry_index],
        "strike": _strikes(listing),
        "option_type": _words(np.where(listing.is_call, 0, 1).astype(np.int8), ["CE", "PE"]),
        "bid": _zero_for_none(snapshot.bid),
        "bid_qty": snapshot.bid_qty,
        "ask": _zero_for_none(snapshot.ask),
        "ask_qty": snapshot.ask_qty,
        "ltp": _zero_for_none(snapshot.ltp),
        "volume": snapshot.volume,
        "oi": snapshot.oi,
        "iv": _zero_for_none(np.round(snapshot.vendor_iv * 100.0, _PERCENT_PLACES)),
    }
    if "quote_age_s" in optional:
        columns["quote_ts"] = _quote_times(snapshot, rows)
    if "underlying_ltp" in optional:
        columns["underlying_ltp"] = [snapshot.underlying_ltp] * rows
    if "vix" in optional:
        percent = None if snapshot.vix is None else round(snapshot.vix * 100.0, _PERCENT_PLACES)
        columns["vix"] = [percent] * rows
    return columns


def _words(indices: Any, words: list[str]) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(words))


def _strikes(listing: Listing) -> Any:
    whole = np.rint(listing.strike).astype(np.int32)
    if not np.array_equal(whole, listing.strike):
        raise DataError("a strike is not a whole number of points and has no place in a chain file")
    return whole


def _zero_for_none(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), 0.0, values)


def _quote_times(snapshot: ChainSnapshot, rows: int) -> list[Any]:
    if snapshot.quote_age_s is None:
        return [None] * rows
    ages = snapshot.quote_age_s.tolist()
    return [None if age != age else snapshot.ts - timedelta(seconds=age) for age in ages]
