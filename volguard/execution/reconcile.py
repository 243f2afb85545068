"""Our book against the broker's, as a pure comparison: every difference with both sides and what it may mean.

Positions are compared signed and per contract, orders by our tag, executions by the broker's own number. What
could not be read is a difference of its own: a failed query is not a flat book.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.model.book import Book, Fill
from volguard.model.broker import BrokerOrder, BrokerPosition, BrokerTrade
from volguard.model.instrument import OptionContract
from volguard.model.order import FINAL_STATES, Order

NOTHING: Final = "none"


class DifferenceKind(StrEnum):
    """What disagrees."""

    UNREAD = "unread"  # the broker could not be asked: nothing is proven
    POSITION = "position"  # both hold it, in other quantities
    ORPHAN_POSITION = "orphan_position"  # the broker holds what our book never bought or sold
    GHOST_POSITION = "ghost_position"  # our book holds what the broker does not
    FOREIGN_ORDER = "foreign_order"  # lives there, not ours
    LOST_ORDER = "lost_order"  # alive here, not in the broker's book
    ORDER_STATE = "order_state"  # ended on one side alone
    ORDER_FILLED = "order_filled"  # other cumulative fills
    TWICE = "twice"  # one tag, two orders: sent twice
    UNBOOKED_TRADE = "unbooked_trade"  # executed there, missing here
    UNPROVEN_FILL = "unproven_fill"  # booked here, not among the broker's executions of today
    TRADE_TERMS = "trade_terms"  # the same execution with another price, quantity or side


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement; `ours` and `theirs` as a person reads them."""

    kind: DifferenceKind
    subject: str  # a contract, a tag, a broker's number
    ours: str
    theirs: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerView:
    """What the broker said at one time; None: it could not be read, for the reason in `unread`."""

    orders: tuple[BrokerOrder, ...] | None
    trades: tuple[BrokerTrade, ...] | None
    positions: tuple[BrokerPosition, ...] | None
    unread: str = ""


def differences(book: Book, view: BrokerView, *, today: Sequence[Fill]) -> tuple[Difference, ...]:
    """Every disagreement between a book and the broker, sorted; () when both say the same.

    `today`: the fills of the trading date: a broker keeps the executions of one day alone.
    """
    found = [
        *_unread(view),
        *(_of_positions(book, view.positions) if view.positions is not None else ()),
        *(_of_orders(book, view.orders) if view.orders is not None else ()),
        *(_of_trades(book, today, view) if view.trades is not None else ()),
    ]
    return tuple(sorted(found, key=lambda one: (one.kind, one.subject, one.theirs)))


def _unread(view: BrokerView) -> Iterator[Difference]:
    for name in ("orders", "trades", "positions"):
        if getattr(view, name) is None:
            yield Difference(
                kind=DifferenceKind.UNREAD,
                subject=name,
                ours="not compared",
                theirs="not known",
                reason=view.unread or "the broker did not answer",
            )


def _of_positions(book: Book, positions: Sequence[BrokerPosition]) -> Iterator[Difference]:
    ours = {position.contract: position.quantity for position in book.positions}
    theirs, others = _net(positions)
    for contract in sorted({*ours, *theirs}):
        mine, held = ours.get(contract, 0), theirs.get(contract, 0)
        if mine == held:
            continue
        if not mine:
            kind, why = DifferenceKind.ORPHAN_POSITION, "traded from elsewhere, or an execution was missed"
        elif not held:
            kind, why = DifferenceKind.GHOST_POSITION, "closed from elsewhere, expired, or never filled"
        else:
            kind, why = (
                DifferenceKind.POSITION,
                "traded from elsewhere, or an execution was missed or doubled",
            )
        yield _difference(kind, contract.symbol, _units(mine), _units(held), why)
    for key, held in sorted(others.items()):
        why = "no option that this program trades"
        yield _difference(DifferenceKind.ORPHAN_POSITION, key, NOTHING, _units(held), why)


# Net units per contract over all products, and per key where it is no option of ours.
def _net(positions: Sequence[BrokerPosition]) -> tuple[dict[OptionContract, int], dict[str, int]]:
    options: dict[OptionContract, int] = {}
    others: dict[str, int] = {}
    for position in positions:
        if position.contract is not None:
            options[position.contract] = options.get(position.contract, 0) + position.quantity
        elif position.quantity:
            others[position.key] = others.get(position.key, 0) + position.quantity
    return options, others


