"""Order bodies as they come in: each field checked, each fault by the broker's own code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final

from volguard.model.instrument import Side
from volguard.model.order import TAG_LENGTH_MAX
from volguard.model.units import MICRO
from volguard.simulator.exchange_orders import Change, OrderType, Ticket, Validity
from volguard.simulator.upstox_server.envelope import CallRefused
from volguard.simulator.upstox_server.instruments import Instrument, Instruments
from volguard.simulator.upstox_server.options import LookAlikeOptions

KEY: Final = re.compile(r"[A-Z_]+\|[\w ^]+")
ORDER_ID: Final = re.compile(r"[-a-zA-Z0-9]+")
ALGO_NAME: Final = re.compile(r"[\w .-]{1,50}")
PRODUCTS: Final = ("I", "D", "MTF", "CO")
PROTECTION_MAX: Final = 25
PROTECTION_AUTOMATIC: Final = -1
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOrder:
    """One order as asked for; `tickets` are its slices, one where nothing was to be sliced."""

    instrument: Instrument
    tickets: tuple[Ticket, ...]


class OrderReader:
    """Reads bodies of place and modify. Everything raises CallRefused with the code of the first fault."""

    def __init__(self, instruments: Instruments, options: LookAlikeOptions) -> None:
        self._instruments, self._options = instruments, options

    def place(self, body: object) -> PlaceOrder:
        """A place body, of v2 or v3 or a line of a multi order."""
        fields = _fields(body)
        instrument = self._instrument(fields)
        order_type, validity = _order_type(fields), _validity(fields)
        quantity = _whole(fields, "quantity", missing="UDAPI1052")
        if quantity <= 0:
            raise CallRefused("UDAPI1052")
        price = _price(fields, order_type)
        ticket = Ticket(
            contract=instrument.contract,
            side=_side(fields),
            quantity=quantity,
            order_type=order_type,
            limit_price=price,
            trigger_price=_trigger(fields, order_type),
            validity=validity,
            product=_product(fields),
            tag=_tag(fields),
            disclosed_quantity=_whole(fields, "disclosed_quantity", missing="UDAPI100036"),
            protection_percent=_protection(fields, order_type),
        )
        if not isinstance(fields.get("is_amo"), bool):
            raise CallRefused("UDAPI100036")
        return PlaceOrder(instrument=instrument, tickets=self._sliced(fields, ticket, instrument))

    def change(self, body: object) -> tuple[str, Change]:
        """A modify body: the order's number, and what is to change."""
        fields = _fields(body)
        order_id = check_order_id(fields.get("order_id"))
        order_type, validity = _order_type(fields), _validity(fields)
        price = _price(fields, order_type)
        quantity = fields.get("quantity")
        disclosed = fields.get("disclosed_quantity")
        return order_id, Change(
            limit_price=None if order_type.is_unpriced else price,
            trigger_price=_trigger(fields, order_type),
            quantity=None if quantity is None else _whole(fields, "quantity", missing="UDAPI1052"),
            order_type=order_type,
            validity=validity,
            disclosed_quantity=None
            if disclosed is None
            else _whole(fields, "disclosed_quantity", missing="UDAPI100036"),
            protection_percent=_protection(fields, order_type),
        )

    def _instrument(self, fields: Body) -> Instrument:
        key = fields.get("instrument_token")
        if not key:
            raise CallRefused("UDAPI1026")
        if not isinstance(key, str) or not KEY.fullmatch(key):
            raise CallRefused("UDAPI1011")
        found = self._instruments.of_key(key)
        if found is None:
            raise CallRefused("UDAPI100011")
        return found

    def _sliced(self, fields: Body, ticket: Ticket, instrument: Instrument) -> tuple[Ticket, ...]:
        if not fields.get("slice") or ticket.quantity <= instrument.freeze_quantity:
            return (ticket,)
        parts = slices_of(ticket, instrument)
        if len(parts) > self._options.caps.slices:
            raise CallRefused("UDAPI1118")
        return parts


