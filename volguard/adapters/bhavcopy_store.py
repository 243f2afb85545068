"""Option days by underlying and year: `<underlying>/<year>.parquet`, one row group a trading date.

Units, told by the metadata too: `contracts` in lots; `oi`, `oi_change` in units of the underlying;
`turnover_inr` in rupees of (strike + premium) x units; prices in rupees, null where there was none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from volguard.adapters.bhavcopy_forms import LAKH_INR, ContractKey, OptionDay
from volguard.adapters.whole_file import replacing
from volguard.model.errors import DataError
from volguard.model.instrument import OptionType

SCHEMA: Final = "volguard.bhavcopy/1"
NOTES: Final = {
    "schema": SCHEMA,
    "contracts_unit": "lots",
    "oi_unit": "units",
    "turnover_unit": "rupees of (strike + premium) x units",
}
# The same day in the other form: what both say must agree, turnover to the smallest step of the coarser.
COMPARED: Final = ("open", "high", "low", "close", "settle", "contracts", "oi", "oi_change")
ONLY_UDIFF: Final = ("actual_expiry", "lot_size", "underlying_close")
TURNOVER_STEP_INR: Final = 0.01 * LAKH_INR


class DayFate(StrEnum):
    """What became of a day that was to be stored."""

    ADDED = "added"
    THERE = "there"  # the same is there already
    ENRICHED = "enriched"  # the same, and now with what only UDiFF says
    REPLACED = "replaced"
    CONFLICT = "conflict"  # other figures are there, and were kept


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDay:
    """One trading date of an underlying, and the name of the file it comes from."""

    trade_date: date
    rows: tuple[OptionDay, ...]
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDay:
    """A day that was offered; `reason` names the first difference of a conflict or replacement."""

    trade_date: date
    fate: DayFate
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class YearFile:
    """A year's file as it stands now."""

    path: Path
    first: date
    last: date
    days: int
    rows: int


class BhavcopyStore:
    """The years of one underlying below a folder."""

    def __init__(self, folder: Path, underlying: str) -> None:
        self._folder = folder / underlying
        self._underlying = underlying

    def path_of(self, year: int) -> Path:
        """The file of a year."""
        return self._folder / f"{year}.parquet"

    def put(
        self, year: int, days: Iterable[NewDay], *, force: bool
    ) -> tuple[YearFile, tuple[StoredDay, ...]]:
        """Put days into a year's file, whole or not at all; what became of each, in their order.

        A day that is there with other figures is kept as it is, unless `force`. Raises DataError on a file
        that cannot be read or written.
        """
        path = self.path_of(year)
        known = YearOfDays(path) if path.exists() else None
        held = dict(known.groups) if known is not None else {}
        fresh: dict[date, NewDay] = {}
        fates = []
        for day in days:
            before = fresh[day.trade_date].rows if day.trade_date in fresh else None
            if before is None and known is not None and day.trade_date in held:
                before = known.rows_of(day.trade_date)
            fate = _fate(day, before, force=force)
            fates.append(fate)
            if fate.fate not in (DayFate.THERE, DayFate.CONFLICT):
                fresh[day.trade_date] = day
        if fresh or known is None:
            self._write(path, known, fresh)
            known = YearOfDays(path)
        return known.summary, tuple(fates)

    def _write(self, path: Path, known: YearOfDays | None, fresh: Mapping[date, NewDay]) -> None:
        import pyarrow.parquet as pq

        held = known.groups if known is not None else {}
        schema = _schema(self._underlying)
        with (
            replacing(path) as unfinished,
            pq.ParquetWriter(unfinished, schema, compression="zstd", write_page_checksum=True) as writer,
        ):
            for day in sorted({*held, *fresh}):
                if day in fresh:
                    writer.write_table(_table(fresh[day], schema))
                elif known is not None:
                    writer.write_table(known.table_of(day).cast(schema))


