"""One bucket, one snapshot: a proposal, or WAIT with the figures that say why."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from volguard.measure.market_view import AtTheMoney, at_the_money
from volguard.measure.payoff import LevelDensity, expected_payoff, forecast_density
from volguard.model.book import StructureKind
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.proposal import Proposal
from volguard.model.units import figure
from volguard.strategy.event_risk import EventRisk, class_a_next_session, event_horizon, events_ahead
from volguard.strategy.manage import deadline_of
from volguard.strategy.premium_gate import Premium, judge_premium, premium_gate
from volguard.strategy.proposal_inputs import ProposalInputs, Wait
from volguard.strategy.select import (
    Candidate,
    SelectionInputs,
    best_candidate,
    candidates,
    ranked_by,
    structure_for,
)
from volguard.volatility.iv_rv import IvRvSignal
from volguard.volatility.models import HorizonForecast

VOL_POINT: Final = 0.01
REDUCED_LOTS_FACTOR: Final = 0.5


def propose(inputs: ProposalInputs) -> Proposal | Wait:
    """Decide one bucket: the first gate that says no names the reason."""
    closed = entry_window(inputs)
    if closed is not None:
        return closed
    if inputs.expiry is None:
        low, high = inputs.bucket_policy.expiry_days_min, inputs.bucket_policy.expiry_days_max
        return Wait(reason="no_expiry", text=f"no expiry in {low} to {high} days", figures={})
    events = events_of(inputs, inputs.expiry)
    kind = inputs.kind
    if kind is None:
        kind = structure_for(inputs.outlook.regime.regime, is_eventful=_is_eventful(inputs, events))
    barred = event_gate(inputs, inputs.expiry, events) or _held_already(inputs, inputs.expiry, kind)
    if barred is not None:
        return replace(barred, figures=events.figures)
    level = at_the_money(inputs.view, inputs.expiry)
    if level is None:
        text = f"forward or ATM volatility of {inputs.expiry.isoformat()} is not pinned by quotes"
        return Wait(reason="level_unknown", text=text, figures={})
    premium = judge_premium(inputs, level)
    figures = decision_figures(inputs, level, premium, events)
    refused = premium_gate(inputs, premium)
    if refused is not None:
        return replace(refused, figures=figures)
    return _from_candidates(inputs, level, premium, events, kind, figures)


def decision_figures(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, events: EventRisk
) -> dict[str, FigureValue]:
    """What was seen of market, premium and events, and which of it was judged."""
    return {
        "expiry": level.expiry.isoformat(),
        "forward": figure(level.forward),
        "atm_iv": figure(level.sigma),
        "expected_move": figure(level.straddle),
        "regime": inputs.outlook.regime.regime.value,
        "forecast_edge_judged": inputs.policy.require_forecast_edge,
        "vrp_judged": inputs.policy.require_vrp,
        "events_heeded": inputs.policy.heed_events,
        "quote_age": "judged" if inputs.capabilities.quote_time else "not_applicable",
        **events.figures,
        **premium.figures,
    }


def entry_window(inputs: ProposalInputs) -> Wait | None:
    """Why nothing is opened at this time; None: nothing against it."""
    policy, clock = inputs.policy, inputs.now.time()
    until = min(policy.entry_until, inputs.bucket_policy.entry_until)
    if not policy.entry_from <= clock <= until:
        window = f"{policy.entry_from:%H:%M} to {until:%H:%M}"
        return Wait(reason="entry_window", text=f"{clock:%H:%M} is outside {window}", figures={})
    if inputs.expiry is not None and clock > policy.entry_until_before_expiry:
        next_session = inputs.rules.calendar.next_trading_day(inputs.now.date())
        bucket = inputs.bucket_policy
        if next_session >= inputs.expiry and not (bucket.is_monthly_cycle or bucket.is_same_day):
            text = f"after {policy.entry_until_before_expiry:%H:%M} on the session before expiry"
            return Wait(reason="entry_window", text=text, figures={})
    last = inputs.last_entry_at
    if last is not None and inputs.now < last + timedelta(seconds=policy.cool_down_s):
        waited = (inputs.now - last).total_seconds()
        text = f"{waited:.0f} s since the last entry, cool-down {policy.cool_down_s:.0f} s"
        return Wait(reason="cool_down", text=text, figures={})
    if inputs.failed_entries >= policy.failed_entries_max:
        text = f"{inputs.failed_entries} entries did not fill today, at most {policy.failed_entries_max}"
        return Wait(reason="entries_failed", text=text, figures={})
    budget = inputs.budget
    if budget.open_trades >= budget.open_trades_max:
        text = f"{budget.open_trades} trades open, at most {budget.open_trades_max}"
        return Wait(reason="bucket_full", text=text, figures={})
    return None


def events_of(inputs: ProposalInputs, expiry: date) -> EventRisk:
    """The scheduled events until a trade of that expiry is out."""
    today = inputs.now.date()
    until = event_horizon(today, expiry, inputs.policy.event_horizon_days)
    return events_ahead(
        inputs.events, inputs.rules.calendar, inputs.view.listing.expiries, today, max(today, until)
    )


def _is_eventful(inputs: ProposalInputs, events: EventRisk) -> bool:
    return inputs.policy.heed_events and events.is_above(inputs.policy.defensive_event_score)


def event_gate(inputs: ProposalInputs, expiry: date, events: EventRisk) -> Wait | None:
    """Why nothing is opened ahead of an event; None: nothing against it."""
    if not inputs.policy.heed_events:
        return None
    limit = inputs.bucket_policy.event_score_max
    if events.score is not None and events.is_above(limit):
        text = f"event score {events.score.score:.2f}, at most {limit:.2f}"
        return Wait(reason="event_score", text=text, figures={})
    # It would have to be left again at once: by the rule that no trade is held into such an event.
    calendar, today = inputs.rules.calendar, inputs.now.date()
    event = class_a_next_session(inputs.events, calendar, today)
    due = deadline_of(expiry, inputs.now, inputs.bucket_policy, inputs.policy, calendar)
    if event is None or due.date() <= today:
        return None
    text = f"{event.name} on {event.day.isoformat()}, the next session"
    return Wait(reason="event_next_session", text=text, figures={})


def _held_already(inputs: ProposalInputs, expiry: date, kind: StructureKind) -> Wait | None:
    if (expiry, kind) not in inputs.budget.held:
        return None
    text = f"{kind.value} of {expiry.isoformat()} is held already"
    return Wait(reason="already_held", text=text, figures={})


def _from_candidates(
    inputs: ProposalInputs,
    level: AtTheMoney,
    premium: Premium,
    events: EventRisk,
    kind: StructureKind,
    figures: dict[str, FigureValue],
) -> Proposal | Wait:
    selection = selection_of(inputs, level, premium, events)
    found = candidates(selection, kind)
    records = tuple(candidate.record for candidate in found)
    best = best_candidate(found, by_edge=inputs.policy.require_forecast_edge)
    if best is None:
        reason, text = _why_none(found)
        return Wait(reason=reason, text=text, figures=figures, candidates=records)
    figures["ranked_by"] = ranked_by(found, by_edge=inputs.policy.require_forecast_edge)
    figures["ev_p_at_forecast_plus_1pt"] = dearer_forecast_edge(inputs, level, premium, best)
    return proposal_of(inputs, best, figures, records)


def selection_of(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, events: EventRisk
) -> SelectionInputs:
    """All that the choice of strikes and size goes by."""
    policy, bucket = inputs.policy, inputs.bucket_policy
    is_high = premium.ivp is not None and premium.ivp > policy.high_ivp_percentile
    factor = bucket.expected_move_factor
    if is_high and bucket.is_monthly_cycle:
        factor = max(factor, policy.high_ivp_expected_move_factor)
    if _is_eventful(inputs, events):
        factor = max(factor, policy.defensive_expected_move_factor)
    by_events = events.size_multiplier if policy.heed_events else 1.0
    is_reduced = policy.require_vrp and premium.signal is IvRvSignal.SELL_REDUCED
    return SelectionInputs(
        now=inputs.now,
        view=inputs.view,
        level=level,
        policy=policy,
        bucket=bucket,
        budget=inputs.budget,
        quality_settings=inputs.quality_settings,
        stress=inputs.stress_settings,
        rules=inputs.rules,
        density=_density(inputs, level, premium.forecast),
        lots_factor=by_events * (REDUCED_LOTS_FACTOR if is_reduced else 1.0),
        expected_move_factor=factor,
    )


def _density(
    inputs: ProposalInputs, level: AtTheMoney, forecast: HorizonForecast | None, *, dearer_by: float = 0.0
) -> LevelDensity | None:
    if forecast is None:
        return None
    variance = forecast.variance * ((forecast.volatility + dearer_by) / forecast.volatility) ** 2
    return forecast_density(level.forward, variance, inputs.student_t_dof)


def dearer_forecast_edge(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, best: Candidate
) -> float | None:
    """What the edge would be, in rupees a unit, if the forecast were one vol point too low; None: unknown."""
    value = best.figures["ev_p_per_unit"]
    here = _density(inputs, level, premium.forecast)
    there = _density(inputs, level, premium.forecast, dearer_by=VOL_POINT)
    if here is None or there is None or value is None:
        return None
    credit = best.credit_per_unit
    moved = (
        expected_payoff(best.legs, credit, there).expected_points
        - expected_payoff(best.legs, credit, here).expected_points
    )
    return figure(float(value) + level.discount * moved)


def _why_none(found: tuple[Candidate, ...]) -> tuple[str, str]:
    if not found:
        return "no_strike", "no listed strike is far enough from the forward with both sides quoted"
    # The narrowest structure is the one that fits a budget best: its reason is what stands in the way.
    last = found[-1]
    if last.refusal == "one_lot_exceeds_budget":
        risk, cap = last.figures["loss_per_lot_inr"], last.figures["risk_budget_inr"]
        text = f"one lot risks {risk}, budget {cap}"
        if float(risk or 0.0) <= float(cap or 0.0):  # it is the size that events, signal and doubt leave
            text += f" times {last.figures['size_factor']} for events, signal and confidence"
        return last.refusal, text
    shown = {
        key: last.figures[key]
        for key in ("credit_share_of_width", "cost_share_of_credit", "ev_p_per_unit", "confidence")
        if key in last.figures
    }
    return last.refusal, f"{len(found)} candidates refused, the narrowest by {last.refusal}: {shown}"


def proposal_of(
    inputs: ProposalInputs,
    best: Candidate,
    figures: dict[str, FigureValue],
    records: tuple[CandidateRecord, ...],
) -> Proposal:
    """The candidate as a proposal of the bucket."""
    expiry = best.legs[0].contract.expiry
    return Proposal(
        ts=inputs.now,
        bucket=inputs.bucket,
        structure=best.structure,
        expiry=expiry,
        legs=best.legs,
        lots=best.lots,
        lot_size=inputs.rules.contracts.lot_size(best.legs[0].contract.underlying, inputs.now.date(), expiry),
        credit_per_unit=best.credit_per_unit,
        max_loss_inr=best.max_loss_inr,
        costs_inr=best.costs_inr,
        confidence=best.confidence,
        figures={**figures, **best.figures},
        candidates=records,
    )
