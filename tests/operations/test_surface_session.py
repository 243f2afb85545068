"""A session's surface: calibrated when due, carried in between, on earlier fits where quotes fail."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.chains import FORWARD, SIGMA, flat_vol_snapshot, view_of, with_column
from tests.cli.command import CHAIN
from tests.fakes import shipped
from volguard.measure.market_view import MarketView
from volguard.model.market import ChainSnapshot
from volguard.operations.chain_view import from_file
from volguard.operations.surface_session import surface_along, surface_at
from volguard.operations.surface_view import surface_document
from volguard.pricing.slices import SmileSource


def later(minutes: float, snapshot: ChainSnapshot | None = None) -> MarketView:
    base = snapshot or flat_vol_snapshot()
    return view_of(replace(base, ts=base.ts + timedelta(minutes=minutes)))


def without_weekly() -> ChainSnapshot:
    """Three strikes of the first expiry are left: enough for a forward, too few for a fit."""
    snapshot = flat_vol_snapshot()
    listing = snapshot.listing
    gone = (listing.expiry_index == 0) & (np.abs(listing.strike - FORWARD) > 50.0)
    return with_column(snapshot, bid=np.where(gone, math.nan, snapshot.bid))


def test_between_two_calibrations_the_smile_is_carried_and_its_age_told() -> None:
    views = [later(minutes) for minutes in (0.0, 5.0, 10.0)]
    surface = surface_along(views, shipped())
    assert surface.fitted_ts == views[0].ts and surface.ts == views[2].ts
    assert surface.age_s.tolist() == [600.0, 600.0]
    np.testing.assert_allclose(surface.expiry_sigma(FORWARD, np.arange(2)), SIGMA, atol=1e-3)
    document = surface_document(views[2], shipped(), surface)
    assert [row["age_s"] for row in document["expiries"]] == [600.0, 600.0]
    assert document["ts"] == views[2].ts.isoformat()


def test_a_calibration_is_made_again_after_fifteen_minutes_and_after_a_move() -> None:
    due = surface_along([later(0.0), later(15.0)], shipped())
    assert due.age_s.tolist() == [0.0, 0.0]
    moved = surface_along([later(0.0), later(1.0)], shipped("smile.refit_move_share=0.0"))
    assert moved.age_s.tolist() == [0.0, 0.0]


def test_an_expiry_that_cannot_be_fitted_keeps_its_earlier_smile_within_its_age() -> None:
    surface = surface_along([later(0.0), later(16.0, without_weekly())], shipped())
    assert surface.source[0] == SmileSource.PREVIOUS and surface.source[1] != SmileSource.PREVIOUS
    assert surface.age_s.tolist() == [960.0, 0.0]
    row = surface_document(later(16.0, without_weekly()), shipped(), surface)["expiries"][0]
    assert (row["source"], row["reason"]) == ("PREVIOUS", "SABR too few strikes; SVI too few strikes")
    assert row["atm_iv"] == pytest.approx(SIGMA, abs=1e-3)
    too_old = surface_along([later(0.0), later(31.0, without_weekly())], shipped())
    assert too_old.source[0] == SmileSource.QUOTED


def test_an_expiry_without_quotes_for_a_moment_has_its_smile_back_with_them() -> None:
    snapshot = flat_vol_snapshot()
    bid = np.where(snapshot.listing.expiry_index == 0, math.nan, snapshot.bid)
    silent = later(1.0, with_column(snapshot, bid=bid))
    assert surface_along([later(0.0), silent], shipped()).source[0] == SmileSource.NONE
    back = surface_along([later(0.0), silent, later(2.0)], shipped())
    assert back.source[0] != SmileSource.NONE and back.age_s[0] == 120.0


def test_nothing_seen_is_no_surface() -> None:
    with pytest.raises(ValueError, match="views were empty"):
        surface_along([], shipped())


@pytest.mark.skipif(not Path(CHAIN).exists(), reason="the recorded day is not beside the project")
def test_on_the_real_day_the_surface_at_a_time_is_the_sessions() -> None:
    view = from_file(Path(CHAIN), "11:15", shipped())
    surface = surface_at(Path(CHAIN), view, shipped())
    assert surface.ts == view.ts and surface.expiries == view.listing.expiries
    ages = surface.age_s[:5]
    assert np.all(ages > 0.0) and np.all(ages < shipped().smile.refit_every_s)
    assert surface.butterfly[:5].min() > 0.0
