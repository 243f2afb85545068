"""Everything the engine can be told (events), everything it may ask for (effects), what it notes (records).

Each carries its time; each is one journal row. `kind` of a row is the class's name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from volguard.model.book import Fill, Position, StructureKind, Trade
from volguard.model.broker import BrokerView
from volguard.model.decision import Approved, Decision, FigureValue, Phase, SafetyLevel, TradingState
from volguard.model.instrument import OptionContract, Side, Underlying
from volguard.model.market import ChainSnapshot, DailyBar, ForeignStand, SourceInfo, VarianceForecasts
from volguard.model.order import OrderState
from volguard.model.proposal import ProposalCard, ProposalOutcome, Verdict
from volguard.model.signal import Signal

PAPER: Final = "paper"

# --- events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted:
    """First row of every session: all that a replay needs besides the market."""

    ts: datetime
    session_id: str
    phase: Phase
    source: SourceInfo
    trading_date: date
    code_version: str
    platform: str
    seed: int | None
    settings: Mapping[str, Any]
    settings_origins: Mapping[str, str]
    settings_hash: str
    broker: str = PAPER  # who takes the orders; the book is held against the broker's unless it is our own
    notes_signals: bool = False  # whether signals are journaled: sessions from before there were any say no
    asks_margin: bool = False  # whether the broker is asked what margin a proposal needs


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionResumed:
    """The same session goes on after a stop or a crash."""

    ts: datetime
    code_version: str
    from_seq: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLoaded:
    """Daily history up to the close before the trading date, and what models fitted to it expect.

    The bars are the last ones, as far back as the engine looks. The forecasts, fitted to the whole of
    `origin`, are part of the event: a replay needs neither the optimiser nor its version. `foreign`: how
    foreign investors stood; None in sessions from before that was looked at.
    """

    ts: datetime
    underlying: Underlying
    origin: str
    index: tuple[DailyBar, ...]
    vix: tuple[DailyBar, ...]
    forecasts: VarianceForecasts
    foreign: ForeignStand | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketSnapshot:
    """The chain as the source showed it; its columns live in the journal's market table."""

    ts: datetime
    snapshot: ChainSnapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedGap:
    """The source has been silent for longer than allowed since `last_ts`."""

    ts: datetime
    last_ts: datetime
    limit_s: float


class Link(StrEnum):
    """What ties a session to the outside."""

    TOKEN = "TOKEN"
    FEED = "FEED"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged:
    """A tie to the outside broke or holds again; while one is broken no new risk is taken."""

    ts: datetime
    link: Link
    is_up: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderUpdated:
    """The broker's word on one order; `filled_quantity` is cumulative."""

    ts: datetime
    tag: str
    state: OrderState
    filled_quantity: int
    broker_order_id: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """One execution; `touch_*` is the quote it was made against, where the broker is ours."""

    ts: datetime
    tag: str
    fill_id: str
    quantity: int
    price: Decimal
    touch_bid: Decimal | None = None
    touch_ask: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderAbsent:
    """The broker's order book was read, whole, and has no order of that tag."""

    ts: datetime
    tag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerBookRead:
    """The broker's books were read, or could not be: orders, executions and positions as it has them."""

    ts: datetime
    view: BrokerView


