"""Tables of margins say what their documents say, and a dash where there is no figure."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes import shipped_rules
from tests.operations.portfolios import of_legs
from tests.operations.test_margin_view import NAKED, span_file
from volguard.adapters.figure_text import amount_text
from volguard.operations.margin_view import margin_document, published_document
from volguard.report.margin_tables import NAMES, margin_table, published_table


def printed(table: Any) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def line_of(text: str, start: str) -> list[str]:
    return next(line for line in text.splitlines() if line.startswith(start))[len(start) :].split()


def test_every_component_stands_on_its_line() -> None:
    found = margin_document(of_legs(), None)
    text = printed(margin_table(found))
    for name, label in NAMES.items():
        assert line_of(text, label) == [amount_text(found["margin"][name])]
    assert found["margin"]["worst_scenario"] in text
    assert "previous close 24,750.00 of 2025-09-02" in text and "0.8000 % a day" in text
    for row in found["inputs"]["rules"]:
        assert row["rule"] in text
    for row in found["moves"]:
        assert amount_text(row["total_inr"]) in text
    assert "\u2026" not in text


def test_the_file_of_the_exchange_stands_beside_ours(tmp_path: Path) -> None:
    found = margin_document(of_legs(NAKED), span_file(tmp_path))
    text = printed(margin_table(found))
    file = found["span_file"]
    assert line_of(text, "total")[-3:] == [
        amount_text(found["margin"]["total_inr"]),
        amount_text(file["margin"]["total_inr"]),
        amount_text(file["difference"]["total_inr"], is_signed=True),
    ]
    assert "SPAN file of 2025-09-03 (intraday), index 24,780.00" in text


def test_without_a_margin_there_are_dashes_and_the_reason() -> None:
    text = printed(margin_table(margin_document(of_legs(bars=()), None)))
    assert line_of(text, "total") == ["-"] and line_of(text, "SPAN") == ["-"]
    assert "margin: not available: no daily history" in text


def test_published_margins_are_told_with_their_difference_and_what_was_assumed() -> None:
    found = published_document(shipped_rules().margin)
    text = printed(published_table(found))
    for row in found["rows"]:
        assert amount_text(row["published_inr"]) in text and amount_text(row["ours_inr"]) in text
    assert text.count("printed only") == sum(not row["is_held"] for row in found["rows"])
    assert "2026-05-29: future from its published exposure" in text
