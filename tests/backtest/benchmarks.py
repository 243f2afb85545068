"""Records that the statistics are measured on: buy and hold, a simple short straddle, and a small one.

Standard library, numpy and our pricing alone, so that it also runs where the library to compare with lives.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.pricing.black76 import price

DATA: Final = Path(__file__).parents[3] / "shared" / "data"
FROZEN: Final = Path(__file__).with_name("quantstats_figures.json")
FILES: Final = ("nifty_daily.csv.gz", "india_vix_daily.csv.gz")
FIRST, LAST = date(2012, 1, 1), date(2025, 12, 31)
STRADDLE_DAYS: Final = 7.0
NAMES: Final = ("kept", "buy_and_hold", "short_straddle")


@dataclass(frozen=True)
class Series:
    """Returns of sessions, decimal, (n,)."""

    days: tuple[date, ...]
    returns: FloatArray

    @property
    def digest(self) -> str:
        """Tells whether these are the returns that figures were made from: ten decimals of each."""
        text = "\n".join(f"{day} {value:.10f}" for day, value in zip(self.days, self.returns, strict=True))
        return hashlib.sha256(text.encode()).hexdigest()


@lru_cache(maxsize=4)
def series(name: str) -> Series:
    """One of NAMES. FileNotFoundError where the data beside the project are absent."""
    return {"kept": _kept, "buy_and_hold": _buy_and_hold, "short_straddle": _short_straddle}[name]()


def frozen() -> dict[str, Any]:
    """The figures of the library, the version they come from, and the small record."""
    document: dict[str, Any] = json.loads(FROZEN.read_text())
    return document


def _kept() -> Series:
    rows = frozen()["kept_returns"]
    return Series(tuple(date.fromisoformat(day) for day in rows), np.array(list(rows.values())))


def _closes(name: str) -> dict[date, float]:
    with gzip.open(DATA / name, "rt", newline="") as file:
        rows = [(date.fromisoformat(row["date"]), float(row["close"])) for row in csv.DictReader(file)]
    return {day: close for day, close in rows if FIRST <= day <= LAST}


def _buy_and_hold() -> Series:
    closes = _closes(FILES[0])
    level = np.array(list(closes.values()))
    return Series(tuple(closes)[1:], level[1:] / level[:-1] - 1.0)


def _short_straddle() -> Series:
    # Each close: sell the straddle at the money with seven days left at India VIX, buy it back at the next
    # close at the India VIX of then. The return is on the level of the index; a day without VIX is left out.
    nifty, vix = _closes(FILES[0]), _closes(FILES[1])
    days = [day for day in nifty if day in vix]
    level, sigma = (np.array([of[day] for day in days]) for of in (nifty, vix))
    passed = np.diff(np.array([day.toordinal() for day in days], dtype=np.float64))
    sold = _straddle(level[:-1], level[:-1], STRADDLE_DAYS, sigma[:-1] / 100.0)
    bought = _straddle(level[1:], level[:-1], np.maximum(STRADDLE_DAYS - passed, 0.0), sigma[1:] / 100.0)
    return Series(tuple(days[1:]), (sold - bought) / level[:-1])


def _straddle(
    forward: FloatArray, strike: FloatArray, days: FloatArray | float, sigma: FloatArray
) -> FloatArray:
    years = np.asarray(days) / 365.0
    return price(forward, strike, years, sigma, True, 1.0) + price(forward, strike, years, sigma, False, 1.0)
