"""What a chain file holds, and what is wrong with it, before a session is run on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from volguard.adapters.chain_parquet import ChainParquet
from volguard.adapters.chain_rows import (
    ChainRows,
    Column,
    distinct_times,
    expiry_date,
    faults,
    ist_time,
    joined,
    trading_days_of,
)

GAP_CADENCES: Final = 3  # a longer pause makes all quotes stale


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A pause between two snapshots that is longer than 3 x the cadence."""

    start: datetime
    end: datetime
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpirySummary:
    """One expiry over the whole file; shares of rows in [0, 1], strikes in index points."""

    expiry: date
    rows: int
    strikes: int
    strike_min: float
    strike_max: float
    missing_bid_share: float
    missing_ask_share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFileSummary:
    """One chain file at a glance; `cadence_s` is None where one snapshot cannot tell it."""

    path: Path
    digest: str
    rows: int
    row_groups: int
    snapshots: int
    underlyings: tuple[str, ...]
    trading_dates: tuple[date, ...]
    first_ts: datetime
    last_ts: datetime
    cadence_s: float | None
    gaps: tuple[Gap, ...]
    expiries: tuple[ExpirySummary, ...]
    strike_min: float
    strike_max: float
    missing_bid_share: float
    missing_ask_share: float
    crossed_quotes: int
    listing_changes: int
    columns: tuple[str, ...]
    metadata: Mapping[str, str]
    quantity_unit: str
    problems: tuple[str, ...]  # what a session would refuse the file for; empty: it is fit


def inspect_chain(path: Path) -> ChainFileSummary:
    """Summarise a chain file.

    Bad values are listed in `problems`, with row group and column. Raises DataError for a file that is
    absent, torn, of another schema or that has nulls: it holds nothing that could be summarised.
    """
    file = ChainParquet(path)
    underlyings = file.underlyings()
    parts, problems = [], []
    for group, part in file.batches():
        parts.append(part)
        problems += [f"row group {group}, {fault}" for fault in faults(part)]
    rows = joined(parts).sorted()
    moments = distinct_times(rows["ts_us"])
    days = tuple(expiry_date(int(day)) for day in np.unique(trading_days_of(moments)))
    problems += _file_problems(rows, underlyings, days, moments)
    cadence_s = float(np.median(np.diff(moments))) / 1e6 if len(moments) > 1 else None
    no_bid, no_ask = rows["bid"] <= 0.0, rows["ask"] <= 0.0
    return ChainFileSummary(
        path=path,
        digest=file.digest,
        rows=len(rows),
        row_groups=file.row_groups,
        snapshots=len(moments),
        underlyings=underlyings,
        trading_dates=days,
        first_ts=ist_time(int(moments[0])),
        last_ts=ist_time(int(moments[-1])),
        cadence_s=cadence_s,
        gaps=tuple(_gaps(moments, cadence_s)),
        expiries=tuple(_expiries(rows, no_bid, no_ask)),
        strike_min=float(rows["strike"].min()),
        strike_max=float(rows["strike"].max()),
        missing_bid_share=float(no_bid.mean()),
        missing_ask_share=float(no_ask.mean()),
        crossed_quotes=int(np.count_nonzero(~no_bid & ~no_ask & (rows["bid"] > rows["ask"]))),
        listing_changes=_listing_changes(rows),
        columns=file.columns,
        metadata=file.metadata,
        quantity_unit=file.quantity_unit,
        problems=tuple(problems),
    )


def _file_problems(
    rows: ChainRows, underlyings: tuple[str, ...], days: tuple[date, ...], moments: Column
) -> Iterator[str]:
    if len(underlyings) > 1:
        yield f"column underlying: {len(underlyings)} underlyings, must be one"
    if len(days) > 1:
        yield f"column ts: {len(days)} trading dates, must be one"
    if len(moments) < 2:
        yield "column ts: one snapshot only, so no cadence can be told"
    repeated = int(np.count_nonzero((np.diff(rows["ts_us"]) == 0) & (np.diff(rows.contract_key) == 0)))
    if repeated:
        row = rows.first_duplicate() or 0
        yield (
            f"{repeated} rows repeat a contract within a snapshot, first at "
            f"{ist_time(int(rows['ts_us'][row])).isoformat()}, strike {rows['strike'][row]:.0f}"
        )


def _gaps(moments: Column, cadence_s: float | None) -> Iterator[Gap]:
    if cadence_s is None:
        return
    steps_s = np.diff(moments) / 1e6
    for i in np.flatnonzero(steps_s > GAP_CADENCES * cadence_s):
        yield Gap(
            start=ist_time(int(moments[i])), end=ist_time(int(moments[i + 1])), seconds=float(steps_s[i])
        )


def _expiries(rows: ChainRows, no_bid: Column, no_ask: Column) -> Iterator[ExpirySummary]:
    for day in np.unique(rows["expiry_day"]):
        of_expiry = rows["expiry_day"] == day
        strikes = np.unique(rows["strike"][of_expiry])
        yield ExpirySummary(
            expiry=expiry_date(int(day)),
            rows=int(np.count_nonzero(of_expiry)),
            strikes=len(strikes),
            strike_min=float(strikes[0]),
            strike_max=float(strikes[-1]),
            missing_bid_share=float(no_bid[of_expiry].mean()),
            missing_ask_share=float(no_ask[of_expiry].mean()),
        )


# How often a snapshot lists other contracts than the one before it.
def _listing_changes(rows: ChainRows) -> int:
    keys = rows.contract_key
    listed = [keys[start:end] for start, end in pairwise(rows.snapshot_bounds().tolist())]
    return sum(not np.array_equal(a, b) for a, b in pairwise(listed))
