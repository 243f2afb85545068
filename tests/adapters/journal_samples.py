"""Values that the journal's tests write: one of every kind, small chains, a short session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.book import Bucket, Fill, StructureKind
from volguard.model.decision import (
    Action,
    Approved,
    Breach,
    CandidateRecord,
    Decision,
    Phase,
    SafetyLevel,
    TradingState,
)
from volguard.model.event import (
    Alert,
    Cancel,
    DecisionMade,
    FillBooked,
    KillSwitchSeen,
    MarketSeen,
    MarketSnapshot,
    Modify,
    OrderChanged,
    OrderFilled,
    OrderUpdated,
    Place,
    SessionEnded,
    SessionStarted,
    Severity,
    StateChanged,
    TradeChanged,
)
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.market import Capabilities, ChainSnapshot, Listing, SourceInfo
from volguard.model.order import OrderRequest, OrderState, Purpose, Urgency
from volguard.model.units import IST

NIFTY = Underlying("NIFTY")
TS = datetime(2025, 8, 29, 9, 22, 45, tzinfo=IST)
CONTRACT = OptionContract(
    underlying=NIFTY, expiry=date(2025, 9, 2), strike=24500, option_type=OptionType.CALL
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallState:
    """Stands in for the engine's state."""

    ts: datetime
    cash_inr: Decimal
    level: float


STATE = SmallState(ts=TS, cash_inr=Decimal("1000000.00"), level=0.1 + 0.2)
REQUEST = OrderRequest(
    tag="vg-1",
    trade_id="T1",
    contract=CONTRACT,
    side=Side.SELL,
    quantity=75,
    limit_price=Decimal("101.50"),
    purpose=Purpose.OPEN,
    urgency=Urgency.LOW,
)
STARTED = SessionStarted(
    ts=TS,
    session_id="s-1",
    phase=Phase.SHADOW,
    source=SourceInfo(
        kind="replay",
        label="day.parquet",
        underlying=NIFTY,
        trading_date=TS.date(),
        capabilities=Capabilities(spot=False, vix=False, quote_time=False, depth=True, cadence_s=60.0),
        digest="d",
    ),
    trading_date=TS.date(),
    code_version="0.1",
    platform="test",
    seed=None,
    settings={"strategy": {"k": 1.25}},
    settings_origins={"strategy.k": "volguard.toml:3"},
    settings_hash="h",
)


def small_listing(strikes: Sequence[float] = (24400.0, 24500.0, 24600.0)) -> Listing:
    """Two expiries, each with calls and puts of the strikes."""
    per_expiry = 2 * len(strikes)
    return Listing(
        underlying=NIFTY,
        expiries=(date(2025, 9, 2), date(2025, 9, 9)),
        offsets=np.array([0, per_expiry, 2 * per_expiry]),
        strike=np.tile(np.repeat(np.array(strikes), 2), 2),
        is_call=np.tile(np.array([True, False]), per_expiry),
    )


def small_snapshot(number: int = 0, listing: Listing | None = None, **extra: Any) -> ChainSnapshot:
    """A chain of twelve options, one of them without a bid, moving a little with each number."""
    over = small_listing() if listing is None else listing
    rows = np.arange(len(over))
    bid = np.round(100.0 + rows + 0.05 * number, 2)
    bid[3] = np.nan
    bid_qty = 75 * rows
    bid_qty[3] = 0
    return ChainSnapshot(
        ts=TS + timedelta(minutes=number),
        listing=over,
        bid=bid,
        bid_qty=bid_qty,
        ask=np.round(101.0 + rows, 2),
        ask_qty=150 * rows,
        ltp=np.full(len(over), np.nan),
        volume=rows * 7500 + number,
        oi=rows * 75,
        vendor_iv=np.round(9.0 + rows * 0.13, 2) / 100.0,
        **extra,
    )


def approved(limit_price: str = "101.50") -> Approved:
    """An approval of REQUEST at a price."""
    return Approved(
        request=replace(REQUEST, limit_price=Decimal(limit_price)),
        worst_price=Decimal("100.95"),
        quote_digest="q",
        review_sequence=4,
        approved_at=TS,
        valid_until=TS + timedelta(seconds=5),
    )


