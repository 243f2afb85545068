"""`volguard vol --replay` on the recorded day: document, table, charts, refusals, interruption."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import DATA, Day, Done, finish, needs_real_day, start, together, volguard

pytestmark = needs_real_day

FILE = "../shared/data/nifty_chain_2025-08-29.parquet"
HISTORY = ("--history", "../shared/data")
REPLAY = (*HISTORY, "--replay", FILE)
REFUSED = {
    ("--at", "11:15"): "--at was given without --replay or --journal",
    (*REPLAY, "--at", "09:00"): "has no snapshot up to 09:00",
    (*REPLAY, "--at", "25:00"): "--at was 25:00, must be HH:MM or HH:MM:SS",
    (*HISTORY, "--replay", "none.parquet"): "none.parquet",
    (*HISTORY, "--replay", "README.md"): "README.md",
    (*HISTORY, "--replay", "volguard"): "volguard",
    ("--history", "none", "--replay", FILE): "none: no such folder of daily history",
    (*REPLAY, "--date", "2025-08-28"): "--date was 2025-08-28 beside --replay",
    (*REPLAY, "--journal", "day.db"): "--replay and --journal were combined",
    (*REPLAY, "--signals"): "--replay were given with a study",
    (*HISTORY, "--png", "none/vol.png"): "--png none/vol.png: cannot be written: No such file",
    (*HISTORY, "--html", "volguard"): "--html volguard: cannot be written: Is a directory",
    (*HISTORY, "--date", "2001-01-01"): "--date was 2001-01-01, the history of NIFTY begins on 2010-01-04",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vol")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    charts = ("--png", str(folder / "vol.png"), "--html", str(folder / "vol.html"))
    calls = {
        "document": (*REPLAY, "--at", "11:15", *charts, "--json"),
        "table": (*REPLAY, "--at", "11:15"),
        **{" ".join(words): (*words, "--json") for words in REFUSED},
    }
    return dict(zip(calls, together(*((("vol", *words), None) for words in calls.values())), strict=True))


@pytest.fixture(scope="module")
def document(done: dict[str, Done]) -> Any:
    assert done["document"].code == 0, done["document"].err
    return done["document"].document


def test_the_daily_part_ends_before_the_recorded_day(document: Any) -> None:
    assert (document["schema"], document["as_of"]) == ("volguard.vol/1", "2025-08-28")
    assert document["india_vix"]["day"] == "2025-08-28"
    assert document["chain"]["ts"][:16] == "2025-08-29T11:13"


def test_every_listed_expiry_has_a_premium_or_a_reason(document: Any) -> None:
    expiries = document["chain"]["expiries"]
    assert len(expiries) == 18
    known = [row for row in expiries if row["missing"] is None]
    assert len(known) >= 5 and known[0]["expiry"] == "2025-09-02"
    # Friday 11:13 to Tuesday's close: what is left of Friday, Monday, Tuesday.
    assert 2.3 < known[0]["sessions"] < 2.5
    for row in known:
        assert row["spread"] == pytest.approx(row["implied"] - row["forecast"], abs=1e-8)
    assert all(row["spread"] is None and row["missing"] for row in expiries if row not in known)


def test_the_weekly_premium_of_the_real_day_is_negative_and_avoided(document: Any) -> None:
    weekly = document["chain"]["expiries"][0]
    assert weekly["spread"] < -0.005 and weekly["signal"] == "AVOID"
    chain = document["chain"]
    assert chain["month"]["z"] is not None and chain["term"]["shape"] == "CONTANGO"
    assert 11.0 < chain["vix"]["value"] < 13.0
    assert {chain["skew"][cycle]["expiry"] for cycle in chain["skew"]} == {"2025-09-02", "2025-09-30"}


def test_the_table_shows_the_same_chain(document: Any, done: dict[str, Done]) -> None:
    out = done["table"].out
    assert done["table"].code == 0, done["table"].err
    weekly = document["chain"]["expiries"][0]
    row = next(text for text in out.splitlines() if text.startswith("2025-09-02"))
    for figure in (f"{weekly['forward']:,.2f}", f"{100 * weekly['implied']:.2f} %", weekly["signal"]):
        assert figure in row
    assert "term structure CONTANGO" in out and "skew monthly 2025-09-30" in out
    assert "no forward: quotes do not pin it" in out and "…" not in out


def test_both_charts_are_written(done: dict[str, Done], folder: Path) -> None:
    assert (folder / "vol.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    page = (folder / "vol.html").read_text()
    assert page.startswith("<!doctype html>") and page.count("<svg") == 8
    assert "2012 to 2025" in page and "Regime one session later" in page
    assert "charts in" in done["document"].err


@pytest.mark.parametrize("words", REFUSED, ids=lambda words: " ".join(words))
def test_what_cannot_be_is_refused_by_name(words: tuple[str, ...], done: dict[str, Done]) -> None:
    """A bad file, time, folder, date or combination ends with exit 2 and says which it was."""
    refused = done[" ".join(words)]
    assert (refused.code, refused.out) == (2, ""), refused.err
    assert REFUSED[words] in refused.error["error"]


def test_a_journal_gives_the_chain_that_the_file_gave(document: Any, waiting_day: Day) -> None:
    words = ("vol", *HISTORY, "--journal", str(waiting_day.journal), "--at", "11:15", "--json")
    told = volguard(*words, root=waiting_day.root).document["chain"]
    assert told["ts"] == document["chain"]["ts"]
    here = {row["expiry"]: row for row in document["chain"]["expiries"]}
    assert told["expiries"]
    for row in told["expiries"]:
        assert row["sessions"] == here[row["expiry"]]["sessions"]
        assert row["implied"] == here[row["expiry"]]["implied"]


def test_without_india_vix_the_day_is_shown_and_what_needs_it_says_so(tmp_path: Path) -> None:
    shutil.copy(DATA / "nifty_daily.csv.gz", tmp_path)
    png = tmp_path / "vol.png"
    words = ("--history", str(tmp_path), "--replay", FILE, "--at", "11:15", "--png", str(png), "--json")
    shown = volguard("vol", *words)
    assert shown.code == 0, shown.err
    chain = shown.document["chain"]
    assert chain["expiries"][0]["spread"] is not None and chain["expiries"][0]["signal"] == "ABSTAIN"
    assert "no India VIX" in chain["month"]["missing"]
    assert shown.document["regime"]["regime"] is None and png.stat().st_size > 0


def test_a_recorded_day_before_the_history_is_refused(tmp_path: Path) -> None:
    (tmp_path / "nifty_daily.csv").write_text("date,open,high,low,close\n2025-09-01,1,2,1,2\n")
    refused = volguard("vol", "--history", str(tmp_path), "--replay", FILE, "--json")
    assert refused.code == 2
    said = "the recorded day was 2025-08-29, the history of NIFTY begins on 2025-09-01"
    assert refused.error["error"] == said


def test_an_interruption_ends_the_studies_without_a_trace() -> None:
    process = start("vol", *HISTORY, "--signals", "--json")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("forecasting")
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.code, ended.out) == (130, "") and "Traceback" not in ended.err
