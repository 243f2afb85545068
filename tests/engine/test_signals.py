"""Signals are journaled with what is decided on them, and else only when one says another word."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from tests.fakes import TRADING, Day, make_engine, opening, simulated
from volguard.adapters.journal_codec import decode, decode_as, encode, encode_exact
from volguard.engine.signals import LOOK_EVERY_S
from volguard.engine.state import Desk, State, Step
from volguard.engine.step import Engine
from volguard.model.decision import Action, Phase
from volguard.model.event import DecisionMade, MarketSnapshot, ProposalMade, SignalsCause, SignalsNoted
from volguard.model.proposal import ProposalCard
from volguard.model.units import figure

ENGINE = make_engine(*TRADING)
QUIET = make_engine("strategy.entry_from=09:16:00", "strategy.entry_until=09:17:00")
OPENING = (Action.PROPOSE, Action.ENTER, Action.REFUSED)


@cache
def busy_day() -> Day:
    """A look every ten seconds for ten minutes, entries within the first."""
    return simulated(seed=1, scenario="crash", cadence_s=10.0, start=90, stop=150)


def played(
    *, notes: bool, phase: Phase = Phase.SEMI_AUTO, day: Day | None = None, engine: Engine = ENGINE
) -> tuple[State, list[Step]]:
    day = busy_day() if day is None else day
    started, history = opening(day)
    events = [MarketSnapshot(ts=shot.ts, snapshot=shot) for shot in day.market.shots]
    state, steps = State(), []
    for event in (replace(started, phase=phase, notes_signals=notes), history, *events):
        steps.append(engine.step(state, event))
        state = steps[-1].state
    return state, steps


def noted_in(step: Step) -> list[SignalsNoted]:
    return [record for record in step.records if isinstance(record, SignalsNoted)]


def decided_in(step: Step) -> list[Action]:
    return [record.decision.action for record in step.records if isinstance(record, DecisionMade)]


def test_what_is_proposed_refused_or_entered_has_its_signals_before_it() -> None:
    """One row a step, ahead of the first such decision, and of that very look."""
    for phase in (Phase.SEMI_AUTO, Phase.SHADOW):
        opened = [step for step in played(notes=True, phase=phase)[1] if set(decided_in(step)) & set(OPENING)]
        assert opened
        for step in opened:
            (noted,) = noted_in(step)
            assert noted.cause is SignalsCause.DECISION
            assert step.state.desk is not None and noted.ts == step.state.desk.now
            kinds = [
                "decision"
                if isinstance(r, DecisionMade) and r.decision.action in OPENING
                else type(r).__name__
                for r in step.records
            ]
            assert kinds.index("SignalsNoted") < kinds.index("decision")


def test_a_card_shows_the_signals_that_were_noted_with_it() -> None:
    for step in played(notes=True)[1]:
        for record in step.records:
            if isinstance(record, ProposalMade):
                assert record.card.signals == noted_in(step)[0].signals
                return
    raise AssertionError("nothing was proposed")


def test_without_a_decision_only_another_word_is_noted_and_not_often() -> None:
    """A day that only waits: the first look is noted, then those that change a word, five minutes apart."""
    whole = simulated(seed=1, scenario="crash", cadence_s=150.0)
    _, steps = played(notes=True, day=whole, engine=QUIET)
    noted = [row for step in steps for row in noted_in(step)]
    assert {row.cause for row in noted} == {SignalsCause.CHANGE}
    assert noted[0].ts == whole.market.shots[0].ts
    for before, after in pairwise(noted):
        assert [signal.word for signal in before.signals] != [signal.word for signal in after.signals]
        assert after.ts - before.ts >= timedelta(seconds=LOOK_EVERY_S)
    assert 2 <= len(noted) < 60


def test_the_same_words_are_not_noted_again() -> None:
    """A market that stands still has nothing new to say, however long it stands."""
    shot = simulated(seed=1, scenario="crash", cadence_s=10.0, start=0, stop=1).market.shots[0]
    later = [replace(shot, ts=shot.ts + timedelta(seconds=60 * n)) for n in range(14)]
    still = replace(busy_day(), market=replace(busy_day().market, shots=tuple(later)))
    _, steps = played(notes=True, day=still)
    assert sum(len(noted_in(step)) for step in steps) == 1


def digest_of_before(card: ProposalCard) -> str:
    """As it was made of a card when there was nothing on it but this."""
    shown = [
        (each.name, "" if each.name == "digest" else kept(getattr(card, each.name)))
        for each in fields(card)
        if each.name not in ("signals", "margin_broker_inr", "margin_broker_missing")
    ]
    return hashlib.blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def kept(value: Any) -> Any:
    if isinstance(value, float):
        return figure(value)
    if isinstance(value, dict):
        return sorted((str(key), kept(each)) for key, each in value.items())
    if isinstance(value, tuple):
        return [kept(each) for each in value]
    if is_dataclass(value):
        return [(each.name, kept(getattr(value, each.name))) for each in fields(value)]
    return value if value is None or isinstance(value, bool | int) else str(value)


def test_a_session_from_before_signals_were_noted_is_replayed_as_it_was() -> None:
    """Not one row more, the same decisions, and cards with the digest that they had without signals."""
    old, new = played(notes=False)[1], played(notes=True)[1]
    assert not any(noted_in(step) for step in old)
    assert old[-1].state.desk is not None and not old[-1].state.desk.signals.is_begun
    assert [decided_in(step) for step in old] == [decided_in(step) for step in new]
    cards = [r.card for step in old for r in step.records if isinstance(r, ProposalMade)]
    assert cards and all(card.signals == () for card in cards)
    assert [card.digest for card in cards] == [digest_of_before(card) for card in cards]
    shown = [r.card for step in new for r in step.records if isinstance(r, ProposalMade)]
    assert {card.digest for card in cards}.isdisjoint(card.digest for card in shown)


def test_rows_and_memory_come_back_from_the_journal_as_they_were() -> None:
    state, steps = played(notes=True)
    desk = state.desk
    assert desk is not None and desk.signals.is_begun
    assert decode_as(Desk, encode_exact(desk)).signals == desk.signals
    for row in (row for step in steps for row in noted_in(step)):
        assert decode(*encode(row)) == row
