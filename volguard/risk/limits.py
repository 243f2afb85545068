"""Risk limits, in a file of their own so that a changed limit stands out. Shares are of the account."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from volguard.model.decision import Phase

# What FULL_AUTO halves: how large a position may be, not when to stop.
SIZE_CAPS: Final = (
    "delta_1pct_share_max",
    "gamma_1pct_share_max",
    "vega_per_pt_share_max",
    "theta_per_day_share_max",
    "open_risk_share_max",
    "stress_loss_share_max",
    "near_stress_share_max",
    "margin_used_share_max",
    "stressed_margin_share_max",
    "concentration_share_max",
)
LOSS_SIGN = "is a size of loss and must be above 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Account-wide limits. Every one is positive: the sign of a loss is never part of a limit."""

    quality_new_trades_min: float
    quality_full_auto_min: float
    confidence_min: float
    delta_1pct_share_max: float
    gamma_1pct_share_max: float
    vega_per_pt_share_max: float
    theta_per_day_share_max: float
    open_risk_share_max: float
    free_capital_share_min: float
    soft_stop_share: float
    hard_stop_share: float
    stress_loss_share_max: float
    near_stress_share_max: float
    margin_used_share_max: float
    stressed_margin_share_max: float
    concentration_share_max: float
    full_auto_caps_factor: float
    entry_price_band_share: float
    entry_price_band_ticks: int
    orders_per_day_max: int
    orders_per_second_max: int
    approval_valid_cadences: float
    heal_dwell_s: float
    kill_switch_flattens: bool

    def __post_init__(self) -> None:
        for name in (
            "delta_1pct_share_max",
            "gamma_1pct_share_max",
            "vega_per_pt_share_max",
            "theta_per_day_share_max",
            "open_risk_share_max",
            "soft_stop_share",
            "hard_stop_share",
            "stress_loss_share_max",
            "near_stress_share_max",
            "margin_used_share_max",
            "stressed_margin_share_max",
            "concentration_share_max",
            "full_auto_caps_factor",
        ):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"{name} was {value}, {LOSS_SIGN}, at most 1 (a share of the account)")
        for name in (
            "quality_new_trades_min",
            "quality_full_auto_min",
            "confidence_min",
            "free_capital_share_min",
        ):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValueError(f"{name} was {value}, must be in [0, 1]")
        for name in ("entry_price_band_share", "approval_valid_cadences", "heal_dwell_s"):
            value = getattr(self, name)
            if not 0 < value < math.inf:  # nan too would let everything pass
                raise ValueError(f"{name} was {value}, must be above 0")
        for name in ("entry_price_band_ticks", "orders_per_day_max", "orders_per_second_max"):
            value = getattr(self, name)
            if value < 1:
                raise ValueError(f"{name} was {value}, must be at least 1")
        if not self.soft_stop_share < self.hard_stop_share:
            raise ValueError(
                f"soft_stop_share was {self.soft_stop_share}, must be below hard_stop_share "
                f"{self.hard_stop_share}"
            )

    def caps_in(self, phase: Phase) -> Limits:
        """The limits of a phase: FULL_AUTO takes a part of every share that caps a size."""
        if phase is not Phase.FULL_AUTO:
            return self
        return replace(self, **{name: getattr(self, name) * self.full_auto_caps_factor for name in SIZE_CAPS})


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketLimits:
    """One bucket's share of the capital and what it may risk."""

    capital_share: float
    trade_risk_share_max: float
    trade_risk_inr_max: Decimal  # 0: the share alone decides
    open_risk_share_max: float
    open_trades_max: int

    def __post_init__(self) -> None:
        for name in ("trade_risk_share_max", "open_risk_share_max"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"{name} was {value}, {LOSS_SIGN}, at most 1 (a share of the bucket)")
        if not 0 <= self.capital_share <= 1:
            raise ValueError(f"capital_share was {self.capital_share}, must be in [0, 1]")
        if self.trade_risk_inr_max < 0:
            raise ValueError(f"trade_risk_inr_max was {self.trade_risk_inr_max}, must be 0 or more")
        if self.open_trades_max < 0:
            raise ValueError(f"open_trades_max was {self.open_trades_max}, must be 0 or more")
