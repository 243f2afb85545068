"""The parts of a recording as one chain file that a replay can read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from volguard.adapters.chain_parquet import OPTIONAL, ChainParquet
from volguard.adapters.chain_writer import GROUP_ROWS, chain_schema
from volguard.adapters.recording import parts_folder_of, parts_of
from volguard.adapters.replay import ReplayMarket
from volguard.adapters.whole_file import replacing
from volguard.model.errors import DataError
from volguard.model.units import IST

ANY_CADENCE_S: Final = 1.0  # the proof looks at values; the cadence of a file is its reader's matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """A recording as one file; `damaged` are parts that cannot be read: they are kept, and not in it."""

    path: Path
    snapshots: int
    rows: int
    first_ts: datetime
    last_ts: datetime
    damaged: tuple[Path, ...]


def merge(path: Path) -> Merged | None:
    """Put a recording's file and its parts together, each moment once; None where there is nothing.

    The caller holds its lock. The new file is read as a replay reads it before it takes the old one's
    place, and only then are the parts removed. Raises DataError when it is not fit or cannot be written.
    """
    whole = ChainParquet(path) if path.exists() else None
    pieces = _Pieces([part for _, part in parts_of(path)])
    if whole is None and not pieces.sound:
        if pieces.damaged:
            raise DataError(f"{parts_folder_of(path)}: none of its {len(pieces.damaged)} parts can be read")
        return None
    with replacing(path) as unfinished:
        written = _write(unfinished, whole, pieces)
        if not written.moments:
            raise DataError(f"{parts_folder_of(path)}: none of its parts can be read")
        ReplayMarket(unfinished, lot_size=_no_lots, cadence_s=ANY_CADENCE_S)
    for part in pieces.sound:
        part.path.unlink(missing_ok=True)
    with suppress(OSError):
        parts_folder_of(path).rmdir()  # stays while something damaged is in it
    return Merged(
        path=path,
        snapshots=written.snapshots,
        rows=written.rows,
        first_ts=written.moments[0],
        last_ts=written.moments[-1],
        damaged=tuple(sorted(pieces.damaged)),
    )


class _Pieces:
    # The parts that can be read, and those that cannot; some show their damage only when their rows are read.

    def __init__(self, parts: Iterable[Path]) -> None:
        self.sound: list[ChainParquet] = []
        self.damaged: list[Path] = []
        for part in parts:
            try:
                self.sound.append(ChainParquet(part))
            except DataError:
                self.damaged.append(part)

    # A part is a minute or so: small enough to be read whole before anything of it is used.
    def tables(self) -> Iterator[Any]:
        import pyarrow as pa

        for part in tuple(self.sound):
            try:
                table = pa.concat_tables([part.group(group) for group in range(part.row_groups)])
            except DataError:
                self.sound.remove(part)
                self.damaged.append(part.path)
            else:
                yield table


@dataclass(slots=True)
class _Written:
    # What went into the new file so far; only what is later than its last moment still goes in.
    moments: list[datetime] = field(default_factory=list)
    snapshots: int = 0
    rows: int = 0

    def still_new(self, table: Any) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        if self.moments:
            last = pa.scalar(self.moments[-1], table.schema.field("ts").type)
            table = table.filter(pc.greater(table["ts"], last))
        if len(table):
            span = pc.min_max(table["ts"]).as_py()
            first, last = (span[end].astimezone(IST) for end in ("min", "max"))
            self.moments = [self.moments[0] if self.moments else first, last]
            self.snapshots += pc.count_distinct(table["ts"]).as_py()
            self.rows += len(table)
        return table


def _write(path: Path, whole: ChainParquet | None, pieces: _Pieces) -> _Written:
    import pyarrow.parquet as pq

    written = _Written()
    schema = _schema([*([whole] if whole is not None else []), *pieces.sound])
    waiting: list[Any] = []
    with pq.ParquetWriter(path, schema, compression="zstd", write_page_checksum=True) as writer:
        for table in _tables(whole, pieces):
            waiting.append(_fitted(written.still_new(table), schema))
            if sum(map(len, waiting)) >= GROUP_ROWS:
                writer.write_table(_joined(waiting))
                waiting = []
        if any(map(len, waiting)):
            writer.write_table(_joined(waiting))
    return written


def _tables(whole: ChainParquet | None, pieces: _Pieces) -> Iterator[Any]:
    if whole is not None:
        for group in range(whole.row_groups):
            yield whole.group(group)
    yield from pieces.tables()


def _joined(tables: list[Any]) -> Any:
    import pyarrow as pa

    return pa.concat_tables(tables).unify_dictionaries().combine_chunks()


# The columns of all together: what one of them lacks is null in its rows. The first one's notes hold.
def _schema(files: Sequence[ChainParquet]) -> Any:
    names = {name for file in files for name in file.columns}
    notes: dict[str, str] = {}
    for file in files:
        notes = {**file.metadata, **notes}
    return chain_schema([name for name in OPTIONAL if name in names], notes)


def _fitted(table: Any, schema: Any) -> Any:
    import pyarrow as pa

    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(len(table), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _no_lots(_trading_date: date, expiry: date) -> int:
    raise DataError(f"a recording is in units, lots of {expiry} were asked for")
