"""Reads the index options of one NSE F&O bhavcopy, a CSV file or the zip around it."""

from __future__ import annotations

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median
from typing import Final

from volguard.adapters.bhavcopy_forms import (
    INDEX_OPTION,
    BadCell,
    ContractKey,
    Form,
    OptionDay,
    day_of,
    form_of,
)
from volguard.model.errors import DataError

BYTES_MAX: Final = 200_000_000  # a day is some 8 MB unpacked
FAULTS_TOLD: Final = 20
UNITS_TOLERANCE: Final = 0.1  # a day's average price is not its close
LOT_MIN: Final = 5.0  # no index contract was ever of fewer units
ROWS_ASKED: Final = 25  # of the largest turnover: enough to tell lots from units
_LEGACY_NAME: Final = re.compile(r"fo(\d{2})([A-Z]{3})(\d{4})bhav", re.IGNORECASE)
_UDIFF_NAME: Final = re.compile(r"BhavCopy_NSE_FO_0_0_0_(\d{4})(\d{2})(\d{2})_F_", re.IGNORECASE)
_AGAIN: Final = "fetch the file again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bhavcopy:
    """The index options of one file: rows by underlying and contract; `repeated` lines said it twice."""

    path: Path
    form: str
    trade_date: date
    rows: Mapping[str, tuple[OptionDay, ...]]
    repeated: int


