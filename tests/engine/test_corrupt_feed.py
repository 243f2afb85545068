"""A feed that lies: what was approved on a sound look is refused on the damaged one, and exits still leave.

One leg frozen, one quote crossed, one strike moved by 100 points, a leg without a bid, a leg that is not
listed, no index level, no VIX; each on the very look that a sound feed traded on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from tests.engine.test_reviewing import ENGINE, decided, steps, turn_of
from volguard.engine.observe import observe
from volguard.engine.reviewing import review_orders
from volguard.engine.state import State, Turn
from volguard.execution.basket import exit_basket
from volguard.execution.ladder import ladder_price
from volguard.measure.touch import quote_of
from volguard.model.book import Position, Trade, TradeState, positions_of
from volguard.model.decision import Action, Breach, Refused
from volguard.model.event import MarketSnapshot, OperatorCommand, OperatorSpoke, Place
from volguard.model.instrument import OptionContract, Side
from volguard.model.market import COLUMNS, ChainSnapshot, Listing
from volguard.model.order import OrderRequest, Purpose, Urgency

WEEKLY_TRADE = "T001"
Damage = Callable[[ChainSnapshot, OptionContract], ChainSnapshot]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The state before a look that a sound feed trades on, the look, the trade, and its orders on it."""

    state: State
    shot: ChainSnapshot
    trade: Trade
    requests: tuple[OrderRequest, ...]


@cache
def entry(side: Side) -> Scene:
    """The look on which the weekly condor's hedges (BUY) or shorts (SELL) leave."""
    for (before, _), (_, step) in zip(steps(), steps()[1:], strict=False):
        requests = tuple(
            effect.approved.request
            for effect in step.effects
            if isinstance(effect, Place) and effect.approved.request.trade_id == WEEKLY_TRADE
        )
        if requests and requests[0].side is side and requests[0].purpose is Purpose.OPEN:
            assert before.desk is not None and step.state.desk is not None and step.state.market is not None
            trade = step.state.desk.book.trade(WEEKLY_TRADE)
            return Scene(state=before, shot=step.state.market.snapshot, trade=trade, requests=requests)
    raise AssertionError("no entry")


@cache
def held() -> Scene:
    """The first look on which the whole weekly condor is held."""
    for (before, _), (_, step) in zip(steps(), steps()[1:], strict=False):
        desk, market = step.state.desk, step.state.market
        if before.desk is None or desk is None or market is None or before.market is market:
            continue
        trades = [trade for trade in before.desk.book.live_trades if trade.state is TradeState.OPEN]
        if trades and trades[0].trade_id == WEEKLY_TRADE:
            return Scene(state=before, shot=market.snapshot, trade=trades[0], requests=())
    raise AssertionError("no look at a condor that is held")


def changed(shot: ChainSnapshot, contract: OptionContract, **cells: float) -> ChainSnapshot:
    row = shot.listing.row(contract)
    assert row is not None
    columns: dict[str, Any] = {}
    for name, value in cells.items():
        columns[name] = getattr(shot, name).copy()
        columns[name][row] = value
    return replace(shot, **columns)


def frozen(shot: ChainSnapshot, contract: OptionContract) -> ChainSnapshot:
    """Its quote is as old as the session."""
    return changed(shot, contract, quote_age_s=(shot.ts - shot.ts.replace(hour=9, minute=15)).total_seconds())


def crossed(shot: ChainSnapshot, contract: OptionContract) -> ChainSnapshot:
    """Its bid stands above its ask."""
    row = shot.listing.row(contract)
    return changed(shot, contract, bid=float(shot.ask[row]), ask=float(shot.bid[row]))


def shifted(shot: ChainSnapshot, contract: OptionContract) -> ChainSnapshot:
    """Call and put of its strike are both quoted 100 points too high, so parity does not tell."""
    at = (shot.listing.strike == contract.strike) & (
        np.array(shot.listing.expiries)[shot.listing.expiry_index] == contract.expiry
    )
    assert np.count_nonzero(at) == 2
    return replace(
        shot, bid=np.where(at, shot.bid + 100.0, shot.bid), ask=np.where(at, shot.ask + 100.0, shot.ask)
    )


def without_bid(shot: ChainSnapshot, contract: OptionContract) -> ChainSnapshot:
    """Nobody bids for it."""
    return changed(shot, contract, bid=np.nan, bid_qty=0)


