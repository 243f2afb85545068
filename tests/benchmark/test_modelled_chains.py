"""Modelled chains against the bare pricing of their rows, in one run. Printed with `pytest -s`."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from tests.backtest.modelled import chains, clock, state_of
from tests.benchmark.ratios import hold, median_s
from tests.chains import shipped_rules
from volguard.pricing.black76 import price

pytestmark = pytest.mark.benchmark

RUNS = 5
LEVEL = 18_000.0


def test_chains_of_years_of_days_cost_a_few_pricings() -> None:
    """Listing, smile, prices, touch and sizes of 81 strikes x 2 expiries x 987 days: 10 bare pricings."""
    days = shipped_rules().calendar.trading_days(date(2021, 1, 1), date(2024, 12, 31))
    made, times, state = chains(), [clock().close(day) for day in days], state_of(LEVEL, count=len(days))
    rows = len(days) * 81 * 2 * 2
    strike = np.tile(np.arange(16_000.0, 20_001.0, 50.0), rows // 81)
    is_call = np.resize([True, False], rows)

    def whole() -> object:
        return made.snapshots(times, state, [made.listing(day, LEVEL) for day in days])

    taken = median_s(whole, RUNS)
    bare = median_s(lambda: price(LEVEL, strike, 8.0 / 365.0, 0.15, is_call, 1.0), RUNS)
    print(f"\nmodelled chains: {rows:,} rows, {rows / taken / 1e6:.2f} million rows a second")
    hold("modelled chains / Black-76 prices of as many rows", [taken / bare], 10.0)
