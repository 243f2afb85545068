"""Rules of the orders themselves: budgets, cover, form, quotes and prices."""

from __future__ import annotations

import math
from collections.abc import Sequence

from volguard.model.decision import Breach
from volguard.model.instrument import OptionContract
from volguard.model.units import figure
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag
from volguard.risk.facts import ReviewInputs, missing
from volguard.risk.limits import Limits


def order_budget(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Orders of the day and of the second stay below their budgets."""
    here, planned = len(inputs.orders), inputs.orders_planned
    day = inputs.orders_today + max(here, planned.in_all)
    second = inputs.orders_last_second + max(here, planned.at_once)
    seen = (
        ("orders_per_day", "today", day, limits.orders_per_day_max),
        ("orders_per_second", "within this second", second, limits.orders_per_second_max),
    )
    breaches = []
    for rule, when, count, most in seen:
        if count > most:
            text = f"orders {when} would be {count}, limit {most}"
            breaches.append(Breach(rule=rule, value=float(count), limit=float(most), text=text))
    return breaches


def covered_shorts(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """A short leaves only after its hedge's fill."""
    if inputs.trade.covered:
        return []
    text = "a short leg would be uncovered: its hedge is not filled"
    return [Breach(rule="naked_short", value="uncovered", limit="covered", text=text)]


def only_reduces(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """A closing order is against what is held, and for no more than that: it can never reverse."""
    breaches = []
    closing: dict[OptionContract, int] = {}  # by this wave: slices of one contract count together
    for facts in inputs.orders:
        contract = facts.request.contract
        signed = facts.request.side.sign * facts.request.quantity
        left = facts.closable + closing.get(contract, 0)
        closing[contract] = closing.get(contract, 0) + signed
        if signed * left >= 0 or abs(signed) > abs(left):
            text = f"{contract.symbol}: closing {signed}, held {left}"
            breaches.append(Breach(rule="reduces", value=float(signed), limit=float(left), text=text))
    return breaches


def keeps_cover(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """A closing order neither takes the long from under a short nor makes the trade's stress worse."""
    breaches = []
    if inputs.trade.uncovers > 0:
        text = f"{inputs.trade.uncovers} units more would be short without their long"
        value = float(inputs.trade.uncovers)
        breaches.append(Breach(rule="keeps_cover", value=value, limit=0.0, text=text))
    rise = inputs.trade.stress_rise_inr
    if rise is not None and rise > 0.0:
        text = f"the trade's stressed loss would rise by {rise:.0f} rupees"
        breaches.append(Breach(rule="keeps_stress", value=figure(rise), limit=0.0, text=text))
    return breaches


def order_form(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """Whole lots, below the freeze quantity, on the tick, at a positive price."""
    breaches = []
    for facts in inputs.orders:
        request = facts.request
        name, quantity, price = request.contract.symbol, request.quantity, request.limit_price
        if quantity <= 0 or quantity % facts.lot_size:
            text = f"{name}: quantity was {quantity}, lot size {facts.lot_size}"
            breaches.append(
                Breach(rule="lot_multiple", value=float(quantity), limit=float(facts.lot_size), text=text)
            )
        if quantity > facts.freeze_quantity:
            text = f"{name}: quantity was {quantity}, freeze quantity {facts.freeze_quantity}"
            breaches.append(
                Breach(rule="freeze", value=float(quantity), limit=float(facts.freeze_quantity), text=text)
            )
        if price <= 0 or price % facts.tick:
            text = f"{name}: price was {price}, tick {facts.tick}"
            breaches.append(Breach(rule="tick", value=float(price), limit=float(facts.tick), text=text))
    return breaches


def quotes_present(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """Both sides of every leg are quoted now."""
    breaches = []
    for facts in inputs.orders:
        quote = facts.quote
        if quote is None or quote.bid is None or quote.ask is None:
            breaches.append(missing("quote", f"a two-sided quote of {facts.request.contract.symbol}"))
    return breaches


def quote_flags(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """No order that adds risk on a quote that is stale, crossed, jumped or contradicts its neighbours."""
    breaches = []
    for facts in inputs.orders:
        name = facts.request.contract.symbol
        if facts.flags is None:
            breaches.append(missing("quote_flags", f"a listed quote of {name}"))
        elif bad := QuoteFlag(facts.flags) & UNTRADABLE:
            seen = "+".join(str(flag.name).lower() for flag in bad)
            text = f"{name}: its quote is {seen}"
            breaches.append(Breach(rule="quote_flags", value=seen, limit="none", text=text))
    return breaches


def leg_confidence(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """No new risk on a strike whose volatility is in doubt."""
    breaches = []
    for facts in inputs.orders:
        name, seen, least = facts.request.contract.symbol, facts.confidence, limits.confidence_min
        if seen is None or not math.isfinite(seen):
            breaches.append(missing("confidence", f"confidence in the volatility of {name}"))
        elif seen < least:
            text = f"{name}: confidence was {seen:.2f}, limit {least:.2f}"
            breaches.append(Breach(rule="confidence", value=figure(seen), limit=least, text=text))
    return breaches


def entry_price(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """The limit price is near the fair value of the strike."""
    breaches = []
    for facts in inputs.orders:
        request = facts.request
        if facts.fair_value is None or not math.isfinite(facts.fair_value):
            breaches.append(missing("entry_price", f"a fair value of {request.contract.symbol}"))
            continue
        band = max(
            limits.entry_price_band_share * facts.fair_value,
            limits.entry_price_band_ticks * float(facts.tick),
        )
        away = figure(abs(float(request.limit_price) - facts.fair_value))
        if away > figure(band):
            text = (
                f"{request.contract.symbol}: limit price {request.limit_price} is {away:.2f} from fair "
                f"value {facts.fair_value:.2f}, limit {band:.2f}"
            )
            breaches.append(Breach(rule="entry_price", value=away, limit=figure(band), text=text))
    return breaches


def price_band(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """The exchange takes no price beyond its limit-price protection."""
    breaches = []
    for facts in inputs.orders:
        request = facts.request
        name, price = request.contract.symbol, request.limit_price
        if facts.band is None:
            breaches.append(missing("price_band", f"the price band of {name}"))
        elif not facts.band[0] <= price <= facts.band[1]:
            low, high = facts.band
            text = f"{name}: price was {price}, the exchange takes {low} to {high}"
            bound = float(high if price > high else low)
            breaches.append(Breach(rule="price_band", value=float(price), limit=bound, text=text))
    return breaches
