"""From a snapshot to what the rest of the step reads: view, levels, quality, and what the day is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

from volguard.engine.bucket_expiries import bucket_expiries
from volguard.engine.held_risk import flat_cost_of
from volguard.engine.reconciling import causes_of_doubt
from volguard.engine.state import Desk, Turn
from volguard.engine.supervisor import degrade, link_cause, recover
from volguard.engine.unknown_orders import CAUSE as ORDER_UNKNOWN
from volguard.engine.unknown_orders import unknown_orders
from volguard.measure.chain_vix import month_volatility
from volguard.measure.flat_cost import FlatCost
from volguard.measure.market_view import (
    AtTheMoney,
    at_the_money,
    is_same_chain,
    reference_level,
    view_market,
)
from volguard.measure.quality import data_quality, flag_counts
from volguard.measure.touch import ClosingMark, closing_mark
from volguard.model.book import ZERO, Bucket, Trade, positions_of
from volguard.model.decision import FigureValue
from volguard.model.event import MarketSeen
from volguard.model.market import ChainSnapshot
from volguard.model.units import figure
from volguard.risk.breaker import Circuit
from volguard.risk.vix_spike import note_vix
from volguard.volatility.forecast import MONTH_SESSIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What one snapshot says: expiry and level per bucket, closing mark per live trade."""

    expiries: Mapping[Bucket, date | None]
    levels: Mapping[Bucket, AtTheMoney | None]
    marks: Mapping[str, ClosingMark | None]
    stop_pnl_inr: Decimal | None  # what the daily stops go by; None: nothing new is known
    market_quality: float
    vix: float | None  # 30-day volatility, decimal per year; from the chain where the source has none
    vix_origin: str


def observe(turn: Turn, snapshot: ChainSnapshot) -> Scene:
    """Take in a snapshot: the view, quality, causes of worry, marks."""
    previous = turn.market
    if previous is None or not is_same_chain(previous.snapshot, snapshot):
        turn.desk = replace(turn.desk, chain_changed_at=snapshot.ts)
    view = view_market(
        snapshot,
        previous,
        trading_date=turn.desk.trading_date,
        capabilities=turn.desk.source.capabilities,
        rules=turn.rules,
        settings=turn.settings.flags,
        unchanged_s=unchanged_s(turn.desk, snapshot),
    )
    turn.market = view
    expiries = bucket_expiries(turn)
    levels = {
        bucket: at_the_money(view, expiry) if expiry is not None else None
        for bucket, expiry in expiries.items()
    }
    known = [level for level in levels.values() if level is not None]
    quality = data_quality(view, known, turn.desk.book.positions, turn.settings.quality)
    marks = {trade.trade_id: _mark(turn, trade) for trade in turn.desk.book.live_trades}
    pnl = _pnl_net_inr(turn, marks)
    turn.desk = replace(
        turn.desk,
        last_snapshot_at=snapshot.ts,
        snapshots=turn.desk.snapshots + 1,
        quality=quality.value,
        pnl_net_inr=pnl,
    )
    is_frozen = quality.rows > 0 and quality.freshness == 0.0 and not view.after_gap
    vix, vix_origin = month_volatility(view, turn.desk.source.capabilities, turn.rules.contracts)
    turn.month_iv = (vix, vix_origin)
    spike = note_vix(turn.desk.vix_spike, vix, turn.now, turn.settings.vix_spike)
    turn.desk = replace(turn.desk, vix_spike=spike)
    turn.flat = flat_now(turn)
    _judge_feed(turn, unmarked=sum(mark is None for mark in marks.values()), is_frozen=is_frozen)
    gap_s = (snapshot.ts - previous.ts).total_seconds() if previous else None
    _note(turn, levels, {"vix": vix, "vix_origin": vix_origin}, gap_s=gap_s)
    return Scene(
        expiries=expiries,
        levels=levels,
        marks=marks,
        stop_pnl_inr=stop_pnl_inr(turn, marks, 0.0 if is_frozen else quality.market),
        market_quality=0.0 if is_frozen else quality.market,  # old looks confirm nothing
        vix=vix,
        vix_origin=vix_origin,
    )


def flat_now(turn: Turn) -> FlatCost | None:
    """Cost and time to be flat on the market of now; None while nothing is held."""
    positions = turn.desk.book.positions
    if turn.market is None or not positions:
        return None
    return flat_cost_of(turn.market, positions, turn.desk, settings=turn.settings, rules=turn.rules)


def unchanged_s(desk: Desk, snapshot: ChainSnapshot) -> float:
    """Seconds since any quote of the chain last changed."""
    changed = desk.chain_changed_at
    return (snapshot.ts - changed).total_seconds() if changed is not None else 0.0


