"""Books of a broker made by hand: positions, orders and the evidence of both."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from volguard.measure.broker_net import BrokerEvidence, Place, offsets_of
from volguard.model.broker import BrokerOrder, BrokerPosition, InstrumentKey
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying
from volguard.model.order import OrderState
from volguard.model.units import IST

NOW = datetime(2026, 9, 16, 10, 0, tzinfo=IST)
LOT = 65
WORDS = {
    OrderState.OPEN: "open",
    OrderState.PARTIAL: "open",
    OrderState.FILLED: "complete",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
    None: "thinking about it",
}


def option(
    strike: int, kind: OptionType = OptionType.CALL, expiry: date = date(2026, 9, 22)
) -> OptionContract:
    return OptionContract(underlying=Underlying("NIFTY"), expiry=expiry, strike=strike, option_type=kind)


def key(contract: OptionContract) -> InstrumentKey:
    return InstrumentKey(f"NSE_FO|{contract.strike}{contract.option_type}{contract.expiry:%d}")


def position(
    contract: OptionContract | None, quantity: int, *, product: str = "D", name: str = "", **more: Any
) -> BrokerPosition:
    """A row of the positions; a `name` for what is none of our contracts."""
    return BrokerPosition(
        key=InstrumentKey(name) if contract is None else key(contract),
        contract=contract,
        product=product,
        quantity=quantity,
        overnight_quantity=more.get("overnight", 0),
        buy_value_inr=Decimal(0),
        sell_value_inr=Decimal(0),
        last_price=more.get("last", Decimal(10)),
    )


def order(
    contract: OptionContract,
    side: Side,
    quantity: int,
    *,
    filled: int = 0,
    state: OrderState | None = OrderState.OPEN,
    **more: Any,
) -> BrokerOrder:
    """A row of the order book."""
    return BrokerOrder(
        order_id=more.get("order_id", "260916000001"),
        tag=more.get("tag"),
        key=key(contract),
        contract=contract,
        side=side,
        product=more.get("product", "D"),
        quantity=quantity,
        filled_quantity=filled,
        limit_price=Decimal(more.get("price", "10.00")),
        average_price=None,
        state=state,
        word=more.get("word", WORDS.get(state, "open")),
        message="",
        placed_at=NOW,
        request_number=1,
    )


def evidence(
    *positions: BrokerPosition,
    orders: tuple[BrokerOrder, ...] = (),
    offsets: Mapping[Place, int] | None = None,
    **more: Any,
) -> BrokerEvidence:
    """Both books; they agree unless `offsets` says what is believed."""
    return BrokerEvidence(
        read_at=more.pop("read_at", NOW),
        orders=orders,
        positions=positions,
        offsets=offsets_of(positions, orders) if offsets is None else offsets,
        **more,
    )
