"""`volguard journal show` and `export`: the rows and the recorded market, in other forms."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.cli.command import CHAIN, Day, Done, needs_real_day, run_day, together, volguard

LOT = 75
ALIKE = ("bid", "bid_qty", "ask", "ask_qty", "ltp")


@pytest.fixture(scope="module")
def exported(trading_day: Day, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded day's journal in all three forms."""
    folder = tmp_path_factory.mktemp("export")
    forms = ("parquet", "jsonl", "csv")
    calls = [(("journal", "export", str(folder / f"day.{form}"), "--format", form)) for form in forms]
    for done in together(*((call, trading_day.root) for call in calls)):
        assert done.code == 0, done.err
        assert done.out == ""
        assert done.err.startswith("wrote ")
    return folder


def shown(day: Day, *words: str) -> list[dict[str, object]]:
    done = volguard("journal", "show", *words, "--json", root=day.root)
    assert done.code == 0, done.err
    assert done.document["schema"] == "volguard.journal_rows/1"
    rows: list[dict[str, object]] = done.document["rows"]
    return rows


def test_show_prints_the_first_rows(short_day: Day) -> None:
    """Without options the first fifty rows are shown, one a line: number, time of day, kind, body."""
    done = volguard("journal", "show", root=short_day.root)
    lines = done.out.splitlines()
    assert len(lines) == 50
    assert lines[0].split(maxsplit=2)[:2] == ["1", "09:15:00"]
    assert "SessionStarted" in lines[0]


def test_show_picks_by_kind_number_and_count(short_day: Day) -> None:
    """--kind, --after and --limit pick rows; 0 is all of them."""
    seen = short_day.rows("MarketSeen")
    assert [row["seq"] for row in shown(short_day, "--kind", "MarketSeen", "--limit", "0")] == [
        seq for seq, _, _ in seen
    ]
    third = seen[2][0]
    words = ("--kind", "MarketSeen", "--kind", "DecisionMade", "--after", str(third), "--limit", "3")
    rows = shown(short_day, *words)
    assert len(rows) == 3
    assert all(row["kind"] in ("MarketSeen", "DecisionMade") and int(str(row["seq"])) > third for row in rows)


def test_a_kind_that_no_row_has_shows_nothing(short_day: Day) -> None:
    """A kind without rows is an empty list, not an error."""
    assert shown(short_day, "--kind", "OrderRejected") == []


@needs_real_day
def test_the_exported_market_is_the_recorded_one(exported: Path) -> None:
    """The Parquet export holds what the session saw: every quote of the file, sizes and interest in units."""
    keys = ["ts", "expiry", "strike", "option_type"]
    mine, theirs = (
        pd.read_parquet(path).astype({"option_type": str}).sort_values(keys).reset_index(drop=True)
        for path in (exported / "day.parquet", CHAIN)
    )
    assert len(mine) == len(theirs)
    for key in keys:
        assert (mine[key] == theirs[key]).all()
    quoted = {"bid_qty": theirs["bid"] > 0, "ask_qty": theirs["ask"] > 0}
    for name in ALIKE:
        expected = np.where(quoted.get(name, True), theirs[name], 0)
        assert np.array_equal(mine[name], expected), name
    for name in ("volume", "oi"):
        assert np.array_equal(mine[name], theirs[name] * LOT), name
    assert np.allclose(mine["iv"], theirs["iv"], rtol=0.0, atol=1e-12)


@needs_real_day
def test_the_exported_market_is_a_file_to_run_on(exported: Path) -> None:
    """What was exported can be inspected as any recording, and says the unit of its quantities."""
    done = volguard("data", "inspect", str(exported / "day.parquet"), "--json")
    assert done.code == 0, done.err
    assert (done.document["snapshots"], done.document["quantity_unit"]) == (292, "units")
    assert done.document["problems"] == []


def test_a_session_replayed_from_its_export_goes_the_same_way(
    short_day: Day, fresh_root: Path, tmp_path: Path
) -> None:
    """A simulated day exported and replayed shows the same market: snapshots, quality, levels."""
    out = tmp_path / "day.parquet"
    assert volguard("journal", "export", str(out), root=short_day.root).code == 0
    words = ("run", "--phase", "SHADOW", "--replay", str(out), "--speed", "max", "--json", "--no-report")
    replayed = run_day(fresh_root, *words)
    for key in ("snapshots", "trading_date", "data_quality"):
        assert replayed.document[key] == short_day.document[key]
    levels = [
        [body["figures"]["atm_iv_weekly"] for _, _, body in day.rows("MarketSeen")]
        for day in (replayed, short_day)
    ]
    assert levels[0] == levels[1]


@needs_real_day
def test_the_exported_rows_are_the_journals(trading_day: Day, exported: Path) -> None:
    """JSON lines and CSV hold every row with number, time, kind, body and hash, up to the head."""
    with closing(sqlite3.connect(f"file:{trading_day.journal}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT seq, ts_ist, kind, body, hash FROM events ORDER BY seq").fetchall()
    with (exported / "day.csv").open(newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == ["seq", "ts", "kind", "body", "hash"]
    assert [(int(seq), *rest) for seq, *rest in table[1:]] == rows
    lines = [json.loads(line) for line in (exported / "day.jsonl").read_text().splitlines()]
    assert [(x["seq"], x["ts"], x["kind"], x["hash"]) for x in lines] == [(*row[:3], row[4]) for row in rows]
    assert [line["body"] for line in lines] == [json.loads(row[3]) for row in rows]
    assert lines[-1]["hash"] == trading_day.document["journal"]["head_hash"]


@pytest.mark.parametrize("form", ["parquet", "csv", "jsonl"])
def test_an_export_that_cannot_be_written_is_refused(short_day: Day, tmp_path: Path, form: str) -> None:
    """A place that cannot be written to is named; there is no traceback."""
    out = tmp_path / "absent" / "day"
    done: Done = volguard("journal", "export", str(out), "--format", form, root=short_day.root)
    assert done.code == 2
    assert done.err.startswith(f"error: {out} cannot be written")


def test_a_named_journal_is_preferred_to_the_newest(short_day: Day, fresh_root: Path) -> None:
    """--journal names the file, wherever it lies; no root is needed then."""
    words = ("--journal", str(short_day.journal), "--json")
    done = volguard("journal", "verify", *words, cwd=fresh_root)
    assert (done.code, done.document["journal"]) == (0, str(short_day.journal))
