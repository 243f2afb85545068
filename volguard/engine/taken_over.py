"""What was closed for us by other means joins the book: each execution goes to the trade that held it."""

from __future__ import annotations

from dataclasses import replace

from volguard.engine.orders import put_trade
from volguard.engine.state import OutsideLeft, Turn
from volguard.model.book import Fill, Trade, TradeState, positions_of
from volguard.model.event import ClosedElsewhere, FillBooked, OutsideFill, TradeChanged


def take_over(turn: Turn, event: ClosedElsewhere) -> None:
    """Book executions of the account that no order of this book made, as far as they close what it holds.

    What closes nothing yet waits for our own executions that are still to be heard of; what stays is the
    broker's word against ours, and the next reading of its book says so. Each is taken once.
    """
    new = [fill for fill in event.fills if fill.fill_id not in turn.desk.fill_ids]
    turn.desk = replace(
        turn.desk,
        fill_ids=(*turn.desk.fill_ids, *(fill.fill_id for fill in new)),
        outside_left=(
            *turn.desk.outside_left,
            *(OutsideLeft(fill=fill, source=event.source) for fill in new),
        ),
    )
    book_outside(turn)


def book_outside(turn: Turn) -> None:
    """Book what waits, as far as something is held now that it closes."""
    left: list[OutsideLeft] = []
    for one in turn.desk.outside_left:
        rest = _book(turn, one.fill, one.source)
        if rest is not None:
            left.append(replace(one, fill=rest))
    turn.desk = replace(turn.desk, outside_left=tuple(left))


def _settle_if_flat(turn: Turn, source: str) -> None:
    for trade in turn.desk.book.trades:
        touched = any(fill.tag == source for fill in trade.fills) and trade.state is not TradeState.CLOSED
        if touched and not positions_of(trade.fills):
            closed = replace(trade, state=TradeState.CLOSED, closed_at=turn.now, exit_reason=source)
            put_trade(turn, closed)
            baskets = tuple(b for b in turn.desk.baskets if b.trade_id != trade.trade_id)
            turn.desk = replace(turn.desk, baskets=baskets)
            turn.records.append(
                TradeChanged(ts=turn.now, trade_id=trade.trade_id, state=closed.state.value, reason=source)
            )


def _book(turn: Turn, outside: OutsideFill, source: str) -> OutsideFill | None:
    # What of it is left when all that it closes is closed.
    left = outside.quantity
    for trade in turn.desk.book.trades:
        units = min(left, _closable(trade, outside))
        if units:
            is_first = outside.is_first_of_order and left == outside.quantity
            _join(turn, trade, replace(outside, quantity=units, is_first_of_order=is_first), source)
            left -= units
    if left < outside.quantity:
        _settle_if_flat(turn, source)
    if not left:
        return None
    return replace(
        outside, quantity=left, is_first_of_order=outside.is_first_of_order and left == outside.quantity
    )


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
