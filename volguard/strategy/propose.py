"""One bucket, one snapshot: a proposal, or WAIT with the figures that say why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money, constant_maturity_iv
from volguard.measure.payoff import LevelDensity, expected_payoff, forecast_density
from volguard.measure.quality import QualitySettings
from volguard.model.book import Bucket
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.market import Capabilities
from volguard.model.proposal import Budget, Proposal
from volguard.model.units import figure
from volguard.nse.rules import Rules
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.strategy.select import (
    Candidate,
    SelectionInputs,
    best_candidate,
    candidates,
    structure_for,
)
from volguard.volatility.forecast import ForecastSettings, sessions_to
from volguard.volatility.iv_rv import IvRvSettings, IvRvSignal, iv_rv_signal, per_session_volatility
from volguard.volatility.outlook import Outlook
from volguard.volatility.rank import percentile_of, z_score

VIX_DAYS: Final = 30.0
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
    """All that one bucket's decision depends on."""

    now: datetime
    bucket: Bucket
    expiry: date | None
    last_entry_at: datetime | None
    failed_entries: int  # of the bucket today: sent, and never complete
    view: MarketView
    capabilities: Capabilities
    outlook: Outlook
    budget: Budget
    policy: Policy
    bucket_policy: BucketPolicy
    forecast_settings: ForecastSettings
    iv_rv_settings: IvRvSettings
    quality_settings: QualitySettings
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class Premium:
    """Implied against forecast volatility of one expiry, per 252 sessions; None where it cannot be told."""

    implied: float | None
    forecast: float | None
    sessions: float
    spread: float | None
    z: float | None
    ivp: float | None
    month_origin: str  # what stands beside the past of India VIX
    signal: IvRvSignal

    @property
    def figures(self) -> dict[str, FigureValue]:
        """What the decision keeps of it."""
        return {
            "implied_vol": _rounded(self.implied),
            "forecast_vol": _rounded(self.forecast),
            "sessions_to_expiry": figure(self.sessions),
            "iv_rv_spread": _rounded(self.spread),
            "iv_rv_z": _rounded(self.z),
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
        "quote_age": "judged" if inputs.capabilities.quote_time else "not_applicable",
        **premium.figures,
    }
    refused = _premium_gate(inputs.policy, premium)
    if refused is not None:
        return replace(refused, figures=figures)
    return _from_candidates(inputs, level, premium, figures)


def judge_premium(inputs: ProposalInputs, level: AtTheMoney) -> Premium:
    """Implied less forecast over the sessions to expiry, and where that stands in its own past."""
    outlook = inputs.outlook
    close = inputs.view.frame.closes[inputs.view.listing.expiries.index(level.expiry)]
    sessions = sessions_to(inputs.rules.calendar, inputs.now, close)
    implied = per_session_volatility(level.sigma, level.years, sessions)
    forecast = outlook.forecast.volatility if outlook.forecast is not None else None
    spread = implied - forecast if implied is not None and forecast is not None else None
    month, origin = _month_iv(inputs)
    z = ivp = None
    if month is not None:
        ivp = percentile_of(month, outlook.past_vix)
        z = z_score(month - forecast, outlook.past_spread) if forecast is not None else None
    return Premium(
        implied=implied,
        forecast=forecast,
        sessions=sessions,
        spread=spread,
        z=z,
        ivp=ivp,
        month_origin=origin,
        signal=iv_rv_signal(_rounded(spread), _rounded(z), inputs.iv_rv_settings),
    )


def _month_iv(inputs: ProposalInputs) -> tuple[float | None, str]:
    # The past of the spread is India VIX less forecast: VIX is its like, the chain's own level stands in.
    if inputs.capabilities.vix:
        return inputs.view.snapshot.vix, "vix of the source"
    return constant_maturity_iv(inputs.view, VIX_DAYS), "30-day ATM of the chain: the source has no VIX"


