"""The clearing corporation's own price scans follow from NSE's volatility file and the dated rule."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from tests.volatility.real_data import rows_of
from volguard.measure.margin_price_scan import PublishedScans, ScanErrors, price_scan_errors
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.nse.margin_rules import MarginRules, MarginTables

CONFIG = Path(__file__).parents[2] / "config" / "margin.toml"
RULES = MarginRules(msgspec.convert(tomllib.loads(CONFIG.read_text()), MarginTables))
RESTART = date(2020, 6, 1)  # the file's sigma of the session before is still of the old lambda
SYMBOLS = ["NIFTY", "BANKNIFTY"]


def by_day(name: str, symbol: str) -> dict[date, dict[str, str]]:
    return {date.fromisoformat(row["date"]): row for row in rows_of(name) if row["symbol"] == symbol}


@lru_cache(maxsize=2)
def published(symbol: str) -> tuple[PublishedScans, np.ndarray]:
    """Scans with the close and sigma of the session before, and the file's volatility scans."""
    volatility, scans = by_day("nse_volatility.csv.gz", symbol), by_day("span_price_scan.csv.gz", symbol)
    days = [(before, day) for before, day in pairwise(sorted(volatility)) if day in scans]
    return PublishedScans(
        underlying=Underlying(symbol),
        days=[day for _, day in days],
        level=np.array([float(volatility[day]["spot_prev"]) for _, day in days]),
        sigma_daily=np.array([float(volatility[before]["sigma_applicable"]) for before, _ in days]),
        price_scan=np.array([float(scans[day]["price_scan"]) for _, day in days]),
    ), np.array([float(scans[day]["vol_scan"]) for _, day in days])


@lru_cache(maxsize=2)
def errors(symbol: str) -> dict[int, ScanErrors]:
    return {row.year: row for row in price_scan_errors(published(symbol)[0], RULES)}


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("year", range(2012, 2019))
def test_until_2018_the_scan_is_within_three_percent_and_mostly_within_a_third_of_one(
    symbol: str, year: int
) -> None:
    """The level under the scan was then that of a future; the file has only the index."""
    of = errors(symbol)[year]
    assert of.median < 0.0033 and of.percentile_99 < 0.013 and of.worst < 0.031


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("year", [2019, 2021, 2022, 2023, 2024, 2025])
def test_since_2019_the_scan_is_reproduced_to_the_rounding_of_sigma(symbol: str, year: int) -> None:
    of = errors(symbol)[year]
    assert of.days > 240
    assert of.worst < 0.0045


@pytest.mark.parametrize("symbol", SYMBOLS)
@pytest.mark.parametrize("year", [2024, 2025])
def test_at_the_floor_it_is_exact(symbol: str, year: int) -> None:
    assert errors(symbol)[year].worst < 1e-5


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_in_2020_only_the_day_of_the_new_lambda_stands_out(symbol: str) -> None:
    of = errors(symbol)[2020]
    assert of.worst_day == RESTART and of.worst > 0.2
    assert of.percentile_99 < 0.0035


@pytest.mark.parametrize("symbol", SYMBOLS)
def test_the_volatility_scan_is_reproduced_to_the_two_digits_of_the_file(symbol: str) -> None:
    scans, vol_scan = published(symbol)
    checked = 0
    for day, sigma, stated in zip(scans.days, scans.sigma_daily.tolist(), vol_scan.tolist(), strict=True):
        if day.year >= 2019 and day != RESTART:
            ours = RULES.on(scans.underlying, day).vol_scan.points(sigma_daily=sigma)
            assert abs(ours - stated) <= 0.0053, day
            checked += 1
    assert checked > 1700


def test_a_day_before_the_table_and_an_unknown_sigma_are_refused() -> None:
    one = PublishedScans(
        underlying=Underlying("NIFTY"),
        days=[date(2025, 1, 2)],
        level=np.array([24_000.0]),
        sigma_daily=np.array([0.008]),
        price_scan=np.array([2232.0]),
    )
    (row,) = price_scan_errors(one, RULES)
    assert row.worst == pytest.approx(0.0, abs=1e-12) and (row.year, row.days) == (2025, 1)
    with pytest.raises(DateNotCovered, match="NIFTY on 2012-07-04"):
        price_scan_errors(replace(one, days=[date(2012, 7, 4)]), RULES)
    with pytest.raises(ValueError, match="price scan of 2025-01-02 has no error"):
        price_scan_errors(replace(one, sigma_daily=np.array([math.nan])), RULES)
