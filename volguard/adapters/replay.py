"""A recorded session behind the MarketData port: chain-snapshot Parquet, read once per row group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from volguard.adapters.chain_parquet import ChainParquet
from volguard.adapters.chain_rows import (
    NO_TIME,
    ChainRows,
    Column,
    distinct_times,
    expiry_date,
    faults,
    ist_time,
    joined,
    trading_days_of,
)
from volguard.model.instrument import Underlying
from volguard.model.market import Capabilities, ChainSnapshot, FloatArray, Listing, SourceInfo

PERCENT: Final = 100.0


class ReplayMarket:
    """The snapshots of one file, in time order, every value checked before the first is given.

    `lot_size(trading_date, expiry)` turns a file's lots of volume and open interest into units; `cadence_s`
    overrides the median distance of the file's snapshots (needed only for a file with one). Rows are sorted
    by (ts, expiry, strike, call before put). Raises DataError naming file, column and row group for a file
    that is torn, of another schema, of several days or underlyings, or that holds an impossible value or the
    same contract twice at one time.
    """

    def __init__(
        self, path: Path, *, lot_size: Callable[[date, date], int], cadence_s: float | None = None
    ) -> None:
        self._file = ChainParquet(path)
        self._lot_size = lot_size
        self._listings: dict[bytes, Listing] = {}
        self._underlying = self._only_underlying()
        times = [group for group in self._file.times() if len(group)]
        self._ascending = all(a.max() <= b.min() for a, b in pairwise(times))
        moments = distinct_times(np.concatenate(times))
        self._info = self._described(moments, cadence_s)
        self._last_ts_us = int(moments[-1])
        self._only_block = self._validated()

    @property
    def info(self) -> SourceInfo:
        """The file, its day, and which optional columns it has."""
        return self._info

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot]:
        """Snapshots strictly later than `after` (None: from the first)."""
        for block in [self._only_block] if self._only_block is not None else self._blocks(check=False):
            yield from self._snapshots_of(block, after)

    def _only_underlying(self) -> Underlying:
        names = self._file.underlyings()
        if len(names) != 1:
            raise self._file.error(
                f"column underlying: {len(names)} underlyings ({', '.join(names)}), must be one",
                hint="split the file by underlying",
            )
        return Underlying(names[0])

    def _described(self, moments: Column, cadence_s: float | None) -> SourceInfo:
        days = np.unique(trading_days_of(moments))
        if len(days) > 1:
            found = ", ".join(str(expiry_date(int(day))) for day in days[:3])
            raise self._file.error(
                f"column ts: {len(days)} trading dates ({found}), must be one",
                hint="split the file by trading date",
            )
        if cadence_s is None and len(moments) < 2:
            raise self._file.error("column ts: one snapshot only, so no cadence can be told")
        steps = np.diff(moments) / 1e6
        optional = self._file.present_optional
        return SourceInfo(
            kind="replay",
            label=self._file.path.name,
            underlying=self._underlying,
            trading_date=expiry_date(int(days[0])),
            capabilities=Capabilities(
                spot="underlying_ltp" in optional,
                vix="vix" in optional,
                quote_time="quote_ts" in optional,
                depth=False,
                cadence_s=float(np.median(steps)) if cadence_s is None else cadence_s,
            ),
            digest=self._file.digest,
        )

    # A file of one row group is kept decoded; several are read again later: memory holds one at a time.
    def _validated(self) -> ChainRows | None:
        keep = self._file.row_groups == 1
        only = None
        for block in self._blocks(check=True):
            only = block if keep else None
        return only

    # Sorted rows in whole snapshots: the last time of a row group may go on in the next one.
    def _blocks(self, *, check: bool) -> Iterator[ChainRows]:
        waiting: list[ChainRows] = []
        for group, rows in self._file.batches():
            if check:
                self._refuse_faults(group, rows)
            waiting.append(rows)
            if not self._ascending:
                continue
            block = self._sorted(joined(waiting))
            last = block["ts_us"][-1]
            if last == self._last_ts_us:
                waiting = [block]
                continue
            cut = int(np.searchsorted(block["ts_us"], last))
            waiting = [block.take(slice(cut, None))]
            if cut:
                yield block.take(slice(0, cut))
        yield self._sorted(joined(waiting))

    def _refuse_faults(self, group: int, rows: ChainRows) -> None:
        fault = next(faults(rows), None)
        if fault is not None:
            raise self._file.error(f"row group {group}, {fault}")

    def _sorted(self, rows: ChainRows) -> ChainRows:
        if rows.is_sorted:
            return rows
        rows = rows.sorted()
        row = rows.first_duplicate()
        if row is None:
            return rows
        kind = "PE" if rows["is_put"][row] else "CE"
        expiry = expiry_date(int(rows["expiry_day"][row]))
        raise self._file.error(
            f"two rows for {self._underlying} {expiry} {rows['strike'][row]:.0f} {kind} "
            f"at {ist_time(int(rows['ts_us'][row])).isoformat()}",
            hint="a contract has one row per snapshot: drop the repeated rows",
        )

    def _snapshots_of(self, block: ChainRows, after: datetime | None) -> Iterator[ChainSnapshot]:
        bounds = block.snapshot_bounds().tolist()
        keys = block.contract_key
        columns = self._snapshot_columns(block)
        ages, spots, vixes = _ages(block), block.columns.get("underlying_ltp"), block.columns.get("vix")
        for start, end in pairwise(bounds):
            ts = ist_time(int(block["ts_us"][start]))
            if after is not None and ts <= after:
                continue
            rows = slice(start, end)
            yield ChainSnapshot(
                ts=ts,
                listing=self._listing(keys[rows], block, rows),
                quote_age_s=None if ages is None else ages[rows],
                underlying_ltp=_first_given(spots, rows, scale=1.0),
                vix=_first_given(vixes, rows, scale=PERCENT),
                **{name: column[rows] for name, column in columns.items()},
            )

    def _snapshot_columns(self, block: ChainRows) -> dict[str, Column]:
        bid, ask = _absent_as_nan(block["bid"]), _absent_as_nan(block["ask"])
        lot = self._lots(block["expiry_day"])
        columns = {
            "bid": bid,
            "bid_qty": np.where(np.isnan(bid), 0, block["bid_qty"]),
            "ask": ask,
            "ask_qty": np.where(np.isnan(ask), 0, block["ask_qty"]),
            "ltp": _absent_as_nan(block["ltp"]),
            "volume": block["volume"] * lot,
            "oi": block["oi"] * lot,
            "vendor_iv": _absent_as_nan(block["iv"]) / PERCENT,
        }
        for column in columns.values():
            column.setflags(write=False)
        return columns

    # Units per unit of the file's quantity, per row.
    def _lots(self, expiry_day: Column) -> Column:
        if self._file.quantity_unit == "units":
            return np.ones(1, dtype=np.int64)
        first = int(expiry_day.min())
        lots = np.zeros(int(expiry_day.max()) - first + 1, dtype=np.int64)
        for offset in np.flatnonzero(np.bincount(expiry_day - first)).tolist():
            lots[offset] = self._lot_size(self._info.trading_date, expiry_date(first + offset))
        per_row: Column = lots[expiry_day - first]
        return per_row

    def _listing(self, keys: Column, block: ChainRows, rows: slice) -> Listing:
        fingerprint = keys.tobytes()
        known = self._listings.get(fingerprint)
        if known is None:
            known = self._listings[fingerprint] = _new_listing(self._underlying, block.take(rows))
        return known


def _new_listing(underlying: Underlying, rows: ChainRows) -> Listing:
    days = rows["expiry_day"]
    starts = np.r_[0, np.flatnonzero(np.diff(days)) + 1]
    return Listing(
        underlying=underlying,
        expiries=tuple(expiry_date(int(day)) for day in days[starts]),
        offsets=np.r_[starts, len(days)].astype(np.int64),
        strike=rows["strike"].astype(np.float64),
        is_call=rows["is_put"] == 0,
    )


def _absent_as_nan(values: Column) -> FloatArray:
    return np.where(values > 0.0, values, np.nan)


def _ages(block: ChainRows) -> FloatArray | None:
    times = block.columns.get("quote_ts_us")
    if times is None:
        return None
    known = times != NO_TIME
    return np.where(known, (block["ts_us"] - np.where(known, times, 0)) / 1e6, np.nan)


# One figure per snapshot, written on every row; a null or zero is not given.
def _first_given(column: Column | None, rows: slice, *, scale: float) -> float | None:
    if column is None:
        return None
    values = column[rows]
    given = values[values > 0.0]
    return float(given[0]) / scale if len(given) else None
