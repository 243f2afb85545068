"""Implied volatility of the made-up market: a term structure and a smile per expiry free of static arbitrage.

Term structure: forward variance reverts from today's to a long-run one (as in Heston 1993), over sessions.
Smile: SSVI (Gatheral and Jacquier 2014, eq. 4.1) with phi = eta / sqrt(theta); free of butterfly arbitrage
where eta^2 (1 + |rho|) <= 4 and eta sqrt(theta) (1 + |rho|) < 4 (their theorem 4.2).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.simulator.history import SESSIONS_PER_YEAR

VIX_YEARS: Final = 30.0 / 365.0
REVERSION_PER_YEAR: Final = 6.0
LONG_RUN_ABOVE_OPEN: Final = 0.008  # far volatility is higher on an ordinary day
ETA_FAR: Final = 0.45
ETA_NEAR_EXTRA: Final = 0.45
RHO_FAR: Final = -0.50
RHO_NEAR_EXTRA: Final = 0.20
NEAR_YEARS: Final = 0.06


def total_variance(
    level: FloatArray, open_level: float, t_years: FloatArray, sessions: FloatArray
) -> FloatArray:
    """At-the-money total variance to expiry, shape (times, expiries).

    `level` (times, 1) is the 30-day volatility per 252 sessions, `open_level` the one at the open;
    `t_years` and `sessions` (times, expiries) are the calendar and session time left.
    """
    long_run = (open_level + LONG_RUN_ABOVE_OPEN) ** 2
    now = (level**2 - long_run) / _mean_decay(np.array(VIX_YEARS))
    variance: FloatArray = (long_run + now * _mean_decay(t_years)) * sessions / SESSIONS_PER_YEAR
    return variance


def smile_shape(t_years: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Curvature `eta` and slope `rho` of the smile of expiries `t_years` away at the open."""
    near = np.exp(-t_years / NEAR_YEARS)
    return ETA_FAR + ETA_NEAR_EXTRA * near, RHO_FAR + RHO_NEAR_EXTRA * near


def smile_variance(theta: FloatArray, depth: FloatArray, eta: FloatArray, rho: FloatArray) -> FloatArray:
    """Total variance at log-moneyness `depth` x sqrt(theta), `depth` = ln(K/F) / sqrt(theta)."""
    x = eta * depth
    w: FloatArray = 0.5 * theta * (1.0 + rho * x + np.sqrt((x + rho) ** 2 + (1.0 - rho**2)))
    return w


# Mean over [0, T] of exp(-kappa u).
def _mean_decay(t_years: FloatArray) -> FloatArray:
    kt = REVERSION_PER_YEAR * t_years
    mean: FloatArray = -np.expm1(-kt) / kt
    return mean
