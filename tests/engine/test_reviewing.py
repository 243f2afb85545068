"""What a review is shown: the quotes of now, the book as it will stand, and None for what is not there."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from tests.fakes import (
    TRADING,
    Day,
    MemoryJournal,
    make_engine,
    make_runner,
    opening,
    order,
    request,
    shipped,
    simulated,
)
from volguard.engine.reviewing import review_orders
from volguard.engine.state import State, Step, Turn
from volguard.model.book import Trade
from volguard.model.decision import Action, Decision, Refused
from volguard.model.event import DecisionMade, MarketSnapshot, Place
from volguard.model.instrument import Side
from volguard.model.order import OrderRequest, OrderState, Purpose

ENGINE = make_engine(*TRADING)


@cache
def day() -> Day:
    """The looks around the first entries."""
    return simulated(seed=1, scenario="crash", start=2, stop=8)


@cache
def steps() -> tuple[tuple[State, Step], ...]:
    """Each state with the step that led there."""
    seen: list[tuple[State, Step]] = []
    runner = make_runner(
        day().market, MemoryJournal(), engine=ENGINE, show=lambda state, step: seen.append((state, step))
    )
    runner.run(opening(day()), State())
    return tuple(seen)


def decided(step: Step) -> list[Decision]:
    """Decisions of a step."""
    return [record.decision for record in step.records if isinstance(record, DecisionMade)]


def entering() -> tuple[State, MarketSnapshot]:
    """The state before the first entry, and the look that makes it."""
    for (before, _), (_, step) in zip(steps(), steps()[1:], strict=False):
        if any(decision.action is Action.ENTER for decision in decided(step)):
            assert step.state.market is not None
            shot = step.state.market.snapshot
            return before, MarketSnapshot(ts=shot.ts, snapshot=shot)
    raise AssertionError("no entry")


def test_an_approval_is_of_the_quotes_of_now_and_expires() -> None:
    """Approved at the look's own time, valid for two cadences, each with the review's number."""
    placed = [effect.approved for _, step in steps() for effect in step.effects if isinstance(effect, Place)]
    assert placed
    cadence_s = day().market.info.capabilities.cadence_s
    for approved in placed:
        assert (approved.valid_until - approved.approved_at).total_seconds() == 2 * cadence_s
        assert approved.worst_price == approved.request.limit_price
    numbers = [approved.review_sequence for approved in placed if approved.request.side is Side.BUY]
    assert numbers == sorted(numbers) and numbers[0] >= 1


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"underlying_ltp": None}, "source_inputs"),
        ({"vix": None}, "source_inputs"),
    ],
)
def test_what_the_source_is_meant_to_give_and_did_not_is_a_breach(
    changes: dict[str, object], rule: str
) -> None:
    """No level, no VIX: the proposal is refused or never made; nothing is placed."""
    state, event = entering()
    assert any(isinstance(effect, Place) for effect in ENGINE.step(state, event).effects)
    bare = replace(event, snapshot=replace(event.snapshot, **changes))
    step = ENGINE.step(state, bare)
    assert not any(isinstance(effect, Place) for effect in step.effects)
    refused = [decision for decision in decided(step) if decision.action is Action.REFUSED]
    waited = [decision for decision in decided(step) if decision.action is Action.WAIT]
    assert refused or waited
    assert all(rule in [breach.rule for breach in decision.breaches] for decision in refused)


def test_an_empty_chain_places_nothing() -> None:
    """Not one quote: quality is nothing, trading reduces, nothing is sent."""
    state, event = entering()
    shot = event.snapshot
    nowhere = np.full(len(shot.listing), np.nan)
    nothing = np.zeros(len(shot.listing), dtype=np.int64)
    blank = replace(shot, bid=nowhere, ask=nowhere.copy(), bid_qty=nothing, ask_qty=nothing.copy())
    step = ENGINE.step(state, replace(event, snapshot=blank))
    assert step.state.desk is not None and step.state.desk.quality == 0.0
    assert not any(isinstance(effect, Place) for effect in step.effects)
    assert {decision.reason for decision in decided(step)} == {"trading_reducing"}


@pytest.mark.parametrize(
    ("override", "rule"),
    [
        ("limits.vega_per_pt_share_max=0.0000001", "portfolio_vega"),
        ("limits.gamma_1pct_share_max=0.0000001", "portfolio_gamma"),
        ("limits.free_capital_share_min=1.0", "free_capital"),
    ],
)
def test_the_whole_structure_is_judged_before_its_first_order(override: str, rule: str) -> None:
    """A limit that the condor as a whole would pass refuses it before its hedges are bought."""
    state, event = entering()
    step = make_engine(*TRADING, override).step(state, event)
    refused = [decision for decision in decided(step) if decision.action is Action.REFUSED]
    assert refused and all(rule in [breach.rule for breach in d.breaches] for d in refused)
    assert not any(isinstance(effect, Place) for effect in step.effects)


def test_a_trade_s_own_margin_is_its_structure_s_and_not_the_book_s() -> None:
    """Alone it is what the book is asked; beside an entry under way it is still its own alone."""
    entries = [one for _, step in steps() for one in decided(step) if one.action is Action.ENTER]
    first, second = ((d.figures["margin_trade_inr"], d.figures["margin_after_inr"]) for d in entries[:2])
    assert first[0] == pytest.approx(first[1], abs=0.01)
    assert isinstance(second[0], float) and isinstance(second[1], float)
    assert 0.0 < second[0] < 0.6 * second[1]


def test_the_budget_shrinks_with_what_is_open() -> None:
    """Open risk of the live trades stays inside the bucket's and the account's caps after every step."""
    limits = shipped()
    account = limits.account.capital_inr
    for state, _ in steps():
        if state.desk is None:
            continue
        live = state.desk.book.live_trades
        assert sum(trade.reserved_inr for trade in live) <= account * 5 / 100
        for trade in live:
            share = limits.bucket_limits[trade.bucket.lower()]
            assert (
                float(trade.reserved_inr) <= float(account) * share.capital_share * share.trade_risk_share_max
            )


def test_hedges_are_placed_before_shorts() -> None:
    """For each entry every buy leaves, and is filled, before the first sell leaves."""
    bought: dict[str, int] = {}
    for state, step in steps():
        for effect in step.effects:
            if not isinstance(effect, Place) or effect.approved.request.purpose is not Purpose.OPEN:
                continue
            request = effect.approved.request
            if request.side is Side.BUY:
                bought[request.trade_id] = bought.get(request.trade_id, 0) + request.quantity
            else:
                assert state.desk is not None
                fills = state.desk.book.trade(request.trade_id).fills
                assert sum(f.quantity for f in fills if f.side is Side.BUY) == bought[request.trade_id] > 0


def turn_of(state: State) -> Turn:
    """A step in the making on a state."""
    assert state.desk is not None
    return Turn(
        desk=state.desk,
        market=state.market,
        outlook=state.outlook,
        settings=ENGINE.settings,
        rules=ENGINE.rules,
    )


def refused(state: State, trade: Trade, asked: OrderRequest) -> list[str]:
    """Rules that refuse one order of a trade."""
    verdict = review_orders(turn_of(state), trade, [asked])
    return [breach.rule for breach in verdict.breaches] if isinstance(verdict, Refused) else []


def test_a_short_whose_hedge_is_not_filled_is_refused_by_the_review_too() -> None:
    """Whoever asks: a basket that sold first by mistake would be stopped here."""
    state, step = next((s, t) for s, t in steps() if any(isinstance(e, Place) for e in t.effects))
    assert state.desk is not None
    hedge = next(e.approved.request for e in step.effects if isinstance(e, Place))
    trade = state.desk.book.trade(hedge.trade_id)
    short = next(leg for leg in trade.legs if leg.side is Side.SELL)
    sell = replace(hedge, tag="early", contract=short.contract, side=Side.SELL)
    assert "naked_short" in refused(state, trade, sell)
    assert "naked_short" not in refused(state, trade, replace(hedge, tag="again"))


def test_what_other_orders_already_close_is_not_closed_twice() -> None:
    """A second closing order of the same leg beside a resting one would reverse the position."""
    state = next(s for s, _ in steps() if s.desk is not None and s.desk.book.positions)
    assert state.desk is not None
    position = state.desk.book.positions[0]
    trade = next(t for t in state.desk.book.trades if t.fills)
    close = request(
        tag="x1",
        trade_id=trade.trade_id,
        contract=position.contract,
        side=Side.SELL if position.quantity > 0 else Side.BUY,
        quantity=abs(position.quantity),
        purpose=Purpose.CLOSE,
    )
    assert refused(state, trade, close) == []
    resting = replace(order(OrderState.OPEN), request=replace(close, tag="x2"))
    book = replace(state.desk.book, orders=(*state.desk.book.orders, resting))
    both = replace(state, desk=replace(state.desk, book=book))
    assert refused(both, trade, close) == ["reduces"]
