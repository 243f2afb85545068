"""The page: self-contained, escaped, deterministic, whole or not there, and quick."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.report.conftest import at, book_of, condor, session, wait
from tests.report.refusals import NOWHERE, carried, mark, refusal
from volguard.model.book import Book, Bucket
from volguard.model.event import SignalsCause, SignalsNoted
from volguard.model.signal import Signal
from volguard.report.charts import level_chart, pnl_chart, quality_chart, volatility_chart
from volguard.report.day import DayInputs, build_day
from volguard.report.day_json import document
from volguard.report.html import write_report
from volguard.report.page import page
from volguard.report.refused import RefusedDay, held_together

MakeDay = Callable[..., DayInputs]


def page_of(inputs: DayInputs) -> str:
    report = build_day(inputs)
    return page(report, document(report))


def test_the_page_needs_no_network(make_day: MakeDay) -> None:
    """Nothing is fetched: no script, link, picture, import or address outside the page."""
    html = page_of(make_day())
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", html)
    assert not re.search(r"(?:src|href)=\"(?!#)", html)
    outside = {address for address in re.findall(r"https?://[^\s\"<]+", html)}
    assert outside <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}


def test_the_page_tells_what_refusing_did(make_day: MakeDay) -> None:
    """The verdict, each reason, each structure with its result or why there is none, and the waits."""
    short = mark(call_24800=(15.0, 65, NOWHERE, 0))
    structures = held_together((carried(), carried(refusal(lots=1, strikes=(24_000, 24_200)), short)))
    day = RefusedDay(structures=structures, waits={(Bucket.MONTHLY, "iv_rv_avoid"): 7})
    html = page_of(make_day(refused=day))
    for words in (
        "refusing saved 666.81 INR",
        "24000/24200/24800/25000",
        "nobody quoted the ask",
        "iv_rv_avoid",
    ):
        assert words in html
    assert "No structure was refused." in page_of(make_day())


def test_the_same_day_gives_the_same_page(make_day: MakeDay) -> None:
    """Two pages of the same values are equal byte for byte."""
    assert page_of(make_day()) == page_of(make_day())


def test_drawings_share_a_page_without_sharing_names(make_day: MakeDay) -> None:
    """Every id on the page is unique and every reference inside a drawing finds its target."""
    html = page_of(make_day(book=book_of(condor("T1"), condor("T2"))))
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) > 50
    assert {name for name in re.findall(r'(?:href="#|url\(#)([^")]+)', html)} <= set(ids)


def test_charts_use_the_colours_of_the_page(make_day: MakeDay) -> None:
    """Drawings are well-formed and carry style variables only, so that light and dark both fit."""
    report = build_day(make_day(book=book_of(condor(closing=("5.00", "11.00", "30.00", "12.00")))))
    drawn = (
        *(chart(report) for chart in (pnl_chart, level_chart, volatility_chart)),
        quality_chart(report, 0.5),
    )
    for svg in drawn:
        assert svg is not None
        assert ElementTree.fromstring(svg).get("role") == "img"
        assert set(re.findall(r"(?:fill|stroke): ([^;\"]+)", svg)) - {"none"} and "#f000" not in svg
        assert not re.search(r"(?:fill|stroke): #", svg)


def test_a_hole_breaks_every_line_and_is_shaded(make_day: MakeDay) -> None:
    """What nobody saw is not drawn: with a hole the level is two lines and a shade."""
    with_hole = level_chart(build_day(make_day()))
    seen = tuple(replace(one, figures={**one.figures, "gap_s": None}) for one in make_day().seen)
    without = level_chart(build_day(make_day(seen=seen, gaps=())))
    assert with_hole is not None and without is not None
    assert "var(--hole)" in with_hole and "var(--hole)" not in without
    line = r'd="(M[^"]*)"[^>]*style="fill: none; stroke: var\(--ink\)'
    (one,) = re.findall(line, with_hole)
    assert one.count("M") == 2
    assert [path.count("M") for path in re.findall(line, without)] == [1]


def test_an_empty_day_is_a_page_too(make_day: MakeDay) -> None:
    """No trades, decisions or snapshots: each part says so in words, and the halt is on top."""
    html = page_of(
        make_day(
            book=Book(), marks={}, seen=(), decisions=(), state_changes=(), alerts=(), gaps=(), step_ms=(),
            end_reason=None, halted_reason="hard stop: loss was 61200, limit 60000",
        )
    )  # fmt: skip
    for words in (
        "No trade was opened.", "Flat: nothing is held.", "No decision was made.", "No limit was hit.",
        "No hole in the data.", "No order was sent.", "Not known at any time.", "hard stop: loss was 61200",
        "NOT ENDED",
    ):  # fmt: skip
        assert words in html
    assert "nan" not in html.lower().replace("nanum", "")


def test_missing_marks_are_said_aloud(make_day: MakeDay) -> None:
    """A leg that nobody quotes raises a banner and its mark is in words, not a number."""
    html = page_of(make_day(marks={}))
    assert "NO MARK" in html and "nobody quotes it" in html


def test_payoff_names_breakevens_and_level(make_day: MakeDay) -> None:
    """Credit 30.00 less 97.27 rupees of charges on 75 units puts the breakevens 28.7 points outside."""
    html = page_of(make_day())
    assert "Breakevens 24,271.3 and 24,628.7; last level 24,400.6; best +2,153, worst \u22125,347 INR" in html
    assert "var(--orange)" in html


def test_a_half_filled_entry_has_no_payoff(make_day: MakeDay) -> None:
    """The payoff of a structure that is not complete is not drawn."""
    trade = condor()
    half = replace(trade, fills=trade.fills[:2])
    assert "Not drawn: the entry is not filled completely." in page_of(make_day(book=Book(trades=(half,))))


def test_texts_of_the_journal_are_escaped(make_day: MakeDay) -> None:
    """Words that look like markup stay words."""
    evil = replace(wait(at(10, 0)), text="IV < forecast <script>alert(1)</script>")
    html = page_of(make_day(decisions=(evil,), session=session(session_id="a<b>&c")))
    assert "<script>" not in html and "&lt;script&gt;" in html and "a&lt;b&gt;&amp;c" in html


def test_execution_quality_stands_per_urgency_and_per_order(make_day: MakeDay) -> None:
    """A summary of each urgency, the orders folded away below; a mid that nobody quoted is n/a, not zero."""
    (first, *others) = make_day().sent
    html = page_of(make_day(sent=(replace(first, arrival_mid=None), *others)))
    section = html.partition("<h2>Execution quality</h2>")[2].partition("<h2>")[0]
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr>(.*?)</tr>", section)]
    assert [row[0] for row in rows if len(row) == 11] == ["LOW", "all"]
    assert next(row[1:3] for row in rows if row[:1] == ["LOW"]) == ["4", "100.0 %"]
    assert [row[6:9] for row in rows if len(row) == 13][:2] == [
        ["n/a", "8.10", "n/a"], ["21.325", "21.35", "\u22121.88"]
    ]  # fmt: skip


def test_changed_settings_stand_out(make_day: MakeDay) -> None:
    """What --set changed is shown with its value and origin; the rest is folded away."""
    html = page_of(make_day())
    changed, _, folded = html.rpartition("<details>")
    assert "strategy.require_vrp</td><td class=long>false</td><td>--set" in changed
    assert "strategy.cooldown_s" in folded and "strategy.cooldown_s" not in changed
    assert "250 ms after the order" in html


def test_a_setting_is_found_under_the_name_of_its_table(make_day: MakeDay) -> None:
    """The files say risk, the part says limits: value, origin and the quality line of the chart agree."""
    html = page_of(make_day())
    row = "risk.quality_new_trades_min</td><td class=long>0.5</td><td>config/limits.toml:4"
    assert row in html and "no new trades below 0.50" in html
    bare = session(settings={}, settings_origins={})
    assert "no new trades below" not in page_of(make_day(session=bare))


def test_reports_appear_whole_under_the_session_id(make_day: MakeDay, tmp_path: Path) -> None:
    """Two files, no leftovers; a second writing replaces them."""
    folder = tmp_path / "journal"
    for _ in range(2):
        paths = write_report(build_day(make_day()), folder)
    name = make_day().session.session_id
    assert paths == (folder / f"{name}.json", folder / f"{name}.html")
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.html", f"{name}.json"]
    assert json.loads(paths[0].read_text())["schema"] == "volguard.day/1"


def test_a_failed_writing_leaves_the_old_report(
    make_day: MakeDay, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in mid-write leaves what stood there before."""
    json_path, _ = write_report(build_day(make_day()), tmp_path)
    before = json_path.read_text()

    def full(self: Path, text: str, encoding: str) -> int:  # noqa: ARG001
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(build_day(make_day(decisions=())), tmp_path)
    assert json_path.read_text() == before


