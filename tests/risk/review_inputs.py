"""A review that passes in every respect; each test spoils one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np

from tests.fakes import TS, quote, request, shipped
from volguard.measure.book_risk import BookRisk
from volguard.measure.exposure import FLAT, Exposure
from volguard.measure.margin import NOTHING_HELD, Margin
from volguard.measure.stress import StressResult
from volguard.measure.stress_cells import SHAPES
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.instrument import OptionType
from volguard.model.order import Purpose
from volguard.model.proposal import Budget
from volguard.risk.concentration import ConcentrationGroup, GroupKey
from volguard.risk.facts import OrderFacts, OrdersPlanned, ReviewInputs, TradeFacts
from volguard.risk.vix_spike import VixSpikeState

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
    band=(Decimal("0.05"), Decimal("30.00")),
    confidence=0.9,
)
STRESS = StressResult(
    value_inr=0.0,
    horizons_days=(0,),
    spot_move_shares=(0.0,),
    iv_shifts=(0.0,),
    shapes=SHAPES,
    pnl_inr=np.zeros((1, 1, 1, len(SHAPES))),
    settlement_expiry=None,
    settlement_moves=np.empty(0),
    settlement_pnl_inr=np.empty(0),
    near=(),
    named=(),
    worst=None,
    stressed_loss_inr=20_000.0,
    near_loss_inr=10_000.0,
)
MARGIN = replace(NOTHING_HELD, exposure_inr=200_000.0)
RISK = BookRisk(exposure=FLAT, stress=STRESS, margin=MARGIN, margin_moved=MARGIN)
TRADE = TradeFacts(
    risk_inr=Decimal(15_000),
    margin_inr=Decimal(12_000),
    budget=BUDGET,
    key=(date(2025, 9, 9), StructureKind.IRON_CONDOR),
    covered=True,
    uncovers=0,
    stress_rise_inr=None,
)
GOOD = ReviewInputs(
    now=TS,
    session_open=True,
    phase=Phase.SHADOW,
    effective_phase=Phase.SHADOW,
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
    risk_after=RISK,
    open_risk_after_inr=Decimal(15_000),
    capital_used_after_inr=Decimal(15_000),
    concentration_after=(),
    vix_spike=VixSpikeState(rise_share=0.0, not_judged=""),
    vix_judgeable=True,
    order_breaker="",
    orders_today=0,
    orders_last_second=0,
    orders_planned=OrdersPlanned(),
    trade=TRADE,
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
    return with_risk(exposure=after)


def with_risk(**changes: Any) -> ReviewInputs:
    """The good review of a book with another stress, margin or other Greeks."""
    return replace(GOOD, risk_after=replace(RISK, **changes))


def with_stress(**changes: Any) -> ReviewInputs:
    """The good review of a book with another stress."""
    return with_risk(stress=replace(STRESS, **changes))


def margin_of_inr(total_inr: float) -> Margin:
    """A margin of so many rupees."""
    return replace(NOTHING_HELD, exposure_inr=total_inr)


def group_of_inr(risk: str) -> ConcentrationGroup:
    """Trades of one expiry and side that may lose so much together."""
    key = GroupKey(
        underlying=FACTS.request.contract.underlying,
        expiry=date(2025, 9, 9),
        option_type=OptionType.PUT,
    )
    return ConcentrationGroup(key=key, trade_ids=("T001", "T002"), open_risk_inr=Decimal(risk))
