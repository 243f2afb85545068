"""Densities of the index at one expiry: of the smile (Q), and of the forecast from daily history (P)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.adapters.history import FileHistory
from volguard.config.settings import Settings
from volguard.measure.market_view import MarketView, at_the_money
from volguard.measure.payoff import LevelDensity, forecast_density
from volguard.measure.smile_density import smile_density, value_under
from volguard.model.errors import DateNotCovered
from volguard.model.market import DailyBar
from volguard.operations.smile_view import known
from volguard.operations.vol_view import read_history
from volguard.pricing.slices import SmileSource
from volguard.pricing.surface import Surface
from volguard.volatility.models import FittedSet, HorizonForecast, fit_models, forecast_over
from volguard.volatility.premium import session_gone, sessions_of_variance
from volguard.volatility.realized import SESSIONS_PER_YEAR, ohlc_of
from volguard.wiring import rules_of

VOL_POINT: Final = 0.01
P_NAMES: Final = {"P": 0.0, "P+1pt": VOL_POINT}  # how many volatility points above the forecast


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One density at an expiry, or None with the reason; `origin` says what it was made of."""

    name: str
    density: LevelDensity | None
    reason: str | None
    origin: Mapping[str, Any]

    @property
    def deviation_points(self) -> float | None:
        """Standard deviation of the level in points."""
        density = self.density
        if density is None:
            return None
        mean = density.mean
        return float(np.sqrt(value_under(lambda at: (at - mean) ** 2, density).expected_points))


def bars_before(day: date, named: Path | None, usual: Path, settings: Settings) -> tuple[DailyBar, ...]:
    """Daily bars strictly before a day from the named folder, else from the usual one; () without any.

    A named folder must hold the history: raises DataError.
    """
    if named is not None:
        return tuple(bar for bar in read_history(named, settings, None).index if bar.day < day)
    return FileHistory(usual).daily(settings.market.underlying, day) if usual.is_dir() else ()


def measures_of(
    view: MarketView, expiry: int, surface: Surface, bars: tuple[DailyBar, ...], settings: Settings
) -> tuple[Measure, ...]:
    """Q, P, and P at a forecast one volatility point higher, at an expiry by position."""
    return (_smile_measure(view, expiry, surface), *_forecast_measures(view, expiry, bars, settings))


def _smile_measure(view: MarketView, expiry: int, surface: Surface) -> Measure:
    found = smile_density(
        lambda strike: surface.expiry_sigma(strike, expiry),
        float(view.forwards.forward[expiry]),
        float(view.years[expiry]),
    )
    level = at_the_money(view, view.listing.expiries[expiry])
    source = SmileSource(int(surface.source[expiry]))
    errors = {SmileSource.SABR: surface.sabr.error, SmileSource.SVI: surface.svi.error}
    origin = {
        "smile": source.name,
        "near_rms_pt": known(errors[source].near_rms_pt[expiry]) if source in errors else None,
        "atm_iv": None if level is None else known(level.sigma),
        "negative_mass": known(found.negative_mass),
    }
    return Measure(name="Q", density=found.density, reason=found.reason, origin=origin)


def _forecast_measures(
    view: MarketView, expiry: int, bars: tuple[DailyBar, ...], settings: Settings
) -> tuple[Measure, ...]:
    forward = float(view.forwards.forward[expiry])
    found = _forecast(view, expiry, bars, settings)
    if isinstance(found, HorizonForecast) and not np.isfinite(forward):
        found = "no forward: quotes do not pin it"
    if isinstance(found, str):
        return tuple(Measure(name=name, density=None, reason=found, origin={}) for name in P_NAMES)
    measures = []
    for name, dearer in P_NAMES.items():
        volatility = found.volatility + dearer
        variance = volatility**2 * found.sessions / SESSIONS_PER_YEAR
        origin = {
            "volatility": known(volatility),
            "sessions": known(found.sessions),
            "models": len(found.models),
            "dispersion": known(found.dispersion),
            "student_t_dof": settings.models.student_t_dof,
            "history_until": bars[-1].day.isoformat(),
        }
        density = forecast_density(forward, variance, settings.models.student_t_dof)
        measures.append(Measure(name=name, density=density, reason=None, origin=origin))
    return tuple(measures)


def _forecast(
    view: MarketView, expiry: int, bars: tuple[DailyBar, ...], settings: Settings
) -> HorizonForecast | str:
    # The forecast of the sessions to expiry, or why there is none.
    if not bars:
        return "no history"
    calendar, day = rules_of(settings).calendar, view.ts.date()
    try:
        before = calendar.previous_trading_day(day)
        sessions = sessions_of_variance(calendar, view.ts, view.frame.closes[expiry])
    except DateNotCovered as error:
        return error.message
    if bars[-1].day != before:
        return f"the history ends on {bars[-1].day}, the session before was {before}"
    gone = session_gone(calendar, view.ts)
    fitted = fit_models(ohlc_of(bars), settings.models, sessions_max=gone + sessions)
    forecast = forecast_over(fitted, sessions, gone)
    return no_forecast(fitted, sessions) if forecast is None else forecast


def no_forecast(fitted: FittedSet, sessions: float) -> str:
    """Why a set of models gave no forecast of so many sessions: what kept each out, equal reasons once."""
    reasons = sorted(set(fitted.left_out.values())) if sessions > 0.0 else ["no session is left"]
    return f"no model gave a forecast: {'; '.join(reasons) or 'none was fitted'}"
