"""Trading state and safety level: one table, and the causes that move it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.engine.signals import note_signals
from volguard.engine.state import Turn
from volguard.measure.flat_cost import FlatCost
from volguard.model.decision import Action, Decision, FigureValue, Phase, SafetyLevel, TradingState
from volguard.model.errors import InvariantBroken
from volguard.model.event import Alert, DecisionMade, Link, Severity, StateChanged
from volguard.model.units import figure
from volguard.risk.stops import judge_stops

T = TradingState


class Word(StrEnum):
    """What can happen to the trading state."""

    RESTORED = "restored"
    RESTARTED = "restarted"
    AGREED = "agreed"
    OPENED = "opened"
    DEGRADED = "degraded"
    HEALED = "healed"
    HALTED = "halted"
    RELEASED = "released"


TRANSITIONS: Final[dict[tuple[TradingState, Word], TradingState]] = {
    (T.BOOTING, Word.RESTORED): T.RECONCILING,
    (T.BOOTING, Word.HALTED): T.HALTED,
    (T.RECONCILING, Word.RESTARTED): T.RECONCILING,
    (T.READY, Word.RESTARTED): T.RECONCILING,
    (T.ACTIVE, Word.RESTARTED): T.RECONCILING,
    (T.REDUCING, Word.RESTARTED): T.RECONCILING,
    (T.RECONCILING, Word.AGREED): T.READY,
    (T.RECONCILING, Word.HALTED): T.HALTED,
    (T.READY, Word.OPENED): T.ACTIVE,
    (T.READY, Word.DEGRADED): T.REDUCING,  # the first look was already bad
    (T.READY, Word.HALTED): T.HALTED,
    (T.ACTIVE, Word.DEGRADED): T.REDUCING,
    (T.ACTIVE, Word.HALTED): T.HALTED,
    (T.REDUCING, Word.HEALED): T.ACTIVE,
    (T.REDUCING, Word.HALTED): T.HALTED,
    (T.HALTED, Word.RELEASED): T.READY,  # only ever the operator's word
}

OPENING: Final = frozenset({Action.PROPOSE, Action.ENTER, Action.REFUSED})
LEVEL_OF_STATE: Final = {T.HALTED: SafetyLevel.HALTED, T.REDUCING: SafetyLevel.DEGRADED}
LATCHED_CAUSES: Final = frozenset({"soft_stop"})


def move(turn: Turn, word: Word, reason: str) -> None:
    """Apply a word to the trading state and note it. Raises InvariantBroken on an illegal one."""
    desk = turn.desk
    target = TRANSITIONS.get((desk.trading_state, word))
    if target is None:
        raise InvariantBroken(f"{word.value} is not possible while {desk.trading_state.value}")
    level = LEVEL_OF_STATE.get(target, SafetyLevel.NORMAL)
    turn.desk = replace(desk, trading_state=target, safety_level=level)
    turn.records.append(StateChanged(ts=turn.now, trading_state=target, safety_level=level, reason=reason))


def degrade(turn: Turn, cause: str, text: str) -> None:
    """Allow only risk-reducing orders until the cause is gone and a clean dwell has passed."""
    desk = turn.desk
    if cause not in desk.degraded_by:
        turn.desk = replace(desk, degraded_by=tuple(sorted({*desk.degraded_by, cause})))
        turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code=cause, text=text))
    turn.desk = replace(turn.desk, clean_since=None)
    if turn.desk.trading_state in (T.ACTIVE, T.READY):
        move(turn, Word.DEGRADED, cause)


def link_cause(link: Link) -> str:
    """The cause of worry that a broken tie to the outside is."""
    return f"{link.value.lower()}_down"


def recover(turn: Turn, causes_now: frozenset[str]) -> None:
    """Drop causes that are gone; heal after a clean dwell; open for business at the first good look."""
    desk = turn.desk
    remaining = tuple(c for c in desk.degraded_by if c in causes_now or c in LATCHED_CAUSES)
    clean_since = None if remaining else desk.clean_since or turn.now
    turn.desk = desk = replace(desk, degraded_by=remaining, clean_since=clean_since)
    if remaining or clean_since is None:
        return
    if desk.trading_state is T.READY:
        move(turn, Word.OPENED, "market open and data good")
    elif desk.trading_state is T.REDUCING:
        dwell = timedelta(seconds=turn.settings.limits.heal_dwell_s)
        if turn.now - clean_since >= dwell:
            move(turn, Word.HEALED, f"clean for {dwell.total_seconds():.0f} s")


def halt(turn: Turn, reason: str, text: str) -> None:
    """No order that adds risk until the operator's word."""
    if turn.desk.trading_state is T.HALTED:
        return
    move(turn, Word.HALTED, reason)
    turn.effects.append(Alert(ts=turn.now, severity=Severity.CRITICAL, code=reason, text=text))


