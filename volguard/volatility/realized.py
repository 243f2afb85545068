"""Realised volatility from daily closes.

Volatility is a decimal per year of 252 sessions; returns are close to close, so that overnight and
weekend moves are inside.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from volguard.model.market import FloatArray

SESSIONS_PER_YEAR: Final = 252


def log_returns(closes: FloatArray) -> FloatArray:
    """Close-to-close log returns, shape (n - 1,)."""
    return np.diff(np.log(closes))


def close_to_close(returns: FloatArray, window: int) -> float | None:
    """Annualised root mean square of the last `window` returns (zero mean); None when there are fewer."""
    if len(returns) < window:
        return None
    recent = returns[-window:]
    return math.sqrt(float(recent @ recent) / window * SESSIONS_PER_YEAR)


def rolling_close_to_close(returns: FloatArray, window: int) -> FloatArray:
    """`close_to_close` as known after each return, nan before the window is full; shape (n,)."""
    squares = np.concatenate(([0.0], np.cumsum(returns * returns)))
    out = np.full(len(returns), np.nan)
    if len(returns) >= window:
        out[window - 1 :] = np.sqrt((squares[window:] - squares[:-window]) / window * SESSIONS_PER_YEAR)
    return out
