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


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TrendSeries:
    """Figures of the trend as known after each bar, shape (bars,); nan before they are warmed up."""

    distance_atr: FloatArray
    adx: FloatArray


def daily_regime(bars: tuple[DailyBar, ...]) -> RegimeState:
    """TREND when the close is over one ATR from its EMA(20) and ADX(14) is above 25.

    ATR, ADX: Wilder (1978), New Concepts in Technical Trading Systems.
    """
    ranges = [(bar.high, bar.low, bar.close) for bar in bars if bar.high is not None and bar.low is not None]
    if len(ranges) < BARS_MIN:
        return RegimeState(regime=Regime.NO_HISTORY, distance_atr=None, adx=None)
    high, low, close = np.array(ranges).T
    series = trend_series(high, low, close)
    distance, adx = float(series.distance_atr[-1]), float(series.adx[-1])
    regime = Regime.NEUTRAL
    if adx > ADX_TREND and abs(distance) > 1.0:
        regime = Regime.TREND_UP if distance > 0 else Regime.TREND_DOWN
    return RegimeState(regime=regime, distance_atr=distance, adx=adx)


def trend_series(high: FloatArray, low: FloatArray, close: FloatArray) -> TrendSeries:
    """Distance from EMA(20) in ATR(14) and ADX(14) after each bar; columns of shape (bars,), none nan."""
    distance, adx = np.full(len(close), np.nan), np.full(len(close), np.nan)
    if len(close) >= BARS_MIN:
        true_range = np.maximum(high[1:], close[:-1]) - np.minimum(low[1:], close[:-1])
        atr = _wilder(true_range)
        away = close[WILDER_SESSIONS:] - _ema(close, EMA_SESSIONS)[WILDER_SESSIONS:]
        distance[WILDER_SESSIONS:] = np.where(atr > 0, away / np.where(atr > 0, atr, 1.0), 0.0)
        adx[2 * WILDER_SESSIONS - 1 :] = _adx(high, low, true_range)
        # The smoothed figures need their warm-up, as the last one does.
        distance[: BARS_MIN - 1] = adx[: BARS_MIN - 1] = np.nan
    return TrendSeries(distance_atr=distance, adx=adx)


def _adx(high: FloatArray, low: FloatArray, true_range: FloatArray) -> FloatArray:
    up, down = np.diff(high), -np.diff(low)
    plus = _wilder(np.where((up > down) & (up > 0), up, 0.0))
    minus = _wilder(np.where((down > up) & (down > 0), down, 0.0))
    ranges = _wilder(true_range)
    ranges = np.where(ranges > 0, ranges, np.inf)
    total = (plus + minus) / ranges
    dx = 100.0 * np.abs(plus - minus) / ranges / np.where(total > 0, total, np.inf)
    return _wilder(dx)


def _ema(values: FloatArray, sessions: int) -> FloatArray:
    weight = 2.0 / (sessions + 1.0)
    level = float(values[0])
    out = np.empty(len(values))
    out[0] = level
    for i, value in enumerate(values[1:].tolist(), start=1):
        level += weight * (value - level)
        out[i] = level
    return out


def _wilder(values: FloatArray) -> FloatArray:
    # Wilder's smoothing, started from the mean of the first window.
    smoothed = np.empty(len(values) - WILDER_SESSIONS + 1)
    level = float(np.mean(values[:WILDER_SESSIONS]))
    smoothed[0] = level
    for i, value in enumerate(values[WILDER_SESSIONS:].tolist(), start=1):
        level += (value - level) / WILDER_SESSIONS
        smoothed[i] = level
    return smoothed
