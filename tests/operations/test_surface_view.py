"""The surface of one snapshot: volatility by standardised moneyness, its sources, what it violates."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from tests.chains import MONTHLY, SIGMA, WEEKLY, flat_vol_snapshot, make_listing, view_of, with_column
from tests.fakes import shipped
from volguard.operations.surface_view import MONEYNESS, surface_document


def test_a_flat_chain_is_flat_by_moneyness_and_forward_in_time() -> None:
    document = surface_document(view_of(flat_vol_snapshot()), shipped())
    assert [row["expiry"] for row in document["expiries"]] == [WEEKLY.isoformat(), MONTHLY.isoformat()]
    for row in document["expiries"]:
        near = [sigma for z, sigma in zip(MONEYNESS, row["iv"], strict=True) if abs(z) <= 1.0]
        assert near == pytest.approx([SIGMA] * 5, abs=2e-3)
        assert math.sqrt(row["forward_variance"]) == pytest.approx(SIGMA, abs=1e-3)
        assert row["butterfly"] > 0.5
    assert document["checks"]["butterfly_arbitrage"] == document["checks"]["calendar_arbitrage"] == []


def test_less_total_variance_in_a_later_expiry_is_named_as_calendar_arbitrage() -> None:
    listing = make_listing()
    sigma = np.where(listing.expiry_index == 0, 0.40, 0.10)
    document = surface_document(view_of(flat_vol_snapshot(sigma=sigma, listing=listing)), shipped())
    assert document["expiries"][0]["calendar_growth"] < 0.0
    assert document["checks"]["calendar_arbitrage"] == [MONTHLY.isoformat()]
    assert document["expiries"][1]["forward_variance"] < 0.0


def test_an_expiry_without_quotes_has_no_smile_and_its_reason_and_the_others_stand() -> None:
    snapshot = flat_vol_snapshot()
    bid = np.where(snapshot.listing.expiry_index == 0, math.nan, snapshot.bid)
    document = surface_document(view_of(with_column(snapshot, bid=bid)), shipped())
    first, second = document["expiries"]
    assert first["source"] == "NONE" and first["reason"] == "SABR no forward; SVI no forward"
    assert first["iv"] == [None] * len(MONEYNESS)
    assert second["source"] in ("SABR", "SVI") and second["atm_iv"] == pytest.approx(SIGMA, abs=1e-3)
    # Without the first expiry the forward variance of the second starts today.
    assert math.sqrt(second["forward_variance"]) == pytest.approx(SIGMA, abs=1e-3)
    assert document["checks"]["butterfly_unchecked"] == [WEEKLY.isoformat()]
    assert "NaN" not in json.dumps(document)
