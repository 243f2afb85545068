"""A chain through recorded days: thinned rows, percentiles that say what they are of, refusals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.chains import FORWARD, MONTHLY, NOW, SIGMA, WEEKLY, at, flat_vol_snapshot, with_column
from tests.fakes import shipped
from volguard.model.errors import DataError, UsageError
from volguard.model.market import ChainSnapshot
from volguard.operations.chain_history import OBSERVATIONS_MIN, history_document, thinned

NEXT_DAY = at("2025-09-04 11:00")


def write_day(path: Path, snapshots: Sequence[ChainSnapshot], underlying: str = "NIFTY") -> Path:
    """Snapshots as the file of a recorded day; quantities of one lot each."""
    tables = [_table(snapshot, underlying) for snapshot in snapshots]
    pq.write_table(pa.concat_tables(tables), path)
    return path


def _table(snapshot: ChainSnapshot, underlying: str) -> pa.Table:
    listing, rows = snapshot.listing, len(snapshot.listing)
    ones = pa.array(np.ones(rows, dtype=np.int64))
    return pa.table(
        {
            "ts": pa.array([snapshot.ts] * rows, pa.timestamp("us", "Asia/Kolkata")),
            "underlying": [underlying] * rows,
            "expiry": pa.array([listing.expiries[i] for i in listing.expiry_index], pa.date32()),
            "strike": listing.strike.astype(np.int32),
            "option_type": np.where(listing.is_call, "CE", "PE"),
            "bid": np.nan_to_num(snapshot.bid),
            "bid_qty": ones,
            "ask": np.nan_to_num(snapshot.ask),
            "ask_qty": ones,
            "ltp": np.nan_to_num(snapshot.ltp),
            "volume": ones,
            "oi": ones,
            "iv": np.zeros(rows),
        }
    )


def minutes(*after: int, sigma: float = SIGMA) -> list[ChainSnapshot]:
    """A flat chain at 11:00 and so many minutes."""
    return [flat_vol_snapshot(NOW + timedelta(minutes=minute), sigma=sigma) for minute in after]


def history(*files: Path, every_min: int = 15, expiry: date | None = None, heard: Any = None) -> Any:
    tell = (lambda _: None) if heard is None else heard.append
    return history_document(files, every_min=every_min, expiry=expiry, settings=shipped(), tell=tell)


# --- thinning ----------------------------------------------------------------------------------------


def clock(snapshots: Iterable[ChainSnapshot]) -> list[str]:
    return [f"{snapshot.ts:%H:%M}" for snapshot in snapshots]


def test_the_first_snapshot_of_each_quarter_of_an_hour_and_the_last_of_the_day_are_kept() -> None:
    day = minutes(3, 7, 14, 16, 29, 47, 52)
    assert clock(thinned(day, 15)) == ["11:03", "11:16", "11:47", "11:52"]
    assert clock(thinned(day[:-1], 15)) == ["11:03", "11:16", "11:47"]
    assert list(thinned([], 15)) == []


@given(
    after=st.lists(st.integers(0, 200), min_size=1, max_size=12, unique=True).map(sorted),
    every=st.integers(1, 90),
)
def test_thinning_keeps_order_ends_and_at_most_one_per_stretch_beside_the_last(
    after: list[int], every: int
) -> None:
    snapshot = flat_vol_snapshot()
    day = [with_time(snapshot, minute) for minute in after]
    kept = list(thinned(day, every))
    times = [one.ts for one in kept]
    assert times == sorted(set(times)) and times[0] == day[0].ts and times[-1] == day[-1].ts
    stretches = [(60 * ts.hour + ts.minute) // every for ts in times]
    assert len(set(stretches)) >= len(stretches) - 1
    assert set(stretches) == {(60 * one.ts.hour + one.ts.minute) // every for one in day}


def with_time(snapshot: ChainSnapshot, minute: int) -> ChainSnapshot:
    return replace(snapshot, ts=NOW + timedelta(minutes=minute))


# --- rows --------------------------------------------------------------------------------------------


def test_a_flat_chain_has_its_volatility_at_every_time_and_no_skew(tmp_path: Path) -> None:
    document = history(write_day(tmp_path / "day.parquet", minutes(0, 10, 20, 40)))
    assert document["schema"] == "volguard.chain-history/1"
    assert [row["ts"][11:16] for row in document["rows"]] == ["11:00", "11:20", "11:40"]
    for row in document["rows"]:
        assert row["expiry"] == WEEKLY.isoformat()
        assert row["atm_iv"] == pytest.approx(SIGMA, abs=3e-4)
        assert row["risk_reversal"] == pytest.approx(0.0, abs=1e-3)
        assert row["butterfly"] == pytest.approx(0.0, abs=1e-3)
        flat_move = SIGMA * math.sqrt(row["days"] / 365.0 * 2.0 / math.pi)
        assert row["expected_move"] == pytest.approx(flat_move, rel=0.01)
        assert row["straddle"] == pytest.approx(row["expected_move"] * row["forward"], rel=1e-6)
        assert row["term_shape"] == "FLAT"
        assert row["vix"] is None and "no model-free VIX" in row["missing"][-1]
    json.dumps(document, allow_nan=False)


def test_an_expiry_may_be_named(tmp_path: Path) -> None:
    file = write_day(tmp_path / "day.parquet", minutes(0, 20))
    rows = history(file, expiry=MONTHLY)["rows"]
    assert {row["expiry"] for row in rows} == {MONTHLY.isoformat()}
    assert rows[0]["straddle"] > history(file)["rows"][0]["straddle"]
    with pytest.raises(UsageError, match=r"day.parquet: expiry 2025-09-16 is not listed; listed are 2025"):
        history(file, expiry=date(2025, 9, 16))


def test_a_chain_without_bids_is_a_row_of_absent_figures_with_their_reasons(tmp_path: Path) -> None:
    good, bad = minutes(0, 20)
    bad = with_column(bad, bid=np.full(len(bad.bid), math.nan))
    document = history(write_day(tmp_path / "day.parquet", [good, bad]))
    last = document["rows"][-1]
    absent = ("forward", "atm_iv", "risk_reversal", "butterfly", "straddle", "expected_move", "vix")
    assert [last[name] for name in absent] == [None] * len(absent)
    assert "no forward" in last["missing"] and last["term_shape"] == "UNKNOWN"
    assert document["last"]["atm_iv"]["missing"] == "the last snapshot has none"


def test_days_come_in_date_order_whatever_the_order_of_the_files(tmp_path: Path) -> None:
    first = write_day(tmp_path / "b.parquet", minutes(0, 20))
    later = [flat_vol_snapshot(NEXT_DAY), flat_vol_snapshot(NEXT_DAY + timedelta(minutes=20))]
    second = write_day(tmp_path / "a.parquet", later)
    heard: list[str] = []
    document = history(second, first, heard=heard)
    assert [day["file"] for day in document["days"]] == ["b.parquet", "a.parquet"]
    times = [row["ts"] for row in document["rows"]]
    assert len(times) == 4 and times == sorted(times)
    assert heard[0] == "a.parquet, 2025-09-04 11:00" and len(heard) == 4
    assert document == history(first, second)


def test_a_day_given_twice_and_another_underlying_are_refused(tmp_path: Path) -> None:
    file = write_day(tmp_path / "day.parquet", minutes(0, 20))
    with pytest.raises(DataError, match=r"is of 2025-09-03, and so is day.parquet"):
        history(file, file)
    other = write_day(tmp_path / "bank.parquet", minutes(0, 20), underlying="BANKNIFTY")
    with pytest.raises(DataError, match="holds BANKNIFTY, the settings trade NIFTY") as refused:
        history(other)
    assert refused.value.hint == "--set market.underlying=BANKNIFTY"


# --- percentiles -------------------------------------------------------------------------------------


def rising(count: int, last: float) -> list[ChainSnapshot]:
    """So many volatilities from 12 % upwards in steps of half a point, then the last one."""
    sigma = [0.12 + 0.005 * step for step in range(count)] + [last]
    return [flat_vol_snapshot(NOW + timedelta(minutes=minute), sigma=one) for minute, one in enumerate(sigma)]


def test_the_percentile_is_of_the_last_value_among_the_earlier_ones(tmp_path: Path) -> None:
    """Twenty earlier volatilities of 12 to 21.5 %, of which five lie below the last one of 14.25 %."""
    file = write_day(tmp_path / "day.parquet", rising(OBSERVATIONS_MIN, 0.1425))
    document = history(file, every_min=1)
    level = document["last"]["atm_iv"]
    assert level["observations"] == 20 and level["percentile"] == 25.0 and level["missing"] is None
    assert level["value"] == document["rows"][-1]["atm_iv"] == pytest.approx(0.1425, abs=3e-4)
    # Linear between order statistics: positions 1.9, 9.5 and 17.1 of the twenty.
    assert level["band"] == pytest.approx({"p10": 0.1295, "p50": 0.1675, "p90": 0.2055}, abs=3e-4)
    assert "earlier values shown here" in document["percentile_of"]


def test_below_twenty_earlier_values_there_is_no_percentile_and_no_band(tmp_path: Path) -> None:
    file = write_day(tmp_path / "day.parquet", rising(OBSERVATIONS_MIN - 1, 0.1425))
    for standing in history(file, every_min=1)["last"].values():
        assert standing["percentile"] is None and standing["band"] is None
        assert standing["missing"] == "19 observations, needs 20"


def test_absent_values_are_no_observations(tmp_path: Path) -> None:
    day = rising(OBSERVATIONS_MIN, 0.1425)
    day[3] = with_column(day[3], bid=np.full(len(day[3].bid), math.nan))
    level = history(write_day(tmp_path / "day.parquet", day), every_min=1)["last"]["atm_iv"]
    assert level["missing"] == "19 observations, needs 20"


def test_the_forward_is_that_of_the_chain(tmp_path: Path) -> None:
    rows = history(write_day(tmp_path / "day.parquet", minutes(0, 20)))["rows"]
    assert all(row["forward"] == pytest.approx(FORWARD, abs=0.5) for row in rows)
