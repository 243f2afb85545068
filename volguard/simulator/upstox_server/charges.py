"""What the broker would ask: margin of a basket, charges of an order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from volguard.model.instrument import OptionContract, Side
from volguard.model.units import money
from volguard.nse.charges import Charges
from volguard.simulator.exchange import Exchange
from volguard.simulator.exchange_margin import Blocked
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import Instrument, Instruments
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.order_bodies import KEY, PRODUCTS

SIDES: Final = ("BUY", "SELL")
NUMBER: Final = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    instrument: Instrument
    units: int  # signed
    premium_inr: float  # of a bought option


class ChargeDesk:
    """Answers the margin and brokerage calculators."""

    def __init__(
        self, exchange: Exchange, instruments: Instruments, charges: Charges, day: date, lines_max: int
    ) -> None:
        self._exchange, self._instruments, self._charges = exchange, instruments, charges
        self._day, self._lines_max = day, lines_max

    # --- margin -----------------------------------------------------------------------------------

    def margin(self, call: Call) -> Response:
        """Each line alone in the order asked, their sum, and the basket as one."""
        body = call.json()
        lines = body.get("instruments") if isinstance(body, dict) else None
        if not isinstance(lines, list) or not lines:
            raise CallRefused("UDAPI1099")
        if len(lines) > self._lines_max:
            raise CallRefused("UDAPI1102")
        keys = [line.get("instrument_key") if isinstance(line, dict) else None for line in lines]
        if len(set(keys)) < len(keys):
            raise CallRefused("UDAPI1103")
        legs = [self._leg(line) for line in lines]
        rows = [self._margin_row([leg]) for leg in legs]
        whole = self._margin_row(legs)
        required = round(sum(row["total_margin"] for row in rows), 2)
        return success({"margins": rows, "required_margin": required, "final_margin": whole["total_margin"]})

    def _leg(self, line: object) -> _Leg:
        if not isinstance(line, dict):
            raise CallRefused("UDAPI100036")
        instrument = self._instrument(line)
        side, units = _side(line), _quantity(line, instrument.lot_size)
        price = line.get("price")
        if price is not None and not (isinstance(price, int | float) and price > 0):
            raise CallRefused("UDAPI1095")
        if side is Side.SELL:
            return _Leg(instrument=instrument, units=-units, premium_inr=0.0)
        paid = float(price) if price is not None else self._ask(instrument.contract)
        return _Leg(instrument=instrument, units=units, premium_inr=units * paid)

    def _instrument(self, line: Mapping[str, Any]) -> Instrument:
        key = line.get("instrument_key")
        if not key:
            raise CallRefused("UDAPI1099")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise CallRefused("UDAPI1098")
        found = self._instruments.of_key(key)
        if found is None:
            raise CallRefused("UDAPI100011")
        if line.get("product") not in PRODUCTS:
            raise CallRefused("UDAPI1100")
        return found

    def _ask(self, contract: OptionContract) -> float:
        touch = self._exchange.touch(contract)
        price = (touch.ask or touch.last) if touch is not None else None
        return float(price) if price is not None else 0.0

    def _margin_row(self, legs: Sequence[_Leg]) -> dict[str, float]:
        units: dict[OptionContract, int] = {}
        for leg in legs:
            units[leg.instrument.contract] = units.get(leg.instrument.contract, 0) + leg.units
        blocked: Blocked = self._exchange.margin_of(units)
        premium = round(sum(leg.premium_inr for leg in legs), 2)
        return {
            "span_margin": blocked.span_inr,
            "exposure_margin": blocked.exposure_inr,
            "equity_margin": 0.0,
            "net_buy_premium": premium,
            "additional_margin": blocked.additional_inr,
            "total_margin": round(blocked.total_inr + premium, 2),
            "tender_margin": 0.0,
        }

    # --- brokerage --------------------------------------------------------------------------------

    def brokerage(self, call: Call) -> Response:
        """Charges of one order, both spellings of the twins."""
        instrument = self._instruments.of_key(_required(call, "instrument_token", "UDAPI1059"))
        quantity = _required(call, "quantity", "UDAPI1060")
        if _required(call, "product", "UDAPI1061") not in PRODUCTS:
            raise CallRefused("UDAPI1061")
        side = _required(call, "transaction_type", "UDAPI1062")
        price = _required(call, "price", "UDAPI1063")
        if instrument is None:
            raise CallRefused("UDAPI100011")
        if side not in SIDES:
            raise CallRefused("UDAPI1062")
        if not quantity.isdigit() or int(quantity) < 1:
            raise CallRefused("UDAPI1064")
        lines = self._charges.for_fill(
            trade_date=self._day,
            side=Side(side),
            quantity=int(quantity),
            price=_decimal(price),
            first_fill_of_order=True,
        )
        other = {
            "transaction": float(money(lines.exchange)),
            "clearing": 0.0,
            "ipft": float(money(lines.ipft)),
            "sebi_turnover": float(money(lines.sebi)),
        }
        plan = {"name": "DP3A", "min_expense": 18.5}
        taxes = {
            "gst": float(money(lines.gst)),
            "stt": float(money(lines.stt)),
            "stamp_duty": float(money(lines.stamp)),
        }
        charges = {
            "total": float(money(lines.total)),
            "brokerage": float(money(lines.brokerage)),
            "taxes": taxes,
            "other_charges": other,
            "dp_plan": plan,
            "otherTaxes": other,
            "dpPlan": plan,
        }
        return success({"charges": charges})


def _side(line: Mapping[str, Any]) -> Side:
    side = line.get("transaction_type")
    if side not in SIDES:
        raise CallRefused("UDAPI1101")
    return Side(side)


def _quantity(line: Mapping[str, Any], lot_size: int) -> int:
    quantity = line.get("quantity")
    if quantity is None:
        raise CallRefused("UDAPI1097")
    if isinstance(quantity, bool) or not isinstance(quantity, int) or quantity <= 0:
        raise CallRefused("UDAPI1096")
    if quantity % lot_size:
        raise CallRefused("UDAPI1104")
    return quantity


def _required(call: Call, name: str, code: str) -> str:
    value = call.query(name)
    if not value:
        raise CallRefused(code)
    return value


def _decimal(text: str) -> Decimal:
    if not NUMBER.fullmatch(text):
        raise CallRefused("UDAPI1065")
    return Decimal(text)
