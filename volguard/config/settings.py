"""The whole of the settings: which file holds which part, and what the parts are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from volguard.adapters.alerts import AlertSettings
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.config.sources import Section
from volguard.engine.state import EngineSettings
from volguard.execution.settings import ExecutionSettings, FlattenSettings
from volguard.measure.flat_cost import FlatCostSettings
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Bucket
from volguard.nse.calendar import CalendarTables
from volguard.nse.charges import ChargeTables
from volguard.nse.contracts import ContractTables
from volguard.nse.margin_rules import MarginTables
from volguard.pricing.fallback import FitLimits
from volguard.pricing.quote_flags import FlagSettings
from volguard.risk.breaker import BreakerSettings
from volguard.risk.limits import BucketLimits, Limits
from volguard.risk.vix_spike import VixSpikeSettings
from volguard.strategy.approval import ApprovalSettings
from volguard.strategy.policy import BucketPolicy, Policy
from volguard.volatility.event_calendar import EventTables
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.models import ModelSettings
from volguard.volatility.regimes import RegimeSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose money; the capital of paper sessions."""

    name: str
    capital_inr: Decimal

    def __post_init__(self) -> None:
        if self.capital_inr <= 0:
            raise ValueError(f"capital_inr was {self.capital_inr}, must be above 0")
        if not self.name.isidentifier():
            raise ValueError(f"name was {self.name!r}, must be letters, digits and underscores")


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is traded."""

    underlying: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistorySettings:
    """Where daily history lies, relative to the root."""

    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSettings:
    """The paper exchange."""

    paper_delay_ms: int

    def __post_init__(self) -> None:
        if self.paper_delay_ms < 0:
            raise ValueError(f"paper_delay_ms was {self.paper_delay_ms}, must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalSettings:
    """How often the state is stored whole, in seconds of event time."""

    checkpoint_s: float

    def __post_init__(self) -> None:
        if self.checkpoint_s <= 0:
            raise ValueError(f"checkpoint_s was {self.checkpoint_s}, must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatorSettings:
    """Defaults of the synthetic market; options of the command override them."""

    date: date
    seed: int
    cadence_s: float
    scenario: str

    def __post_init__(self) -> None:
        if self.cadence_s <= 0:
            raise ValueError(f"cadence_s was {self.cadence_s}, must be above 0")
        if self.seed < 0:
            raise ValueError(f"seed was {self.seed}, must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting of volguard, checked."""

    account: Account
    market: Market
    history: HistorySettings
    strategy: Policy
    bucket: Mapping[str, BucketPolicy]
    iv_rv: IvRvSettings
    models: ModelSettings
    smile: FitLimits
    regimes: RegimeSettings
    quotes: FlagSettings
    quality: QualitySettings
    execution: ExecutionSettings
    approval: ApprovalSettings
    paper: PaperSettings
    journal: JournalSettings
    simulator: SimulatorSettings
    upstox: UpstoxSettings
    limits: Limits
    bucket_limits: Mapping[str, BucketLimits]
    contracts: ContractTables
    charges: ChargeTables
    calendar: CalendarTables
    events: EventTables
    margin: MarginTables
    stress: StressSettings
    order_breaker: BreakerSettings
    feed_breaker: BreakerSettings
    vix_spike: VixSpikeSettings
    flat_cost: FlatCostSettings
    flatten: FlattenSettings
    alerts: AlertSettings

    def __post_init__(self) -> None:
        known = {bucket.value.lower() for bucket in Bucket}
        for name in self.bucket:
            if name not in known:
                raise ValueError(f"bucket had {name}, known are {', '.join(sorted(known))}")
            if name not in self.bucket_limits:
                raise ValueError(f"bucket_limits had no {name}, which [bucket.{name}] needs")
        if sum(limits.capital_share for limits in self.bucket_limits.values()) > 1.0 + 1e-9:
            raise ValueError("bucket_limits had capital shares that add up to more than 1")

    @property
    def engine(self) -> EngineSettings:
        """The part that decisions depend on."""
        return EngineSettings(
            account_inr=self.account.capital_inr,
            policy=self.strategy,
            buckets={Bucket(name.upper()): policy for name, policy in self.bucket.items()},
            limits=self.limits,
            bucket_limits={Bucket(name.upper()): limits for name, limits in self.bucket_limits.items()},
            execution=self.execution,
            approval=self.approval,
            events=self.events,
            flags=self.quotes,
            quality=self.quality,
            student_t_dof=self.models.student_t_dof,
            iv_rv=self.iv_rv,
            regimes=self.regimes,
            stress=self.stress,
            order_breaker=self.order_breaker,
            feed_breaker=self.feed_breaker,
            vix_spike=self.vix_spike,
            flat_cost=self.flat_cost,
        )


MAIN: Final = "volguard.toml"
LIMITS: Final = "limits.toml"
SECTIONS: Final = (
    *(
        Section(name=name, file=MAIN, table=name)
        for name in (
            "account",
            "market",
            "history",
            "strategy",
            "bucket",
            "iv_rv",
            "models",
            "smile",
            "regimes",
            "quotes",
            "quality",
            "execution",
            "approval",
            "flat_cost",
            "flatten",
            "alerts",
            "paper",
            "journal",
            "simulator",
            "upstox",
        )
    ),
    Section(name="limits", file=LIMITS, table="limits"),
    Section(name="bucket_limits", file=LIMITS, table="bucket_limits"),
    Section(name="order_breaker", file=LIMITS, table="order_breaker"),
    Section(name="feed_breaker", file=LIMITS, table="feed_breaker"),
    Section(name="vix_spike", file=LIMITS, table="vix_spike"),
    Section(name="contracts", file="contracts.toml"),
    Section(name="charges", file="charges.toml"),
    Section(name="calendar", file="calendar.toml"),
    Section(name="events", file="events.toml"),
    Section(name="margin", file="margin.toml"),
    Section(name="stress", file="stress.toml"),
)
