"""The smile of one expiry: quotes, both fits and what is left over, or the reason why there is none."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    flat_vol_snapshot,
    make_listing,
    view_of,
    with_column,
)
from tests.fakes import shipped
from volguard.model.errors import UsageError
from volguard.model.market import ChainSnapshot
from volguard.operations.smile_view import smile_document, surface_of
from volguard.operations.surface_session import surface_along
from volguard.pricing.smile import FitStatus
from volguard.report.smile_tables import fitted_text


def skewed() -> ChainSnapshot:
    listing = make_listing()
    k = np.log(listing.strike / FORWARD)
    return flat_vol_snapshot(sigma=0.12 - 0.4 * k + 4.0 * k * k, listing=listing)


def test_a_flat_chain_has_a_flat_smile_that_both_fits_draw() -> None:
    document = smile_document(view_of(flat_vol_snapshot()), None, shipped())
    assert document["expiry"] == WEEKLY.isoformat()
    assert document["forward"] == pytest.approx(FORWARD, abs=0.5)
    assert document["atm_iv"] == pytest.approx(SIGMA, abs=5e-4)
    near = [row for row in document["strikes"] if abs(row["strike"] - FORWARD) <= 300]
    assert len(near) == 13
    for row in near:
        assert row["sabr"] == pytest.approx(SIGMA, abs=2e-3)
        assert row["svi"] == pytest.approx(SIGMA, abs=2e-3)


def test_a_residual_is_fit_minus_quote_in_points_and_by_vega_in_ticks() -> None:
    view = view_of(skewed())
    document = smile_document(view, MONTHLY, shipped())
    surface = surface_of(view, shipped())
    vega = dict(zip(surface.smiles.strike[1].tolist(), surface.smiles.vega[1].tolist(), strict=True))
    rows = [row for row in document["strikes"] if row["is_liquid"]]
    assert len(rows) == document["liquid_strikes"] > 20
    for row in rows:
        apart = row["sabr"] - row["iv"]
        assert row["sabr_residual_pt"] == pytest.approx(100.0 * apart, abs=1e-6)
        assert row["sabr_residual_ticks"] == pytest.approx(
            apart * vega[float(row["strike"])] / 0.05, abs=1e-3
        )


def test_the_parameters_are_told_with_their_errors_and_the_butterfly_figure() -> None:
    document = smile_document(view_of(skewed()), MONTHLY, shipped())
    assert document["source"] == "SABR" and document["reason"] is None
    sabr = document["sabr"]
    assert sabr["status"] == "ok" and sabr["rho"] < 0.0 and sabr["beta"] == 1.0
    assert set(sabr["stderr"]) == {"alpha", "rho", "nu"} and set(document["svi"]["stderr"]) == set("abms") | {
        "rho"
    }
    assert document["butterfly"] == sabr["butterfly"] > 0.0
    assert 0.0 <= sabr["error"]["near_rms_pt"] <= sabr["error"]["near_max_pt"] <= 0.5


def test_a_limit_below_the_error_sets_the_fit_aside_and_says_so() -> None:
    tight = shipped("smile.near_error_max_pt=0.0")
    document = smile_document(view_of(skewed()), MONTHLY, tight)
    assert document["source"] == "QUOTED"
    assert "SABR near error was" in document["reason"] and "limit 0" in document["reason"]


def test_where_svi_is_closer_the_smile_says_by_how_much() -> None:
    view = view_of(skewed())
    eager = shipped("smile.sabr_preferred_pt=0.0", "smile.sabr_regained_pt=0.0")
    plain, closer = (smile_document(view, MONTHLY, settings) for settings in (shipped(), eager))
    sabr, svi = (plain[name]["error"]["near_rms_pt"] for name in ("sabr", "svi"))
    assert svi < sabr < svi + shipped().smile.sabr_preferred_pt
    assert plain["source"] == "SABR" and plain["reason"] is None
    assert closer["source"] == "SVI"
    assert closer["reason"] == f"SABR near error was {sabr:.3f} points, SVI's {svi:.3f}"


def test_a_chain_without_bids_abstains_and_every_figure_is_json() -> None:
    snapshot = flat_vol_snapshot()
    dead = with_column(snapshot, bid=np.full(len(snapshot.bid), math.nan))
    document = smile_document(view_of(dead), None, shipped())
    assert document["source"] == "NONE" and document["reason"] == "SABR no forward; SVI no forward"
    assert document["liquid_strikes"] == 0 and document["forward"] is None
    assert "NaN" not in json.dumps(document)
    surface = surface_of(view_of(dead), shipped())
    assert set(surface.reason.tolist()) == {FitStatus.NO_FORWARD}


def test_the_smile_of_a_session_is_the_carried_one_and_says_when_it_was_fitted() -> None:
    first, now = (
        view_of(flat_vol_snapshot(NOW + timedelta(minutes=minutes), sigma=sigma))
        for minutes, sigma in ((0, SIGMA), (5, SIGMA + 0.01))
    )
    own = smile_document(now, None, shipped())
    session = smile_document(now, None, shipped(), surface_along((first, now), shipped()))
    assert own["fitted_at"] == own["ts"] == now.ts.isoformat()
    assert session["fitted_at"] == first.ts.isoformat() and session["ts"] == own["ts"]
    assert fitted_text(own) == "fitted on this snapshot"
    assert fitted_text(session) == "calibrated 11:00, carried"
    at_forward = min(own["strikes"], key=lambda row: abs(row["strike"] - FORWARD))["strike"]
    residual = {
        name: next(row["sabr_residual_pt"] for row in found["strikes"] if row["strike"] == at_forward)
        for name, found in (("own", own), ("session", session))
    }
    assert abs(residual["own"]) < 0.1 and residual["session"] == pytest.approx(-1.0, abs=0.15)


def test_a_smile_that_no_fit_draws_has_no_time_of_one() -> None:
    quoted = smile_document(view_of(skewed()), MONTHLY, shipped("smile.near_error_max_pt=0.0"))
    assert quoted["fitted_at"] is None and fitted_text(quoted) == "not fitted"


def test_an_expiry_that_is_not_listed_is_refused_with_those_that_are() -> None:
    with pytest.raises(UsageError, match="2025-09-16 is not listed; listed are 2025-09-09, 2025-09-30"):
        smile_document(view_of(flat_vol_snapshot()), date(2025, 9, 16), shipped())
