"""Reads chain-snapshot Parquet (one row per option per snapshot) into NumPy columns, one row group at a time.

File columns: `ts` (IST), `underlying`, `expiry`, `strike`, `option_type` (CE, PE), `bid`, `bid_qty`, `ask`,
`ask_qty`, `ltp`, `volume`, `oi`, `iv` (percent); optional `quote_ts`, `underlying_ltp`, `vix` (percent).
A zero price or volatility means none. The metadata key `quantity_unit` (lots, units) tells the unit of
`volume` and `oi`; sizes of the touch are always units.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.adapters.chain_rows import NO_TIME, PRICES, QUANTITIES, ChainRows, Column
from volguard.model.errors import DataError

REQUIRED: Final = ("ts", "underlying", "expiry", "strike", "option_type", *PRICES, *QUANTITIES)
OPTIONAL: Final = ("quote_ts", "underlying_ltp", "vix")
UNIT_KEY: Final = "quantity_unit"
UNITS: Final = ("lots", "units")
IST_ZONES: Final = frozenset({"Asia/Kolkata", "Asia/Calcutta", "+05:30"})
MICROSECONDS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
MILLISECONDS_PER_DAY: Final = 86_400_000
FLOATS: Final = {"double": "float64", "float": "float32", "halffloat": "float16"}
_DAMAGED: Final = "the file is torn or damaged: fetch or record it again"
WRITER_KEYS: Final = frozenset({"ARROW:schema", "pandas"})  # the writing library's own notes


class ChainParquet:
    """One chain-snapshot file, its schema checked when opened.

    Raises DataError for a file that is absent, torn or of another schema; the message names file, column
    and row group.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        schema, footer = self._opened()
        self.row_groups: int = footer.num_row_groups
        self.rows: int = footer.num_rows
        self.columns: tuple[str, ...] = tuple(schema.names)
        self.metadata = _own_metadata(schema.metadata or {})
        try:
            self._check_schema(schema)
        except UnicodeDecodeError as error:
            raise self.error(f"the schema cannot be read ({error.reason})", hint=_DAMAGED) from error
        self.quantity_unit = self.metadata.get(UNIT_KEY, "lots")
        if self.quantity_unit not in UNITS:
            raise self.error(f"metadata {UNIT_KEY} is {self.quantity_unit!r}, known are lots and units")
        if self.rows == 0:
            raise self.error("no rows")

    @cached_property
    def digest(self) -> str:
        """BLAKE2b of the file's bytes, in hexadecimal."""
        with self.path.open("rb") as stream:
            return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=32)).hexdigest()

    @property
    def present_optional(self) -> tuple[str, ...]:
        """Optional columns that this file has."""
        return tuple(name for name in OPTIONAL if name in self.columns)

    def times(self) -> list[Column]:
        """`ts` of every row in microseconds since 1970 UTC, one array per row group."""
        with self._file() as file:
            return [
                _microseconds(self._read(file, group, ["ts"]).column(0)) for group in range(self.row_groups)
            ]

    def underlyings(self) -> tuple[str, ...]:
        """The distinct underlyings of the file, sorted."""
        names: set[str] = set()
        with self._file() as file:
            for group in range(self.row_groups):
                column = self._read(file, group, ["underlying"]).column(0)
                self._refuse_null("underlying", column, group)
                names.update(_codes(column)[1])
        return tuple(sorted(names))

    def batches(self) -> Iterator[tuple[int, ChainRows]]:
        """Every row group's number and rows, in file order, values not judged yet."""
        wanted = [name for name in (*REQUIRED, *self.present_optional) if name != "underlying"]
        with self._file() as file:
            for group in range(self.row_groups):
                table = self._read(file, group, wanted)
                if table.num_rows:
                    yield group, ChainRows(columns=self._converted(table, group))

    def group(self, group: int) -> Any:
        """One row group as it lies in the file, an Arrow table with every column."""
        with self._file() as file:
            return self._read(file, group, list(self.columns))

    def error(self, text: str, *, hint: str = "") -> DataError:
        """A DataError that names this file."""
        return DataError(
            f"{self.path}: {text}", hint=hint or "check the file with: volguard data inspect FILE"
        )

    def _opened(self) -> tuple[Any, Any]:
        with self._file() as file:
            return file.schema_arrow, file.metadata

    def _file(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.ParquetFile(self.path, page_checksum_verification=True)
        except FileNotFoundError as error:
            raise DataError(f"{self.path}: no such file", hint="give the path of a chain file") from error
        except (pa.ArrowException, OSError) as error:
            raise DataError(
                f"{self.path}: not a whole Parquet file ({_first_line(error)})",
                hint="the file is torn or truncated, or of another format: fetch or record it again",
            ) from error

    def _read(self, file: Any, group: int, columns: list[str]) -> Any:
        import pyarrow as pa

        try:
            table = file.read_row_group(group, columns=columns).combine_chunks()
            if table.num_rows == file.metadata.row_group(group).num_rows:
                return table
            raise ValueError(f"{table.num_rows} rows, its footer says otherwise")
        except (pa.ArrowException, OSError, ValueError) as error:
            for column in columns if len(columns) > 1 else ():
                self._read(file, group, [column])  # one at a time: raises on the damaged one
            raise self.error(
                f"row group {group}, column {', '.join(columns)}: cannot be read ({_first_line(error)})",
                hint=_DAMAGED,
            ) from error

    def _check_schema(self, schema: Any) -> None:
        missing = [name for name in REQUIRED if name not in schema.names]
        if missing:
            raise self.error(
                f"column {missing[0]} is missing in every row group (0 to {self.row_groups - 1}); "
                f"the file has {', '.join(schema.names)}",
                hint="a chain file has one row per option per snapshot with " + ", ".join(REQUIRED),
            )
        for name in (*REQUIRED, *self.present_optional):
            wanted = _type_fault(name, schema.field(name).type)
            if wanted:
                raise self.error(
                    f"column {name} has type {schema.field(name).type} in every row group, must be {wanted}",
                    hint=f"write {name} as {wanted}",
                )

    def _converted(self, table: Any, group: int) -> dict[str, Column]:
        for name in set(REQUIRED) & set(table.column_names):
            self._refuse_null(name, table.column(name), group)
        columns: dict[str, Column] = {
            "ts_us": _microseconds(table.column("ts")),
            "expiry_day": _days(table.column("expiry")),
            "strike": _plain(table.column("strike")),
            "is_put": self._is_put(table.column("option_type"), group),
        }
        columns |= {name: _plain(table.column(name)).astype(np.float64) for name in PRICES}
        columns |= {name: _plain(table.column(name)).astype(np.int64) for name in QUANTITIES}
        if "quote_ts" in self.columns:
            columns["quote_ts_us"] = _microseconds(table.column("quote_ts"))
        for name in ("underlying_ltp", "vix"):
            if name in self.columns:
                columns[name] = _given(table.column(name))
        return columns

    def _refuse_null(self, name: str, column: Any, group: int) -> None:
        if column.null_count:
            row = column.is_null().index(True).as_py()
            raise self.error(
                f"row group {group}, column {name}: null in row {row} of the group",
                hint="write 0 for an absent price, size or volatility",
            )

    def _is_put(self, column: Any, group: int) -> Column:
        codes, names = _codes(column)
        unknown = [name for name in names if name not in ("CE", "PE")]
        if unknown:
            row = int((codes == names.index(unknown[0])).argmax())
            raise self.error(
                f"row group {group}, column option_type: {unknown[0]!r} in row {row} of the group, "
                "known are CE and PE"
            )
        return np.array([name == "PE" for name in names], dtype=np.int64)[codes]


def _type_fault(name: str, kind: Any) -> str:
    from pyarrow import types

    if name in ("ts", "quote_ts"):
        fits = types.is_timestamp(kind) and kind.tz in IST_ZONES
        return "" if fits else "a timestamp with time zone Asia/Kolkata"
    if name in ("underlying", "option_type"):
        text = kind.value_type if types.is_dictionary(kind) else kind
        return "" if types.is_string(text) or types.is_large_string(text) else "text"
    if name == "expiry":
        return "" if types.is_date(kind) else "a date"
    if name in QUANTITIES:
        return "" if types.is_integer(kind) else "a whole number"
    return "" if types.is_integer(kind) or types.is_floating(kind) else "a number"


# The values of a column of numbers, nulls undefined. Arrow's own conversion imports pandas, at a high cost.
def _plain(column: Any) -> Column:
    kind = _numpy_type(column.type)
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=kind)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return np.concatenate(parts) if len(parts) != 1 else parts[0]


