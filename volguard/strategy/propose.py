"""One bucket, one snapshot: a proposal, or WAIT with the figures that say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money
from volguard.measure.payoff import LevelDensity, expected_payoff, forecast_density
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.market import Capabilities
from volguard.model.proposal import Budget, Proposal
from volguard.model.units import figure
from volguard.nse.rules import Rules
from volguard.strategy.event_risk import EventRisk, class_a_next_session, event_horizon, events_ahead
from volguard.strategy.manage import deadline_of
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.strategy.select import (
    Candidate,
    SelectionInputs,
    best_candidate,
    candidates,
    ranked_by,
    structure_for,
)
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.forecast import MONTH_SESSIONS
from volguard.volatility.iv_rv import IvRvSettings, IvRvSignal, iv_rv_signal, spread_fall
from volguard.volatility.models import HorizonForecast
from volguard.volatility.outlook import Outlook
from volguard.volatility.premium import (
    session_gone,
    session_volatility,
    sessions_of_variance,
    variance_premium,
)
from volguard.volatility.rank import percentile_of, z_score

VOL_POINT: Final = 0.01
REDUCED_LOTS_FACTOR: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """No trade now; `reason` is a stable code, `text` the same with figures."""

    reason: str
    text: str
    figures: Mapping[str, FigureValue]
    candidates: tuple[CandidateRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalInputs:
    """All that one bucket's decision depends on.

    `events` None: the scheduled events are not available, and the decision says so; `stress_settings` None:
    candidates are ranked without a stress.
    """

    now: datetime
    bucket: Bucket
    expiry: date | None
    last_entry_at: datetime | None
    failed_entries: int  # of the bucket today: sent, and never complete
    view: MarketView
    capabilities: Capabilities
    month_iv: float | None  # 30-day volatility, decimal per year
    month_iv_origin: str
    outlook: Outlook
    budget: Budget
    policy: Policy
    bucket_policy: BucketPolicy
    student_t_dof: float
    iv_rv_settings: IvRvSettings
    quality_settings: QualitySettings
    rules: Rules
    events: EventTables | None = None
    stress_settings: StressSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Premium:
    """Implied against forecast volatility of one expiry, per 252 sessions; None where it cannot be told.

    `z` and `fall` are of the 30-day spread: against its own past, and since some sessions ago.
    """

    implied: float | None
    forecast: HorizonForecast | None
    sessions: float
    spread: float | None
    z: float | None
    fall: float | None
    ivp: float | None
    month_origin: str  # what stands beside the past of India VIX
    signal: IvRvSignal

    @property
    def figures(self) -> dict[str, FigureValue]:
        """What the decision keeps of it."""
        forecast = self.forecast
        return {
            "implied_vol": _rounded(self.implied),
            "forecast_vol": None if forecast is None else figure(forecast.volatility),
            "forecast_dispersion": None if forecast is None else figure(forecast.dispersion),
            "forecast_models": None if forecast is None else len(forecast.models),
            "sessions_to_expiry": figure(self.sessions),
            "iv_rv_spread": _rounded(self.spread),
            "iv_rv_z": _rounded(self.z),
            "iv_rv_fall": _rounded(self.fall),
            "iv_percentile": _rounded(self.ivp),
            "iv_month_origin": self.month_origin,
            "iv_history": "vix_proxy",
            "signal": self.signal.value,
        }


def propose(inputs: ProposalInputs) -> Proposal | Wait:
    """Decide one bucket: the first gate that says no names the reason."""
    closed = _entry_window(inputs)
    if closed is not None:
        return closed
    if inputs.expiry is None:
        low, high = inputs.bucket_policy.expiry_days_min, inputs.bucket_policy.expiry_days_max
        return Wait(reason="no_expiry", text=f"no expiry in {low} to {high} days", figures={})
    events = _events(inputs, inputs.expiry)
    kind = structure_for(inputs.outlook.regime.regime, is_eventful=_is_eventful(inputs, events))
    barred = _event_gate(inputs, inputs.expiry, events) or _held_already(inputs, inputs.expiry, kind)
    if barred is not None:
        return replace(barred, figures=events.figures)
    level = at_the_money(inputs.view, inputs.expiry)
    if level is None:
        text = f"forward or ATM volatility of {inputs.expiry.isoformat()} is not pinned by quotes"
        return Wait(reason="level_unknown", text=text, figures={})
    premium = judge_premium(inputs, level)
    figures: dict[str, FigureValue] = {
        "expiry": inputs.expiry.isoformat(),
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
    refused = _premium_gate(inputs, premium)
    if refused is not None:
        return replace(refused, figures=figures)
    return _from_candidates(inputs, level, premium, events, kind, figures)


def judge_premium(inputs: ProposalInputs, level: AtTheMoney) -> Premium:
    """Implied less forecast over the sessions to expiry, and where that stands in its own past."""
    outlook, settings = inputs.outlook, inputs.iv_rv_settings
    close = inputs.view.frame.closes[inputs.view.listing.expiries.index(level.expiry)]
    sessions = sessions_of_variance(inputs.rules.calendar, inputs.now, close)
    gone = session_gone(inputs.rules.calendar, inputs.now)
    forecast = outlook.forecast(sessions, gone)
    found = None
    if forecast is not None:
        found = variance_premium(level.sigma, level.years, forecast.variance, sessions)
    month, ahead = inputs.month_iv, outlook.forecast(MONTH_SESSIONS)
    month_spread = month - ahead.volatility if month is not None and ahead is not None else None
    z = None if month_spread is None else z_score(month_spread, outlook.past_spread)
    fall = spread_fall(month_spread, outlook.past_spread, settings)
    spread = None if found is None else found.spread
    return Premium(
        implied=session_volatility(level.sigma, level.years, sessions),
        forecast=forecast,
        sessions=sessions,
        spread=spread,
        z=z,
        fall=fall,
        ivp=None if month is None else percentile_of(month, outlook.past_vix),
        month_origin=inputs.month_iv_origin,
        signal=iv_rv_signal(_rounded(spread), _rounded(z), _rounded(fall), settings),
    )


def _entry_window(inputs: ProposalInputs) -> Wait | None:
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


def _events(inputs: ProposalInputs, expiry: date) -> EventRisk:
    today = inputs.now.date()
    until = event_horizon(today, expiry, inputs.policy.event_horizon_days)
    return events_ahead(
        inputs.events, inputs.rules.calendar, inputs.view.listing.expiries, today, max(today, until)
    )


def _is_eventful(inputs: ProposalInputs, events: EventRisk) -> bool:
    return inputs.policy.heed_events and events.is_above(inputs.policy.defensive_event_score)


def _event_gate(inputs: ProposalInputs, expiry: date, events: EventRisk) -> Wait | None:
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


def _premium_gate(inputs: ProposalInputs, premium: Premium) -> Wait | None:
    policy = inputs.policy
    if policy.require_forecast_edge and premium.forecast is None:
        why = inputs.outlook.missing or f"no model reaches {premium.sessions:.1f} sessions"
        return Wait(reason="no_forecast", text=f"no forecast: {why}", figures={})
    if not policy.require_vrp:
        return None
    if premium.signal in (IvRvSignal.SELL_FULL, IvRvSignal.SELL_REDUCED):
        if premium.ivp is not None and premium.ivp < policy.low_ivp_percentile and (premium.spread or 0) <= 0:
            text = f"IV percentile {premium.ivp:.0f} is low and there is no premium"
            return Wait(reason="iv_low", text=text, figures={})
        return None
    reason = f"iv_rv_{premium.signal.value.lower()}"
    if premium.spread is None or premium.implied is None or premium.forecast is None:
        return Wait(reason=reason, text="implied against forecast volatility cannot be judged", figures={})
    z = "not available" if premium.z is None else f"{premium.z:.2f}"
    fallen = premium.fall is not None and premium.fall >= inputs.iv_rv_settings.fall_max
    fall = f"; the 30-day spread fell {premium.fall:.2%}" if fallen else ""
    text = (
        f"implied {premium.implied:.2%} less forecast {premium.forecast.volatility:.2%} is "
        f"{premium.spread:+.2%}, z {z}{fall}"
    )
    return Wait(reason=reason, text=text, figures={})


def _from_candidates(
    inputs: ProposalInputs,
    level: AtTheMoney,
    premium: Premium,
    events: EventRisk,
    kind: StructureKind,
    figures: dict[str, FigureValue],
) -> Proposal | Wait:
    selection = _selection(inputs, level, premium, events)
    found = candidates(selection, kind)
    records = tuple(candidate.record for candidate in found)
    best = best_candidate(found, by_edge=inputs.policy.require_forecast_edge)
    if best is None:
        reason, text = _why_none(found)
        return Wait(reason=reason, text=text, figures=figures, candidates=records)
    figures["ranked_by"] = ranked_by(found, by_edge=inputs.policy.require_forecast_edge)
    figures["ev_p_at_forecast_plus_1pt"] = _sensitivity(inputs, level, premium, best)
    return _proposal(inputs, best, figures, records)


def _selection(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, events: EventRisk
) -> SelectionInputs:
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


def _sensitivity(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, best: Candidate
) -> float | None:
    # What the edge would be if the forecast were one vol point too low.
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


def _proposal(
    inputs: ProposalInputs,
    best: Candidate,
    figures: dict[str, FigureValue],
    records: tuple[CandidateRecord, ...],
) -> Proposal:
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


def _rounded(value: float | None) -> float | None:
    return None if value is None else figure(value)
