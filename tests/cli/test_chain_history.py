"""`volguard chain history`: the recorded day as rows, percentiles and charts; refusals with their reason."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import Done, needs_real_day, together, volguard
from tests.cli.tiny_chain import write_chain
from volguard.cli import chain

DAY = ("chain", "history", "--replay", "../shared/data/nifty_chain_2025-08-29.parquet")
PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("history")


@pytest.fixture(scope="module")
def done(folder: Path) -> dict[str, Done]:
    calls: dict[str, tuple[str, ...]] = {
        "json": (*DAY, "--png", f"{folder}/h.png", "--html", f"{folder}/h.html", "--json"),
        "table": DAY,
        "hourly": (*DAY, "--every", "60"),
        "each minute": (*DAY, "--every", "1", "--json"),
        "monthly": (*DAY, "--every", "60", "--expiry", "2025-09-30", "--json"),
        "not listed": (*DAY, "--expiry", "2025-09-03", "--json"),
        "no folder": (*DAY, "--every", "60", "--html", f"{folder}/none/h.html", "--json"),
    }
    return dict(zip(calls, together(*((words, None) for words in calls.values())), strict=True))


def document(done: dict[str, Done], name: str) -> Any:
    assert done[name].code == 0, done[name].err
    return done[name].document


@needs_real_day
def test_the_real_day_is_a_row_each_quarter_of_an_hour(done: dict[str, Done]) -> None:
    history = document(done, "json")
    rows = history["rows"]
    assert history["schema"] == "volguard.chain-history/1" and len(rows) == 26
    assert rows[0]["ts"] == "2025-08-29T09:22:45+05:30" and rows[-1]["ts"] == "2025-08-29T15:27:27+05:30"
    assert {row["expiry"] for row in rows} == {"2025-09-02"}
    assert all(row["missing"] == [] for row in rows)
    # India VIX of the day lay between 11.58 and 12.36.
    assert all(11.58 - 0.4 <= row["vix"] <= 12.36 + 0.4 for row in rows)
    assert all(0.08 < row["atm_iv"] < 0.105 and row["term_shape"] == "CONTANGO" for row in rows)
    assert all(150.0 < row["straddle"] < 230.0 for row in rows)


@needs_real_day
def test_percentiles_are_of_the_last_value_among_the_rows_before_it(done: dict[str, Done]) -> None:
    history = document(done, "json")
    for name, standing in history["last"].items():
        *earlier, last = [row[name] for row in history["rows"]]
        below = sum(value < last for value in earlier)
        assert standing["observations"] == len(earlier) == 25
        assert standing["percentile"] == pytest.approx(100.0 * below / 25)
        assert min(earlier) <= standing["band"]["p10"] <= standing["band"]["p90"] <= max(earlier)


@needs_real_day
def test_table_words_and_charts_are_those_of_the_document(done: dict[str, Done], folder: Path) -> None:
    out = done["table"].out
    assert "2025-08-29 09:22" in out and "2025-08-29 15:27" in out
    share = document(done, "json")["last"]["atm_iv"]["percentile"]
    assert f"percentile {share:.0f} of 25 earlier values" in out
    assert "percentile: share of the earlier values shown here that lie below the last one" in out
    assert all(len(line) <= 120 for line in out.splitlines())
    assert (folder / "h.png").read_bytes().startswith(PNG_HEAD)
    page = (folder / "h.html").read_text()
    assert page.count('<svg class="chart"') == 4 and "10 to 90 % of the 25 earlier values" in page
    assert f"percentile {share:.0f} of 25 earlier values" in page


@needs_real_day
def test_few_rows_have_no_percentile_and_say_how_many_they_are(done: dict[str, Done]) -> None:
    # 09:22, 10:00, ..., 15:00 and the last: seven of them earlier.
    assert "percentile not available: 7 observations, needs 20" in done["hourly"].out


@needs_real_day
def test_progress_is_told_on_stderr_while_stdout_holds_the_document_alone(done: dict[str, Done]) -> None:
    history = document(done, "each minute")
    assert len(history["rows"]) == 280
    said = done["each minute"].err.splitlines()
    assert all(line.startswith("nifty_chain_2025-08-29.parquet, 2025-08-29 ") for line in said)
    assert len(said) < 280


@pytest.mark.parametrize(("spoken_s", "words"), [(0.0, "one\ntwo\n"), (3600.0, "")])
def test_progress_waits_so_many_seconds_between_two_words(
    spoken_s: float, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(chain, "SPOKEN_S", spoken_s)
    tell = chain._now_and_then()
    tell("one")
    tell("two")
    assert capsys.readouterr() == ("", words)


@needs_real_day
def test_another_expiry_has_its_own_straddle(done: dict[str, Done]) -> None:
    monthly = document(done, "monthly")
    assert monthly["expiries"] == ["2025-09-30"]
    assert all(row["straddle"] > 400.0 for row in monthly["rows"])


@needs_real_day
def test_an_expiry_that_is_not_listed_and_a_path_that_cannot_be_written_are_refused(
    done: dict[str, Done],
) -> None:
    assert done["not listed"].code == done["no folder"].code == 2
    assert "expiry 2025-09-03 is not listed; listed are 2025-09-02" in done["not listed"].error["error"]
    assert "h.html: cannot be written: No such file" in done["no folder"].error["error"]


def test_a_chain_of_a_few_flat_quotes_is_rows_and_charts_that_say_what_is_unknown(tmp_path: Path) -> None:
    file = write_chain(tmp_path / "tiny.parquet", day=date(2025, 9, 3), expiry=date(2025, 9, 9))
    ended = volguard(
        "chain", "history", "--replay", str(file), "--every", "1", "--png", str(tmp_path / "x.png")
    )
    assert ended.code == 0, ended.err
    assert ended.out.count("2025-09-03 09:2") == 3
    assert "ATM IV, last n/a: percentile not available: the last snapshot has none" in ended.out
    assert (tmp_path / "x.png").read_bytes().startswith(PNG_HEAD)


def test_every_zero_minutes_and_no_file_are_refused(tmp_path: Path) -> None:
    none = volguard("chain", "history", "--replay", str(tmp_path / "none.parquet"), "--json")
    zero = volguard("chain", "history", "--replay", "x.parquet", "--every", "0")
    assert none.code == zero.code == 2
    assert "none.parquet" in none.error["error"] and "--every" in zero.err
