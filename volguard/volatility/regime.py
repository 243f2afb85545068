"""Is the index trending? First form of the regimes: TREND_UP, TREND_DOWN or NEUTRAL from daily bars."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.market import DailyBar, FloatArray

EMA_SESSIONS: Final = 20
WILDER_SESSIONS: Final = 14
ADX_TREND: Final = 25.0
BARS_MIN: Final = EMA_SESSIONS + 2 * WILDER_SESSIONS


class Regime(StrEnum):
    """Direction of the daily trend."""

    TREND_UP = "TREND_UP"
    TREND_DOWN = "TREND_DOWN"
    NEUTRAL = "NEUTRAL"
    NO_HISTORY = "NO_HISTORY"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeState:
    """The regime with the figures that made it; None where history is too short."""

    regime: Regime
    distance_atr: float | None  # (close - EMA20) in average true ranges
    adx: float | None


def daily_regime(bars: tuple[DailyBar, ...]) -> RegimeState:
    """TREND when the close is over one ATR from its EMA(20) and ADX(14) is above 25.

    ATR, ADX: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    ranges = [(bar.high, bar.low, bar.close) for bar in bars if bar.high is not None and bar.low is not None]
    if len(ranges) < BARS_MIN:
        return RegimeState(regime=Regime.NO_HISTORY, distance_atr=None, adx=None)
    high, low, close = np.array(ranges).T
    true_range = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
    atr = _wilder(true_range)[-1]
    distance = float((close[-1] - _ema(close, EMA_SESSIONS)) / atr) if atr > 0 else 0.0
    adx = _adx(high, low, true_range)
    regime = Regime.NEUTRAL
    if adx > ADX_TREND and abs(distance) > 1.0:
        regime = Regime.TREND_UP if distance > 0 else Regime.TREND_DOWN
    return RegimeState(regime=regime, distance_atr=distance, adx=adx)


def _adx(high: FloatArray, low: FloatArray, true_range: FloatArray) -> float:
    up, down = np.diff(high), -np.diff(low)
    plus = _wilder(np.where((up > down) & (up > 0), up, 0.0))
    minus = _wilder(np.where((down > up) & (down > 0), down, 0.0))
    ranges = _wilder(true_range)
    ranges = np.where(ranges > 0, ranges, np.inf)
    total = (plus + minus) / ranges
    dx = 100.0 * np.abs(plus - minus) / ranges / np.where(total > 0, total, np.inf)
    return float(_wilder(dx)[-1])


def _ema(values: FloatArray, sessions: int) -> float:
    weight = 2.0 / (sessions + 1.0)
    level = float(values[0])
    for value in values[1:].tolist():
        level += weight * (value - level)
    return level


def _wilder(values: FloatArray) -> FloatArray:
    # Wilder's smoothing, started from the mean of the first window.
    smoothed = np.empty(len(values) - WILDER_SESSIONS + 1)
    level = float(np.mean(values[:WILDER_SESSIONS]))
    smoothed[0] = level
    for i, value in enumerate(values[WILDER_SESSIONS:].tolist(), start=1):
        level += (value - level) / WILDER_SESSIONS
        smoothed[i] = level
    return smoothed