def _entry_window(inputs: ProposalInputs) -> Wait | None:
    policy, clock = inputs.policy, inputs.now.time()
    if not policy.entry_from <= clock <= policy.entry_until:
        window = f"{policy.entry_from:%H:%M} to {policy.entry_until:%H:%M}"
        return Wait(reason="entry_window", text=f"{clock:%H:%M} is outside {window}", figures={})
    if inputs.expiry is not None and clock > policy.entry_until_before_expiry:
        next_session = inputs.rules.calendar.next_trading_day(inputs.now.date())
        if next_session >= inputs.expiry and not inputs.bucket_policy.is_monthly_cycle:
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
    kind = structure_for(inputs.outlook.regime.regime)
    if inputs.expiry is not None and (inputs.expiry, kind) in budget.held:
        text = f"{kind.value} of {inputs.expiry.isoformat()} is held already"
        return Wait(reason="already_held", text=text, figures={})
    return None


def _premium_gate(policy: Policy, premium: Premium) -> Wait | None:
    if policy.require_forecast_edge and premium.forecast is None:
        return Wait(reason="no_forecast", text="no forecast: history is missing or too short", figures={})
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
    text = (
        f"implied {premium.implied:.2%} less forecast {premium.forecast:.2%} is {premium.spread:+.2%}, z {z}"
    )
    return Wait(reason=reason, text=text, figures={})


def _from_candidates(
    inputs: ProposalInputs, level: AtTheMoney, premium: Premium, figures: dict[str, FigureValue]
) -> Proposal | Wait:
    kind = structure_for(inputs.outlook.regime.regime)
    selection = _selection(inputs, level, premium)
    found = candidates(selection, kind)
    records = tuple(candidate.record for candidate in found)
    best = best_candidate(found, by_edge=inputs.policy.require_forecast_edge)
    if best is None:
        reason, text = _why_none(found)
        return Wait(reason=reason, text=text, figures=figures, candidates=records)
    figures["ev_p_at_forecast_plus_1pt"] = _sensitivity(inputs, level, premium.sessions, best)
    return _proposal(inputs, best, figures, records)


def _selection(inputs: ProposalInputs, level: AtTheMoney, premium: Premium) -> SelectionInputs:
    policy, bucket = inputs.policy, inputs.bucket_policy
    is_high = premium.ivp is not None and premium.ivp > policy.high_ivp_percentile
    factor = bucket.expected_move_factor
    if is_high and bucket.is_monthly_cycle:
        factor = policy.high_ivp_expected_move_factor
    is_reduced = policy.require_vrp and premium.signal is IvRvSignal.SELL_REDUCED
    return SelectionInputs(
        now=inputs.now,
        view=inputs.view,
        level=level,
        policy=policy,
        bucket=bucket,
        budget=inputs.budget,
        quality_settings=inputs.quality_settings,
        rules=inputs.rules,
        density=_density(inputs, level, premium.sessions),
        lots_factor=REDUCED_LOTS_FACTOR if is_reduced else 1.0,
        expected_move_factor=factor,
    )


def _density(inputs: ProposalInputs, level: AtTheMoney, sessions: float) -> LevelDensity | None:
    forecast = inputs.outlook.forecast
    if forecast is None:
        return None
    return _density_at(inputs, level, forecast.variance_over(sessions))


def _density_at(inputs: ProposalInputs, level: AtTheMoney, variance: float) -> LevelDensity:
    return forecast_density(level.forward, variance, inputs.forecast_settings.student_t_dof)


def _sensitivity(inputs: ProposalInputs, level: AtTheMoney, sessions: float, best: Candidate) -> float | None:
    # What the edge would be if the forecast were one vol point too low.
    forecast, value = inputs.outlook.forecast, best.figures["ev_p_per_unit"]
    if forecast is None or value is None:
        return None
    dearer = replace(forecast, volatility=forecast.volatility + VOL_POINT).variance_over(sessions)
    here = _density_at(inputs, level, forecast.variance_over(sessions))
    there = _density_at(inputs, level, dearer)
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
        return last.refusal, f"one lot risks {risk}, budget {cap}"
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
