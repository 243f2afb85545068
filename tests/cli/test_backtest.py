"""`volguard backtest` as it is typed: its page, its document, and what it refuses."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.backtest.bhavcopies import write_bhavcopies
from tests.backtest.history_files import write_history
from tests.cli.command import SWITCHES_OFF, Done, make_root, volguard

USAGE = 2
DAYS = ("backtest", "--from", "2023-06-12", "--to", "2023-06-14", "--draws", "100")
WORDS = (*DAYS, "--every", "120")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Daily files of the real index and VIX, three years of them."""
    return write_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where what was played is kept."""
    return make_root(tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def done(history: Path, root: Path) -> Done:
    """Three days, with a page."""
    page = ("--html", str(history / "page.html"))
    return volguard(*WORDS, "--data", str(history), *page, *SWITCHES_OFF, root=root)


def test_it_says_whose_prices_it_played_and_what_came_of_it(done: Done) -> None:
    assert done.code == 0, done.err
    assert "NIFTY 2023-06-12 to 2023-06-14, 3 sessions" in done.out
    assert "PRICES ARE MODELLED, their error is not known" in done.out
    for words in ("return a year (CAGR)", "P&L by cause", "ruin (30% lost within a year)", "assumed:"):
        assert words in done.out
    assert "page in " in done.err


def test_the_page_is_written(done: Done, history: Path) -> None:
    assert done.code == 0
    assert "volguard backtest" in (history / "page.html").read_text()


def test_the_document_says_the_same_and_is_not_played_again(done: Done, history: Path, root: Path) -> None:
    again = volguard(*WORDS, "--data", str(history), "--json", *SWITCHES_OFF, root=root)
    assert again.code == 0 and again.document["schema"] == "volguard.backtest/1"
    assert f"decisions {again.document['decisions_hash']}" in done.out
    assert "played before" in again.err and "days played" not in again.err
    assert "played before" not in done.err


def test_journals_come_of_playing_it_again(done: Done, history: Path, root: Path, tmp_path: Path) -> None:
    """What was played before has no journal: it is played anew, with the same decisions."""
    kept = ("--journals", str(tmp_path / "days"), "--json")
    again = volguard(*WORDS, "--data", str(history), *kept, *SWITCHES_OFF, root=root)
    assert again.code == 0, again.err
    assert f"decisions {again.document['decisions_hash']}" in done.out
    names = [path.name for path in sorted((tmp_path / "days").glob("*.db"))]
    assert names == [f"modelled-2023-06-{number}-1.db" for number in (12, 13, 14)]


def test_a_sweep_is_one_document(done: Done, history: Path, root: Path) -> None:
    """The setting that was played already is one of its rows."""
    words = ("--sweep", "strategy.short_delta_max=0.2,0.15", "--workers", "1", "--json")
    swept = volguard(*WORDS, "--data", str(history), *words, *SWITCHES_OFF, root=root)
    assert swept.code == 0, swept.err
    assert swept.document["schema"] == "volguard.backtest.sweep/1"
    first, second = swept.document["variants"]
    assert f"decisions {first['decisions_hash']}" in done.out
    assert second["settings"] == {"strategy.short_delta_max": "0.15"}


def test_imported_bhavcopies_are_played(history: Path, tmp_path: Path) -> None:
    """Out of the project's own data folder, where the import puts them."""
    root = make_root(tmp_path)
    write_bhavcopies(root / "data" / "bhavcopy", [date(2023, 6, 12), date(2023, 6, 13)])
    words = ("--source", "bhavcopy", "--data", str(history), *SWITCHES_OFF)
    done = volguard(*DAYS, *words, root=root)
    assert done.code == 0, done.err
    assert "PRICES ARE CLOSING PRICES" in done.out and "2 sessions" in done.out
    assert "left out: 2023-06-14 there is no bhavcopy of 2023-06-14" in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("backtest",), USAGE, "a first and a last"),
        (("backtest", "--source", "chains"), USAGE, "no recording"),
        (("backtest", "--source", "chains", "none.parquet"), USAGE, "none.parquet"),
        ((*DAYS, "--source", "bhavcopy"), USAGE, "no bhavcopies of NIFTY"),
        ((*WORDS, "--source", "bhavcopy"), USAGE, "--every is of modelled days"),
        ((*WORDS, "--open"), USAGE, "--html"),
        ((*WORDS, "--html", "/nowhere/page.html"), USAGE, "folder is not there"),
        (("backtest", "--from", "2012-01-01", "--to", "2012-02-01"), USAGE, "2012-01-01"),
        ((*WORDS, "--every", "0.1"), USAGE, "every"),
        ((*WORDS, "--walk-forward", "5:5"), USAGE, "chooses between settings"),
        ((*WORDS, "--sweep", "strategy.short_delta_max=0.2", "--sensitivity"), USAGE, "no --sensitivity"),
        ((*WORDS, "--placebo", "3", "--lookahead-check"), USAGE, "one at a time"),
        ((*WORDS, "--journals", "days", "--sensitivity"), USAGE, "--sensitivity plays many"),
        ((*WORDS, "--journals", "."), USAGE, "holds something already"),
        (("backtest", "--placebo", "0"), USAGE, "placebo"),
        ((*WORDS, "--sweep", "strategy.short_delta_max"), USAGE, "different values"),
        ((*WORDS, "--sweep", "strategy.no_such=1,2"), USAGE, "no_such"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_played(
    words: tuple[str, ...], code: int, said: str, history: Path, root: Path
) -> None:
    done = volguard(*words, "--data", str(history), root=root)
    assert done.code == code and said in done.err and done.out == ""


def test_no_decision_knows_its_future_and_that_is_shown(history: Path, root: Path) -> None:
    done = volguard(*WORDS, "--data", str(history), "--lookahead-check", *SWITCHES_OFF, root=root)
    assert done.code == 0, done.err
    assert "3 sessions played, 3 times again with another future" in done.out
    assert "no decision knew its future" in done.out and "DIFFERENT" not in done.out
