"""Writes chain snapshots to Parquet in the form that a replay reads: units, IST, volatility in percent."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import numpy as np

from volguard.adapters.chain_parquet import OPTIONAL, UNIT_KEY
from volguard.adapters.chain_rows import EPOCH_IST, NO_TIME, STRIKE_MAX
from volguard.model.errors import DataError
from volguard.model.market import COLUMNS, Capabilities, ChainSnapshot, FloatArray, IntArray, Listing

GROUP_ROWS: Final = 100_000  # a few megabytes in memory, however long the session
_PERCENT_PLACES: Final = 12  # cuts the noise of x 100 so that reading (/ 100) gives the same float back
_ONE_MICROSECOND: Final = timedelta(microseconds=1)


class ChainWriter:
    """One chain file, written snapshot by snapshot in row groups; whole only once it is closed.

    `optional` names the columns beside the fixed ones (quote_ts, underlying_ltp, vix); `notes` go into the
    metadata. Snapshots must come in time order.
    """

    def __init__(
        self, path: Path, *, optional: Collection[str], notes: Mapping[str, str] | None = None
    ) -> None:
        import pyarrow.parquet as pq

        self.schema = chain_schema(optional, notes)
        self.snapshots = self.rows = 0
        self._waiting: list[Any] = []
        self._writer = pq.ParquetWriter(path, self.schema, compression="zstd", write_page_checksum=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write_group()
        self._writer.close()

    def add(self, snapshot: ChainSnapshot) -> None:
        """Write one more snapshot. Raises DataError when a strike is not a whole number of points."""
        import pyarrow as pa

        batch = pa.RecordBatch.from_pydict(_columns(snapshot, self.schema.names), schema=self.schema)
        self._waiting.append(batch)
        self.snapshots += 1
        self.rows += batch.num_rows
        if sum(waiting.num_rows for waiting in self._waiting) >= GROUP_ROWS:
            self._write_group()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting))
            self._waiting = []


def chain_schema(optional: Collection[str], notes: Mapping[str, str] | None = None) -> Any:
    """The columns of a chain file in units of the underlying, with its metadata."""
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
    kinds = {"quote_ts": stamp, "underlying_ltp": pa.float64(), "vix": pa.float64()}
    fields |= {column: kinds[column] for column in OPTIONAL if column in optional}
    return pa.schema(list(fields.items()), metadata={UNIT_KEY: "units", **(notes or {})})


def columns_given_by(capabilities: Capabilities) -> tuple[str, ...]:
    """The optional columns of a source that can give these things."""
    given = {
        "quote_ts": capabilities.quote_time,
        "underlying_ltp": capabilities.spot,
        "vix": capabilities.vix,
    }
    return tuple(name for name in OPTIONAL if given[name])


def unfit(snapshot: ChainSnapshot) -> str | None:
    """Why a file with this snapshot in it would be refused, None where it is fit."""
    strike = snapshot.listing.strike
    if not len(snapshot.listing):
        return "no contracts"
    if not np.all((strike > 0) & (strike <= STRIKE_MAX) & (strike == np.floor(strike))):
        return "a strike that is no whole number of points"
    if snapshot.listing.expiries[0] < snapshot.ts.date():
        return f"an expiry before the trading date ({snapshot.listing.expiries[0]})"
    for column in COLUMNS:
        values = getattr(snapshot, column)
        if np.any(np.isinf(values)) or np.any(values < 0):
            return f"column {column}: negative or infinite"
    for column in ("underlying_ltp", "vix"):
        value = getattr(snapshot, column)
        if value is not None and not 0.0 <= value < np.inf:
            return f"column {column}: {value}"
    return None


def _columns(snapshot: ChainSnapshot, names: Collection[str]) -> dict[str, Any]:
    rows, listing = len(snapshot.listing), snapshot.listing
    ts_us = (snapshot.ts - EPOCH_IST) // _ONE_MICROSECOND
    columns = {
        "ts": _times(np.full(rows, ts_us)),
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
    if "quote_ts" in names:
        columns["quote_ts"] = _times(_quote_times(snapshot.quote_age_s, ts_us, rows))
    if "underlying_ltp" in names:
        columns["underlying_ltp"] = [snapshot.underlying_ltp] * rows
    if "vix" in names:
        percent = None if snapshot.vix is None else round(snapshot.vix * 100.0, _PERCENT_PLACES)
        columns["vix"] = [percent] * rows
    return columns


def _words(indices: Any, words: list[str]) -> Any:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(indices), pa.array(words))


def _times(microseconds: IntArray) -> Any:
    import pyarrow as pa

    return pa.array(microseconds, pa.timestamp("us", "Asia/Kolkata"), mask=np.equal(microseconds, NO_TIME))


def _strikes(listing: Listing) -> Any:
    whole = np.rint(listing.strike).astype(np.int32)
    if not np.array_equal(whole, listing.strike):
        raise DataError("a strike is not a whole number of points and has no place in a chain file")
    return whole


def _zero_for_none(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), 0.0, values)


# An age that is none, or so long that it is none, has no time; one below 0 would be a quote from the future.
def _quote_times(ages_s: FloatArray | None, ts_us: int, rows: int) -> IntArray:
    if ages_s is None:
        return np.full(rows, NO_TIME)
    known = np.isfinite(ages_s)
    age_us = np.rint(np.where(known, np.maximum(ages_s, 0.0), 0.0) * 1e6).astype(np.int64)
    return np.where(known, ts_us - age_us, NO_TIME)