def unlisted(shot: ChainSnapshot, contract: OptionContract) -> ChainSnapshot:
    """It is not in the chain."""
    whole, gone = shot.listing, shot.listing.row(contract)
    assert gone is not None
    listing = Listing(
        underlying=whole.underlying,
        expiries=whole.expiries,
        offsets=whole.offsets - (whole.offsets > gone),
        strike=np.delete(whole.strike, gone),
        is_call=np.delete(whole.is_call, gone),
    )
    columns: dict[str, Any] = {
        name: np.delete(getattr(shot, name), gone) for name in (*COLUMNS, "quote_age_s")
    }
    return replace(shot, listing=listing, **columns)


def without_level(shot: ChainSnapshot, _contract: OptionContract) -> ChainSnapshot:
    """The index is not told."""
    return replace(shot, underlying_ltp=None)


def without_vix(shot: ChainSnapshot, _contract: OptionContract) -> ChainSnapshot:
    """VIX is not told."""
    return replace(shot, vix=None)


OF_A_LEG: tuple[tuple[Damage, str, str], ...] = (
    (frozen, "quote_flags", "stale"),
    (crossed, "quote_flags", "crossed"),
    (shifted, "quote_flags", "jump"),
    (without_bid, "quote_flags", "no_bid"),
    (without_bid, "quote", "a two-sided quote"),
    (unlisted, "quote_flags", "a listed quote"),
    (unlisted, "quote", "a two-sided quote"),
)
OF_ALL: tuple[tuple[Damage, str, str], ...] = (
    (without_level, "source_inputs", "the index level"),
    (without_vix, "source_inputs", "India VIX"),
)
DAMAGES = (frozen, crossed, shifted, without_bid, unlisted, without_level, without_vix)
WAVES = (Side.BUY, Side.SELL)
LEGS = (0, 1)


def looking(scene: Scene, shot: ChainSnapshot) -> Turn:
    """A step in the making, with the trade in the book, that has just seen a look."""
    turn = turn_of(scene.state)
    others = tuple(trade for trade in turn.desk.book.trades if trade.trade_id != scene.trade.trade_id)
    book = replace(turn.desk.book, trades=(scene.trade, *others))
    turn.desk = replace(turn.desk, now=shot.ts, book=book)
    observe(turn, shot)
    return turn


def breaches(scene: Scene, shot: ChainSnapshot) -> tuple[Breach, ...]:
    """Why the wave's orders are refused on a look; nothing where they are approved."""
    verdict = review_orders(looking(scene, shot), scene.trade, scene.requests)
    return verdict.breaches if isinstance(verdict, Refused) else ()


@pytest.mark.parametrize("side", WAVES)
def test_the_sound_look_is_traded_on(side: Side) -> None:
    """What the damaged looks are held against: hedges and shorts are both approved, two at a time."""
    scene = entry(side)
    assert len(scene.requests) == 2
    assert breaches(scene, scene.shot) == ()


@pytest.mark.parametrize(("damage", "rule", "told"), OF_A_LEG)
@pytest.mark.parametrize("side", WAVES)
@pytest.mark.parametrize("leg", LEGS)
def test_one_bad_leg_refuses_the_whole_wave_at_once(
    damage: Damage, rule: str, told: str, side: Side, leg: int
) -> None:
    """Within the one look that is damaged, by the rule of that damage, and the contract is named."""
    scene = entry(side)
    contract = scene.requests[leg].contract
    found = breaches(scene, damage(scene.shot, contract))
    mine = [breach.text for breach in found if breach.rule == rule and contract.symbol in breach.text]
    assert len(mine) == 1 and told in mine[0]


@pytest.mark.parametrize("side", WAVES)
def test_a_refused_entry_changes_nothing(side: Side) -> None:
    """The desk is as it was but for the count of reviews; nothing is noted and nothing is sent."""
    scene = entry(side)
    turn = looking(scene, crossed(scene.shot, scene.requests[0].contract))
    before, records, effects = turn.desk, list(turn.records), list(turn.effects)
    assert isinstance(review_orders(turn, scene.trade, scene.requests), Refused)
    assert turn.desk == replace(before, reviews=before.reviews + 1)
    assert turn.records == records and turn.effects == effects


