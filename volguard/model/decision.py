"""Decisions as values: what was decided, what was refused and why, and what may leave the house."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from volguard.model.book import Bucket, StructureKind
from volguard.model.order import OrderRequest

FigureValue = float | int | str | bool | None


class Phase(StrEnum):
    """How far the operator lets the program go."""

    SHADOW = "SHADOW"
    SEMI_AUTO = "SEMI_AUTO"
    FULL_AUTO = "FULL_AUTO"


class TradingState(StrEnum):
    """What the session may do at all."""

    BOOTING = "BOOTING"
    RECONCILING = "RECONCILING"
    READY = "READY"
    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"


class SafetyLevel(StrEnum):
    """How worried the program is, worst last."""

    NORMAL = "NORMAL"
    DEGRADED = "DEGRADED"
    HALTED = "HALTED"
    EMERGENCY = "EMERGENCY"
    SHUTDOWN = "SHUTDOWN"


class Action(StrEnum):
    """What a decision does."""

    WAIT = "WAIT"
    PROPOSE = "PROPOSE"
    ENTER = "ENTER"
    REFUSED = "REFUSED"
    EXIT = "EXIT"
    FLATTEN = "FLATTEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One rule that said no; `value` is what was seen (None: it was missing), `limit` what is allowed."""

    rule: str
    value: float | str | None
    limit: float | str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecord:
    """One structure that was looked at, and why it was not taken (empty: it was)."""

    structure: StructureKind
    strikes: tuple[int, ...]
    lots: int
    figures: Mapping[str, FigureValue]
    refusal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """One decision with every figure that made it; the unit of replay and of the decisions hash."""

    ts: datetime
    action: Action
    reason: str  # a stable code, counted in reports
    text: str  # the same for a person, with figures
    bucket: Bucket | None = None
    trade_id: str | None = None
    structure: StructureKind | None = None
    figures: Mapping[str, FigureValue] = field(default_factory=dict)
    candidates: tuple[CandidateRecord, ...] = ()
    breaches: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """The only thing a broker takes. Made by risk/review.py alone; void after `valid_until` or one use."""

    request: OrderRequest
    worst_price: Decimal  # the most a buy may pay, the least a sell may take
    quote_digest: str
    review_sequence: int
    approved_at: datetime
    valid_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """All reasons at once, each with its figure and limit."""

    breaches: tuple[Breach, ...]

    @property
    def text(self) -> str:
        """All reasons on one line."""
        return "; ".join(breach.text for breach in self.breaches)
