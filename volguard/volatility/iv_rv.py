"""Implied against expected volatility: is there a premium to sell? Cheap volatility is never sold.

Spread = implied minus forecast, both as volatility per 252 sessions over the same sessions; z = the
30-day spread against its own last 252 sessions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from volguard.volatility.realized import SESSIONS_PER_YEAR


class IvRvSignal(StrEnum):
    """What the premium allows."""

    SELL_FULL = "SELL_FULL"
    SELL_REDUCED = "SELL_REDUCED"
    NEUTRAL = "NEUTRAL"
    AVOID = "AVOID"
    ABSTAIN = "ABSTAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class IvRvSettings:
    """Thresholds of the signal; spreads in volatility per year, z in standard deviations."""

    full_spread_min: float
    full_z_min: float
    reduced_spread_min: float
    reduced_z_min: float
    neutral_spread_min: float
    history_sessions: int

    def __post_init__(self) -> None:
        if not self.full_spread_min > self.reduced_spread_min > self.neutral_spread_min:
            raise ValueError(
                f"spreads were full {self.full_spread_min}, reduced {self.reduced_spread_min}, neutral "
                f"{self.neutral_spread_min}; must fall in that order"
            )
        if self.history_sessions < 20:
            raise ValueError(f"history_sessions was {self.history_sessions}, must be at least 20")


def per_session_volatility(atm_iv: float, t_years: float, sessions: float) -> float | None:
    """Implied total variance sigma^2 T (ACT/365) quoted as volatility per 252 sessions; None at expiry."""
    if not (math.isfinite(atm_iv) and sessions > 0 and t_years > 0):
        return None
    return atm_iv * math.sqrt(t_years * SESSIONS_PER_YEAR / sessions)


def iv_rv_signal(spread: float | None, z: float | None, settings: IvRvSettings) -> IvRvSignal:
    """The signal of a spread and its z; ABSTAIN when either is missing."""
    if spread is None or z is None:
        return IvRvSignal.ABSTAIN
    if spread < settings.neutral_spread_min:
        return IvRvSignal.AVOID
    if spread >= settings.full_spread_min and z >= settings.full_z_min:
        return IvRvSignal.SELL_FULL
    if spread >= settings.reduced_spread_min and z >= settings.reduced_z_min:
        return IvRvSignal.SELL_REDUCED
    return IvRvSignal.NEUTRAL
