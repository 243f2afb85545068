"""Implied against expected volatility: is there a premium to sell? Cheap volatility is never sold.

Spread = implied minus forecast, both as volatility per 252 sessions over the same sessions; z = the
30-day spread against its own last 252 sessions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from volguard.model.market import FloatArray


class IvRvSignal(StrEnum):
    """What the premium allows."""

    SELL_FULL = "SELL_FULL"
    SELL_REDUCED = "SELL_REDUCED"
    NEUTRAL = "NEUTRAL"
    AVOID = "AVOID"
    ABSTAIN = "ABSTAIN"


@dataclass(frozen=True, slots=True, kw_only=True)
class IvRvSettings:
    """Thresholds of the signal; spreads in volatility per year, z in standard deviations.

    `fall_max`: a spread that lost so much within `fall_sessions` is not sold.
    """

    full_spread_min: float
    full_z_min: float
    reduced_spread_min: float
    reduced_z_min: float
    neutral_spread_min: float
    fall_max: float
    fall_sessions: int
    history_sessions: int

    def __post_init__(self) -> None:
        if not self.full_spread_min > self.reduced_spread_min > self.neutral_spread_min:
            raise ValueError(
                f"spreads were full {self.full_spread_min}, reduced {self.reduced_spread_min}, neutral "
                f"{self.neutral_spread_min}; must fall in that order"
            )
        if not self.fall_max > 0.0:
            raise ValueError(f"fall_max was {self.fall_max}, must be above 0")
        if not 1 <= self.fall_sessions < self.history_sessions:
            raise ValueError(
                f"fall_sessions was {self.fall_sessions}, must be in [1, history_sessions "
                f"{self.history_sessions})"
            )
        if self.history_sessions < 20:
            raise ValueError(f"history_sessions was {self.history_sessions}, must be at least 20")


def spread_fall(now: float | None, past: FloatArray, settings: IvRvSettings) -> float | None:
    """How much the spread lost since `fall_sessions` ago; None where either is unknown.

    `past`: one spread per session before today's, oldest first, nan where unknown.
    """
    if now is None or len(past) < settings.fall_sessions:
        return None
    before = float(past[-settings.fall_sessions])
    return before - now if math.isfinite(before) else None


def iv_rv_signal(
    spread: float | None, z: float | None, fall: float | None, settings: IvRvSettings
) -> IvRvSignal:
    """The signal of a spread, its z and its fall; ABSTAIN when any is missing."""
    if spread is None or z is None or fall is None:
        return IvRvSignal.ABSTAIN
    if spread < settings.neutral_spread_min or fall >= settings.fall_max:
        return IvRvSignal.AVOID
    if spread >= settings.full_spread_min and z >= settings.full_z_min:
        return IvRvSignal.SELL_FULL
    if spread >= settings.reduced_spread_min and z >= settings.reduced_z_min:
        return IvRvSignal.SELL_REDUCED
    return IvRvSignal.NEUTRAL
