"""What strategy may spend (Budget) and what it asks for (Proposal): what risk and strategy share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from volguard.model.book import Bucket, Leg, StructureKind
from volguard.model.decision import CandidateRecord, FigureValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Rupees that one bucket may still put at risk; made by risk, read by strategy."""

    bucket: Bucket
    capital_inr: Decimal
    trade_risk_max_inr: Decimal  # what one trade may lose, all limits taken together
    capital_free_inr: Decimal
    open_trades: int
    open_trades_max: int
    held: tuple[tuple[date, StructureKind], ...]  # one trade per expiry and structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One structure, sized, with the figures that chose it. Nothing is sent before review."""

    ts: datetime
    bucket: Bucket
    structure: StructureKind
    expiry: date
    legs: tuple[Leg, ...]
    lots: int
    lot_size: int
    credit_per_unit: float  # at the touch
    max_loss_inr: Decimal  # at that credit, before costs, all lots
    costs_inr: Decimal  # half-spreads and charges of entry and exit, all lots
    confidence: float
    figures: Mapping[str, FigureValue]
    candidates: tuple[CandidateRecord, ...]

    @property
    def risk_inr(self) -> Decimal:
        """What the trade can lose, costs included."""
        return self.max_loss_inr + self.costs_inr