def _microseconds(column: Any) -> Column:
    unit = column.type.unit
    times = _plain(column)
    scaled = times // 1_000 if unit == "ns" else times * MICROSECONDS[unit]
    return np.where(_is_null(column), NO_TIME, scaled) if column.null_count else scaled


def _days(column: Any) -> Column:
    days = _plain(column).astype(np.int64)
    return days // MILLISECONDS_PER_DAY if str(column.type).startswith("date64") else days


def _given(column: Any) -> Column:
    values = _plain(column).astype(np.float64)
    return np.where(_is_null(column), np.nan, values) if column.null_count else values


def _is_null(column: Any) -> Column:
    return np.array(column.is_null().to_pylist(), dtype=np.bool_)


def _numpy_type(kind: Any) -> np.dtype[Any]:
    from pyarrow import types

    if types.is_timestamp(kind) or types.is_date64(kind):
        return np.dtype("int64")
    return np.dtype("int32") if types.is_date32(kind) else np.dtype(FLOATS.get(str(kind), str(kind)))


def _codes(column: Any) -> tuple[Column, list[str]]:
    from pyarrow import chunked_array, types

    encoded = column if types.is_dictionary(column.type) else column.dictionary_encode()
    chunks = encoded.unify_dictionaries().chunks
    if not chunks:
        return np.zeros(0, dtype=np.int64), []
    codes = _plain(chunked_array([chunk.indices for chunk in chunks]))
    return _only_used(codes, chunks[0].dictionary.to_pylist())


# A dictionary may name values that no row has.
def _only_used(codes: Column, names: list[str]) -> tuple[Column, list[str]]:
    present = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    places = np.zeros(len(names), dtype=np.int64)
    places[present] = np.arange(len(present))
    return places[codes], [names[i] for i in present]


def _own_metadata(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    pairs = {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in raw.items()}
    return {key: value for key, value in sorted(pairs.items()) if key not in WRITER_KEYS}


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
