"""Expiry, strikes and size follow from the market and the budget; every refusal names its first reason."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import (
    DAY,
    FORWARD,
    LOT,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    call,
    condor,
    flat_vol_snapshot,
    put,
    shipped_bucket,
    shipped_policy,
    shipped_rules,
    view_of,
    with_cells,
)
from tests.strategy.scenes import calm_view, full_listing, level_of, make_budget, selection
from volguard.measure.market_view import MarketView
from volguard.measure.payoff import forecast_density, payoff_at
from volguard.measure.stress_book import StressUnavailable
from volguard.model.book import Leg, StructureKind
from volguard.model.instrument import Side
from volguard.model.market import ChainSnapshot
from volguard.strategy.select import (
    Candidate,
    SelectionInputs,
    best_candidate,
    candidates,
    choose_expiry,
    ranked_by,
    short_strikes,
    structure_for,
)
from volguard.volatility.regime import Regime

CONDOR = StructureKind.IRON_CONDOR
CHAIN = flat_vol_snapshot(listing=full_listing())
POLICY = shipped_policy()


# --- expiry ------------------------------------------------------------------------------------------


def expiries(*offsets: int, monthly: tuple[int, ...] = ()) -> tuple[tuple[date, bool], ...]:
    return tuple((DAY + timedelta(days=days), days in monthly) for days in offsets)


@pytest.mark.parametrize(
    ("listed", "days"),
    [
        (expiries(1, 6, 13), 6),
        (expiries(2, 9), 2),
        (expiries(8, 15), 8),
        (expiries(1, 9), None),
        (expiries(0, 1), None),
        ((), None),
    ],
)
def test_the_weekly_bucket_takes_the_nearest_of_two_to_eight_days(
    listed: tuple[tuple[date, bool], ...], days: int | None
) -> None:
    expected = None if days is None else DAY + timedelta(days=days)
    assert choose_expiry(listed, DAY, shipped_bucket("weekly"), frozenset()) == expected


@pytest.mark.parametrize(
    ("listed", "days"),
    [
        (expiries(6, 20, 27, 55, monthly=(27, 55)), 27),
        (expiries(18, monthly=(18,)), 18),
        (expiries(45, monthly=(45,)), 45),
        (expiries(17, 46, monthly=(17, 46)), None),
        (expiries(20, 27), None),
    ],
)
def test_the_monthly_bucket_takes_the_months_last_expiry_of_18_to_45_days(
    listed: tuple[tuple[date, bool], ...], days: int | None
) -> None:
    expected = None if days is None else DAY + timedelta(days=days)
    assert choose_expiry(listed, DAY, shipped_bucket("monthly"), frozenset()) == expected


def test_an_expiry_that_another_bucket_holds_is_skipped() -> None:
    listed = expiries(3, 6)
    assert choose_expiry(listed, DAY, shipped_bucket("weekly"), frozenset({listed[0][0]})) == listed[1][0]
    both = frozenset(day for day, _ in listed)
    assert choose_expiry(listed, DAY, shipped_bucket("weekly"), both) is None


def test_the_structure_leans_with_the_trend() -> None:
    quiet = {regime: structure_for(regime, is_eventful=False) for regime in Regime}
    assert quiet == {
        Regime.TREND_UP: StructureKind.BULL_PUT_SPREAD,
        Regime.TREND_DOWN: StructureKind.BEAR_CALL_SPREAD,
        Regime.NEUTRAL: CONDOR,
        Regime.NO_HISTORY: CONDOR,
    }


@pytest.mark.parametrize("regime", list(Regime))
def test_ahead_of_events_the_condor_is_defensive_whatever_the_trend(regime: Regime) -> None:
    assert structure_for(regime, is_eventful=True) is StructureKind.DEFENSIVE_IRON_CONDOR


# --- short strikes -----------------------------------------------------------------------------------


def shorts_of(view: MarketView, reach: float, delta_max: float) -> tuple[int | None, int | None]:
    shorts = short_strikes(view, level_of(view), reach, delta_max)
    return shorts.put, shorts.call


def deltas(view: MarketView) -> dict[tuple[int, bool], float]:
    rows = view.listing.rows_of(WEEKLY)
    keys = zip(view.listing.strike[rows].tolist(), view.listing.is_call[rows].tolist(), strict=True)
    return {(int(k), c): abs(d) for (k, c), d in zip(keys, view.greeks.delta[rows].tolist(), strict=True)}


def test_where_the_reach_is_the_farther_it_decides() -> None:
    assert shorts_of(calm_view(), 386.0, 0.20) == (24_400, 25_200)
    assert shorts_of(calm_view(), 401.0, 0.20) == (24_350, 25_250)


def test_where_the_delta_is_the_farther_it_decides() -> None:
    view = calm_view()
    by_key = deltas(view)
    put_strike, call_strike = shorts_of(view, 0.0, 0.20)
    assert put_strike is not None and call_strike is not None
    assert by_key[put_strike, False] <= 0.20 < by_key[put_strike + 50, False]
    assert by_key[call_strike, True] <= 0.20 < by_key[call_strike - 50, True]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(reach=st.floats(min_value=0, max_value=900), delta_max=st.floats(min_value=0.01, max_value=1.0))
def test_shorts_are_the_nearest_strikes_that_keep_both_rules(reach: float, delta_max: float) -> None:
    view = calm_view()
    by_key, forward = deltas(view), level_of(view).forward
    puts = [k for (k, c), d in by_key.items() if not c and d <= delta_max and k <= forward - reach]
    calls = [k for (k, c), d in by_key.items() if c and d <= delta_max and k >= forward + reach]
    expected = (max(puts, default=None), min(calls, default=None))
    assert shorts_of(view, reach, delta_max) == expected


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_strike_without_both_sides_is_passed_over_for_the_next_one_out(side: str) -> None:
    view = view_of(with_cells(CHAIN, put(24_400), **{side: math.nan}))
    assert shorts_of(view, 386.0, 0.20) == (24_350, 25_200)


def test_where_no_strike_is_far_enough_there_is_none() -> None:
    assert shorts_of(calm_view(), 5_000.0, 0.20) == (None, None)
    assert shorts_of(calm_view(), 0.0, 1e-9) == (None, None)


# --- candidates --------------------------------------------------------------------------------------


def found_for(inputs: SelectionInputs, kind: StructureKind = CONDOR) -> tuple[Candidate, ...]:
    return candidates(inputs, kind)


def test_every_width_of_the_bucket_is_tried_widest_first() -> None:
    found = found_for(selection())
    assert [candidate.figures["width"] for candidate in found] == [300, 250, 200, 150, 100]
    assert found[0].legs == condor(24_100, 24_400, 25_200, 25_500)
    assert found[-1].legs == condor(24_300, 24_400, 25_200, 25_300)
    assert all(candidate.structure is CONDOR for candidate in found)


def test_the_shorts_stand_at_the_factor_times_the_expected_move() -> None:
    wider = found_for(selection(expected_move_factor=1.6))
    assert level_of(calm_view()).straddle == pytest.approx(309, abs=1)
    assert {leg.contract.strike for leg in wider[-1].legs if leg.side is Side.SELL} == {24_300, 25_300}


def test_a_wing_that_is_not_listed_makes_no_candidate() -> None:
    found = found_for(selection(expected_move_factor=1.9))  # shorts at 24,200 and 25,400; listed to 24,000
    assert [candidate.figures["width"] for candidate in found] == [200, 150, 100]


def test_without_short_strikes_there_are_no_candidates() -> None:
    assert found_for(selection(expected_move_factor=5.0)) == ()


def test_spreads_take_one_side_of_the_condor() -> None:
    puts = found_for(selection(), StructureKind.BULL_PUT_SPREAD)[0]
    calls = found_for(selection(), StructureKind.BEAR_CALL_SPREAD)[0]
    assert puts.legs + calls.legs == condor(24_100, 24_400, 25_200, 25_500)


def touch(view: MarketView, leg: Leg, side: Side) -> Decimal:
    row = view.row(leg.contract)
    column = view.snapshot.ask if side is Side.BUY else view.snapshot.bid
    return Decimal(str(round(float(column[row]), 2)))


def cost_by_fills(view: MarketView, legs: tuple[Leg, ...], units: int) -> float:
    """Half-spreads twice, and the exact charges of every slice of every leg, in and out at entry prices."""
    freeze = shipped_rules().contracts.freeze_quantity(full_listing().underlying, DAY)
    slices = [min(freeze, units - done) for done in range(0, units, freeze)]
    charges = shipped_rules().charges
    cost = 0.0
    for leg in legs:
        price = touch(view, leg, leg.side)
        cost += units * float(touch(view, leg, Side.BUY) - touch(view, leg, Side.SELL))
        for side in Side:
            for quantity in slices:
                lines = charges.for_fill(
                    trade_date=DAY, side=side, quantity=quantity, price=price, first_fill_of_order=True
                )
                cost += float(lines.total)
    return cost


@pytest.mark.parametrize("cap", [5_000, 20_000, 39_000, 100_000, 1_000_000])
@pytest.mark.parametrize("factor", [1.0, 0.5])
def test_lots_are_the_budget_over_the_loss_of_one_lot_with_its_costs(cap: int, factor: float) -> None:
    view = calm_view()
    found = found_for(selection(budget=make_budget(trade_risk_max_inr=Decimal(cap)), lots_factor=factor))
    for candidate in found:
        credit = -sum(leg.side.sign * touch(view, leg, leg.side) for leg in candidate.legs)
        loss = float(Decimal(str(candidate.figures["width"])) - credit)
        one_lot = loss * LOT + cost_by_fills(view, candidate.legs, LOT)
        assert candidate.figures["loss_per_lot_inr"] == pytest.approx(one_lot, abs=0.01)
        assert candidate.figures["risk_budget_inr"] == cap
        assert candidate.lots == math.floor(cap * candidate.confidence * factor / one_lot)
        units = max(candidate.lots, 1) * LOT
        assert float(candidate.max_loss_inr) == pytest.approx(loss * units, abs=0.006)
        assert float(candidate.costs_inr) == pytest.approx(
            cost_by_fills(view, candidate.legs, units), abs=0.02
        )
        assert candidate.credit_per_unit == pytest.approx(float(credit))
        share = float(candidate.costs_inr) / (float(credit) * units)
        assert candidate.figures["cost_share_of_credit"] == pytest.approx(share, abs=1e-5)
        assert candidate.figures["credit_share_of_width"] == pytest.approx(
            float(credit) / float(str(candidate.figures["width"]))
        )


def test_less_confidence_is_fewer_lots() -> None:
    budget = make_budget(trade_risk_max_inr=Decimal(200_000))
    off = with_cells(CHAIN, put(24_400), vendor_iv=SIGMA * 1.12)
    sure = found_for(selection(budget=budget))[0]
    unsure = found_for(selection(view_of(off), budget=budget))[0]
    assert 0.5 < unsure.confidence < 0.8 < sure.confidence
    assert unsure.lots < sure.lots
    per_lot = float(str(unsure.figures["loss_per_lot_inr"]))
    assert unsure.lots == math.floor(200_000 * unsure.confidence / per_lot)


def test_an_order_beyond_the_freeze_quantity_pays_the_brokerage_of_its_slices() -> None:
    narrow = found_for(selection(budget=make_budget(trade_risk_max_inr=Decimal(1_000_000))))[-1]
    units = narrow.lots * LOT
    freeze = shipped_rules().contracts.freeze_quantity(full_listing().underlying, DAY)
    assert units > freeze
    assert float(narrow.costs_inr) == pytest.approx(cost_by_fills(calm_view(), narrow.legs, units), abs=0.02)


def test_the_edge_is_credit_plus_discounted_payoff_less_costs() -> None:
    inputs = selection()
    density = inputs.density
    assert density is not None
    for candidate in found_for(inputs):
        paid = float(payoff_at(candidate.legs, density.levels) @ density.probability)
        units = max(candidate.lots, 1) * LOT
        edge = candidate.credit_per_unit + inputs.level.discount * paid - float(candidate.costs_inr) / units
        assert candidate.figures["ev_p_per_unit"] == pytest.approx(edge, abs=1e-3)
        loss = float(str(candidate.figures["max_loss_per_unit"]))
        assert candidate.figures["ev_p_per_loss"] == pytest.approx(edge / loss, abs=1e-5)
        chance = candidate.figures["probability_of_profit"]
        assert isinstance(chance, float) and 0.8 < chance < 1.0


def test_without_a_forecast_no_edge_is_made_up() -> None:
    found = found_for(selection(density=None))
    for candidate in found:
        assert candidate.figures["ev_p_per_unit"] is None
        assert candidate.figures["ev_p_per_loss"] is None
        assert candidate.figures["probability_of_profit"] is None
    assert {candidate.refusal for candidate in found} == {"no_edge_under_p"}
    unjudged = replace(POLICY, require_forecast_edge=False)
    assert any(not c.refusal for c in found_for(selection(density=None, policy=unjudged)))


# --- refusals ----------------------------------------------------------------------------------------


def test_a_clean_market_with_an_edge_refuses_nothing_that_fits_the_budget() -> None:
    found = found_for(selection(budget=make_budget(trade_risk_max_inr=Decimal(50_000))))
    assert [candidate.refusal for candidate in found] == [""] * 5


def with_policy(**changes: Any) -> Callable[[], SelectionInputs]:
    return lambda: selection(policy=replace(POLICY, **changes))


def with_chain(change: Callable[[ChainSnapshot], ChainSnapshot]) -> Callable[[], SelectionInputs]:
    return lambda: selection(view_of(change(CHAIN)))


def after_jump() -> SelectionInputs:
    jumped = with_cells(CHAIN, call(25_500), bid=9.95, ask=10.05)
    return selection(view_of(replace(jumped, ts=NOW + timedelta(seconds=60)), calm_view()))


def free_lunch() -> SelectionInputs:
    # A credit above the width: nobody gives that away, so the quote is wrong.
    dear = with_cells(CHAIN, put(24_400), bid=400.0, ask=401.0)
    return selection(view_of(dear), policy=replace(POLICY, short_delta_max=1.0))


def dear_forecast() -> SelectionInputs:
    level = level_of(calm_view())
    return selection(density=forecast_density(level.forward, 0.18**2 * 4.72 / 252, 5.0))


@pytest.mark.parametrize(
    ("reason", "inputs"),
    [
        ("leg_not_quoted", with_chain(lambda s: with_cells(s, put(24_100), ask=math.nan))),
        ("leg_not_quoted", with_chain(lambda s: with_cells(s, put(24_100), bid=math.nan))),
        ("no_credit", with_chain(lambda s: with_cells(s, put(24_100), bid=198.0, ask=200.0))),
        ("no_credit", free_lunch),
        ("leg_crossed", with_chain(lambda s: with_cells(s, put(24_100), bid=8.5, ask=8.0))),
        ("leg_stale", with_chain(lambda s: replace(s, quote_age_s=np.full(len(s.listing), 500.0)))),
        ("leg_jump", after_jump),
        ("leg_parity", with_chain(lambda s: with_cells(s, put(24_100), bid=12.0, ask=12.1))),
        ("leg_monotone", with_chain(lambda s: with_cells(s, call(25_550), bid=6.3, ask=6.4))),
        ("leg_convex", with_chain(lambda s: with_cells(s, put(24_100), bid=5.5, ask=5.6))),
        ("short_leg_wide", with_chain(lambda s: with_cells(s, put(24_400), bid=28.8, ask=30.4))),
        ("confidence_low", with_chain(lambda s: with_cells(s, put(24_400), vendor_iv=0.2))),
        ("credit_thin", with_policy(credit_share_of_width_min=0.9)),
        ("cost_test", with_policy(cost_share_of_credit_max=0.01)),
        ("no_edge_under_p", dear_forecast),
        ("one_lot_exceeds_budget", lambda: selection(budget=make_budget(trade_risk_max_inr=Decimal(5_000)))),
    ],
)
def test_each_reason_for_refusal_is_reached(reason: str, inputs: Callable[[], SelectionInputs]) -> None:
    widest = found_for(inputs())[0]
    assert widest.legs == condor(24_100, 24_400, 25_200, 25_500)
    assert widest.refusal == reason
    assert best_candidate((widest,), by_edge=True) is None


def test_an_unquoted_structure_has_no_money_in_it() -> None:
    inputs = selection(view_of(with_cells(CHAIN, put(24_100), ask=math.nan)))
    refused = found_for(inputs)[0]
    assert (refused.lots, refused.credit_per_unit, refused.max_loss_inr) == (0, 0.0, Decimal(0))
    assert set(refused.figures) == {"width", "confidence"}


def test_a_wide_wing_costs_its_spread_and_is_not_refused_for_it() -> None:
    wide = with_cells(CHAIN, put(24_100), bid=4.6, ask=5.5)
    loose = replace(POLICY, cost_share_of_credit_max=1.0)
    assert found_for(selection(view_of(wide), policy=loose))[0].refusal == ""


def test_the_first_reason_is_given_where_several_hold() -> None:
    policy = replace(POLICY, credit_share_of_width_min=0.9, cost_share_of_credit_max=0.01)
    broke = make_budget(trade_risk_max_inr=Decimal(0))
    found = found_for(selection(policy=policy, budget=broke, density=None))
    assert {candidate.refusal for candidate in found} == {"credit_thin"}
    assert {candidate.lots for candidate in found} == {0}


def test_thresholds_themselves_pass() -> None:
    plain = found_for(selection())[0]
    credit_share = float(str(plain.figures["credit_share_of_width"]))
    cost_share = float(str(plain.figures["cost_share_of_credit"]))
    at = replace(
        POLICY,
        credit_share_of_width_min=credit_share,
        cost_share_of_credit_max=cost_share,
        confidence_min=plain.confidence,
    )
    assert found_for(selection(policy=at))[0].refusal == ""
    above = replace(at, credit_share_of_width_min=credit_share + 1e-6)
    assert found_for(selection(policy=above))[0].refusal == "credit_thin"
    below = replace(at, cost_share_of_credit_max=cost_share - 1e-6)
    assert found_for(selection(policy=below))[0].refusal == "cost_test"


# --- the best ----------------------------------------------------------------------------------------


def candidate(edge: float | None, refusal: str = "") -> Candidate:
    return replace(
        found_for(selection())[0], figures={"ev_p_per_loss": edge}, refusal=refusal, confidence=1.0
    )


def test_the_best_is_the_highest_edge_per_rupee_of_loss_among_those_not_refused() -> None:
    low, high, refused = candidate(0.01), candidate(0.03), candidate(0.09, "cost_test")
    assert best_candidate((low, refused, high), by_edge=True) is high


def test_the_edge_is_measured_against_the_stressed_loss_where_all_have_one() -> None:
    """Per rupee at expiry the first is better, per rupee of stressed loss the second."""
    stressed = [
        replace(candidate(edge), figures={"ev_p_per_loss": edge, "ev_p_per_stressed_loss": by_stress})
        for edge, by_stress in ((0.04, 0.05), (0.03, 0.09))
    ]
    assert best_candidate(tuple(stressed), by_edge=True) is stressed[1]
    assert ranked_by(tuple(stressed), by_edge=True) == "ev_p_per_stressed_loss"
    # One that has none is not compared by two measures.
    bare = candidate(0.02)
    assert best_candidate((*stressed, bare), by_edge=True) is stressed[0]
    assert ranked_by((*stressed, bare), by_edge=True) == "ev_p_per_loss"
    refused = replace(bare, refusal="cost_test")
    assert best_candidate((*stressed, refused), by_edge=True) is stressed[1]


def test_the_stressed_loss_is_that_of_the_structure_alone() -> None:
    """A condor of the calm market loses its whole width less what it is worth now, at a move of a fifth."""
    view = calm_view()
    for found in found_for(selection(budget=make_budget(trade_risk_max_inr=Decimal(50_000)))):
        rows = [view.row(leg.contract) for leg in found.legs]
        mids = np.array([view.mid[row] for row in rows if row is not None])
        worth = -float(mids @ np.array([leg.side.sign for leg in found.legs]))
        width = float(str(found.figures["width"]))
        loss = float(str(found.figures["stressed_loss_per_unit"]))
        assert loss == pytest.approx(width - worth, abs=0.1)
        edge = float(str(found.figures["ev_p_per_unit"]))
        assert found.figures["ev_p_per_stressed_loss"] == pytest.approx(edge / loss)


def test_the_stress_is_made_for_those_alone_that_may_be_traded_and_ranked() -> None:
    refused = found_for(selection(policy=replace(POLICY, cost_share_of_credit_max=0.01)))
    unjudged = found_for(selection(policy=replace(POLICY, require_forecast_edge=False)))
    without = found_for(selection(stress=None))
    for found in (*refused, *unjudged, *without):
        assert "stressed_loss_per_unit" not in found.figures


def test_a_structure_that_cannot_be_stressed_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    unavailable = StressUnavailable(reasons=("a leg has no volatility",))
    monkeypatch.setattr("volguard.strategy.select.portfolio_stress", lambda *_: unavailable)
    found = found_for(selection(budget=make_budget(trade_risk_max_inr=Decimal(50_000))))
    assert {c.figures["stress_missing"] for c in found} == {"a leg has no volatility"}
    assert {c.figures["stressed_loss_per_unit"] for c in found} == {None}
    assert ranked_by(found, by_edge=True) == "ev_p_per_loss"


def test_where_no_edge_is_judged_the_widest_stands() -> None:
    low, high, refused = candidate(0.01), candidate(0.03), candidate(None, "credit_thin")
    assert best_candidate((refused, low, high), by_edge=False) is low


def test_without_a_passing_candidate_there_is_no_best() -> None:
    assert best_candidate((), by_edge=True) is None
    assert best_candidate((candidate(0.5, "cost_test"),), by_edge=False) is None


def test_the_journal_keeps_strikes_lots_figures_and_reason() -> None:
    widest = found_for(selection())[0]
    record = widest.record
    assert record.strikes == (24_100, 24_400, 25_200, 25_500)
    assert (record.structure, record.lots, record.refusal) == (CONDOR, widest.lots, widest.refusal)
    assert record.figures == widest.figures


def test_the_monthly_bucket_is_sized_at_its_own_expiry() -> None:
    view = calm_view()
    level = level_of(view, MONTHLY)
    monthly = shipped_bucket("monthly")
    found = found_for(selection(level=level, bucket=monthly, density=None))
    assert [c.figures["width"] for c in found] == [500, 450, 400, 350, 300, 250, 200, 150]
    assert {leg.contract.expiry for c in found for leg in c.legs} == {MONTHLY}
    reach = 1.25 * level.straddle
    for leg in found[0].legs:
        assert abs(leg.contract.strike - FORWARD) >= reach - 1