@pytest.mark.parametrize(("damage", "rule", "told"), OF_ALL)
@pytest.mark.parametrize("side", WAVES)
def test_a_look_without_level_or_vix_refuses_at_once(
    damage: Damage, rule: str, told: str, side: Side
) -> None:
    """The source gives it on every other look, so its absence is a fault and not a property."""
    scene = entry(side)
    found = breaches(scene, damage(scene.shot, scene.requests[0].contract))
    assert [breach.text for breach in found if breach.rule == rule] == [f"{told} is not available"]


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("side", WAVES)
@pytest.mark.parametrize("leg", LEGS)
def test_the_loop_sends_nothing_on_the_damaged_look(damage: Damage, side: Side, leg: int) -> None:
    """The engine's own step on that look opens nothing in a damaged leg, nor goes on with its trade."""
    scene = entry(side)
    contract = scene.requests[leg].contract
    shot = damage(scene.shot, contract)
    step = ENGINE.step(scene.state, MarketSnapshot(ts=shot.ts, snapshot=shot))
    opened = [
        effect.approved.request
        for effect in step.effects
        if isinstance(effect, Place) and effect.approved.request.purpose is Purpose.OPEN
    ]
    assert contract not in [request.contract for request in opened]
    if side is Side.SELL:  # the hedges are filled: nothing more of this trade may leave
        assert WEEKLY_TRADE not in [request.trade_id for request in opened]
    if damage in (without_level, without_vix):
        assert opened == []
        acted = [decision for decision in decided(step) if decision.action is not Action.WAIT]
        assert acted and {decision.action for decision in acted} == {Action.REFUSED}
        assert {breach.rule for decision in acted for breach in decision.breaches} >= {"source_inputs"}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("leg", range(4))
def test_a_damaged_look_never_refuses_an_exit(damage: Damage, leg: int) -> None:
    """Each leg, shorts first, may be closed at whatever price the damaged look leaves it."""
    scene = held()
    contract = scene.trade.legs[leg].contract
    shot = damage(scene.shot, contract)
    left = scene.trade
    priced = 0
    for wave in exit_waves(scene.trade):
        for position in wave:
            turn = looking(replace(scene, trade=left), shot)
            request = closing(turn, position)
            if request is None:
                assert position.contract == contract
                assert damage is unlisted or (damage is without_bid and position.quantity > 0)
                continue
            verdict = review_orders(turn, left, [request])
            assert not isinstance(verdict, Refused), verdict.text
            priced += 1
        gone = {position.contract for position in wave}
        left = replace(left, fills=tuple(fill for fill in left.fills if fill.contract not in gone))
    assert priced >= 3


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("leg", range(4))
def test_the_loop_flattens_on_a_damaged_look(damage: Damage, leg: int) -> None:
    """Told to flatten, the engine sends every closing order of the first wave that has a price."""
    scene = held()
    contract = scene.trade.legs[leg].contract
    shot = damage(scene.shot, contract)
    assert scene.state.desk is not None
    word = OperatorSpoke(ts=scene.state.desk.now, command=OperatorCommand.FLATTEN)
    state = ENGINE.step(scene.state, word).state
    step = ENGINE.step(state, MarketSnapshot(ts=shot.ts, snapshot=shot))
    closed = {effect.approved.request.contract for effect in step.effects if isinstance(effect, Place)}
    shorts = {leg.contract for leg in scene.trade.legs if leg.side is Side.SELL}
    assert closed >= (shorts - {contract} if damage is unlisted else shorts)
    assert not any(decision.action is Action.REFUSED for decision in decided(step))


def exit_waves(trade: Trade) -> list[list[Position]]:
    """Positions of a trade in the order in which an exit closes them."""
    held_now = {position.contract: position for position in positions_of(trade.fills)}
    basket = exit_basket(
        trade.trade_id,
        tuple(held_now.values()),
        attempt=1,
        urgency=Urgency.HIGH,
        session_code="abcd1234",
        freeze=trade.units,
        reason="test",
    )
    return [[held_now[line.contract] for line in wave] for wave in basket.waves]


def closing(turn: Turn, position: Position) -> OrderRequest | None:
    """The order that closes a position at any price of now; None where there is none."""
    assert turn.market is not None
    underlying = position.contract.underlying
    tick = turn.rules.contracts.tick(underlying, turn.desk.trading_date)
    quote = quote_of(turn.market, position.contract, tick)
    side = Side.SELL if position.quantity > 0 else Side.BUY
    if quote is None:
        return None
    price = ladder_price(
        quote,
        side=side,
        purpose=Purpose.CLOSE,
        urgency=Urgency.HIGH,
        rung=0,
        rung_count=1,
        tick=tick,
        settings=turn.settings.execution,
    )
    if price is None:
        return None
    return OrderRequest(
        tag="VG-exit",
        trade_id=WEEKLY_TRADE,
        contract=position.contract,
        side=side,
        quantity=abs(position.quantity),
        limit_price=price,
        purpose=Purpose.CLOSE,
        urgency=Urgency.HIGH,
    )
