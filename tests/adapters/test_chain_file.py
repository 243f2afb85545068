"""Inspecting a chain file tells what it holds and what a session would refuse it for."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from volguard.adapters.chain_file import inspect_chain
from volguard.model.errors import DataError
from volguard.model.units import IST

REAL = Path(__file__).parents[3] / "shared" / "data" / "nifty_chain_2025-08-29.parquet"
START = datetime(2025, 8, 29, 9, 15, tzinfo=IST)


def small_chain(**changes: Any) -> pa.Table:
    """Six snapshots a minute apart but for one pause of ten minutes, one strike, both rights."""
    minutes = [0, 1, 2, 12, 13, 14]
    columns: dict[str, Any] = {
        "ts": pa.array(
            [START + timedelta(minutes=m) for m in minutes for _ in "CP"], pa.timestamp("us", "Asia/Kolkata")
        ),
        "underlying": ["NIFTY"] * 12,
        "expiry": pa.array([date(2025, 9, 2)] * 12, pa.date32()),
        "strike": [24500] * 12,
        "option_type": ["CE", "PE"] * 6,
        "bid": [10.0] * 12,
        "bid_qty": [75] * 12,
        "ask": [10.5] * 12,
        "ask_qty": [75] * 12,
        "ltp": [10.0] * 12,
        "volume": [0] * 12,
        "oi": [0] * 12,
        "iv": [9.0] * 12,
    }
    return pa.table(columns | changes)


def written(path: Path, table: pa.Table) -> Path:
    pq.write_table(table, path)
    return path


def test_a_sound_file_has_no_problems_and_its_pauses_are_told(tmp_path: Path) -> None:
    summary = inspect_chain(written(tmp_path / "a.parquet", small_chain()))
    assert summary.problems == ()
    assert (summary.rows, summary.snapshots, summary.cadence_s) == (12, 6, 60.0)
    assert [(gap.start, gap.seconds) for gap in summary.gaps] == [(START + timedelta(minutes=2), 600.0)]
    assert (summary.quantity_unit, summary.listing_changes, summary.crossed_quotes) == ("lots", 0, 0)


def test_missing_and_crossed_quotes_are_counted(tmp_path: Path) -> None:
    table = small_chain(bid=[0.0, 0.0, 0.0, 11.0, *[10.0] * 8], ask=[10.5] * 11 + [0.0])
    summary = inspect_chain(written(tmp_path / "a.parquet", table))
    assert summary.missing_bid_share == pytest.approx(0.25)
    assert summary.expiries[0].missing_ask_share == pytest.approx(1 / 12)
    assert summary.crossed_quotes == 1


def test_every_problem_is_listed_not_only_the_first(tmp_path: Path) -> None:
    table = small_chain(
        bid=[-1.0, *[10.0] * 11], oi=[-5, *[0] * 11], option_type=["CE", "CE", *["CE", "PE"] * 5]
    )
    summary = inspect_chain(written(tmp_path / "a.parquet", table))
    assert len(summary.problems) == 3
    assert "row group 0, column bid: negative value in row 0" in summary.problems[0]
    assert "column oi" in summary.problems[1]
    assert "1 rows repeat a contract within a snapshot" in summary.problems[2]


def test_a_torn_file_cannot_be_inspected(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", small_chain())
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="not a whole Parquet file"):
        inspect_chain(path)


@pytest.mark.skipif(not REAL.exists(), reason="the real chain file is not beside the project")
def test_the_real_day_shows_its_missing_quotes_and_its_hole() -> None:
    summary = inspect_chain(REAL)
    assert (summary.rows, summary.snapshots, len(summary.expiries)) == (446_132, 292, 18)
    assert summary.missing_bid_share == pytest.approx(0.15, abs=0.01)
    assert summary.missing_ask_share == pytest.approx(0.20, abs=0.01)
    assert max(gap.seconds for gap in summary.gaps) == 1110.0
    assert (summary.strike_min, summary.strike_max) == (12_000.0, 31_000.0)
    assert summary.listing_changes == 1
    assert summary.problems == ()
