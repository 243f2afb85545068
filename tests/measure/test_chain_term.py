"""A chain whose near volatility stands above its far one is in backwardation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.chains import MONTHLY, WEEKLY, flat_vol_snapshot, view_of
from tests.strategy.scenes import FAR, full_listing
from volguard.measure.chain_term import chain_term, is_backwardation
from volguard.measure.market_view import MarketView, at_the_money
from volguard.volatility.term_structure import TermShape, TermStructure, term_structure


def sloped(near: float, far: float) -> MarketView:
    """A chain whose weekly and monthly expiries have one volatility each; the last has that of the month."""
    listing = full_listing()
    sigma = np.array([near, far, far])[listing.expiry_index]
    return view_of(flat_vol_snapshot(listing=listing, sigma=sigma))


@pytest.mark.parametrize(
    ("near", "far", "shape", "is_stress"),
    [
        (0.12, 0.12, TermShape.FLAT, False),
        (0.11, 0.13, TermShape.CONTANGO, False),
        (0.14, 0.12, TermShape.BACKWARDATION, True),
        (0.122, 0.12, TermShape.FLAT, False),  # within the noise
    ],
)
def test_the_shape_is_that_of_far_against_near(
    near: float, far: float, shape: TermShape, is_stress: bool
) -> None:
    term = chain_term(sloped(near, far))
    assert term.shape is shape
    assert is_backwardation(term) is is_stress
    week = term.at(7)
    assert week is not None
    assert week == pytest.approx(near, abs=5e-3)  # a day beyond the weekly expiry
    assert term.at(30) == pytest.approx(far, abs=5e-3)


def test_with_one_expiry_nothing_can_be_told() -> None:
    view = sloped(0.14, 0.12)
    bid = view.snapshot.bid.copy()
    for expiry in (MONTHLY, FAR):
        bid[view.listing.rows_of(expiry)] = np.nan
    term = chain_term(view_of(replace(view.snapshot, bid=bid)))
    assert term.shape is TermShape.UNKNOWN
    assert is_backwardation(term) is None


def test_an_expiry_that_has_settled_is_left_out() -> None:
    """On the evening after the weekly expiry's close the monthly ones still give their maturities."""
    view = sloped(0.12, 0.12)
    settled = replace(view, years=np.where(np.arange(3) == 0, np.nan, view.years))
    assert WEEKLY in settled.listing.expiries
    term = chain_term(settled)
    assert term.at(30) == pytest.approx(0.12, abs=1e-3)
    assert term.at(14) is None


@pytest.mark.parametrize("seed", range(6))
def test_the_volatility_at_the_forward_is_that_of_each_expiry_alone(seed: int) -> None:
    """All expiries at once say what each says by itself, to the bit, whatever is quoted."""
    view = sloped(0.14, 0.12)
    unquoted = np.random.default_rng(seed).random(len(view.listing)) < 0.15 * seed
    levels = np.array([np.nan if unquoted[row] else view.mid[row] for row in range(len(view.listing))])
    holed = replace(view, mid=levels)
    assert chain_term(holed) == by_one(holed)


@pytest.mark.parametrize("beyond", ["above", "below"])
def test_a_forward_beyond_the_quoted_strikes_has_no_volatility(beyond: str) -> None:
    view = sloped(0.14, 0.12)
    rows, strike = view.listing.rows_of(MONTHLY), view.listing.strike
    forward = float(view.forwards.forward[view.listing.expiries.index(MONTHLY)])
    mid = view.mid.copy()
    for row in range(rows.start, rows.stop):
        if bool(strike[row] > forward) == (beyond == "above"):
            mid[row] = np.nan
    holed = replace(view, mid=mid)
    assert at_the_money(holed, MONTHLY) is None
    assert chain_term(holed) == by_one(holed)
    assert chain_term(holed) != chain_term(view)


def by_one(view: MarketView) -> TermStructure:
    """The term structure of what each expiry says by itself."""
    levels = [at_the_money(view, expiry) for expiry in view.listing.expiries]
    sigma = np.array([np.nan if level is None else level.sigma for level in levels])
    return term_structure(view.years, sigma)
