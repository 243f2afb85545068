"""Volatility from daily history as of one session: realised, cone, forecasts, rank, premium, regime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from volguard.adapters.history import FileHistory
from volguard.config.settings import Settings
from volguard.model.errors import DataError, UsageError
from volguard.model.market import DailyBar
from volguard.operations.smile_view import known
from volguard.operations.vol_events import events_document
from volguard.volatility.event_calendar import crush_days
from volguard.volatility.forecast import month_forecasts
from volguard.volatility.models import FittedSet, Model, fit_models, forecast_over
from volguard.volatility.premium import variance_premium
from volguard.volatility.rank import percentile_of
from volguard.volatility.realized import (
    CONE_QUANTILES,
    SESSIONS_PER_YEAR,
    WINDOWS,
    ohlc_of,
    realised_table,
    volatility_cone,
)
from volguard.volatility.regime_history import (
    RANK_SESSIONS,
    RegimeDay,
    TransitionOdds,
    regime_history,
    transition_odds,
)
from volguard.volatility.regimes import MarketRegime, judge_regime
from volguard.volatility.signal_history import signal_history

SCHEMA: Final = "volguard.vol/1"
INDIA_VIX: Final = "INDIA_VIX"
HORIZONS: Final = (1, 5, 21)  # sessions
VIX_DAYS: Final = 30
# What 30 calendar days hold on average: over them India VIX and a figure per 252 sessions compare.
VIX_SESSIONS: Final = SESSIONS_PER_YEAR * VIX_DAYS / 365.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyHistory:
    """Daily bars of the index (points) and of India VIX (percent) up to one date, ascending."""

    origin: str
    name: str
    index: tuple[DailyBar, ...]
    vix: tuple[DailyBar, ...]


def read_history(folder: Path, settings: Settings, until: date | None) -> DailyHistory:
    """Bars up to and with `until` (None: all). Raises DataError without an index, UsageError before it."""
    before = date.max if until is None else until + timedelta(days=1)
    return _read(folder, settings.market.underlying, before, f"--date was {until}")


def history_before(folder: Path, settings: Settings, day: date) -> DailyHistory:
    """Bars strictly before a recorded day. Raises DataError without an index, UsageError before it."""
    return _read(folder, settings.market.underlying, day, f"the recorded day was {day}")


def _read(folder: Path, name: str, before: date, asked: str) -> DailyHistory:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: no such folder of daily history",
            hint=f"put {name.lower()}_daily.csv, .csv.gz or .parquet there, or give --history DIR",
        )
    history = FileHistory(folder)
    index = history.daily(name, before)
    if not index:
        every = history.daily(name, date.max)
        if not every:
            raise DataError(
                f"{folder}: no daily history of {name}",
                hint=f"put {name.lower()}_daily.csv, .csv.gz or .parquet there, or give --history DIR",
            )
        raise UsageError(f"{asked}, the history of {name} begins on {every[0].day}")
    return DailyHistory(origin=history.origin, name=name, index=index, vix=history.daily(INDIA_VIX, before))


def vol_document(history: DailyHistory, settings: Settings) -> dict[str, Any]:
    """All figures as they stood after the close of the last session in the history."""
    bars = ohlc_of(history.index)
    fitted = fit_models(bars, settings.models, sessions_max=VIX_SESSIONS)
    return {
        "schema": SCHEMA,
        "underlying": history.name,
        "as_of": history.index[-1].day.isoformat(),
        "close": known(history.index[-1].close),
        "history": history.origin,
        "sessions": len(history.index),
        "realised": {
            estimator.value: {str(window): known(value) for window, value in row.items()}
            for estimator, row in realised_table(bars).items()
        },
        "windows": list(WINDOWS),
        "cone_quantiles": list(CONE_QUANTILES),
        "cone": [
            {
                "window": row.window,
                "quantiles": [known(value) for value in row.quantiles],
                "latest": known(row.latest),
                "percentile": known(row.percentile),
            }
            for row in volatility_cone(bars)
        ],
        "forecasts": [_forecast(fitted, horizon) for horizon in HORIZONS],
        "india_vix": _rank(history),
        "premium": _premium(history, fitted),
        "signal": _signal(history, settings),
        "regime": _regime(history, settings),
        "events": events_document(history.index[-1].day, settings),
        "chain": None,  # of a recorded day alone
    }


def _forecast(fitted: FittedSet, horizon: int) -> dict[str, Any]:
    forecast = forecast_over(fitted, float(horizon))
    left_out = fitted.left_out if forecast is None else forecast.left_out
    levels: Mapping[Model, float] = {} if forecast is None else forecast.models
    return {
        "sessions": horizon,
        "median": None if forecast is None else known(forecast.volatility),
        "dispersion": None if forecast is None else known(forecast.dispersion),
        "models": {model.value: known(levels.get(model)) for model in Model},
        "left_out": {model.value: left_out[model] for model in Model if model in left_out},
    }


def _rank(history: DailyHistory) -> dict[str, Any]:
    # Rank and percentile against the sessions before, the last one not among them.
    if not history.vix:
        return {"level": None, "missing": _no_vix(history)}
    levels = np.array([bar.close for bar in history.vix])
    now, past = float(levels[-1]), levels[-1 - RANK_SESSIONS : -1]
    document: dict[str, Any] = {
        "day": history.vix[-1].day.isoformat(),
        "level": known(now),
        "sessions": len(past),
        "rank": None,
        "percentile": None,
        "missing": None,
    }
    if len(past) < RANK_SESSIONS:
        return document | {"missing": f"{len(past)} sessions of India VIX before it, needs {RANK_SESSIONS}"}
    low, high = float(past.min()), float(past.max())
    # A new high or low lies outside the past's range: the rank says so by leaving 0 .. 100.
    rank = 100.0 * (now - low) / (high - low) if high > low else None
    return document | {"rank": known(rank), "percentile": known(percentile_of(now, past))}


def _premium(history: DailyHistory, fitted: FittedSet) -> dict[str, Any]:
    if not _vix_is_current(history):
        return {"missing": _no_vix(history)}
    forecast = forecast_over(fitted, VIX_SESSIONS)
    if forecast is None:
        return {"missing": "no model gave a forecast"}
    implied = history.vix[-1].close / 100.0
    premium = variance_premium(implied, VIX_DAYS / 365.0, forecast.variance, VIX_SESSIONS)
    if premium is None:
        return {"missing": "India VIX or the forecast is not above zero"}
    return {
        "implied_by": "vix_proxy",
        **{name: known(value) for name, value in asdict(premium).items() if name != "z"},
        "missing": None,
    }


def _signal(history: DailyHistory, settings: Settings) -> dict[str, Any]:
    if not _vix_is_current(history):
        return {"signal": "ABSTAIN", "missing": _no_vix(history)}
    sessions = settings.iv_rv.history_sessions + 1
    recent = history.vix[-sessions:]
    forecasts = month_forecasts(history.index, settings.models, recent[0].day)
    last = signal_history(recent, forecasts, settings.iv_rv)[-1]
    return {
        "signal": last.signal.value,
        "implied_by": "vix_proxy",
        "implied": known(last.implied),
        "forecast": known(last.forecast),
        "forecast_by": "median of the models",
        "spread": known(last.spread),
        "z": known(last.z),
        "is_falling": last.is_falling,
        "missing": None,
    }


def regimes_of(history: DailyHistory, settings: Settings) -> tuple[RegimeDay, ...]:
    """The regime after each session that has an India VIX, events of their table counted; ascending."""
    events = crush_days(settings.events, [bar.day for bar in history.vix])
    return regime_history(history.index, history.vix, settings.regimes, events)


def _regime(history: DailyHistory, settings: Settings) -> dict[str, Any]:
    days = regimes_of(history, settings)
    if not days or days[-1].day != history.index[-1].day:
        return {"regime": None, "missing": [_no_vix(history)]}
    last = days[-1]
    judgement = judge_regime(last.figures, settings.regimes, last.regime)
    odds = transition_odds([day.regime for day in days])
    return {
        "regime": None if last.regime is None else last.regime.value,
        "confidence": known(last.confidence),
        "sessions_in_force": last.sessions_in_force,
        "figures": asdict(last.figures),
        "missing": list(judgement.missing),
        "transitions": None if last.regime is None else _transitions(odds, last.regime),
    }


def _transitions(odds: TransitionOdds, regime: MarketRegime) -> dict[str, Any]:
    table = odds.odds(regime)
    ranked = [] if table is None else sorted(table.items(), key=lambda item: (-item[1], item[0]))
    return {
        "sessions": odds.sessions_in(regime),
        "expected_sessions": known(odds.expected_sessions(regime)),
        "odds": None if table is None else {after.value: known(share) for after, share in ranked},
    }


def _vix_is_current(history: DailyHistory) -> bool:
    return bool(history.vix) and history.vix[-1].day == history.index[-1].day


def _no_vix(history: DailyHistory) -> str:
    last = f"ends on {history.vix[-1].day}" if history.vix else "is not there"
    return f"India VIX {last}, {history.name} ends on {history.index[-1].day}"
