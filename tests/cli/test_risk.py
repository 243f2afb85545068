"""`volguard risk` on the recorded day that trades, while a session runs, and on an empty book."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.command import (
    CHAIN,
    Day,
    Done,
    finish,
    make_root,
    start,
    together,
    volguard,
    wait_for_rows,
)

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
PACED = (
    *("run", "--phase", "SHADOW", "--seed", "7", "--cadence", "60", "--speed", "300"),
    *("--json", "--no-report"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("risk")


@pytest.fixture(scope="module")
def done(trading_day: Day, folder: Path) -> dict[str, Done]:
    pictures = ("--png", str(folder / "risk.png"), "--html", str(folder / "risk.html"))
    calls = {
        "end": ("--json",),
        "at": ("--at", "11:15", *pictures, "--json"),
        "table": ("--at", "11:15"),
        "early": ("--at", "09:00", "--json"),
        "bad time": ("--at", "noon", "--json"),
        "absent": ("--journal", str(folder / "absent.db"), "--json"),
        "no folder": ("--png", str(folder / "none" / "x.png"), "--json"),
    }
    ran = together(*((("risk", *words), trading_day.root) for words in calls.values()))
    return dict(zip(calls, ran, strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_the_book_at_the_end_is_that_of_the_report(done: dict[str, Done], trading_day: Day) -> None:
    found = document(done, "end")
    assert (found["schema"], found["session_id"]) == ("volguard.risk/1", trading_day.document["session_id"])
    told = {
        (one["expiry"], one["strike"], one["option_type"]): one["quantity"]
        for one in trading_day.document["open_positions"]
    }
    assert told
    assert {(o["expiry"], o["strike"], o["option_type"]): o["units"] for o in found["positions"]} == told
    assert found["pnl_net_inr"] == trading_day.document["net_pnl_inr"]
    assert found["ended"] == trading_day.document["ended"]


def test_earlier_in_the_day_the_book_is_of_that_time(done: dict[str, Done], trading_day: Day) -> None:
    found = document(done, "at")
    assert found["ts"] < "2025-08-29T11:15" and found["as_of"][:13] == "2025-08-29T11"
    filled: dict[str, int] = {}
    for _, _, fill in trading_day.rows("OrderFilled"):
        if fill["ts"] <= found["as_of"]:
            filled[fill["tag"]] = filled.get(fill["tag"], 0) + fill["quantity"]
    assert sum(abs(one["units"]) for one in found["positions"]) == sum(filled.values()) > 0
    assert found["missing"] == {}


def test_the_cost_to_be_flat_is_the_files_half_spreads_and_charges(done: dict[str, Done]) -> None:
    found = document(done, "at")
    frame = pd.read_parquet(CHAIN).astype({"option_type": str, "expiry": str})
    quotes = frame[frame["ts"] == pd.Timestamp(found["ts"])].set_index(["expiry", "strike", "option_type"])
    expected = 0.0
    for one in found["positions"]:
        row = quotes.loc[(one["expiry"], one["strike"], one["option_type"])]
        expected += abs(one["units"]) * (row["ask"] - row["bid"]) / 2.0
    legs = found["flat_now"]["legs"]
    assert sum(float(leg["half_spread_inr"]) for leg in legs) == pytest.approx(expected, abs=0.05)
    charges = sum(float(leg["charges_inr"]) for leg in legs)
    walk = sum(float(leg["walk_inr"]) for leg in legs)
    assert float(found["flat_now"]["cost_inr"]) == pytest.approx(expected + charges + walk, abs=0.05)


def test_the_margin_of_the_book_is_of_the_index_and_its_short_units(done: dict[str, Done]) -> None:
    found = document(done, "at")
    short = -sum(one["units"] for one in found["positions"] if one["units"] < 0)
    assert float(found["margin"]["exposure_inr"]) == pytest.approx(0.02 * short * found["level"], abs=0.05)
    assert found["margin_inputs"]["previous_close_day"] == "2025-08-28"
    assert found["margin_inputs"]["previous_close"] == pytest.approx(24_500.9)


def test_table_chart_and_page_tell_the_same(done: dict[str, Done], folder: Path) -> None:
    found, text = document(done, "at"), done["table"].out
    assert done["table"].code == 0 and done["table"].err == ""
    for row in found["limits"]:
        assert row["name"] in text
    assert found["stress"]["worst"]["name"] in text and found["flat_now"]["text"] in text
    assert "\u2026" not in text
    assert (folder / "risk.png").read_bytes().startswith(PNG_HEAD)
    assert (folder / "risk.html").read_text().count("<svg") == 2
    assert f"chart in {folder / 'risk.png'}" in done["at"].err


def test_bad_calls_are_refused(done: dict[str, Done]) -> None:
    for name, words in (
        ("early", "has no row up to 09:00"),
        ("bad time", "--at was noon"),
        ("absent", "absent.db"),
        ("no folder", "cannot be written"),
    ):
        assert (done[name].code, done[name].out) == (2, "")
        assert words in done[name].error["error"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The root of a session that is under way."""
    root = make_root(tmp_path_factory.mktemp("running"))
    process = start(*PACED, root=root)
    try:
        assert wait_for_rows(process, root / "journal" / "simulator-2026-09-16-1.db", 20)
        yield root
    finally:
        process.kill()
        finish(process)


def test_a_running_session_is_read_while_it_runs(running: Path) -> None:
    """Two looks at a session under way: neither disturbs it, and the second knows more."""
    looks = [volguard("risk", "--json", root=running) for _ in range(2)]
    assert [(one.code, one.err) for one in looks] == [(0, ""), (0, "")]
    first, second = (one.document for one in looks)
    assert first["ended"] is None and first["row"] < second["row"]
    assert second["as_of"] > first["as_of"]


def test_an_empty_book_is_all_zeros(short_day: Day) -> None:
    found = volguard("risk", "--at", "09:20", "--json", root=short_day.root).document
    assert (found["positions"], found["open_trades"]) == ([], 0)
    assert found["margin"]["total_inr"] == found["stress"]["stressed_loss_inr"] == "0.00"
    assert set(found["exposure"]["portfolio"].values()) == {0.0}
    shown = volguard("risk", "--at", "09:20", root=short_day.root)
    assert shown.code == 0 and "nothing is held" in shown.out
