"""Rows of a chain file as equally long columns: their order, their times, which values are impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.units import IST

Column = NDArray[Any]

PRICES: Final = ("bid", "ask", "ltp", "iv")
QUANTITIES: Final = ("bid_qty", "ask_qty", "volume", "oi")
NO_TIME: Final = np.iinfo(np.int64).min  # a quote without a time of its own
STRIKE_MAX: Final = 2**20 - 1  # a contract must fit one sortable integer
EPOCH_IST: Final = datetime(1970, 1, 1, 5, 30, tzinfo=IST)
EPOCH_DAY: Final = date(1970, 1, 1)
FILE_NAMES: Final = {"expiry_day": "expiry", "quote_ts_us": "quote_ts"}  # where ours differ from the file's


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRows:
    """Equally long columns: `ts_us`, `expiry_day` (both since 1970), `strike`, `is_put`, prices, quantities,
    and the optional ones where the file has them."""

    columns: Mapping[str, Column]

    def __len__(self) -> int:
        return len(self.columns["ts_us"])

    def __getitem__(self, name: str) -> Column:
        return self.columns[name]

    def take(self, rows: Column | slice) -> ChainRows:
        """The given rows of every column."""
        return ChainRows(columns={name: column[rows] for name, column in self.columns.items()})

    @property
    def contract_key(self) -> Column:
        """One integer per row that sorts as (expiry, strike, call before put)."""
        strike = self["strike"].astype(np.int64)
        key: Column = (((self["expiry_day"] << 20) | strike) << 1) | self["is_put"]
        return key

    @property
    def is_sorted(self) -> bool:
        """Rows ascend strictly by (ts, contract): sorted, and no contract twice in a snapshot."""
        step, key_step = np.diff(self["ts_us"]), np.diff(self.contract_key)
        return bool(np.all((step > 0) | ((step == 0) & (key_step > 0))))

    def sorted(self) -> ChainRows:
        """The same rows by (ts, expiry, strike, call before put); itself where they already are."""
        return self if self.is_sorted else self.take(np.lexsort((self.contract_key, self["ts_us"])))

    def first_duplicate(self) -> int | None:
        """Of sorted rows, the first that repeats the contract and time of the row before it."""
        same = (np.diff(self["ts_us"]) == 0) & (np.diff(self.contract_key) == 0)
        return int(same.argmax()) + 1 if same.any() else None

    def snapshot_bounds(self) -> Column:
        """Of rows sorted by time, where each snapshot starts, and the end."""
        bounds: Column = np.r_[0, np.flatnonzero(np.diff(self["ts_us"])) + 1, len(self)]
        return bounds


def joined(parts: Sequence[ChainRows]) -> ChainRows:
    """All rows of several parts, in their order."""
    if len(parts) == 1:
        return parts[0]
    names = parts[0].columns
    return ChainRows(columns={name: np.concatenate([part[name] for part in parts]) for name in names})


def ist_time(ts_us: int) -> datetime:
    """A time of the file, timezone-aware IST."""
    return EPOCH_IST + timedelta(microseconds=ts_us)


def expiry_date(day: int) -> date:
    """A date of the file."""
    return EPOCH_DAY + timedelta(days=day)


def trading_days_of(ts_us: Column) -> Column:
    """The IST calendar day of each time, as days since 1970."""
    return (ts_us + 19_800_000_000) // 86_400_000_000


def distinct_times(ts_us: Column) -> Column:
    """The times of a file, ascending, each once."""
    changed = np.r_[True, np.diff(ts_us) != 0] if len(ts_us) else np.zeros(0, dtype=bool)
    return np.unique(ts_us[changed])


def faults(rows: ChainRows) -> Iterator[str]:
    """Values that no chain can have: column by column, the first such row (counted in the group) of each."""
    for column, bad, what in _rules(rows):
        if bad.any():
            row = int(bad.argmax())
            name = FILE_NAMES.get(column, column)
            yield f"column {name}: {what} in row {row} of the group ({rows[column][row]})"


def _rules(rows: ChainRows) -> Iterator[tuple[str, Column, str]]:
    strike = rows["strike"]
    yield "strike", ~((strike > 0) & (strike <= STRIKE_MAX)), "impossible strike"
    yield "strike", strike != np.floor(strike), "strike that is no whole number"
    for name in PRICES:
        yield name, ~np.isfinite(rows[name]), "no number"
        yield name, rows[name] < 0, "negative value"
    for name in QUANTITIES:
        yield name, rows[name] < 0, "negative quantity"
    yield "expiry_day", rows["expiry_day"] < trading_days_of(rows["ts_us"]), "expiry before the trading date"
    if "quote_ts_us" in rows.columns:
        yield "quote_ts_us", rows["quote_ts_us"] > rows["ts_us"], "quote time later than its snapshot"
    for name in ("underlying_ltp", "vix"):
        if name in rows.columns:
            yield name, rows[name] < 0, "negative value"
