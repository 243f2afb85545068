"""A wall of open interest lies on its own side of the forward, where most of that side stands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.chains import MONTHLY, WEEKLY
from tests.strategy.scenes import calm_view, level_of
from volguard.measure.chain_walls import ChainWalls, chain_walls
from volguard.measure.market_view import MarketView
from volguard.volatility.chain_metrics import ExpiryRows, Wall, chain_metrics


def busy_view() -> MarketView:
    """Open interest drawn once for every row."""
    view = calm_view()
    oi = np.random.default_rng(7).integers(0, 10_000, len(view.listing))
    return replace(view, snapshot=replace(view.snapshot, oi=oi))


@pytest.mark.parametrize("expiry", [WEEKLY, MONTHLY])
def test_the_walls_are_those_of_the_chain_figures(expiry: object) -> None:
    view = busy_view()
    day = WEEKLY if expiry == WEEKLY else MONTHLY
    rows, listing = view.listing.rows_of(day), view.listing
    metrics = chain_metrics(
        ExpiryRows(
            strike=listing.strike[rows],
            is_call=listing.is_call[rows],
            mid=view.mid[rows],
            gamma=view.greeks.gamma[rows],
            oi=view.snapshot.oi[rows].astype(np.float64),
            volume=view.snapshot.volume[rows].astype(np.float64),
            forward=float(view.forwards.forward[listing.expiries.index(day)]),
            spot=level_of(view).forward,
        )
    )
    walls = chain_walls(view, day)
    assert (walls.call, walls.put) == (metrics.call_wall, metrics.put_wall)
    assert walls.call is not None and walls.put is not None
    assert walls.put.strike <= level_of(view, day).forward <= walls.call.strike
    assert walls.distance(level_of(view).forward) == metrics.wall_distance(level_of(view).forward)


def test_without_interest_or_forward_there_is_no_wall() -> None:
    view = busy_view()
    nothing = replace(view.snapshot, oi=np.zeros(len(view.listing), dtype=np.int64))
    assert chain_walls(replace(view, snapshot=nothing), WEEKLY) == ChainWalls(call=None, put=None)
    lost = replace(view.forwards, forward=np.full(len(view.listing.expiries), np.nan))
    assert chain_walls(replace(view, forwards=lost), WEEKLY) == ChainWalls(call=None, put=None)


def test_the_distance_is_to_the_nearer_wall() -> None:
    walls = ChainWalls(
        call=Wall(strike=25_250.0, oi=1.0, share=1.0), put=Wall(strike=24_750.0, oi=1.0, share=1.0)
    )
    assert walls.distance(25_000.0) == pytest.approx(0.01)
    assert walls.distance(24_900.0) == pytest.approx(150 / 24_900)
    assert walls.distance(float("nan")) is None
    assert ChainWalls(call=None, put=None).distance(25_000.0) is None
