"""What a review looks at, as values. None means that an input is missing: no check lets that pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from volguard.measure.book_risk import BookRisk
from volguard.model.book import StructureKind
from volguard.model.decision import Breach, Phase, SafetyLevel, TradingState
from volguard.model.market import Quote
from volguard.model.order import OrderRequest
from volguard.model.proposal import Budget
from volguard.risk.concentration import ConcentrationGroup
from volguard.risk.limits import Limits
from volguard.risk.vix_spike import VixSpikeState


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
    band: tuple[Decimal, Decimal] | None  # lowest and highest price that the exchange takes; None: no quote
    confidence: float | None  # in the volatility of its strike; None: not listed now


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFacts:
    """The trade that the orders belong to; None figures are missing inputs."""

    risk_inr: Decimal
    margin_inr: Decimal | None  # of the whole trade alone
    budget: Budget | None  # without this trade itself
    key: tuple[date, StructureKind]
    covered: bool  # no short without its long after these orders
    uncovers: int  # units that closing orders would leave short of their long beyond what is so already
    stress_rise_inr: float | None  # of the trade, beyond the value of the shorts closed; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersPlanned:
    """Orders that a structure will need: all of them, and those of its larger wave, which leave at once."""

    in_all: int = 0
    at_once: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewInputs:
    """Everything a review looks at. None means that the source did not give it."""

    now: datetime
    session_open: bool | None
    phase: Phase
    effective_phase: Phase
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
    risk_after: BookRisk | None  # of the whole book after the trade
    open_risk_after_inr: Decimal | None
    capital_used_after_inr: Decimal | None
    concentration_after: tuple[ConcentrationGroup, ...] | None
    vix_spike: VixSpikeState
    vix_judgeable: bool  # the source's looks come fast enough for the window; else the rule does not apply
    order_breaker: str  # why it lets nothing out; empty when it may
    orders_today: int
    orders_last_second: int
    orders_planned: OrdersPlanned  # by what is judged, if more than the orders here
    trade: TradeFacts
    orders: tuple[OrderFacts, ...]
    review_sequence: int
    valid_until: datetime


Check = Callable[[ReviewInputs, Limits], Sequence[Breach]]


def missing(rule: str, what: str) -> Breach:
    """The breach of an input that is not there."""
    return Breach(rule=rule, value=None, limit=None, text=f"{what} is not available")


def over(rule: str, what: str, value: Decimal, limit: Decimal) -> Breach:
    """The breach of rupees above their limit."""
    text = f"{what} was {value:.2f}, limit {limit:.2f}"
    return Breach(rule=rule, value=float(value), limit=float(limit), text=text)
