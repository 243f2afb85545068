"""Daily history as files, cut from the real one beside the project; absent data skips the test."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

from tests.volatility.real_data import daily
from volguard.model.market import DailyBar

FIRST, LAST = date(2022, 3, 1), date(2023, 7, 10)  # too few sessions for a fit by June 2023: quick


def write_history(
    folder: Path,
    *,
    first: date = FIRST,
    index_without: date | None = None,
    vix_without: date | None = None,
    spoilt: date | None = None,
) -> Path:
    """The folder, with the real index and VIX up to July 2023 as files: a day left out, or a bad one."""
    for name, left_out in (("NIFTY", index_without), ("INDIA_VIX", vix_without)):
        bars = [bar for bar in daily(name) if first <= bar.day <= LAST]
        with (folder / f"{name.lower()}_daily.csv").open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("date", "open", "high", "low", "close"))
            writer.writerows(_row(bar, spoilt) for bar in bars if bar.day != left_out)
    return folder


def _row(bar: DailyBar, spoilt: date | None) -> tuple[object, ...]:
    if bar.day == spoilt or bar.open is None:
        return bar.day.isoformat(), 0, 0, 0, bar.close
    return bar.day.isoformat(), bar.open, bar.high, bar.low, bar.close
