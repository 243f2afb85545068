"""The only place where floats become money, lots become units, and figures are rounded."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

IST: Final = timezone(timedelta(hours=5, minutes=30), "IST")  # no daylight saving, so a fixed offset is exact
PAISA: Final = Decimal("0.01")
MICRO: Final = Decimal("0.000001")


def money(amount: Decimal) -> Decimal:
    """Round rupees half-even to the paisa."""
    return amount.quantize(PAISA, ROUND_HALF_EVEN)


def money_text(amount: Decimal) -> str:
    """Write rupees with exactly two decimals, for JSON and screens."""
    return f"{money(amount):f}"


def rupees(amount: float) -> Decimal:
    """Turn an analytic float into rupees, half-even to the paisa. Raises ValueError on nan or infinity."""
    value = Decimal(repr(float(amount)))
    if not value.is_finite():
        raise ValueError(f"not an amount of money: {amount}")
    return money(value)


def tick_price(price: float, tick: Decimal) -> Decimal:
    """Turn a quoted float into its exact price: the nearest multiple of the tick, half-even."""
    return _on_grid(price, tick, ROUND_HALF_EVEN)


def tick_below(price: float, tick: Decimal) -> Decimal:
    """The highest multiple of the tick that is not above the price (a float's own noise forgiven)."""
    return _on_grid(price, tick, ROUND_FLOOR)


def tick_above(price: float, tick: Decimal) -> Decimal:
    """The lowest multiple of the tick that is not below the price (a float's own noise forgiven)."""
    return _on_grid(price, tick, ROUND_CEILING)


def _on_grid(price: float, tick: Decimal, rounding: str) -> Decimal:
    # Six places first: 24.150000000000002 is the price 24.15, not a price above it.
    exact = Decimal(repr(float(price))).quantize(MICRO, ROUND_HALF_EVEN)
    return (exact / tick).quantize(Decimal(1), rounding) * tick


def figure(value: float) -> float:
    """Round to the 9 significant digits that the journal keeps; thresholds compare this figure."""
    return float(f"{value:.9g}")


def units_of(lots: int, lot_size: int) -> int:
    """Units of the underlying in whole lots."""
    return lots * lot_size


def seconds_between(earlier: datetime, later: datetime) -> float:
    """Elapsed seconds, negative when `later` is the earlier one."""
    return (later - earlier).total_seconds()
