"""A bucket proposes only when every gate lets it; the first gate that says no names the reason."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    CAPABILITIES,
    FORWARD,
    LOT,
    MONTHLY,
    NOW,
    SIGMA,
    WEEKLY,
    at,
    flat_vol_snapshot,
    shipped_bucket,
    shipped_iv_rv,
    shipped_policy,
    view_of,
)
from tests.strategy.scenes import (
    FORECAST,
    SESSIONS,
    calm_view,
    events_of,
    full_listing,
    level_of,
    make_budget,
    make_outlook,
    monthly_inputs,
    proposal_inputs,
)
from volguard.measure.payoff import expected_payoff, forecast_density
from volguard.model.book import Bucket, StructureKind
from volguard.model.instrument import Side
from volguard.model.proposal import Proposal
from volguard.strategy.premium_gate import judge_premium
from volguard.strategy.proposal_inputs import ProposalInputs, Wait
from volguard.strategy.propose import propose
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.events import EventKind
from volguard.volatility.iv_rv import IvRvSignal
from volguard.volatility.outlook import NO_OUTLOOK
from volguard.volatility.rank import percentile_of, z_score
from volguard.volatility.regime import Regime

POLICY = replace(shipped_policy(), heed_events=True)
UNJUDGED = replace(POLICY, require_forecast_edge=False, require_vrp=False)


def proposed(inputs: ProposalInputs) -> Proposal:
    outcome = propose(inputs)
    assert isinstance(outcome, Proposal), outcome
    return outcome


def waited(inputs: ProposalInputs) -> Wait:
    outcome = propose(inputs)
    assert isinstance(outcome, Wait)
    return outcome


def shorts(proposal: Proposal) -> list[int]:
    return [leg.contract.strike for leg in proposal.legs if leg.side is Side.SELL]


# --- the proposal ------------------------------------------------------------------------------------


def test_a_calm_market_with_a_premium_gives_a_condor_within_its_budget() -> None:
    proposal = proposed(proposal_inputs())
    assert (proposal.structure, proposal.bucket, proposal.expiry) == (
        StructureKind.IRON_CONDOR,
        Bucket.WEEKLY,
        WEEKLY,
    )
    assert shorts(proposal) == [24_400, 25_200]
    assert proposal.lots >= 1 and proposal.lot_size == LOT
    assert proposal.risk_inr == proposal.max_loss_inr + proposal.costs_inr
    assert proposal.risk_inr <= Decimal(20_000)
    assert len(proposal.candidates) == 5
    assert [c.strikes for c in proposal.candidates if not c.refusal]


def test_a_proposal_carries_the_figures_that_chose_it() -> None:
    figures = proposed(proposal_inputs()).figures
    assert figures["expiry"] == "2025-09-09"
    assert figures["forward"] == pytest.approx(FORWARD, abs=0.1)
    assert figures["atm_iv"] == pytest.approx(SIGMA, abs=1e-3)
    assert figures["signal"] == "SELL_FULL"
    assert figures["iv_history"] == "vix_proxy"
    assert figures["quote_age"] == "not_applicable"
    assert (figures["forecast_edge_judged"], figures["vrp_judged"]) == (True, True)
    assert figures["sessions_to_expiry"] == pytest.approx(SESSIONS, rel=1e-6)


def test_quote_ages_are_judged_where_the_source_gives_them() -> None:
    timed = replace(CAPABILITIES, quote_time=True)
    view = view_of(flat_vol_snapshot(listing=full_listing(), quote_age_s=1.0), capabilities=timed)
    assert proposed(proposal_inputs(view=view, capabilities=timed)).figures["quote_age"] == "judged"


def test_the_chosen_structure_is_the_best_edge_per_rupee_of_stressed_loss() -> None:
    proposal = proposed(proposal_inputs(budget=make_budget(trade_risk_max_inr=Decimal(100_000))))
    edges = [float(str(c.figures["ev_p_per_stressed_loss"])) for c in proposal.candidates if not c.refusal]
    assert len(edges) > 1
    assert proposal.figures["ev_p_per_stressed_loss"] == max(edges) > 0


@pytest.mark.parametrize(
    ("regime", "structure"),
    [
        (Regime.TREND_UP, StructureKind.BULL_PUT_SPREAD),
        (Regime.TREND_DOWN, StructureKind.BEAR_CALL_SPREAD),
        (Regime.NO_HISTORY, StructureKind.IRON_CONDOR),
    ],
)
def test_the_structure_follows_the_trend(regime: Regime, structure: StructureKind) -> None:
    loose = replace(POLICY, credit_share_of_width_min=0.01, cost_share_of_credit_max=0.5)
    proposal = proposed(proposal_inputs(policy=loose, outlook=make_outlook(regime=regime)))
    assert proposal.structure is structure


def test_a_reduced_signal_is_half_the_lots() -> None:
    rich = make_budget(trade_risk_max_inr=Decimal(300_000))
    # The same forecast, but today's spread is poor against its past: z between -1 and 0.
    poor = make_outlook(past_spread=np.linspace(0.10, 0.02, 252))
    full, half = (proposed(proposal_inputs(budget=rich, outlook=o)) for o in (make_outlook(), poor))
    assert (full.figures["signal"], half.figures["signal"]) == ("SELL_FULL", "SELL_REDUCED")
    per_lot = float(str(half.figures["loss_per_lot_inr"]))
    assert half.lots == math.floor(300_000 * half.confidence * 0.5 / per_lot)
    assert full.lots == math.floor(300_000 * full.confidence / float(str(full.figures["loss_per_lot_inr"])))


def test_where_the_premium_is_not_judged_nothing_is_halved_by_it() -> None:
    rich = make_budget(trade_risk_max_inr=Decimal(300_000))
    poor = make_outlook(past_spread=np.linspace(0.10, 0.02, 252))
    policy = replace(POLICY, require_vrp=False)
    proposal = proposed(proposal_inputs(budget=rich, outlook=poor, policy=policy))
    per_lot = float(str(proposal.figures["loss_per_lot_inr"]))
    assert proposal.figures["signal"] == "SELL_REDUCED"
    assert proposal.lots == math.floor(300_000 * proposal.confidence / per_lot)


def test_with_both_switches_off_a_trade_needs_no_history_and_says_that_its_edge_was_not_judged() -> None:
    figures = proposed(proposal_inputs(policy=UNJUDGED, outlook=NO_OUTLOOK)).figures
    assert (figures["forecast_edge_judged"], figures["vrp_judged"]) == (False, False)
    for name in ("forecast_vol", "iv_rv_spread", "iv_rv_z", "iv_percentile", "ev_p_per_unit"):
        assert figures[name] is None
    assert figures["ev_p_at_forecast_plus_1pt"] is None
    assert figures["signal"] == "ABSTAIN"


def test_the_edge_at_one_point_more_is_that_of_the_dearer_forecast() -> None:
    proposal = proposed(proposal_inputs())
    level = level_of(calm_view())
    sessions = float(str(proposal.figures["sessions_to_expiry"]))
    points = [
        expected_payoff(
            proposal.legs,
            proposal.credit_per_unit,
            forecast_density(level.forward, vol**2 * sessions / 252, 5.0),
        ).expected_points
        for vol in (FORECAST, FORECAST + 0.01)
    ]
    moved = level.discount * (points[1] - points[0])
    edge = float(str(proposal.figures["ev_p_per_unit"]))
    assert moved < 0
    assert proposal.figures["ev_p_at_forecast_plus_1pt"] == pytest.approx(edge + moved, abs=1e-5)


def test_a_high_percentile_pushes_the_monthly_shorts_out_and_leaves_the_weekly_ones() -> None:
    high = make_outlook(past_vix=np.linspace(0.05, 0.121, 252))
    loose = replace(POLICY, credit_share_of_width_min=0.01, cost_share_of_credit_max=0.9)
    plain = proposed(monthly_inputs(policy=loose))
    pushed = proposed(monthly_inputs(policy=loose, outlook=high))
    straddle = level_of(calm_view(), MONTHLY).straddle
    assert shorts(plain) == [50 * math.floor((FORWARD - 1.25 * straddle) / 50), 25_650]
    assert shorts(pushed) == [50 * math.floor((FORWARD - 1.5 * straddle) / 50), 25_800]
    assert shorts(proposed(proposal_inputs(policy=loose, outlook=high))) == [24_400, 25_200]


# --- events ------------------------------------------------------------------------------------------

# Scores with the trade's own weekend and expiry (0.543): each event fades by a seventh a day.
RBI_TOMORROW = events_of((date(2025, 9, 4), EventKind.RBI))  # 2.257
RBI_TODAY = events_of((date(2025, 9, 3), EventKind.RBI))  # 2.543
FOMC_ON_FRIDAY = events_of((date(2025, 9, 5), EventKind.FOMC))  # 2.329
BOTH = events_of((date(2025, 9, 4), EventKind.RBI), (date(2025, 9, 5), EventKind.FOMC))  # 4.043
RICH = make_budget(trade_risk_max_inr=Decimal(300_000))
LOOSE = replace(POLICY, credit_share_of_width_min=0.01, cost_share_of_credit_max=0.9)


@pytest.mark.parametrize(
    ("events", "structure", "multiplier"),
    [
        (events_of(), StructureKind.IRON_CONDOR, 1.0),
        (RBI_TOMORROW, StructureKind.IRON_CONDOR, 0.5),
        (FOMC_ON_FRIDAY, StructureKind.IRON_CONDOR, 0.3),
        (RBI_TODAY, StructureKind.DEFENSIVE_IRON_CONDOR, 0.5),
        (BOTH, StructureKind.DEFENSIVE_IRON_CONDOR, 0.3),
    ],
)
def test_events_make_a_trade_smaller_and_above_their_score_defensive(
    events: EventTables, structure: StructureKind, multiplier: float
) -> None:
    proposal = proposed(proposal_inputs(events=events, budget=RICH, policy=LOOSE))
    figures = proposal.figures
    assert proposal.structure is structure
    assert figures["event_multiplier"] == multiplier
    per_lot = float(str(figures["loss_per_lot_inr"]))
    assert proposal.lots == math.floor(300_000 * proposal.confidence * multiplier / per_lot)


def test_the_defensive_condor_stands_one_and_a_half_expected_moves_away() -> None:
    straddle = level_of(calm_view()).straddle
    plain = proposed(proposal_inputs(events=RBI_TOMORROW, policy=LOOSE, budget=RICH))
    defensive = proposed(proposal_inputs(events=BOTH, policy=LOOSE, budget=RICH))
    assert shorts(plain) == [24_400, 25_200]
    put_strike, call_strike = shorts(defensive)
    assert put_strike == 50 * math.floor((FORWARD - 1.5 * straddle) / 50)
    assert call_strike == 50 * math.ceil((FORWARD + 1.5 * straddle) / 50)


def test_a_score_at_the_limit_leaves_the_condor_as_it_is() -> None:
    score = float(str(proposed(proposal_inputs(events=RBI_TODAY, policy=LOOSE)).figures["event_score"]))
    at_limit = replace(LOOSE, defensive_event_score=score)
    assert proposed(proposal_inputs(events=RBI_TODAY, policy=at_limit)).structure is StructureKind.IRON_CONDOR


@pytest.mark.parametrize("regime", [Regime.TREND_UP, Regime.TREND_DOWN])
def test_events_come_before_the_trend(regime: Regime) -> None:
    proposal = proposed(
        proposal_inputs(events=BOTH, policy=LOOSE, budget=RICH, outlook=make_outlook(regime=regime))
    )
    assert proposal.structure is StructureKind.DEFENSIVE_IRON_CONDOR


def test_a_reduced_signal_and_an_event_both_take_their_part_of_the_lots() -> None:
    poor = make_outlook(past_spread=np.linspace(0.10, 0.02, 252))
    proposal = proposed(proposal_inputs(events=RBI_TOMORROW, budget=RICH, outlook=poor))
    assert proposal.figures["size_factor"] == pytest.approx(proposal.confidence * 0.5 * 0.5)


def test_events_that_leave_no_lot_say_so() -> None:
    poor = make_budget(trade_risk_max_inr=Decimal(9_000))
    wait = waited(proposal_inputs(events=FOMC_ON_FRIDAY, policy=LOOSE, budget=poor))
    assert wait.reason == "one_lot_exceeds_budget"
    assert wait.text.startswith("one lot risks 5924.8414, budget 9000.0 times 0.299")
    assert wait.text.endswith("for events, signal and confidence")


def test_without_a_table_of_events_none_is_claimed_and_the_decision_says_so() -> None:
    figures = proposed(proposal_inputs(events=None)).figures
    assert (figures["event_score"], figures["event_multiplier"]) == (None, None)
    assert figures["events_missing"] == "there is no table of events"


def test_nothing_is_opened_that_would_be_left_at_once_for_an_event_of_the_next_session() -> None:
    tomorrow = events_of((date(2025, 9, 4), EventKind.FOMC))
    wait = waited(proposal_inputs(events=tomorrow))
    assert wait.reason == "event_next_session"
    assert wait.text == "fomc decision on 2025-09-04, the next session"
    assert wait.figures["event_class"] == "A"
    # On the day itself it has come: smaller and defensive, but not barred.
    today = events_of((date(2025, 9, 3), EventKind.FOMC))
    assert (
        proposed(proposal_inputs(events=today, policy=LOOSE, budget=RICH)).figures["event_multiplier"] == 0.3
    )


def test_a_trade_of_one_day_is_not_barred_by_an_event_of_tomorrow() -> None:
    tomorrow = events_of((date(2025, 9, 4), EventKind.FOMC))
    proposed(intraday_inputs(events=tomorrow, bucket_policy=replace(INTRADAY, event_score_max=5.0)))


@pytest.mark.parametrize("day", [3, 4, 5])
def test_where_events_are_not_heeded_they_are_shown_and_change_nothing(day: int) -> None:
    deaf = replace(LOOSE, heed_events=False)
    events = events_of((date(2025, 9, day), EventKind.FOMC))
    shown = proposed(proposal_inputs(events=events, policy=deaf, budget=RICH))
    plain = proposed(proposal_inputs(events=events_of(), policy=LOOSE, budget=RICH))
    assert (shown.structure, shown.legs, shown.lots) == (plain.structure, plain.legs, plain.lots)
    assert (shown.figures["events_heeded"], shown.figures["event_multiplier"]) == (False, 0.3)
    assert plain.figures["events_heeded"] is True


# --- the intraday bucket -----------------------------------------------------------------------------

INTRADAY = shipped_bucket("intraday")


def intraday_inputs(**changes: Any) -> ProposalInputs:
    plain: dict[str, Any] = {
        "bucket": Bucket.INTRADAY,
        "bucket_policy": INTRADAY,
        "policy": LOOSE,
        "budget": RICH,
    }
    return proposal_inputs(**plain | changes)


@pytest.mark.parametrize(("clock", "is_open"), [("12:30:00", True), ("12:30:01", False), ("09:29:59", False)])
def test_the_intraday_bucket_opens_nothing_after_half_past_twelve(clock: str, is_open: bool) -> None:
    outcome = propose(intraday_inputs(now=at(f"2025-09-03 {clock}")))
    assert (isinstance(outcome, Wait) and outcome.reason == "entry_window") is not is_open


def test_the_intraday_bucket_waits_when_events_score_above_three() -> None:
    wait = waited(intraday_inputs(events=BOTH))
    assert wait.reason == "event_score"
    assert wait.text == "event score 4.04, at most 3.00"
    proposed(intraday_inputs(events=RBI_TODAY))
    score = float(str(wait.figures["event_score"]))
    proposed(intraday_inputs(events=BOTH, bucket_policy=replace(INTRADAY, event_score_max=score)))


def test_the_noon_before_expiry_is_not_the_intraday_buckets() -> None:
    outcome = propose(intraday_inputs(now=at("2025-09-08 12:15")))
    assert not (isinstance(outcome, Wait) and outcome.reason == "entry_window")


# --- the ranking -------------------------------------------------------------------------------------


def test_candidates_rank_by_edge_per_rupee_of_stressed_loss_and_keep_both_figures() -> None:
    proposal = proposed(proposal_inputs(budget=RICH))
    passing = [c.figures for c in proposal.candidates if not c.refusal]
    assert proposal.figures["ranked_by"] == "ev_p_per_stressed_loss"
    assert len(passing) > 1
    assert all(f["ev_p_per_loss"] is not None for f in passing)
    best = max(float(str(f["ev_p_per_stressed_loss"])) for f in passing)
    assert proposal.figures["ev_p_per_stressed_loss"] == best


def test_without_a_stress_they_rank_by_the_loss_at_expiry() -> None:
    proposal = proposed(proposal_inputs(stress_settings=None, budget=RICH))
    assert proposal.figures["ranked_by"] == "ev_p_per_loss"
    assert "ev_p_per_stressed_loss" not in proposal.figures


def test_where_no_edge_is_judged_the_widest_is_taken_and_named_so() -> None:
    assert proposed(proposal_inputs(policy=UNJUDGED)).figures["ranked_by"] == "width"


# --- the premium -------------------------------------------------------------------------------------


def test_the_premium_compares_the_same_sessions_on_both_sides() -> None:
    inputs = proposal_inputs()
    level = level_of(calm_view())
    premium = judge_premium(inputs, level)
    implied = level.sigma * math.sqrt(level.years * 252 / SESSIONS)
    assert premium.implied == pytest.approx(implied, rel=1e-12)
    assert premium.spread == pytest.approx(implied - FORECAST, rel=1e-12)
    assert premium.sessions == pytest.approx(SESSIONS)


def test_the_months_volatility_is_ranked_and_its_spread_compared_with_the_past() -> None:
    inputs = proposal_inputs(month_iv=0.10)
    premium = judge_premium(inputs, level_of(calm_view()))
    assert premium.ivp == percentile_of(0.10, inputs.outlook.past_vix)
    assert premium.z == pytest.approx(z_score(0.10 - FORECAST, inputs.outlook.past_spread))
    assert premium.fall == pytest.approx(0.04 - (0.10 - FORECAST))


def test_a_missing_month_is_not_replaced() -> None:
    inputs = proposal_inputs(month_iv=None)
    premium = judge_premium(inputs, level_of(calm_view()))
    assert (premium.ivp, premium.z, premium.fall, premium.signal) == (None, None, None, IvRvSignal.ABSTAIN)
    assert waited(inputs).reason == "iv_rv_abstain"


def test_a_spread_that_fell_a_point_in_three_sessions_is_not_sold_and_says_so() -> None:
    past = np.append(np.linspace(-0.02, 0.06, 249), [0.055, 0.05, 0.045])
    wait = waited(proposal_inputs(outlook=make_outlook(past_spread=past)))
    assert wait.reason == "iv_rv_avoid"
    assert wait.text.endswith("; the 30-day spread fell 1.50%")


# --- every reason to wait ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clock", "is_open"),
    [("09:29:59", False), ("09:30:00", True), ("14:45:00", True), ("14:45:01", False), ("15:20:00", False)],
)
def test_entries_are_made_within_the_window(clock: str, is_open: bool) -> None:
    outcome = propose(proposal_inputs(now=at(f"2025-09-03 {clock}")))
    assert (isinstance(outcome, Wait) and outcome.reason == "entry_window") is not is_open


@pytest.mark.parametrize(
    ("now", "expiry", "is_late"),
    [
        ("2025-09-08 12:00:00", WEEKLY, False),
        ("2025-09-08 12:00:01", WEEKLY, True),
        ("2025-09-05 14:00:00", WEEKLY, False),  # Friday; Monday is a session before expiry
        ("2025-09-09 12:30:00", WEEKLY, True),  # expiry day itself
        # Wednesday 2025-08-27 is a holiday, so Tuesday is the session before Thursday.
        ("2025-08-26 12:30:00", date(2025, 8, 28), True),
        ("2025-08-25 12:30:00", date(2025, 8, 28), False),
    ],
)
def test_the_weekly_bucket_closes_at_noon_on_the_session_before_expiry(
    now: str, expiry: date, is_late: bool
) -> None:
    outcome = propose(proposal_inputs(now=at(now), expiry=expiry))
    late = isinstance(outcome, Wait) and outcome.text.startswith("after 12:00 on the session before expiry")
    assert late is is_late


def test_the_monthly_bucket_knows_no_such_noon() -> None:
    outcome = propose(monthly_inputs(now=at("2025-09-29 13:00")))
    assert not (isinstance(outcome, Wait) and outcome.reason == "entry_window")


@pytest.mark.parametrize(("ago_s", "is_cooling"), [(0.0, True), (299.9, True), (300.0, False)])
def test_after_an_entry_the_bucket_cools_down(ago_s: float, is_cooling: bool) -> None:
    outcome = propose(proposal_inputs(last_entry_at=NOW - timedelta(seconds=ago_s)))
    assert (isinstance(outcome, Wait) and outcome.reason == "cool_down") is is_cooling


def test_a_full_bucket_waits() -> None:
    wait = waited(proposal_inputs(budget=make_budget(open_trades=3)))
    assert (wait.reason, wait.text) == ("bucket_full", "3 trades open, at most 3")
    proposed(proposal_inputs(budget=make_budget(open_trades=2)))


def test_an_expiry_and_structure_is_held_once() -> None:
    held = ((WEEKLY, StructureKind.IRON_CONDOR),)
    wait = waited(proposal_inputs(budget=make_budget(held=held)))
    assert (wait.reason, wait.text) == ("already_held", "IRON_CONDOR of 2025-09-09 is held already")
    others = ((MONTHLY, StructureKind.IRON_CONDOR), (WEEKLY, StructureKind.BULL_PUT_SPREAD))
    proposed(proposal_inputs(budget=make_budget(held=others)))


def test_without_an_expiry_in_reach_the_bucket_waits() -> None:
    wait = waited(proposal_inputs(expiry=None))
    assert (wait.reason, wait.text) == ("no_expiry", "no expiry in 2 to 8 days")


def test_without_a_level_the_bucket_waits() -> None:
    view = calm_view()
    bid = view.snapshot.bid.copy()
    bid[view.listing.rows_of(WEEKLY)] = np.nan
    blank = view_of(replace(view.snapshot, bid=bid))
    wait = waited(proposal_inputs(view=blank))
    assert wait.reason == "level_unknown"
    assert "2025-09-09" in wait.text
    assert propose(proposal_inputs(expiry=date(2025, 9, 16))) == replace(
        wait, text=wait.text.replace("09-09", "09-16")
    )


def test_without_a_forecast_the_bucket_waits() -> None:
    wait = waited(proposal_inputs(outlook=make_outlook(None)))
    assert wait.reason == "no_forecast"
    assert wait.figures["forecast_vol"] is None
    assert wait.candidates == ()


@pytest.mark.parametrize(
    ("reason", "outlook"),
    [
        ("iv_rv_avoid", make_outlook(0.13)),
        ("iv_rv_neutral", make_outlook(0.117)),
        (
            "iv_rv_neutral",
            make_outlook(past_spread=np.append(np.linspace(0.10, 0.12, 249), [0.04, 0.04, 0.04])),
        ),
        ("iv_rv_abstain", make_outlook(past_spread=np.empty(0))),
    ],
)
def test_without_a_premium_worth_selling_the_bucket_waits(reason: str, outlook: Any) -> None:
    wait = waited(proposal_inputs(outlook=outlook))
    assert wait.reason == reason
    assert wait.figures["signal"] == reason.removeprefix("iv_rv_").upper()
    assert "implied 11." in wait.text


def test_the_text_of_a_wait_names_implied_forecast_and_spread() -> None:
    wait = waited(proposal_inputs(outlook=make_outlook(0.13)))
    assert wait.text.startswith("implied 11.81% less forecast 13.00% is -1.19%, z -1.27")


def test_without_a_forecast_and_with_only_the_premium_required_it_cannot_be_judged() -> None:
    policy = replace(POLICY, require_forecast_edge=False)
    wait = waited(proposal_inputs(policy=policy, outlook=make_outlook(None)))
    assert wait.reason == "iv_rv_abstain"
    assert wait.text == "implied against forecast volatility cannot be judged"


def test_a_low_percentile_without_a_premium_waits_even_where_the_signal_is_lenient() -> None:
    lenient = replace(shipped_iv_rv(), reduced_spread_min=-0.03, neutral_spread_min=-0.05, reduced_z_min=-9.0)
    low = {"past_vix": np.linspace(0.11, 0.30, 252)}
    wait = waited(proposal_inputs(iv_rv_settings=lenient, outlook=make_outlook(0.12, **low)))
    assert wait.reason == "iv_low"
    assert wait.text == "IV percentile 6 is low and there is no premium"
    # With a premium the same percentile is no obstacle.
    proposed(proposal_inputs(iv_rv_settings=lenient, outlook=make_outlook(**low)))


def test_without_a_strike_far_enough_the_bucket_waits() -> None:
    far = replace(shipped_bucket("weekly"), expected_move_factor=9.0)
    wait = waited(proposal_inputs(bucket_policy=far))
    assert (wait.reason, wait.candidates) == ("no_strike", ())


def test_a_budget_below_one_lot_waits_and_names_both() -> None:
    loose = replace(POLICY, cost_share_of_credit_max=0.5)
    wait = waited(proposal_inputs(policy=loose, budget=make_budget(trade_risk_max_inr=Decimal(3_000))))
    narrowest = wait.candidates[-1]
    assert wait.reason == "one_lot_exceeds_budget"
    assert wait.text == f"one lot risks {narrowest.figures['loss_per_lot_inr']}, budget 3000.0"
    assert len(wait.candidates) == 5


def test_when_all_candidates_are_refused_the_narrowest_says_why() -> None:
    strict = replace(POLICY, credit_share_of_width_min=0.9)
    wait = waited(proposal_inputs(policy=strict))
    assert wait.reason == "credit_thin"
    assert wait.text.startswith("5 candidates refused, the narrowest by credit_thin")
    assert {c.refusal for c in wait.candidates} == {"credit_thin"}


def test_no_edge_under_the_forecast_waits_although_the_premium_is_not_asked_for() -> None:
    policy = replace(POLICY, require_vrp=False)
    wait = waited(proposal_inputs(policy=policy, outlook=make_outlook(0.16)))
    assert wait.reason == "no_edge_under_p"


def test_every_wait_after_the_level_keeps_the_figures_that_say_why() -> None:
    for outlook in (make_outlook(None), make_outlook(0.13)):
        figures = waited(proposal_inputs(outlook=outlook)).figures
        assert {"atm_iv", "expected_move", "implied_vol", "forecast_vol", "iv_rv_spread"} <= set(figures)
        assert isinstance(figures["implied_vol"], float)
