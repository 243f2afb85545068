"""Our book against the broker's, as a pure comparison: every difference with both sides and what it may mean.

Positions are compared signed, per contract and under our product alone: the same contract under another
product is another position, which no exit of ours closes. Orders are compared by our tag, executions by the
broker's own number. What could not be read is a difference of its own: a failed query is not a flat book.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.model.book import Book, Fill
from volguard.model.broker import BrokerOrder, BrokerPosition, BrokerTrade, BrokerView
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import FINAL_STATES, Order

NOTHING: Final = "none"
OUR_PRODUCT: Final = "D"  # of every order of ours: it is carried overnight
INTRADAY: Final = "I"
_OUR_TAG: Final = re.compile(r"VG[0-9a-f]{8}-.+")
_BEHIND: Final = "the broker's positions are behind its own executions"


class DifferenceKind(StrEnum):
    """What disagrees."""

    UNREAD = "unread"  # the broker could not be asked: nothing is proven
    POSITION = "position"  # both hold it, in other quantities
    ORPHAN_POSITION = "orphan_position"  # the broker holds what our book never bought or sold
    GHOST_POSITION = "ghost_position"  # our book holds what the broker does not
    OTHER_PRODUCT = "other_product"  # a contract held there under a product that is not ours
    FOREIGN_ORDER = "foreign_order"  # lives there, not ours
    LOST_ORDER = "lost_order"  # alive here, not in the broker's book
    ORDER_STATE = "order_state"  # ended on one side alone
    ORDER_FILLED = "order_filled"  # other cumulative fills
    ORDER_TERMS = "order_terms"  # the same tag with another contract, side, quantity or product
    TWICE = "twice"  # one tag, two orders: sent twice
    UNBOOKED_TRADE = "unbooked_trade"  # executed there, missing here
    UNPROVEN_FILL = "unproven_fill"  # booked here, not among the broker's executions of today
    TRADE_TERMS = "trade_terms"  # the same execution with another contract, side, quantity or price
    CHARGES = "charges"  # of the day, per contract
    FUNDS = "funds"  # the day's change of cash


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One disagreement; `ours` and `theirs` as a person reads them."""

    kind: DifferenceKind
    subject: str  # a contract, a tag, a broker's number
    ours: str
    theirs: str
    reason: str


def differences(
    book: Book, view: BrokerView, *, today: Sequence[Fill], on: date | None = None
) -> tuple[Difference, ...]:
    """Every disagreement between a book and the broker, sorted; () when both say the same.

    `today`: the fills of the trading date: a broker keeps the executions of one day alone. `on`: that date;
    what expired before it is gone at the broker, and that is no difference (None: expiries are not judged).
    """
    found = [
        *_unread(view),
        *(_of_positions(book, view, on) if view.positions is not None else ()),
        *(_of_orders(book, view.orders, on) if view.orders is not None else ()),
        *(_of_trades(book, today, view) if view.trades is not None else ()),
    ]
    return tuple(sorted(found, key=lambda one: (one.kind, one.subject, one.theirs)))


def expired_of(book: Book, on: date) -> tuple[OptionContract, ...]:
    """Contracts that our book still has and that expired before a date, sorted."""
    return tuple(position.contract for position in book.positions if position.contract.expiry < on)


def fills_on(book: Book, day: date) -> tuple[Fill, ...]:
    """Executions of one date, in the book's order."""
    return tuple(fill for trade in book.trades for fill in trade.fills if fill.ts.date() == day)


def executions_of(fills: Iterable[Fill]) -> tuple[Fill, ...]:
    """Fills as the broker counts executions: one that closed several trades is one again, in its order.

    Those of one number, contract, side and price are added up, quantities and charges; the first's tag stays.
    """
    added: dict[tuple[str, OptionContract, Side, Decimal], Fill] = {}
    for fill in fills:
        key = fill.fill_id, fill.contract, fill.side, fill.price
        before = added.get(key)
        added[key] = (
            fill
            if before is None
            else replace(
                before,
                quantity=before.quantity + fill.quantity,
                charges_inr=before.charges_inr + fill.charges_inr,
            )
        )
    return tuple(added.values())


def _unread(view: BrokerView) -> Iterator[Difference]:
    for name in ("orders", "trades", "positions"):
        if getattr(view, name) is None:
            why = view.unread or "the broker did not answer"
            yield _difference(DifferenceKind.UNREAD, name, "not compared", "not known", why)


# --- positions ----------------------------------------------------------------------------------------


