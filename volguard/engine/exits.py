"""Leaving trades: exit rules confirmed on consecutive marks, and flatten when the day is over early."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final

from volguard.engine.adjusting import ROLLED_BY, plan_roll, split
from volguard.engine.baskets import close_trade
from volguard.engine.expiring import left_to_expire
from volguard.engine.held_risk import flat_cost_of
from volguard.engine.observe import Scene
from volguard.engine.reconciling import may_send
from volguard.engine.state import Confirmation, Turn
from volguard.engine.supervisor import decide
from volguard.measure.chain_term import chain_term, is_backwardation
from volguard.measure.touch import closing_price
from volguard.model.book import Trade, TradeState, positions_of
from volguard.model.decision import Action, Decision, FigureValue
from volguard.model.order import Urgency
from volguard.strategy.manage import ExitInputs, ExitSignal, exit_signals
from volguard.strategy.roll import NextExpiryInputs, next_expiry_figures

MARKET: Final = "market"  # what is seen of the market stands beside what is seen of each trade


def seek_exits(turn: Turn, scene: Scene) -> None:
    """Close what must be closed: everything when flattening, else each open trade by its rules."""
    if not may_send(turn.desk):
        return
    if turn.desk.flatten_reason:
        for trade in turn.desk.book.live_trades:
            close_trade(turn, trade, urgency=Urgency.HIGH, reason=turn.desk.flatten_reason)
        return
    stress_for_s = _stress_for_s(turn, scene)
    for trade in turn.desk.book.live_trades:
        # A trade on its way out is still watched: a patient exit becomes urgent when a stop is hit.
        if trade.state not in (TradeState.OPEN, TradeState.CLOSING) or _is_urgent(turn, trade):
            continue
        if not left_to_expire(turn, positions_of(trade.fills)):
            _seek_exit(turn, scene, trade, stress_for_s)


def _is_urgent(turn: Turn, trade: Trade) -> bool:
    mine = [basket for basket in turn.desk.baskets if basket.trade_id == trade.trade_id]
    return bool(mine) and all(basket.urgency is Urgency.HIGH for basket in mine)


def _stress_for_s(turn: Turn, scene: Scene) -> float | None:
    """Seconds of unbroken good looks at near volatility above far, while something is held; None without."""
    others = tuple(c for c in turn.desk.confirmations if c.trade_id != MARKET)
    is_seen = (
        turn.market is not None
        and bool(turn.desk.book.live_trades)
        and not _proves_nothing(turn, scene)
        and is_backwardation(chain_term(turn.market)) is True
    )
    if not is_seen:
        turn.desk = replace(turn.desk, confirmations=others)
        return None
    seen = next((c for c in turn.desk.confirmations if c.trade_id == MARKET), None)
    if seen is None:
        seen = Confirmation(trade_id=MARKET, rule="stress", first_at=turn.now, count=0)
    seen = replace(seen, count=seen.count + 1)
    turn.desk = replace(turn.desk, confirmations=(*others, seen))
    return (turn.now - seen.first_at).total_seconds()


def _proves_nothing(turn: Turn, scene: Scene) -> bool:
    after_gap = turn.market is None or turn.market.after_gap
    return after_gap or scene.market_quality < turn.settings.limits.quality_new_trades_min


def _seek_exit(turn: Turn, scene: Scene, trade: Trade, stress_for_s: float | None) -> None:
    signals = _signals(turn, scene, trade, stress_for_s)
    if trade.state is TradeState.CLOSING:
        signals = tuple(signal for signal in signals if signal.urgency is Urgency.HIGH)
    is_confirmed = _is_confirmed(turn, scene, trade, signals)
    signal = next((s for s in signals if is_confirmed or not s.needs_confirmation), None)
    if signal is None:
        return
    plan = plan_roll(turn, scene, trade, signals) if signal.rule == ROLLED_BY else None
    figures = {**signal.figures, **({} if plan is None else plan.figures)}
    if signal.rule == "time":
        figures |= _next_expiry(turn, scene, trade)
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.EXIT,
            reason=f"exit_{signal.rule}",
            text=signal.text if plan is None else f"{signal.text}; {plan.text}",
            bucket=trade.bucket,
            trade_id=trade.trade_id,
            structure=trade.structure,
            figures=figures,
        ),
    )
    tested = split(turn, plan) if plan is not None else None
    close_trade(turn, tested or trade, urgency=signal.urgency, reason=signal.rule)


def _next_expiry(turn: Turn, scene: Scene, trade: Trade) -> dict[str, FigureValue]:
    view, settings = turn.market, turn.settings
    if view is None:
        return {}
    held = positions_of(trade.fills)
    return next_expiry_figures(
        NextExpiryInputs(
            view=view,
            trade=trade,
            flat=flat_cost_of(view, held, turn.desk, settings=settings, rules=turn.rules),
            expiry=scene.expiries.get(trade.bucket),
            policy=settings.policy,
            bucket=settings.buckets[trade.bucket],
            rules=turn.rules,
        )
    )


def _signals(turn: Turn, scene: Scene, trade: Trade, stress_for_s: float | None) -> tuple[ExitSignal, ...]:
    if turn.market is None:
        return ()
    return exit_signals(
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
            stress_for_s=stress_for_s,
            events=turn.settings.events,
        )
    )


def _is_confirmed(turn: Turn, scene: Scene, trade: Trade, signals: tuple[ExitSignal, ...]) -> bool:
    # Counted per trade, whichever rule holds: two that take turns are no reason to wait. A look that proves
    # nothing (a gap, a market that is not quoted) starts the count anew.
    others = tuple(c for c in turn.desk.confirmations if c.trade_id != trade.trade_id)
    first = next((signal for signal in signals if signal.needs_confirmation), None)
    if first is None or _proves_nothing(turn, scene):
        turn.desk = replace(turn.desk, confirmations=others)
        return False
    seen = next((c for c in turn.desk.confirmations if c.trade_id == trade.trade_id), None)
    if seen is None:
        seen = Confirmation(trade_id=trade.trade_id, rule=first.rule, first_at=turn.now, count=0)
    seen = replace(seen, rule=first.rule, count=seen.count + 1)
    turn.desk = replace(turn.desk, confirmations=(*others, seen))
    policy = turn.settings.policy
    waited_s = (turn.now - seen.first_at).total_seconds()
    return seen.count >= policy.confirm_snapshots or waited_s >= policy.confirm_s


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
