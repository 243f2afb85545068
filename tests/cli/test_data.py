"""`volguard data inspect`: what a recording holds and what is missing in it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from tests.cli.command import CHAIN, needs_real_day, volguard
from tests.cli.tiny_chain import write_chain


@needs_real_day
def test_the_recorded_day_is_told_with_its_holes() -> None:
    """Snapshots, expiries, cadence, pauses and the shares of absent bids and asks, as the file has them."""
    done = volguard("data", "inspect", "../shared/data/nifty_chain_2025-08-29.parquet", "--json")
    assert done.code == 0, done.err
    told = done.document
    frame = pd.read_parquet(CHAIN, columns=["expiry", "bid", "ask"])
    assert told["schema"] == "volguard.data_inspect/1"
    assert (told["rows"], told["snapshots"], told["cadence_s"]) == (len(frame), 292, 60.0)
    assert [gap["seconds"] for gap in told["gaps"]] == [211.0, 1110.0, 181.0]
    assert len(told["expiries"]) == 18
    assert told["missing_bid_share"] == pytest.approx((frame["bid"] <= 0).mean())
    assert told["missing_ask_share"] == pytest.approx((frame["ask"] <= 0).mean())
    assert sum(expiry["rows"] for expiry in told["expiries"]) == len(frame)
    assert told["problems"] == []


def test_words_hold_the_same_facts(tmp_path: Path) -> None:
    """Without --json the facts are lines of text, one expiry a line."""
    chain = write_chain(tmp_path / "day.parquet", day=date(2025, 8, 29), expiry=date(2025, 9, 2))
    done = volguard("data", "inspect", str(chain))
    assert done.code == 0, done.err
    for line in (f"path: {chain}", "rows: 30", "snapshots: 3", "cadence_s: 60.0", "quantity_unit: lots"):
        assert line in done.out.splitlines()
    assert "  expiry 2025-09-02, rows 30" in done.out


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A wrong path is exit 2 with the path."""
    done = volguard("data", "inspect", str(tmp_path / "absent.parquet"), "--json")
    assert (done.code, done.out) == (2, "")
    assert "absent.parquet: no such file" in done.error["error"]
