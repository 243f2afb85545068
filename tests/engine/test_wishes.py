"""A trade that the operator asks for is proposed like any other, or it is said why not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from functools import cache

import pytest

from tests.fakes import TRADING, Day, make_engine, opening, simulated
from volguard.engine.state import Desk, State, Step
from volguard.model.book import Bucket, StructureKind
from volguard.model.decision import Action, Phase
from volguard.model.event import (
    Alert,
    DecisionMade,
    Event,
    FeedGap,
    MarketSnapshot,
    OperatorCommand,
    OperatorSpoke,
    Place,
    ProposalAnswered,
    ProposalMade,
    SessionResumed,
)
from volguard.model.instrument import OptionType, Side
from volguard.model.proposal import ProposalCard, Verdict
from volguard.strategy.manual import make_wish
from volguard.strategy.select import choose_expiry

# Nothing is entered by the strategy itself: what is proposed was asked for.
ENGINE = make_engine(*TRADING, "strategy.entry_from=15:00:00", "strategy.entry_until=15:01:00")


@cache
def day() -> Day:
    """A look every ten seconds, late in the morning."""
    return simulated(seed=1, scenario="crash", cadence_s=10.0, start=90, stop=110)


def look(number: int) -> MarketSnapshot:
    shot = day().market.shots[number]
    return MarketSnapshot(ts=shot.ts, snapshot=shot)


@cache
def ready(phase: Phase = Phase.SEMI_AUTO) -> State:
    """A session that may trade and has traded nothing."""
    started, history = opening(day())
    state, _ = take(State(), replace(started, phase=phase), history, *[look(i) for i in range(12)])
    assert desk_of(state).pending == ()
    return state


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


def condor_text(state: State) -> str:
    """Shorts about 400 points out, wings of 200 points, of the weekly bucket's expiry."""
    view = state.market
    assert view is not None
    middle = round((view.snapshot.underlying_ltp or 0.0) / 100) * 100
    return f"+{middle - 600}PE -{middle - 400}PE -{middle + 400}CE +{middle + 600}CE"


def ask(state: State, text: str) -> OperatorSpoke:
    return OperatorSpoke(ts=desk_of(state).now, command=OperatorCommand.TRADE, text=text)


def wish(
    state: State, legs: str | None = None, *, lots: int = 1, bucket: Bucket | None = None
) -> OperatorSpoke:
    expiry = expiry_of(state, bucket or Bucket.WEEKLY)
    return ask(state, make_wish(condor_text(state) if legs is None else legs, lots, bucket, expiry).text)


def expiry_of(state: State, bucket: Bucket) -> date:
    """The expiry that a bucket trades on this day."""
    assert state.market is not None
    contracts, listing = ENGINE.rules.contracts, state.market.listing
    listed = tuple((day, contracts.is_monthly(listing.underlying, day)) for day in listing.expiries)
    policy = ENGINE.settings.buckets[bucket]
    found = choose_expiry(listed, desk_of(state).trading_date, policy, frozenset())
    assert found is not None
    return found


def cards(steps: list[Step]) -> list[ProposalCard]:
    return [record.card for step in steps for record in step.records if isinstance(record, ProposalMade)]


def refusals(steps: list[Step]) -> list[tuple[str, str]]:
    """(reason, text) of what was refused to the operator, each with an alert beside it."""
    found = [
        record.decision
        for step in steps
        for record in step.records
        if isinstance(record, DecisionMade)
        and record.decision.action is Action.REFUSED
        and record.decision.figures.get("asked_by") == "operator"
    ]
    told = [e for step in steps for e in step.effects if isinstance(e, Alert) and e.code == "wish_refused"]
    assert len(told) == len(found)
    return [(decision.reason, decision.text) for decision in found]


def test_what_was_asked_for_is_proposed_as_asked() -> None:
    """On the next look: its legs, its lots, whose idea it was, and what the strategy has against it."""
    state = ready()
    spoken = wish(state, lots=2)
    asked, first = take(state, spoken)
    assert cards(first) == [] and desk_of(asked).wishes == (spoken,)
    after, steps = take(asked, look(12))
    (card,) = cards(steps)
    assert card.structure is StructureKind.IRON_CONDOR and card.bucket is Bucket.WEEKLY and card.lots == 2
    assert [leg.leg.side for leg in card.legs] == [Side.BUY, Side.SELL, Side.SELL, Side.BUY]
    assert (card.figures["asked_by"], card.figures["asked_for"]) == ("operator", spoken.text)
    assert str(card.figures["strategy_says"]).startswith("entry_window: ")
    assert card.reasons[:2] == ("asked for by the operator", f"strategy: {card.figures['strategy_says']}")
    assert desk_of(after).wishes == () and len(desk_of(after).pending) == 1
    assert not [e for step in steps for e in step.effects if isinstance(e, Place)]


