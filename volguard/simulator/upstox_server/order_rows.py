"""Orders, executions and holdings as rows of the wire: of the book, of a history, of the portfolio stream."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from volguard.adapters.upstox.times import book_text
from volguard.model.instrument import OptionContract
from volguard.simulator.exchange_account import Holding
from volguard.simulator.exchange_orders import Image, SimOrder, SimTrade, Word
from volguard.simulator.upstox_server.instruments import SEGMENT, Instrument

EXCHANGE: Final = "NFO"
FIRST_REFERENCE: Final = 57_744_821_658_411
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Row = dict[str, Any]


class OrderRows:
    """Makes rows; `instrument_of` names a contract, `account` is who placed."""

    def __init__(self, instrument_of: Callable[[OptionContract], Instrument], account: str) -> None:
        self._instrument_of, self._account = instrument_of, account

    def book_row(self, order: SimOrder) -> Row:
        """A row of the order book: the order as it stands."""
        image = order.images[-1]
        return {
            **self._row(order, image, at=order.placed_at),
            "guid": None,
            "pending_quantity": _pending(image),
            "status_message_raw": image.message or None,
            "order_ref_id": _reference(order),
            "parent_order_id": None,
        }

    def history_row(self, order: SimOrder, image: Image) -> Row:
        """A row of an order's history."""
        return {**self._row(order, image, at=image.at), "parent_order_id": "NA"}

    def update(self, order: SimOrder, image: Image) -> Row:
        """An order update of the portfolio stream."""
        row = self._row(order, image, at=image.at)
        return {
            "update_type": "order",
            "user_id": self._account,
            "userId": self._account,
            **row,
            "instrument_key": row["instrument_token"],
            "exchange_order_id": row["exchange_order_id"] or "",
            "guid": None,
            "pending_quantity": _pending(image),
            "status_message_raw": image.message or None,
            "order_ref_id": _reference(order),
            "parent_order_id": None,
        }

    def trade_row(self, trade: SimTrade) -> Row:
        """An execution."""
        order = trade.order
        instrument = self._instrument_of(order.ticket.contract)
        return {
            "exchange": EXCHANGE,
            "product": order.ticket.product,
            "trading_symbol": instrument.symbol,
            "tradingsymbol": instrument.symbol,
            "instrument_token": instrument.key,
            "order_type": order.order_type.value,
            "transaction_type": order.ticket.side.value,
            "quantity": trade.quantity,
            "exchange_order_id": order.exchange_order_id,
            "order_id": order.order_id,
            "exchange_timestamp": trade_text(trade.at),
            "average_price": float(trade.price),
            "trade_id": trade.trade_id,
            "order_ref_id": _reference(order),
            "order_timestamp": book_text(order.placed_at),
        }

    def position_update(self, holding: Holding) -> Row:
        """A position update of the portfolio stream: no price of the market in it."""
        instrument = self._instrument_of(holding.contract)
        return {
            "update_type": "position",
            "instrument_token": instrument.key,
            "instrument_key": instrument.key,
            "exchange": SEGMENT,
            **holding_fields(holding),
        }

    def _row(self, order: SimOrder, image: Image, *, at: datetime) -> Row:
        ticket = order.ticket
        instrument = self._instrument_of(ticket.contract)
        is_amo = order.images[0].word is Word.AMO_RECEIVED
        return {
            "exchange": EXCHANGE,
            "product": ticket.product,
            "price": 0.0 if image.order_type.is_unpriced else float(image.limit_price),
            "quantity": image.quantity,
            "status": image.word.value,
            "tag": ticket.tag,
            "instrument_token": instrument.key,
            "placed_by": self._account,
            "trading_symbol": instrument.symbol,
            "tradingsymbol": instrument.symbol,
            "order_type": image.order_type.value,
            "validity": image.validity.value,
            "trigger_price": float(image.trigger_price),
            "disclosed_quantity": image.disclosed_quantity,
            "transaction_type": ticket.side.value,
            "average_price": float(image.average_price),
            "filled_quantity": image.filled_quantity,
            "status_message": image.message or None,
            "exchange_order_id": order.exchange_order_id if image.exchange_at is not None else None,
            "order_id": order.order_id,
            "variety": "AMO" if is_amo else "SIMPLE",
            "order_timestamp": book_text(at),
            "exchange_timestamp": book_text(image.exchange_at) if image.exchange_at is not None else None,
            "is_amo": is_amo,
            "order_request_id": str(image.request_number),
        }


def holding_fields(holding: Holding) -> Row:
    """What position rows and position updates both say of a holding."""
    average, overnight = holding.average_price, holding.overnight_quantity
    overnight_amount = float(abs(overnight) * holding.overnight_price)
    return {
        "product": holding.product,
        "multiplier": 1.0,
        "quantity": holding.quantity,
        "average_price": None if average is None else float(average),
        "buy_price": _mean(holding.buy_value, holding.buy_quantity),
        "sell_price": _mean(holding.sell_value, holding.sell_quantity),
        "buy_value": float(holding.buy_value),
        "sell_value": float(holding.sell_value),
        "overnight_quantity": overnight,
        "overnight_buy_quantity": max(overnight, 0),
        "overnight_sell_quantity": max(-overnight, 0),
        "overnight_buy_amount": overnight_amount if overnight > 0 else 0.0,
        "overnight_sell_amount": overnight_amount if overnight < 0 else 0.0,
        "day_buy_quantity": holding.day_buy_quantity,
        "day_sell_quantity": holding.day_sell_quantity,
        "day_buy_price": _mean(holding.day_buy_value, holding.day_buy_quantity),
        "day_sell_price": _mean(holding.day_sell_value, holding.day_sell_quantity),
        "day_buy_value": float(holding.day_buy_value),
        "day_sell_value": float(holding.day_sell_value),
    }


def trade_text(ts: datetime) -> str:
    """A time as trades carry it: `03-Aug-2017 15:03:42`, IST."""
    return f"{ts.day:02d}-{MONTHS[ts.month - 1]}-{ts.year:04d} {ts:%H:%M:%S}"


def _mean(value: Any, quantity: int) -> float:
    return float(value / quantity) if quantity else 0.0


def _pending(image: Image) -> int:
    is_quiet = image.word.is_final or image.word.is_in_flight
    return 0 if is_quiet else image.quantity - image.filled_quantity


def _reference(order: SimOrder) -> str:
    return str(FIRST_REFERENCE + int(order.order_id[6:]))
