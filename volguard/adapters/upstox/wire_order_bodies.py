"""Bodies of order writes, built here and nowhere else; what must never leave is refused here once more."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from volguard.model.broker import InstrumentKey
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import Side
from volguard.model.order import TAG_LENGTH_MAX, OrderRequest
from volguard.model.units import PAISA

CORRELATION_LENGTH_MAX: Final = 20
DELIVERY: Final = "D"  # carried over night; the other products are not used
DAY: Final = "DAY"
PROTECTION_AUTOMATIC: Final = -1.0
_ORDER_ID: Final = re.compile(r"[-a-zA-Z0-9]+")


class OrderType(StrEnum):
    """How an order meets the book."""

    LIMIT = "LIMIT"
    MARKET = "MARKET"
    STOP_LIMIT = "SL"
    STOP_MARKET = "SL-M"


class PlaceBody(msgspec.Struct, kw_only=True, frozen=True):
    """Body of place v3; price in rupees, quantity in units."""

    quantity: int
    product: str
    validity: str
    price: float
    tag: str | msgspec.UnsetType | None = msgspec.UNSET
    slice: bool | msgspec.UnsetType = msgspec.UNSET
    instrument_token: str
    order_type: OrderType
    transaction_type: Side
    disclosed_quantity: int
    trigger_price: float
    is_amo: bool
    market_protection: float | msgspec.UnsetType = msgspec.UNSET


class MultiLine(PlaceBody, kw_only=True, frozen=True):
    """One line of multi place: a place body with an id that its answer echoes."""

    correlation_id: str


class ModifyBody(msgspec.Struct, kw_only=True, frozen=True):
    """Body of modify v3; `quantity` is the new total, absent fields keep what they are."""

    order_id: str
    order_type: OrderType
    validity: str
    price: float
    trigger_price: float
    quantity: int | msgspec.UnsetType = msgspec.UNSET
    disclosed_quantity: int | msgspec.UnsetType = msgspec.UNSET
    market_protection: float | msgspec.UnsetType = msgspec.UNSET


def place_body(
    request: OrderRequest, key: InstrumentKey, *, order_type: OrderType = OrderType.LIMIT
) -> PlaceBody:
    """The body for one order: product D, for the day, never sliced; a market order carries price 0.

    Raises InvariantBroken on an order that must never leave: no tag or one beyond 40 characters, no
    quantity, a limit price that is not above 0 or finer than a paisa.
    """
    return PlaceBody(**_fields(request, key, order_type))


def multi_body(orders: Sequence[tuple[OrderRequest, InstrumentKey]]) -> list[MultiLine]:
    """Lines for several limit orders; the correlation id of each is its place in the sequence, from 1.

    Raises InvariantBroken as `place_body` does, on no order at all, and on a tag given twice.
    """
    tags = [request.tag for request, _ in orders]
    if not tags or len(set(tags)) != len(tags):
        raise InvariantBroken(f"multi place of {len(tags)} orders with {len(set(tags))} tags")
    return [
        MultiLine(correlation_id=str(number), **_fields(request, key, OrderType.LIMIT))
        for number, (request, key) in enumerate(orders, start=1)
    ]


def modify_body(order_id: str, *, quantity: int, limit_price: Decimal) -> ModifyBody:
    """The body that re-prices a resting limit order; `quantity` is its total, filled units included."""
    _check_quantity(order_id, quantity)
    return ModifyBody(
        order_id=_checked_id(order_id),
        order_type=OrderType.LIMIT,
        validity=DAY,
        price=_checked_price(order_id, limit_price),
        trigger_price=0.0,
        quantity=quantity,
        disclosed_quantity=0,
    )


def cancel_query(order_id: str) -> dict[str, str]:
    """The query that names the order to cancel. Raises InvariantBroken on an id that cannot be one."""
    return {"order_id": _checked_id(order_id)}


def order_query(*, order_id: str | None = None, tag: str | None = None) -> dict[str, str]:
    """The query of order details and history: by id, by tag or by both."""
    named = {"order_id": _checked_id(order_id) if order_id else None, "tag": tag}
    found = {name: value for name, value in named.items() if value}
    if not found:
        raise InvariantBroken("an order was asked for with neither id nor tag")
    return found


def _fields(request: OrderRequest, key: InstrumentKey, order_type: OrderType) -> dict[str, Any]:
    if not request.tag or len(request.tag) > TAG_LENGTH_MAX:
        raise InvariantBroken(
            f"tag {request.tag!r} has {len(request.tag)} characters, allowed are 1 to {TAG_LENGTH_MAX}"
        )
    _check_quantity(request.tag, request.quantity)
    is_market = order_type is OrderType.MARKET
    return {
        "quantity": request.quantity,
        "product": DELIVERY,
        "validity": DAY,
        "price": 0.0 if is_market else _checked_price(request.tag, request.limit_price),
        "tag": request.tag,
        "slice": False,
        "instrument_token": key,
        "order_type": order_type,
        "transaction_type": request.side,
        "disclosed_quantity": 0,
        "trigger_price": 0.0,
        "is_amo": False,
        "market_protection": PROTECTION_AUTOMATIC if is_market else msgspec.UNSET,
    }


def _check_quantity(name: str, quantity: int) -> None:
    if quantity < 1:
        raise InvariantBroken(f"order {name}: quantity was {quantity}, must be at least 1")


def _checked_price(name: str, price: Decimal) -> float:
    if not price.is_finite() or price <= 0 or price != price.quantize(PAISA):
        raise InvariantBroken(f"order {name}: limit price was {price}, must be above 0 and whole in paise")
    return float(price)


def _checked_id(order_id: str) -> str:
    if not _ORDER_ID.fullmatch(order_id):
        raise InvariantBroken(f"order id {order_id!r} holds characters that no order id has")
    return order_id
