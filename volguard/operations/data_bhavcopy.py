"""Imports the F&O bhavcopies that the user has: a file is used whole or not at all, a day is kept once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from volguard.adapters.bhavcopy_file import BadLines, Bhavcopy, read_bhavcopy
from volguard.adapters.bhavcopy_store import BhavcopyStore, DayFate, NewDay, StoredDay, YearFile
from volguard.adapters.manifest import FileKind
from volguard.model.errors import DataError, GateFailed, UsageError
from volguard.operations.data_desk import DataDesk

SCHEMA: Final = "volguard.data_bhavcopy/1"
FOLDER: Final = "bhavcopy"
SUFFIXES: Final = (".csv", ".zip")
FILES_HELD: Final = 25  # read and not yet stored: what an interruption costs is read again


@dataclass(slots=True, kw_only=True)
class FileOutcome:
    """What became of one file: a fate per underlying, or why nothing of it was used."""

    path: Path
    read: Bhavcopy | None = None
    faults: tuple[str, ...] = ()
    days: dict[str, StoredDay] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """An import: its files in the order they were read, the years it touched, whether it was cut short."""

    folder: Path
    outcomes: tuple[FileOutcome, ...]
    years: dict[tuple[str, int], YearFile]
    is_interrupted: bool

    def count(self, *fates: DayFate) -> int:
        """Days of these fates, over all underlyings."""
        return sum(day.fate in fates for outcome in self.outcomes for day in outcome.days.values())

    @property
    def refused(self) -> int:
        """Files of which something could not be used."""
        return sum(bool(outcome.faults) for outcome in self.outcomes)

    @property
    def exit_code(self) -> int:
        """2 for a file that was refused, 3 for a day that contradicts what is there, else 0."""
        if self.refused:
            return DataError.exit_code
        return GateFailed.exit_code if self.count(DayFate.CONFLICT) else 0


def import_bhavcopies(
    paths: Iterable[Path], underlyings: Sequence[str], desk: DataDesk, *, force: bool
) -> Imported:
    """Import files, and the files of folders, into `bhavcopy/<underlying>/<year>.parquet`.

    A file that is refused does not stop the others. Raises UsageError when there is none at all.
    """
    files = tuple(_files(paths))
    if not files:
        raise UsageError("no .csv or .zip file in what was given", hint="give files, or a folder of them")
    desk_of = _Import(desk, underlyings, force=force)
    for number, path in enumerate(files):
        if desk.is_stopped():
            break
        desk.progress(number, len(files), path.name)
        desk_of.take(path)
    desk_of.store()
    return Imported(
        folder=desk.data / FOLDER,
        outcomes=tuple(desk_of.outcomes),
        years=desk_of.years,
        is_interrupted=len(desk_of.outcomes) < len(files),
    )


def import_document(imported: Imported, desk: DataDesk) -> dict[str, Any]:
    """An import as JSON."""
    return {
        "schema": SCHEMA,
        "folder": str(imported.folder),
        "interrupted": imported.is_interrupted,
        "totals": {
            "files": len(imported.outcomes),
            "refused": imported.refused,
            **{f"days_{fate.value}": imported.count(fate) for fate in DayFate},
        },
        "files": [_file_document(outcome) for outcome in imported.outcomes],
        "years": [
            {
                "underlying": underlying,
                "path": desk.place(year.path),
                "first": year.first.isoformat(),
                "last": year.last.isoformat(),
                "days": year.days,
                "rows": year.rows,
            }
            for (underlying, _), year in sorted(imported.years.items())
        ],
    }


class _Import:
    # Files are read one by one and stored together: a year's file is written once for many of its days.

    def __init__(self, desk: DataDesk, underlyings: Sequence[str], *, force: bool) -> None:
        self._desk = desk
        self._underlyings = underlyings
        self._force = force
        self._held: list[FileOutcome] = []
        self.outcomes: list[FileOutcome] = []
        self.years: dict[tuple[str, int], YearFile] = {}

    def take(self, path: Path) -> None:
        outcome = FileOutcome(path=path)
        self.outcomes.append(outcome)
        try:
            outcome.read = read_bhavcopy(path, self._underlyings)
        except BadLines as bad:
            outcome.faults = bad.faults
        except DataError as error:
            outcome.faults = (error.message.removeprefix(f"{path}: "),)
        else:
            self._held.append(outcome)
        if len(self._held) >= FILES_HELD:
            self.store()

    def store(self) -> None:
        by_year: dict[tuple[str, int], list[FileOutcome]] = {}
        for outcome in self._held:
            if outcome.read is not None:
                for underlying in outcome.read.rows:
                    by_year.setdefault((underlying, outcome.read.trade_date.year), []).append(outcome)
        for (underlying, year), outcomes in by_year.items():
            self._store_year(underlying, year, outcomes)
        self._held = []

    def _store_year(self, underlying: str, year: int, outcomes: Sequence[FileOutcome]) -> None:
        store = BhavcopyStore(self._desk.data / FOLDER, underlying)
        days = [_day(outcome.read, underlying) for outcome in outcomes if outcome.read is not None]
        try:
            file, fates = store.put(year, days, force=self._force)
        except DataError as error:
            for outcome in outcomes:
                outcome.faults = (*outcome.faults, error.message)
            return
        for outcome, fate in zip(outcomes, fates, strict=True):
            outcome.days[underlying] = fate
        self.years[(underlying, year)] = file
        self._desk.manifest.record(
            file.path,
            kind=FileKind.BHAVCOPY,
            instrument=underlying,
            first=file.first.isoformat(),
            last=file.last.isoformat(),
            rows=file.rows,
            source=f"NSE F&O bhavcopies of {file.days} days",
            fetched_at=self._desk.moment(),
        )


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
        else:
            yield path


def _day(read: Bhavcopy, underlying: str) -> NewDay:
    return NewDay(trade_date=read.trade_date, rows=read.rows[underlying], source=read.path.name)


def _file_document(outcome: FileOutcome) -> dict[str, Any]:
    read = outcome.read
    trade_date: date | None = None if read is None else read.trade_date
    return {
        "path": str(outcome.path),
        "form": None if read is None else read.form,
        "trade_date": None if trade_date is None else trade_date.isoformat(),
        "repeated_lines": 0 if read is None else read.repeated,
        "days": {
            name: {
                "fate": day.fate.value,
                "rows": 0 if read is None else len(read.rows[name]),
                "reason": day.reason,
            }
            for name, day in outcome.days.items()
        },
        "faults": list(outcome.faults),
    }
