"""Calls about several orders at once: multi place, multi cancel, exit all positions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from volguard.model.instrument import Side
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_account import Holding
from volguard.simulator.exchange_orders import OrderType, SimOrder, Ticket
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, error_row, json_response
from volguard.simulator.upstox_server.faults import FaultName, Faults
from volguard.simulator.upstox_server.instruments import SEGMENT, Instrument, Instruments
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.options import LookAlikeOptions
from volguard.simulator.upstox_server.order_bodies import (
    OrderReader,
    PlaceOrder,
    check_algo_name,
    slices_of,
)
from volguard.simulator.upstox_server.orders import Orders

CORRELATION_LENGTH_MAX: Final = 20
SEGMENTS: Final = ("NSE_EQ", "BSE_EQ", "NSE_FO", "BSE_FO", "MCX_FO", "NCD_FO", "BCD_FO", "NSE_COM")
SOMETHING_WENT_WRONG: Final = "UDAPI100500"
INTRADAY: Final = "I"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    correlation_id: str
    order: PlaceOrder

    @property
    def side(self) -> Side:
        return self.order.tickets[0].side


class OrderBatches:
    """Answers calls about several orders; `is_open` tells whether the market is."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        instruments: Instruments,
        reader: OrderReader,
        orders: Orders,
        options: LookAlikeOptions,
        faults: Faults,
        is_open: Callable[[datetime], bool],
    ) -> None:
        self._exchange, self._instruments, self._reader = exchange, instruments, reader
        self._orders, self._options, self._faults = orders, options, faults
        self._is_open = is_open

    # --- multi place ------------------------------------------------------------------------------

    def place(self, call: Call) -> Response:
        """Every line is checked before any is placed; then all that buy, then all that sell."""
        check_algo_name(call.request.headers)
        body = call.json()
        if not isinstance(body, list):
            raise CallRefused("UDAPI100036")
        if not body:
            raise CallRefused("UDAPI1114")
        if len(body) > self._options.caps.multi_lines:
            raise CallRefused("UDAPI1118")
        lines, faults = self._read(body)
        if faults:
            return _multi_reply(400, "error", None, faults, total=len(body), payload_error=len(faults))
        ordered = sorted(lines, key=lambda line: line.side is Side.SELL)
        return self._place_all(call, ordered)

    def _read(self, body: Sequence[Any]) -> tuple[list[_Line], list[dict[str, Any]]]:
        lines: list[_Line] = []
        faults: list[dict[str, Any]] = []
        seen: set[str] = set()
        for item in body:
            correlation_id = item.get("correlation_id") if isinstance(item, dict) else None
            try:
                _check_correlation(correlation_id, seen)
                lines.append(_Line(correlation_id=str(correlation_id), order=self._reader.place(item)))
            except CallRefused as refused:
                faults.append(error_row(refused.code, correlation_id=correlation_id))
        return lines, faults

    def _place_all(self, call: Call, lines: Sequence[_Line]) -> Response:
        placed: list[dict[str, str]] = []
        errors: list[dict[str, Any]] = []
        # A fault of processing hits the last line: those before it are real orders.
        fails = len(lines) > 1 and self._faults.strikes(FaultName.PARTIAL_207, call.now, "multi_place")
        for line in lines:
            if fails and line is lines[-1]:
                errors.append(error_row(SOMETHING_WENT_WRONG, correlation_id=line.correlation_id))
                continue
            placed += self._place_line(call, line)
        status, word = (207, "partial_success") if errors else (200, "success")
        done = len(lines) - len(errors)
        return _multi_reply(
            status, word, placed, errors or None, total=len(lines), success=done, error=len(errors)
        )

    def _place_line(self, call: Call, line: _Line) -> list[dict[str, str]]:
        ids = [self._exchange.place(ticket, call.now).order_id for ticket in line.order.tickets]
        if len(ids) == 1:
            return [{"correlation_id": line.correlation_id, "order_id": ids[0]}]
        return [
            {"correlation_id": f"{line.correlation_id}_{number}", "order_id": order_id}
            for number, order_id in enumerate(ids, start=1)
        ]

    # --- multi cancel -----------------------------------------------------------------------------

    def cancel(self, call: Call) -> Response:
        """Cancel every working order, of a segment or a tag where one is given."""
        check_algo_name(call.request.headers)
        segment, tag = _segment(call), call.query("tag")
        found = [
            order
            for order in self._exchange.orders.values()
            if _can_be_cancelled(order) and segment in ("", SEGMENT) and tag in ("", order.ticket.tag)
        ]
        if not found:
            raise CallRefused(self._options.nothing_to_cancel)
        if len(found) > self._options.caps.cancel_orders:
            raise CallRefused("UDAPI1109")
        fails = len(found) > 1 and self._faults.strikes(FaultName.PARTIAL_207, call.now, "multi_cancel")
        failed = found[-1:] if fails else []
        done = found[: len(found) - len(failed)]
        for order in done:
            self._orders.take_off(order, call, "multi_cancel")
        errors = [
            error_row(SOMETHING_WENT_WRONG, instrument_key=self._key(order), order_id=order.order_id)
            for order in failed
        ]
        return _many_reply([order.order_id for order in done], errors)

    # --- exit all ---------------------------------------------------------------------------------

    def exit_all(self, call: Call) -> Response:
        """Close every open position by market orders with protection, sliced; one side before the other."""
        check_algo_name(call.request.headers)
        segment, tag = _segment(call), call.query("tag")
        if not self._is_open(call.now):
            raise CallRefused("UDAPI1113")
        held = [
            holding
            for holding in self._exchange.account.open_holdings()
            if segment in ("", SEGMENT) and (not tag or self._opened_by(holding, tag))
        ]
        if not held:
            raise CallRefused(self._options.nothing_to_exit)
        if len(held) > self._options.caps.exit_positions:
            raise CallRefused("UDAPI1109")
        first = self._options.exit_first.sign
        held.sort(key=lambda holding: holding.quantity * first < 0)
        tickets = [ticket for holding in held for ticket in self._exit_tickets(holding, tag or None)]
        return _many_reply([self._exchange.place(ticket, call.now).order_id for ticket in tickets], [])

    def _exit_tickets(self, holding: Holding, tag: str | None) -> tuple[Ticket, ...]:
        ticket = Ticket(
            contract=holding.contract,
            side=Side.SELL if holding.quantity > 0 else Side.BUY,
            quantity=abs(holding.quantity),
            order_type=OrderType.MARKET,
            product=holding.product,
            tag=tag,
        )
        return slices_of(ticket, self._instrument(holding))

    def _opened_by(self, holding: Holding, tag: str) -> bool:
        return holding.product == INTRADAY and any(
            order.ticket.tag == tag
            and order.ticket.contract == holding.contract
            and order.ticket.product == INTRADAY
            for order in self._exchange.orders.values()
        )

    def _instrument(self, holding: Holding) -> Instrument:
        found = self._instruments.of_contract(holding.contract)
        if found is None:
            raise CallRefused("UDAPI100011")
        return found

    def _key(self, order: SimOrder) -> str | None:
        found = self._instruments.of_contract(order.ticket.contract)
        return found.key if found is not None else None


