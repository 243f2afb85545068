"""One function per rule; each gives its breaches. A missing input is a breach, never a pass.

Here are the rules of the session's state, and which rules an order passes by what it does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from volguard.model.decision import Breach, Phase, SafetyLevel, TradingState
from volguard.risk.book_checks import (
    account_risk,
    concentration,
    portfolio_greeks,
    portfolio_margin,
    portfolio_stress,
    trade_budget,
)
from volguard.risk.facts import Check, ReviewInputs, missing
from volguard.risk.limits import Limits
from volguard.risk.order_checks import (
    covered_shorts,
    entry_price,
    keeps_cover,
    leg_confidence,
    only_reduces,
    order_budget,
    order_form,
    price_band,
    quote_flags,
    quotes_present,
)


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
    if inputs.quality > limit or (inputs.quality == limit and not is_full):
        return []
    text = f"data quality was {inputs.quality:.3f}, limit {limit:.3f}"
    return [Breach(rule="data_quality", value=inputs.quality, limit=limit, text=text)]


def effective_phase(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """Bad data lowers the phase below what the operator chose: then nothing new is sent by it."""
    order = list(Phase)
    if order.index(inputs.effective_phase) >= order.index(inputs.phase):
        return []
    seen, asked = inputs.effective_phase.value, inputs.phase.value
    text = f"the effective phase is {seen}, below {asked}"
    return [Breach(rule="effective_phase", value=seen, limit=asked, text=text)]


def vix_spike(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """No new risk while VIX leaps, nor while nobody can tell although the looks come fast enough to."""
    spike = inputs.vix_spike
    if spike.is_spiking:
        return [Breach(rule="vix_spike", value="in force", limit="calm", text=spike.text)]
    if inputs.vix_judgeable and spike.rise_share is None:
        return [missing("vix_spike", f"the rise of VIX ({spike.not_judged})")]
    return []


def order_breaker(inputs: ReviewInputs, _limits: Limits) -> Sequence[Breach]:
    """No new risk through a broker that fails."""
    if not inputs.order_breaker:
        return []
    return [Breach(rule="order_breaker", value="open", limit="closed", text=inputs.order_breaker)]


RISK_ADDING: Final[tuple[Check, ...]] = (
    session_window,
    kill_switch,
    trading_state,
    effective_phase,
    daily_stops,
    vix_spike,
    order_breaker,
    source_inputs,
    feed_gap,
    unknown_orders,
    data_quality,
    trade_budget,
    account_risk,
    concentration,
    portfolio_greeks,
    portfolio_stress,
    portfolio_margin,
    order_budget,
    covered_shorts,
    order_form,
    quotes_present,
    quote_flags,
    leg_confidence,
    entry_price,
    price_band,
)
RISK_REDUCING: Final[tuple[Check, ...]] = (session_window, only_reduces, keeps_cover, order_form)