def _of_orders(book: Book, orders: Sequence[BrokerOrder]) -> Iterator[Difference]:
    by_tag: dict[str, list[BrokerOrder]] = {}
    for theirs in orders:
        by_tag.setdefault(theirs.tag or "", []).append(theirs)
    known = {order.request.tag: order for order in book.orders}
    for order in book.orders:
        yield from _of_one(order, by_tag.get(order.request.tag, []))
    for tag, rows in sorted(by_tag.items()):
        if tag not in known:
            yield from _foreign(rows)


def _of_one(order: Order, rows: Sequence[BrokerOrder]) -> Iterator[Difference]:
    tag = order.request.tag
    if not rows:
        if order.state.may_fill:
            why = "never arrived, or the broker's book is behind"
            yield _difference(DifferenceKind.LOST_ORDER, tag, order.state.value, NOTHING, why)
        return
    if len(rows) > 1:
        ids = ", ".join(sorted(row.order_id for row in rows))
        yield _difference(
            DifferenceKind.TWICE, tag, "1 order", f"{len(rows)}: {ids}", "the same intent, sent twice"
        )
    row = max(rows, key=lambda one: (one.filled_quantity, one.order_id))
    if (order.state in FINAL_STATES) is not (row.state in FINAL_STATES):
        why = "a word of the broker was missed, or is on its way"
        yield _difference(DifferenceKind.ORDER_STATE, tag, order.state.value, row.word, why)
    if order.filled_quantity != row.filled_quantity:
        why = "an execution was missed, or is on its way"
        yield _difference(
            DifferenceKind.ORDER_FILLED, tag, str(order.filled_quantity), str(row.filled_quantity), why
        )


def _foreign(rows: Sequence[BrokerOrder]) -> Iterator[Difference]:
    for row in rows:
        if row.state not in FINAL_STATES:
            what = f"{row.side.value} {row.quantity} at {row.limit_price} ({row.word})"
            yield _difference(
                DifferenceKind.FOREIGN_ORDER, row.order_id, NOTHING, what, "placed from elsewhere"
            )


def _of_trades(book: Book, today: Sequence[Fill], view: BrokerView) -> Iterator[Difference]:
    booked = {fill.fill_id: fill for fill in today}
    tag_of = {order.broker_order_id: order.request.tag for order in book.orders if order.broker_order_id}
    tag_of |= {row.order_id: row.tag for row in view.orders or () if row.tag is not None}
    ours = {order.request.tag for order in book.orders}
    seen: set[str] = set()
    for trade in view.trades or ():
        seen.add(trade.trade_id)
        fill = booked.get(trade.trade_id)
        if fill is not None:
            yield from _of_terms(fill, trade)
        elif tag_of.get(trade.order_id) in ours:
            yield _difference(
                DifferenceKind.UNBOOKED_TRADE,
                trade.trade_id,
                NOTHING,
                f"{trade.side.value} {trade.quantity} at {trade.price} of {tag_of[trade.order_id]}",
                "an execution of our own order was not told",
            )
    for fill_id in sorted(booked.keys() - seen):
        fill = booked[fill_id]
        what = f"{fill.side.value} {fill.quantity} at {fill.price} of {fill.tag}"
        yield _difference(
            DifferenceKind.UNPROVEN_FILL, fill_id, what, NOTHING, "the broker does not list this execution"
        )


def _of_terms(fill: Fill, trade: BrokerTrade) -> Iterator[Difference]:
    ours = (fill.side, fill.quantity, fill.price)
    theirs = (trade.side, trade.quantity, trade.price)
    if ours != theirs:
        yield _difference(
            DifferenceKind.TRADE_TERMS, trade.trade_id, _terms(*ours), _terms(*theirs), "one side is wrong"
        )


def _terms(side: StrEnum, quantity: int, price: Decimal) -> str:
    return f"{side.value} {quantity} at {price}"


def _units(quantity: int) -> str:
    return f"{quantity:+d}" if quantity else NOTHING


def _difference(kind: DifferenceKind, subject: str, ours: str, theirs: str, reason: str) -> Difference:
    return Difference(kind=kind, subject=subject, ours=ours, theirs=theirs, reason=reason)