class BadLines(DataError):
    """A file with lines that cannot be used; `faults` names line and column of each, the first twenty."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        super().__init__(f"{path}: {faults[0]}{more}", hint="nothing of the file was used; fetch it again")
        self.faults = tuple(faults[:FAULTS_TOLD])


def read_bhavcopy(path: Path, underlyings: Collection[str]) -> Bhavcopy:
    """The index options of some underlyings in a file.

    Raises DataError for a file that is neither form, torn, named for another day, or without such options;
    BadLines where a line of them is bad: nothing of the file is used then.
    """
    lines = _lines(path)
    _, header = next(lines, (0, []))
    if not header:
        raise DataError(f"{path}: no lines", hint=_AGAIN)
    form = form_of(header)
    if form is None:
        raise DataError(
            f"{path}: line 1: neither a legacy nor a UDiFF header ({', '.join(header)[:80]})",
            hint="a bhavcopy begins with INSTRUMENT,SYMBOL,... or TradDt,BizDt,...",
        )
    places = form.places(header)
    if missing := form.missing(places):
        raise DataError(f"{path}: line 1, column {missing[0]}: is missing from this {form.name} file")
    sheet = _Sheet(form, places, width=len(header))
    for line, cells in lines:
        sheet.take(line, cells, underlyings)
    if sheet.faults:
        raise BadLines(path, sheet.faults)
    if sheet.day is None:
        names = ", ".join(sorted(underlyings))
        raise DataError(f"{path}: no index option of {names}", hint="is it the bhavcopy of F&O, and whole?")
    _check_name(path, sheet.day)
    _check_units(path, form, sheet.rows())
    return Bhavcopy(
        path=path,
        form=form.name,
        trade_date=sheet.day,
        rows={
            name: tuple(sorted(found.values(), key=lambda row: row.contract))
            for name, found in sorted(sheet.found.items())
        },
        repeated=sheet.repeated,
    )


class _Sheet:
    # The wanted rows of one file, and what is wrong with its lines.

    def __init__(self, form: Form, places: Mapping[str, int], *, width: int) -> None:
        self._form = form
        self._places = places
        self._width = width
        self.found: dict[str, dict[ContractKey, OptionDay]] = {}
        self.faults: list[str] = []
        self.repeated = 0
        self.day: date | None = None

    def rows(self) -> list[OptionDay]:
        return [row for found in self.found.values() for row in found.values()]

    def take(self, line: int, cells: Sequence[str], underlyings: Collection[str]) -> None:
        if len(cells) != self._width:
            self.faults.append(f"line {line}: {len(cells)} cells, the header has {self._width}")
            return
        if cells[self._places["kind"]].strip() not in INDEX_OPTION:
            return
        name = cells[self._places["underlying"]].strip()
        if name not in underlyings:
            return
        figures = {figure: cells[place].strip() for figure, place in self._places.items()}
        try:
            self._keep(self._form.row(figures), self.found.setdefault(name, {}))
        except BadCell as bad:
            column = {**self._form.columns, **self._form.optional}[bad.figure]
            self.faults.append(f"line {line}, column {column}: {bad.text}")

    def _keep(self, row: OptionDay, found: dict[ContractKey, OptionDay]) -> None:
        self.day = self.day or row.trade_date
        if row.trade_date != self.day:
            raise BadCell("trade_date", f"{row.trade_date}, the lines before are of {self.day}")
        before = found.setdefault(row.contract, row)
        if before is row:
            return
        if before != row:
            contract = f"{row.expiry} {row.strike} {row.option_type}"
            raise BadCell("strike", f"{contract} is given twice, with other figures")
        self.repeated += 1


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    try:
        for cells in reader:
            if not _is_blank(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: no CSV: {error}", hint=_AGAIN) from error


def _is_blank(cells: Sequence[str]) -> bool:
    # The first cell of nearly every line says enough.
    return not cells or not (cells[0].strip() or any(cell.strip() for cell in cells))


def _text(path: Path) -> str:
    try:
        content = _unzipped(path) if zipfile.is_zipfile(path) else _bounded(path, path.stat().st_size)
        return content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file", hint="give the path of a bhavcopy, .csv or .zip") from error
    except (OSError, EOFError, UnicodeDecodeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {error}", hint=_AGAIN) from error
    except NotImplementedError as error:
        raise DataError(f"{path}: packed in a way that is not known: {error}", hint="unpack it") from error


def _bounded(path: Path, size: int) -> bytes:
    if size > BYTES_MAX:
        raise DataError(f"{path}: {size} bytes, limit {BYTES_MAX}", hint="a day's bhavcopy is far smaller")
    if path.suffix.lower() == ".zip":
        raise zipfile.BadZipFile("no zip file, or a torn one")
    return path.read_bytes()


# The member's name is never used as a path, and no more is unpacked than its stated size, which is checked.
def _unzipped(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if len(members) != 1 or not members[0].filename.lower().endswith(".csv"):
            names = ", ".join(member.filename for member in members[:5]) or "nothing"
            raise DataError(f"{path}: must hold one .csv file, holds {names}", hint="unpack it")
        (member,) = members
        if member.flag_bits & 1:
            raise DataError(f"{path}: is locked with a password", hint="unpack it")
        if member.file_size > BYTES_MAX:
            raise DataError(
                f"{path}: {member.file_size} bytes unpacked, limit {BYTES_MAX}",
                hint="a day's bhavcopy is far smaller",
            )
        return archive.read(member)


def _check_name(path: Path, day: date) -> None:
    match = _UDIFF_NAME.search(path.name) or _LEGACY_NAME.search(path.name)
    named = day_of("-".join(match.groups())) if match else None
    if named not in (None, day):
        raise DataError(
            f"{path}: is named for {named} and holds {day.isoformat()}", hint="give the file its own name"
        )


# Turnover tells how many units a contract was: the volume must be in lots, or all figures would be wrong.
def _check_units(path: Path, form: Form, rows: Iterable[OptionDay]) -> None:
    traded = sorted((row for row in rows if row.contracts), key=lambda row: -row.turnover_inr)[:ROWS_ASKED]
    if not traded:
        return
    place = f"{path}: column {form.columns['contracts']}"
    units = median(_units_per_contract(row) for row in traded)
    if units < LOT_MIN:
        raise DataError(f"{place}: {units:.2f} units a contract by turnover, so it is not in lots")
    ratios = [_units_per_contract(row) / row.lot_size for row in traded if row.lot_size]
    if ratios and abs(median(ratios) - 1.0) > UNITS_TOLERANCE:
        raise DataError(f"{place}: turnover is {median(ratios):.2f} x contracts x lot x price")


def _units_per_contract(row: OptionDay) -> float:
    return row.turnover_inr / row.contracts / (row.strike + (row.close or 0.0))
