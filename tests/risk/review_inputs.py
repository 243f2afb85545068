"""A review that passes in every respect; each test spoils one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.fakes import TS, quote, request, shipped
from volguard.measure.exposure import FLAT, Exposure
from volguard.model.book import Bucket
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.order import Purpose
from volguard.model.proposal import Budget
from volguard.risk.checks import OrderFacts, ReviewInputs, TradeFacts

LIMITS = shipped().limits
ACCOUNT = Decimal(2_000_000)
BUDGET = Budget(
    bucket=Bucket.WEEKLY,
    capital_inr=Decimal(800_000),
    trade_risk_max_inr=Decimal(20_000),
    capital_free_inr=Decimal(800_000),
    open_trades=0,
    open_trades_max=3,
    held=(),
)
FACTS = OrderFacts(
    request=request(),
    quote=quote("9.95", "10.05"),
    fair_value=10.0,
    flags=0,
    closable=0,
    lot_size=65,
    freeze_quantity=1800,
    tick=Decimal("0.05"),
)
GOOD = ReviewInputs(
    now=TS,
    session_open=True,
    phase=Phase.SHADOW,
    trading_state=TradingState.ACTIVE,
    safety_level=SafetyLevel.NORMAL,
    kill_switch=False,
    soft_stop=False,
    hard_stop=False,
    after_gap=False,
    unknown_orders=0,
    quality=0.9,
    missing_inputs=(),
    account_inr=ACCOUNT,
    exposure_after=FLAT,
    open_risk_after_inr=Decimal(15_000),
    orders_today=0,
    trade=TradeFacts(risk_inr=Decimal(15_000), budget=BUDGET, covered=True),
    orders=(FACTS,),
    review_sequence=7,
    valid_until=TS + timedelta(seconds=30),
)
CLOSING = replace(FACTS, request=request(purpose=Purpose.CLOSE), closable=-65)


def spoiled(**changes: Any) -> ReviewInputs:
    """The good review with some inputs changed."""
    return replace(GOOD, **changes)


def with_order(facts: OrderFacts = FACTS, /, **changes: Any) -> ReviewInputs:
    """The good review of one order with changed facts."""
    return replace(GOOD, orders=(replace(facts, **changes),))


def asking(facts: OrderFacts = FACTS, /, **changes: Any) -> ReviewInputs:
    """The good review of one order that asks for something else."""
    return with_order(facts, request=replace(facts.request, **changes))


def with_trade(**changes: Any) -> ReviewInputs:
    """The good review of another trade."""
    return replace(GOOD, trade=replace(GOOD.trade, **changes))


def with_exposure(**changes: Any) -> ReviewInputs:
    """The good review of a book with other Greeks."""
    after: Exposure = replace(FLAT, **changes)
    return replace(GOOD, exposure_after=after)
