"""Which expiry, which structure, which strikes, and which candidate is best: figures in, choice out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.measure.confidence import least_confidence, row_confidence
from volguard.measure.market_view import AtTheMoney, MarketView
from volguard.measure.payoff import LevelDensity, expected_payoff, max_loss_points, short_legs
from volguard.measure.quality import QualitySettings
from volguard.measure.stress import portfolio_stress
from volguard.measure.stress_book import StressUnavailable
from volguard.measure.stress_settings import StressSettings
from volguard.measure.touch import LegQuotes, leg_quotes
from volguard.model.book import Leg, Position, StructureKind
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.instrument import OptionType
from volguard.model.market import FloatArray
from volguard.model.proposal import Budget
from volguard.model.units import figure, rupees
from volguard.nse.rules import Rules
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.strategy.structure import ShortStrikes, structure_legs
from volguard.volatility.regime import Regime

_UNTRADABLE: Final = int(UNTRADABLE)  # plain numbers: members of an IntFlag are slow to reach
_WIDE: Final = int(QuoteFlag.WIDE)
UNPRICED: Final = ("no_credit", "leg_not_quoted")  # refusals of what has no price
STRESSED_UNITS: Final = 1000  # of each leg; the loss of one follows
BY_STRESSED_LOSS: Final = "ev_p_per_stressed_loss"
BY_LOSS: Final = "ev_p_per_loss"
BY_WIDTH: Final = "width"
STRUCTURE_OF_REGIME: Final = {
    Regime.TREND_UP: StructureKind.BULL_PUT_SPREAD,
    Regime.TREND_DOWN: StructureKind.BEAR_CALL_SPREAD,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One structure at the touch, sized; `refusal` is empty when it may be traded."""

    structure: StructureKind
    legs: tuple[Leg, ...]
    lots: int
    credit_per_unit: float
    max_loss_inr: Decimal
    costs_inr: Decimal
    confidence: float
    figures: dict[str, FigureValue]
    refusal: str

    @property
    def record(self) -> CandidateRecord:
        """What the journal keeps of it."""
        return CandidateRecord(
            structure=self.structure,
            strikes=tuple(leg.contract.strike for leg in self.legs),
            lots=self.lots,
            figures=self.figures,
            refusal=self.refusal,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionInputs:
    """All that a choice depends on. `density` is P at the expiry, None without a forecast.

    `stress` None: no stress is at hand, candidates rank by what they can lose at expiry.
    """

    now: datetime
    view: MarketView
    level: AtTheMoney
    policy: Policy
    bucket: BucketPolicy
    budget: Budget
    quality_settings: QualitySettings
    stress: StressSettings | None
    rules: Rules
    density: LevelDensity | None
    lots_factor: float
    expected_move_factor: float


def choose_expiry(
    expiries: tuple[tuple[date, bool], ...], today: date, bucket: BucketPolicy, skip: frozenset[date]
) -> date | None:
    """Nearest expiry within the bucket's calendar days; `expiries` carries whether each ends a month."""
    for expiry, is_monthly in expiries:
        days = (expiry - today).days
        if expiry in skip or (bucket.is_monthly_cycle and not is_monthly):
            continue
        if bucket.expiry_days_min <= days <= bucket.expiry_days_max:
            return expiry
    return None


def structure_for(regime: Regime, *, is_eventful: bool) -> StructureKind:
    """Ahead of events the defensive condor; else the spread that a trend favours; else the condor."""
    if is_eventful:
        return StructureKind.DEFENSIVE_IRON_CONDOR
    return STRUCTURE_OF_REGIME.get(regime, StructureKind.IRON_CONDOR)


def short_strikes(view: MarketView, level: AtTheMoney, reach: float, delta_max: float) -> ShortStrikes:
    """The nearest strikes at least `reach` points from the forward whose |delta| is at most `delta_max`."""
    rows = view.listing.rows_of(level.expiry)
    strike, is_call = view.listing.strike[rows], view.listing.is_call[rows]
    small = np.abs(view.greeks.delta[rows]) <= delta_max  # nan: not small
    quoted = np.isfinite(view.mid[rows])
    puts = strike[~is_call & small & quoted & (strike <= level.forward - reach)]
    calls = strike[is_call & small & quoted & (strike >= level.forward + reach)]
    return ShortStrikes(
        put=round(float(puts.max())) if len(puts) else None,
        call=round(float(calls.min())) if len(calls) else None,
    )


def candidates(inputs: SelectionInputs, kind: StructureKind) -> tuple[Candidate, ...]:
    """Every wing width of the bucket, widest first, each with its figures and the first test it failed."""
    level, bucket = inputs.level, inputs.bucket
    reach = inputs.expected_move_factor * level.straddle
    shorts = short_strikes(inputs.view, level, reach, inputs.policy.short_delta_max)
    widths = range(bucket.wing_width_max, bucket.wing_width_min - 1, -bucket.wing_width_step)
    by_row = row_confidence(inputs.view, level.expiry, inputs.quality_settings)
    found: list[Candidate] = []
    for width in widths:
        legs = structure_legs(kind, inputs.view.listing.underlying, level.expiry, shorts, width)
        if legs is not None and _all_listed(inputs.view, legs):
            found.append(_stressed(inputs, _judge(inputs, kind, legs, width, by_row)))
    return tuple(found)


def best_candidate(found: tuple[Candidate, ...], *, by_edge: bool) -> Candidate | None:
    """The first by `ranked_by` among those not refused."""
    passing = [candidate for candidate in found if not candidate.refusal]
    if not passing:
        return None
    measure = ranked_by(found, by_edge=by_edge)
    if measure == BY_WIDTH:
        return passing[0]
    return max(passing, key=lambda c: float(c.figures[measure] or -math.inf))


def ranked_by(found: tuple[Candidate, ...], *, by_edge: bool) -> str:
    """The figure by which those not refused are ranked.

    Net EV(P) per rupee of stressed loss; per rupee of loss at expiry where one of them has no stressed loss,
    for two measures do not compare; the width, widest first, where no edge is judged.
    """
    if not by_edge:
        return BY_WIDTH
    passing = [candidate for candidate in found if not candidate.refusal]
    is_stressed = all(candidate.figures.get(BY_STRESSED_LOSS) is not None for candidate in passing)
    return BY_STRESSED_LOSS if is_stressed else BY_LOSS


def _stressed(inputs: SelectionInputs, candidate: Candidate) -> Candidate:
    # A dear figure, the same for any number of lots: made where it ranks, of those that nothing has refused.
    if candidate.refusal or inputs.stress is None or not inputs.policy.require_forecast_edge:
        return candidate
    positions = [
        Position(contract=leg.contract, quantity=leg.side.sign * STRESSED_UNITS) for leg in candidate.legs
    ]
    found = portfolio_stress(inputs.view, positions, inputs.stress, inputs.quality_settings)
    if isinstance(found, StressUnavailable):
        missing = {"stressed_loss_per_unit": None, BY_STRESSED_LOSS: None, "stress_missing": found.text}
        return replace(candidate, figures={**candidate.figures, **missing})
    loss, edge = found.stressed_loss_inr / STRESSED_UNITS, candidate.figures["ev_p_per_unit"]
    share = None if edge is None or loss <= 0.0 else figure(float(edge) / loss)
    stressed = {"stressed_loss_per_unit": figure(loss), BY_STRESSED_LOSS: share}
    return replace(candidate, figures={**candidate.figures, **stressed})


def judge_structure(
    inputs: SelectionInputs, kind: StructureKind, legs: tuple[Leg, ...], *, lots: int
) -> Candidate:
    """One structure of listed legs in so many lots, with its figures and the first test it fails.

    `lots_by_budget` is what the strategy would trade of it at most.
    """
    strikes = [
        [leg.contract.strike for leg in legs if leg.contract.option_type is kind] for kind in OptionType
    ]
    width = max(max(each) - min(each) for each in strikes if each)
    by_row = row_confidence(inputs.view, inputs.level.expiry, inputs.quality_settings)
    return _judge(inputs, kind, legs, width, by_row, asked=lots)


def _judge(
    inputs: SelectionInputs,
    kind: StructureKind,
    legs: tuple[Leg, ...],
    width: int,
    by_row: FloatArray,
    *,
    asked: int | None = None,
) -> Candidate:
    view, budget = inputs.view, inputs.budget
    quotes = leg_quotes(view, legs)
    credit = quotes.credit
    expiry = inputs.level.expiry
    lot_size = inputs.rules.contracts.lot_size(view.listing.underlying, inputs.now.date(), expiry)
    confidence = least_confidence(view, expiry, by_row, [leg.contract for leg in legs])
    loss = max_loss_points(legs, credit) if credit is not None else None
    figures: dict[str, FigureValue] = {"width": width, "confidence": confidence}
    if credit is None or quotes.half_spread is None or loss is None or loss <= 0 or credit <= 0:
        # nan never reaches a comparison: an unquoted leg ends here.
        reason = "no_credit" if credit is not None and quotes.half_spread is not None else "leg_not_quoted"
        return _refused(kind, legs, confidence, figures, reason)
    # Sized with the brokerage of one lot, the dearest case; tested with that of the lots found.
    loss_per_lot = loss * lot_size + round_trip_cost_inr(inputs, quotes, lot_size)
    cap = float(budget.trade_risk_max_inr)
    size_factor = confidence * inputs.lots_factor
    lots = math.floor(figure(cap * size_factor / loss_per_lot))
    traded = max(lots, 0) if asked is None else asked
    units = max(traded, 1) * lot_size
    cost = round_trip_cost_inr(inputs, quotes, units)
    figures |= {
        "credit_per_unit": figure(credit),
        "credit_share_of_width": figure(credit / width),
        "max_loss_per_unit": figure(loss),
        "costs_inr": figure(cost),
        "cost_share_of_credit": figure(cost / (credit * units)),
        "loss_per_lot_inr": figure(loss_per_lot),
        "risk_budget_inr": figure(cap),
        "size_factor": figure(size_factor),
    }
    if asked is not None:
        figures["lots_by_budget"] = max(lots, 0)
    _add_edge(figures, inputs, legs, credit, loss, cost / units)
    return Candidate(
        structure=kind,
        legs=legs,
        lots=traded,
        credit_per_unit=figure(credit),
        max_loss_inr=rupees(loss * units),
        costs_inr=rupees(cost),
        confidence=confidence,
        figures=figures,
        refusal=_first_refusal(inputs, legs, figures, lots),
    )


def round_trip_cost_inr(inputs: SelectionInputs, quotes: LegQuotes, units: int) -> float:
    """Half-spreads and charges of entry and exit of so many units a leg, in rupees, exit priced as entry.

    nan when a side is missing.
    """
    half_spread = math.nan if quotes.half_spread is None else quotes.half_spread
    turnover = (quotes.bought + quotes.sold) * units
    freeze = inputs.rules.contracts.freeze_quantity(inputs.view.listing.underlying, inputs.now.date())
    charges = inputs.rules.charges.estimate_inr(
        trade_date=inputs.now.date(),
        premium_buy_inr=turnover,
        premium_sell_inr=turnover,
        orders=2 * len(quotes.sides) * math.ceil(units / freeze),
    )
    return 2.0 * half_spread * units + float(charges)


def _add_edge(
    figures: dict[str, FigureValue],
    inputs: SelectionInputs,
    legs: tuple[Leg, ...],
    credit: float,
    loss: float,
    cost_per_unit: float,
) -> None:
    if inputs.density is None:
        figures |= {"ev_p_per_unit": None, "ev_p_per_loss": None, "probability_of_profit": None}
        return
    outcome = expected_payoff(legs, credit, inputs.density)
    # Held to expiry there is no exit; charging the exit as well keeps the edge honest for early exits.
    value = credit + inputs.level.discount * outcome.expected_points - cost_per_unit
    figures |= {
        "ev_p_per_unit": figure(value),
        "ev_p_per_loss": figure(value / loss),
        "probability_of_profit": figure(outcome.probability_of_profit),
    }


def _first_refusal(
    inputs: SelectionInputs, legs: tuple[Leg, ...], figures: dict[str, FigureValue], lots: int
) -> str:
    policy = inputs.policy
    flagged = _flagged_leg(inputs.view, legs)
    if flagged is not None:
        return flagged
    if float(figures["confidence"] or 0.0) < policy.confidence_min:
        return "confidence_low"
    if float(figures["credit_share_of_width"] or 0.0) < policy.credit_share_of_width_min:
        return "credit_thin"
    if float(figures["cost_share_of_credit"] or math.inf) > policy.cost_share_of_credit_max:
        return "cost_test"
    if policy.require_forecast_edge and not _has_edge(figures):
        return "no_edge_under_p"
    if lots < 1:
        return "one_lot_exceeds_budget"
    return ""


def _has_edge(figures: dict[str, FigureValue]) -> bool:
    value = figures["ev_p_per_unit"]
    return value is not None and float(value) > 0.0


def _flagged_leg(view: MarketView, legs: tuple[Leg, ...]) -> str | None:
    for leg in legs:
        row = view.row(leg.contract)
        flags = int(view.flags[row]) & _UNTRADABLE if row is not None else int(QuoteFlag.NO_BID)
        if flags:
            return f"leg_{next(iter(QuoteFlag(flags))).name}".lower()
    # A wide short cannot be bought back at a fair price; a wide wing only costs its spread.
    for leg in short_legs(legs):
        row = view.row(leg.contract)
        if row is not None and view.flags[row] & _WIDE:
            return "short_leg_wide"
    return None


def _all_listed(view: MarketView, legs: tuple[Leg, ...]) -> bool:
    return all(view.row(leg.contract) is not None for leg in legs)


def _refused(
    kind: StructureKind,
    legs: tuple[Leg, ...],
    confidence: float,
    figures: dict[str, FigureValue],
    reason: str,
) -> Candidate:
    return Candidate(
        structure=kind,
        legs=legs,
        lots=0,
        credit_per_unit=0.0,
        max_loss_inr=Decimal(0),
        costs_inr=Decimal(0),
        confidence=confidence,
        figures=figures,
        refusal=reason,
    )
