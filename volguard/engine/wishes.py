"""Trades that the operator asks for by hand: proposed on the next look, as any proposal is."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.entries import asked_of, inputs_of, refuse
from volguard.engine.observe import Scene
from volguard.engine.proposals import offer
from volguard.engine.reviewing import screen_proposal
from volguard.engine.state import Turn
from volguard.engine.supervisor import decide
from volguard.measure.market_view import MarketView
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Action, Decision, Phase, TradingState
from volguard.model.errors import UsageError
from volguard.model.event import Alert, OperatorSpoke, Severity
from volguard.strategy.manual import asked_figures, bucket_for, propose_asked, read_wish, structure_of_wish
from volguard.strategy.proposal_inputs import Wait


def note_wish(turn: Turn, event: OperatorSpoke) -> None:
    """Keep what was asked for until quotes are looked at; only where somebody can answer the proposal."""
    if turn.desk.phase is not Phase.SEMI_AUTO:
        _refused(
            turn, event.text, "phase", f"{turn.desk.phase.value} asks nobody, a trade by hand needs SEMI_AUTO"
        )
        return
    turn.desk = replace(turn.desk, wishes=(*turn.desk.wishes, event))


def seek_wishes(turn: Turn, scene: Scene) -> None:
    """Propose what was asked for, or say why not."""
    wishes, view = turn.desk.wishes, turn.market
    if not wishes or view is None:
        return
    turn.desk = replace(turn.desk, wishes=())
    for wish in wishes:
        waited_s = (turn.now - wish.ts).total_seconds()
        limit_s = turn.settings.approval.expires_s
        if waited_s > limit_s:
            text = f"it was asked for {waited_s:.0f} s ago, limit {limit_s:.0f} s: ask again"
            _refused(turn, wish.text, "asked_long_ago", text)
            continue
        try:
            _propose(turn, view, scene, wish.text)
        except UsageError as error:
            _refused(turn, wish.text, "not_a_trade", str(error))


def _propose(turn: Turn, view: MarketView, scene: Scene, text: str) -> None:
    wish = read_wish(text)
    kind, legs = structure_of_wish(wish, view.listing)
    expiry = legs[0].contract.expiry
    bucket = bucket_for(wish, expiry, turn.desk.trading_date, scene.expiries, turn.settings.buckets)
    if turn.desk.trading_state is not TradingState.ACTIVE:
        state = turn.desk.trading_state.value
        _refused(turn, text, f"trading_{state.lower()}", f"trading state is {state}", bucket, kind)
        return
    waiting = asked_of(turn, bucket)
    if waiting is not None:
        _refused(turn, text, "proposal_waits", f"{waiting} waits for an answer first", bucket, kind)
        return
    answer = propose_asked(inputs_of(turn, view, scene, bucket, expiry), kind, legs, wish.lots)
    if isinstance(answer, Wait):
        _refused(turn, text, answer.reason, answer.text, bucket, kind)
        return
    answer = replace(answer, figures={**answer.figures, **asked_figures(text)})
    screened = screen_proposal(turn, answer)
    if screened.breaches:
        refuse(turn, answer, screened)
        _tell(turn, "; ".join(breach.text for breach in screened.breaches))
    else:
        offer(turn, answer, screened)


def _refused(
    turn: Turn,
    wish: str,
    reason: str,
    text: str,
    bucket: Bucket | None = None,
    kind: StructureKind | None = None,
) -> None:
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.REFUSED,
            reason=reason,
            text=text,
            bucket=bucket,
            structure=kind,
            figures=asked_figures(wish),
        ),
    )
    _tell(turn, text)


def _tell(turn: Turn, text: str) -> None:
    told = f"the trade that was asked for is not proposed: {text}"
    turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code="wish_refused", text=told))
