"""The book from day to day: what one session of an account held is what the next one begins with."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from volguard.engine.state import Desk, Turn
from volguard.model.book import ZERO, Trade, TradeState, positions_of
from volguard.model.errors import InvariantBroken
from volguard.model.event import BookCarried, TradeChanged


def book_to_carry(desk: Desk, source: str, ts: datetime, day: date) -> BookCarried | None:
    """What a session that is over leaves to one of a later day; None when nothing is left.

    Numbered anew, for trade numbers begin with each session. What expired before the day was settled by the
    exchange. Its orders ended with their day.
    """
    trades: list[Trade] = []
    gross: dict[str, Decimal] = {}
    for trade in desk.book.trades:
        held = [p for p in positions_of(trade.fills) if p.contract.expiry >= day]
        if not held:
            continue
        name = f"T{len(trades) + 1:03d}"
        last = desk.last_gross_inr.get(trade.trade_id)
        # Never marked: all that it makes counts in the day that sees it.
        made = ZERO if last is None else last - trade.charges_inr
        if last is not None:
            gross[name] = last
        trades.append(
            replace(
                trade,
                trade_id=name,
                state=TradeState.OPEN,
                opened_at=trade.opened_at or trade.proposed_at,
                exit_reason="",
                carried_pnl_inr=made,
            )
        )
    if not trades:
        return None
    return BookCarried(ts=ts, source=source, trades=tuple(trades), last_gross_inr=gross)


def carry(turn: Turn, event: BookCarried) -> None:
    """Begin with what was held. Raises InvariantBroken when something is held already."""
    if turn.desk.book.trades:
        raise InvariantBroken(f"{event.source} is carried into a book that is not empty")
    fills = tuple(fill.fill_id for trade in event.trades for fill in trade.fills)
    turn.desk = replace(
        turn.desk,
        book=replace(turn.desk.book, trades=event.trades),
        fill_ids=(*turn.desk.fill_ids, *fills),
        last_gross_inr=event.last_gross_inr,
    )
    for trade in event.trades:
        turn.records.append(
            TradeChanged(
                ts=turn.now,
                trade_id=trade.trade_id,
                state=trade.state.value,
                reason=f"carried from {event.source}",
            )
        )
