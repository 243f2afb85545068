"""Daily bars from a folder of files: `<name>_daily` as CSV, compressed CSV or Parquet."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Iterable, Iterator
from datetime import date
from io import TextIOWrapper
from pathlib import Path
from typing import Any, Final, TextIO

from volguard.adapters.participant_file import read_participants
from volguard.model.errors import DataError
from volguard.model.market import DailyBar, ParticipantDay

COLUMNS: Final = ("date", "open", "high", "low", "close")
SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")


class FileHistory:
    """History from `<folder>/<name in lower case>_daily.{csv,csv.gz,parquet}`.

    Columns date (YYYY-MM-DD), open, high, low, close in points (India VIX in percent); other columns are left
    alone, lines may come in any order. Open, high and low all zero mean that only the close is known: they
    become None. Each file is read and checked once, all of it.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise DataError(f"{folder}: no such folder", hint="give the folder of the daily history files")
        self._folder = folder
        self._known: dict[str, tuple[DailyBar, ...]] = {}

    @property
    def origin(self) -> str:
        """The folder."""
        return str(self._folder)

    def daily(self, name: str, before: date) -> tuple[DailyBar, ...]:
        """Bars dated strictly before `before`, ascending; () where the folder has no file of that name.

        Raises DataError naming file, line and column: a missing column, a bad date or number, high below
        low, a day given twice, two files for one name.
        """
        if name not in self._known:
            path = self._file_of(name)
            self._known[name] = () if path is None else _bars(path)
        return tuple(bar for bar in self._known[name] if bar.day < before)

    def participants(self, before: date) -> tuple[ParticipantDay, ...]:
        """From participant_oi.csv(.gz) of the folder, ascending; () where there is none. Raises DataError."""
        return tuple(one for one in read_participants(self._folder) if one.day < before)

    def _file_of(self, name: str) -> Path | None:
        stem = f"{name.lower()}_daily"
        found = [path for suffix in SUFFIXES if (path := self._folder / f"{stem}{suffix}").is_file()]
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise DataError(
                f"{self._folder}: {len(found)} files for {name} ({names})", hint="keep one of them"
            )
        return found[0] if found else None


def _bars(path: Path) -> tuple[DailyBar, ...]:
    bars: dict[date, DailyBar] = {}
    rows = _parquet_rows(path) if path.suffix == ".parquet" else _csv_rows(path)
    for line, row in rows:
        bar = _bar(path, line, row)
        if bar.day in bars:
            raise _fault(path, line, "date", f"{bar.day} is given twice")
        bars[bar.day] = bar
    return tuple(sorted(bars.values(), key=lambda bar: bar.day))


def _bar(path: Path, line: int, row: tuple[Any, ...]) -> DailyBar:
    try:
        day = row[0] if isinstance(row[0], date) else date.fromisoformat(row[0])
        opened, high, low, close = float(row[1]), float(row[2]), float(row[3]), float(row[4])
    except (TypeError, ValueError):
        raise _first_bad_cell(path, line, row) from None
    if not 0.0 < close < math.inf:
        raise _impossible(path, line, {"close": close})
    if opened == high == low == 0.0:  # published so where only the close is known
        return DailyBar(day=day, open=None, high=None, low=None, close=close)
    if not (0.0 < low <= high < math.inf and 0.0 < opened < math.inf):
        raise _impossible(path, line, {"open": opened, "high": high, "low": low})
    return DailyBar(day=day, open=opened, high=high, low=low, close=close)


def _first_bad_cell(path: Path, line: int, row: tuple[Any, ...]) -> DataError:
    for column, cell in zip(COLUMNS, row, strict=True):
        try:
            if column == "date":
                date.fromisoformat(str(cell))
            else:
                float(cell)
        except (TypeError, ValueError):
            wanted = "a date YYYY-MM-DD" if column == "date" else "a number"
            return _fault(path, line, column, f"{cell!r} is not {wanted}")
    return _fault(path, line, "date", f"{row[0]!r} is not a date")


def _impossible(path: Path, line: int, prices: dict[str, float]) -> DataError:
    for column, price in prices.items():
        if not 0.0 < price < math.inf:
            return _fault(path, line, column, f"{price} is not a positive number")
    return _fault(path, line, "high", f"high {prices['high']} is below low {prices['low']}")


def _csv_rows(path: Path) -> Iterator[tuple[int, tuple[str, ...]]]:
    try:
        with _text(path) as stream:
            reader = csv.reader(stream)
            header = next(reader, [])
            places = _places(path, header)
            for cells in reader:
                if len(cells) != len(header):
                    raise _fault(
                        path, reader.line_num, "date", f"{len(cells)} cells, the header has {len(header)}"
                    )
                yield reader.line_num, tuple(cells[place] for place in places)
    except (EOFError, OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="fetch the file again") from error


def _text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return TextIOWrapper(gzip.GzipFile(path), encoding="utf-8", newline="")
    return path.open(encoding="utf-8", newline="")


def _parquet_rows(path: Path) -> Iterator[tuple[int, tuple[Any, ...]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint="fetch the file again") from error
    _places(path, table.column_names)
    day = table.column("date")
    if pa.types.is_timestamp(day.type):
        day = day.cast(pa.timestamp("us", day.type.tz)).cast(pa.date32(), safe=False)
    columns = [day.to_pylist(), *(table.column(name).to_pylist() for name in COLUMNS[1:])]
    yield from enumerate(zip(*columns, strict=True), start=1)


def _places(path: Path, header: Iterable[str]) -> tuple[int, ...]:
    names = [name.strip().lower() for name in header]
    for column in COLUMNS:
        if column not in names:
            raise _fault(path, 1, column, f"is missing; the file has {', '.join(names) or 'no header'}")
    return tuple(names.index(column) for column in COLUMNS)


def _fault(path: Path, line: int, column: str, text: str) -> DataError:
    return DataError(
        f"{path}: line {line}, column {column}: {text}",
        hint="a history file has the columns " + ", ".join(COLUMNS),
    )
