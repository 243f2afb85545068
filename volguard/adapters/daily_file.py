"""Daily bars kept as the CSV file that a history is read from: `<name>_daily.csv`, one line a day."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from pathlib import Path
from typing import Final

from volguard.adapters.bars import Bar, Joined, join
from volguard.adapters.history import COLUMNS, SUFFIXES, FileHistory
from volguard.adapters.whole_file import write_whole
from volguard.model.errors import DataError

MORE_COLUMNS: Final = ("volume", "oi")  # of an option: units


class DailyFile:
    """The daily bars of one series; what the file holds besides, other columns too, stays as it is.

    Raises DataError for a file that a history would refuse, or when the name is kept in another form: two
    files for one name would be refused.
    """

    def __init__(self, folder: Path, name: str, *, with_quantities: bool) -> None:
        self.path = folder / f"{name.lower()}_daily.csv"
        self._columns: Sequence[str] = (*COLUMNS, *MORE_COLUMNS) if with_quantities else COLUMNS
        for suffix in SUFFIXES:
            other = self.path.with_suffix(suffix)
            if suffix != ".csv" and other.is_file():
                raise DataError(
                    f"{other} holds the history of {name}: it cannot be added to",
                    hint=f"turn it into {self.path.name}, or move it away",
                )
        self._lines: dict[date, list[str]] = {}
        self.bars: dict[date, Bar[date]] = {}
        if self.path.is_file():
            self._read(folder, name)

    @property
    def days(self) -> tuple[date, ...]:
        """Days that are there, ascending."""
        return tuple(sorted(self.bars))

    def add(self, bars: Iterable[Bar[date]], *, force: bool) -> Joined[date]:
        """Join bars to the file, which is written whole if there is anything new. Raises DataError."""
        joined = join(self.bars, bars, force=force)
        for bar in joined.to_write:
            self._lines[bar.start] = self._line(bar)
            self.bars[bar.start] = bar
        if joined.to_write:
            write_whole(self.path, self._text().encode())
        return joined

    # A history has judged the file by then: dates, numbers, no day twice.
    def _read(self, folder: Path, name: str) -> None:
        known = FileHistory(folder).daily(name, date.max)
        self.bars = {
            bar.day: Bar(start=bar.day, open=bar.open, high=bar.high, low=bar.low, close=bar.close)
            for bar in known
        }
        with self.path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            self._columns = tuple(next(reader))
            place = self._places().index("date")
            self._lines = {date.fromisoformat(cells[place]): cells for cells in reader}

    def _places(self) -> list[str]:
        return [column.strip().lower() for column in self._columns]

    def _line(self, bar: Bar[date]) -> list[str]:
        cells = {name: _price(getattr(bar, name)) for name in ("open", "high", "low", "close")}
        cells |= {"date": bar.start.isoformat(), "volume": str(bar.volume), "oi": str(bar.oi)}
        return [cells.get(name, "") for name in self._places()]

    def _text(self) -> str:
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self._columns)
        writer.writerows(self._lines[day] for day in sorted(self._lines))
        return stream.getvalue()


def _price(value: float | None) -> str:
    return "0" if value is None else f"{value:.2f}"
