"""Execution quality as plain values: per order, per urgency, together; what was not measured is null.

Prices and slippage per unit are text with four decimals (a mid lies on half a tick), rupees with two.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any, Final

from volguard.execution.quality import QualitySummary, SentOrder, by_urgency, summary_of
from volguard.model.units import money_text

SCHEMA: Final = "volguard.journal_orders/1"
PRICE_STEP: Final = Decimal("0.0001")


def orders_document(journal: Path, orders: Sequence[SentOrder]) -> dict[str, Any]:
    """The document behind `volguard journal orders`."""
    rows = [_order(order) for order in orders]
    return {"schema": SCHEMA, "journal": str(journal), "orders": rows, "execution": execution(orders)}


def execution(orders: Sequence[SentOrder]) -> dict[str, Any]:
    """Summaries: one per urgency that was used, and one of all orders."""
    parts = by_urgency(orders)
    return {
        "by_urgency": [{"urgency": urgency.value, **_summary(part)} for urgency, part in parts.items()],
        "all": _summary(summary_of(orders)),
    }


def outcome_of(order: SentOrder | None) -> dict[str, Any]:
    """How one order was executed; every figure null for one that is not known to have left."""
    if order is None:
        return dict.fromkeys(OUTCOME_KEYS)
    return {
        "last_urgency": order.last_urgency.value,
        "outcome": order.outcome.value,
        "arrival_mid": _price(order.arrival_mid),
        "average_price": _price(order.average_price),
        "slippage_per_unit": _price(order.slippage_per_unit),
        "slippage_inr": _money(order.slippage_inr),
        "slippage_share": _figure(order.slippage_share),
        "fill_s": _figure(order.fill_s),
        "price_steps": order.price_steps,
    }


OUTCOME_KEYS: Final = (
    *("last_urgency", "outcome", "arrival_mid", "average_price", "slippage_per_unit", "slippage_inr"),
    *("slippage_share", "fill_s", "price_steps"),
)


def _order(order: SentOrder) -> dict[str, Any]:
    request = order.request
    return {
        "tag": request.tag,
        "trade_id": request.trade_id,
        "sent_at": order.sent_at.isoformat(),
        "expiry": request.contract.expiry.isoformat(),
        "strike": request.contract.strike,
        "option_type": str(request.contract.option_type),
        "side": str(request.side),
        "quantity": request.quantity,
        "filled_quantity": order.filled_quantity,
        "purpose": str(request.purpose),
        "urgency": str(request.urgency),
        **outcome_of(order),
    }


def _summary(part: QualitySummary) -> dict[str, Any]:
    return {
        "orders": part.orders,
        "filled_share": _figure(part.filled_share),
        "slippage_per_unit": {"median": _price(part.slippage_median), "worst": _price(part.slippage_worst)},
        "slippage_share": {"median": _figure(part.share_median), "worst": _figure(part.share_worst)},
        "slippage_inr": _money(part.slippage_inr),
        "fill_s": {"median": _figure(part.fill_s_median), "worst": _figure(part.fill_s_worst)},
        "unmeasured": part.unmeasured,
    }


def _price(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    rounded = amount.quantize(PRICE_STEP, ROUND_HALF_EVEN)
    return f"{rounded if rounded else abs(rounded):f}"


def _money(amount: Decimal | None) -> str | None:
    if amount is None:
        return None
    text = money_text(amount)
    return "0.00" if text == "-0.00" else text


def _figure(value: float | None) -> float | None:
    return None if value is None else round(value, 6)
