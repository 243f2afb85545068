"""What a session saw and wrote can be taken out in the forms of others."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.adapters.journal_samples import STARTED, TS, small_snapshot, written
from volguard.adapters.journal_export import export_csv, export_jsonl, export_parquet
from volguard.adapters.replay import ReplayMarket
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.errors import DataError
from volguard.model.event import MarketSnapshot
from volguard.model.market import COLUMNS


def test_the_recorded_chains_are_a_chain_file_in_units_and_percent(tmp_path: Path) -> None:
    out = tmp_path / "day.parquet"
    assert export_parquet(written(tmp_path / "a.db"), out) == 3
    table = pq.read_table(out)
    assert table.schema.metadata[b"quantity_unit"] == b"units"
    assert table.column_names == [
        *("ts", "underlying", "expiry", "strike", "option_type", "bid", "bid_qty", "ask", "ask_qty"),
        *("ltp", "volume", "oi", "iv"),
    ]
    assert table.num_rows == 36 and table["ts"].to_pylist()[0] == TS
    assert table["option_type"].to_pylist()[:2] == ["CE", "PE"]
    first = small_snapshot(0)
    np.testing.assert_array_equal(table["bid"].to_numpy()[:12], np.nan_to_num(first.bid))
    np.testing.assert_array_equal(table["iv"].to_numpy()[:12] / 100.0, first.vendor_iv)
    np.testing.assert_array_equal(table["volume"].to_numpy()[:12], first.volume)
    assert not out.with_name("day.parquet.part").exists()


def test_what_was_recorded_can_be_replayed_to_the_last_bit(tmp_path: Path) -> None:
    export_parquet(written(tmp_path / "a.db"), tmp_path / "day.parquet")
    replayed = list(ReplayMarket(tmp_path / "day.parquet", lot_size=lambda _: 75).snapshots())
    assert [shot.ts for shot in replayed] == [small_snapshot(number).ts for number in range(3)]
    for number, shot in enumerate(replayed):
        for name in COLUMNS:
            np.testing.assert_array_equal(getattr(shot, name), getattr(small_snapshot(number), name))


def test_optional_columns_are_there_when_a_snapshot_has_them(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "a.db", create=True)
    ages = np.arange(12) / 4.0
    shots = [small_snapshot(0), small_snapshot(1, quote_age_s=ages, underlying_ltp=24510.35, vix=0.1175)]
    for shot in shots:
        journal.commit(journal.append(MarketSnapshot(ts=shot.ts, snapshot=shot)), [], [], durable=False)
    journal.close()
    export_parquet(tmp_path / "a.db", tmp_path / "day.parquet")
    table = pq.read_table(tmp_path / "day.parquet")
    assert table["vix"].to_pylist() == [None] * 12 + [11.75] * 12
    assert table["underlying_ltp"].to_pylist() == [None] * 12 + [24510.35] * 12
    aged = [(shots[1].ts - stamp).total_seconds() for stamp in table["quote_ts"].to_pylist()[12:]]
    assert aged == ages.tolist()


def test_a_journal_without_a_market_has_no_chain_to_give(tmp_path: Path) -> None:
    journal = SqliteJournal.open(tmp_path / "a.db", create=True)
    journal.commit(journal.append(STARTED), [], [], durable=False)
    journal.close()
    with pytest.raises(DataError, match="holds no market data"):
        export_parquet(tmp_path / "a.db", tmp_path / "day.parquet")
    assert not (tmp_path / "day.parquet").exists()


def test_rows_go_out_as_json_lines_and_as_csv(tmp_path: Path) -> None:
    journal = written(tmp_path / "a.db")
    assert export_jsonl(journal, tmp_path / "rows.jsonl") == export_csv(journal, tmp_path / "rows.csv") == 23
    lines = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    with (tmp_path / "rows.csv").open(newline="") as file:
        table = list(csv.DictReader(file))
    assert [line["seq"] for line in lines] == list(range(1, 24)) == [int(row["seq"]) for row in table]
    assert lines[0]["body"]["session_id"] == "s-1" and lines[0]["ts"] == TS.isoformat()
    assert [json.loads(row["body"]) for row in table] == [line["body"] for line in lines]
