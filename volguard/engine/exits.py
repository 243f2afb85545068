"""Leaving trades: exit rules confirmed on consecutive marks, and flatten when the day is over early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from volguard.engine.baskets import close_trade
from volguard.engine.observe import Scene
from volguard.engine.state import Confirmation, Turn
from volguard.engine.supervisor import decide
from volguard.measure.touch import closing_price
from volguard.model.book import Trade, TradeState, positions_of
from volguard.model.decision import Action, Decision
from volguard.model.order import Urgency
from volguard.strategy.manage import ExitInputs, ExitSignal, exit_signal


def seek_exits(turn: Turn, scene: Scene) -> None:
    """Close what must be closed: everything when flattening, else each open trade by its rules."""
    if turn.desk.flatten_reason:
        for trade in turn.desk.book.live_trades:
            close_trade(turn, trade, urgency=Urgency.HIGH, reason=turn.desk.flatten_reason)
        return
    for trade in turn.desk.book.live_trades:
        if trade.state is TradeState.OPEN:
            _seek_exit(turn, scene, trade)


def _seek_exit(turn: Turn, scene: Scene, trade: Trade) -> None:
    signal = _signal(turn, scene, trade)
    if signal is None or not _is_confirmed(turn, trade, signal):
        return
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.EXIT,
            reason=f"exit_{signal.rule}",
            text=signal.text,
            bucket=trade.bucket,
            trade_id=trade.trade_id,
            structure=trade.structure,
            figures=signal.figures,
        ),
    )
    close_trade(turn, trade, urgency=signal.urgency, reason=signal.rule)


def _signal(turn: Turn, scene: Scene, trade: Trade) -> ExitSignal | None:
    if turn.market is None:
        return None
    signal = exit_signal(
        ExitInputs(
            now=turn.now,
            session_open=_session_open(turn),
            trade=trade,
            view=turn.market,
            mark=scene.marks[trade.trade_id],
            exit_charges_inr=_exit_charges_inr(turn, trade),
            policy=turn.settings.policy,
            bucket_policy=turn.settings.buckets[trade.bucket],
            calendar=turn.rules.calendar,
        )
    )
    _forget(turn, trade, signal)
    return signal


def _is_confirmed(turn: Turn, trade: Trade, signal: ExitSignal) -> bool:
    if not signal.needs_confirmation:
        return True
    quality_min = turn.settings.limits.quality_new_trades_min
    if (turn.desk.quality or 0.0) < quality_min or (turn.market is not None and turn.market.after_gap):
        return False
    seen = next((c for c in turn.desk.confirmations if c.trade_id == trade.trade_id), None)
    if seen is None:
        seen = Confirmation(trade_id=trade.trade_id, rule=signal.rule, first_at=turn.now, count=0)
    seen = replace(seen, count=seen.count + 1)
    others = tuple(c for c in turn.desk.confirmations if c.trade_id != trade.trade_id)
    turn.desk = replace(turn.desk, confirmations=(*others, seen))
    policy = turn.settings.policy
    waited_s = (turn.now - seen.first_at).total_seconds()
    return seen.count >= policy.confirm_snapshots or waited_s >= policy.confirm_s


def _forget(turn: Turn, trade: Trade, signal: ExitSignal | None) -> None:
    # A rule that stopped holding, or another one now, starts counting anew.
    rule = signal.rule if signal is not None else None
    kept = tuple(c for c in turn.desk.confirmations if c.trade_id != trade.trade_id or c.rule == rule)
    turn.desk = replace(turn.desk, confirmations=kept)


def _session_open(turn: Turn) -> datetime:
    session = turn.rules.calendar.session(turn.desk.trading_date)
    return session.windows[0][0] if session is not None else turn.now


def _exit_charges_inr(turn: Turn, trade: Trade) -> Decimal | None:
    view = turn.market
    if view is None:
        return None
    bought = sold = 0.0
    positions = positions_of(trade.fills)
    tick = turn.rules.contracts.tick(view.listing.underlying, turn.desk.trading_date)
    for position in positions:
        closing = closing_price(view, position.contract, position.quantity, tick)
        if closing is None:
            return None
        turnover = float(closing) * abs(position.quantity)
        if position.quantity < 0:
            bought += turnover
        else:
            sold += turnover
    estimate = turn.rules.charges.estimate_inr(
        trade_date=turn.desk.trading_date,
        premium_buy_inr=bought,
        premium_sell_inr=sold,
        orders=len(positions),
    )
    return Decimal(repr(round(estimate, 6)))
