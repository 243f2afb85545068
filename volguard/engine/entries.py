"""New trades: one decision per bucket and snapshot, reviewed before anything is planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from volguard.engine.baskets import put_basket, slice_units
from volguard.engine.observe import Scene
from volguard.engine.orders import put_trade
from volguard.engine.proposals import answered, approved, offer
from volguard.engine.reviewing import Screened, bucket_budget, screen_proposal
from volguard.engine.state import Turn
from volguard.engine.supervisor import decide
from volguard.execution.basket import entry_basket
from volguard.model.book import Bucket, Trade, TradeState
from volguard.model.decision import Action, Decision, Phase, TradingState
from volguard.model.event import ProposalAnswered, TradeChanged
from volguard.model.proposal import Proposal
from volguard.strategy.proposal_inputs import ProposalInputs, Wait
from volguard.strategy.propose import propose


def seek_entries(turn: Turn, scene: Scene) -> None:
    """Decide each enabled bucket; a session that may not add risk says so instead."""
    for bucket in scene.expiries:
        if turn.desk.trading_state is not TradingState.ACTIVE:
            _wait_for_state(turn, bucket)
        elif any(_is_opening(trade, bucket) for trade in turn.desk.book.live_trades):
            _wait(turn, bucket, Wait(reason="entry_working", text="an entry is being filled", figures={}))
        elif (asked := _asked(turn, bucket)) is not None:
            text = f"{asked} waits for the operator's answer"
            _wait(turn, bucket, Wait(reason="proposal_waits", text=text, figures={}))
        else:
            _seek(turn, scene, bucket)


def _seek(turn: Turn, scene: Scene, bucket: Bucket) -> None:
    if turn.market is None:
        return
    settings = turn.settings
    answer = propose(
        ProposalInputs(
            now=turn.now,
            bucket=bucket,
            expiry=scene.expiries[bucket],
            last_entry_at=_last_tried_at(turn, bucket),
            failed_entries=_failed_entries(turn, bucket),
            view=turn.market,
            capabilities=turn.desk.source.capabilities,
            month_iv=scene.vix,
            month_iv_origin=scene.vix_origin,
            outlook=turn.outlook,
            budget=bucket_budget(turn, bucket),
            policy=settings.policy,
            bucket_policy=settings.buckets[bucket],
            student_t_dof=settings.student_t_dof,
            iv_rv_settings=settings.iv_rv,
            quality_settings=settings.quality,
            events=settings.events,
            stress_settings=settings.stress,
            rules=turn.rules,
        )
    )
    if isinstance(answer, Wait):
        _wait(turn, bucket, answer)
        return
    screened = screen_proposal(turn, answer)
    if screened.breaches:
        _refuse(turn, answer, screened)
    elif turn.desk.phase is Phase.SEMI_AUTO:
        offer(turn, answer, screened)
    else:
        _enter(turn, answer, screened)


def on_answer(turn: Turn, event: ProposalAnswered) -> None:
    """The operator's answer: what is approved, and still is what was shown, is entered."""
    found = answered(turn, event)
    if found is None:
        return
    pending, proposal, screened = found
    _enter(turn, proposal, screened)
    approved(turn, pending, proposal.lots, screened.trade.trade_id)


def _asked(turn: Turn, bucket: Bucket) -> str | None:
    return next((p.card.proposal_id for p in turn.desk.pending if p.card.bucket is bucket), None)


def _last_tried_at(turn: Turn, bucket: Bucket) -> datetime | None:
    # A proposal that came to nothing is followed by the same pause as an entry.
    tried = (turn.desk.last_entry_at.get(bucket), turn.desk.last_proposal_at.get(bucket))
    return max((at for at in tried if at is not None), default=None)


def _failed_entries(turn: Turn, bucket: Bucket) -> int:
    trades = turn.desk.book.trades
    return sum(t.bucket is bucket and t.opened_at is None and not t.state.is_live for t in trades)


def _enter(turn: Turn, proposal: Proposal, screened: Screened) -> None:
    desk, trade = turn.desk, screened.trade
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.ENTER,
            reason="approved",
            text=_describe(proposal),
            bucket=proposal.bucket,
            trade_id=trade.trade_id,
            structure=proposal.structure,
            figures={**proposal.figures, **screened.figures},
            candidates=proposal.candidates,
        ),
    )
    book = replace(turn.desk.book, trades=(*turn.desk.book.trades, trade))
    last = {**turn.desk.last_entry_at, proposal.bucket: turn.now}
    turn.desk = replace(turn.desk, book=book, last_entry_at=last)
    put_trade(turn, trade)
    turn.records.append(
        TradeChanged(ts=turn.now, trade_id=trade.trade_id, state=trade.state.value, reason="approved")
    )
    basket = entry_basket(
        trade, session_code=desk.session_code, freeze=slice_units(turn, trade), reason="entry"
    )
    put_basket(turn, basket)


def _refuse(turn: Turn, proposal: Proposal, screened: Screened) -> None:
    breaches = screened.breaches
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.REFUSED,
            reason=breaches[0].rule,
            text="; ".join(breach.text for breach in breaches),
            bucket=proposal.bucket,
            structure=proposal.structure,
            figures={**proposal.figures, **screened.figures},
            candidates=proposal.candidates,
            breaches=breaches,
        ),
    )


def _wait(turn: Turn, bucket: Bucket, wait: Wait) -> None:
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.WAIT,
            reason=wait.reason,
            text=wait.text,
            bucket=bucket,
            figures=wait.figures,
            candidates=wait.candidates,
        ),
    )


def _wait_for_state(turn: Turn, bucket: Bucket) -> None:
    desk = turn.desk
    causes = desk.flatten_reason or ", ".join(desk.degraded_by) or "healing"
    reason = f"trading_{desk.trading_state.value.lower()}"
    text = f"trading state is {desk.trading_state.value} ({causes})"
    _wait(turn, bucket, Wait(reason=reason, text=text, figures={"quality": desk.quality}))


def _is_opening(trade: Trade, bucket: Bucket) -> bool:
    return trade.bucket is bucket and trade.state is TradeState.OPENING


def _describe(proposal: Proposal) -> str:
    strikes = "/".join(str(leg.contract.strike) for leg in proposal.legs)
    return (
        f"{proposal.structure.value} {proposal.expiry.isoformat()} {strikes}, {proposal.lots} lots of "
        f"{proposal.lot_size}, credit {proposal.credit_per_unit:.2f} a unit, risk {proposal.risk_inr:.2f}"
    )
