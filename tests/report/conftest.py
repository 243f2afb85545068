"""Days made by hand: an iron condor entered, a hole in the data, an exit, a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from volguard.execution.quality import SentOrder
from volguard.model.book import Book, Bucket, Fill, Leg, StructureKind, Trade, TradeState
from volguard.model.decision import Action, Breach, Decision, Phase, SafetyLevel, TradingState
from volguard.model.event import Alert, FeedGap, MarketSeen, SessionStarted, Severity, StateChanged
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.market import Capabilities, SourceInfo
from volguard.model.order import Order, OrderRequest, OrderState, Purpose, Urgency
from volguard.model.units import IST
from volguard.report.day import DayInputs, JournalInfo

NIFTY = Underlying("NIFTY")
DAY = date(2025, 8, 29)
EXPIRY = date(2025, 9, 2)
WINGS = (
    (24200, OptionType.PUT, Side.BUY, "8.10"),
    (24300, OptionType.PUT, Side.SELL, "21.35"),
    (24600, OptionType.CALL, Side.SELL, "26.40"),
    (24700, OptionType.CALL, Side.BUY, "9.65"),
)


def at(hour: int, minute: int, second: int = 0) -> datetime:
    return datetime(2025, 8, 29, hour, minute, second, tzinfo=IST)


def contract(strike: int, option_type: OptionType) -> OptionContract:
    return OptionContract(underlying=NIFTY, expiry=EXPIRY, strike=strike, option_type=option_type)


def fill(tag: str, leg: Leg, side: Side, price: str, ts: datetime, quantity: int = 75) -> Fill:
    return Fill(
        fill_id=f"f-{tag}",
        tag=tag,
        ts=ts,
        contract=leg.contract,
        side=side,
        quantity=quantity,
        price=Decimal(price),
        charges_inr=Decimal("24.318271"),
        touch_bid=None,
        touch_ask=None,
    )


LEGS = tuple(Leg(contract=contract(strike, kind), side=side) for strike, kind, side, _ in WINGS)


def condor(trade_id: str = "T1", closing: tuple[str, ...] = ()) -> Trade:
    """An iron condor of one lot entered at 10:05, closed at 13:40 where closing prices are given."""
    entered = [
        fill(f"{trade_id}-{i}", leg, leg.side, price, at(10, 5, i))
        for i, (leg, (_, _, _, price)) in enumerate(zip(LEGS, WINGS, strict=True))
    ]
    left = [
        fill(f"{trade_id}-x{i}", leg, leg.side.opposite, price, at(13, 40, i))
        for i, (leg, price) in enumerate(zip(LEGS, closing, strict=False))
    ]
    return Trade(
        trade_id=trade_id,
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=LEGS,
        lots=1,
        lot_size=75,
        state=TradeState.CLOSED if closing else TradeState.OPEN,
        proposed_at=at(10, 4, 30),
        credit_per_unit=30.0,
        max_loss_inr=Decimal("5420.00"),
        reserved_inr=Decimal("5420.00"),
        fills=(*entered, *left),
        opened_at=at(10, 5, 3),
        closed_at=at(13, 40, 3) if closing else None,
        exit_reason="profit_target" if closing else "",
    )


def order_of(trade: Trade, one: Fill) -> Order:
    request = OrderRequest(
        tag=one.tag,
        trade_id=trade.trade_id,
        contract=one.contract,
        side=one.side,
        quantity=one.quantity,
        limit_price=one.price,
        purpose=Purpose.OPEN,
        urgency=Urgency.LOW,
    )
    return Order(
        request=request,
        state=OrderState.FILLED,
        sent_at=one.ts,
        limit_price=one.price,
        priced_at=one.ts,
        rung=0,
        filled_quantity=one.quantity,
    )


def book_of(*trades: Trade) -> Book:
    orders = tuple(order_of(trade, one) for trade in trades for one in trade.fills)
    return Book(trades=trades, orders=orders)


def sent_of(book: Book) -> tuple[SentOrder, ...]:
    """Each order as sent 1.5 s before its fill with the mid at 0.025 below the price, never re-priced."""
    return tuple(
        SentOrder(
            request=order.request,
            sent_at=order.sent_at - timedelta(seconds=1.5),
            arrival_mid=order.limit_price - Decimal("0.025"),
            arrival_half_spread=Decimal("0.025"),
            state=order.state,
            fills=tuple(one for trade in book.trades for one in trade.fills if one.tag == order.request.tag),
            price_steps=0,
            last_urgency=order.request.urgency,
        )
        for order in book.orders
    )


def wait(ts: datetime, reason: str = "no_forecast_edge", bucket: Bucket = Bucket.WEEKLY) -> Decision:
    text = f"{bucket.lower()} ATM IV 9.31 % is below the forecast of 10.84 %, edge -0.0153, needs 0.0050"
    return Decision(ts=ts, action=Action.WAIT, reason=reason, text=text, bucket=bucket)


def refused(ts: datetime) -> Decision:
    breaches = (
        Breach(rule="data_quality", value=0.41, limit=0.5, text="data quality was 0.41, limit 0.50"),
        Breach(
            rule="bucket_open_risk", value=41200.0, limit=40000.0, text="open risk was 41200, limit 40000"
        ),
    )
    return Decision(
        ts=ts,
        action=Action.REFUSED,
        reason="risk_review",
        text="; ".join(breach.text for breach in breaches),
        bucket=Bucket.MONTHLY,
        structure=StructureKind.IRON_CONDOR,
        breaches=breaches,
    )


def session(**changes: Any) -> SessionStarted:
    source = SourceInfo(
        kind="replay",
        label="nifty_chain_2025-08-29.parquet",
        underlying=NIFTY,
        trading_date=DAY,
        capabilities=Capabilities(spot=False, vix=False, quote_time=False, depth=False, cadence_s=60.0),
        digest="9f2c",
    )
    base = SessionStarted(
        ts=at(9, 15),
        session_id="replay-2025-08-29-1",
        phase=Phase.SHADOW,
        source=source,
        trading_date=DAY,
        code_version="0.1.0",
        platform="linux-x86_64",
        seed=None,
        settings={
            "strategy": {"require_vrp": False, "cooldown_s": 300},
            "execution": {"paper_delay_ms": 250},
            "limits": {"quality_new_trades_min": 0.5},
        },
        settings_origins={
            "strategy.require_vrp": "--set",
            "strategy.cooldown_s": "config/volguard.toml:41",
            "execution.paper_delay_ms": "config/volguard.toml:88",
            "risk.quality_new_trades_min": "config/limits.toml:4",
        },
        settings_hash="5ab1c0ffee",
    )
    return replace(base, **changes)


def seen_series(count: int = 292, hole_at: int = 120, hole_min: int = 18) -> tuple[MarketSeen, ...]:
    """One look per 75 seconds from 09:15, with a hole; smooth by arithmetic, no randomness."""
    series = []
    for i in range(count):
        skipped = hole_min if i >= hole_at else 0
        ts = at(9, 15) + timedelta(seconds=70 * i, minutes=skipped)
        wave = ((i * 37) % 100) / 100.0
        figures: dict[str, Any] = {
            "reference_level": 24460.0 + 40.0 * ((i % 90) / 90.0) - 0.25 * i + 6.0 * wave,
            "atm_iv_weekly": 0.093 + 0.004 * wave - 0.00001 * i,
            "atm_iv_monthly": 0.108 + 0.0015 * wave,
            "forecast_vol": 0.1184,
            "pnl_net_inr": None
            if i < 3
            else (0.0 if i < 43 else -180.0 + 6.1 * (i - 43) + 220.0 * (wave - 0.5)),
            "missing_bid": 210,
            "missing_ask": 260,
            "stale": 0,
            "crossed": 0,
            "one_sided": 31,
            "wide": 44,
        }
        if i == hole_at:
            figures["gap_s"] = hole_min * 60.0 + 70.0
        series.append(
            MarketSeen(ts=ts, quality=0.35 if i == hole_at else 0.86 - 0.06 * wave, figures=figures)
        )
    return tuple(series)


def day_inputs(**changes: Any) -> DayInputs:
    marks: Mapping[OptionContract, Decimal | None] = {
        LEGS[0].contract: Decimal("6.05"),
        LEGS[1].contract: Decimal("15.20"),
        LEGS[2].contract: Decimal("19.95"),
        LEGS[3].contract: Decimal("6.40"),
    }
    series = seen_series()
    decisions = [wait(series[i].ts) for i in range(0, 43)]
    decisions += [wait(series[i].ts, "outside_entry_window", Bucket.MONTHLY) for i in range(0, 12)]
    decisions.append(
        Decision(
            ts=at(10, 5),
            action=Action.ENTER,
            reason="best_expected_value",
            text="iron condor 24200/24300/24600/24700, 1 lot, credit 30.00",
            bucket=Bucket.WEEKLY,
            trade_id="T1",
        )
    )
    decisions += [refused(series[i].ts) for i in (60, 61, 62, 121)]
    book = changes.get("book", book_of(condor()))
    base = DayInputs(
        session=session(),
        book=book,
        sent=sent_of(book),
        marks=marks,
        seen=series,
        decisions=tuple(sorted(decisions, key=lambda one: one.ts)),
        state_changes=(
            StateChanged(
                ts=at(9, 15),
                trading_state=TradingState.ACTIVE,
                safety_level=SafetyLevel.NORMAL,
                reason="market open",
            ),
        ),
        alerts=(Alert(ts=at(11, 53), severity=Severity.WARNING, code="feed_gap", text="no data for 1150 s"),),
        gaps=(FeedGap(ts=at(11, 40), last_ts=at(11, 33, 50), limit_s=180.0),),
        step_ms=tuple(2.0 + (i % 10) / 10 for i in range(292)),
        decisions_hash="c0de",
        journal=JournalInfo(path="journal/replay-2025-08-29-1.db", rows=1234, head_hash="beef"),
        end_reason="close",
        halted_reason=None,
    )
    return replace(base, **changes)


@pytest.fixture
def make_day() -> Callable[..., DayInputs]:
    """A day with one open iron condor; every input may be changed by name."""
    return day_inputs
