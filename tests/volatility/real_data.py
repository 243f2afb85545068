"""Real history beside the project, as the volatility functions take it; absent files skip the test."""

from __future__ import annotations

import csv
import gzip
from datetime import date
from functools import lru_cache
from pathlib import Path

import pytest

from volguard.adapters.history import FileHistory
from volguard.model.market import DailyBar

DATA = Path(__file__).parents[3] / "shared" / "data"
AFTER_ALL = date(2026, 1, 1)


def real_file(name: str) -> Path:
    """The path of a data file, or a skip that names it."""
    if not (DATA / name).exists():
        pytest.skip(f"{name} is not beside the project")
    return DATA / name


@lru_cache(maxsize=4)
def daily(name: str) -> tuple[DailyBar, ...]:
    """Daily bars of an index from 2010 (India VIX from 2012) to 2025."""
    return FileHistory(real_file(f"{name.lower()}_daily.csv.gz").parent).daily(name, AFTER_ALL)


def rows_of(name: str) -> list[dict[str, str]]:
    """Lines of a compressed CSV file by column name."""
    with gzip.open(real_file(name), "rt", newline="") as file:
        return list(csv.DictReader(file))