def test_approved_it_is_traded_like_any_other() -> None:
    """Hedges leave first, the trade has the legs that were asked for."""
    state, steps = take(ready(), wish(ready(), lots=2), look(12))
    (card,) = cards(steps)
    answer = ProposalAnswered(
        ts=desk_of(state).now, proposal_id=card.proposal_id, digest=card.digest, verdict=Verdict.APPROVE
    )
    after, steps = take(state, answer, look(13))
    (trade,) = desk_of(after).book.trades
    assert [leg.leg for leg in card.legs] == list(trade.legs) and trade.lots == 2
    sent = [e.approved.request for step in steps for e in step.effects if isinstance(e, Place)]
    assert {request.side for request in sent} == {Side.BUY}
    assert {request.quantity for request in sent} == {2 * trade.lot_size}


def test_one_side_is_a_spread_of_the_bucket_that_was_named() -> None:
    """The operator says which capital pays; the shape gives it its name."""
    state = ready()
    put_side = " ".join(condor_text(state).split()[:2])
    _, steps = take(state, wish(state, put_side, bucket=Bucket.MONTHLY), look(12))
    (card,) = cards(steps)
    assert (card.structure, card.bucket) == (StructureKind.BULL_PUT_SPREAD, Bucket.MONTHLY)
    assert {leg.leg.contract.option_type for leg in card.legs} == {OptionType.PUT}


@pytest.mark.parametrize(
    ("legs", "words"),
    [
        ("-24500PE", "is no structure that is managed here"),
        ("+1PE -24500PE", "is not listed"),
        ("-2x{short}PE +2x{wing}PE", "has ratio 2, must be 1"),
        ("-{short}PE +{wing}PE -{short}CE", "is no structure that is managed here"),
    ],
)
def test_what_is_no_structure_is_refused_with_its_reason(legs: str, words: str) -> None:
    """A naked short, a strike that is not listed, a ratio, a side without its long: said and forgotten."""
    state = ready()
    view = state.market
    assert view is not None
    middle = round((view.snapshot.underlying_ltp or 0.0) / 100) * 100
    _, steps = take(
        state, wish(state, legs.format(short=middle - 400, wing=middle - 600)), look(12), look(13)
    )
    ((reason, text),) = refusals(steps)
    assert reason == "not_a_trade" and words in text
    assert cards(steps) == []


def test_what_cannot_be_read_is_refused_and_stops_nothing() -> None:
    """Whoever speaks on the socket: the session goes on."""
    state = ready()
    after, steps = take(state, ask(state, "lots=x nothing"), look(12))
    ((reason, text),) = refusals(steps)
    assert reason == "not_a_trade" and "lots=N bucket=NAME" in text
    assert desk_of(after).failed is False


def test_the_limits_of_risk_hold_for_it() -> None:
    """A thousand lots are refused by the review, with its rules, and nobody is asked."""
    state = ready()
    _, steps = take(state, wish(state, lots=1_000), look(12))
    ((reason, text),) = refusals(steps)
    assert cards(steps) == []
    rules = {
        breach.rule
        for step in steps
        for record in step.records
        if isinstance(record, DecisionMade)
        for breach in record.decision.breaches
    }
    assert reason in rules and "trade_risk" in rules, (reason, text, rules)


def test_a_phase_that_asks_nobody_takes_no_wish() -> None:
    """In SHADOW there is no approval to go through."""
    state = ready(Phase.SHADOW)
    after, steps = take(state, wish(state), look(12))
    assert [reason for reason, _ in refusals(steps)] == ["phase"] and desk_of(after).wishes == ()


def test_a_session_that_may_not_add_risk_refuses_it() -> None:
    """The look after a hole in the feed: refused with the state, not kept for later."""
    state = ready()
    now = desk_of(state).now
    gap = FeedGap(ts=now + timedelta(seconds=5), last_ts=now, limit_s=4.0)
    after, steps = take(state, gap, wish(state), look(12))
    assert [reason for reason, _ in refusals(steps)] == ["trading_reducing"]
    assert desk_of(after).wishes == ()


def test_one_proposal_of_a_bucket_at_a_time() -> None:
    """The second waits for nothing: it is refused, naming the first."""
    state, _ = take(ready(), wish(ready()), look(12))
    _, steps = take(state, wish(state, lots=2), look(13))
    ((reason, text),) = refusals(steps)
    assert reason == "proposal_waits" and "P001" in text


def test_a_wish_is_of_now() -> None:
    """Where no look comes in time, or the process was another one, it is not dug out again."""
    state = ready()
    spoken = wish(state)
    old = replace(spoken, ts=spoken.ts - timedelta(seconds=ENGINE.settings.approval.expires_s))
    _, steps = take(replace(state, desk=replace(desk_of(state), wishes=(old,))), look(12))
    assert [reason for reason, _ in refusals(steps)] == ["asked_long_ago"] and cards(steps) == []
    resumed = SessionResumed(ts=desk_of(state).now, code_version="t", from_seq=1)
    after, steps = take(state, spoken, resumed, look(12))
    assert desk_of(after).wishes == () and cards(steps) == []