def entry_decision(ts: datetime = TS) -> Decision:
    """A decision to enter with figures, a candidate and a breach."""
    return Decision(
        ts=ts,
        action=Action.ENTER,
        reason="ENTERED",
        text="iron condor",
        bucket=Bucket.WEEKLY,
        trade_id="T1",
        structure=StructureKind.IRON_CONDOR,
        figures={"iv": 0.0951234567891, "lots": 2, "missing": float("nan"), "label": "ewma"},
        candidates=(
            CandidateRecord(
                structure=StructureKind.BULL_PUT_SPREAD,
                strikes=(24000, 24200),
                lots=1,
                figures={"credit": 12.5},
                refusal="credit / width was 0.06, limit 0.12",
            ),
        ),
        breaches=(Breach(rule="quality", value=None, limit=0.5, text="quality was missing"),),
    )


def a_fill(ts: datetime = TS) -> Fill:
    """REQUEST filled whole."""
    return Fill(
        fill_id="f-1",
        tag="vg-1",
        ts=ts,
        contract=CONTRACT,
        side=Side.SELL,
        quantity=75,
        price=Decimal("101.50"),
        charges_inr=Decimal("31.482913"),
        touch_bid=Decimal("101.50"),
        touch_ask=Decimal("102.05"),
    )


def write_session(journal: SqliteJournal, snapshots: int = 3) -> None:
    """A short session: start, snapshots, an order with its fill, a checkpoint with its anchor, an end."""
    _step(journal, STARTED, [_state(TradingState.ACTIVE)])
    for number in range(snapshots):
        shot = small_snapshot(number)
        seen = MarketSeen(ts=shot.ts, quality=0.87, figures={"atm_iv": 1 / 3})
        _step(journal, MarketSnapshot(ts=shot.ts, snapshot=shot), [seen])
    decided = [DecisionMade(decision=entry_decision()), _trade("OPENING")]
    _step(journal, KillSwitchSeen(ts=TS, present=False), decided, [Place(approved=approved())])
    _step(journal, _update(OrderState.OPEN), [_order(OrderState.OPEN)], [Modify(approved=approved("101.00"))])
    filled = OrderFilled(ts=TS, tag="vg-1", fill_id="f-1", quantity=75, price=Decimal("101.50"))
    booked = FillBooked(trade_id="T1", fill=a_fill())
    _step(journal, filled, [booked, _order(OrderState.FILLED), _trade("OPEN")])
    journal.checkpoint(TS, STATE)
    alert = Alert(ts=TS, severity=Severity.INFO, code="END", text="market over")
    _step(
        journal, SessionEnded(ts=TS, reason="market_over"), [], [alert, Cancel(tag="x", ts=TS, reason="end")]
    )


def written(path: Path, snapshots: int = 3) -> Path:
    """A closed journal with the short session in it, its head anchored."""
    journal = SqliteJournal.open(path, create=True)
    write_session(journal, snapshots)
    journal.anchor()
    journal.close()
    return path


def _step(journal: SqliteJournal, event: Any, records: Sequence[Any], effects: Sequence[Any] = ()) -> None:
    journal.commit(journal.append(event), records, effects, durable=bool(effects))


def _state(state: TradingState) -> StateChanged:
    return StateChanged(ts=TS, trading_state=state, safety_level=SafetyLevel.NORMAL, reason="ready")


def _trade(state: str) -> TradeChanged:
    return TradeChanged(ts=TS, trade_id="T1", state=state, reason="entry")


def _update(state: OrderState) -> OrderUpdated:
    return OrderUpdated(ts=TS, tag="vg-1", state=state, filled_quantity=0)


def _order(state: OrderState) -> OrderChanged:
    done = 75 if state is OrderState.FILLED else 0
    return OrderChanged(
        ts=TS, tag="vg-1", state=state, filled_quantity=done, limit_price=Decimal("101.00"), reason=""
    )
