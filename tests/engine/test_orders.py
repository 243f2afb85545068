"""What the broker says: words and executions enter the book once, and only for orders that are ours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.engine.turns import make_turn
from tests.fakes import CONDOR, TS, order, shipped_rules
from volguard.engine.orders import on_fill, on_update
from volguard.engine.state import Turn
from volguard.model.book import Book, Bucket, StructureKind, Trade, TradeState
from volguard.model.errors import InvariantBroken
from volguard.model.event import FillBooked, OrderChanged, OrderFilled, OrderUpdated
from volguard.model.order import OrderState


def turn_with(state: OrderState = OrderState.OPEN, **wanted: Any) -> Turn:
    """A book with one trade and one order of it."""
    trade = Trade(
        trade_id="T001",
        bucket=Bucket.WEEKLY,
        structure=StructureKind.IRON_CONDOR,
        legs=CONDOR,
        lots=3,
        lot_size=65,
        state=TradeState.OPENING,
        proposed_at=TS,
        credit_per_unit=20.0,
        max_loss_inr=Decimal(9000),
        reserved_inr=Decimal(9100),
    )
    return make_turn(book=Book(trades=(trade,), orders=(order(state, **{"quantity": 195, **wanted}),)))


def fill(quantity: int = 65, fill_id: str = "f1", tag: str = "VG-1") -> OrderFilled:
    """One execution at 9.95."""
    return OrderFilled(ts=TS, tag=tag, fill_id=fill_id, quantity=quantity, price=Decimal("9.95"))


def test_a_fill_joins_its_trade_with_its_charges() -> None:
    """Units, price, charges by the schedule of its date; the brokerage is on the first fill alone."""
    turn = turn_with()
    on_fill(turn, fill())
    on_fill(turn, fill(fill_id="f2"))
    first, second = turn.desk.book.trade("T001").fills
    charges = shipped_rules().charges
    for one, is_first in ((first, True), (second, False)):
        expected = charges.for_fill(
            trade_date=TS.date(),
            side=one.side,
            quantity=65,
            price=Decimal("9.95"),
            first_fill_of_order=is_first,
        )
        assert one.charges_inr == expected.total
    assert first.charges_inr > second.charges_inr > 0
    assert turn.desk.book.orders[0].state is OrderState.PARTIAL
    assert turn.desk.book.positions[0].quantity == 130
    assert [type(r) for r in turn.records] == [OrderChanged, FillBooked] * 2


def test_a_doubled_fill_changes_nothing() -> None:
    """The same execution told twice is booked once."""
    turn = turn_with()
    on_fill(turn, fill())
    desk, noted = turn.desk, list(turn.records)
    on_fill(turn, fill())
    assert turn.desk is desk and turn.records == noted


def test_a_late_fill_after_a_cancel_is_booked() -> None:
    """The units are ours whatever the order's state says."""
    turn = turn_with(OrderState.CANCELLED)
    on_fill(turn, fill())
    assert turn.desk.book.orders[0].state is OrderState.CANCELLED
    assert turn.desk.book.positions[0].quantity == 65


def test_an_overfill_raises_and_books_nothing() -> None:
    """More than was asked for: the step fails and the session halts."""
    turn = turn_with()
    before = turn.desk
    with pytest.raises(InvariantBroken, match="filled 260 of 195"):
        on_fill(turn, fill(260))
    assert turn.desk is before and turn.records == []


def test_a_stranger_s_order_raises() -> None:
    """The broker speaks of a tag that this book never sent."""
    turn = turn_with()
    stranger = OrderUpdated(ts=TS, tag="XX", state=OrderState.OPEN, filled_quantity=0)
    for act in (lambda: on_fill(turn, fill(tag="XX")), lambda: on_update(turn, stranger)):
        with pytest.raises(InvariantBroken, match="order XX, which this book never sent"):
            act()
    assert turn.records == []


def test_a_repeated_word_is_not_noted_again() -> None:
    """A doubled acknowledgement leaves the book as it is."""
    turn = turn_with(OrderState.SENT)
    word = OrderUpdated(ts=TS, tag="VG-1", state=OrderState.OPEN, filled_quantity=0, broker_order_id="B")
    on_update(turn, word)
    desk = turn.desk
    on_update(turn, word)
    assert turn.desk is desk and len(turn.records) == 1
