"""Chart and page of a structure: the same document gives the same bytes, and a missing quote still draws."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from tests.chains import flat_vol_snapshot, put, view_of, with_cells, with_column
from tests.fakes import shipped
from volguard.model.market import ChainSnapshot
from volguard.operations.payoff_view import payoff_document
from volguard.report.payoff_charts import payoff_page, payoff_png
from volguard.report.payoff_tables import figure_lines, payoff_table, reason_lines
from volguard.strategy.legs_text import legs_of

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
CONDOR = "+24300PE -24500PE -25100CE +25300CE"


def document(snapshot: ChainSnapshot, legs: str = CONDOR) -> dict[str, Any]:
    view = view_of(snapshot)
    lines = legs_of(legs, view.listing, None)
    return payoff_document(view, lines, lots=2, bars=(), settings=shipped())


def unquoted() -> ChainSnapshot:
    return with_cells(flat_vol_snapshot(), put(24_500), bid=math.nan)


def dead() -> ChainSnapshot:
    snapshot = flat_vol_snapshot()
    nothing = np.full(len(snapshot.bid), math.nan)
    return with_column(snapshot, bid=nothing, ask=nothing.copy())


def printed(found: dict[str, Any]) -> str:
    from rich.console import Console

    console = Console(width=120, highlight=False)
    with console.capture() as capture:
        console.print(payoff_table(found))
    return capture.get()


@pytest.mark.parametrize(
    ("snapshot", "legs"),
    [
        (flat_vol_snapshot(), CONDOR),
        (flat_vol_snapshot(), "-24800CE +24800CE@2025-09-30"),
        (flat_vol_snapshot(), "-24800CE"),
        (unquoted(), CONDOR),
        (dead(), CONDOR),
    ],
    ids=["condor", "calendar", "naked", "unquoted", "dead"],
)
def test_the_same_document_gives_the_same_picture_and_page(snapshot: ChainSnapshot, legs: str) -> None:
    found = document(snapshot, legs)
    picture, page = payoff_png(found), payoff_page(found)
    assert picture.startswith(PNG_HEAD) and picture == payoff_png(found)
    assert page == payoff_page(found)
    assert page.count("<svg") == 1 and page.rstrip().endswith("</html>")
    assert not re.search(r"#f000[01][0-9a-f]", page)  # every placeholder became a style variable


def test_the_drawing_names_breakevens_and_forward() -> None:
    found = document(flat_vol_snapshot())
    page = payoff_page(found)
    for level in (*found["touch"]["breakevens"], found["forward"]):
        assert f"{level:,.0f}" in page
    assert "Q: the smile" in page and "P: the forecast" not in page


def test_without_a_quote_the_drawing_says_so() -> None:
    assert "no P&amp;L" in payoff_page(document(unquoted()))
    assert "no P&amp;L" not in payoff_page(document(flat_vol_snapshot()))


def test_the_table_tells_the_figures_and_the_reasons() -> None:
    found = document(flat_vol_snapshot())
    text = printed(found)
    assert "IRON_CONDOR" in text and "2 x 75 = 150 units; smile fitted on this snapshot" in text
    for figure in (found["touch"]["credit_points"], *found["touch"]["breakevens"]):
        assert f"{figure:,.1f}" in text
    assert "P, P+1pt: not available: no history" in text
    assert "\u2026" not in text and "unbounded" not in text
    missing = printed(document(unquoted()))
    assert "no bid for 24500 PE of 2025-09-09" in missing


def test_an_unbounded_loss_is_called_so_and_not_left_blank() -> None:
    found = document(flat_vol_snapshot(), "-24800CE")
    assert "max loss unbounded" in figure_lines(found)[0]
    assert any("touch.max_loss_inr" in line and "unbounded" in line for line in reason_lines(found))
    assert "unbounded" in printed(found)
