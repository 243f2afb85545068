"""Each rule: refused when its input is missing, allowed at its limit, refused just past it."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import put, quote, request
from tests.risk.review_inputs import (
    BUDGET,
    CLOSING,
    FACTS,
    GOOD,
    LIMITS,
    asking,
    group_of_inr,
    margin_of_inr,
    spoiled,
    with_exposure,
    with_order,
    with_risk,
    with_stress,
    with_trade,
)
from volguard.measure.margin import NoMargin
from volguard.measure.stress_book import StressUnavailable
from volguard.model.book import StructureKind
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.instrument import Side
from volguard.model.order import Purpose
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag
from volguard.risk import book_checks, checks, order_checks
from volguard.risk.checks import RISK_ADDING, RISK_REDUCING
from volguard.risk.facts import Check, OrdersPlanned, ReviewInputs
from volguard.risk.vix_spike import VixSpikeState


def rules_broken(inputs: ReviewInputs, *limit_changes: tuple[str, Any]) -> list[str]:
    """Rules that say no to an order that adds risk."""
    limits = replace(LIMITS, **dict(limit_changes))
    return [breach.rule for check in RISK_ADDING for breach in check(inputs, limits)]


def test_the_good_review_passes_every_rule() -> None:
    """The starting point of every test here breaks nothing."""
    assert rules_broken(GOOD) == []


def test_every_rule_of_the_module_is_run() -> None:
    """A rule that is written but not listed would guard nothing."""
    written = {
        function
        for module in (checks, book_checks, order_checks)
        for _, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__
        and next(iter(inspect.signature(function).parameters)) == "inputs"
    }
    assert written == {*RISK_ADDING, *RISK_REDUCING}


MISSING = [
    (spoiled(session_open=None), "session_window"),
    (spoiled(quality=None), "data_quality"),
    (spoiled(missing_inputs=("India VIX",)), "source_inputs"),
    (spoiled(account_inr=None), "open_risk"),
    (spoiled(account_inr=None), "portfolio_greeks"),
    (spoiled(open_risk_after_inr=None), "open_risk"),
    (spoiled(account_inr=None), "stress"),
    (spoiled(account_inr=None), "margin"),
    (spoiled(account_inr=None), "concentration"),
    (spoiled(vix_spike=VixSpikeState()), "vix_spike"),
    (spoiled(risk_after=None), "portfolio_greeks"),
    (spoiled(risk_after=None), "stress"),
    (spoiled(risk_after=None), "margin"),
    (with_risk(exposure=None), "portfolio_greeks"),
    (with_risk(stress=StressUnavailable(reasons=("24000 PE: no forward",))), "stress"),
    (with_risk(margin=NoMargin(reason="no EWMA")), "margin"),
    (with_risk(margin_moved=NoMargin(reason="no EWMA")), "stressed_margin"),
    (spoiled(capital_used_after_inr=None), "free_capital"),
    (spoiled(concentration_after=None), "concentration"),
    (with_trade(budget=None), "trade_risk"),
    (with_trade(margin_inr=None), "bucket_capital"),
    (with_order(band=None), "price_band"),
    (with_order(confidence=None), "confidence"),
    (with_order(confidence=math.nan), "confidence"),
    (with_order(quote=None), "quote"),
    (with_order(quote=quote(None, "10.05")), "quote"),
    (with_order(quote=quote("9.95", None)), "quote"),
    (with_order(fair_value=None), "entry_price"),
    (with_order(fair_value=math.nan), "entry_price"),
    (with_order(fair_value=math.inf), "entry_price"),
]


@pytest.mark.parametrize(
    ("inputs", "rule"), MISSING, ids=[f"{rule}-{i}" for i, (_, rule) in enumerate(MISSING)]
)
def test_a_missing_input_is_refused(inputs: ReviewInputs, rule: str) -> None:
    """Fail closed: what is not there is a breach without a value, and says what is not available."""
    breaches = [b for check in RISK_ADDING for b in check(inputs, LIMITS) if b.rule == rule]
    assert breaches and all(b.value is None and "is not available" in b.text for b in breaches)


@pytest.mark.parametrize("greek", ["delta_pnl_1pct_inr", "gamma_pnl_1pct_inr", "vega_per_pt"])
def test_a_figure_that_is_no_number_is_refused(greek: str) -> None:
    """nan compares false with everything: it must not pass as small."""
    assert len(rules_broken(with_exposure(**{greek: math.nan}))) == 1
    assert rules_broken(spoiled(quality=math.nan)) == ["data_quality"]


AT_AND_PAST = [
    ("data_quality", spoiled(quality=0.5), spoiled(quality=0.4999)),
    (
        "data_quality",
        spoiled(quality=0.8001, phase=Phase.FULL_AUTO, effective_phase=Phase.FULL_AUTO),
        spoiled(quality=0.8, phase=Phase.FULL_AUTO, effective_phase=Phase.FULL_AUTO),
    ),
    ("trade_risk", with_trade(risk_inr=Decimal(20_000)), with_trade(risk_inr=Decimal("20000.01"))),
    (
        "bucket_capital",
        with_trade(budget=replace(BUDGET, capital_free_inr=Decimal(15_000))),
        with_trade(budget=replace(BUDGET, capital_free_inr=Decimal("14999.99"))),
    ),
    (
        "open_risk",
        spoiled(open_risk_after_inr=Decimal(100_000)),
        spoiled(open_risk_after_inr=Decimal("100000.01")),
    ),
    ("portfolio_delta", with_exposure(delta_pnl_1pct_inr=-1e4), with_exposure(delta_pnl_1pct_inr=-10000.01)),
    ("portfolio_delta", with_exposure(delta_pnl_1pct_inr=1e4), with_exposure(delta_pnl_1pct_inr=10000.01)),
    ("portfolio_gamma", with_exposure(gamma_pnl_1pct_inr=-2e4), with_exposure(gamma_pnl_1pct_inr=-20000.1)),
    ("portfolio_vega", with_exposure(vega_per_pt=-5000.0), with_exposure(vega_per_pt=-5000.01)),
    ("portfolio_theta", with_exposure(theta_per_day=-1000.0), with_exposure(theta_per_day=-1000.01)),
    ("stress", with_stress(stressed_loss_inr=120_000.0), with_stress(stressed_loss_inr=120_001.0)),
    ("near_stress", with_stress(near_loss_inr=60_000.0), with_stress(near_loss_inr=60_001.0)),
    ("margin", with_risk(margin=margin_of_inr(1.2e6)), with_risk(margin=margin_of_inr(1.2e6 + 1))),
    (
        "stressed_margin",
        with_risk(margin_moved=margin_of_inr(1.8e6)),
        with_risk(margin_moved=margin_of_inr(1.8e6 + 1)),
    ),
    ("bucket_capital", with_trade(margin_inr=Decimal(800_000)), with_trade(margin_inr=Decimal(800_001))),
    (
        "concentration",
        spoiled(concentration_after=(group_of_inr("50000"),)),
        spoiled(concentration_after=(group_of_inr("50000.01"),)),
    ),
    (
        "open_trades",
        with_trade(budget=replace(BUDGET, open_trades=2)),
        with_trade(budget=replace(BUDGET, open_trades=3)),
    ),
    (
        "one_per_expiry",
        with_trade(budget=replace(BUDGET, held=((date(2025, 9, 9), StructureKind.BULL_PUT_SPREAD),))),
        with_trade(budget=replace(BUDGET, held=((date(2025, 9, 9), StructureKind.IRON_CONDOR),))),
    ),
    ("confidence", with_order(confidence=0.5), with_order(confidence=0.4999)),
    (
        "price_band",
        with_order(band=(Decimal("9.00"), Decimal("10.00"))),
        with_order(band=(Decimal("9.00"), Decimal("9.95"))),
    ),
    (
        "price_band",
        with_order(band=(Decimal("10.00"), Decimal("11.00"))),
        with_order(band=(Decimal("10.05"), Decimal("11.00"))),
    ),
    (
        "effective_phase",
        spoiled(phase=Phase.SEMI_AUTO, effective_phase=Phase.SEMI_AUTO),
        spoiled(phase=Phase.SEMI_AUTO, effective_phase=Phase.SHADOW),
    ),
    ("orders_per_day", spoiled(orders_today=499), spoiled(orders_today=500)),
    ("orders_per_second", spoiled(orders_last_second=7), spoiled(orders_last_second=8)),
    (
        "orders_per_day",
        spoiled(orders_today=496, orders_planned=OrdersPlanned(in_all=4, at_once=2)),
        spoiled(orders_today=497, orders_planned=OrdersPlanned(in_all=4, at_once=2)),
    ),
    (
        "orders_per_second",
        spoiled(orders_planned=OrdersPlanned(in_all=16, at_once=8)),
        spoiled(orders_planned=OrdersPlanned(in_all=18, at_once=9)),
    ),
    ("unknown_orders", spoiled(unknown_orders=0), spoiled(unknown_orders=1)),
    ("lot_multiple", asking(quantity=130), asking(quantity=131)),
    ("lot_multiple", asking(quantity=65), asking(quantity=0)),
    ("lot_multiple", asking(quantity=65), asking(quantity=-65)),
    ("freeze", with_order(freeze_quantity=65), with_order(freeze_quantity=64)),
    ("tick", asking(limit_price=Decimal("10.05")), asking(limit_price=Decimal("10.06"))),
    ("entry_price", asking(limit_price=Decimal("10.50")), asking(limit_price=Decimal("10.55"))),
    ("entry_price", asking(limit_price=Decimal("9.50")), asking(limit_price=Decimal("9.45"))),
    # 4 ticks are more than 5 % of a cheap option
    ("entry_price", with_order(fair_value=9.8), with_order(fair_value=9.4)),
]


@pytest.mark.parametrize(
    ("rule", "at", "past"), AT_AND_PAST, ids=[f"{c[0]}-{i}" for i, c in enumerate(AT_AND_PAST)]
)
def test_a_rule_allows_its_limit_and_refuses_what_is_past_it(
    rule: str, at: ReviewInputs, past: ReviewInputs
) -> None:
    """The figure at the limit passes; the next one is refused by this rule, with value and limit."""
    assert rules_broken(at) == []
    breaches = [b for check in RISK_ADDING for b in check(past, LIMITS)]
    assert {b.rule for b in breaches} == {rule}
    assert all(b.value is not None and b.limit is not None and b.text for b in breaches)


@pytest.mark.parametrize("price", ["0", "-0.05", "-10"])
def test_a_price_is_positive(price: str) -> None:
    """A multiple of the tick that is no price is refused in either direction."""
    for order in (FACTS, CLOSING):
        breaches = order_checks.order_form(asking(order, limit_price=Decimal(price)), LIMITS)
        assert [breach.text for breach in breaches] == [f"{put(24000).symbol}: price was {price}, tick 0.05"]


def test_a_tiny_price_has_a_band_of_ticks() -> None:
    """At 0.30 rupees 5 % is less than a tick: the band is 4 ticks."""
    cheap = replace(FACTS, quote=quote("0.25", "0.35"), fair_value=0.30)
    assert rules_broken(asking(cheap, limit_price=Decimal("0.50"))) == []
    assert rules_broken(asking(cheap, limit_price=Decimal("0.55"))) == ["entry_price"]


def test_a_tenth_of_the_account_stays_free() -> None:
    """Free capital after the trade: at 10 % allowed, below it refused."""
    wide = ("open_risk_share_max", 1.0)
    assert rules_broken(spoiled(capital_used_after_inr=Decimal(1_800_000)), wide) == []
    assert rules_broken(spoiled(capital_used_after_inr=Decimal("1800000.01")), wide) == ["free_capital"]


def test_positive_theta_has_no_limit() -> None:
    """The theta limit is a floor: what time pays is welcome."""
    assert rules_broken(with_exposure(theta_per_day=50_000.0)) == []


SWITCHES = [
    ("session_window", spoiled(session_open=False)),
    ("kill_switch", spoiled(kill_switch=True)),
    ("soft_stop", spoiled(soft_stop=True)),
    ("hard_stop", spoiled(hard_stop=True)),
    ("feed_gap", spoiled(after_gap=True)),
    ("vix_spike", spoiled(vix_spike=VixSpikeState(is_spiking=True, rise_share=0.1))),
    ("order_breaker", spoiled(order_breaker="the breaker is open for 12 s more: 5 failures in a row")),
    ("naked_short", with_trade(covered=False)),
]


@pytest.mark.parametrize(("rule", "inputs"), SWITCHES, ids=[c[0] for c in SWITCHES])
def test_a_switch_refuses_new_risk(rule: str, inputs: ReviewInputs) -> None:
    """Closed session, kill switch, stops, a gap, an uncovered short: each refuses alone."""
    assert rules_broken(inputs) == [rule]


@pytest.mark.parametrize("state", list(TradingState))
@pytest.mark.parametrize("level", list(SafetyLevel))
def test_new_risk_only_while_active_and_normal(state: TradingState, level: SafetyLevel) -> None:
    """Every other pair of trading state and safety level refuses."""
    is_good = (state, level) == (TradingState.ACTIVE, SafetyLevel.NORMAL)
    assert rules_broken(spoiled(trading_state=state, safety_level=level)) == (
        [] if is_good else ["trading_state"]
    )


@pytest.mark.parametrize(
    ("check", "inputs", "text"),
    [
        (checks.data_quality, spoiled(quality=0.42), "data quality was 0.420, limit 0.500"),
        (
            book_checks.trade_budget,
            with_trade(risk_inr=Decimal(25_000)),
            "trade risk was 25000.00, limit 20000.00",
        ),
        (
            book_checks.portfolio_greeks,
            with_exposure(vega_per_pt=-6000.0),
            "vega after the trade was 6000 rupees, limit 5000",
        ),
        (order_checks.order_budget, spoiled(orders_today=500), "orders today would be 501, limit 500"),
        (
            book_checks.account_risk,
            spoiled(open_risk_after_inr=Decimal(120_000)),
            "open risk after the trade was 120000.00, limit 100000.00",
        ),
        (checks.session_window, spoiled(session_open=False), "the session is closed at 10:00:00"),
    ],
)
def test_a_refusal_says_the_figure_and_the_limit(check: Check, inputs: ReviewInputs, text: str) -> None:
    """Full words, the value seen and the limit."""
    assert [breach.text for breach in check(inputs, LIMITS)] == [text]


def reduces(*lines: tuple[Side, int], held: int) -> bool:
    """Whether closing orders on one contract pass."""
    orders = tuple(
        replace(CLOSING, closable=held, request=request(side=side, quantity=units, purpose=Purpose.CLOSE))
        for side, units in lines
    )
    return not order_checks.only_reduces(replace(GOOD, orders=orders), LIMITS)


@pytest.mark.parametrize(
    ("flag", "seen"),
    [
        (QuoteFlag.STALE, "stale"),
        (QuoteFlag.CROSSED, "crossed"),
        (QuoteFlag.JUMP, "jump"),
        (QuoteFlag.NO_BID, "no_bid"),
    ],
)
def test_no_new_risk_on_a_quote_that_is_flagged(flag: QuoteFlag, seen: str) -> None:
    """The breach names the contract and what is wrong with its quote; one that is not listed is missing."""
    assert flag & UNTRADABLE
    (breach,) = order_checks.quote_flags(with_order(flags=int(flag)), LIMITS)
    assert (breach.rule, breach.value, breach.limit) == ("quote_flags", seen, "none")
    assert FACTS.request.contract.symbol in breach.text
    (unlisted,) = order_checks.quote_flags(with_order(flags=None), LIMITS)
    assert (unlisted.rule, unlisted.value) == ("quote_flags", None)
    assert unlisted.text.endswith("is not available")
    assert order_checks.quote_flags(GOOD, LIMITS) == []


def test_a_flagged_quote_stops_no_closing_order() -> None:
    """What only reduces is not judged by the quality of quotes."""
    assert order_checks.quote_flags in RISK_ADDING
    assert order_checks.quote_flags not in RISK_REDUCING


@pytest.mark.parametrize(
    ("side", "units", "held", "is_allowed"),
    [
        (Side.BUY, 65, -65, True),
        (Side.BUY, 130, -65, False),  # would reverse
        (Side.SELL, 65, -65, False),  # adds
        (Side.SELL, 65, 65, True),
        (Side.SELL, 65, 0, False),  # would open
        (Side.BUY, 65, 0, False),
    ],
)
def test_a_closing_order_reduces_or_is_refused(side: Side, units: int, held: int, is_allowed: bool) -> None:
    """Against what is held, and for no more than that."""
    assert reduces((side, units), held=held) is is_allowed


def test_slices_of_one_contract_count_together() -> None:
    """Two orders that fit one by one, and together would reverse, are refused."""
    assert reduces((Side.BUY, 65), (Side.BUY, 65), held=-130)
    assert not reduces((Side.BUY, 65), (Side.BUY, 65), held=-65)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(
    held=st.integers(-4, 4),
    lines=st.lists(st.tuples(st.sampled_from(list(Side)), st.integers(-1, 5)), min_size=1, max_size=4),
)
def test_what_only_reduces_can_never_reverse(held: int, lines: list[tuple[Side, int]]) -> None:
    """For any closing wave that passes, every part of it filled leaves a position between held and flat."""
    if not reduces(*lines, held=held):
        return
    assert held != 0
    reachable = {held}
    for side, units in lines:
        reachable |= {position + side.sign * units for position in reachable}
    assert all(0 <= position * (1 if held > 0 else -1) <= abs(held) for position in reachable)


def test_a_closing_order_leaves_no_short_without_its_long_and_no_worse_stress() -> None:
    """What takes the hedge from under a short does not reduce risk, whatever its purpose says."""
    bare = with_trade(uncovers=65)
    assert [b.rule for b in order_checks.keeps_cover(bare, LIMITS)] == ["keeps_cover"]
    worse = with_trade(stress_rise_inr=1500.0)
    assert [b.rule for b in order_checks.keeps_cover(worse, LIMITS)] == ["keeps_stress"]
    # Where the stress cannot be told, cover alone decides: an exit never waits for a quote of another leg.
    assert order_checks.keeps_cover(with_trade(stress_rise_inr=None), LIMITS) == []


def test_full_auto_takes_half_of_every_cap_and_leaves_the_stops() -> None:
    half = LIMITS.caps_in(Phase.FULL_AUTO)
    assert half.stress_loss_share_max == LIMITS.stress_loss_share_max / 2
    assert half.margin_used_share_max == LIMITS.margin_used_share_max / 2
    assert half.open_risk_share_max == LIMITS.open_risk_share_max / 2
    assert (half.soft_stop_share, half.hard_stop_share) == (LIMITS.soft_stop_share, LIMITS.hard_stop_share)
    assert LIMITS.caps_in(Phase.SEMI_AUTO) is LIMITS
