"""What the broker says of our orders: words move the order machine, executions enter the book."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.state import Turn
from volguard.execution.lifecycle import booked, told
from volguard.model.book import Book, Fill, Trade
from volguard.model.errors import InvariantBroken
from volguard.model.event import FillBooked, OrderChanged, OrderFilled, OrderUpdated
from volguard.model.order import Order, Purpose


def on_update(turn: Turn, update: OrderUpdated) -> Order:
    """The broker's word on one order; gives the order as it was before.

    Raises InvariantBroken for an order that is not ours.
    """
    order = _order(turn, update.tag)
    after = told(order, update)
    if after != order:
        put_order(turn, after, reason=update.reason)
    return order


def on_fill(turn: Turn, event: OrderFilled) -> None:
    """One execution; one that was booked already changes nothing."""
    if event.fill_id in turn.desk.fill_ids:
        return
    order = _order(turn, event.tag)
    request = order.request
    charges = turn.rules.charges.for_fill(
        trade_date=event.ts.date(),
        side=request.side,
        quantity=event.quantity,
        price=event.price,
        first_fill_of_order=order.filled_quantity == 0,
    )
    fill = Fill(
        fill_id=event.fill_id,
        tag=event.tag,
        ts=event.ts,
        contract=request.contract,
        side=request.side,
        quantity=event.quantity,
        price=event.price,
        charges_inr=charges.total,
        touch_bid=event.touch_bid,
        touch_ask=event.touch_ask,
    )
    put_order(turn, booked(order, event.quantity), reason="fill")
    if request.purpose is Purpose.CLOSE and turn.desk.flatten_reason:
        turn.desk = replace(turn.desk, flatten_moved_at=turn.now)
    trade = turn.desk.book.trade(request.trade_id)
    put_trade(turn, replace(trade, fills=(*trade.fills, fill)))
    turn.desk = replace(turn.desk, fill_ids=(*turn.desk.fill_ids, event.fill_id))
    turn.records.append(FillBooked(trade_id=trade.trade_id, fill=fill))


def put_order(turn: Turn, order: Order, *, reason: str) -> None:
    """Store a new or changed order and note it."""
    book = turn.desk.book
    tag = order.request.tag
    known = any(old.request.tag == tag for old in book.orders)
    orders = (
        tuple(order if old.request.tag == tag else old for old in book.orders)
        if known
        else (*book.orders, order)
    )
    turn.desk = replace(turn.desk, book=replace(book, orders=orders))
    turn.records.append(
        OrderChanged(
            ts=turn.now,
            tag=tag,
            state=order.state,
            filled_quantity=order.filled_quantity,
            limit_price=order.limit_price,
            reason=reason,
        )
    )


def put_trade(turn: Turn, trade: Trade) -> None:
    """Store a changed trade."""
    book: Book = turn.desk.book
    trades = tuple(trade if old.trade_id == trade.trade_id else old for old in book.trades)
    turn.desk = replace(turn.desk, book=replace(book, trades=trades))


def _order(turn: Turn, tag: str) -> Order:
    order = turn.desk.book.order(tag)
    if order is None:
        raise InvariantBroken(f"the broker speaks of order {tag}, which this book never sent")
    return order
