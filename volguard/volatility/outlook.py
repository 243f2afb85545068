"""All that daily history says before the session opens: the same all day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.model.market import DailyBar, FloatArray, VarianceForecasts
from volguard.volatility.forecast import NO_FORECASTS, forecast_of
from volguard.volatility.models import HorizonForecast
from volguard.volatility.regime import Regime, RegimeState, daily_regime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Forecasts, regime, and the past of the implied level they are compared with (VIX: vix_proxy).

    `past_vix` and `past_spread` (VIX less the month's forecast) are decimals per year over the last
    sessions, oldest first, nan where unknown, () when the history has no VIX.
    """

    last_close: float | None
    last_day: date | None
    forecasts: VarianceForecasts
    regime: RegimeState
    past_vix: FloatArray
    past_spread: FloatArray

    def forecast(self, sessions: float) -> HorizonForecast | None:
        """What is expected of the next `sessions`; None where nothing is."""
        return forecast_of(self.forecasts, sessions)


NO_OUTLOOK = Outlook(
    last_close=None,
    last_day=None,
    forecasts=NO_FORECASTS,
    regime=RegimeState(regime=Regime.NO_HISTORY, distance_atr=None, adx=None),
    past_vix=np.empty(0),
    past_spread=np.empty(0),
)


def make_outlook(
    index: tuple[DailyBar, ...], vix: tuple[DailyBar, ...], forecasts: VarianceForecasts, *, sessions: int
) -> Outlook:
    """The outlook from bars that all lie before the trading date; `sessions` bounds the past kept."""
    if not index:
        return NO_OUTLOOK
    recent = vix[-sessions:]
    past_vix = np.array([bar.close / 100.0 for bar in recent])
    month = {past.day: past.volatility for past in forecasts.past_month}
    known = [month.get(bar.day) for bar in recent]
    return Outlook(
        last_close=index[-1].close,
        last_day=index[-1].day,
        forecasts=forecasts,
        regime=daily_regime(index),
        past_vix=past_vix,
        past_spread=past_vix - np.array(known, dtype=np.float64),  # None becomes nan
    )