def test_the_report_is_quick(make_day: MakeDay, tmp_path: Path) -> None:
    """A day of 292 snapshots is written well below the time a person waits for."""
    report = build_day(make_day(book=book_of(condor("T1"), condor("T2"), condor("T3"))))
    started = time.perf_counter()
    write_report(report, tmp_path)
    assert time.perf_counter() - started < 2.5


def test_the_document_alone_draws_nothing() -> None:
    """Building the JSON imports neither matplotlib nor rich."""
    code = (
        "import sys, volguard.report.day_json, volguard.report.page, volguard.report.tables, "
        "volguard.adapters.terminal; print([m for m in ('matplotlib', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_signals_and_the_time_to_the_screen_stand_on_the_page(make_day: MakeDay) -> None:
    """What each says, or why it abstains, escaped; where nothing was shown the page says that."""
    says = Signal(name="iv_rank", value=70.0, says="HIGH", text="70 <of> 100", age_s=3.0, confidence=0.9)
    silent = Signal(
        name="skew_25_delta", value=None, says="", text="", age_s=None, confidence=None,
        missing="no past", expiry=at(9, 15).date(),
    )  # fmt: skip
    noted = SignalsNoted(ts=at(15, 0), cause=SignalsCause.CHANGE, signals=(says, silent))
    html = page_of(make_day(signals=noted, screen_ms=(12.0, 30.5, 8.0)))
    assert "Of the look at 15:00:00" in html
    assert "70 &lt;of&gt; 100; 3 s old; confidence 0.90" in html
    assert "abstains: no past" in html and "2025-08-29" in html
    assert "worst 30.50, 3 proposals" in html
    nothing = page_of(make_day())
    assert "No signals were noted in this session." in nothing
    assert "no proposal was shown on a screen" in nothing