@dataclass(frozen=True, slots=True, kw_only=True)
class OutsideFill:
    """One execution of the account by an order that this book did not send."""

    ts: datetime
    fill_id: str
    contract: OptionContract
    side: Side
    quantity: int
    price: Decimal
    is_first_of_order: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedElsewhere:
    """What another command closed while this session was away, by its record (`source`, a file's name)."""

    ts: datetime
    source: str
    fills: tuple[OutsideFill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BookCarried:
    """What the account's session before held at its end, by its journal (`source`, a file's name).

    `last_gross_inr`: per trade what it had made at its last sound mark, before charges.
    """

    ts: datetime
    source: str
    trades: tuple[Trade, ...]
    last_gross_inr: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimePassed:
    """A live source is silent and something waits for time to pass."""

    ts: datetime


class OperatorCommand(StrEnum):
    """What the operator may say to a running session."""

    FLATTEN = "FLATTEN"  # close everything
    YIELD = "YIELD"  # take all orders off and leave: somebody else closes what is held
    ADOPT = "ADOPT"  # take what the broker holds and our book does not under management
    TRADE = "TRADE"  # propose this structure; its text is a wish as strategy/manual writes it


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorSpoke:
    """A word of the operator."""

    ts: datetime
    command: OperatorCommand
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalAnswered:
    """The operator's answer to what he was shown; `lots` None: as many as were proposed."""

    ts: datetime
    proposal_id: str
    digest: str
    verdict: Verdict
    lots: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAnswered:
    """What the broker's margin calculator says of a proposal, all lots; None: nothing, and `missing` why."""

    ts: datetime
    proposal_id: str
    margin_inr: Decimal | None
    missing: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KillSwitchSeen:
    """The kill-switch file appeared or went away."""

    ts: datetime
    present: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded:
    """Last row: why the session ended (close, interrupted, market_over, failed)."""

    ts: datetime
    reason: str


Event = (
    SessionStarted
    | SessionResumed
    | HistoryLoaded
    | MarketSnapshot
    | FeedGap
    | LinkChanged
    | OrderUpdated
    | OrderFilled
    | OrderAbsent
    | BrokerBookRead
    | ClosedElsewhere
    | BookCarried
    | TimePassed
    | OperatorSpoke
    | ProposalAnswered
    | MarginAnswered
    | KillSwitchSeen
    | SessionEnded
)

# --- effects ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Send this order."""

    approved: Approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Modify:
    """Re-price the resting order of the same tag."""

    approved: Approved


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Take the order of that tag off the exchange."""

    tag: str
    ts: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Read the broker's order book for that tag: whether the order lives is not known."""

    tag: str
    ts: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBook:
    """Read the broker's orders, executions and positions, to be held against our book."""

    ts: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AskMargin:
    """Ask the broker what margin he wants for a proposal, all lots; a MarginAnswered tells."""

    ts: datetime
    proposal_id: str
    positions: tuple[Position, ...]


class Severity(StrEnum):
    """How loud an alert is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """Tell the operator."""

    ts: datetime
    severity: Severity
    code: str
    text: str


Effect = Place | Modify | Cancel | Query | ReadBook | AskMargin | Alert

# --- records ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionMade:
    """A decision, as journaled."""

    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class FillBooked:
    """A fill joined a trade."""

    trade_id: str
    fill: Fill


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeChanged:
    """A trade moved to another state."""

    ts: datetime
    trade_id: str
    state: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSplit:
    """A trade became two: `trade_id` goes on as `structure`, the rest and its fills as `rest`."""

    ts: datetime
    trade_id: str
    structure: StructureKind
    rest: Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order moved to another state, or was re-priced."""

    ts: datetime
    tag: str
    state: OrderState
    filled_quantity: int
    limit_price: Decimal
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """Trading state or safety level moved."""

    ts: datetime
    trading_state: TradingState
    safety_level: SafetyLevel
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSeen:
    """What the engine made of one snapshot: quality, levels, counts of flags."""

    ts: datetime
    quality: float
    figures: Mapping[str, FigureValue]


class SignalsCause(StrEnum):
    """Why signals were noted."""

    DECISION = "DECISION"  # a proposal, an entry or a refusal was decided on them
    CHANGE = "CHANGE"  # one of them says another word than when they were noted last


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalsNoted:
    """All signals of one look at the market; what the same step decided, it decided on these."""

    ts: datetime
    cause: SignalsCause
    signals: tuple[Signal, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalMade:
    """A proposal was put before the operator, as it was shown."""

    ts: datetime
    card: ProposalCard


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalRevised:
    """A proposal that waits is shown otherwise than before, under another digest: more is known of it."""

    ts: datetime
    card: ProposalCard


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalClosed:
    """A proposal ended; `trade_id` where it became a trade, `lots` as many as were approved."""

    ts: datetime
    proposal_id: str
    outcome: ProposalOutcome
    text: str
    lots: int | None = None
    trade_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NakedExposure:
    """Shorts stood without their longs for a while and do so no more: how many, how long, what was at stake.

    `loss_inr_s` is seconds times the stressed loss of the uncovered units; None: no market to stress them on.
    """

    since: datetime
    until: datetime
    units_max: int
    loss_inr_s: float | None
    trades: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """The step raised on this event: nothing changed but that trading is halted."""

    ts: datetime
    error: str


Record = (
    DecisionMade
    | FillBooked
    | TradeChanged
    | TradeSplit
    | OrderChanged
    | StateChanged
    | MarketSeen
    | SignalsNoted
    | ProposalMade
    | ProposalRevised
    | ProposalClosed
    | NakedExposure
    | StepFailed
)