def _of_positions(book: Book, view: BrokerView, on: date | None) -> Iterator[Difference]:
    positions = view.positions or ()
    ours = {position.contract: position.quantity for position in book.positions}
    theirs = _net(positions)
    for contract in sorted({*ours, *theirs}):
        mine, held = ours.get(contract, 0), theirs.get(contract, 0)
        is_gone = on is not None and contract.expiry < on and not held
        if mine == held or is_gone:
            continue
        kind, why = _judged(mine, held)
        if _by_executions(contract, view) == mine:
            why = _BEHIND
        yield _difference(kind, contract.symbol, _units(mine), _units(held), why)
    yield from _under_other_products(positions)
    yield from _of_other_instruments(positions)


def _judged(mine: int, held: int) -> tuple[DifferenceKind, str]:
    if not mine:
        return DifferenceKind.ORPHAN_POSITION, "traded from elsewhere, or an execution was missed"
    if not held:
        return DifferenceKind.GHOST_POSITION, "closed from elsewhere, expired, or never filled"
    return DifferenceKind.POSITION, "traded from elsewhere, or an execution was missed or doubled"


# Net units per contract under our product; closed rows of the day count as nothing held.
def _net(positions: Iterable[BrokerPosition]) -> dict[OptionContract, int]:
    net: dict[OptionContract, int] = {}
    for position in positions:
        if position.contract is not None and position.product == OUR_PRODUCT:
            net[position.contract] = net.get(position.contract, 0) + position.quantity
    return net


# What the broker must hold by its own word: carried in, and its executions of today. None: not known.
def _by_executions(contract: OptionContract, view: BrokerView) -> int | None:
    if view.trades is None:
        return None
    carried = sum(
        row.overnight_quantity
        for row in view.positions or ()
        if row.contract == contract and row.product == OUR_PRODUCT
    )
    traded = (
        row.side.sign * row.quantity
        for row in view.trades
        if row.contract == contract and row.product == OUR_PRODUCT
    )
    return carried + sum(traded)


def _under_other_products(positions: Iterable[BrokerPosition]) -> Iterator[Difference]:
    for row in positions:
        if row.contract is None or row.product == OUR_PRODUCT or not row.quantity:
            continue
        why = f"held under product {row.product}: an exit of ours would open a second position beside it"
        if row.product == INTRADAY:
            why += "; the broker squares it off by itself before the close"
        subject = f"{row.contract.symbol} {row.product}"
        yield _difference(DifferenceKind.OTHER_PRODUCT, subject, NOTHING, _units(row.quantity), why)


def _of_other_instruments(positions: Iterable[BrokerPosition]) -> Iterator[Difference]:
    held: dict[str, int] = {}
    for row in positions:
        if row.contract is None and row.quantity:
            subject = row.key if row.product == OUR_PRODUCT else f"{row.key} {row.product}"
            held[subject] = held.get(subject, 0) + row.quantity
    for subject, quantity in sorted(held.items()):
        why = "no option that this program trades"
        yield _difference(DifferenceKind.ORPHAN_POSITION, subject, NOTHING, _units(quantity), why)


# --- orders -------------------------------------------------------------------------------------------


def _of_orders(book: Book, orders: Sequence[BrokerOrder], on: date | None) -> Iterator[Difference]:
    by_tag: dict[str, list[BrokerOrder]] = {}
    for theirs in orders:
        by_tag.setdefault(theirs.tag or "", []).append(theirs)
    known = {order.request.tag for order in book.orders}
    for order in book.orders:
        rows = by_tag.get(order.request.tag, [])
        yield from _of_one(order, rows) if rows else _of_missing(order, on)
    for tag, rows in sorted(by_tag.items()):
        if tag not in known:
            yield from _foreign(tag, rows)


def _of_missing(order: Order, on: date | None) -> Iterator[Difference]:
    if not order.state.may_fill:
        return
    why = "never arrived, or the broker's book is behind"
    if on is not None and order.sent_at.date() < on:
        why = f"sent on {order.sent_at.date().isoformat()}: an order lives for one day"
    yield _difference(DifferenceKind.LOST_ORDER, order.request.tag, order.state.value, NOTHING, why)


