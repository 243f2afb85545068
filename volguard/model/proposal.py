"""What strategy may spend, what it asks for, and what a person is shown of it before he answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from volguard.model.book import Bucket, Leg, StructureKind
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.signal import Signal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class CardLeg:
    """One leg as it is shown: its quote in rupees a unit, its volatility in decimal per year."""

    leg: Leg
    bid: float | None
    ask: float | None
    sigma: float | None
    delta: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalCard:
    """One proposal as the operator sees it. An approval names `digest`: it is of this and of nothing else.

    `payoff`: (level, rupees at expiry, costs not taken off), for a sketch. Rupees are of all lots. Beside our
    own margin stands the broker's, or why there is none.
    """

    proposal_id: str
    digest: str
    made_at: datetime
    expires_at: datetime
    bucket: Bucket
    structure: StructureKind
    expiry: date
    legs: tuple[CardLeg, ...]
    lots: int
    lot_size: int
    level: float  # the forward of the expiry
    quality: float | None
    credit_per_unit: float
    credit_inr: Decimal
    max_loss_inr: Decimal
    costs_inr: Decimal
    margin_inr: Decimal | None
    figures: Mapping[str, FigureValue]  # of the choice and of the risk after it, by name
    reasons: tuple[str, ...]
    payoff: tuple[tuple[float, float], ...]
    signals: tuple[Signal, ...] = ()
    margin_broker_inr: Decimal | None = None
    margin_broker_missing: str = ""


class Verdict(StrEnum):
    """What the operator answers."""

    APPROVE = "APPROVE"
    REJECT = "REJECT"


class ProposalOutcome(StrEnum):
    """How a proposal ended."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"  # by the operator
    EXPIRED = "EXPIRED"  # nobody answered in time
    INVALIDATED = "INVALIDATED"  # the market moved away from what was shown
    REFUSED = "REFUSED"  # approved, and refused by the review on the quotes of then
    WITHDRAWN = "WITHDRAWN"  # the session may not add risk any more


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingProposal:
    """A proposal that waits for its answer."""

    card: ProposalCard
    proposal: Proposal


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the operator answered to the card of that digest; `lots` None: as many as were proposed."""

    proposal_id: str
    digest: str
    verdict: Verdict
    lots: int | None = None
    reason: str = ""
