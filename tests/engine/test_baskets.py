"""Whole engine against a broker that splits, doubles, delays, refuses and races: the book stays right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.engine.turns import ENGINE as PLAIN
from tests.engine.turns import alerts, make_turn
from tests.fakes import CONDOR, TRADING, TS, make_engine, opening, order, simulated
from volguard.engine.baskets import close_late_fills, slice_units
from volguard.engine.state import State
from volguard.execution.basket import is_uncovered
from volguard.model.book import Book, Bucket, Fill, StructureKind, Trade, TradeState, positions_of
from volguard.model.decision import Approved, TradingState
from volguard.model.event import (
    Cancel,
    Event,
    MarketSnapshot,
    Modify,
    OperatorCommand,
    OperatorSpoke,
    OrderFilled,
    OrderUpdated,
    Place,
)
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderState, Purpose

ENGINE = make_engine(*TRADING)


@dataclass
class _Held:
    approved: Approved
    left: int
    is_open: bool = False
    is_cancelling: bool = False
    is_announced: bool = False


@dataclass
class FaultyBroker:
    """Acknowledges late or twice, fills in parts, doubles fills, refuses some, loses cancels to fills."""

    rng: random.Random
    late_fills: bool
    is_kind: bool = False
    held: dict[str, _Held] = field(default_factory=dict)
    net: dict[OptionContract, int] = field(default_factory=dict)
    told: int = 0
    late: list[_Held] = field(default_factory=list)

    def place(self, approved: Approved) -> None:
        self.held[approved.request.tag] = _Held(approved=approved, left=approved.request.quantity)

    def answers(self, now: datetime) -> Sequence[Event]:
        """What comes back before the next look at the market."""
        said: list[Event] = []
        for _ in range(self.rng.randint(0, 6) if not self.is_kind else 40):
            if not self.held and not self.late:
                break
            now += timedelta(milliseconds=1)
            said += self._late(now) if self.late and self.rng.random() < 0.5 else self._one(now)
        return said

    def _one(self, now: datetime) -> list[Event]:
        if not self.held:
            return []
        tag = self.rng.choice(sorted(self.held))
        one = self.held[tag]
        act = "fill" if self.is_kind else self.rng.choices(["open", "fill", "reject"], [4, 5, 0.3])[0]
        if one.is_cancelling and (self.is_kind or self.rng.random() < 0.6):
            del self.held[tag]
            filled = 0
            if self.late_fills and self.rng.random() < 0.5 and not self.is_kind:
                self.late.append(one)
                # The end of an exit says what was filled: one sent again beside it would close too much.
                if one.approved.request.purpose is Purpose.CLOSE:
                    filled, one.is_announced = one.approved.request.quantity, True
            return [replace(self._word(now, tag, OrderState.CANCELLED), filled_quantity=filled)]
        if act == "fill":
            return self._fill(now, one)
        if act == "reject" and not one.is_open and one.left == one.approved.request.quantity:
            del self.held[tag]
            return [self._word(now, tag, OrderState.REJECTED)]
        one.is_open = True
        return [self._word(now, tag, OrderState.OPEN)]

    def _fill(self, now: datetime, one: _Held) -> list[Event]:
        request = one.approved.request
        units = one.left if one.is_announced else 65 * self.rng.randint(1, one.left // 65)
        one.left -= units
        one.is_open = True
        if not one.left:
            self.held.pop(request.tag, None)
        self.told += 1
        self.net[request.contract] = self.net.get(request.contract, 0) + request.side.sign * units
        fill = OrderFilled(
            ts=now, tag=request.tag, fill_id=f"f{self.told}", quantity=units, price=request.limit_price
        )
        return [fill, fill] if self.rng.random() < 0.3 else [fill]

    def _late(self, now: datetime) -> list[Event]:
        return self._fill(now, self.late.pop())

    def _word(self, now: datetime, tag: str, state: OrderState) -> OrderUpdated:
        return OrderUpdated(ts=now, tag=tag, state=state, filled_quantity=0)


@dataclass
class Session:
    """The engine, the broker, and what must hold after every step."""

    broker: FaultyBroker
    state: State = field(default_factory=State)
    tags: set[str] = field(default_factory=set)

    def tell(self, event: Event) -> None:
        before = self.state.desk
        step = ENGINE.step(self.state, event)
        self.state, desk = step.state, step.state.desk
        assert desk is not None
        if isinstance(event, OrderFilled) and before is not None and event.fill_id in before.fill_ids:
            assert (desk.book, step.effects) == (before.book, ())  # doubled: nothing changes
        for effect in step.effects:
            if isinstance(effect, Place):
                request = effect.approved.request
                assert request.tag not in self.tags
                assert desk.trading_state is TradingState.ACTIVE or request.purpose is Purpose.CLOSE
                self.tags.add(request.tag)
                self.broker.place(effect.approved)
            elif isinstance(effect, Modify):
                assert effect.approved.request.tag in self.tags
            elif isinstance(effect, Cancel) and effect.tag in self.broker.held:
                self.broker.held[effect.tag].is_cancelling = True
        for trade in desk.book.trades:
            if not self.broker.late_fills:
                assert not is_uncovered(positions_of(trade.fills)), event
            for leg in trade.legs:
                held = sum(p.quantity for p in positions_of(trade.fills) if p.contract == leg.contract)
                assert 0 <= held * leg.side.sign <= trade.units

    def check_book(self) -> None:
        assert self.state.desk is not None
        theirs = {contract: units for contract, units in self.broker.net.items() if units}
        assert {p.contract: p.quantity for p in self.state.desk.book.positions} == theirs


@pytest.mark.parametrize("seed", range(10))
def test_a_faulty_broker_never_leaves_the_book_wrong(seed: int) -> None:
    """Book = the broker's own ledger after each look; covered throughout; flat after the operator's word."""
    rng = random.Random(seed)
    session = Session(broker=FaultyBroker(rng=rng, late_fills=seed % 3 == 2))
    day = simulated(seed=1 + seed % 2, scenario="crash")
    for event in opening(day):
        session.tell(event)
    shots = day.market.shots[2:14] + day.market.shots[56:76]
    for number, shot in enumerate(shots):
        if number == 16:
            session.broker.is_kind = True
            assert session.state.desk is not None
            session.tell(OperatorSpoke(ts=session.state.desk.now, command=OperatorCommand.FLATTEN))
        for event in session.broker.answers(shot.ts - timedelta(seconds=60)):
            session.tell(event)
        session.check_book()
        session.tell(MarketSnapshot(ts=shot.ts, snapshot=shot))
    desk = session.state.desk
    assert desk is not None and desk.book.trades, f"seed {seed}"
    assert desk.book.positions == () and desk.book.live_orders == () and desk.baskets == (), f"seed {seed}"
    assert all(not trade.state.is_live for trade in desk.book.trades)


def settled(units: int) -> Trade:
    """A trade that was given up, and then filled after all."""
    fill = Fill(
        fill_id="f1",
        tag="VG-1",
        ts=TS,
        contract=CONDOR[0].contract,
        side=Side.BUY,
        quantity=units,
        price=Decimal("10.00"),
        charges_inr=Decimal("1.00"),
        touch_bid=None,
        touch_ask=None,
    )
    return Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=CONDOR,
        lots=1,
        lot_size=65,
        state=TradeState.ABANDONED,
        proposed_at=TS,
        credit_per_unit=20.0,
        max_loss_inr=Decimal(9000),
        reserved_inr=Decimal(9100),
        fills=(fill,) if units else (),
        closed_at=TS,
    )


def test_what_fills_after_its_trade_was_settled_is_closed_again() -> None:
    """A position that no trade minds would be forgotten: it comes back under management, loudly."""
    turn = make_turn(PLAIN, book=Book(trades=(settled(65),), orders=(order(OrderState.CANCELLED),)))
    close_late_fills(turn)
    trade = turn.desk.book.trade("T001")
    assert (trade.state, trade.closed_at, trade.exit_reason) == (TradeState.CLOSING, None, "late_fill")
    assert alerts(turn) == ["late_fill"]
    (basket,) = turn.desk.baskets
    assert [(line.side, line.quantity) for wave in basket.waves for line in wave] == [(Side.SELL, 65)]


def test_a_settled_trade_that_is_flat_stays_settled() -> None:
    """Nothing held, nothing to do."""
    turn = make_turn(PLAIN, book=Book(trades=(settled(0),)))
    close_late_fills(turn)
    assert turn.desk.baskets == () and turn.records == [] and turn.effects == []


def test_slices_are_whole_lots_of_the_dated_freeze_quantity() -> None:
    """1,800 units frozen and 65 a lot: 27 lots, 1,755 units, are the largest order."""
    assert slice_units(make_turn(PLAIN), settled(0)) == 1755
    assert slice_units(make_turn(PLAIN), replace(settled(0), lot_size=75)) == 1800


def test_a_trade_whose_lot_is_above_the_freeze_quantity_still_leaves() -> None:
    """Its slices are whole lots of the trading date, never 0 units."""
    assert slice_units(make_turn(PLAIN), replace(settled(0), lot_size=1801)) == 1755
    assert slice_units(make_turn(PLAIN), replace(settled(0), lot_size=1800)) == 1800
