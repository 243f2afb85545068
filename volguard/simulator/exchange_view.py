"""The simulator's exchange as a broker would tell its books: orders, executions, positions."""

from __future__ import annotations

from typing import Final

from volguard.model.broker import BrokerOrder, BrokerPosition, BrokerTrade, BrokerView, InstrumentKey
from volguard.model.order import OrderState
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_account import Holding
from volguard.simulator.exchange_orders import SimOrder, SimTrade, Word

FINAL: Final = {
    Word.COMPLETE: OrderState.FILLED,
    Word.REJECTED: OrderState.REJECTED,
    Word.CANCELLED: OrderState.CANCELLED,
    Word.AMO_CANCELLED: OrderState.CANCELLED,
}


def book_view(exchange: Exchange) -> BrokerView:
    """All that the exchange has of the account now."""
    return BrokerView(
        orders=tuple(_order(order) for order in exchange.orders.values()),
        trades=tuple(_trade(trade) for trade in exchange.trades),
        positions=tuple(_position(holding) for holding in exchange.account.holdings),
    )


def _order(order: SimOrder) -> BrokerOrder:
    ticket = order.ticket
    return BrokerOrder(
        order_id=order.order_id,
        tag=ticket.tag,
        key=InstrumentKey(ticket.contract.symbol),
        contract=ticket.contract,
        side=ticket.side,
        product=ticket.product,
        quantity=order.quantity,
        filled_quantity=order.filled_quantity,
        limit_price=order.limit_price,
        average_price=order.average_price if order.filled_quantity else None,
        state=FINAL.get(order.word, OrderState.OPEN),
        word=order.word.value,
        message=order.message,
        placed_at=order.placed_at,
        request_number=order.request_number,
    )


def _trade(trade: SimTrade) -> BrokerTrade:
    ticket = trade.order.ticket
    return BrokerTrade(
        trade_id=trade.trade_id,
        order_id=trade.order.order_id,
        key=InstrumentKey(ticket.contract.symbol),
        contract=ticket.contract,
        side=ticket.side,
        product=ticket.product,
        quantity=trade.quantity,
        price=trade.price,
        traded_at=trade.at,
    )


def _position(holding: Holding) -> BrokerPosition:
    return BrokerPosition(
        key=InstrumentKey(holding.contract.symbol),
        contract=holding.contract,
        product=holding.product,
        quantity=holding.quantity,
        overnight_quantity=holding.overnight_quantity,
        buy_value_inr=holding.buy_value,
        sell_value_inr=holding.sell_value,
        last_price=None,
    )
