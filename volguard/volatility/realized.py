"""Realised volatility from daily bars.

Volatility is a decimal per year of 252 sessions. Close to close and Yang-Zhang hold overnight and weekend
moves; Parkinson, Garman-Klass and Rogers-Satchell see the open session alone and so lie below them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from volguard.model.market import DailyBar, FloatArray
from volguard.volatility.rank import percentile_of

SESSIONS_PER_YEAR: Final = 252
WINDOWS: Final = (5, 10, 20, 60)  # sessions
CONE_QUANTILES: Final = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)


class Estimator(StrEnum):
    """How realised volatility is read from daily bars."""

    CLOSE_TO_CLOSE = "close_to_close"
    PARKINSON = "parkinson"
    GARMAN_KLASS = "garman_klass"
    ROGERS_SATCHELL = "rogers_satchell"
    YANG_ZHANG = "yang_zhang"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ohlc:
    """Columns of daily bars, oldest first, shape (sessions,); a bar that contradicts itself is nan."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray

    def __len__(self) -> int:
        return len(self.close)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConeRow:
    """One window of the cone: its past at each of CONE_QUANTILES, today's value and where it stands there."""

    window: int
    quantiles: tuple[float, ...]
    latest: float | None
    percentile: float | None


def ohlc_of(bars: tuple[DailyBar, ...]) -> Ohlc:
    """Columns of bars; open, high and low are nan where unknown or where they contradict one another."""
    rows = [
        [math.nan if value is None else value for value in (bar.open, bar.high, bar.low, bar.close)]
        for bar in bars
    ]
    o, h, low, c = np.array(rows, dtype=np.float64).reshape(-1, 4).T.copy()
    good = (h >= np.maximum(o, c)) & (low <= np.minimum(o, c)) & (low > 0.0)
    for column in (o, h, low):
        column[~good] = np.nan
    return Ohlc(open=o, high=h, low=low, close=c)


def log_returns(closes: FloatArray) -> FloatArray:
    """Close-to-close log returns, shape (n - 1,)."""
    return np.diff(np.log(closes))


def rolling_volatility(estimator: Estimator, bars: Ohlc, window: int) -> FloatArray:
    """Annualised volatility of the last `window` sessions as known after each, shape (sessions,).

    nan before the window is full and while a bar inside it is unknown. Parkinson (1980), J. Business 53;
    Garman and Klass (1980), ibid., the form without the cross terms; Rogers and Satchell (1991), Ann. Appl.
    Prob. 1; Yang and Zhang (2000), J. Business 73. Raises ValueError for a window below 2.
    """
    if window < 2:
        raise ValueError(f"window was {window}, must be at least 2 sessions")
    if estimator is Estimator.YANG_ZHANG:
        variance = _yang_zhang(bars, window)
    else:
        variance = _rolling_mean(_session_variance(estimator, bars), window)
    return np.asarray(np.sqrt(variance * SESSIONS_PER_YEAR))


def realised_table(
    bars: Ohlc, windows: tuple[int, ...] = WINDOWS
) -> Mapping[Estimator, Mapping[int, float | None]]:
    """Latest volatility by estimator and window; None where its window is not full."""
    return {
        estimator: {window: _last(rolling_volatility(estimator, bars, window)) for window in windows}
        for estimator in Estimator
    }


def volatility_cone(
    bars: Ohlc,
    estimator: Estimator = Estimator.CLOSE_TO_CLOSE,
    windows: tuple[int, ...] = WINDOWS,
) -> tuple[ConeRow, ...]:
    """What each window's volatility has been and where it stands today; windows without a past are left out.

    G. Burghardt and M. Lane (1990), "How to tell if options are cheap". Windows overlap.
    """
    rows: list[ConeRow] = []
    for window in windows:
        series = rolling_volatility(estimator, bars, window)
        known = series[np.isfinite(series)]
        if not len(known):
            continue
        latest = _last(series)
        rows.append(
            ConeRow(
                window=window,
                quantiles=tuple(np.quantile(known, CONE_QUANTILES).tolist()),
                latest=latest,
                percentile=None if latest is None else percentile_of(latest, known),
            )
        )
    return tuple(rows)


def range_variance(bars: Ohlc) -> FloatArray:
    """Variance of each session from close to close: overnight move squared plus Garman-Klass, shape (n,).

    Far less noisy than the squared return, and like it not annualised; nan for the first session.
    """
    overnight = np.full(len(bars), np.nan)
    overnight[1:] = np.log(bars.open[1:] / bars.close[:-1])
    return overnight**2 + _session_variance(Estimator.GARMAN_KLASS, bars)


def _session_variance(estimator: Estimator, bars: Ohlc) -> FloatArray:
    up, down = np.log(bars.high / bars.open), np.log(bars.low / bars.open)
    body = np.log(bars.close / bars.open)
    if estimator is Estimator.PARKINSON:
        return np.asarray((up - down) ** 2 / (4.0 * math.log(2.0)))
    if estimator is Estimator.GARMAN_KLASS:
        return np.asarray(0.5 * (up - down) ** 2 - (2.0 * math.log(2.0) - 1.0) * body**2)
    if estimator is Estimator.ROGERS_SATCHELL:
        return np.asarray(up * (up - body) + down * (down - body))
    squares = np.full(len(bars), np.nan)
    squares[1:] = log_returns(bars.close) ** 2
    return squares


def _yang_zhang(bars: Ohlc, window: int) -> FloatArray:
    overnight = np.full(len(bars), np.nan)
    overnight[1:] = np.log(bars.open[1:] / bars.close[:-1])
    body = np.log(bars.close / bars.open)
    # Yang and Zhang's k: least variance of the estimator, for alpha = 1.34.
    k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    drift_free = _rolling_mean(_session_variance(Estimator.ROGERS_SATCHELL, bars), window)
    open_part, close_part = _rolling_variance(overnight, window), _rolling_variance(body, window)
    return open_part + k * close_part + (1.0 - k) * drift_free


def _rolling_mean(values: FloatArray, window: int) -> FloatArray:
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        # Each window summed by itself: a running sum would leave a shock's rounding behind.
        out[window - 1 :] = sliding_window_view(values, window).mean(axis=1)
    return out


def _rolling_variance(values: FloatArray, window: int) -> FloatArray:
    out = np.full(len(values), np.nan)
    if len(values) >= window:
        out[window - 1 :] = sliding_window_view(values, window).var(axis=1, ddof=1)
    return out


def _last(series: FloatArray) -> float | None:
    return float(series[-1]) if len(series) and math.isfinite(series[-1]) else None
