"""Charts of a smile and a surface: the same document gives the same picture, and none at all still draws."""

from __future__ import annotations

import math

import numpy as np

from tests.chains import flat_vol_snapshot, view_of, with_column
from tests.fakes import shipped
from volguard.measure.market_view import MarketView
from volguard.operations.smile_view import smile_document
from volguard.operations.surface_view import surface_document
from volguard.report.smile_charts import smile_png, surface_png

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def dead_view() -> MarketView:
    snapshot = flat_vol_snapshot()
    return view_of(with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan)))


def test_the_same_document_gives_the_same_bytes() -> None:
    view = view_of(flat_vol_snapshot())
    for draw, document in (
        (smile_png, smile_document(view, None, shipped())),
        (surface_png, surface_document(view, shipped())),
    ):
        picture = draw(document)
        assert picture.startswith(PNG_HEAD)
        assert picture == draw(document)


def test_a_chain_without_a_smile_draws_an_empty_chart_and_not_an_error() -> None:
    empty = smile_png(smile_document(dead_view(), None, shipped()))
    full = smile_png(smile_document(view_of(flat_vol_snapshot()), None, shipped()))
    assert empty.startswith(PNG_HEAD) and len(empty) < len(full)
    assert surface_png(surface_document(dead_view(), shipped())).startswith(PNG_HEAD)
