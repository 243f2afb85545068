"""Settings of execution; patience in seconds of event time, bounds as shares of mid or in ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionSettings:
    """How long to wait at a price, and how far from mid an order may go."""

    patience_low_s: float
    patience_medium_s: float
    patience_high_s: float
    basket_timeout_s: float
    partial_fill_timeout_s: float  # how long a short may stand without its long
    absence_delay_s: float  # between readings of the broker's book for an order that nobody knows of
    entry_slippage_share: float
    entry_slippage_ticks: int
    exit_slippage_share: float
    exit_slippage_ticks: int
    band_share: float  # exchange's limit-price protection above band_switch_inr
    band_inr: float  # below it
    band_switch_inr: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} was {value}, must be above 0")