def _of_one(order: Order, rows: Sequence[BrokerOrder]) -> Iterator[Difference]:
    tag = order.request.tag
    if len(rows) > 1:
        ids = ", ".join(sorted(row.order_id for row in rows))
        why = "the same intent, sent twice"
        yield _difference(DifferenceKind.TWICE, tag, "1 order", f"{len(rows)}: {ids}", why)
    living = [row for row in rows if row.state not in FINAL_STATES]
    if (order.state in FINAL_STATES) is bool(living):
        words = ", ".join(sorted({row.word for row in living or rows}))
        why = "a word of the broker was missed, or is on its way"
        yield _difference(DifferenceKind.ORDER_STATE, tag, order.state.value, words, why)
    filled = sum(row.filled_quantity for row in rows)
    if order.filled_quantity != filled:
        why = "an execution was missed, or is on its way"
        yield _difference(DifferenceKind.ORDER_FILLED, tag, str(order.filled_quantity), str(filled), why)
    asked = order.request
    ours = _order_terms(asked.side, asked.quantity, asked.contract, None, OUR_PRODUCT)
    theirs = sorted({_order_terms(r.side, r.quantity, r.contract, r.key, r.product) for r in rows} - {ours})
    if theirs:
        why = "it was changed from elsewhere, or the tag is not ours alone"
        yield _difference(DifferenceKind.ORDER_TERMS, tag, ours, "; ".join(theirs), why)


def _foreign(tag: str, rows: Sequence[BrokerOrder]) -> Iterator[Difference]:
    why = "placed from elsewhere"
    if _OUR_TAG.fullmatch(tag):
        why = f"its tag {tag} is of this program, but not of this journal"
    for row in rows:
        if row.state not in FINAL_STATES:
            what = f"{row.side.value} {row.quantity} at {row.limit_price} ({row.word})"
            yield _difference(DifferenceKind.FOREIGN_ORDER, row.order_id, NOTHING, what, why)


def _order_terms(
    side: Side, quantity: int, contract: OptionContract | None, key: str | None, product: str
) -> str:
    return f"{side.value} {quantity} {contract.symbol if contract is not None else key} {product}"


# --- executions ---------------------------------------------------------------------------------------


def _of_trades(book: Book, today: Sequence[Fill], view: BrokerView) -> Iterator[Difference]:
    booked: dict[str, list[Fill]] = {}
    for fill in executions_of(today):
        booked.setdefault(fill.fill_id, []).append(fill)
    tag_of = tags_of_orders(book, view)
    ours = {order.request.tag for order in book.orders}
    seen: set[str] = set()
    for trade in view.trades or ():
        tag, ours_of_it = tag_of.get(trade.order_id), booked.get(trade.trade_id)
        seen.add(trade.trade_id)
        if ours_of_it is not None:
            yield from _of_terms(ours_of_it, trade)
        elif tag in ours:
            what = f"{_terms_of(trade)} of {tag}"
            why = "an execution of our own order was not told"
            yield _difference(DifferenceKind.UNBOOKED_TRADE, trade.trade_id, NOTHING, what, why)
    for fill_id in sorted(booked.keys() - seen):
        what = "; ".join(f"{_terms_of(fill)} of {fill.tag}" for fill in booked[fill_id])
        why = "the broker does not list this execution"
        yield _difference(DifferenceKind.UNPROVEN_FILL, fill_id, what, NOTHING, why)


def tags_of_orders(book: Book, view: BrokerView) -> dict[str, str]:
    """Our tag by the broker's order number, as far as either side knows it."""
    known = {order.broker_order_id: order.request.tag for order in book.orders if order.broker_order_id}
    return known | {row.order_id: row.tag for row in view.orders or () if row.tag is not None}


def _of_terms(fills: Sequence[Fill], trade: BrokerTrade) -> Iterator[Difference]:
    ours, theirs = "; ".join(_terms_of(fill) for fill in fills), _terms_of(trade)
    if ours != theirs:
        why = "one side is wrong"
        yield _difference(DifferenceKind.TRADE_TERMS, trade.trade_id, ours, theirs, why)


def _terms_of(one: Fill | BrokerTrade) -> str:
    what = one.contract.symbol if one.contract is not None else "another instrument"
    return f"{one.side.value} {one.quantity} {what} at {_price(one.price)}"


def _price(price: Decimal) -> str:
    return f"{price.normalize():f}"  # 8.20 is 8.2


def _units(quantity: int) -> str:
    return f"{quantity:+d}" if quantity else NOTHING


def _difference(kind: DifferenceKind, subject: str, ours: str, theirs: str, reason: str) -> Difference:
    return Difference(kind=kind, subject=subject, ours=ours, theirs=theirs, reason=reason)
