"""What a session looks like right now, for screens and `volguard status`: figures only, no market arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from volguard.model.decision import FigureValue, Phase, SafetyLevel, TradingState
from volguard.model.proposal import ProposalCard


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitBar:
    """One limit and how much of it is used; `value` None when it cannot be told."""

    name: str
    value: float | None
    limit: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLine:
    """One contract held: signed units, executable mark and P&L in rupees, Greeks of the position."""

    trade_id: str
    symbol: str
    quantity: int
    entry_price: str
    mark_price: str | None
    pnl_inr: str | None
    delta: float | None
    vega_per_pt: float | None
    theta_per_day: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """One frame of the live screen. Money as text with two decimals; None means not available."""

    ts: datetime
    session_id: str
    phase: Phase
    effective_phase: Phase
    trading_state: TradingState
    safety_level: SafetyLevel
    source: str
    underlying: str
    reference_level: float | None
    reference_origin: str
    vix: float | None
    vix_origin: str
    data_quality: float | None
    quote_flags: Mapping[str, int]
    snapshots: int
    decisions: int
    regime: str
    pnl_net_inr: str | None
    charges_inr: str
    positions: tuple[PositionLine, ...]
    greeks: Mapping[str, float | None]
    limits: tuple[LimitBar, ...]
    guards: tuple[str, ...]  # being flat now, the worst cell, VIX spike, breakers: a line each
    buckets: tuple[Mapping[str, FigureValue], ...]  # name, capital, used, open trades, last decision
    open_orders: tuple[str, ...]
    proposals: tuple[ProposalCard, ...]  # that wait for the operator's answer
    last_decisions: tuple[str, ...]  # newest first, one line each with its reason
    new_decisions: tuple[str, ...]  # made by this very step: a plain log prints these
    alerts: tuple[str, ...]  # newest first
    progress: float | None  # share of the session done, where the source knows it