def _mark(turn: Turn, trade: Trade) -> ClosingMark | None:
    if turn.market is None:
        return None
    tick = turn.rules.contracts.tick(turn.market.listing.underlying, turn.desk.trading_date)
    return closing_mark(turn.market, positions_of(trade.fills), tick)


def _pnl_net_inr(turn: Turn, marks: Mapping[str, ClosingMark | None]) -> Decimal | None:
    total = ZERO
    for trade in turn.desk.book.trades:
        total += trade.cash_inr - trade.charges_inr - trade.carried_pnl_inr
        if trade.state.is_live:
            mark = marks[trade.trade_id]
            if mark is None:
                return None
            total += mark.value_inr
    return total


def stop_pnl_inr(
    turn: Turn, marks: Mapping[str, ClosingMark | None], market_quality: float
) -> Decimal | None:
    """Net P&L of the day that the stops go by; None when this look says nothing new.

    One bad quote must not flatten a book and one missing quote must not hide a loss: a trade without a
    confirmed mark counts with what it had made at its last one, less charges since; one that never had a mark
    counts at the touch, and without one its credit is not counted.
    """
    after_gap = turn.market is None or turn.market.after_gap
    if after_gap or market_quality < _quality_min(turn):
        return None
    sound = {key for key, mark in marks.items() if mark is not None and mark.is_confirmed_price}
    if marks and not sound:
        return None
    known = {key: gross for key, gross in turn.desk.last_gross_inr.items() if key in marks}
    total = ZERO
    for trade in turn.desk.book.trades:
        key, gross = trade.trade_id, trade.cash_inr
        if trade.state.is_live:
            mark = marks[key]
            if mark is not None and key in sound:
                gross = known[key] = trade.cash_inr + mark.value_inr
            elif key in known:
                gross = known[key]
            else:  # never marked: what the touch says, else no credit for what it may still cost
                gross = trade.cash_inr + mark.value_inr if mark is not None else min(trade.cash_inr, ZERO)
        total += gross - trade.charges_inr - trade.carried_pnl_inr
    turn.desk = replace(turn.desk, last_gross_inr=known)
    return total


def _judge_feed(turn: Turn, *, unmarked: int, is_frozen: bool) -> None:
    view, quality = turn.market, turn.desk.quality or 0.0
    causes = {link_cause(link) for link in turn.desk.links_down}
    if unknown_orders(turn.desk):
        causes.add(ORDER_UNKNOWN)
    causes |= causes_of_doubt(turn.desk)
    if view is not None and view.after_gap:
        causes.add("feed_gap")
        degrade(turn, "feed_gap", "first snapshot after a gap in the feed")
    if quality < _quality_min(turn):
        causes.add("data_quality")
        degrade(turn, "data_quality", f"data quality is {quality:.3f}, limit {_quality_min(turn):.3f}")
    if turn.desk.vix_spike.is_spiking:
        causes.add("vix_spike")
        degrade(turn, "vix_spike", turn.desk.vix_spike.text)
    if turn.desk.feed_breaker.circuit is not Circuit.CLOSED:
        causes.add("feed_breaker")
    if is_frozen:
        causes.add("feed_frozen")
        degrade(turn, "feed_frozen", "not one quote of the tradable strikes is fresh")
    if unmarked:
        causes.add("unmarkable")
        degrade(turn, "unmarkable", f"{unmarked} open trades cannot be closed at a quoted price")
    recover(turn, frozenset(causes))


def _quality_min(turn: Turn) -> float:
    return turn.settings.limits.quality_new_trades_min


def _note(
    turn: Turn,
    levels: Mapping[Bucket, AtTheMoney | None],
    vix: Mapping[str, FigureValue],
    *,
    gap_s: float | None,
) -> None:
    view, desk = turn.market, turn.desk
    if view is None:
        return
    level, origin = reference_level(view)
    forecast = turn.outlook.forecast(MONTH_SESSIONS)
    figures: dict[str, FigureValue] = {
        "reference_level": figure(level) if level is not None else None,
        "reference_origin": origin,
        **vix,
        "forecast_vol": figure(forecast.volatility) if forecast is not None else None,
        "pnl_net_inr": float(desk.pnl_net_inr) if desk.pnl_net_inr is not None else None,
        "rows": len(view.listing),
    }
    for bucket, at in levels.items():
        figures[f"atm_iv_{bucket.value.lower()}"] = figure(at.sigma) if at is not None else None
    counts = flag_counts(view)
    figures["missing_bid"] = counts.pop("no_bid")
    figures["missing_ask"] = counts.pop("no_ask")
    figures |= counts
    if view.after_gap and gap_s is not None:
        figures["gap_s"] = figure(gap_s)
    turn.records.append(MarketSeen(ts=turn.now, quality=desk.quality or 0.0, figures=figures))
