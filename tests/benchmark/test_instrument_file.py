"""What the daily instrument file costs: a checked master of it against unpacking and reading it at all."""

from __future__ import annotations

import gzip
import json
import statistics
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.sample_texts import OPTION_ROW, STOCK_ROW
from tests.benchmark.ratios import IS_STRICT, machine, median_s
from tests.fakes import NIFTY
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.times import expiry_ms

pytestmark = pytest.mark.benchmark

ROWS, DERIVATIVES = 100_000, 60_000
EXPIRIES, STRIKES = 18, 150
RUNS, PAIRS = 3, 3
RATE_SHARE_MIN = 0.5


def file_rows() -> list[dict[str, Any]]:
    """A file like the exchange's: options of ours, of two hundred other underlyings, and stocks."""
    option, stock = json.loads(OPTION_ROW), json.loads(STOCK_ROW)
    ours = [
        {
            "instrument_type": right,
            "strike_price": 20000.0 + 50 * strike,
            "expiry": expiry_ms(date(2026, 9, 22) + timedelta(weeks=week)),
        }
        for week in range(EXPIRIES)
        for strike in range(STRIKES)
        for right in ("CE", "PE")
    ]
    others = [
        {"underlying_key": f"NSE_EQ|X{n % 200}", "asset_key": f"NSE_EQ|X{n % 200}"}
        for n in range(DERIVATIVES - len(ours))
    ]
    rows = [{**option, **changes} for changes in (*ours, *others)]
    rows += [dict(stock) for _ in range(ROWS - len(rows))]
    return [{**row, "instrument_key": f"{row['segment']}|{number}"} for number, row in enumerate(rows)]


def test_a_checked_master_costs_little_more_than_reading_the_file() -> None:
    """Of 100,000 rows ours are checked field by field; the rest is passed over."""
    packed = gzip.compress(json.dumps(file_rows(), separators=(",", ":")).encode())

    def master() -> InstrumentMaster:
        return InstrumentMaster.of(packed, underlying=NIFTY, source="NSE.json.gz")

    def plain() -> Any:
        return msgspec.json.decode(gzip.decompress(packed))

    pairs = [(median_s(plain, RUNS), median_s(master, RUNS)) for _ in range(PAIRS)]
    middle = statistics.median(plain_s / master_s for plain_s, master_s in pairs)
    print(f"\n{machine()}; {ROWS} rows, {len(packed) / 1e6:.1f} MB packed")
    print(f"a master takes {statistics.median(master_s for _, master_s in pairs):.2f} s")
    print(f"rate against plain reading: median {middle:.2f}, aim at least {RATE_SHARE_MIN}")
    assert len(master().options) == EXPIRIES * STRIKES * 2
    assert not IS_STRICT or middle >= RATE_SHARE_MIN
