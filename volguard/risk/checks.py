"""One function per rule; each gives its breaches. A missing input is a breach, never a pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from volguard.measure.exposure import Exposure
from volguard.model.decision import Breach, Phase, SafetyLevel, TradingState
from volguard.model.instrument import OptionContract
from volguard.model.market import Quote
from volguard.model.order import OrderRequest
from volguard.model.proposal import Budget
from volguard.model.units import figure
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag
from volguard.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFacts:
    """One order with what the rules of its contract say."""

    request: OrderRequest
    quote: Quote | None
    fair_value: float | None  # points by the neighbouring strikes
    flags: int | None  # of its quote, pricing.quote_flags.QuoteFlag; None: not listed now
    closable: int  # signed units held and not yet being closed; only read for closing orders
    lot_size: int
    freeze_quantity: int
    tick: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFacts:
    """The trade that the orders belong to; None figures are missing inputs."""

    risk_inr: Decimal
    budget: Budget | None  # without this trade itself
    covered: bool  # no short without its long after these orders


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewInputs:
    """Everything a review looks at. None means that the source did not give it."""

    now: datetime
    session_open: bool | None
    phase: Phase
    trading_state: TradingState
    safety_level: SafetyLevel
    kill_switch: bool
    soft_stop: bool
    hard_stop: bool
    after_gap: bool
    unknown_orders: int
    quality: float | None
    missing_inputs: tuple[str, ...]  # what the source is meant to give and did not give now
    account_inr: Decimal | None
    exposure_after: Exposure | None
    open_risk_after_inr: Decimal | None
    orders_today: int
    trade: TradeFacts
    orders: tuple[OrderFacts, ...]
    review_sequence: int
    valid_until: datetime


Check = Callable[[ReviewInputs, Limits], Sequence[Breach]]


def missing(rule: str, what: str) -> Breach:
    """The breach of an input that is not there."""
    return Breach(rule=rule, value=None, limit=None, text=f"{what} is not available")


def session_window(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """Orders only leave while the session is open."""
    if inputs.session_open is None:
        return [missing("session_window", "the session's window")]
    if inputs.session_open:
        return []
    at = f"{inputs.now:%H:%M:%S}"
    return [Breach(rule="session_window", value=at, limit="open", text=f"the session is closed at {at}")]


def kill_switch(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """The kill-switch file stops all new risk."""
    if not inputs.kill_switch:
        return []
    return [Breach(rule="kill_switch", value="present", limit="absent", text="the kill switch is on")]


def trading_state(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """New risk only while ACTIVE and NORMAL."""
    if inputs.trading_state is TradingState.ACTIVE and inputs.safety_level is SafetyLevel.NORMAL:
        return []
    seen = f"{inputs.trading_state.value}/{inputs.safety_level.value}"
    return [Breach(rule="trading_state", value=seen, limit="ACTIVE/NORMAL", text=f"trading state is {seen}")]


def daily_stops(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """No new risk after the soft stop."""
    breaches = []
    if inputs.soft_stop:
        text = f"the soft stop at {limits.soft_stop_share:.1%} of equity was hit today"
        breaches.append(Breach(rule="soft_stop", value="hit", limit=limits.soft_stop_share, text=text))
    if inputs.hard_stop:
        text = f"the hard stop at {limits.hard_stop_share:.1%} of equity was hit today"
        breaches.append(Breach(rule="hard_stop", value="hit", limit=limits.hard_stop_share, text=text))
    return breaches


def source_inputs(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """What the source is meant to give is there now."""
    return [missing("source_inputs", what) for what in inputs.missing_inputs]


def feed_gap(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """The first look after a hole in the feed is not traded on."""
    if not inputs.after_gap:
        return []
    return [
        Breach(rule="feed_gap", value="first snapshot", limit=None, text="first snapshot after a feed gap")
    ]


def unknown_orders(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """No new risk while an order's fate is not known."""
    count = inputs.unknown_orders
    if not count:
        return []
    text = f"{count} orders have an unknown outcome, limit 0"
    return [Breach(rule="unknown_orders", value=float(count), limit=0.0, text=text)]


