"""`volguard backtest` as it is typed: its page, its document, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.backtest.history_files import write_history
from tests.cli.command import SWITCHES_OFF, Done, volguard

USAGE = 2
WORDS = ("backtest", "--from", "2023-06-12", "--to", "2023-06-14", "--every", "120", "--draws", "100")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Daily files of the real index and VIX, three years of them."""
    return write_history(tmp_path_factory.mktemp("history"))


@pytest.fixture(scope="module")
def done(history: Path) -> Done:
    """Three days, with a page."""
    return volguard(*WORDS, "--data", str(history), "--html", str(history / "page.html"), *SWITCHES_OFF)


def test_it_says_whose_prices_it_played_and_what_came_of_it(done: Done) -> None:
    assert done.code == 0, done.err
    assert "NIFTY 2023-06-12 to 2023-06-14, 3 sessions" in done.out
    assert "PRICES ARE MODELLED, their error is not known" in done.out
    for words in ("return a year (CAGR)", "P&L by cause", "ruin (30% lost within a year)", "assumed:"):
        assert words in done.out
    assert "days played: " in done.err and "page in " in done.err


def test_the_page_is_written(done: Done, history: Path) -> None:
    assert done.code == 0
    assert "volguard backtest" in (history / "page.html").read_text()


def test_the_document_says_the_same_again(done: Done, history: Path) -> None:
    again = volguard(*WORDS, "--data", str(history), "--json", *SWITCHES_OFF)
    assert again.code == 0 and again.document["schema"] == "volguard.backtest/1"
    assert f"decisions {again.document['decisions_hash']}" in done.out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("backtest",), USAGE, "a first and a last"),
        (("backtest", "--source", "chains"), USAGE, "no recording"),
        (("backtest", "--source", "chains", "none.parquet"), USAGE, "none.parquet"),
        ((*WORDS, "--open"), USAGE, "--html"),
        ((*WORDS, "--html", "/nowhere/page.html"), USAGE, "folder is not there"),
        (("backtest", "--from", "2012-01-01", "--to", "2012-02-01"), USAGE, "2012-01-01"),
        ((*WORDS, "--every", "0.1"), USAGE, "every"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_played(
    words: tuple[str, ...], code: int, said: str, history: Path
) -> None:
    done = volguard(*words, "--data", str(history))
    assert done.code == code and said in done.err and done.out == ""
