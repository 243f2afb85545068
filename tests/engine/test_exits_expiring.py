"""On the day of expiry a hedge that nobody pays for is left to expire, once its shorts are out."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.chains import LOT, NIFTY, WEEKLY, at, condor, flat_vol_snapshot, with_cells
from tests.fakes import TRADING, make_engine, session_started, source_info
from tests.museum.scene import Scene
from volguard.engine.carried import book_to_carry
from volguard.model.book import Bucket, Fill, Position, StructureKind, Trade, TradeState
from volguard.model.decision import Action
from volguard.model.event import BookCarried, DecisionMade, MarketSnapshot, TradeChanged
from volguard.model.instrument import OptionType, Side
from volguard.model.market import ChainSnapshot
from volguard.model.order import Purpose

DAY = WEEKLY  # the trade expires today
START = at("2025-09-09 14:20")
LEGS = condor(24_550, 24_750, 24_850, 25_050)
LOW, HIGH = LEGS[0].contract, LEGS[3].contract
ENGINE = make_engine(*TRADING)


def trade() -> Trade:
    """Two lots, sold the week before."""
    prices = ("20.00", "60.00", "65.00", "18.00")
    return Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=LEGS,
        lots=2,
        lot_size=LOT,
        state=TradeState.OPEN,
        proposed_at=at("2025-09-03 11:00"),
        opened_at=at("2025-09-03 11:01"),
        credit_per_unit=87.0,
        max_loss_inr=Decimal(17_000),
        reserved_inr=Decimal(17_500),
        margin_inr=Decimal(90_000),
        fills=tuple(
            Fill(
                fill_id=f"Y{i}",
                tag=f"Y{i}",
                ts=at("2025-09-03 11:01"),
                contract=leg.contract,
                side=leg.side,
                quantity=2 * LOT,
                price=Decimal(price),
                charges_inr=Decimal("30.00"),
                touch_bid=None,
                touch_ask=None,
            )
            for i, (leg, price) in enumerate(zip(LEGS, prices, strict=True))
        ),
    )


def snapshot(minute: int, bids: tuple[float, float], **changes: Any) -> ChainSnapshot:
    """The afternoon of expiry with those bids for the two hedges, nan: nobody bids."""
    shot = flat_vol_snapshot(START + timedelta(minutes=minute), **changes)
    for contract, bid in zip((LOW, HIGH), bids, strict=True):
        quoted = 0 if math.isnan(bid) else 750
        shot = with_cells(shot, contract, bid=bid, bid_qty=quoted, ask=0.35)
    return shot


class Afternoon(Scene):
    """Looks a minute apart; `minute` is the next."""

    minute: int = 0

    def see(self, low: float = 0.10, high: float = 0.10, **changes: Any) -> None:
        """The next look, with those bids for the hedges."""
        shot = snapshot(self.minute, (low, high), **changes)
        self.minute += 1
        self.tell(MarketSnapshot(ts=shot.ts, snapshot=shot))


def afternoon(*overrides: str) -> Afternoon:
    """A session of that day with the trade carried into it, not looked at yet."""
    scene = Afternoon(engine=make_engine(*TRADING, *overrides) if overrides else ENGINE)
    info = replace(source_info(60.0), trading_date=DAY)
    scene.tell(replace(session_started(info), ts=at("2025-09-09 14:00"), trading_date=DAY))
    scene.tell(BookCarried(ts=at("2025-09-09 14:00"), source="y.db", trades=(trade(),), last_gross_inr={}))
    return scene


def shorts_out(scene: Afternoon, low: float = 0.10, high: float = 0.10) -> Afternoon:
    """The first look takes the trade out, and both shorts are bought back on it."""
    scene.see(low, high)
    assert {one.side for one in scene.placed()} == {Side.BUY}
    scene.fill_all()
    return scene


def sold(scene: Scene) -> set[OptionType]:
    """Types of the hedges that are, or were, offered."""
    return {one.contract.option_type for one in scene.placed(purpose=Purpose.CLOSE, side=Side.SELL)}


def hedges(*contracts: Any) -> tuple[Position, ...]:
    return tuple(Position(contract=one, quantity=2 * LOT) for one in sorted(contracts))


def exits(scene: Scene) -> list[str]:
    return [
        r.decision.reason
        for r in scene.records
        if isinstance(r, DecisionMade) and r.decision.action is Action.EXIT
    ]


@pytest.mark.parametrize("bid", [0.10, 0.05, math.nan])
def test_hedges_bid_at_ten_paise_or_less_are_left(bid: float) -> None:
    """The trade stays live with its longs, binds nothing more, and no rule takes it out again."""
    scene = shorts_out(afternoon(), bid, bid)
    for _ in range(20):
        scene.see(bid, bid)
    left = scene.trade()
    assert sold(scene) == set() and scene.desk.baskets == ()
    assert left.state is TradeState.OPEN and scene.desk.book.positions == hedges(LOW, HIGH)
    assert (left.reserved_inr, left.margin_inr) == (0, 0) and left.exit_reason == "time"
    assert exits(scene) == ["exit_time"]
    moves = [(r.state, r.reason) for r in scene.records if isinstance(r, TradeChanged)]
    assert moves[-1] == ("OPEN", "left_to_expire")


def test_an_exit_by_time_tells_what_rolling_would_cost() -> None:
    """Its own cost, and the next expiry of the bucket or why there is none."""
    scene = afternoon()
    scene.see()
    (decision,) = [
        r.decision for r in scene.records if isinstance(r, DecisionMade) and r.decision.action is Action.EXIT
    ]
    assert decision.reason == "exit_time" and isinstance(decision.figures["exit_cost_inr"], float)
    assert decision.figures["next_roll"] == (
        "not available: no later expiry of the bucket in 2 to 8 days is listed"
    )


def test_a_tick_more_is_taken() -> None:
    """Above the setting both are sold as ever."""
    scene = shorts_out(afternoon(), 0.15, 0.15)
    scene.see(0.15, 0.15)
    assert sold(scene) == {OptionType.PUT, OptionType.CALL}
    scene.fill_all()
    assert scene.trade().state is TradeState.CLOSED


def test_each_hedge_by_its_own_bid() -> None:
    """One is sold, the other left; the trade rests only when nothing of it works any more."""
    scene = shorts_out(afternoon(), 0.10, 0.50)
    scene.see(0.10, 0.50)
    assert sold(scene) == {OptionType.CALL} and scene.trade().state is TradeState.CLOSING
    scene.fill_all()
    assert scene.trade().state is TradeState.OPEN and scene.desk.book.positions == hedges(LOW)


def test_a_short_is_never_left() -> None:
    """Worth a tick like its hedge, it is bought back all the same."""
    scene = afternoon()
    shot = snapshot(0, (0.05, 0.05))
    for leg in LEGS[1:3]:
        shot = with_cells(shot, leg.contract, bid=0.05, ask=0.10)
    scene.tell(MarketSnapshot(ts=shot.ts, snapshot=shot))
    assert {one.contract for one in scene.placed(side=Side.BUY)} == {leg.contract for leg in LEGS[1:3]}


def test_at_zero_every_hedge_is_sold() -> None:
    """As the setting says."""
    scene = shorts_out(afternoon("strategy.expiring_hedge_bid_max=0"), 0.05, 0.05)
    scene.see(0.05, 0.05)
    assert sold(scene) == {OptionType.PUT, OptionType.CALL}
    unbid = shorts_out(afternoon("strategy.expiring_hedge_bid_max=0"), math.nan, math.nan)
    unbid.see(math.nan, math.nan)
    assert unbid.trade().state is TradeState.CLOSING and len(unbid.desk.baskets) == 2  # it waits for a bid


def test_a_hedge_of_another_day_is_sold_at_any_bid() -> None:
    """It would be worth something tomorrow."""
    scene = Afternoon(engine=ENGINE)
    info = replace(source_info(60.0), trading_date=at("2025-09-08 14:00").date())
    started = replace(session_started(info), ts=at("2025-09-08 14:00"), trading_date=info.trading_date)
    scene.tell(started)
    scene.tell(BookCarried(ts=started.ts, source="y.db", trades=(trade(),), last_gross_inr={}))
    scene.minute = -24 * 60
    shorts_out(scene, 0.05, 0.05)
    scene.see(0.05, 0.05)
    assert sold(scene) == {OptionType.PUT, OptionType.CALL}


def test_no_hedge_is_left_while_a_short_of_its_kind_is_open() -> None:
    """Both wait for the short; the put's short fills first, and its hedge alone is let go."""
    scene = afternoon()
    scene.see()
    put_short = next(o for o in scene.alive() if o.request.contract.option_type is OptionType.PUT)
    scene.fill(put_short.request.tag)
    scene.see()
    kinds = {line.contract.option_type for b in scene.desk.baskets for wave in b.waves for line in wave}
    assert kinds == {OptionType.CALL} and scene.trade().state is TradeState.CLOSING


