"""Order calls: place, modify, cancel one; read the book, an order, its history, executions."""

from __future__ import annotations

from typing import Any

from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_orders import SimOrder
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.faults import FaultName, Faults
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.order_bodies import OrderReader, check_algo_name, check_order_id
from volguard.simulator.upstox_server.order_rows import OrderRows

LATENCY_MS_LEAST = 9
LATENCY_MS_SPREAD = 37


class Orders:
    """Answers order calls on the exchange's book."""

    def __init__(self, exchange: Exchange, reader: OrderReader, rows: OrderRows, faults: Faults) -> None:
        self._exchange, self._reader, self._rows, self._faults = exchange, reader, rows, faults

    # --- writes -----------------------------------------------------------------------------------

    def place(self, call: Call) -> Response:
        """v3: one order, or its slices."""
        return success({"order_ids": self._placed(call)}, metadata=self._latency())

    def place_old(self, call: Call) -> Response:
        """v2: one order."""
        return success({"order_id": self._placed(call)[0]})

    def modify(self, call: Call) -> Response:
        """v3."""
        return success({"order_id": self._modified(call)}, metadata=self._latency())

    def modify_old(self, call: Call) -> Response:
        """v2."""
        return success({"order_id": self._modified(call)})

    def cancel(self, call: Call) -> Response:
        """v3."""
        return success({"order_id": self._cancelled(call)}, metadata=self._latency())

    def cancel_old(self, call: Call) -> Response:
        """v2."""
        return success({"order_id": self._cancelled(call)})

    def take_off(self, order: SimOrder, call: Call, where: str) -> None:
        """Cancel an order that can be cancelled; the fault of a late fill may strike."""
        is_late = self._faults.strikes(FaultName.LATE_FILL, call.now, where)
        self._exchange.cancel(order, call.now, fills_first=is_late)

    def _placed(self, call: Call) -> list[str]:
        check_algo_name(call.request.headers)
        wanted = self._reader.place(call.json())
        return [self._exchange.place(ticket, call.now).order_id for ticket in wanted.tickets]

    def _modified(self, call: Call) -> str:
        check_algo_name(call.request.headers)
        order_id, change = self._reader.change(call.json())
        order = self._known(order_id)
        if order.word.is_final or order.dies_at is not None:
            raise CallRefused("UDAPI100041")
        self._exchange.modify(order, change, call.now)
        return order_id

    def _cancelled(self, call: Call) -> str:
        check_algo_name(call.request.headers)
        order = self._known(check_order_id(call.query("order_id")))
        if order.word.is_final:
            raise CallRefused("UDAPI100040")
        self.take_off(order, call, "cancel")
        return order.order_id

    # --- reads ------------------------------------------------------------------------------------

    def details(self, call: Call) -> Response:
        """One order as it stands."""
        return success(self._rows.book_row(self._known(check_order_id(call.query("order_id")))))

    def history(self, call: Call) -> Response:
        """Every state of an order, or of all orders of a tag; with both given both must fit."""
        order_id, tag = call.query("order_id"), call.query("tag")
        if not order_id and not tag:
            raise CallRefused("UDAPI1023")
        found = [self._known(check_order_id(order_id))] if order_id else self._today(call)
        if tag:
            found = [order for order in found if order.ticket.tag == tag]
        if not found:
            raise CallRefused("UDAPI100010")
        return success([self._rows.history_row(order, image) for order in found for image in order.images])

    def book(self, call: Call) -> Response:
        """All orders of the day."""
        return success([self._rows.book_row(order) for order in self._today(call)])

    def trades_of_day(self, call: Call) -> Response:
        """All executions of the day."""
        today = call.now.date()
        return success([self._rows.trade_row(t) for t in self._exchange.trades if t.at.date() == today])

    def trades_of_order(self, call: Call) -> Response:
        """Executions of one order."""
        order = self._known(check_order_id(call.query("order_id")))
        return success([self._rows.trade_row(t) for t in self._exchange.trades if t.order is order])

    def _today(self, call: Call) -> list[SimOrder]:
        today = call.now.date()
        return [order for order in self._exchange.orders.values() if order.placed_at.date() == today]

    def _known(self, order_id: str) -> SimOrder:
        order = self._exchange.orders.get(order_id)
        if order is None:
            raise CallRefused("UDAPI100010")
        return order

    def _latency(self) -> dict[str, Any]:
        spread = len(self._exchange.orders) * 7 % LATENCY_MS_SPREAD
        return {"latency": LATENCY_MS_LEAST + spread}
