"""Studies over years of history: forecast quality, signal counts, NSE's volatility, leg volatilities."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from volguard.adapters.volatility_files import read_legs, read_published_volatility
from volguard.config.settings import Settings
from volguard.model.errors import DataError, UsageError
from volguard.operations.smile_view import known
from volguard.operations.vol_view import HORIZONS, DailyHistory
from volguard.volatility.evaluate import (
    EvaluationSettings,
    MonthForecasts,
    forecast_months,
    score_forecasts,
)
from volguard.volatility.ewma_nse import EwmaCheck, EwmaRow, PublishedVolatility, check_published
from volguard.volatility.forecast import month_forecasts
from volguard.volatility.leg_iv import leg_iv_table
from volguard.volatility.signal_history import SignalDay, signal_history, signals_by_year
from volguard.wiring import rules_of

EVALUATION_SCHEMA: Final = "volguard.vol_evaluation/1"
SIGNALS_SCHEMA: Final = "volguard.vol_signals/1"
NSE_SCHEMA: Final = "volguard.vol_nse/1"
LEGS_SCHEMA: Final = "volguard.vol_legs/1"


def evaluation_document(
    history: DailyHistory, settings: Settings, first: date, progress: Callable[[str], None]
) -> dict[str, Any]:
    """QLIKE and Mincer-Zarnowitz by model and horizon, forecasts from `first` to the end of the history.

    `progress` hears each year that begins. Raises UsageError when nothing lies between.
    """
    last = history.index[-1].day
    if last < first:
        raise UsageError(f"--from was {first}, the history ends on {last}")
    asked = EvaluationSettings(first=first, last=last, horizons=HORIZONS, models=settings.models)
    months: list[MonthForecasts] = []
    for month in forecast_months(history.index, asked):
        if not months or month.days[0].year != months[-1].days[0].year:
            progress(f"evaluating {month.days[0].year}")
        months.append(month)
    rows = score_forecasts(history.index, months, HORIZONS)
    figures = ("qlike", "intercept", "intercept_stderr", "slope", "slope_stderr", "r_squared")
    return {
        "schema": EVALUATION_SCHEMA,
        "underlying": history.name,
        "first": first.isoformat(),
        "last": last.isoformat(),
        "forecasts": sum(len(month.days) for month in months),
        "rows": [asdict(row) | {name: known(getattr(row, name)) for name in figures} for row in rows],
    }


def signals_document(
    history: DailyHistory, settings: Settings, first: date, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Sessions by IV-RV signal and year from `first` on; India VIX stands in for the implied volatility.

    The forecast is the one that a session would have had: fitted anew each month on the bars before it.
    """
    days = signal_days(history, settings, first, progress)
    years = signals_by_year([day for day in days if day.day >= first])
    return {
        "schema": SIGNALS_SCHEMA,
        "underlying": history.name,
        "implied_by": "vix_proxy",
        "forecast_by": "median of the models",
        "first": first.isoformat(),
        "last": history.vix[-1].day.isoformat(),
        "years": [
            {
                "year": year.year,
                "sessions": year.sessions,
                "counts": {signal.value: count for signal, count in year.counts.items()},
                "falling": year.falling,
            }
            for year in years
        ],
    }


def signal_days(
    history: DailyHistory, settings: Settings, first: date, progress: Callable[[str], None]
) -> tuple[SignalDay, ...]:
    """The IV-RV signal after each session, as far before `first` as its z looks back.

    `progress` hears each year that begins. Raises DataError without India VIX.
    """
    if not history.vix:
        raise DataError(
            f"{history.origin}: no daily history of INDIA_VIX",
            hint="put india_vix_daily.csv, .csv.gz or .parquet there, or give --history DIR",
        )
    years_seen: set[int] = set()

    def say_year(day: date) -> None:
        if day.year not in years_seen:
            years_seen.add(day.year)
            progress(f"forecasting {day.year}")

    begin = _sessions_before(history, first, settings.iv_rv.history_sessions)
    forecasts = month_forecasts(history.index, settings.models, begin, say_year)
    return signal_history(history.vix, forecasts, settings.iv_rv)


def nse_document(path: Path) -> dict[str, Any]:
    """How closely NSE's daily volatility follows from its own row before, missing days listed."""
    symbols = []
    for symbol, rows in read_published_volatility(path).items():
        symbols.append({"symbol": symbol, **_reproduction(rows, check_published(rows))})
    return {"schema": NSE_SCHEMA, "file": str(path), "symbols": symbols}


def legs_document(path: Path, history: DailyHistory, settings: Settings, carry: float) -> dict[str, Any]:
    """Volatility of traded legs against India VIX by days to expiry; `carry` per year, continuous."""
    vix = {bar.day: bar.close / 100.0 for bar in history.vix}
    legs = read_legs(path, vix=vix, expiry_close=_close_of(settings))
    rows = leg_iv_table(legs, carry)
    return {
        "schema": LEGS_SCHEMA,
        "file": str(path),
        "carry": carry,
        "legs": len(legs),
        "rows": [
            asdict(row) | {"iv": known(row.iv), "vix": known(row.vix), "ratio": known(row.ratio)}
            for row in rows
        ],
    }


def _reproduction(rows: PublishedVolatility, check: EwmaCheck) -> dict[str, Any]:
    return {
        "first": rows.days[0].isoformat(),
        "last": rows.days[-1].isoformat(),
        "rows": len(rows.days),
        "rows_by_kind": {kind.value: check.kinds.count(kind) for kind in EwmaRow},
        "worst_one_step": known(check.worst_one_step),
        "restart_error": known(check.restart_error),
        "missing": [
            {
                "after": gap.after.isoformat(),
                "before": gap.before.isoformat(),
                "close": known(gap.close),
                "error": known(gap.error),
            }
            for gap in check.missing
        ],
    }


def _sessions_before(history: DailyHistory, first: date, sessions: int) -> date:
    days = [bar.day for bar in history.index]
    return days[max(0, bisect_left(days, first) - sessions)]


def _close_of(settings: Settings) -> Callable[[date], datetime]:
    calendar = rules_of(settings).calendar

    def close(day: date) -> datetime:
        session = calendar.session(day)
        if session is None:
            raise DataError(f"expiry {day} is no trading day", hint="see config/calendar.toml")
        return session.windows[-1][1]

    return close
