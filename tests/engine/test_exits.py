"""Exits: a rule acts when it was seen twice on good data; flatten closes everything, shorts first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import cache

from tests.fakes import TRADING, Day, MemoryJournal, make_engine, make_runner, opening, simulated
from volguard.engine.exits import MARKET
from volguard.engine.state import State, Step
from volguard.measure.chain_term import chain_term, is_backwardation
from volguard.measure.since_entry import entry_market
from volguard.model.book import TradeState, positions_of
from volguard.model.decision import Action, Decision
from volguard.model.event import DecisionMade, MarketSnapshot, Place
from volguard.model.instrument import Side
from volguard.model.order import Urgency

ENGINE = make_engine(*TRADING)


@cache
def crash() -> tuple[Day, tuple[tuple[State, Step], ...]]:
    """A crash session: its day, and each state with the step that led there."""
    day = simulated(seed=1, scenario="crash")
    seen: list[tuple[State, Step]] = []
    runner = make_runner(
        day.market, MemoryJournal(), engine=ENGINE, show=lambda state, step: seen.append((state, step))
    )
    runner.run(opening(day), State())
    return day, tuple(seen)


def exits() -> list[tuple[int, Decision]]:
    """Position and decision of each exit by rule."""
    return [
        (i, record.decision)
        for i, (_, step) in enumerate(crash()[1])
        for record in step.records
        if isinstance(record, DecisionMade) and record.decision.action is Action.EXIT
    ]


def by_mark() -> list[tuple[int, Decision]]:
    """Those by a rule that must be seen twice: a loss, a short leg's delta, gamma or vega."""
    rules = {"exit_loss", "exit_short_delta", "exit_greeks"}
    return [(i, decision) for i, decision in exits() if decision.reason in rules]


def test_a_loss_or_delta_exit_was_seen_on_two_looks() -> None:
    """The look before had noted the same rule once and did not act on it."""
    assert by_mark()
    for i, decision in by_mark():
        before = crash()[1][i - 1][0].desk
        assert before is not None
        noted = [c for c in before.confirmations if c.trade_id == decision.trade_id]
        assert [(c.rule, c.count) for c in noted] == [(decision.reason.removeprefix("exit_"), 1)]


def test_an_exit_says_its_figure_and_its_limit() -> None:
    """Each exit names trade, bucket, rule, what was seen and what is allowed."""
    for _, decision in exits():
        assert decision.trade_id and decision.bucket and decision.structure
        assert decision.figures and "limit" in decision.text


def test_an_exit_under_pressure_buys_the_shorts_back_at_once() -> None:
    """Loss and delta are HIGH urgency; the first orders out are buys, in the very step of the decision."""
    assert by_mark()
    for i, decision in by_mark():
        step = crash()[1][i][1]
        placed = [e.approved.request for e in step.effects if isinstance(e, Place)]
        mine = [request for request in placed if request.trade_id == decision.trade_id]
        assert mine and {request.side for request in mine} == {Side.BUY}
        assert {request.urgency for request in mine} == {Urgency.HIGH}


def test_the_regime_has_turned_to_stress_when_it_stood_for_half_an_hour() -> None:
    """A trade made before is left once near volatility has stood above far for 30 minutes."""
    found = [(i, decision) for i, decision in exits() if decision.reason == "exit_stress"]
    assert found
    i, decision = found[0]
    looks = [state for state, step in crash()[1][: i + 1] if step.state.market is not None]
    views = {state.market.ts: state.market for state in looks if state.market is not None}
    backward = [ts for ts in sorted(views) if is_backwardation(chain_term(views[ts]))]
    assert decision.ts - backward[0] == timedelta(seconds=1800)
    assert (decision.figures["stood_s"], decision.figures["limit_s"]) == (1800.0, 1800.0)
    assert [ts for ts in views if ts >= backward[0]] == backward  # unbroken
    desk = crash()[1][i][0].desk
    assert desk is not None and decision.trade_id is not None
    entry = desk.book.trade(decision.trade_id).entry_market
    assert entry is not None and entry.is_backwardation is False


def test_a_look_that_proves_nothing_breaks_the_stress() -> None:
    """After a gap the half hour starts anew, and the trade is kept."""
    day, seen = crash()
    i, decision = next((i, decision) for i, decision in exits() if decision.reason == "exit_stress")
    shots = day.market.shots
    number = next(n for n, shot in enumerate(shots) if shot.ts == decision.ts)
    before = seen[i - 1][0]
    assert before.desk is not None and before.market is not None
    assert [c.rule for c in before.desk.confirmations if c.trade_id == MARKET] == ["stress"]
    early = replace(before.market, snapshot=replace(before.market.snapshot, ts=shots[number - 5].ts))
    gone = replace(before, market=early, desk=replace(before.desk, last_snapshot_at=shots[number - 5].ts))
    step = ENGINE.step(gone, MarketSnapshot(ts=decision.ts, snapshot=shots[number]))
    reasons = [r.decision.reason for r in step.records if isinstance(r, DecisionMade)]
    assert "exit_stress" not in reasons
    assert step.state.desk is not None
    assert [c for c in step.state.desk.confirmations if c.trade_id == MARKET] == []


def test_a_trade_keeps_the_market_it_was_made_on() -> None:
    """Forward and one volatility a leg, of the look at which it was proposed."""
    desk = crash()[1][-1][0].desk
    assert desk is not None and desk.book.trades
    for trade in desk.book.trades:
        view = next(
            state.market
            for state, _ in crash()[1]
            if state.market is not None and state.market.ts == trade.proposed_at
        )
        assert trade.entry_market == entry_market(view, trade.legs)
        assert trade.entry_market is not None and len(trade.entry_market.sigmas) == len(trade.legs)


def test_a_trade_leaves_once() -> None:
    """One exit decision per trade; in the end it is flat; one with no reason to leave is held."""
    trades = [decision.trade_id for _, decision in exits()]
    assert len(trades) == len(set(trades))
    desk = crash()[1][-1][0].desk
    assert desk is not None and trades
    for trade in desk.book.trades:
        is_held = trade.state is TradeState.OPEN
        assert bool(positions_of(trade.fills)) is is_held
        assert is_held or trade.state is TradeState.CLOSED
        assert not (is_held and trade.trade_id in trades)


def test_the_look_after_a_gap_confirms_nothing() -> None:
    """With the hole just before it, the second look does not count, and the count starts anew."""
    day, seen = crash()
    i, decision = exits()[0]
    at = decision.ts
    shots = day.market.shots
    number = next(n for n, shot in enumerate(shots) if shot.ts == at)
    # The state as it stood before the look, told that the look before it was long ago.
    before = seen[i - 1][0]
    assert before.desk is not None and before.market is not None
    assert [c.count for c in before.desk.confirmations if c.trade_id == decision.trade_id] == [1]
    early = replace(before.market, snapshot=replace(before.market.snapshot, ts=shots[number - 5].ts))
    gone = replace(before, market=early, desk=replace(before.desk, last_snapshot_at=shots[number - 5].ts))
    step = ENGINE.step(gone, MarketSnapshot(ts=at, snapshot=shots[number]))
    acted = [r.decision.action for r in step.records if isinstance(r, DecisionMade)]
    assert Action.EXIT not in acted
    assert step.state.desk is not None
    noted = [c for c in step.state.desk.confirmations if c.trade_id == decision.trade_id]
    assert noted == []
