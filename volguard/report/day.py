"""The figures of one session's day, from the values that the journal holds.

Money is exact Decimal rupees; every total is rounded half-even to the paisa before totals are added, so
that gross = realised + unrealised and net = gross - charges hold on the printed figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from math import ceil
from statistics import fmean, median

from volguard.execution.quality import SentOrder
from volguard.model.book import ZERO, Book, Fill, Trade, positions_of, realised_pnl_inr
from volguard.model.decision import Action, Breach, Decision
from volguard.model.event import Alert, FeedGap, MarketSeen, SessionStarted, SignalsNoted, StateChanged
from volguard.model.instrument import OptionContract
from volguard.model.units import money, seconds_between
from volguard.report.refused import NOTHING_REFUSED, RefusedDay
from volguard.report.trade_result import Marks, TradeResult, gross_pnl_inr, trade_result


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalInfo:
    """Where the session is journaled, how many rows it has, the hash of the last one."""

    path: str
    rows: int
    head_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DayInputs:
    """Everything the report is made of; times IST, `step_ms` one entry per step.

    `marks` holds, per contract held, the price at which it could be closed now: the bid of a long, the ask
    of a short, None (or no entry) when nobody quotes it.
    """

    session: SessionStarted
    book: Book
    sent: tuple[SentOrder, ...]
    marks: Mapping[OptionContract, Decimal | None]
    seen: tuple[MarketSeen, ...]
    decisions: tuple[Decision, ...]
    state_changes: tuple[StateChanged, ...]
    alerts: tuple[Alert, ...]
    gaps: tuple[FeedGap, ...]
    step_ms: tuple[float, ...]
    decisions_hash: str
    journal: JournalInfo
    end_reason: str | None
    halted_reason: str | None
    refused: RefusedDay = NOTHING_REFUSED
    signals: SignalsNoted | None = None  # as noted last; None: none were
    screen_ms: tuple[float, ...] | None = None  # one entry per proposal shown; None: no screen to ask on


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """The day in rupees, each rounded to the paisa; None where a held contract has no mark."""

    realised: Decimal
    unrealised: Decimal | None
    charges: Decimal
    carried: Decimal  # what earlier days made of what is carried, charges taken off

    @property
    def gross(self) -> Decimal | None:
        """Realised and unrealised together, before charges."""
        return None if self.unrealised is None else self.realised + self.unrealised

    @property
    def net(self) -> Decimal | None:
        """Gross less charges and less what earlier days made: the day's own."""
        return None if self.gross is None else self.gross - self.charges - self.carried


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenPosition:
    """Signed units of a contract at their average entry price; mark and P&L None when nobody quotes it."""

    contract: OptionContract
    quantity: int
    entry_price: Decimal
    mark: Decimal | None
    unrealised_inr: Decimal | None
    realised_inr: Decimal  # by partial closes of this contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """A stretch without market data."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """How long it lasted."""
        return seconds_between(self.start, self.end)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHits:
    """How often one risk rule said no, and its latest figures."""

    rule: str
    count: int
    first_ts: datetime
    last_ts: datetime
    latest: Breach


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Consecutive decisions of one bucket with the same action and reason; `last` is the latest of them."""

    first_ts: datetime
    count: int
    last: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTimes:
    """Milliseconds per step."""

    median: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """All figures of the day; series for the charts stay in `inputs`."""

    inputs: DayInputs
    fills: tuple[tuple[str, Fill], ...]  # trade id and fill, in time order
    trades: tuple[TradeResult, ...]
    positions: tuple[OpenPosition, ...]
    money: Money
    missing_marks: tuple[OptionContract, ...]
    refusals: Mapping[str, int]
    refusals_by_rule: Mapping[str, int]
    rule_hits: tuple[RuleHits, ...]
    stretches: tuple[Stretch, ...]
    holes: tuple[Hole, ...]
    quality_mean: float | None
    quality_min: float | None
    step_ms: StepTimes | None


def build_day(inputs: DayInputs) -> DayReport:
    """Compute the day from its inputs. Raises nothing: what cannot be told is None."""
    marks = inputs.marks
    fills = _fills_in_order(inputs.book)
    positions = _open_positions([fill for _, fill in fills], marks)
    qualities = [seen.quality for seen in inputs.seen]
    hits = _rule_hits(inputs.decisions)
    return DayReport(
        inputs=inputs,
        fills=fills,
        trades=tuple(trade_result(trade, marks) for trade in inputs.book.trades),
        positions=positions,
        money=_money([fill for _, fill in fills], marks, inputs.book.trades),
        missing_marks=tuple(position.contract for position in positions if position.mark is None),
        refusals=_refusals(inputs.decisions),
        refusals_by_rule={hit.rule: hit.count for hit in hits},
        rule_hits=hits,
        stretches=_stretches(inputs.decisions),
        holes=_holes(inputs),
        quality_mean=fmean(qualities) if qualities else None,
        quality_min=min(qualities) if qualities else None,
        step_ms=_step_times(inputs.step_ms),
    )


def _fills_in_order(book: Book) -> tuple[tuple[str, Fill], ...]:
    fills = [(trade.trade_id, fill) for trade in book.trades for fill in trade.fills]
    return tuple(sorted(fills, key=lambda pair: pair[1].ts))


def _money(fills: list[Fill], marks: Marks, trades: Sequence[Trade]) -> Money:
    realised = money(realised_pnl_inr(fills))
    gross = gross_pnl_inr(fills, marks)
    return Money(
        realised=realised,
        # From gross, so that a repeating decimal in an average price loses no paisa between the two.
        unrealised=None if gross is None else money(gross) - realised,
        charges=money(sum((fill.charges_inr for fill in fills), ZERO)),
        carried=money(sum((trade.carried_pnl_inr for trade in trades), ZERO)),
    )


def _open_positions(fills: list[Fill], marks: Marks) -> tuple[OpenPosition, ...]:
    lines = []
    for position in positions_of(fills):
        own = [fill for fill in fills if fill.contract == position.contract]
        realised = realised_pnl_inr(own)
        cash = sum((fill.cash_inr for fill in own), ZERO)
        mark = marks.get(position.contract)
        lines.append(
            OpenPosition(
                contract=position.contract,
                quantity=position.quantity,
                entry_price=(realised - cash) / position.quantity,
                mark=mark,
                unrealised_inr=None if mark is None else cash + position.quantity * mark - realised,
                realised_inr=realised,
            )
        )
    return tuple(lines)


def _refusals(decisions: Iterable[Decision]) -> Mapping[str, int]:
    said_no = (Action.WAIT, Action.REFUSED)
    return dict(sorted(Counter(one.reason for one in decisions if one.action in said_no).items()))


def _rule_hits(decisions: Iterable[Decision]) -> tuple[RuleHits, ...]:
    hits: dict[str, RuleHits] = {}
    for decision in decisions:
        if decision.action is not Action.REFUSED:
            continue
        for breach in decision.breaches:
            before = hits.get(breach.rule)
            hits[breach.rule] = RuleHits(
                rule=breach.rule,
                count=before.count + 1 if before else 1,
                first_ts=before.first_ts if before else decision.ts,
                last_ts=decision.ts,
                latest=breach,
            )
    return tuple(hits[rule] for rule in sorted(hits))


def _stretches(decisions: Iterable[Decision]) -> tuple[Stretch, ...]:
    stretches: list[Stretch] = []
    open_at: dict[str, int] = {}  # bucket -> index of its current stretch
    for decision in decisions:
        bucket = str(decision.bucket or "")
        at = open_at.get(bucket)
        if at is not None and _same_word(stretches[at].last, decision):
            before = stretches[at]
            stretches[at] = Stretch(first_ts=before.first_ts, count=before.count + 1, last=decision)
        else:
            open_at[bucket] = len(stretches)
            stretches.append(Stretch(first_ts=decision.ts, count=1, last=decision))
    return tuple(stretches)


def _same_word(one: Decision, other: Decision) -> bool:
    return (one.action, one.reason, one.trade_id) == (other.action, other.reason, other.trade_id)


def _holes(inputs: DayInputs) -> tuple[Hole, ...]:
    holes = []
    for seen in inputs.seen:
        gap_s = seen.figures.get("gap_s")
        if isinstance(gap_s, int | float) and gap_s > 0:
            holes.append(Hole(start=seen.ts - timedelta(seconds=gap_s), end=seen.ts))
    known = [seen.ts for seen in inputs.seen]
    for gap in inputs.gaps:
        end = next((ts for ts in known if ts > gap.last_ts), gap.ts)
        if not any(hole.start < end and gap.last_ts < hole.end for hole in holes):
            holes.append(Hole(start=gap.last_ts, end=end))
    return tuple(sorted(holes, key=lambda hole: hole.start))


def _step_times(step_ms: tuple[float, ...]) -> StepTimes | None:
    if not step_ms:
        return None
    ordered = sorted(step_ms)
    # Nearest rank: a time that was really measured.
    return StepTimes(median=median(ordered), p99=ordered[ceil(0.99 * len(ordered)) - 1], max=ordered[-1])
