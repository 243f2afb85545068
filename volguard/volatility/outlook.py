"""All that daily history says before the session opens: the same all day."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from volguard.model.market import DailyBar, FloatArray, ForeignStand, VarianceForecasts
from volguard.volatility.forecast import NO_FORECASTS, forecast_of
from volguard.volatility.models import HorizonForecast
from volguard.volatility.positioning import NO_POSITIONS
from volguard.volatility.regime import Regime, RegimeState, daily_regime
from volguard.volatility.regime_stand import NO_STAND, RegimeStand


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outlook:
    """Forecasts, regime, and the past of the implied level they are compared with (VIX: vix_proxy).

    `past_vix` and `past_spread` (VIX less the month's forecast) are decimals per year over the last
    sessions, oldest first, nan where unknown, () when the history has no VIX up to its last session.
    `missing`: why there is no forecast; empty where there is one. `stand`: the regime of the last close;
    `foreign`: how foreign investors stood at it.
    """

    last_close: float | None
    last_day: date | None
    forecasts: VarianceForecasts
    regime: RegimeState
    past_vix: FloatArray
    past_spread: FloatArray
    missing: str
    stand: RegimeStand = NO_STAND
    foreign: ForeignStand = NO_POSITIONS

    def forecast(self, sessions: float, gone: float = 0.0) -> HorizonForecast | None:
        """What is expected of the next `sessions`, `gone` of the first being over; None where nothing is."""
        return forecast_of(self.forecasts, sessions, gone)


NO_OUTLOOK = Outlook(
    last_close=None,
    last_day=None,
    forecasts=NO_FORECASTS,
    regime=RegimeState(regime=Regime.NO_HISTORY, distance_atr=None, adx=None),
    past_vix=np.empty(0),
    past_spread=np.empty(0),
    missing="there is no daily history",
)


def make_outlook(
    index: tuple[DailyBar, ...],
    vix: tuple[DailyBar, ...],
    forecasts: VarianceForecasts,
    *,
    session_before: date,
    sessions: int,
) -> Outlook:
    """The outlook from bars that all lie before the trading date; `sessions` bounds the past kept.

    A history that ends before `session_before` says nothing of today: no forecast, no regime, no past. It may
    end later, with the bar of a ceremonial hour, which is no session of options.
    """
    if not index:
        return NO_OUTLOOK
    if index[-1].day < session_before:
        missing = f"the history ends on {index[-1].day}, the session before was {session_before}"
        return replace(NO_OUTLOOK, missing=missing)
    known_vix = [bar for bar in vix if bar.day <= index[-1].day]
    is_current = bool(known_vix) and known_vix[-1].day >= session_before
    recent = known_vix[-sessions:] if is_current else []
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
        missing="" if forecasts.total_variance else _left_out(forecasts),
    )


def _left_out(forecasts: VarianceForecasts) -> str:
    reasons = dict.fromkeys(forecasts.left_out.values())  # each once, in order
    return "; ".join(reasons) or "no model was fitted"
