"""The closing prices of past days, out of the bhavcopies that were imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from volguard.adapters.bhavcopy_store import YearOfDays
from volguard.adapters.whole_file import digest_of_file
from volguard.model.errors import DataError, UsageError
from volguard.model.instrument import OptionType
from volguard.model.market import BoolArray, FloatArray, IntArray

_YEAR: Final = re.compile(r"[0-9]{4}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClosingDay:
    """The options of one underlying at the end of a trading date, a contract a row, columns of one length.

    close      rupees a unit: of the last half hour's trades, else of the last one; nan without any
    contracts  lots traded on the day
    oi         units at its end
    lot_size   units; 0 where the file does not say

    `expiries` are the distinct last days, ascending, after holidays where the file says so; `expiry` of a
    row is a place in them. `index_close` in points, None where the file does not say.
    """

    day: date
    expiries: tuple[date, ...]
    expiry: IntArray
    strike: IntArray
    is_call: BoolArray
    close: FloatArray
    contracts: IntArray
    oi: IntArray
    lot_size: IntArray
    index_close: float | None


class BhavcopyDays:
    """What a folder of imported bhavcopies holds of an underlying, no day after `until`.

    Raises DataError where it holds none, or a file of a year is damaged.
    """

    def __init__(self, folder: Path, underlying: str, *, until: date = date.max) -> None:
        self._until = until
        files = sorted((folder / underlying).glob("*.parquet"))
        self._paths = {int(path.stem): path for path in files if _YEAR.fullmatch(path.stem)}
        if not self._paths:
            raise DataError(
                f"{folder} has no bhavcopies of {underlying}",
                hint="import those that you downloaded: volguard data bhavcopy FOLDER",
            )
        self._seen = {year: _identity(path) for year, path in self._paths.items()}
        self._years = {year: YearOfDays(path) for year, path in self._paths.items()}

    @cached_property
    def digest(self) -> str:
        """Of all its files: equal digests, equal days."""
        return " ".join(digest_of_file(path) for path in self._paths.values())

    def on(self, day: date) -> ClosingDay:
        """The prices of a day.

        Raises DataError where it is not there or contradicts itself, UsageError where its file was damaged
        or changed since it was opened: what was played before is not to be believed then.
        """
        year = self._years.get(day.year)
        if year is None or day not in year.groups or day > self._until:
            raise DataError(
                f"there is no bhavcopy of {day.isoformat()}", hint="volguard data bhavcopy imports it"
            )
        found = _closing_day(day, year)
        if _identity(year.path) != self._seen[day.year]:
            raise UsageError(
                f"{year.path}: was changed while it was read, at {day.isoformat()}",
                hint="ask again once the import is over",
            )
        return found


def _identity(path: Path) -> tuple[int, int, int] | None:
    # An import puts another file in its place, whole.
    try:
        told = path.stat()
    except OSError:
        return None
    return told.st_ino, told.st_size, told.st_mtime_ns


def _closing_day(day: date, year: YearOfDays) -> ClosingDay:
    try:
        rows = year.table_of(day).to_pydict()
    except DataError as damage:
        raise UsageError(damage.message, hint=damage.hint) from damage
    last_days = [moved or told for moved, told in zip(rows["actual_expiry"], rows["expiry"], strict=True)]
    expiries = tuple(sorted(set(last_days)))
    place = {expiry: i for i, expiry in enumerate(expiries)}
    levels = {level for level in rows["underlying_close"] if level is not None}
    if len(levels) > 1:
        raise DataError(
            f"{year.path}: {day.isoformat()} has {len(levels)} closes of the index: {min(levels)} and "
            f"{max(levels)} among them",
            hint="import that day's bhavcopy again with --force",
        )
    return ClosingDay(
        day=day,
        expiries=expiries,
        expiry=np.array([place[expiry] for expiry in last_days], dtype=np.int64),
        strike=np.array(rows["strike"], dtype=np.int64),
        is_call=np.array([kind == OptionType.CALL for kind in rows["option_type"]], dtype=np.bool_),
        close=np.array([np.nan if price is None else price for price in rows["close"]], dtype=np.float64),
        contracts=np.array(rows["contracts"], dtype=np.int64),
        oi=np.array(rows["oi"], dtype=np.int64),
        lot_size=np.array([lot or 0 for lot in rows["lot_size"]], dtype=np.int64),
        index_close=min(levels, default=None),
    )
