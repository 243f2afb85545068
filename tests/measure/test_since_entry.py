"""What a trade made since its entry is told apart by delta, gamma and vega, and nothing is left over."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import (
    FORWARD,
    LOT,
    NOW,
    SIGMA,
    call,
    condor,
    flat_vol_snapshot,
    put,
    view_of,
    with_cells,
)
from tests.strategy.scenes import calm_view, full_listing
from volguard.measure.market_view import MarketView
from volguard.measure.since_entry import SinceEntry, entry_market, since_entry
from volguard.model.book import Bucket, EntryMarket, Leg, Position, StructureKind, Trade, TradeState
from volguard.pricing.black76 import greeks, price

LEGS: Final = condor(24_100, 24_400, 25_200, 25_500)
HELD: Final = tuple(Position(contract=leg.contract, quantity=leg.side.sign * LOT) for leg in LEGS)


def make_trade(entry: EntryMarket | None, legs: tuple[Leg, ...] = LEGS) -> Trade:
    return Trade(
        trade_id="T1",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=legs,
        lots=1,
        lot_size=LOT,
        state=TradeState.OPEN,
        proposed_at=NOW,
        credit_per_unit=49.5,
        max_loss_inr=Decimal(19_000),
        reserved_inr=Decimal(19_000),
        entry_market=entry,
    )


def view_at(forward: float, sigma: float, ts: datetime = NOW) -> MarketView:
    """Exact mids, so that implied figures are those given."""
    return view_of(flat_vol_snapshot(ts, forward, sigma, listing=full_listing(), tick=None))


def parts(view: MarketView, entry: EntryMarket | None) -> SinceEntry:
    found = since_entry(view, make_trade(entry), HELD)
    assert found is not None
    return found


def value(view: MarketView, forward: float, sigma: float) -> float:
    """Rupees of the condor with the time and discount of a view."""
    rows = [view.row(leg.contract) for leg in LEGS]
    at = np.array([row for row in rows if row is not None])
    years = view.years[view.listing.expiry_index[at]]
    prices = price(
        forward, view.listing.strike[at], years, sigma, view.listing.is_call[at], view.discount[at]
    )
    return float(prices @ np.array([position.quantity for position in HELD], dtype=np.float64))


def test_the_entry_keeps_forward_volatilities_and_the_shape_of_the_term_structure() -> None:
    entry = entry_market(view_at(FORWARD, SIGMA), LEGS)
    assert entry is not None
    assert entry.forward == pytest.approx(FORWARD, abs=0.01)
    assert entry.sigmas == pytest.approx((SIGMA,) * 4, abs=1e-5)
    assert entry.is_backwardation is False


def test_a_leg_without_a_price_leaves_no_entry_market() -> None:
    blind = calm_view().snapshot
    for strike in (24_350, 24_400, 24_450):
        for contract in (put(strike), call(strike)):
            blind = with_cells(blind, contract, bid=math.nan, ask=math.nan)
    assert entry_market(view_of(blind), LEGS) is None
    unlisted = condor(24_100, 24_400, 25_200, 25_500, date(2025, 9, 16))
    assert entry_market(calm_view(), unlisted) is None


def test_on_the_market_of_the_entry_nothing_has_been_lost() -> None:
    view = view_at(FORWARD, SIGMA)
    found = parts(view, entry_market(view, LEGS))
    for part in (found.delta_inr, found.gamma_inr, found.vega_inr):
        assert part == pytest.approx(0.0, abs=0.01)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    forward=st.floats(min_value=24_450, max_value=25_150),
    sigma=st.floats(min_value=0.08, max_value=0.25),
    hours=st.integers(min_value=0, max_value=4),
)
def test_the_parts_and_the_passing_of_time_are_the_whole_change(
    forward: float, sigma: float, hours: int
) -> None:
    before, now = view_at(FORWARD, SIGMA), view_at(forward, sigma, NOW + timedelta(hours=hours))
    found = parts(now, entry_market(before, LEGS))
    theta = value(now, FORWARD, SIGMA) - value(before, FORWARD, SIGMA)
    whole = value(now, forward, sigma) - value(before, FORWARD, SIGMA)
    assert theta + found.delta_inr + found.gamma_inr + found.vega_inr == pytest.approx(whole, abs=0.5)


def test_small_moves_cost_what_gamma_and_vega_say() -> None:
    """A condor is short of both: half gamma times the move squared, and vega times the points."""
    before, now = view_at(FORWARD, SIGMA), view_at(FORWARD + 20.0, SIGMA + 0.001)
    found = parts(now, entry_market(before, LEGS))
    rows = [now.row(leg.contract) for leg in LEGS]
    at = np.array([row for row in rows if row is not None])
    years, discount = now.years[now.listing.expiry_index[at]], now.discount[at]
    sign = np.array([position.quantity for position in HELD], dtype=np.float64)
    g = greeks(FORWARD, now.listing.strike[at], years, SIGMA, now.listing.is_call[at], discount)
    move = 20.0 * float(discount[0])
    gamma, vega = 0.5 * float(sign @ g.gamma) * move**2, 0.1 * float(sign @ g.vega_per_pt)
    assert gamma < 0 and vega < 0
    assert found.gamma_inr == pytest.approx(gamma, rel=0.05)
    assert found.vega_inr == pytest.approx(vega, rel=0.05)


def test_what_is_not_known_is_not_told() -> None:
    view = calm_view()
    entry = entry_market(view, LEGS)
    assert since_entry(view, make_trade(None), HELD) is None
    assert since_entry(view, make_trade(entry), ()) is None
    other = Position(contract=call(25_000), quantity=LOT)
    assert since_entry(view, make_trade(entry), (*HELD, other)) is None
    dark = replace(view, fair_sigma=np.full(len(view.listing), np.nan))
    assert since_entry(dark, make_trade(entry), HELD) is None
