"""What one bucket's decision depends on, and the answer that nothing is traded now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from volguard.measure.market_view import MarketView
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import CandidateRecord, FigureValue
from volguard.model.market import Capabilities
from volguard.model.proposal import Budget
from volguard.nse.rules import Rules
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.outlook import Outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """No trade now; `reason` is a stable code, `text` the same with figures."""

    reason: str
    text: str
    figures: Mapping[str, FigureValue]
    candidates: tuple[CandidateRecord, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalInputs:
    """All that one bucket's decision depends on.

    `events` None: the scheduled events are not available, and the decision says so; `stress_settings` None:
    candidates are ranked without a stress.
    """

    now: datetime
    bucket: Bucket
    expiry: date | None
    last_entry_at: datetime | None
    failed_entries: int  # of the bucket today: sent, and never complete
    view: MarketView
    capabilities: Capabilities
    month_iv: float | None  # 30-day volatility, decimal per year
    month_iv_origin: str
    outlook: Outlook
    budget: Budget
    policy: Policy
    bucket_policy: BucketPolicy
    student_t_dof: float
    iv_rv_settings: IvRvSettings
    quality_settings: QualitySettings
    rules: Rules
    events: EventTables | None = None
    stress_settings: StressSettings | None = None
    kind: StructureKind | None = None  # what a roll asks for; None: what regime and events favour
