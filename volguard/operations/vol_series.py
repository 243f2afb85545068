"""The past that charts of volatility draw: regimes over all years, IV-RV spreads over the last of them."""

from __future__ import annotations

from typing import Final

from volguard.config.settings import Settings
from volguard.operations.vol_view import DailyHistory, regimes_of
from volguard.report.vol_charts import VolPast
from volguard.volatility.forecast import month_forecasts
from volguard.volatility.signal_history import SignalDay, signal_history

SPREAD_SESSIONS: Final = 756  # three years: each of their months is a fit of its own


def vol_past(history: DailyHistory, settings: Settings) -> VolPast:
    """What lies behind the figures of the last session; without India VIX there is none of it."""
    return VolPast(
        vix=history.vix,
        regimes=regimes_of(history, settings),
        spreads=spread_history(history, settings, SPREAD_SESSIONS),
        thresholds=settings.iv_rv,
    )


def spread_history(history: DailyHistory, settings: Settings, sessions: int) -> tuple[SignalDay, ...]:
    """India VIX less the month's forecast over the last sessions, each known after its own close.

    Spread None where a session has no forecast; () without India VIX.
    """
    recent = history.vix[-sessions:]
    if not recent or recent[0].day > history.index[-1].day:
        return ()
    forecasts = month_forecasts(history.index, settings.models, recent[0].day)
    return signal_history(recent, forecasts, settings.iv_rv)
