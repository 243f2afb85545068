"""The book against the broker's in a running session: what stands twice counts, what stands on halts."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from tests.engine.turns import make_state
from tests.fakes import CONDOR, TS, make_engine, order, session_started
from tests.model.books import make_trade
from volguard.engine.reconciling import READS_TO_HALT, may_send
from volguard.engine.state import Desk, State, Step
from volguard.model.book import Book, Fill, StructureKind, Trade, TradeState
from volguard.model.broker import BrokerPosition, BrokerView, InstrumentKey
from volguard.model.decision import TradingState
from volguard.model.event import (
    Alert,
    BrokerBookRead,
    Cancel,
    OperatorCommand,
    OperatorSpoke,
    Place,
    Query,
    ReadBook,
    SessionResumed,
    TimePassed,
)
from volguard.model.order import OrderState

ENGINE = make_engine()
DELAY = timedelta(seconds=ENGINE.settings.execution.absence_delay_s)
EMPTY = BrokerView(orders=(), trades=(), positions=())
PUT = CONDOR[0].contract


def position(quantity: int, product: str = "D", leg: int = 0) -> BrokerPosition:
    """What the broker holds of a contract, bought or sold at 10 rupees."""
    contract = CONDOR[leg].contract
    bought, sold = max(quantity, 0), max(-quantity, 0)
    return BrokerPosition(
        key=InstrumentKey(contract.symbol),
        contract=contract,
        product=product,
        quantity=quantity,
        overnight_quantity=0,
        buy_value_inr=Decimal(10 * bought),
        sell_value_inr=Decimal(10 * sold),
        last_price=Decimal(11),
    )


def view(*positions: BrokerPosition) -> BrokerView:
    """A whole reading with these positions alone."""
    return replace(EMPTY, positions=positions)


def live(**changes: object) -> State:
    """A desk whose orders go to a broker, its book known to agree."""
    return make_state(broker="upstox", trading_state=TradingState.ACTIVE, **changes)


def desk_of(state: State) -> Desk:
    """The desk; there is one."""
    assert state.desk is not None
    return state.desk


def read(state: State, seen: BrokerView, times: int = 1) -> list[Step]:
    """So many readings, each long enough after the last."""
    steps: list[Step] = []
    for _ in range(times):
        step = ENGINE.step(state, BrokerBookRead(ts=desk_of(state).now + DELAY, view=seen))
        steps.append(step)
        state = step.state
    return steps


def alerts(steps: list[Step]) -> list[str]:
    """Codes of all alerts."""
    return [e.code for step in steps for e in step.effects if isinstance(e, Alert)]


def held_trade() -> Trade:
    """A trade that the book holds 65 units of a put of, bought yesterday."""
    fill = Fill(
        fill_id="f1",
        tag="VG-1",
        ts=TS - timedelta(days=1),
        contract=PUT,
        side=CONDOR[0].side,
        quantity=65,
        price=Decimal(10),
        charges_inr=Decimal(1),
        touch_bid=None,
        touch_ask=None,
    )
    return make_trade(state=TradeState.OPEN, fills=(fill,))


def test_a_session_with_a_broker_sends_nothing_before_its_book_was_read() -> None:
    """It starts in RECONCILING and asks; a reading that agrees makes it ready."""
    started = replace(session_started(), broker="upstox")
    first = ENGINE.step(State(), started)
    desk = desk_of(first.state)
    assert desk.trading_state is TradingState.RECONCILING and not may_send(desk)
    assert [type(e) for e in first.effects] == [ReadBook]
    agreed = read(first.state, EMPTY)[-1]
    assert desk_of(agreed.state).trading_state is TradingState.READY and may_send(desk_of(agreed.state))


def test_a_new_process_reads_first_too() -> None:
    """What happened while it was away only the broker knows; a halt stays a halt."""
    resumed = SessionResumed(ts=TS, code_version="test", from_seq=1)
    for before, after in (
        (TradingState.ACTIVE, TradingState.RECONCILING),
        (TradingState.HALTED, TradingState.HALTED),
    ):
        step = ENGINE.step(make_state(broker="upstox", trading_state=before), resumed)
        desk = desk_of(step.state)
        assert desk.trading_state is after and not may_send(desk)
        assert any(isinstance(e, ReadBook) for e in step.effects)


def test_the_book_is_asked_for_at_its_pace() -> None:
    """Every half minute while both agree, every few seconds in doubt; a paper book never."""
    every = ENGINE.settings.execution.reconcile_every_s
    state = live(book_asked_at=TS)
    for seconds, asks in ((every - 1.0, False), (every, True)):
        step = ENGINE.step(state, TimePassed(ts=TS + timedelta(seconds=seconds)))
        assert any(isinstance(e, ReadBook) for e in step.effects) is asks
    doubtful = live(book_asked_at=TS, bad_book_reads=1)
    assert any(isinstance(e, ReadBook) for e in ENGINE.step(doubtful, TimePassed(ts=TS + DELAY)).effects)
    paper = make_state(trading_state=TradingState.ACTIVE)
    assert ENGINE.step(paper, TimePassed(ts=TS + timedelta(hours=1))).effects == ()


def test_a_difference_that_goes_away_costs_nothing() -> None:
    """One reading alone may be a book in motion; the same figures twice stop new risk."""
    once = read(live(), view(position(-65)))
    assert desk_of(once[-1].state).trading_state is TradingState.ACTIVE and alerts(once) == []
    gone = read(once[-1].state, EMPTY)
    assert desk_of(gone[-1].state).mismatches == ()
    moving = read(read(live(), view(position(-65)))[-1].state, view(position(-130)))
    assert desk_of(moving[-1].state).trading_state is TradingState.ACTIVE


def test_what_somebody_else_holds_stops_new_risk_and_is_adopted_by_word_alone() -> None:
    """An orphan alerts and waits; ADOPT makes a trade of it that the next reading agrees with."""
    state = read(live(), view(position(-65, leg=1), position(65)), times=6)[-1].state
    desk = desk_of(state)
    assert desk.trading_state is TradingState.REDUCING and may_send(desk) and desk.book.trades == ()
    assert {p.quantity for p in desk.orphans} == {65, -65}
    step = ENGINE.step(state, OperatorSpoke(ts=desk.now, command=OperatorCommand.ADOPT))
    (trade,) = desk_of(step.state).book.trades
    assert (trade.structure, trade.state, trade.units) == (StructureKind.ADOPTED, TradeState.OPEN, 65)
    assert {p.quantity for p in desk_of(step.state).book.positions} == {65, -65}
    again = read(step.state, view(position(-65, leg=1), position(65)))[-1].state
    assert desk_of(again).mismatches == ()
    twice = ENGINE.step(again, OperatorSpoke(ts=desk_of(again).now, command=OperatorCommand.ADOPT))
    assert desk_of(twice.state).book == desk_of(again).book


def test_other_quantities_are_several_trades() -> None:
    """130 units against 65: one trade of both legs, one of what is left; together what is held."""
    seen = view(position(-65, leg=1), position(130))
    state = read(live(), seen, times=2)[-1].state
    step = ENGINE.step(state, OperatorSpoke(ts=desk_of(state).now, command=OperatorCommand.ADOPT))
    book = desk_of(step.state).book
    assert [(len(t.legs), t.units) for t in book.trades] == [(2, 65), (1, 65)]
    assert {p.contract: p.quantity for p in book.positions} == {PUT: 130, CONDOR[1].contract: -65}


def test_what_was_traded_for_another_product_is_not_adopted() -> None:
    """An intraday position is squared off by the broker: its exits are not ours to send."""
    state = read(live(), view(position(-65, product="I")), times=3)[-1].state
    assert desk_of(state).orphans == () and desk_of(state).trading_state is TradingState.REDUCING


def test_a_book_that_is_not_the_brokers_halts_and_sends_nothing() -> None:
    """Held here and not there, in four readings: halted, paged each minute, nothing leaves at all."""
    state = live(book=Book(trades=(held_trade(),)))
    steps = read(state, EMPTY, times=READS_TO_HALT)
    assert [desk_of(s.state).trading_state for s in steps] == [
        TradingState.ACTIVE,
        TradingState.REDUCING,
        TradingState.REDUCING,
        TradingState.HALTED,
    ]
    halted = steps[-1].state
    assert desk_of(halted).is_book_untrue and not may_send(desk_of(halted))
    flatten = OperatorSpoke(ts=desk_of(halted).now, command=OperatorCommand.FLATTEN)
    assert not [e for e in ENGINE.step(halted, flatten).effects if isinstance(e, Place)]
    later = ENGINE.step(halted, TimePassed(ts=desk_of(halted).now + timedelta(minutes=1)))
    assert alerts([later]) == ["mismatch"]
    mended = read(halted, view(position(65)))[-1].state
    assert may_send(desk_of(mended)) and desk_of(mended).trading_state is TradingState.HALTED


def test_an_order_that_ended_unheard_is_asked_after() -> None:
    """Alive here, missing there, twice: the broker is asked by tag before the book counts as untrue."""
    state = live(book=Book(orders=(order(OrderState.OPEN),), trades=(make_trade(),)))
    steps = read(state, EMPTY, times=2)
    assert [e.tag for s in steps for e in s.effects if isinstance(e, Query)] == ["VG-1"]


def test_a_failed_reading_is_not_a_flat_book() -> None:
    """One stops new risk; three in a row halt where something is held; a good one ends the count."""
    failed = replace(EMPTY, positions=None, unread="timeout")
    state = live(book=Book(trades=(held_trade(),)))
    steps = read(state, failed, times=3)
    assert [desk_of(s.state).trading_state for s in steps] == [
        TradingState.REDUCING,
        TradingState.REDUCING,
        TradingState.HALTED,
    ]
    assert desk_of(steps[-1].state).mismatches == ()
    flat = read(live(), failed, times=5)[-1].state
    assert desk_of(flat).trading_state is TradingState.REDUCING
    assert desk_of(read(flat, EMPTY)[-1].state).bad_book_reads == 0


def test_yielding_takes_all_orders_off_and_sends_no_more() -> None:
    """Who asked closes by other means: two that close the same would open the opposite."""
    state = live(book=Book(orders=(order(OrderState.OPEN),), trades=(held_trade(),)))
    step = ENGINE.step(state, OperatorSpoke(ts=TS, command=OperatorCommand.YIELD))
    assert [e.tag for e in step.effects if isinstance(e, Cancel)] == ["VG-1"]
    desk = desk_of(step.state)
    assert desk.is_yielding and desk.trading_state is TradingState.HALTED
