"""`volguard payoff` on the recorded day: document, table, chart, page, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.cli.command import CHAIN, Done, needs_real_day, together

pytestmark = needs_real_day

FILE = ("--replay", "../shared/data/nifty_chain_2025-08-29.parquet", "--at", "11:15")
WEEKLY = ("--expiry", "2025-09-02")
CONDOR = ("--legs", "-24500PE +24300PE -25000CE +25200CE", *WEEKLY, "--lots", "2")
HISTORY = ("--history", "../shared/data")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"
REFUSED = {
    "24500PE": "leg 24500PE cannot be read",
    "-24525PE": "nearest are 24500 and 24550",
    "-24500PE@2025-09-03": "expiry 2025-09-03 is not listed, nearest are 2025-09-02 and 2025-09-09",
    "-24500PE +24500PE": "is both bought and sold",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("payoff")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    pictures = ("--png", str(folder / "payoff.png"), "--html", str(folder / "payoff.html"))
    calls = {
        "condor": (*FILE, *CONDOR, *HISTORY, *pictures, "--json"),
        "table": (*FILE, *CONDOR, "--set", "history.folder=data/absent"),
        "calendar": (*FILE, "--legs", "-24600CE,+24600CE@2025-09-09", "--json"),
        "no folder": (*FILE, *CONDOR, "--html", str(folder / "none" / "x.html"), "--json"),
        "no lots": (*FILE, *CONDOR, "--lots", "0", "--json"),
        "no history": (*FILE, *CONDOR, "--history", str(folder), "--json"),
        **{legs: (*FILE, "--legs", legs, "--json") for legs in REFUSED},
    }
    return dict(zip(calls, together(*((("payoff", *words), None) for words in calls.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_the_real_condor_is_worth_what_its_file_quotes_say(done: dict[str, Done]) -> None:
    found = document(done, "condor")
    assert (found["schema"], found["structure"]) == ("volguard.payoff/1", "IRON_CONDOR")
    assert (found["units"], found["missing"]) == (150, {})
    frame = pd.read_parquet(CHAIN).astype({"option_type": str, "expiry": str})
    chosen = frame[(frame["ts"] == pd.Timestamp(found["ts"])) & (frame["expiry"] == "2025-09-02")]
    quotes = chosen.set_index(["strike", "option_type"])
    credit = (
        quotes.loc[(24_500, "PE"), "bid"]
        - quotes.loc[(24_300, "PE"), "ask"]
        + quotes.loc[(25_000, "CE"), "bid"]
        - quotes.loc[(25_200, "CE"), "ask"]
    )
    touch = found["touch"]
    assert float(touch["max_profit_inr"]) == pytest.approx(150 * credit, abs=0.01)
    assert float(touch["max_loss_inr"]) == pytest.approx(150 * (200 - credit), abs=0.01)
    assert touch["breakevens"] == pytest.approx([24_500 - credit, 25_000 + credit])


def test_the_real_condor_under_smile_and_forecast(done: dict[str, Done]) -> None:
    q, p, dearer = document(done, "condor")["measures"]
    # The forecast of that day lies above what the market implies: the same condor looks worse under it.
    assert q["deviation_points"] < p["deviation_points"] < dearer["deviation_points"]
    values = [float(one["ev_net_inr"]) for one in (q, p, dearer)]
    assert values == sorted(values, reverse=True)
    chances = [one["touch"]["probability_of_profit"] for one in (q, p, dearer)]
    assert 0.5 < chances[2] < chances[1] < chances[0] < 0.8
    assert p["origin"]["history_until"] == "2025-08-28"
    put, call = q["short_itm"]
    assert put["probability"] == pytest.approx(0.30, abs=0.04)
    assert call["probability"] == pytest.approx(0.05, abs=0.02)


def test_chart_and_page_are_written_and_named_on_stderr(done: dict[str, Done], folder: Path) -> None:
    assert (folder / "payoff.png").read_bytes().startswith(PNG_HEAD)
    page = (folder / "payoff.html").read_text()
    assert "<svg" in page and "http://" not in page.replace("http://www.w3.org", "")
    for name in ("png", "html"):
        assert f"chart in {folder / 'payoff'}.{name}" in done["condor"].err


def test_the_table_says_the_same_and_that_there_is_no_history(done: dict[str, Done]) -> None:
    assert done["table"].code == 0, done["table"].err
    text, touch = done["table"].out, document(done, "condor")["touch"]
    assert "IRON_CONDOR" in text and f"{touch['breakevens'][0]:,.1f}" in text
    assert "not available: no history" in text
    assert "\u2026" not in text


def test_a_calendar_is_valued_at_the_first_expiry(done: dict[str, Done]) -> None:
    found = document(done, "calendar")
    assert (found["expiry"], len(found["touch"]["breakevens"])) == ("2025-09-02", 2)
    assert 0.0 < float(found["touch"]["max_loss_inr"]) < 1.2 * -float(found["touch"]["credit_inr"])


@pytest.mark.parametrize("legs", REFUSED)
def test_legs_that_are_not_there_are_refused(done: dict[str, Done], legs: str) -> None:
    assert (done[legs].code, done[legs].out) == (2, "")
    assert REFUSED[legs] in done[legs].error["error"]


def test_other_bad_input_is_refused(done: dict[str, Done]) -> None:
    for name, words in (
        ("no folder", "cannot be written"),
        ("no lots", "--lots was 0"),
        ("no history", "no daily history of NIFTY"),
    ):
        assert (done[name].code, done[name].out) == (2, "")
        assert words in done[name].error["error"]
