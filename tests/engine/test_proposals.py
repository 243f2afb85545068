"""Proposals wait for the operator: what is answered is what was shown, at the prices of the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import TRADING, Day, make_engine, opening, simulated
from volguard.engine.state import Desk, State, Step
from volguard.measure.market_view import at_the_money
from volguard.measure.touch import leg_quotes, quote_of
from volguard.model.book import TradeState
from volguard.model.decision import Action, Phase
from volguard.model.event import (
    Alert,
    DecisionMade,
    Event,
    FeedGap,
    MarketSnapshot,
    Place,
    ProposalAnswered,
    ProposalClosed,
    ProposalMade,
    TimePassed,
)
from volguard.model.instrument import Side
from volguard.model.market import ChainSnapshot
from volguard.model.proposal import PendingProposal, ProposalCard, ProposalOutcome, Verdict

ENGINE = make_engine(*TRADING)
LIMITS = ENGINE.settings.approval


@cache
def day() -> Day:
    """A look every ten seconds, entries within the first."""
    return simulated(seed=1, scenario="crash", cadence_s=10.0, start=90, stop=140)


def desk_of(state: State) -> Desk:
    assert state.desk is not None
    return state.desk


def take(state: State, *events: Event) -> tuple[State, list[Step]]:
    """Steps of these events, in order."""
    steps = []
    for event in events:
        steps.append(ENGINE.step(state, event))
        state = steps[-1].state
    return state, steps


@cache
def waiting() -> tuple[State, int]:
    """The first state in which a proposal waits, and how many looks that took."""
    started, history = opening(day())
    state, _ = take(State(), replace(started, phase=Phase.SEMI_AUTO), history)
    for number, shot in enumerate(day().market.shots, start=1):
        state, _ = take(state, MarketSnapshot(ts=shot.ts, snapshot=shot))
        if desk_of(state).pending:
            return state, number
    raise AssertionError("nothing was proposed")


def first() -> PendingProposal:
    return desk_of(waiting()[0]).pending[0]


def answer(
    state: State, card: ProposalCard, verdict: Verdict = Verdict.APPROVE, **changes: object
) -> ProposalAnswered:
    """The operator's answer to a card at the time of the desk."""
    base: dict[str, object] = {
        "ts": desk_of(state).now,
        "proposal_id": card.proposal_id,
        "digest": card.digest,
        "verdict": verdict,
    }
    return ProposalAnswered(**{**base, **changes})  # type: ignore[arg-type]


def closed(steps: list[Step]) -> list[ProposalClosed]:
    return [record for step in steps for record in step.records if isinstance(record, ProposalClosed)]


def placed(steps: list[Step]) -> list[Place]:
    return [effect for step in steps for effect in step.effects if isinstance(effect, Place)]


def test_a_proposal_asks_and_sends_nothing() -> None:
    """It is journaled as it is shown, alerts, and no order leaves; the same bucket asks nothing more."""
    state, looks = waiting()
    started, history = opening(day())
    shots = day().market.shots[: looks + 1]
    events = [MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in shots]
    _, steps = take(State(), replace(started, phase=Phase.SEMI_AUTO), history, *events)
    made = [record.card for step in steps for record in step.records if isinstance(record, ProposalMade)]
    assert [card.proposal_id for card in made] == ["P001", "P002"][: len(made)]
    assert len({card.bucket for card in made}) == len(made)
    assert placed(steps) == [] and desk_of(state).book.trades == ()
    asked = [e for step in steps for e in step.effects if isinstance(e, Alert) and e.code == "proposal"]
    assert len(asked) == len(made)
    card = first().card
    assert card == made[0]
    assert card.expires_at - card.made_at == timedelta(seconds=LIMITS.expires_s)
    assert [leg.leg for leg in card.legs] == list(first().proposal.legs)
    assert min(value for _, value in card.payoff) == pytest.approx(-float(card.max_loss_inr))
    assert max(value for _, value in card.payoff) == pytest.approx(float(card.credit_inr))


def test_an_approval_is_entered_at_the_prices_of_now() -> None:
    """A trade of the shown legs, hedges sent, the proposal closed as approved."""
    state, _ = waiting()
    card = first().card
    after, steps = take(state, answer(state, card))
    (trade,) = desk_of(after).book.trades
    assert [leg.leg for leg in card.legs] == list(trade.legs) and trade.lots == card.lots
    (ended,) = closed(steps)
    assert (ended.outcome, ended.trade_id) == (ProposalOutcome.APPROVED, trade.trade_id)
    assert card.proposal_id not in [p.card.proposal_id for p in desk_of(after).pending]
    later, more = take(after, _next_look(after))
    assert {place.approved.request.side for place in placed([*steps, *more])} == {Side.BUY}
    assert desk_of(later).book.trade(trade.trade_id).state is TradeState.OPENING


def _next_look(state: State) -> MarketSnapshot:
    shot = next(shot for shot in day().market.shots if shot.ts > desk_of(state).now)
    return MarketSnapshot(ts=shot.ts, snapshot=shot)


@pytest.mark.parametrize("lots", [0, -1, 10_000])
def test_more_lots_than_proposed_or_none_are_not_sent(lots: int) -> None:
    """It goes on waiting: the operator may answer again."""
    state, _ = waiting()
    after, steps = take(state, answer(state, first().card, lots=lots))
    assert desk_of(after).book.trades == () and closed(steps) == []
    assert desk_of(after).pending == desk_of(state).pending


