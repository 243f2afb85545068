"""The month's volatility is the source's VIX, or the chain's own by NSE's method: never one for the other."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.chains import CAPABILITIES, MONTHLY, flat_vol_snapshot, make_listing, shipped_rules, view_of
from tests.strategy.scenes import LADDERS
from volguard.measure.chain_vix import chain_vix, month_volatility
from volguard.measure.market_view import MarketView

NEXT_MONTHLY = date(2025, 10, 28)
CONTRACTS = shipped_rules().contracts
WITH_VIX = replace(CAPABILITIES, vix=True)
LISTING = make_listing(LADDERS)


def seen(**changes: object) -> MarketView:
    return view_of(replace(flat_vol_snapshot(listing=LISTING), **changes))  # type: ignore[arg-type]


def test_a_flat_chain_at_twelve_percent_returns_twelve_from_its_two_monthly_expiries() -> None:
    found = chain_vix(seen(), CONTRACTS)
    assert found.expiries == (MONTHLY, NEXT_MONTHLY)
    assert found.volatility == pytest.approx(0.12, abs=0.002)
    assert month_volatility(seen(), CAPABILITIES, CONTRACTS) == (
        found.volatility,
        "model-free vix of the chain: the source has none",
    )


def test_a_source_with_vix_is_believed() -> None:
    assert month_volatility(seen(vix=0.10), WITH_VIX, CONTRACTS) == (0.10, "vix of the source")


def test_a_vix_that_the_source_is_meant_to_give_and_did_not_is_not_replaced() -> None:
    assert month_volatility(seen(), WITH_VIX, CONTRACTS)[0] is None


def test_without_two_monthly_expiries_there_is_no_value() -> None:
    short = view_of(flat_vol_snapshot())
    found = chain_vix(short, CONTRACTS)
    assert (found.expiries, found.value, found.volatility) == ((MONTHLY,), None, None)


def test_a_monthly_expiry_without_bids_leaves_nothing_to_measure() -> None:
    bid = seen().snapshot.bid.copy()
    bid[LISTING.rows_of(MONTHLY)] = np.nan
    found = chain_vix(seen(bid=bid), CONTRACTS)
    assert found.value is not None and found.volatility is None
