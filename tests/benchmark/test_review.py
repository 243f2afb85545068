"""What the review of one basket costs, as ratios to one Greeks pass over the recorded chain."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.benchmark.ratios import hold, machine, median_s
from tests.cli.command import needs_real_day
from tests.fakes import TRADING, make_engine, request
from tests.scenario.test_named_limits import morning
from volguard.engine.held_risk import margin_inputs
from volguard.engine.observe import observe
from volguard.engine.order_facts import order_facts
from volguard.engine.reviewing import review_orders
from volguard.engine.state import State, Turn
from volguard.measure.book_risk import book_margin, margins_at_moves
from volguard.measure.confidence import expiry_confidence
from volguard.measure.exposure import exposure_of
from volguard.measure.margin import Margin
from volguard.measure.market_view import MarketView, view_market
from volguard.measure.stress import StressResult, portfolio_stress
from volguard.model.book import Position, Trade
from volguard.model.decision import Refused
from volguard.model.event import MarketSnapshot
from volguard.model.instrument import Side
from volguard.model.order import OrderRequest
from volguard.pricing.black76 import greeks

pytestmark = [pytest.mark.benchmark, needs_real_day]

RUNS, PAIRS = 60, 7
REVIEW_TO_GREEKS_MAX = 3.0


def approved_turn() -> tuple[Turn, Trade]:
    """The look that approves the weekly condor, and its trade before any fill."""
    engine, state = make_engine(*TRADING), State()
    before, step = state, None
    for event in morning():
        before = step.state if step is not None else state
        step = engine.step(before, event)
    assert step is not None and step.state.desk is not None and isinstance(event, MarketSnapshot)
    trade = step.state.desk.book.trades[0]
    assert before.desk is not None
    turn = Turn(
        desk=replace(before.desk, now=event.ts),
        market=before.market,
        outlook=before.outlook,
        settings=engine.settings,
        rules=engine.rules,
    )
    observe(turn, event.snapshot)
    turn.desk = replace(turn.desk, book=replace(turn.desk.book, trades=(trade,)))
    return turn, trade


def requests_of(turn: Turn, trade: Trade) -> tuple[OrderRequest, ...]:
    """All four legs at the touch that they need, in one wave: each short is covered within it."""
    assert turn.market is not None
    shot = turn.market.snapshot
    requests = []
    for number, leg in enumerate(trade.legs):
        row = shot.listing.row(leg.contract)
        price = float((shot.ask if leg.side is Side.BUY else shot.bid)[row])
        requests.append(
            request(
                tag=f"VG-{number}",
                trade_id=trade.trade_id,
                contract=leg.contract,
                side=leg.side,
                quantity=trade.units,
                limit_price=f"{price:.2f}",
            )
        )
    return tuple(requests)


def ratios_to_greeks(turn: Turn, call: Callable[[], object]) -> list[float]:
    """The call against a Greeks pass over the whole chain, in turn so that a drifting machine cancels out."""
    view = turn.market
    assert view is not None
    t = view.years[view.listing.expiry_index]
    point = (view.forward, view.listing.strike, t, view.sigma, view.listing.is_call, view.discount)
    return [median_s(call, RUNS) / median_s(lambda: greeks(*point), RUNS) for _ in range(PAIRS)]


def unjudged(call: Callable[[], object]) -> Callable[[], object]:
    """The call on a view of which nobody has asked the confidence yet, as after each snapshot."""

    def fresh() -> object:
        expiry_confidence.cache_clear()
        return call()

    return fresh


def seen_again(turn: Turn) -> MarketView:
    """Forwards, volatilities, Greeks and flags of the chain, as each snapshot takes them."""
    assert turn.market is not None
    return view_market(
        turn.market.snapshot,
        turn.market,
        trading_date=turn.desk.trading_date,
        capabilities=turn.desk.source.capabilities,
        rules=turn.rules,
        settings=turn.settings.flags,
    )


def test_the_review_of_a_basket_costs_few_greeks_passes() -> None:
    """Four legs, every rule, stress and the margins of the book after the trade.

    The aim of 3 passes is not reached: some 14 are, a third of them the cells of the stress, the rest mostly
    many calls on four numbers each, where a pass is one call on the whole chain.
    """
    turn, trade = approved_turn()
    requests = requests_of(turn, trade)
    assert not isinstance(review_orders(turn, trade, requests), Refused)
    assert turn.market is not None
    print(f"\n{machine()}; {len(turn.market.listing)} options in the chain")
    hold(
        "review of one basket to one Greeks pass of the chain",
        ratios_to_greeks(turn, unjudged(lambda: review_orders(turn, trade, requests))),
        REVIEW_TO_GREEKS_MAX,
    )


def test_the_parts_of_the_review() -> None:
    """Where a review's time goes, printed alone; beside it the view that each snapshot takes anyway."""
    turn, trade = approved_turn()
    requests = requests_of(turn, trade)
    view = turn.market
    assert view is not None
    positions = tuple(
        Position(contract=leg.contract, quantity=leg.side.sign * trade.units) for leg in trade.legs
    )
    settings = turn.settings
    margin = margin_inputs(turn.desk, turn.outlook, turn.rules)
    move = settings.stress.near_spot_move_share
    assert isinstance(portfolio_stress(view, positions, settings.stress, settings.quality), StressResult)
    assert isinstance(book_margin(view, positions, margin), Margin)
    parts: dict[str, Callable[[], object]] = {
        "stress": lambda: portfolio_stress(view, positions, settings.stress, settings.quality),
        "margin": lambda: book_margin(view, positions, margin),
        "margin now and after both moves": lambda: margins_at_moves(
            view, positions, margin, (0.0, -move, move)
        ),
        "Greeks of the legs": lambda: exposure_of(view, positions),
        "facts of the four orders": lambda: order_facts(turn, requests),
        "a view of the whole chain": lambda: seen_again(turn),
    }
    print(f"\n{machine()}; to one Greeks pass over {len(view.listing)} options")
    for name, call in parts.items():
        ratio = statistics.median(ratios_to_greeks(turn, unjudged(call)))
        print(f"  {name:40}{ratio:8.2f}")
        assert ratio > 0.0