class YearOfDays:
    """A year's file as it lies on the disk; every row group is one trading date.

    Raises DataError on a file that is none of ours, or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._file() as file:
            notes = file.schema_arrow.metadata or {}
            if notes.get(b"schema", b"").decode("utf-8", "replace") != SCHEMA:
                raise DataError(f"{path}: not a file of option days", hint="move it away")
            footer = file.metadata
            column = file.schema_arrow.get_field_index("trade_date")
            groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
            self.groups: dict[date, int] = {
                group.column(column).statistics.min: number for number, group in enumerate(groups)
            }
            self.rows: int = footer.num_rows

    @property
    def summary(self) -> YearFile:
        """What it holds."""
        return YearFile(
            path=self.path,
            first=min(self.groups),
            last=max(self.groups),
            days=len(self.groups),
            rows=self.rows,
        )

    def table_of(self, day: date) -> Any:
        """The rows of a day that is in `groups`, as a pyarrow table."""
        import pyarrow as pa

        with self._file() as file:
            try:
                return file.read_row_group(self.groups[day])
            except (pa.ArrowException, OSError) as error:
                raise self._damaged(error) from error

    def rows_of(self, day: date) -> tuple[OptionDay, ...]:
        """The same as `OptionDay` each."""
        rows = self.table_of(day).drop_columns(["source"]).to_pylist()
        return tuple(OptionDay(**{**row, "option_type": OptionType(row["option_type"])}) for row in rows)

    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.path, page_checksum_verification=True)
        except (pa.ArrowException, OSError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> DataError:
        return DataError(
            f"{self.path}: cannot be read ({error})",
            hint="move it away, and import that year's bhavcopies again",
        )


def _fate(day: NewDay, before: Sequence[OptionDay] | None, *, force: bool) -> StoredDay:
    if before is None:
        return StoredDay(trade_date=day.trade_date, fate=DayFate.ADDED)
    difference = _difference(before, day.rows)
    if difference:
        fate = DayFate.REPLACED if force else DayFate.CONFLICT
        return StoredDay(trade_date=day.trade_date, fate=fate, reason=difference)
    richer = before[0].lot_size is None and day.rows[0].lot_size is not None
    return StoredDay(trade_date=day.trade_date, fate=DayFate.ENRICHED if richer else DayFate.THERE)


def _difference(before: Sequence[OptionDay], now: Sequence[OptionDay]) -> str:
    old: dict[ContractKey, OptionDay] = {row.contract: row for row in before}
    new: dict[ContractKey, OptionDay] = {row.contract: row for row in now}
    for contract in sorted(old.keys() ^ new.keys()):
        return f"{_name(contract)} is in only one of them"
    for contract, row in old.items():
        names = [name for name in COMPARED if getattr(row, name) != getattr(new[contract], name)]
        if abs(row.turnover_inr - new[contract].turnover_inr) > TURNOVER_STEP_INR:
            names.append("turnover_inr")
        for name in (name for name in ONLY_UDIFF if not _agree(row, new[contract], name)):
            names.append(name)
        if names:
            was, is_now = getattr(row, names[0]), getattr(new[contract], names[0])
            return f"{_name(contract)}, {names[0]}: {was} is there, now {is_now}"
    return ""


def _agree(row: OptionDay, other: OptionDay, name: str) -> bool:
    values = {getattr(row, name), getattr(other, name)} - {None}
    return len(values) <= 1


def _name(contract: ContractKey) -> str:
    return " ".join(map(str, contract))


def _schema(underlying: str) -> Any:
    import pyarrow as pa

    word, price = pa.dictionary(pa.int8(), pa.string()), pa.float64()
    fields = [
        *(("trade_date", pa.date32()), ("expiry", pa.date32()), ("actual_expiry", pa.date32())),
        *(("strike", pa.int32()), ("option_type", word)),
        *((name, price) for name in ("open", "high", "low", "close", "settle")),
        *((name, pa.int64()) for name in ("contracts", "oi", "oi_change")),
        *(("turnover_inr", price), ("lot_size", pa.int32()), ("underlying_close", price)),
        ("source", pa.dictionary(pa.int16(), pa.string())),
    ]
    return pa.schema(fields, metadata={**NOTES, "underlying": underlying})


def _table(day: NewDay, schema: Any) -> Any:
    import pyarrow as pa

    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in day.rows] for name in schema.names if name != "source"
    }
    columns["option_type"] = [str(row.option_type) for row in day.rows]
    columns["source"] = [day.source] * len(day.rows)
    return pa.Table.from_pydict(columns, schema=schema)
