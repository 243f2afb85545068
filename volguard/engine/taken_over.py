"""What was closed for us by other means joins the book: each execution goes to the trade that held it."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.orders import put_trade
from volguard.engine.state import Turn
from volguard.model.book import Fill, Trade, TradeState, positions_of
from volguard.model.event import ClosedElsewhere, FillBooked, OutsideFill, TradeChanged


def take_over(turn: Turn, event: ClosedElsewhere) -> None:
    """Book executions of the account that no order of this book made, as far as they close what it holds.

    What they opened beyond that is the broker's word against ours, and the next reading of its book says so.
    One that was booked before changes nothing.
    """
    for outside in event.fills:
        if outside.fill_id not in turn.desk.fill_ids:
            _book(turn, outside, event.source)
    for trade in turn.desk.book.live_trades:
        touched = any(fill.tag == event.source for fill in trade.fills)
        if touched and not positions_of(trade.fills):
            closed = replace(trade, state=TradeState.CLOSED, closed_at=turn.now, exit_reason=event.source)
            put_trade(turn, closed)
            baskets = tuple(b for b in turn.desk.baskets if b.trade_id != trade.trade_id)
            turn.desk = replace(turn.desk, baskets=baskets)
            turn.records.append(
                TradeChanged(
                    ts=turn.now, trade_id=trade.trade_id, state=closed.state.value, reason=event.source
                )
            )


def _book(turn: Turn, outside: OutsideFill, source: str) -> None:
    left = outside.quantity
    for trade in turn.desk.book.live_trades:
        units = min(left, _closable(trade, outside))
        if units:
            is_first = outside.is_first_of_order and left == outside.quantity
            _join(turn, trade, replace(outside, quantity=units, is_first_of_order=is_first), source)
            left -= units
    turn.desk = replace(turn.desk, fill_ids=(*turn.desk.fill_ids, outside.fill_id))


def _closable(trade: Trade, outside: OutsideFill) -> int:
    held = next((p.quantity for p in positions_of(trade.fills) if p.contract == outside.contract), 0)
    return max(0, -held * outside.side.sign)


def _join(turn: Turn, trade: Trade, outside: OutsideFill, source: str) -> None:
    charges = turn.rules.charges.for_fill(
        trade_date=outside.ts.date(),
        side=outside.side,
        quantity=outside.quantity,
        price=outside.price,
        first_fill_of_order=outside.is_first_of_order,
    )
    fill = Fill(
        fill_id=outside.fill_id,
        tag=source,
        ts=outside.ts,
        contract=outside.contract,
        side=outside.side,
        quantity=outside.quantity,
        price=outside.price,
        charges_inr=charges.total,
        touch_bid=None,
        touch_ask=None,
    )
    put_trade(turn, replace(trade, fills=(*trade.fills, fill)))
    turn.records.append(FillBooked(trade_id=trade.trade_id, fill=fill))
