"""One-minute bars kept as Parquet, a file a month: `<name>_1min/<yyyy-mm>.parquet`.

Columns `ts` (start, IST), `open`, `high`, `low`, `close` (as they trade), `volume`, `oi` (units).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from volguard.adapters.bars import PRICES, Bar, Joined, join
from volguard.adapters.whole_file import replacing
from volguard.model.errors import DataError
from volguard.model.units import IST

QUANTITIES: Final = ("volume", "oi")
NOTES: Final = {"schema": "volguard.minute_bars/1", "quantity_unit": "units"}


class MinuteMonth:
    """The one-minute bars of one series in one month. Raises DataError for a file that is torn or another."""

    def __init__(self, folder: Path, name: str, month: date) -> None:
        self.path = folder / f"{name.lower()}_1min" / f"{month:%Y-%m}.parquet"
        self.bars: dict[datetime, Bar[datetime]] = self._read() if self.path.is_file() else {}

    @property
    def days(self) -> dict[date, int]:
        """How many bars each day has."""
        counts: dict[date, int] = {}
        for start in sorted(self.bars):
            counts[start.date()] = counts.get(start.date(), 0) + 1
        return counts

    def add(self, bars: Iterable[Bar[datetime]], *, force: bool) -> Joined[datetime]:
        """Join bars to the file, which is written whole if there is anything new. Raises DataError."""
        joined = join(self.bars, bars, force=force)
        self.bars |= {bar.start: bar for bar in joined.to_write}
        if joined.to_write:
            self._write()
        return joined

    def _write(self) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [self.bars[start] for start in sorted(self.bars)]
        columns = {"ts": [bar.start for bar in rows]}
        columns |= {name: [getattr(bar, name) for bar in rows] for name in (*PRICES, *QUANTITIES)}
        table = pa.Table.from_pydict(columns, schema=_schema())
        with replacing(self.path) as unfinished:
            pq.write_table(table, unfinished, compression="zstd", write_page_checksum=True)

    def _read(self) -> dict[datetime, Bar[datetime]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(self.path, page_checksum_verification=True)
            rows = (
                table.cast(_schema()).to_pylist() if set(table.column_names) == set(_schema().names) else None
            )
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(
                f"{self.path}: cannot be read ({error})", hint="move it away and fetch the month again"
            ) from error
        if rows is None:
            raise DataError(
                f"{self.path}: has the columns {', '.join(table.column_names)}",
                hint="minute bars have " + ", ".join(_schema().names),
            )
        starts = [row.pop("ts").astimezone(IST) for row in rows]
        return {start: Bar(start=start, **row) for start, row in zip(starts, rows, strict=True)}


def _schema() -> Any:
    import pyarrow as pa

    fields = [("ts", pa.timestamp("us", "Asia/Kolkata"))]
    fields += [(name, pa.float64()) for name in PRICES]
    fields += [(name, pa.int64()) for name in QUANTITIES]
    return pa.schema(fields, metadata=NOTES)
