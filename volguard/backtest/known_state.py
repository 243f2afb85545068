"""What daily history tells before a day begins: India VIX, where the index stood then, how it ranged."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.backtest.chain_model import RANGE_SESSIONS, MarketState
from volguard.model.errors import DataError
from volguard.model.market import DailyBar, FloatArray
from volguard.volatility.realized import Estimator, ohlc_of, rolling_volatility

PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Known after the close of `day`: VIX and range volatility decimal per year, the index in points."""

    day: date
    vix: float
    level: float
    range_volatility: float

    def state(self, level: FloatArray | float) -> MarketState:
        """The state when the index stands at `level`, any shape, and VIX is as it was."""
        now = np.asarray(level, dtype=np.float64)
        return MarketState(
            level=now,
            vix=np.full(now.shape, self.vix),
            vix_level=np.full(now.shape, self.level),
            range_volatility=np.full(now.shape, self.range_volatility),
        )


class KnownDays:
    """Looks up what was known, from daily bars in ascending order (India VIX in percent).

    Nothing is filled in: a session whose VIX or range is missing raises DataError naming the day.
    """

    def __init__(self, index: Sequence[DailyBar], vix: Sequence[DailyBar]) -> None:
        self._index = {bar.day: bar.close for bar in index}
        self._days = [bar.day for bar in index]
        self._vix = {bar.day: bar.close / PERCENT for bar in vix}
        volatility = rolling_volatility(Estimator.PARKINSON, ohlc_of(tuple(index)), RANGE_SESSIONS)
        self._range = dict(zip(self._days, volatility.tolist(), strict=True))

    def before(self, day: date) -> Known:
        """Known on the morning of `day`: figures of the last session of the index before it."""
        at = bisect_left(self._days, day)
        if at == 0:
            raise DataError(
                f"the index has no session before {day}", hint="begin later, or give a longer history"
            )
        return self.after_close(self._days[at - 1])

    def after_close(self, day: date) -> Known:
        """Known after the close of `day` itself, for prices of the close."""
        if day not in self._index:
            raise DataError(f"the index has no bar of {day}", hint="give a history that holds the day")
        if day not in self._vix:
            raise DataError(
                f"India VIX has no value of {day}", hint="a chain of the day after it cannot be modelled"
            )
        if not np.isfinite(self._range[day]):
            raise DataError(
                f"high or low of the index is not known within {RANGE_SESSIONS} sessions up to {day}",
                hint="a chain of the day after it cannot be modelled",
            )
        return Known(day=day, vix=self._vix[day], level=self._index[day], range_volatility=self._range[day])
