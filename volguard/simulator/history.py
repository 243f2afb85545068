"""The made-up past of a made-up session: daily index and India VIX bars with clustering volatility.

Model: log variance is a mean-reverting AR(1) with leverage (Taylor 1986, ch. 3), returns are Gaussian given
it. VIX is the larger of two plain forecasts (RiskMetrics EWMA 0.94, 20-day realised) plus a slowly moving
premium, so that volatility is sold above what the index delivers, as on the exchange most of the time.
Volatilities are decimals per 252 sessions; bars of VIX are in percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.model.instrument import Underlying
from volguard.model.market import DailyBar, FloatArray
from volguard.simulator.streams import Purpose, stream

HISTORY_DAYS: Final = 500
SESSIONS_PER_YEAR: Final = 252.0
OVERNIGHT_SHARE: Final = 0.20  # of a session's close-to-close variance
VIX_NAME: Final = "INDIA_VIX"

STEPS_PER_DAY: Final = 25  # quarter hours, for highs and lows
VOL_MEDIAN: Final = 0.112
LOG_VOL_PERSISTENCE: Final = 0.975
LOG_VOL_SPREAD: Final = 0.22  # stationary standard deviation
LOG_VOL_LAST_SPREAD: Final = 0.10  # the session is near an ordinary day
LEVERAGE: Final = -0.6
PREMIUM_MEAN: Final = 0.034
PREMIUM_SPREAD: Final = 0.007
PREMIUM_PERSISTENCE: Final = 0.96
PREMIUM_LAST: Final = 0.045  # a little above its own past
PREMIUM_LEAST: Final = 0.010
EWMA_DECAY: Final = 0.94
REALISED_WINDOW: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPaths:
    """Equally long daily columns, oldest first; prices in points, volatilities as decimals."""

    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    vix_open: FloatArray
    vix_high: FloatArray
    vix_low: FloatArray
    vix_close: FloatArray
    vol: FloatArray  # the true daily volatility, per year of sessions


def history_paths(seed: int, *, days: int, last_close: float) -> HistoryPaths:
    """The paths of `days` sessions of one seed, the last of them closing at `last_close` points."""
    rng = stream(seed, Purpose.HISTORY)
    shocks = rng.standard_normal((days, STEPS_PER_DAY + 1))
    weights = np.full(STEPS_PER_DAY + 1, np.sqrt((1.0 - OVERNIGHT_SHARE) / STEPS_PER_DAY))
    weights[0] = np.sqrt(OVERNIGHT_SHARE)
    vol = _volatility((shocks * weights).sum(axis=1), rng)
    steps = shocks * weights * (vol / np.sqrt(SESSIONS_PER_YEAR))[:, None]
    path = np.cumsum(steps.ravel()).reshape(days, -1)  # log level: the open, then each quarter hour
    price = last_close * np.exp(path - path[-1, -1])
    returns = np.diff(path[:, -1], prepend=0.0)
    vix = _vix(returns, vol[0], rng)
    opened = np.r_[vix[0], vix[:-1]] * np.exp(0.01 * rng.standard_normal(days))
    reach = np.abs(0.02 * rng.standard_normal((2, days)))
    return HistoryPaths(
        open=price[:, 0],
        high=price.max(axis=1),
        low=price.min(axis=1),
        close=price[:, -1],
        vix_open=opened,
        vix_high=np.maximum(opened, vix) * (1.0 + reach[0]),
        vix_low=np.minimum(opened, vix) / (1.0 + reach[1]),
        vix_close=vix,
        vol=vol,
    )


class SyntheticHistory:
    """The history that ends the session before `trading_date`, from the seed alone.

    `trading_days` are ascending dates; the last 500 before the trading date are used. Raises ValueError for
    fewer than 60: no forecast could be made of them.
    """

    def __init__(
        self,
        *,
        seed: int,
        underlying: Underlying,
        trading_date: date,
        trading_days: Sequence[date],
        last_close: float,
    ) -> None:
        days = sorted(day for day in trading_days if day < trading_date)[-HISTORY_DAYS:]
        if len(days) < 60:
            raise ValueError(f"{len(days)} trading days before {trading_date}, a history needs 60")
        self._seed = seed
        self._underlying = underlying
        self.paths = history_paths(seed, days=len(days), last_close=last_close)
        p = self.paths
        self._bars = {
            str(underlying): _bars(days, p.open, p.high, p.low, p.close, places=2),
            VIX_NAME: _bars(
                days, *(100.0 * v for v in (p.vix_open, p.vix_high, p.vix_low, p.vix_close)), places=4
            ),
        }

    @property
    def origin(self) -> str:
        """The generator and its seed."""
        return f"simulator seed {self._seed}"

    def daily(self, name: str, before: date) -> tuple[DailyBar, ...]:
        """Bars of the underlying or of INDIA_VIX dated strictly before `before`; () for another name."""
        return tuple(bar for bar in self._bars.get(name, ()) if bar.day < before)


# A past that would end at another volatility is bent towards the wanted end, as the process forgets.
def _volatility(returns: FloatArray, rng: np.random.Generator) -> FloatArray:
    own = rng.standard_normal(len(returns))
    shocks = LEVERAGE * np.r_[0.0, returns[:-1]] + np.sqrt(1.0 - LEVERAGE**2) * own
    spread = LOG_VOL_SPREAD * np.sqrt(1.0 - LOG_VOL_PERSISTENCE**2)
    log_vol = _decayed(spread * shocks, LOG_VOL_PERSISTENCE, start=LOG_VOL_SPREAD * own[0])
    last = LOG_VOL_LAST_SPREAD * rng.standard_normal()
    return VOL_MEDIAN * np.exp(_ending_at(log_vol, last, LOG_VOL_PERSISTENCE))


def _vix(returns: FloatArray, start_vol: float, rng: np.random.Generator) -> FloatArray:
    spread = PREMIUM_SPREAD * np.sqrt(1.0 - PREMIUM_PERSISTENCE**2)
    wander = _decayed(spread * rng.standard_normal(len(returns)), PREMIUM_PERSISTENCE, start=0.0)
    last_year = wander[-int(SESSIONS_PER_YEAR) :]
    premium = _ending_at(PREMIUM_MEAN + wander - last_year.mean(), PREMIUM_LAST, PREMIUM_PERSISTENCE)
    return np.maximum(ewma_vol(returns, start_vol), realised_vol(returns)) + np.maximum(
        premium, PREMIUM_LEAST
    )


def ewma_vol(returns: FloatArray, start_vol: float) -> FloatArray:
    """EWMA volatility, decay 0.94, per 252 sessions (RiskMetrics 1996, eq. 5.3), after each daily return."""
    variance = _decayed((1.0 - EWMA_DECAY) * returns**2, EWMA_DECAY, start=start_vol**2 / SESSIONS_PER_YEAR)
    return np.sqrt(SESSIONS_PER_YEAR * variance)


def realised_vol(returns: FloatArray) -> FloatArray:
    """Deviation of the last 20 daily returns, per 252 sessions; until there are 20, of the first 20."""
    windows = np.lib.stride_tricks.sliding_window_view(returns, REALISED_WINDOW)
    spread = windows.std(axis=1, ddof=1)
    known = np.concatenate([np.full(REALISED_WINDOW - 1, spread[0]), spread])
    return np.sqrt(SESSIONS_PER_YEAR * known**2)


# x[t] = decay * x[t - 1] + values[t].
def _decayed(values: FloatArray, decay: float, *, start: float) -> FloatArray:
    out = np.empty_like(values)
    level = start
    for i, value in enumerate(values.tolist()):
        level = decay * level + value
        out[i] = level
    return out


# The same path given that it ends at `last`: exact for a stationary Gaussian AR(1).
def _ending_at(path: FloatArray, last: float, persistence: float) -> FloatArray:
    age = np.arange(len(path))[::-1]
    bent: FloatArray = path + (last - path[-1]) * persistence**age
    return bent


def _bars(days: Sequence[date], *columns: FloatArray, places: int) -> tuple[DailyBar, ...]:
    rounded = [np.round(column, places).tolist() for column in columns]
    return tuple(
        DailyBar(day=day, open=o, high=h, low=low, close=c)
        for day, o, h, low, c in zip(days, *rounded, strict=True)
    )
