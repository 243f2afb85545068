"""Proposals that wait for the operator: shown, invalidated by the market, expired, answered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

import numpy as np

from volguard.engine.book_after import leg_positions
from volguard.engine.held_risk import flat_cost_of
from volguard.engine.reconciling import has_broker
from volguard.engine.reviewing import Screened, screen_proposal
from volguard.engine.signals import note_signals
from volguard.engine.state import Turn
from volguard.engine.supervisor import decide
from volguard.measure.market_view import at_the_money
from volguard.measure.payoff import max_loss_points, payoff_at
from volguard.measure.touch import leg_quotes
from volguard.model.decision import Action, Decision, TradingState
from volguard.model.event import (
    Alert,
    AskMargin,
    MarginAnswered,
    ProposalAnswered,
    ProposalClosed,
    ProposalMade,
    ProposalRevised,
    Severity,
)
from volguard.model.proposal import (
    CardLeg,
    PendingProposal,
    Proposal,
    ProposalCard,
    ProposalOutcome,
    Verdict,
)
from volguard.model.units import figure, money, rupees
from volguard.strategy.approval import MarketOfNow, moved_away

PROPOSAL_ALERT: Final = "proposal"  # the code of the alert that somebody is waited for
SKETCH_POINTS: Final = 41
SKETCH_WIDTHS: Final = 1.0  # of the span of the strikes, beyond its ends


def offer(turn: Turn, proposal: Proposal, screened: Screened) -> None:
    """Put a screened proposal before the operator."""
    note_signals(turn)  # what it was made on, shown with it
    card = _card(turn, proposal, screened)
    pending = PendingProposal(card=card, proposal=proposal)
    turn.desk = replace(turn.desk, pending=(*turn.desk.pending, pending), proposals=turn.desk.proposals + 1)
    turn.records.append(ProposalMade(ts=turn.now, card=card))
    decide(
        turn,
        Decision(
            ts=turn.now,
            action=Action.PROPOSE,
            reason="asks",
            text=f"{card.proposal_id} waits for an answer until {card.expires_at:%H:%M:%S}",
            bucket=proposal.bucket,
            structure=proposal.structure,
            figures={**proposal.figures, **screened.figures},
            candidates=proposal.candidates,
        ),
    )
    if turn.desk.asks_margin and has_broker(turn.desk):
        positions = leg_positions(proposal.legs, proposal.lots * proposal.lot_size)
        asked = AskMargin(ts=turn.now, proposal_id=card.proposal_id, positions=tuple(positions))
        turn.effects.append(asked)
    text = (
        f"{card.proposal_id} {proposal.bucket.value} {proposal.structure.value}: approve, fewer lots, reject?"
    )
    turn.effects.append(Alert(ts=turn.now, severity=Severity.WARNING, code=PROPOSAL_ALERT, text=text))


def on_margin(turn: Turn, event: MarginAnswered) -> None:
    """Show what the broker says beside our own margin: from now on an answer is to that card."""
    for pending in turn.desk.pending:
        if pending.card.proposal_id == event.proposal_id:
            missing = "" if event.margin_inr is not None else f"not available ({event.missing})"
            card = replace(
                pending.card,
                digest="",
                margin_broker_inr=event.margin_inr,
                margin_broker_missing=missing,
            )
            card = replace(card, digest=_digest(card))
            revised = tuple(replace(one, card=card) if one is pending else one for one in turn.desk.pending)
            turn.desk = replace(turn.desk, pending=revised)
            turn.records.append(ProposalRevised(ts=turn.now, card=card))


def watch_proposals(turn: Turn) -> None:
    """End those that nobody answered in time, and those that the session or the market has left behind."""
    for pending in turn.desk.pending:
        card = pending.card
        if turn.now >= card.expires_at:
            _close(turn, pending, ProposalOutcome.EXPIRED, "nobody answered in time")
        elif turn.desk.trading_state is not TradingState.ACTIVE:
            state = turn.desk.trading_state.value
            _close(turn, pending, ProposalOutcome.WITHDRAWN, f"trading state is {state}")
        elif away := _moved_away(turn, pending):
            _close(turn, pending, ProposalOutcome.INVALIDATED, "; ".join(away))


def answered(turn: Turn, event: ProposalAnswered) -> tuple[PendingProposal, Proposal, Screened] | None:
    """Take the operator's answer; what is approved and passes the review of now is returned to be entered.

    An answer to what is not shown any more, or to something else than what was shown, trades nothing.
    """
    pending = next((p for p in turn.desk.pending if p.card.proposal_id == event.proposal_id), None)
    if pending is None:
        _tell(turn, f"{event.proposal_id} waits for no answer any more: nothing was sent")
        return None
    if event.digest != pending.card.digest:
        _tell(turn, f"{event.proposal_id}: the answer was to something else than what is shown")
        return None
    if event.verdict is Verdict.REJECT:
        _close(turn, pending, ProposalOutcome.REJECTED, event.reason or "no reason given")
        return None
    watch_proposals(turn)  # the market of now has the last word
    if pending not in turn.desk.pending:
        return None
    lots = pending.card.lots if event.lots is None else event.lots
    if not 1 <= lots <= pending.card.lots:
        _tell(turn, f"{event.proposal_id}: {lots} lots were asked for, 1 to {pending.card.lots} are proposed")
        return None
    fresh = _at_now(turn, pending.proposal, lots)
    if fresh is None:
        _close(turn, pending, ProposalOutcome.INVALIDATED, "a leg is not quoted")
        return None
    screened = screen_proposal(turn, fresh, _broker_margin_inr(pending.card, lots))
    if screened.breaches:
        text = "; ".join(breach.text for breach in screened.breaches)
        _close(turn, pending, ProposalOutcome.REFUSED, text)
        return None
    return pending, fresh, screened


def approved(turn: Turn, pending: PendingProposal, lots: int, trade_id: str) -> None:
    """Note that a proposal became a trade."""
    _close(turn, pending, ProposalOutcome.APPROVED, f"{lots} lots", lots=lots, trade_id=trade_id)


def _broker_margin_inr(card: ProposalCard, lots: int) -> Decimal | None:
    # Of fewer lots in proportion: what was asked about was all of them.
    return None if card.margin_broker_inr is None else money(card.margin_broker_inr * lots / card.lots)


def _close(
    turn: Turn,
    pending: PendingProposal,
    outcome: ProposalOutcome,
    text: str,
    *,
    lots: int | None = None,
    trade_id: str | None = None,
) -> None:
    card = pending.card
    left = tuple(p for p in turn.desk.pending if p.card.proposal_id != card.proposal_id)
    ended = {**turn.desk.last_proposal_at, card.bucket: turn.now}
    turn.desk = replace(turn.desk, pending=left, last_proposal_at=ended)
    turn.records.append(
        ProposalClosed(
            ts=turn.now,
            proposal_id=card.proposal_id,
            outcome=outcome,
            text=text,
            lots=lots,
            trade_id=trade_id,
        )
    )
    if outcome is not ProposalOutcome.APPROVED:
        _tell(turn, f"{card.proposal_id} {outcome.value}: {text}")


def _tell(turn: Turn, text: str) -> None:
    turn.effects.append(Alert(ts=turn.now, severity=Severity.INFO, code="proposal_ended", text=text))


def _moved_away(turn: Turn, pending: PendingProposal) -> tuple[str, ...]:
    view, card = turn.market, pending.card
    level = at_the_money(view, card.expiry) if view is not None else None
    credit = leg_quotes(view, pending.proposal.legs).credit if view is not None else None
    now = MarketOfNow(
        level=None if level is None else level.forward, credit_per_unit=credit, quality=turn.desk.quality
    )
    return moved_away(card, now, turn.settings.approval, turn.settings.limits.quality_new_trades_min)


def _at_now(turn: Turn, proposal: Proposal, lots: int) -> Proposal | None:
    # The same legs at the touch of now: what was shown is never traded at the price of then.
    view = turn.market
    credit = leg_quotes(view, proposal.legs).credit if view is not None else None
    loss = max_loss_points(proposal.legs, credit) if credit is not None else None
    if credit is None or loss is None:
        return None
    units = lots * proposal.lot_size
    return replace(
        proposal,
        ts=turn.now,
        lots=lots,
        credit_per_unit=figure(credit),
        max_loss_inr=rupees(loss * units),
        # Per order charges weigh more on fewer lots: the whole of them stays reserved.
        costs_inr=proposal.costs_inr,
    )


def _card(turn: Turn, proposal: Proposal, screened: Screened) -> ProposalCard:
    units = proposal.lots * proposal.lot_size
    view = turn.market
    level = at_the_money(view, proposal.expiry) if view is not None else None
    card = ProposalCard(
        proposal_id=f"P{turn.desk.proposals + 1:03d}",
        digest="",
        made_at=turn.now,
        expires_at=turn.now + timedelta(seconds=turn.settings.approval.expires_s),
        bucket=proposal.bucket,
        structure=proposal.structure,
        expiry=proposal.expiry,
        legs=_legs(turn, proposal),
        lots=proposal.lots,
        lot_size=proposal.lot_size,
        level=figure(level.forward) if level is not None else float("nan"),
        quality=turn.desk.quality,
        credit_per_unit=proposal.credit_per_unit,
        credit_inr=rupees(proposal.credit_per_unit * units),
        max_loss_inr=proposal.max_loss_inr,
        costs_inr=proposal.costs_inr,
        margin_inr=screened.trade.margin_inr,
        figures={**proposal.figures, **screened.figures, "flat_now": _flat_now(turn, proposal, units)},
        reasons=_reasons(proposal),
        payoff=_payoff(proposal, units),
        signals=turn.signals,
        margin_broker_missing=_margin_asked(turn),
    )
    return replace(card, digest=_digest(card))


def _margin_asked(turn: Turn) -> str:
    if not turn.desk.asks_margin:
        return ""
    return "asked, no answer yet" if has_broker(turn.desk) else "not asked (paper)"


def _legs(turn: Turn, proposal: Proposal) -> tuple[CardLeg, ...]:
    view = turn.market
    if view is None:
        return tuple(CardLeg(leg=leg, bid=None, ask=None, sigma=None, delta=None) for leg in proposal.legs)
    found = []
    for leg in proposal.legs:
        row = view.row(leg.contract)
        values = (None, None, None, None)
        if row is not None:
            snapshot = view.snapshot
            columns = (snapshot.bid, snapshot.ask, view.sigma, view.greeks.delta)
            values = tuple(_known(float(column[row])) for column in columns)  # type: ignore[assignment]
        bid, ask, sigma, delta = values
        found.append(CardLeg(leg=leg, bid=bid, ask=ask, sigma=sigma, delta=delta))
    return tuple(found)


def _known(value: float) -> float | None:
    return figure(value) if np.isfinite(value) else None


def _flat_now(turn: Turn, proposal: Proposal, units: int) -> str | None:
    # What leaving would take the moment after all of it was filled.
    if turn.market is None:
        return None
    positions = leg_positions(proposal.legs, units)
    flat = flat_cost_of(turn.market, positions, turn.desk, settings=turn.settings, rules=turn.rules)
    return flat.text.removeprefix("flat now: ")  # the card has its own name for it


def _payoff(proposal: Proposal, units: int) -> tuple[tuple[float, float], ...]:
    strikes = [leg.contract.strike for leg in proposal.legs]
    beyond = SKETCH_WIDTHS * max(max(strikes) - min(strikes), 1)
    levels = np.linspace(min(strikes) - beyond, max(strikes) + beyond, SKETCH_POINTS)
    values = (payoff_at(proposal.legs, levels) + proposal.credit_per_unit) * units
    return tuple((figure(a), figure(b)) for a, b in zip(levels.tolist(), values.tolist(), strict=True))


def _reasons(proposal: Proposal) -> tuple[str, ...]:
    figures = proposal.figures
    implied, forecast = figures.get("implied_vol"), figures.get("forecast_vol")
    told = []
    if "asked_by" in figures:
        told += [f"asked for by the {figures['asked_by']}", f"strategy: {figures.get('strategy_says')}"]
    if isinstance(implied, float) and isinstance(forecast, float):
        told.append(f"implied {implied:.1%} against forecast {forecast:.1%}")
    percentile = figures.get("iv_percentile")
    if isinstance(percentile, float):
        told.append(f"volatility above {percentile:.0f} % of its year")
    if not figures.get("forecast_edge_judged", True):
        told.append("edge under P not judged (strategy.require_forecast_edge)")
    if not figures.get("vrp_judged", True):
        told.append("premium not judged (strategy.require_vrp)")
    return tuple(told)


def _digest(card: ProposalCard) -> str:
    # Of the figures as the journal keeps them; what a card of before did not show is left out, or a replay
    # of its session would not come to the same.
    blank = replace(card, digest="")
    shown = [
        (field.name, _kept(value))
        for field in fields(blank)
        if (value := getattr(blank, field.name)) != field.default
    ]
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def _kept(value: Any) -> Any:
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, Mapping):
        return sorted((str(key), _kept(each)) for key, each in value.items())
    if isinstance(value, tuple):
        return [_kept(each) for each in value]
    if is_dataclass(value):
        return [(field.name, _kept(getattr(value, field.name))) for field in fields(value)]
    return value if value is None or isinstance(value, bool | int) else str(value)