def slices_of(ticket: Ticket, instrument: Instrument) -> tuple[Ticket, ...]:
    """An order cut into parts of whole lots, none above the freeze quantity."""
    most = instrument.freeze_quantity // instrument.lot_size * instrument.lot_size
    full, rest = divmod(ticket.quantity, most)
    sizes = [most] * full + [rest] * bool(rest)
    return tuple(replace(ticket, quantity=size, disclosed_quantity=0) for size in sizes)


def check_order_id(order_id: object) -> str:
    """An order's number of the right form. Raises CallRefused."""
    if not order_id:
        raise CallRefused("UDAPI1023")
    if not isinstance(order_id, str) or not ORDER_ID.fullmatch(order_id):
        raise CallRefused("UDAPI1010")
    return order_id


def check_algo_name(headers: Mapping[str, str]) -> None:
    """The algo's name, where one is sent. Raises CallRefused."""
    name = headers.get("x-algo-name")
    if name is not None and not ALGO_NAME.fullmatch(name):
        raise CallRefused("UDAPI1156")


def _fields(body: object) -> Body:
    if not isinstance(body, dict):
        raise CallRefused("UDAPI100036")
    return body


def _order_type(fields: Body) -> OrderType:
    if not fields.get("order_type"):
        raise CallRefused("UDAPI1004")
    try:
        return OrderType(fields["order_type"])
    except ValueError as error:
        raise CallRefused("UDAPI1056") from error


def _validity(fields: Body) -> Validity:
    if not fields.get("validity"):
        raise CallRefused("UDAPI1007")
    try:
        return Validity(fields["validity"])
    except ValueError as error:
        raise CallRefused("UDAPI1055") from error


def _side(fields: Body) -> Side:
    try:
        return Side(str(fields.get("transaction_type")))
    except ValueError as error:
        raise CallRefused("UDAPI100036") from error


def _product(fields: Body) -> str:
    product = fields.get("product")
    if product not in PRODUCTS:
        raise CallRefused("UDAPI100036")
    return str(product)


def _tag(fields: Body) -> str | None:
    tag = fields.get("tag")
    if tag is None or tag == "":
        return None
    if not isinstance(tag, str):
        raise CallRefused("UDAPI100036")
    if len(tag) > TAG_LENGTH_MAX:
        raise CallRefused("UDAPI1119")
    return tag


def _price(fields: Body, order_type: OrderType) -> Decimal:
    price = _money(fields, "price", missing="UDAPI1043")
    if order_type.is_unpriced and price:
        raise CallRefused("UDAPI1040")
    if not order_type.is_unpriced and price <= 0:
        raise CallRefused("UDAPI1043")
    return price


def _trigger(fields: Body, order_type: OrderType) -> Decimal:
    trigger = _money(fields, "trigger_price", missing="UDAPI100036")
    if order_type.has_trigger is not (trigger > 0):
        raise CallRefused("UDAPI100036")
    return trigger


def _protection(fields: Body, order_type: OrderType) -> float:
    given = fields.get("market_protection", PROTECTION_AUTOMATIC)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise CallRefused("UDAPI1177")
    if given > PROTECTION_MAX:
        raise CallRefused("UDAPI1176")
    if not (given in (PROTECTION_AUTOMATIC, 0) or given >= 1):
        raise CallRefused("UDAPI1177")
    if given == 0 and order_type.is_unpriced:
        raise CallRefused("UDAPI1158")
    return float(given)


def _money(fields: Body, name: str, *, missing: str) -> Decimal:
    value = fields.get(name)
    if value is None:
        raise CallRefused(missing)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CallRefused("UDAPI100036")
    return Decimal(repr(value)).quantize(MICRO).normalize() + Decimal(0)


def _whole(fields: Body, name: str, *, missing: str) -> int:
    value = fields.get(name)
    if value is None:
        raise CallRefused(missing)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise CallRefused("UDAPI100036")
    return value
