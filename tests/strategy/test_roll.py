"""What rolling to the next expiry would cost is told with the exit, to the rupee, or why it is not known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    LOT,
    MONTHLY,
    WEEKLY,
    condor,
    put,
    shipped_bucket,
    shipped_policy,
    shipped_rules,
    view_of,
    with_cells,
    with_column,
)
from tests.strategy.scenes import calm_view
from tests.strategy.test_manage import make_trade
from volguard.measure.flat_cost import FlatCostSettings, flat_cost
from volguard.measure.market_view import MarketView
from volguard.measure.touch import leg_quotes
from volguard.model.book import StructureKind, Trade, positions_of
from volguard.strategy.roll import NextExpiryInputs, next_expiry_figures
from volguard.strategy.structure import wing_width

BUCKET = shipped_bucket("weekly")


def told(view: MarketView | None = None, trade: Trade | None = None, **changes: Any) -> dict[str, Any]:
    """The weekly condor on the calm market, the monthly expiry next."""
    view = calm_view() if view is None else view
    trade = make_trade() if trade is None else trade
    values: dict[str, Any] = {
        "view": view,
        "trade": trade,
        "flat": flat_cost(
            view,
            positions_of(trade.fills),
            trade_date=view.ts.date(),
            rules=shipped_rules(),
            settings=FlatCostSettings(orders_per_second=8.0),
            fill_wait_s=1.0,
        ),
        "expiry": MONTHLY,
        "policy": shipped_policy(),
        "bucket": BUCKET,
        "rules": shipped_rules(),
    }
    return dict(next_expiry_figures(NextExpiryInputs(**values | changes)))


def test_the_exit_costs_half_the_spreads_and_the_charges() -> None:
    """Leg by leg at the quotes of now; what lies beyond the touch besides."""
    found, view = told(), calm_view()
    quotes = leg_quotes(view, make_trade().legs)
    assert quotes.half_spread is not None
    assert found["exit_half_spreads_inr"] == pytest.approx(quotes.half_spread * LOT, abs=0.02)
    assert found["exit_walk_inr"] == 0.0 and found["exit_charges_inr"] > 4 * 20
    assert found["exit_cost_inr"] == pytest.approx(
        found["exit_half_spreads_inr"] + found["exit_charges_inr"], abs=0.01
    )
    assert "exit_cost_missing" not in found


def test_the_next_structure_is_the_same_of_the_later_expiry() -> None:
    """Shorts by the same selection, wings as wide as the trade's, as many lots: its credit at the touch."""
    found, trade = told(), make_trade()
    low, short_put, short_call, high = map(int, found["next_strikes"].split("/"))
    width = wing_width(trade.legs)
    assert (short_put - low, high - short_call) == (width, width)
    deltas = [float(text) for text in found["next_short_deltas"].split("/")]
    assert all(0.0 < delta <= shipped_policy().short_delta_max for delta in deltas)
    credit = leg_quotes(calm_view(), condor(low, short_put, short_call, high, MONTHLY)).credit
    assert found["next_credit_per_unit"] == pytest.approx(credit)
    assert found["next_credit_inr"] == pytest.approx((credit or 0.0) * LOT, abs=0.01)
    assert (found["next_expiry"], found["next_roll"]) == (MONTHLY.isoformat(), "priced")


def test_the_cost_of_the_roll_is_that_of_the_exit_and_of_one_entry() -> None:
    """Half the spreads of the new legs and their charges by the schedule of the day."""
    found = told()
    strikes = [int(text) for text in found["next_strikes"].split("/")]
    quotes = leg_quotes(calm_view(), condor(*strikes, MONTHLY))
    charges = shipped_rules().charges.estimate_inr(
        trade_date=calm_view().ts.date(),
        premium_buy_inr=quotes.bought * LOT,
        premium_sell_inr=quotes.sold * LOT,
        orders=4,
    )
    assert quotes.half_spread is not None
    assert found["next_cost_inr"] == pytest.approx(quotes.half_spread * LOT + float(charges), abs=0.01)
    assert found["next_roll_cost_inr"] == pytest.approx(found["next_cost_inr"] + found["exit_cost_inr"])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"expiry": None}, "no later expiry of the bucket in 2 to 8 days is listed"),
        ({"expiry": WEEKLY}, "no later expiry of the bucket in 2 to 8 days is listed"),
        ({"bucket": shipped_bucket("intraday")}, "the bucket trades within one session"),
        ({"trade": replace(make_trade(), structure=StructureKind.ADOPTED)}, "ADOPTED is not chosen here"),
    ],
)
def test_where_there_is_no_next_structure_it_says_why(changes: dict[str, Any], why: str) -> None:
    """The cost of the exit stands all the same."""
    found = told(**changes)
    assert found["next_roll"] == f"not available: {why}"
    assert found["next_cost_inr"] is None and found["next_roll_cost_inr"] is None
    assert found["exit_cost_inr"] is not None and found["next_expiry"] is None


def test_an_expiry_without_a_level_has_no_strikes() -> None:
    snapshot = calm_view().snapshot
    late = snapshot.listing.expiry_index == snapshot.listing.expiries.index(MONTHLY)
    dead = with_column(snapshot, bid=np.where(late, math.nan, snapshot.bid))
    why = f"forward or ATM volatility of {MONTHLY.isoformat()} is not pinned by quotes"
    assert told(view_of(dead))["next_roll"] == f"not available: {why}"


def test_a_wing_that_nobody_asks_for_has_no_price() -> None:
    strikes = [int(text) for text in told()["next_strikes"].split("/")]
    gone = with_cells(calm_view().snapshot, put(strikes[0], MONTHLY), ask=math.nan)
    assert told(view_of(gone))["next_roll"] == "not available: a leg is not quoted on both sides"


def test_a_leg_that_cannot_be_closed_takes_the_cost_of_the_exit_and_names_itself() -> None:
    trade = make_trade()
    gone = with_cells(calm_view().snapshot, trade.legs[1].contract, ask=math.nan)
    found = told(view_of(gone))
    assert found["exit_cost_inr"] is None and found["next_roll_cost_inr"] is None
    assert trade.legs[1].contract.symbol in found["exit_cost_missing"]
    assert found["next_cost_inr"] is not None


def test_as_many_lots_as_the_trade_has() -> None:
    one = make_trade()
    fills = tuple(replace(fill, quantity=3 * fill.quantity) for fill in one.fills)
    three = told(trade=replace(one, lots=3, fills=fills))
    assert three["next_credit_inr"] == pytest.approx(3 * told()["next_credit_inr"], abs=0.02)
    assert three["exit_half_spreads_inr"] == pytest.approx(3 * told()["exit_half_spreads_inr"], abs=0.1)
