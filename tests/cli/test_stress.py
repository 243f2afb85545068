"""`volguard stress` of a structure on the recorded day, and of the book of a journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.cli.command import CHAIN, Day, Done, needs_real_day, together

pytestmark = needs_real_day

FILE = ("--replay", "../shared/data/nifty_chain_2025-08-29.parquet", "--at", "11:15")
WEEKLY = ("--expiry", "2025-09-02")
CONDOR = ("--legs", "-24500PE +24300PE -25000CE +25200CE", *WEEKLY, "--lots", "2")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
REFUSED = {
    "no legs": ((*FILE, "--json"), "neither --legs nor --book"),
    "both": (("--book", "--legs", "-24500PE", "--json"), "--legs beside --book"),
    "book settings": (("--book", "--set", "stress.iv_floor=0.02", "--json"), "--set beside --book"),
    "horizon": ((*FILE, *CONDOR, "--horizon", "2", "--json"), "--horizon was 2, must be one of 0, 1, 3"),
    "lots": ((*FILE, "--legs", "-24500PE", "--lots", "0", "--json"), "--lots was 0"),
    "strike": ((*FILE, "--legs", "-24525PE", "--json"), "nearest are 24500 and 24550"),
    "file": (("--replay", "absent.parquet", "--legs", "-24500PE", "--json"), "absent.parquet"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stress")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    pictures = ("--png", str(folder / "stress.png"), "--html", str(folder / "stress.html"))
    calls = {
        "condor": (*FILE, *CONDOR, *pictures, "--json"),
        "table": (*FILE, *CONDOR, "--horizon", "1"),
        "wide": (*FILE, *CONDOR, "--set", "stress.skew_iv_per_spot_fall=0.0", "--json"),
        "calendar": (*FILE, "--legs", "-24600CE,+24600CE@2025-09-09", "--json"),
        **{name: words for name, (words, _) in REFUSED.items()},
    }
    return dict(zip(calls, together(*((("stress", *words), None) for words in calls.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_the_worst_of_a_condor_is_its_width_less_what_the_file_quotes_for_it(done: dict[str, Done]) -> None:
    """Deep beyond the wings at settlement: 200 points lost, less the condor's mid of the file."""
    found = document(done, "condor")
    assert (found["schema"], found["missing"]) == ("volguard.stress/1", {})
    frame = pd.read_parquet(CHAIN).astype({"option_type": str, "expiry": str})
    chosen = frame[(frame["ts"] == pd.Timestamp(found["ts"])) & (frame["expiry"] == "2025-09-02")]
    quotes = chosen.set_index(["strike", "option_type"])
    mid = (quotes["bid"] + quotes["ask"]) / 2.0
    worth = mid[(24_500, "PE")] - mid[(24_300, "PE")] + mid[(25_000, "CE")] - mid[(25_200, "CE")]
    # In the file's own prices, so to the model's error of a tick or two a leg.
    assert float(found["worst"]["pnl_inr"]) == pytest.approx(-150 * (200.0 - worth), abs=150 * 0.3)
    assert found["worst"]["kind"] == "settlement"
    assert float(found["value_inr"]) == pytest.approx(-150 * worth, abs=150 * 0.3)


def test_the_array_is_whole_and_its_first_cells_are_bounded(done: dict[str, Done]) -> None:
    grid = document(done, "condor")["grid"]
    pnl = np.array(grid["pnl_inr"])
    assert pnl.shape == tuple(
        len(grid[axis]) for axis in ("horizons_days", "spot_move_shares", "iv_shifts", "shapes")
    )
    assert pnl[0, grid["spot_move_shares"].index(0.0), grid["iv_shifts"].index(0.0)].tolist() == [0.0, 0.0]
    assert pnl.min() >= float(document(done, "condor")["worst"]["pnl_inr"]) - 0.01


def test_a_setting_of_the_call_reaches_the_grid(done: dict[str, Done]) -> None:
    """Without skew both shapes are one."""
    pnl = np.array(document(done, "wide")["grid"]["pnl_inr"])
    assert np.array_equal(pnl[..., 0], pnl[..., 1])
    skewed = np.array(document(done, "condor")["grid"]["pnl_inr"])
    assert not np.array_equal(skewed[..., 0], skewed[..., 1])


def test_a_calendar_has_legs_of_two_expiries(done: dict[str, Done]) -> None:
    found = document(done, "calendar")
    assert {one["expiry"] for one in found["positions"]} == {"2025-09-02", "2025-09-09"}
    assert found["settlement"]["expiry"] == "2025-09-02"


def test_table_chart_and_page_are_written(done: dict[str, Done], folder: Path) -> None:
    text = done["table"].out
    assert done["table"].code == 0 and "1 day ahead" in text and "3 days ahead" not in text
    assert document(done, "condor")["worst"]["name"] in text and "2024-06-04" in text
    assert "\u2026" not in text
    assert (folder / "stress.png").read_bytes().startswith(PNG_HEAD)
    assert (folder / "stress.html").read_text().count("<svg") == 7
    for name in ("png", "html"):
        assert f"chart in {folder / 'stress'}.{name}" in done["condor"].err


@pytest.mark.parametrize("name", REFUSED)
def test_bad_calls_are_refused(done: dict[str, Done], name: str) -> None:
    assert (done[name].code, done[name].out) == (2, "")
    assert REFUSED[name][1] in done[name].error["error"]


def test_the_book_of_a_journal_is_stressed_as_risk_says(trading_day: Day) -> None:
    words = ("--book", "--at", "11:15", "--json")
    stress, risk = together(
        (("stress", *words), trading_day.root),
        (("risk", "--at", "11:15", "--json"), trading_day.root),
    )
    assert stress.code == risk.code == 0, stress.err + risk.err
    assert stress.document["positions"] == risk.document["positions"] != []
    assert stress.document["worst"] == risk.document["stress"]["worst"]
