"""The end of a day against the broker: prices of executions, charges per contract, the change of cash."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.execution.day_end import (
    BilledOrder,
    DayFigure,
    FilledOrder,
    change_of_cash,
    charges_of_contracts,
    filled_orders,
)
from volguard.execution.reconcile import executions_of, tags_of_orders
from volguard.model.book import Book, Fill
from volguard.model.broker import BrokerTrade, BrokerView, CashOfDay, ErrorClass, InstrumentKey
from volguard.model.instrument import OptionContract, Side

KeyOf = Callable[[OptionContract], InstrumentKey | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One execution of ours as both sides have it; a price is None where that side lacks it."""

    trade_id: str
    tag: str
    symbol: str
    side: Side
    quantity: int
    ours: Decimal | None
    theirs: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayEnd:
    """Executions by number, then the figures of the day."""

    executions: tuple[Execution, ...]
    figures: tuple[DayFigure, ...]


def day_end(
    book: Book, today: Sequence[Fill], view: BrokerView, account: AccountReads, key_of: KeyOf
) -> DayEnd:
    """Ask the broker for charges and cash, and hold them against the fills of the day.

    Raises ApiFailure when nobody is logged in any more.
    """
    executions = tuple(sorted(_executions(book, today, view), key=lambda one: one.trade_id))
    order_ids = {trade.trade_id: trade.order_id for trade in view.trades or ()}
    billed = [_billed(order, account, key_of) for order in filled_orders(today, order_ids)]
    cash, trouble = _cash(account)
    is_unread = bool(trouble) or view.trades is None
    unknown = trouble or _other_movers(today, view, executions)
    change = change_of_cash(today, cash, unknown, is_unread=is_unread)
    return DayEnd(executions=executions, figures=(*charges_of_contracts(billed), change))


def _executions(book: Book, today: Sequence[Fill], view: BrokerView) -> Iterator[Execution]:
    theirs = {trade.trade_id: trade for trade in view.trades or ()}
    tags, ours = tags_of_orders(book, view), {order.request.tag for order in book.orders}
    for fill in executions_of(today):
        trade = theirs.pop(fill.fill_id, None)
        yield Execution(
            trade_id=fill.fill_id,
            tag=fill.tag,
            symbol=fill.contract.symbol,
            side=fill.side,
            quantity=fill.quantity,
            ours=fill.price,
            theirs=None if trade is None else trade.price,
        )
    for trade in theirs.values():
        tag = tags.get(trade.order_id)
        if tag in ours:
            yield _unbooked(trade, tag or "")


def _unbooked(trade: BrokerTrade, tag: str) -> Execution:
    return Execution(
        trade_id=trade.trade_id,
        tag=tag,
        symbol=trade.contract.symbol if trade.contract is not None else trade.key,
        side=trade.side,
        quantity=trade.quantity,
        ours=None,
        theirs=trade.price,
    )


def _billed(order: FilledOrder, account: AccountReads, key_of: KeyOf) -> BilledOrder:
    key = key_of(order.contract)
    if key is None:
        return BilledOrder(order=order, theirs_inr=None, reason="the broker lists no such contract today")
    side = order.fills[0].side
    try:
        answer = account.charges(key, quantity=order.quantity, side=side, price=order.mean_price)
    except ApiFailure as failure:
        return BilledOrder(order=order, theirs_inr=None, reason=_said(failure), is_unread=True)
    return BilledOrder(order=order, theirs_inr=answer.total_inr)


def _cash(account: AccountReads) -> tuple[CashOfDay | None, str]:
    try:
        return account.cash_of_day(), ""
    except ApiFailure as failure:
        return None, _said(failure)


# A token that died is no figure that is missing: nothing more will be answered.
def _said(failure: ApiFailure) -> str:
    if failure.error_class is ErrorClass.AUTH:
        raise failure
    return failure.message


# Why the account's cash says nothing of our fills alone; empty where it does.
def _other_movers(today: Sequence[Fill], view: BrokerView, executions: Sequence[Execution]) -> str:
    if view.trades is None:
        return "whose executions moved the cash is not known: they could not be read"
    known = {execution.trade_id for execution in executions} | {fill.fill_id for fill in today}
    strangers = sum(trade.trade_id not in known for trade in view.trades)
    plural = "s" if strangers > 1 else ""
    return f"{strangers} execution{plural} from elsewhere moved the cash too" if strangers else ""