def data_quality(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Bad data carries no new trade; FULL_AUTO asks for more."""
    is_full = inputs.phase is Phase.FULL_AUTO
    limit = limits.quality_full_auto_min if is_full else limits.quality_new_trades_min
    if inputs.quality is None:
        return [missing("data_quality", "data quality")]
    if inputs.quality >= limit:
        return []
    text = f"data quality was {inputs.quality:.3f}, limit {limit:.3f}"
    return [Breach(rule="data_quality", value=inputs.quality, limit=limit, text=text)]


def trade_budget(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """The trade's risk fits its bucket."""
    budget = inputs.trade.budget
    if budget is None:
        return [missing("trade_risk", "the bucket's budget")]
    breaches = []
    new_risk = inputs.trade.risk_inr
    if new_risk > budget.trade_risk_max_inr:
        breaches.append(_over("trade_risk", "trade risk", new_risk, budget.trade_risk_max_inr))
    if new_risk > budget.capital_free_inr:
        breaches.append(_over("bucket_capital", "capital used", new_risk, budget.capital_free_inr))
    return breaches


def account_risk(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Open risk of all buckets, and capital left free, against the account."""
    if inputs.account_inr is None:
        return [missing("open_risk", "the account's capital")]
    if inputs.open_risk_after_inr is None:
        return [missing("open_risk", "open risk after the trade")]
    account, risk = inputs.account_inr, inputs.open_risk_after_inr
    breaches = []
    limit = account * Decimal(str(limits.open_risk_share_max))
    if risk > limit:
        breaches.append(_over("open_risk", "open risk after the trade", risk, limit))
    free_min = account * Decimal(str(limits.free_capital_share_min))
    if account - risk < free_min:
        text = f"free capital would be {account - risk:.2f}, limit {free_min:.2f}"
        value, bound = float(account - risk), float(free_min)
        breaches.append(Breach(rule="free_capital", value=value, limit=bound, text=text))
    return breaches


def portfolio_greeks(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Greeks of the whole book after the trade, in rupees, against shares of the account."""
    after, account = inputs.exposure_after, inputs.account_inr
    if account is None:
        return [missing("portfolio_greeks", "the account's capital")]
    if after is None:
        return [missing("portfolio_greeks", "Greeks of a leg")]
    seen = (
        ("delta", abs(after.delta_pnl_1pct_inr), limits.delta_1pct_share_max),
        ("gamma", abs(after.gamma_pnl_1pct_inr), limits.gamma_1pct_share_max),
        ("vega", abs(after.vega_per_pt), limits.vega_per_pt_share_max),
        ("theta", max(-after.theta_per_day, 0.0), limits.theta_per_day_share_max),
    )
    breaches = []
    for name, value, share in seen:
        limit = figure(share * float(account))
        if not value <= limit:  # nan is no pass
            text = f"{name} after the trade was {value:.0f} rupees, limit {limit:.0f}"
            breaches.append(Breach(rule=f"portfolio_{name}", value=figure(value), limit=limit, text=text))
    return breaches


def order_budget(inputs: ReviewInputs, limits: Limits) -> Sequence[Breach]:
    """Orders of the day stay below the day's budget."""
    count = inputs.orders_today + len(inputs.orders)
    if count <= limits.orders_per_day_max:
        return []
    text = f"orders today would be {count}, limit {limits.orders_per_day_max}"
    return [
        Breach(rule="orders_per_day", value=float(count), limit=float(limits.orders_per_day_max), text=text)
    ]


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


RISK_ADDING: Final[tuple[Check, ...]] = (
    session_window,
    kill_switch,
    trading_state,
    daily_stops,
    source_inputs,
    feed_gap,
    unknown_orders,
    data_quality,
    trade_budget,
    account_risk,
    portfolio_greeks,
    order_budget,
    covered_shorts,
    order_form,
    quotes_present,
    quote_flags,
    entry_price,
)
RISK_REDUCING: Final[tuple[Check, ...]] = (session_window, only_reduces, order_form)


def _over(rule: str, what: str, value: Decimal, limit: Decimal) -> Breach:
    text = f"{what} was {value:.2f}, limit {limit:.2f}"
    return Breach(rule=rule, value=float(value), limit=float(limit), text=text)
