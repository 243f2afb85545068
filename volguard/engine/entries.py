"""New trades: one decision per bucket and snapshot, reviewed before anything is planned."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

from volguard.engine.baskets import put_basket, slice_units
from volguard.engine.observe import Scene
from volguard.engine.orders import put_trade
from volguard.engine.proposals import answered, approved, offer
from volguard.engine.reviewing import Screened, bucket_budget, screen_proposal
from volguard.engine.signals import note_changes
from volguard.engine.state import Turn
from volguard.engine.supervisor import decide
from volguard.execution.basket import entry_basket
from volguard.measure.market_view import MarketView
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
        elif (busy := busy_with(turn, bucket)) is not None:
            wait(turn, bucket, busy)
        elif not any(roll.bucket is bucket for roll in turn.desk.rolls):  # one that rolls has been decided
            _seek(turn, scene, bucket)
    note_changes(turn)


def _seek(turn: Turn, scene: Scene, bucket: Bucket) -> None:
    if turn.market is None:
        return
    answer = propose(inputs_of(turn, turn.market, scene, bucket, scene.expiries[bucket]))
    if isinstance(answer, Wait):
        wait(turn, bucket, answer)
    else:
        put_forward(turn, answer)


def put_forward(turn: Turn, proposal: Proposal) -> bool:
    """Enter a proposal, or ask the operator; False where the review refuses it."""
    screened = screen_proposal(turn, proposal)
    if screened.breaches:
        refuse(turn, proposal, screened)
        return False
    if turn.desk.phase is Phase.SEMI_AUTO:
        offer(turn, proposal, screened)
    else:
        _enter(turn, proposal, screened)
    return True


def busy_with(turn: Turn, bucket: Bucket) -> Wait | None:
    """What a bucket waits for before it decides anything new; None: nothing."""
    if any(_is_opening(trade, bucket) for trade in turn.desk.book.live_trades):
        return Wait(reason="entry_working", text="an entry is being filled", figures={})
    asked = asked_of(turn, bucket)
    if asked is None:
        return None
    return Wait(reason="proposal_waits", text=f"{asked} waits for the operator's answer", figures={})


def inputs_of(
    turn: Turn, view: MarketView, scene: Scene, bucket: Bucket, expiry: date | None
) -> ProposalInputs:
    """All that a bucket's decision on an expiry depends on."""
    settings = turn.settings
    return ProposalInputs(
        now=turn.now,
        bucket=bucket,
        expiry=expiry,
        last_entry_at=_last_tried_at(turn, bucket),
        failed_entries=_failed_entries(turn, bucket),
        view=view,
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


def on_answer(turn: Turn, event: ProposalAnswered) -> None:
    """The operator's answer: what is approved, and still is what was shown, is entered."""
    found = answered(turn, event)
    if found is None:
        return
    pending, proposal, screened = found
    _enter(turn, proposal, screened)
    approved(turn, pending, proposal.lots, screened.trade.trade_id)


def asked_of(turn: Turn, bucket: Bucket) -> str | None:
    """The proposal of a bucket that waits for its answer; None: none does."""
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


def refuse(turn: Turn, proposal: Proposal, screened: Screened) -> None:
    """Note what the review has against a proposal."""
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


def wait(turn: Turn, bucket: Bucket, why: Wait) -> None:
    """Note that a bucket trades nothing now."""
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.WAIT,
            reason=why.reason,
            text=why.text,
            bucket=bucket,
            figures=why.figures,
            candidates=why.candidates,
        ),
    )


def _wait_for_state(turn: Turn, bucket: Bucket) -> None:
    desk = turn.desk
    causes = desk.flatten_reason or ", ".join(desk.degraded_by) or "healing"
    reason = f"trading_{desk.trading_state.value.lower()}"
    text = f"trading state is {desk.trading_state.value} ({causes})"
    wait(turn, bucket, Wait(reason=reason, text=text, figures={"quality": desk.quality}))


def _is_opening(trade: Trade, bucket: Bucket) -> bool:
    return trade.bucket is bucket and trade.state is TradeState.OPENING


def _describe(proposal: Proposal) -> str:
    strikes = "/".join(str(leg.contract.strike) for leg in proposal.legs)
    return (
        f"{proposal.structure.value} {proposal.expiry.isoformat()} {strikes}, {proposal.lots} lots of "
        f"{proposal.lot_size}, credit {proposal.credit_per_unit:.2f} a unit, risk {proposal.risk_inr:.2f}"
    )
