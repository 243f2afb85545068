"""Daily stops on start-of-day equity: soft stops new risk, hard flattens and locks the session."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from volguard.risk.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class StopState:
    """Latched for the session: a recovered mark does not undo a stop."""

    soft: bool = False
    hard: bool = False
    pending_soft: int = 0  # consecutive marks beyond the stop, not yet confirmed
    pending_hard: int = 0


def judge_stops(
    state: StopState,
    *,
    pnl_net_inr: Decimal | None,
    start_equity_inr: Decimal,
    limits: Limits,
    confirm_marks: int,
) -> StopState:
    """The stops after one more confirmed mark of the day's net P&L; no mark changes nothing."""
    if pnl_net_inr is None:
        return state
    loss = -pnl_net_inr
    soft_limit = start_equity_inr * Decimal(str(limits.soft_stop_share))
    hard_limit = start_equity_inr * Decimal(str(limits.hard_stop_share))
    pending_soft = state.pending_soft + 1 if loss >= soft_limit else 0
    pending_hard = state.pending_hard + 1 if loss >= hard_limit else 0
    soft = state.soft or pending_soft >= confirm_marks
    # The order is part of the record: a hard stop never fires in the same step as the soft one.
    hard = state.hard or (pending_hard >= confirm_marks and state.soft)
    return StopState(soft=soft, hard=hard, pending_soft=pending_soft, pending_hard=pending_hard)
