"""What the engine knows: the desk (kept across restarts), the market and the outlook (made again)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from volguard.execution.basket import Basket
from volguard.execution.settings import ExecutionSettings
from volguard.measure.flat_cost import FlatCost, FlatCostSettings
from volguard.measure.market_view import MarketView
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Book, Bucket, StructureKind
from volguard.model.broker import BrokerPosition
from volguard.model.decision import Phase, SafetyLevel, TradingState
from volguard.model.event import PAPER, Effect, Link, OperatorSpoke, OutsideFill, Record
from volguard.model.instrument import OptionType
from volguard.model.market import SourceInfo
from volguard.model.proposal import PendingProposal
from volguard.model.signal import Signal
from volguard.nse.rules import Rules
from volguard.pricing.quote_flags import FlagSettings
from volguard.risk.breaker import BreakerSettings, BreakerState
from volguard.risk.limits import BucketLimits, Limits
from volguard.risk.stops import StopState
from volguard.risk.vix_spike import VixSpikeSettings, VixSpikeState
from volguard.strategy.approval import ApprovalSettings
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.strategy.signals import SignalMemory
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.outlook import NO_OUTLOOK, Outlook
from volguard.volatility.regimes import RegimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSettings:
    """Every setting that a decision can depend on."""

    account_inr: Decimal
    policy: Policy
    buckets: Mapping[Bucket, BucketPolicy]
    limits: Limits
    bucket_limits: Mapping[Bucket, BucketLimits]
    execution: ExecutionSettings
    approval: ApprovalSettings
    events: EventTables
    flags: FlagSettings
    quality: QualitySettings
    student_t_dof: float
    iv_rv: IvRvSettings
    regimes: RegimeSettings
    stress: StressSettings
    order_breaker: BreakerSettings
    feed_breaker: BreakerSettings
    vix_spike: VixSpikeSettings
    flat_cost: FlatCostSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """An exit rule that holds and waits to be seen again."""

    trade_id: str
    rule: str
    first_at: datetime
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Roll:
    """A tested side that leaves (`trade_id`), and what is to be proposed in its place once it is out."""

    trade_id: str
    rest_id: str  # the side that goes on
    bucket: Bucket
    kind: StructureKind
    side: OptionType
    expiry: date
    short_strike: int  # of what leaves: the new short stands further out
    lots_max: int
    stressed_inr: float  # loss of the trade as it stood
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedWatch:
    """Shorts without their longs, as they stand now."""

    since: datetime
    seen_at: datetime  # the last event that was counted
    units: int
    units_max: int
    loss_inr: float | None  # stressed, of the uncovered units; None: no market to stress them on
    loss_inr_s: float | None
    trades: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mismatch:
    """One difference between our book and the broker's, and in how many readings it stood the same."""

    kind: str
    is_foreign: bool  # somebody else's doing: our own trades are as they were
    subject: str
    text: str
    last_at: datetime  # the last reading that was counted
    reads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideLeft:
    """What of an execution by other means closed nothing yet: our own that it closed may not be heard of."""

    fill: OutsideFill
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """All that a restart must bring back; every field is plain data."""

    session_id: str
    session_code: str  # short, the middle of every tag
    phase: Phase
    trading_date: date
    source: SourceInfo
    now: datetime
    account_inr: Decimal
    broker: str = PAPER
    trading_state: TradingState = TradingState.BOOTING
    safety_level: SafetyLevel = SafetyLevel.NORMAL
    effective_phase: Phase = Phase.SHADOW
    degraded_by: tuple[str, ...] = ()
    clean_since: datetime | None = None
    links_down: tuple[Link, ...] = ()
    kill_switch: bool = False
    failed: bool = False  # a step raised: halted until the operator's word
    stops: StopState = field(default_factory=StopState)
    order_breaker: BreakerState = field(default_factory=BreakerState)
    feed_breaker: BreakerState = field(default_factory=BreakerState)
    vix_spike: VixSpikeState = field(default_factory=VixSpikeState)
    flatten_reason: str = ""
    flatten_moved_at: datetime | None = None  # when it was decided, or the last exit filled
    naked: NakedWatch | None = None
    emergency: str = ""  # why everything is being closed and the operator is paged
    paged_at: datetime | None = None
    awaits_book: bool = False  # nothing is sent before the broker's book was read and is ours
    is_book_untrue: bool = False  # halted: our book is not the broker's
    book_asked_at: datetime | None = None
    bad_book_reads: int = 0  # in a row
    mismatches: tuple[Mismatch, ...] = ()
    orphans: tuple[BrokerPosition, ...] = ()  # held there, never traded here
    adopted_fill_ids: tuple[str, ...] = ()
    outside_left: tuple[OutsideLeft, ...] = ()
    is_yielding: bool = False  # somebody else closes what is held: nothing is sent any more
    book: Book = field(default_factory=Book)
    baskets: tuple[Basket, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    rolls: tuple[Roll, ...] = ()
    last_entry_at: Mapping[Bucket, datetime] = field(default_factory=dict)
    pending: tuple[PendingProposal, ...] = ()  # SEMI_AUTO: shown, not answered
    proposals: int = 0  # made in this session
    last_proposal_at: Mapping[Bucket, datetime] = field(default_factory=dict)  # when the last one ended
    wishes: tuple[OperatorSpoke, ...] = ()  # trades asked for by hand, to be proposed at the next look
    last_snapshot_at: datetime | None = None
    chain_changed_at: datetime | None = None
    last_gross_inr: Mapping[str, Decimal] = field(
        default_factory=dict
    )  # per live trade, at its last sound mark
    notes_signals: bool = False
    asks_margin: bool = False
    signals: SignalMemory = field(default_factory=SignalMemory)
    quality: float | None = None
    pnl_net_inr: Decimal | None = None
    snapshots: int = 0
    decisions: int = 0
    reviews: int = 0
    fill_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class State:
    """The engine's whole state; `desk` is None until the session's first event."""

    desk: Desk | None = None
    market: MarketView | None = None
    outlook: Outlook = NO_OUTLOOK


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """What one event caused: the next state, what to note, what to send."""

    state: State
    records: tuple[Record, ...]
    effects: tuple[Effect, ...]


@dataclass(slots=True, kw_only=True, eq=False)
class Turn:
    """One step in the making; lives inside `Engine.step` and nowhere else."""

    desk: Desk
    market: MarketView | None
    outlook: Outlook
    settings: EngineSettings
    rules: Rules
    month_iv: tuple[float | None, str] | None = None  # 30-day volatility and its origin; None: not looked
    signals: tuple[Signal, ...] = ()  # of this step, once they were noted
    flat: FlatCost | None = None  # being flat on this snapshot; None: nothing is held, or nobody looked
    records: list[Record] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """Event time of this step."""
        return self.desk.now

    @property
    def cadence_s(self) -> float:
        """Seconds between snapshots of the source."""
        return self.desk.source.capabilities.cadence_s