def _can_be_cancelled(order: SimOrder) -> bool:
    return not order.word.is_final and order.dies_at is None


def _check_correlation(correlation_id: object, seen: set[str]) -> None:
    if not isinstance(correlation_id, str) or not correlation_id:
        raise CallRefused("UDAPI1115")
    if len(correlation_id) > CORRELATION_LENGTH_MAX:
        raise CallRefused("UDAPI1116")
    if correlation_id in seen:
        raise CallRefused("UDAPI1117")
    seen.add(correlation_id)


def _segment(call: Call) -> str:
    segment = call.query("segment")
    if segment and segment not in SEGMENTS:
        raise CallRefused("UDAPI1105")
    return segment


def _multi_reply(
    status: int,
    word: str,
    data: list[dict[str, str]] | None,
    errors: list[dict[str, Any]] | None,
    *,
    total: int,
    payload_error: int = 0,
    success: int = 0,
    error: int = 0,
) -> Response:
    summary = {"total": total, "payload_error": payload_error, "success": success, "error": error}
    return json_response({"status": word, "data": data, "errors": errors, "summary": summary}, status)


def _many_reply(order_ids: list[str], errors: list[dict[str, Any]]) -> Response:
    summary = {"total": len(order_ids) + len(errors), "success": len(order_ids), "error": len(errors)}
    body = {"data": {"order_ids": order_ids}, "errors": errors or None, "summary": summary}
    if errors:
        return json_response({"status": "partial_success", **body}, 207)
    return json_response({"status": "success", **body})
