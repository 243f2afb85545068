"""Theoretical values of all listed options at many times at once: forward curve, smile, Black-76."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from volguard.model.market import FloatArray, Listing
from volguard.pricing.black76 import price
from volguard.simulator.history import OVERNIGHT_SHARE
from volguard.simulator.index_path import variance_clock
from volguard.simulator.session import SessionRules
from volguard.simulator.smile import smile_shape, smile_variance, total_variance

SECONDS_PER_YEAR: Final = 365.0 * 86_400.0
T_FLOOR_YEARS: Final = 300.0 / SECONDS_PER_YEAR
SESSIONS_FLOOR: Final = 1e-3
INTEREST_RATE: Final = 0.062
DIVIDEND_YIELD: Final = 0.012


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """Theory at several times: `value` in rupees per row, shape (times, rows); the rest per strike.

    Shapes per strike are (times, rows / 2). `time_value` is that of the out-of-the-money right, `depth` =
    ln(K/F) in standard deviations to expiry, `sigma` the volatility per calendar year (ACT/365).
    """

    value: FloatArray
    time_value: FloatArray
    depth: FloatArray
    sigma: FloatArray


class Valuation:
    """Values of the listed options at given times, levels and spots; each strike lists call and put."""

    def __init__(self, listing: Listing, rules: SessionRules, open_level: float) -> None:
        self._expiry = listing.expiry_index[::2]
        self._strike = listing.strike[::2]
        self._log_strike = np.log(self._strike)
        self._session_s, self._open_level = rules.session_s, open_level
        left = [rules.expires(day) - rules.opens for day in listing.expiries]
        self._expiry_s = np.array([time.total_seconds() for time in left])
        self._sessions_after = np.array([_weekdays(rules.trading_date, day) for day in listing.expiries])
        self._eta, self._rho = smile_shape(self._expiry_s / SECONDS_PER_YEAR)

    def at(self, time_s: FloatArray, *, spot: FloatArray, level: FloatArray) -> Theory:
        """Theory at `time_s` seconds after the open, for spot and implied level then, each (times,)."""
        expiry = self._expiry
        t_years = np.maximum((self._expiry_s - time_s[:, None]) / SECONDS_PER_YEAR, T_FLOOR_YEARS)
        rest = (1.0 - OVERNIGHT_SHARE) * (1.0 - variance_clock(time_s / self._session_s))[:, None]
        sessions = np.maximum(self._sessions_after + rest, SESSIONS_FLOOR)
        theta = total_variance(level[:, None], self._open_level, t_years, sessions)
        forward = spot[:, None] * np.exp((INTEREST_RATE - DIVIDEND_YIELD) * t_years)
        discount = np.exp(-INTEREST_RATE * t_years)
        depth = (self._log_strike - np.log(forward)[:, expiry]) / np.sqrt(theta)[:, expiry]
        variance = smile_variance(theta[:, expiry], depth, self._eta[expiry], self._rho[expiry])
        sigma = np.sqrt(variance / t_years[:, expiry])
        forward, discount, t_years = forward[:, expiry], discount[:, expiry], t_years[:, expiry]
        is_call = self._strike > forward
        time_value = price(forward, self._strike, t_years, sigma, is_call, discount)
        in_the_money = time_value + discount * np.abs(forward - self._strike)
        value = np.empty((len(time_s), 2 * len(expiry)))
        value[:, ::2] = np.where(is_call, time_value, in_the_money)
        value[:, 1::2] = np.where(is_call, in_the_money, time_value)
        return Theory(value=value, time_value=time_value, depth=depth, sigma=sigma)


# The made-up market knows no holidays after its session: every weekday counts.
def _weekdays(after: date, until: date) -> int:
    return int(np.busday_count(after + timedelta(days=1), until + timedelta(days=1)))
