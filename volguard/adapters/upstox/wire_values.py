"""Figures of the wire as exact values: float noise and -0.0 taken off, nan and infinity refused."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from volguard.model.instrument import OptionType
from volguard.model.units import PAISA, rupees, tick_price

Word = str | int  # an id that comes as text or as a bare number
Spare = Any  # nobody here reads it, so whatever form it has may pass

_FLOAT32_NOISE: Final = 2.0**-23  # some prices pass through single precision on their way
_AVERAGE_PLACES: Final = Decimal("0.0001")
_PERCENT: Final = 100.0


def price_of(value: float) -> Decimal:
    """A price to the paisa, half-even: 52.04999923706055 is 52.05. Raises ValueError on nan or infinity."""
    require_finite("price", value)
    return tick_price(value, PAISA) + 0  # + 0: never -0.00


def average_of(value: float | None) -> Decimal | None:
    """A mean price to four places; the paisa where only noise lies between. None for null and 0: no fill."""
    if not value:
        return None
    nearest = price_of(value)
    if abs(float(nearest) - value) <= abs(value) * _FLOAT32_NOISE:
        return nearest
    return Decimal(repr(value)).quantize(_AVERAGE_PLACES, ROUND_HALF_EVEN)


def quote_of(value: float | None) -> float | None:
    """A quoted price as a clean float; None for null, 0 and below: no quote."""
    if value is None or not value > 0.0:
        return None
    return float(price_of(value))


def money_of(value: float) -> Decimal:
    """Rupees half-even to the paisa, never -0.00. Raises ValueError on nan or infinity."""
    return rupees(value) + 0


def fraction_of_percent(percent: float | None) -> float | None:
    """Volatility as a decimal per year from percent; None for null and 0: the vendor has none."""
    return volatility_of(None if percent is None else percent / _PERCENT)


def volatility_of(fraction: float | None) -> float | None:
    """Volatility as a decimal per year from a fraction; None for null, 0 and below: the vendor has none."""
    if fraction is None or not 0.0 < fraction < math.inf:
        return None
    return fraction


def whole(name: str, value: float) -> int:
    """An integer that came as a float. Raises ValueError naming the field when it is none."""
    require_finite(name, value)
    if value != round(value):
        raise ValueError(f"{name} was {value}, must be a whole number")
    return round(value)


def paise(value: float) -> Decimal:
    """Rupees of an amount in paise: a tick of 5 is 0.05. Raises ValueError on nan or infinity."""
    require_finite("tick_size", value)
    return (Decimal(repr(float(value))) * PAISA).normalize()


def require_finite(name: str, *values: float | None) -> None:
    """Raises ValueError naming the field when a figure is nan or infinite; null passes."""
    for value in values:
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name} was {value}, must be a finite number")


def option_type_of(word: str | None) -> OptionType | None:
    """CE or PE, None for anything else."""
    return OptionType(word) if word in tuple(OptionType) else None
