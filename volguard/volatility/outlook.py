"""All that daily history says before the session opens: computed once, the same all day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.model.market import DailyBar, FloatArray
from volguard.volatility.forecast import Forecast, ForecastSettings, make_forecast, past_forecasts
from volguard.volatility.regime import Regime, RegimeState, daily_regime


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Forecast, regime, and the past of the implied level it is compared with (VIX stands in: vix_proxy).

    `past_vix` and `past_spread` are decimals per year over the last sessions, oldest first, () when the
    history has no VIX.
    """

    last_close: float | None
    last_day: date | None
    forecast: Forecast | None
    regime: RegimeState
    past_vix: FloatArray
    past_spread: FloatArray


NO_OUTLOOK = Outlook(
    last_close=None,
    last_day=None,
    forecast=None,
    regime=RegimeState(regime=Regime.NO_HISTORY, distance_atr=None, adx=None),
    past_vix=np.empty(0),
    past_spread=np.empty(0),
)


def make_outlook(
    index: tuple[DailyBar, ...], vix: tuple[DailyBar, ...], settings: ForecastSettings, *, sessions: int
) -> Outlook:
    """The outlook from bars that all lie before the trading date; `sessions` bounds the past kept."""
    if not index:
        return NO_OUTLOOK
    closes = np.array([bar.close for bar in index])
    forecasts = past_forecasts(closes, settings)
    by_day = {bar.day: level for bar, level in zip(index[1:], forecasts.tolist(), strict=True)}
    recent = vix[-sessions:]
    past_vix = np.array([bar.close / 100.0 for bar in recent])
    expected = np.array([by_day.get(bar.day, np.nan) for bar in recent])
    return Outlook(
        last_close=float(closes[-1]),
        last_day=index[-1].day,
        forecast=make_forecast(closes, settings),
        regime=daily_regime(index),
        past_vix=past_vix,
        past_spread=past_vix - expected,
    )
