"""A chain file of a few rows, as small as a session accepts one."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from volguard.model.units import IST

STRIKES = (24400, 24450, 24500, 24550, 24600)
SNAPSHOTS = 3


def write_chain(path: Path, *, day: date, expiry: date, without: Collection[str] = ()) -> Path:
    """Write a file of one expiry, one minute apart from 09:20, without some columns."""
    opened = datetime.combine(day, time(9, 20), tzinfo=IST)
    rows = [
        (opened + timedelta(minutes=minute), strike, kind)
        for minute in range(SNAPSHOTS)
        for strike in STRIKES
        for kind in ("CE", "PE")
    ]
    count = len(rows)
    columns = {
        "ts": pa.array([ts for ts, _, _ in rows], pa.timestamp("us", "Asia/Kolkata")),
        "underlying": pa.array(["NIFTY"] * count),
        "expiry": pa.array([expiry] * count, pa.date32()),
        "strike": pa.array([strike for _, strike, _ in rows], pa.int32()),
        "option_type": pa.array([kind for _, _, kind in rows]),
        "bid": pa.array([100.0] * count),
        "bid_qty": pa.array([75] * count, pa.int64()),
        "ask": pa.array([100.5] * count),
        "ask_qty": pa.array([75] * count, pa.int64()),
        "ltp": pa.array([100.0] * count),
        "volume": pa.array([10] * count, pa.int64()),
        "oi": pa.array([10] * count, pa.int64()),
        "iv": pa.array([10.0] * count),
    }
    pq.write_table(pa.table({k: v for k, v in columns.items() if k not in without}), path)
    return path