def test_while_a_hedge_is_on_offer_the_trade_is_on_its_way_out() -> None:
    """Its bid is gone since; the order rests on, and the trade is left only when nothing works for it."""
    scene = afternoon()
    scene.see(0.10, 0.50)
    put_short, call_short = sorted(scene.alive(), key=lambda o: o.request.contract.strike)
    scene.fill(call_short.request.tag)
    scene.see(0.10, 0.50)
    (offered,) = scene.placed(side=Side.SELL)
    scene.see(0.10, 0.10)
    scene.fill(put_short.request.tag)
    assert scene.trade().state is TradeState.CLOSING
    scene.fill(offered.tag)
    assert scene.trade().state is TradeState.OPEN and scene.desk.book.positions == hedges(LOW)


def test_a_bid_that_comes_back_sells_it_after_all() -> None:
    """By the rule of the time, at the look that shows it."""
    scene = shorts_out(afternoon())
    scene.see()
    assert scene.trade().state is TradeState.OPEN
    scene.see(0.10, 2.00)
    assert sold(scene) == {OptionType.CALL} and exits(scene) == ["exit_time", "exit_time"]
    scene.fill_all()
    assert scene.trade().state is TradeState.OPEN and scene.desk.book.positions == hedges(LOW)


def test_a_flatten_sells_what_was_left() -> None:
    """Everything is everything."""
    scene = shorts_out(afternoon())
    scene.see()
    scene.flatten()
    scene.see()
    assert sold(scene) == {OptionType.PUT, OptionType.CALL}
    scene.fill_all()
    assert scene.trade().state is TradeState.CLOSED and scene.units() == {}


def test_the_next_day_does_not_know_it_any_more() -> None:
    """The exchange has settled it: nothing is carried."""
    scene = shorts_out(afternoon())
    scene.see()
    assert scene.units() != {}
    assert (
        book_to_carry(scene.desk, "today.db", at("2025-09-10 09:00"), at("2025-09-10 09:00").date()) is None
    )


def test_another_process_leaves_the_same() -> None:
    scene = shorts_out(afternoon())
    scene.see()
    again = Afternoon(engine=ENGINE)
    for event in scene.events:
        again.tell(event)
    assert again.desk == scene.desk and again.desk.book.trades[0].legs[0].contract.underlying is NIFTY
