"""Fills and trades for tests of the book."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from tests.chains import LOT, NOW, WEEKLY, condor, put
from volguard.model.book import Bucket, Fill, StructureKind, Trade, TradeState
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderRequest, OrderState, Purpose, Urgency


def make_fill(
    side: Side,
    quantity: int,
    price: str,
    *,
    contract: OptionContract | None = None,
    charges: str = "0",
    number: int = 0,
) -> Fill:
    """One fill; `number` sets its id and its time."""
    return Fill(
        fill_id=f"F{number}",
        tag=f"tag-{number}",
        ts=NOW + timedelta(seconds=number),
        contract=put(24_400) if contract is None else contract,
        side=side,
        quantity=quantity,
        price=Decimal(price),
        charges_inr=Decimal(charges),
        touch_bid=None,
        touch_ask=None,
    )


def make_trade(*fills: Fill, trade_id: str = "T1", **changes: Any) -> Trade:
    """A one-lot weekly condor with these fills."""
    values: dict[str, Any] = {
        "trade_id": trade_id,
        "bucket": Bucket.WEEKLY,
        "structure": StructureKind.IRON_CONDOR,
        "legs": condor(24_100, 24_400, 25_200, 25_500, WEEKLY),
        "lots": 1,
        "lot_size": LOT,
        "state": TradeState.OPEN,
        "proposed_at": NOW,
        "credit_per_unit": 50.0,
        "max_loss_inr": Decimal("19000"),
        "reserved_inr": Decimal("19000"),
        "fills": fills,
    }
    return Trade(**values | changes)


def make_order(
    tag: str, state: OrderState = OrderState.OPEN, *, filled: int = 0, quantity: int = LOT
) -> Order:
    """An order to sell the short put."""
    request = OrderRequest(
        tag=tag,
        trade_id="T1",
        contract=put(24_400),
        side=Side.SELL,
        quantity=quantity,
        limit_price=Decimal("29.50"),
        purpose=Purpose.OPEN,
        urgency=Urgency.LOW,
    )
    return Order(
        request=request,
        state=state,
        sent_at=NOW,
        limit_price=request.limit_price,
        priced_at=NOW,
        rung=0,
        filled_quantity=filled,
    )