PAGE_EVERY: Final = timedelta(minutes=1)


def emergency(turn: Turn, cause: str, text: str) -> None:
    """Close everything, halted, and page the operator at once and every minute until the book is flat."""
    if not turn.desk.emergency:
        halt(turn, cause, text)
        turn.desk = replace(turn.desk, emergency=cause, safety_level=SafetyLevel.EMERGENCY)
        state = turn.desk.trading_state
        turn.records.append(
            StateChanged(ts=turn.now, trading_state=state, safety_level=SafetyLevel.EMERGENCY, reason=cause)
        )
        start_flatten(turn, cause, text)
    last = turn.desk.paged_at
    if last is None or turn.now - last >= PAGE_EVERY:
        turn.desk = replace(turn.desk, paged_at=turn.now)
        turn.effects.append(Alert(ts=turn.now, severity=Severity.CRITICAL, code="emergency", text=text))


def page_again(turn: Turn) -> None:
    """While an emergency holds positions the operator is paged every minute; flat ends the paging."""
    desk = turn.desk
    if not desk.emergency:
        return
    held = [f"{p.quantity:+d} {p.contract.symbol}" for p in desk.book.positions]
    alive = [f"order {o.request.tag} may fill" for o in desk.book.live_orders]
    if held or alive:
        emergency(turn, desk.emergency, f"{desk.emergency}: still {', '.join([*held, *alive])}")


def start_flatten(turn: Turn, reason: str, text: str) -> None:
    """Decide to close everything; baskets follow in the same step."""
    if turn.desk.flatten_reason:
        return
    turn.desk = replace(turn.desk, flatten_reason=reason, flatten_moved_at=turn.now)
    decide(turn, Decision(ts=turn.now, action=Action.FLATTEN, reason=reason, text=text))


def apply_stops(turn: Turn, pnl_net_inr: Decimal | None) -> None:
    """Judge the daily stops on the confirmed executable marks of the day; None changes nothing."""
    before, limits = turn.desk.stops, turn.settings.limits
    equity = turn.desk.account_inr
    after = judge_stops(
        before,
        pnl_net_inr=pnl_net_inr,
        start_equity_inr=equity,
        limits=limits,
        confirm_marks=turn.settings.policy.confirm_snapshots,
    )
    turn.desk = replace(turn.desk, stops=after)
    if pnl_net_inr is None:
        return
    share = figure(-float(pnl_net_inr) / float(equity))
    if after.soft and not before.soft:
        degrade(
            turn,
            "soft_stop",
            f"the day's loss is {share:.2%} of equity, soft stop {limits.soft_stop_share:.2%}",
        )
    if after.hard and not before.hard:
        text = f"the day's loss is {share:.2%} of equity, hard stop {limits.hard_stop_share:.2%}"
        halt(turn, "hard_stop", text)
        start_flatten(turn, "hard_stop", text)


def cap_phase(turn: Turn) -> None:
    """Effective phase = min(phase, what data quality allows), recovering with the clean dwell."""
    desk, limits = turn.desk, turn.settings.limits
    quality = desk.quality if desk.quality is not None else 0.0
    order = list(Phase)
    cap = Phase.FULL_AUTO if quality > limits.quality_full_auto_min else Phase.SEMI_AUTO
    if quality < limits.quality_new_trades_min or desk.trading_state is not T.ACTIVE:
        cap = Phase.SHADOW
    turn.desk = replace(desk, effective_phase=min(desk.phase, cap, key=order.index))


def decide(turn: Turn, decision: Decision) -> None:
    """Note a decision and count it, after the signals that it was made on where it opens or refuses to.

    While something is held it says what being flat now would take.
    """
    if decision.action in OPENING:
        note_signals(turn)
    if turn.flat is not None:
        decision = replace(decision, figures={**decision.figures, **flat_figures(turn.flat)})
    turn.desk = replace(turn.desk, decisions=turn.desk.decisions + 1)
    turn.records.append(DecisionMade(decision=decision))


def flat_figures(flat: FlatCost) -> dict[str, FigureValue]:
    """Cost and time to be flat as a decision keeps them."""
    return {
        "flat_cost_inr": None if flat.cost_inr is None else float(flat.cost_inr),
        "flat_seconds": flat.seconds,
        "flat_orders": flat.orders,
        "flat_missing": "; ".join(flat.reasons) if flat.reasons else None,
    }


def is_session_open(turn: Turn, at: datetime) -> bool | None:
    """Whether the exchange trades at that moment; None when today has no session in the calendar."""
    session = turn.rules.calendar.session(at.date())
    if session is None:
        return None
    return any(open_at <= at <= close_at for open_at, close_at in session.windows)
