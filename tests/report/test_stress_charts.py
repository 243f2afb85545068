"""Heatmap and tables of a stress: the document's figures, the worst cell marked, the same bytes again."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from tests.chains import flat_vol_snapshot, view_of, with_column
from tests.operations.portfolios import of_legs, session
from volguard.adapters.figure_text import number_text
from volguard.operations.portfolio import portfolio_of_book
from volguard.operations.stress_view import stress_document
from volguard.report.stress_charts import stress_page, stress_png
from volguard.report.stress_tables import stress_table, worst_grid_cell

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def condor() -> dict[str, Any]:
    return stress_document(of_legs(lots=2), None)


@pytest.fixture(scope="module")
def dead() -> dict[str, Any]:
    snapshot = flat_vol_snapshot()
    nothing = np.full(len(snapshot.bid), math.nan)
    return stress_document(
        of_legs(view=view_of(with_column(snapshot, bid=nothing, ask=nothing.copy()))), None
    )


def printed(found: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(stress_table(found))
    return capture.get()


def test_the_table_shows_every_cell_of_the_shown_horizons_and_marks_the_worst() -> None:
    found = stress_document(of_legs(lots=2), 1)
    text = printed(found)
    pnl = np.array(found["grid"]["pnl_inr"])[1]
    rows = [line for line in text.splitlines() if re.match(r"[+-]\d+ %", line)]
    assert len(rows) == pnl.shape[0]
    for row, values in zip(rows, pnl, strict=True):
        cells = row.replace("*", "").split("%", 1)[1].split()
        assert cells == [number_text(value, 0, is_signed=True) for value in values.T.ravel().tolist()]
    grid_rows = "\n".join(rows)
    assert grid_rows.count("*") == 1
    assert f"*{number_text(float(pnl.min()), 0, is_signed=True)}" in grid_rows
    assert "1 day ahead" in text and "3 days ahead" not in text and "\u2026" not in text


def test_the_worst_cell_of_the_grid_is_the_least_of_the_shown_horizons(condor: dict[str, Any]) -> None:
    grid = condor["grid"]
    cell = worst_grid_cell(condor)
    assert cell is not None
    axes = ("horizons_days", "spot_move_shares", "iv_shifts", "shapes")
    place = tuple(grid[axis].index(value) for axis, value in zip(axes, cell, strict=True))
    pnl = np.array(grid["pnl_inr"])
    assert pnl[place] == pnl.min() < 0.0
    empty = stress_document(portfolio_of_book(session()), None)
    assert worst_grid_cell(empty) is None


def test_the_table_names_worst_cell_settlement_scenarios_and_near_cells(condor: dict[str, Any]) -> None:
    text = printed(condor)
    assert condor["worst"]["name"] in text
    assert "settlement of 2025-09-09" in text and "24,500" in text
    for one in (*condor["scenarios"], *condor["near"]):
        assert one["name"] in text


def test_the_same_document_gives_the_same_picture_and_page(condor: dict[str, Any]) -> None:
    picture, page = stress_png(condor), stress_page(condor)
    assert picture.startswith(PNG_HEAD) and picture == stress_png(condor)
    assert page == stress_page(condor) and page.count("<svg") == 7  # three horizons, two shapes, settlement
    assert not re.search(r"#f000[01][0-9a-f]", page)
    assert stress_page(stress_document(of_legs(lots=2), 0)).count("<svg") == 3


def test_the_heatmap_writes_each_figure_in_thousands_and_outlines_one_cell(condor: dict[str, Any]) -> None:
    page = stress_page(condor)
    for value in np.array(condor["grid"]["pnl_inr"]).ravel()[::17].tolist():
        text = f"{value / 1000.0:+.1f}".replace("-", "\u2212")
        shown = "0" if text.strip("+\u22120.") == "" else text
        assert f">{shown}<" in page
    # Two strokes around one cell: dark below, bright above.
    assert page.count("stroke: #ffd21f") == 1


def test_without_a_stress_table_and_picture_say_so(dead: dict[str, Any]) -> None:
    assert stress_png(dead).startswith(PNG_HEAD)
    assert "not available: see the reasons" in stress_page(dead)
    text = printed(dead)
    assert "worst cell: none" in text and "stress: not available:" in text and "has no forward" in text


def test_nothing_held_is_drawn_as_zeros() -> None:
    empty = stress_document(portfolio_of_book(session()), None)
    assert stress_png(empty).startswith(PNG_HEAD)
    text = printed(empty)
    assert "nothing is held" in text and "stressed loss 0.00" in text and "settlement: none" in text
