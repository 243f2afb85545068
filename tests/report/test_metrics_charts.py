"""Charts of a chain's metrics: what the document says is what is drawn, and what it lacks is said."""

from __future__ import annotations

import math
import re
from datetime import date
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    MONTHLY,
    WEEKLY,
    call,
    flat_vol_snapshot,
    make_listing,
    put,
    view_of,
    with_cells,
    with_column,
)
from tests.fakes import shipped
from volguard.operations.metrics_view import metrics_document
from volguard.report.metrics_charts import metrics_page, metrics_png

PNG_HEAD = b"\x89PNG\r\n\x1a\n"
WIDE = make_listing(
    {
        WEEKLY: range(24_000, 25_601, 50),
        MONTHLY: range(22_000, 28_001, 50),
        date(2025, 10, 28): range(20_000, 31_001, 100),
    }
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    snapshot = flat_vol_snapshot(listing=WIDE)
    walls = {call(25_200): 2_000_000, put(24_400): 3_000_000}
    for contract, oi in walls.items():
        snapshot = with_cells(snapshot, contract, oi=oi)
    return metrics_document(view_of(snapshot), None, shipped())


def svgs(html: str) -> list[str]:
    return re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)


def test_the_same_document_gives_the_same_bytes(document: dict[str, Any]) -> None:
    picture = metrics_png(document)
    assert picture.startswith(PNG_HEAD) and picture == metrics_png(document)
    assert metrics_page(document) == metrics_page(document)


def test_the_document_holds_interest_by_strike_and_every_expiry_of_the_term(
    document: dict[str, Any],
) -> None:
    interest = document["expiries"][0]["interest"]
    assert [row["strike"] for row in interest] == [float(strike) for strike in range(24_000, 25_601, 50)]
    assert {row["strike"]: row["put_oi"] for row in interest}[24_400.0] == 3_000_000
    assert {row["strike"]: row["call_oi"] for row in interest}[25_200.0] == 2_000_000
    assert [row["expiry"] for row in document["term"]["expiries"]] == [
        row["expiry"] for row in document["expiries"]
    ]
    assert [row["iv"] for row in document["term"]["expiries"]] == [
        row["atm_iv"] for row in document["expiries"]
    ]


def test_the_term_structure_shows_listed_and_constant_maturities_and_vix(document: dict[str, Any]) -> None:
    term, _ = svgs(metrics_page(document))
    for words in ("listed expiries", "constant maturities", "forward, between expiries"):
        assert words in term
    assert f"VIX, model-free, {document['vix']['value']:.2f}" in term
    known = [point["iv"] for point in document["term"]["points"] if point["iv"] is not None]
    assert len(known) == 3  # 7 days lie within the listed expiries, 60 do not
    assert all(f"{100.0 * iv:.2f} %" in term for iv in known)


def test_open_interest_is_a_bar_each_with_its_walls_and_max_pain(document: dict[str, Any]) -> None:
    _, interest = svgs(metrics_page(document))
    assert "put wall 24,400" in interest and "call wall 25,200" in interest
    assert "30.0 lakh" in interest and "20.0 lakh" in interest
    assert f"max pain {document['expiries'][0]['max_pain']:,.0f}" in interest
    bars = [interest.count(f"fill: var(--{colour}); opacity: 0.85") for colour in ("orange", "blue")]
    assert bars[0] == bars[1] == 34  # every strike of the expiry, and the key


def test_strikes_with_hardly_any_interest_are_left_out_and_the_walls_are_not(
    document: dict[str, Any],
) -> None:
    row = document["expiries"][0]
    held = {24_300.0, 25_300.0}
    interest = [
        {**one, "call_oi": 1e6 if one["strike"] in held else 1.0, "put_oi": 1.0} for one in row["interest"]
    ]
    wall = {"strike": 24_200.0, "oi": 1.0, "share": 0.03}
    drawn = {**document, "expiries": [{**row, "interest": interest, "put_wall": wall}]}
    _, svg = svgs(metrics_page(drawn))
    assert svg.count("fill: var(--orange); opacity: 0.85") == (25_300 - 24_200) // 50 + 2


def test_a_dead_chain_says_so_instead_of_drawing() -> None:
    snapshot = flat_vol_snapshot()
    nothing = np.zeros(len(snapshot.bid), dtype=np.int64)
    dead = with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan), oi=nothing)
    html = metrics_page(metrics_document(view_of(dead), None, shipped()))
    assert "no expiry has an at-the-money volatility" in html and "no open interest" in html
    assert "VIX, model-free, 30 days: n/a (1 monthly expiries are listed, needs 2)" in html
