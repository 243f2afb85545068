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
    absence_delay_s: float  # between readings of the broker's book for what nobody knows or agrees on
    reconcile_every_s: float  # between readings of the broker's book while both agree
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


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenSettings:
    """How the operator's flatten paces itself, in seconds of the broker's clock.

    What no order of ours could close within `order_budget_s` is left to the broker's own exit-all.
    """

    deadline_s: float
    order_budget_s: float
    poll_s: float  # between two readings of the broker's books

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} was {value}, must be above 0")
        if self.order_budget_s >= self.deadline_s:
            raise ValueError(f"order_budget_s was {self.order_budget_s}, must be below {self.deadline_s}")