def test_fewer_lots() -> None:
    """What is traded is what was said."""
    state, _ = waiting()
    card = first().card
    after, steps = take(state, answer(state, card, lots=1))
    (trade,) = desk_of(after).book.trades
    assert trade.lots == 1 and closed(steps)[0].lots == 1
    assert trade.max_loss_inr <= card.max_loss_inr


def test_a_rejection_is_kept_with_its_reason_and_the_bucket_rests() -> None:
    """The same pause as after an entry."""
    state, _ = waiting()
    card = first().card
    after, steps = take(state, answer(state, card, Verdict.REJECT, reason="before the RBI"))
    (ended,) = closed(steps)
    assert (ended.outcome, ended.text) == (ProposalOutcome.REJECTED, "before the RBI")
    _, more = take(after, _next_look(after))
    decisions = [r.decision for r in more[0].records if isinstance(r, DecisionMade)]
    mine = next(decision for decision in decisions if decision.bucket is card.bucket)
    assert (mine.action, mine.reason) == (Action.WAIT, "cool_down")


def test_an_answer_to_something_else_trades_nothing() -> None:
    """Another digest, another number, an answer twice."""
    state, _ = waiting()
    card = first().card
    for wrong in (answer(state, card, digest="0" * 16), answer(state, card, proposal_id="P999")):
        after, steps = take(state, wrong)
        assert desk_of(after).book.trades == () and placed(steps) == []
        assert any(isinstance(effect, Alert) for effect in steps[0].effects)
    once, _ = take(state, answer(state, card))
    twice, _ = take(once, answer(once, card))
    assert len(desk_of(twice).book.trades) == 1


def test_nobody_answers() -> None:
    """It expires, by a look at the market or by time alone, and an answer after that trades nothing."""
    state, _ = waiting()
    card = first().card
    assert ENGINE.waits_for_time(state)
    late = TimePassed(ts=card.expires_at)
    after, steps = take(state, late)
    assert {ended.outcome for ended in closed(steps)} == {ProposalOutcome.EXPIRED}
    too_late, more = take(after, answer(after, card))
    assert desk_of(too_late).book.trades == () and placed(more) == []


def test_a_session_that_may_not_add_risk_withdraws_it() -> None:
    """A hole in the feed ends what waits."""
    state, _ = waiting()
    now = desk_of(state).now
    _, steps = take(state, FeedGap(ts=now + timedelta(seconds=30), last_ts=now, limit_s=30.0))
    assert {ended.outcome for ended in closed(steps)} == {ProposalOutcome.WITHDRAWN}


def _moved(shot: ChainSnapshot, factor: float, lost: int | None) -> ChainSnapshot:
    # All options dearer by a factor, and one leg of the proposal without a bid or an ask.
    bid, ask = shot.bid * factor, shot.ask * factor
    if lost is not None:
        contract = first().proposal.legs[lost].contract
        listing = shot.listing
        is_row = (
            (listing.strike == contract.strike)
            & (listing.is_call == (contract.option_type == "CE"))
            & (listing.expiry_index == listing.expiries.index(contract.expiry))
        )
        bid, ask = np.where(is_row, np.nan, bid), np.where(is_row, np.nan, ask)
    return replace(shot, bid=bid, ask=ask)


@settings(max_examples=60, deadline=None)
@given(
    looks=st.integers(0, 6),
    factor=st.floats(0.85, 1.15),
    lost=st.none() | st.integers(0, 3),
)
def test_an_approval_never_trades_the_price_that_was_shown(
    looks: int, factor: float, lost: int | None
) -> None:
    """Over moves, delays and lost quotes: entered only near what was shown, and at what is quoted now."""
    state, seen = waiting()
    card, proposal = first().card, first().proposal
    shots = day().market.shots[seen : seen + looks + 1]
    changed = [*shots[:-1], _moved(shots[-1], factor, lost)]
    state, steps = take(state, *[MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in changed])
    after, more = take(state, answer(state, card))
    if not desk_of(after).book.trades:
        assert placed([*steps, *more]) == []
        return
    view = after.market
    assert view is not None and lost is None
    level, credit = at_the_money(view, card.expiry), leg_quotes(view, proposal.legs).credit
    assert level is not None and credit is not None
    assert abs(level.forward / card.level - 1.0) <= LIMITS.level_move_max + 1e-9
    assert abs(credit / card.credit_per_unit - 1.0) <= LIMITS.credit_move_max + 1e-9
    assert desk_of(after).now < card.expires_at
    (trade,) = desk_of(after).book.trades
    assert trade.credit_per_unit == pytest.approx(credit)
    execution = ENGINE.settings.execution
    for place in placed(more):
        request = place.approved.request
        tick = ENGINE.rules.contracts.tick(request.contract.underlying, desk_of(after).trading_date)
        quote = quote_of(view, request.contract, tick)
        assert quote is not None and quote.bid is not None and quote.ask is not None
        mid = (quote.bid + quote.ask) / 2
        reach = max(float(mid) * execution.entry_slippage_share, execution.entry_slippage_ticks * float(tick))
        assert abs(float(request.limit_price - mid)) <= reach + float(tick)
