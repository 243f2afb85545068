"""`volguard margin` of a structure on the recorded day, of a book, and its two studies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.command import DATA, Day, Done, needs_real_day, together

pytestmark = needs_real_day

FILE = ("--replay", "../shared/data/nifty_chain_2025-08-29.parquet", "--at", "11:15")
WEEKLY = ("--expiry", "2025-09-02")
CONDOR = ("--legs", "-24500PE +24300PE -25000CE +25200CE", *WEEKLY, "--lots", "2")
HISTORY = ("--history", "../shared/data")
SCANS = ("--price-scan", "../shared/data/span_price_scan.csv.gz")
REFUSED = {
    "no legs": ((*FILE, "--json"), "neither --legs nor --book"),
    "no history": ((*FILE, *CONDOR, "--history", "tests", "--json"), "no daily history of NIFTY"),
    "no span": ((*FILE, *CONDOR, *HISTORY, "--span", "absent.spn", "--json"), "absent.spn"),
    "two studies": (("--published", *SCANS, "--json"), "--published and --price-scan were combined"),
    "study and legs": (("--published", "--legs", "-24500PE", "--json"), "were combined"),
    "study and day": (("--published", *FILE, "--json"), "--published and --replay and --at were combined"),
    "nse alone": ((*FILE, *CONDOR, "--nse", "x.csv", "--json"), "without --price-scan"),
    "no scans": (("--price-scan", "absent.csv", "--json"), "absent.csv"),
}


@pytest.fixture(scope="module")
def done() -> dict[str, Done]:
    calls = {
        "condor": (*FILE, *CONDOR, *HISTORY, "--json"),
        "table": (*FILE, *CONDOR, *HISTORY),
        "unknown": (*FILE, *CONDOR, "--set", "history.folder=data/absent", "--json"),
        "published": ("--published",),
        "scans": (*SCANS, "--json"),
        "scans table": (*SCANS, "--nse", "../shared/data/nse_volatility.csv.gz"),
        **{name: words for name, (words, _) in REFUSED.items()},
    }
    return dict(zip(calls, together(*((("margin", *words), None) for words in calls.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


def test_a_condor_is_asked_its_width_and_the_exposure_of_both_shorts(done: dict[str, Done]) -> None:
    """Far beyond the wings the whole width is lost, and little time value is left: SPAN is the width."""
    found = document(done, "condor")
    assert (found["schema"], found["missing"]) == ("volguard.margin/1", {})
    margin = found["margin"]
    assert float(margin["span_inr"]) == pytest.approx(150 * 200.0, rel=0.005)
    assert float(margin["exposure_inr"]) == pytest.approx(0.02 * 300 * found["level"], abs=0.05)
    parts = sum(float(margin[f"{name}_inr"]) for name in ("span", "exposure", "deep_otm", "expiry_day"))
    assert float(margin["total_inr"]) == pytest.approx(parts, abs=0.02)


def test_the_volatility_behind_it_is_near_the_one_the_exchange_published(done: dict[str, Done]) -> None:
    import pandas as pd

    inputs = document(done, "condor")["inputs"]
    frame = pd.read_csv(DATA / "nse_volatility.csv.gz")
    before = frame[(frame["symbol"] == "NIFTY") & (frame["date"] == "2025-08-28")]
    assert inputs["sigma_daily"] == pytest.approx(float(before["sigma_underlying"].iloc[0]), rel=0.02)
    assert inputs["previous_close"] == pytest.approx(float(before["spot_close"].iloc[0]), abs=0.06)


def test_without_history_there_is_no_margin_and_a_reason(done: dict[str, Done]) -> None:
    found = document(done, "unknown")
    assert found["margin"] is None and "no daily history" in found["missing"]["margin"]


def test_the_table_says_the_same(done: dict[str, Done]) -> None:
    text, found = done["table"].out, document(done, "condor")
    assert done["table"].code == 0 and found["margin"]["worst_scenario"] in text
    assert "price scan 9.30 %" in text and "SEBI/HO/MRD2/DCAP/CIR/P/2020/27" in text
    assert "\u2026" not in text


def test_the_studies_are_printed(done: dict[str, Done]) -> None:
    assert done["published"].code == 0 and "printed only" in done["published"].out
    found = document(done, "scans")
    years = {row["year"]: row for row in found["symbols"]["NIFTY"]}
    assert min(years) == 2012 and years[2024]["worst"] < 1e-5 and years[2020]["worst_day"] == "2020-06-01"
    assert "NIFTY: |our price scan / published - 1|" in done["scans table"].out


@pytest.mark.parametrize("name", REFUSED)
def test_bad_calls_are_refused(done: dict[str, Done], name: str) -> None:
    assert (done[name].code, done[name].out) == (2, "")
    assert REFUSED[name][1] in done[name].error["error"]


def test_the_book_of_a_journal_is_asked_what_risk_says(trading_day: Day) -> None:
    words = (("margin", "--book", "--at", "11:15", "--json"), ("risk", "--at", "11:15", "--json"))
    margin, risk = together(*((call, trading_day.root) for call in words))
    assert margin.code == risk.code == 0, margin.err + risk.err
    assert margin.document["margin"] == risk.document["margin"] is not None
    assert margin.document["inputs"]["sigma_origin"].endswith("from the journal")
