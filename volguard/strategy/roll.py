"""What rolling to the bucket's next expiry would cost, told where a trade leaves by time. It decides nothing.

What follows an exit is the ordinary flow of entries, by the ordinary rules.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from volguard.measure.flat_cost import FlatCost
from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money
from volguard.measure.payoff import short_legs
from volguard.measure.touch import LegQuotes, leg_quotes
from volguard.model.book import Leg, StructureKind, Trade
from volguard.model.decision import FigureValue
from volguard.model.units import figure, rupees
from volguard.nse.rules import Rules
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.strategy.select import short_strikes
from volguard.strategy.structure import WITH_CALLS, WITH_PUTS, structure_legs, wing_width


@dataclass(frozen=True, slots=True, kw_only=True)
class NextExpiryInputs:
    """`flat`: what closing the trade takes now; `expiry`: what its bucket would trade next, None: nothing."""

    view: MarketView
    trade: Trade
    flat: FlatCost
    expiry: date | None
    policy: Policy
    bucket: BucketPolicy
    rules: Rules


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStructure:
    """The same structure of the next expiry at the touch, all lots; its cost is that of the entry alone."""

    legs: tuple[Leg, ...]
    credit_points: float
    credit_inr: Decimal
    cost_inr: Decimal


def next_expiry_figures(inputs: NextExpiryInputs) -> dict[str, FigureValue]:
    """Rupees of the exit, and of the same structure at the next expiry; None, with its reason, if missing."""
    flat, legs = inputs.flat, inputs.flat.legs
    found = _next_structure(inputs)
    is_known = isinstance(found, NextStructure)
    cost = found.cost_inr if isinstance(found, NextStructure) else None
    figures: dict[str, FigureValue] = {
        "exit_half_spreads_inr": _sum(leg.half_spread_inr for leg in legs),
        "exit_walk_inr": _sum(leg.walk_inr for leg in legs),
        "exit_charges_inr": _sum(leg.charges_inr for leg in legs),
        "exit_cost_inr": _number(flat.cost_inr),
        "next_expiry": inputs.expiry.isoformat() if inputs.expiry is not None and is_known else None,
        "next_cost_inr": _number(cost),
        "next_roll_cost_inr": _number(
            None if cost is None or flat.cost_inr is None else cost + flat.cost_inr
        ),
    }
    if flat.cost_inr is None:
        figures["exit_cost_missing"] = "; ".join(flat.reasons) or "not available"
    if not isinstance(found, NextStructure):
        return figures | {"next_roll": f"not available: {found}"}
    return figures | {
        "next_roll": "priced",
        "next_strikes": "/".join(str(leg.contract.strike) for leg in found.legs),
        "next_short_deltas": _deltas(inputs.view, found.legs),
        "next_credit_per_unit": figure(found.credit_points),
        "next_credit_inr": float(found.credit_inr),
    }


def _next_structure(inputs: NextExpiryInputs) -> NextStructure | str:
    trade, view, expiry = inputs.trade, inputs.view, inputs.expiry
    if inputs.bucket.is_same_day:
        return "the bucket trades within one session"
    if trade.structure not in WITH_PUTS | WITH_CALLS:
        return f"{trade.structure.value} is not chosen here"
    if expiry is None or expiry <= trade.legs[0].contract.expiry:
        low, high = inputs.bucket.expiry_days_min, inputs.bucket.expiry_days_max
        return f"no later expiry of the bucket in {low} to {high} days is listed"
    level = at_the_money(view, expiry)
    if level is None:
        return f"forward or ATM volatility of {expiry.isoformat()} is not pinned by quotes"
    legs = _legs(inputs, level, expiry)
    if legs is None:
        return "no listed strike is far enough from the forward with both sides quoted"
    for leg in legs:
        if view.row(leg.contract) is None:
            return f"{leg.contract.symbol} is not listed"
    return _priced(inputs, legs, leg_quotes(view, legs), expiry)


def _legs(inputs: NextExpiryInputs, level: AtTheMoney, expiry: date) -> tuple[Leg, ...] | None:
    factor, trade = inputs.bucket.expected_move_factor, inputs.trade
    if trade.structure is StructureKind.DEFENSIVE_IRON_CONDOR:
        factor = max(factor, inputs.policy.defensive_expected_move_factor)
    shorts = short_strikes(inputs.view, level, factor * level.straddle, inputs.policy.short_delta_max)
    return structure_legs(
        trade.structure, inputs.view.listing.underlying, expiry, shorts, wing_width(trade.legs)
    )


def _priced(
    inputs: NextExpiryInputs, legs: tuple[Leg, ...], quotes: LegQuotes, expiry: date
) -> NextStructure | str:
    view, today = inputs.view, inputs.view.ts.date()
    credit, half_spread = quotes.credit, quotes.half_spread
    if credit is None or half_spread is None:
        return "a leg is not quoted on both sides"
    contracts, underlying = inputs.rules.contracts, view.listing.underlying
    units = inputs.trade.lots * contracts.lot_size(underlying, today, expiry)
    charges = inputs.rules.charges.estimate_inr(
        trade_date=today,
        premium_buy_inr=quotes.bought * units,
        premium_sell_inr=quotes.sold * units,
        orders=len(legs) * math.ceil(units / contracts.freeze_quantity(underlying, today)),
    )
    return NextStructure(
        legs=legs,
        credit_points=credit,
        credit_inr=rupees(credit * units),
        cost_inr=rupees(half_spread * units + float(charges)),
    )


def _deltas(view: MarketView, legs: tuple[Leg, ...]) -> str:
    rows = [view.row(leg.contract) for leg in short_legs(legs)]
    return "/".join(f"{abs(float(view.greeks.delta[row])):.2f}" for row in rows if row is not None)


def _sum(amounts: Iterable[Decimal | None]) -> float | None:
    total = Decimal(0)
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return float(total)


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
