"""Adopting what the broker holds: whole lots alone, so that each exit can leave; the rest is named loudly."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

from tests.engine.test_reconciling import ENGINE, desk_of, held_trade, live, position, read, view
from tests.engine.turns import make_turn
from tests.fakes import CONDOR
from volguard.engine.baskets import start_exit
from volguard.engine.exits import seek_exits
from volguard.engine.observe import Scene
from volguard.engine.state import Step
from volguard.model.book import Book, Position, Trade, TradeState
from volguard.model.broker import BrokerPosition
from volguard.model.event import Alert, OperatorCommand, OperatorSpoke, Severity
from volguard.model.order import Urgency

LONG_PUT, SHORT_PUT, SHORT_CALL, LONG_CALL = (leg.contract for leg in CONDOR)
NOTHING_SEEN = Scene(
    expiries={}, levels={}, marks={}, stop_pnl_inr=None, market_quality=1.0, vix=None, vix_origin="none"
)


def adopted(*held: BrokerPosition) -> Step:
    """The operator's word on what two readings showed."""
    state = read(live(), view(*held), times=3)[-1].state
    return ENGINE.step(state, OperatorSpoke(ts=desk_of(state).now, command=OperatorCommand.ADOPT))


def critical(step: Step) -> list[str]:
    """Texts of what must be seen to."""
    return [e.text for e in step.effects if isinstance(e, Alert) and e.severity is Severity.CRITICAL]


def lines_of(trade: Trade) -> list[int]:
    """Units of each order of an exit of this trade."""
    turn = make_turn(ENGINE, book=Book(trades=(trade,)))
    start_exit(turn, trade.trade_id, urgency=Urgency.HIGH, reason="test")
    return [line.quantity for basket in turn.desk.baskets for wave in basket.waves for line in wave]


def test_what_is_no_whole_lot_is_not_adopted() -> None:
    """1,825 units of 65 a lot: no exit order could close the last five; it is named, with what closes it."""
    for units in (-1825, -70, 30):
        step = adopted(position(units, leg=1))
        desk = desk_of(step.state)
        assert desk.book.trades == () and [p.quantity for p in desk.orphans] == [units]
        (text,) = critical(step)
        assert (
            f"{units:+d} {SHORT_PUT.symbol}" in text and "lots of 65" in text and "volguard flatten" in text
        )


def test_whole_lots_above_the_freeze_quantity_are_adopted_and_leave_in_slices() -> None:
    """28 lots: an order of 27 and one of the last."""
    step = adopted(position(-1820, leg=1))
    (trade,) = desk_of(step.state).book.trades
    assert (trade.lots, trade.lot_size) == (28, 65) and critical(step) == []
    assert lines_of(trade) == [1755, 65]


def test_the_cover_of_what_is_not_adopted_stays_where_it_is() -> None:
    """An exit would sell the long put from under a short put that nobody manages; the calls are taken."""
    held = position(65), position(-70, leg=1), position(-65, leg=2), position(65, leg=3)
    step = adopted(*held)
    desk = desk_of(step.state)
    (trade,) = desk.book.trades
    assert {p.contract for p in desk.book.positions} == {SHORT_CALL, LONG_CALL} and trade.units == 65
    assert {p.contract for p in desk.orphans} == {LONG_PUT, SHORT_PUT}
    short, cover = critical(step)
    assert "-70" in short and "+65" in cover and f"may cover {SHORT_PUT.symbol}" in cover


def test_a_long_that_is_no_whole_lot_keeps_no_short_from_being_managed() -> None:
    """Buying a short back takes cover from nothing."""
    desk = desk_of(adopted(position(70), position(-65, leg=1)).state)
    assert desk.book.positions == (Position(contract=SHORT_PUT, quantity=-65),)
    assert [p.contract for p in desk.orphans] == [LONG_PUT]


def test_a_position_without_a_price_or_a_lot_size_is_not_adopted() -> None:
    """What it would be worth, or what an order of it must be, nobody would know."""
    worthless = replace(position(-65), buy_value_inr=Decimal(0), sell_value_inr=Decimal(0), last_price=None)
    unruled = replace(position(-65), contract=replace(LONG_PUT, expiry=date(2099, 12, 29)))
    for held, why in ((worthless, "no price"), (unruled, "lot size is not known")):
        step = adopted(held)
        assert desk_of(step.state).book.trades == ()
        (text,) = critical(step)
        assert why in text and "volguard flatten" in text


def test_a_trade_of_odd_units_keeps_no_other_from_leaving() -> None:
    """One whose lot is above the freeze quantity, as a book of before may have it: each gets its exit."""
    first = replace(held_trade(), trade_id="T001", legs=CONDOR, lots=1, lot_size=1825)
    odd = replace(first, fills=(replace(first.fills[0], quantity=1825),))
    other = replace(held_trade(), trade_id="T002")
    turn = make_turn(ENGINE, book=Book(trades=(odd, other)), flatten_reason="operator")
    seek_exits(turn, NOTHING_SEEN)
    assert {basket.trade_id for basket in turn.desk.baskets} == {"T001", "T002"}
    assert {trade.state for trade in turn.desk.book.trades} == {TradeState.CLOSING}
    assert lines_of(odd) == [1755, 70]
