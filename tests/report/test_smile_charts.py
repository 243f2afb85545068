"""Charts of a smile and a surface: the same document gives the same picture, and none at all still draws."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from tests.chains import flat_vol_snapshot, view_of, with_column
from tests.fakes import shipped
from volguard.measure.market_view import MarketView
from volguard.operations.smile_view import smile_document
from volguard.operations.surface_view import surface_document
from volguard.report.smile_charts import smile_page, smile_png, surface_page, surface_png

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def dead_view() -> MarketView:
    snapshot = flat_vol_snapshot()
    return view_of(with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan)))


@pytest.fixture(scope="module")
def smile() -> dict[str, Any]:
    return smile_document(view_of(flat_vol_snapshot()), None, shipped())


@pytest.fixture(scope="module")
def surface() -> dict[str, Any]:
    return surface_document(view_of(flat_vol_snapshot()), shipped())


def svgs(html: str) -> list[str]:
    return re.findall(r'<svg class="chart".*?</svg>', html, flags=re.DOTALL)


def test_the_same_document_gives_the_same_bytes(smile: dict[str, Any], surface: dict[str, Any]) -> None:
    for draw, page, document in (
        (smile_png, smile_page, smile),
        (surface_png, surface_page, surface),
    ):
        picture = draw(document)
        assert picture.startswith(PNG_HEAD)
        assert picture == draw(document)
        assert page(document) == page(document)


def test_a_chain_without_a_smile_draws_an_empty_chart_and_not_an_error(smile: dict[str, Any]) -> None:
    dead = smile_document(dead_view(), None, shipped())
    empty, full = smile_png(dead), smile_png(smile)
    assert empty.startswith(PNG_HEAD) and len(empty) < len(full)
    assert "no liquid strike" in smile_page(dead)
    nothing = surface_document(dead_view(), shipped())
    assert surface_png(nothing).startswith(PNG_HEAD)
    html = surface_page(nothing)
    assert "no expiry has a smile" in html and "two neighbouring expiries with a smile are needed" in html
    assert "2 without a smile" in html


def test_the_smile_shows_quotes_both_fits_and_the_forward(smile: dict[str, Any]) -> None:
    (svg,) = svgs(smile_page(smile))
    for words in ("quoted, half the bid-ask width", "SABR, ok", "SVI, ok", "forward 24,800", "ticks of the"):
        assert words in svg
    for colour in ("ink", "blue", "orange", "violet"):
        assert f"var(--{colour})" in svg


def test_the_heatmap_writes_each_known_volatility_and_the_relief_has_a_patch_between_four(
    surface: dict[str, Any],
) -> None:
    heatmap, relief = svgs(surface_page(surface))
    cells = [value for row in surface["expiries"] for value in row["iv"]]
    assert len(cells) == 26 and None not in cells
    assert len(re.findall(r">12\.\d<", heatmap)) == 26  # the flat volatility of the chain is 12 %
    assert relief.count("stroke: var(--surface)") == 12  # one expiry step by twelve steps of moneyness


def test_a_hole_of_the_surface_stays_a_hole(surface: dict[str, Any]) -> None:
    first, second = surface["expiries"]
    holed = {**surface, "expiries": [{**first, "iv": [None, *first["iv"][1:]]}, second]}
    heatmap, relief = svgs(surface_page(holed))
    assert len(re.findall(r">12\.\d<", heatmap)) == 25
    assert relief.count("stroke: var(--surface)") == 11


def test_one_expiry_has_a_heatmap_and_no_relief(surface: dict[str, Any]) -> None:
    html = surface_page({**surface, "expiries": surface["expiries"][:1]})
    assert "two neighbouring expiries with a smile are needed" in html and ">12.0<" in html
