"""Beside our margin stands the broker's: he is asked, his answer is another card, and the larger counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from functools import cache

import pytest

from tests.engine.test_proposals import ENGINE, answer, closed, day, desk_of, first, take, waiting
from tests.fakes import opening
from volguard.engine.state import State, Step
from volguard.model.decision import Phase
from volguard.model.event import AskMargin, MarginAnswered, MarketSnapshot, ProposalMade, ProposalRevised
from volguard.model.proposal import ProposalCard, ProposalOutcome


@cache
def asked_session(broker: str) -> tuple[State, Step]:
    """The session of the first proposal, its orders going to a broker (or on paper); the step that asks."""
    _, looks = waiting()
    started, history = opening(day())
    shots = day().market.shots
    began = replace(started, phase=Phase.SEMI_AUTO, asks_margin=True)
    events = [MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in shots[:looks]]
    state, _ = take(State(), began, history, *events[:-1])
    state = replace(state, desk=replace(desk_of(state), broker=broker))
    state, (step,) = take(state, events[-1])
    return state, step


def card_of(state: State) -> ProposalCard:
    return desk_of(state).pending[0].card


def told(
    state: State, margin_inr: str | None, missing: str = "", proposal_id: str = "P001"
) -> MarginAnswered:
    return MarginAnswered(
        ts=desk_of(state).now + timedelta(seconds=1),
        proposal_id=proposal_id,
        margin_inr=None if margin_inr is None else Decimal(margin_inr),
        missing=missing,
    )


def test_a_broker_is_asked_about_all_lots_of_the_structure() -> None:
    state, step = asked_session("upstox")
    asked = [effect for effect in step.effects if isinstance(effect, AskMargin)]
    assert [one.proposal_id for one in asked] == [p.card.proposal_id for p in desk_of(state).pending]
    card = card_of(state)
    units = card.lots * card.lot_size
    expected = {leg.leg.contract: leg.leg.side.sign * units for leg in card.legs}
    assert {position.contract: position.quantity for position in asked[0].positions} == expected
    assert (card.margin_broker_inr, card.margin_broker_missing) == (None, "asked, no answer yet")


def test_on_paper_nobody_is_asked_and_the_card_says_so() -> None:
    state, step = asked_session("paper")
    assert not any(isinstance(effect, AskMargin) for effect in step.effects)
    assert card_of(state).margin_broker_missing == "not asked (paper)"


def test_a_session_from_before_the_broker_was_asked_shows_what_it_showed() -> None:
    card = first().card
    assert (card.margin_broker_inr, card.margin_broker_missing) == (None, "")
    assert card.digest != card_of(asked_session("paper")[0]).digest


@pytest.mark.parametrize(
    ("margin", "missing", "shown"),
    [("123456.00", "", ""), (None, "the broker is away", "not available (the broker is away)")],
)
def test_his_answer_is_another_card_and_an_answer_to_the_old_one_trades_nothing(
    margin: str | None, missing: str, shown: str
) -> None:
    """Approval is bound to what was shown: what was typed on the card without his figure is not sent."""
    state, _ = asked_session("upstox")
    old = card_of(state)
    after, (step,) = take(state, told(state, margin, missing))
    new = card_of(after)
    (revised,) = [record for record in step.records if isinstance(record, ProposalRevised)]
    assert revised.card == new and new.proposal_id == old.proposal_id and new.digest != old.digest
    assert new.margin_broker_inr == (None if margin is None else Decimal(margin))
    assert new.margin_broker_missing == shown
    assert replace(new, digest="", margin_broker_inr=None, margin_broker_missing="") == replace(
        old, digest="", margin_broker_missing=""
    )
    unsent, _ = take(after, answer(after, old))
    assert desk_of(unsent).book.trades == () and card_of(unsent) == new


def test_the_larger_margin_counts() -> None:
    """Less than ours changes nothing; more than the account may bind is refused; fewer lots need less."""
    state, _ = asked_session("paper")
    ours = card_of(state).margin_inr
    assert ours is not None
    after, _ = take(state, told(state, str(ours / 2)))
    traded, _ = take(after, answer(after, card_of(after)))
    assert desk_of(traded).book.trades[0].margin_inr == pytest.approx(ours, rel=Decimal("0.01"))
    after, _ = take(state, told(state, str(ours * 2)))
    traded, _ = take(after, answer(after, card_of(after)))
    assert desk_of(traded).book.trades[0].margin_inr == ours * 2
    half, _ = take(after, answer(after, card_of(after), lots=1))
    assert desk_of(half).book.trades[0].margin_inr == pytest.approx(
        ours * 2 / card_of(after).lots, abs=Decimal("0.01")
    )
    limit = Decimal(repr(ENGINE.settings.limits.margin_used_share_max)) * desk_of(state).account_inr
    after, _ = take(state, told(state, str(limit + 1)))
    refused, steps = take(after, answer(after, card_of(after)))
    assert desk_of(refused).book.trades == ()
    ended = next(one for one in closed(steps) if one.proposal_id == "P001")
    assert ended.outcome is ProposalOutcome.REFUSED and "margin" in ended.text


def test_an_answer_about_what_waits_no_more_changes_nothing() -> None:
    state, _ = asked_session("upstox")
    after, (step,) = take(state, told(state, "1.00", proposal_id="P999"))
    assert desk_of(after).pending == desk_of(state).pending
    assert not any(isinstance(record, ProposalRevised | ProposalMade) for record in step.records)
