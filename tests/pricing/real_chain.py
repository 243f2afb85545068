"""Snapshots of the recorded day as the pricing functions take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray, Listing
from volguard.pricing.daycount import years_to_expiry

REAL = Path(__file__).parents[3] / "shared" / "data" / "nifty_chain_2025-08-29.parquet"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealSnapshot:
    """`years` per expiry; a zero bid or ask of the file is nan."""

    listing: Listing
    bid: FloatArray
    ask: FloatArray
    years: FloatArray


def real_snapshots(every: int) -> Iterator[RealSnapshot]:
    """Every n-th snapshot of the day, from the first."""
    columns = ["ts", "expiry", "strike", "option_type", "bid", "ask"]
    frame = pd.read_parquet(REAL, columns=columns)
    frame["expiry"] = pd.to_datetime(frame["expiry"])
    frame["is_call"] = (frame["option_type"] == "CE").to_numpy()
    times = frame["ts"].drop_duplicates().sort_values().iloc[::every]
    for ts in times:
        rows = frame[frame["ts"] == ts].sort_values(["expiry", "strike", "option_type"])
        yield _snapshot(ts, rows)


def _snapshot(ts: pd.Timestamp, rows: pd.DataFrame) -> RealSnapshot:
    expiry, counts = np.unique(rows["expiry"].to_numpy(), return_counts=True)
    dates = [pd.Timestamp(day) for day in expiry]
    closes = [(day + pd.Timedelta("15:30:00")).tz_localize("Asia/Kolkata") for day in dates]
    listing = Listing(
        underlying=Underlying("NIFTY"),
        expiries=tuple(day.date() for day in dates),
        offsets=np.concatenate(([0], np.cumsum(counts))),
        strike=rows["strike"].to_numpy(dtype=np.float64),
        is_call=rows["is_call"].to_numpy(copy=True),
    )
    bid, ask = (rows[name].where(rows[name] > 0.0).to_numpy(copy=True) for name in ("bid", "ask"))
    seconds = np.array([(close - ts).total_seconds() for close in closes])
    return RealSnapshot(listing=listing, bid=bid, ask=ask, years=years_to_expiry(seconds))
