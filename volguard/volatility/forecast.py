"""Forecasts of a session, made once from the history before it: total variance by model and sessions ahead.

The forecast is the median of the models that converged and reach so far; without any there is none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.model.market import DailyBar, MonthForecast, VarianceForecasts
from volguard.volatility.evaluate import MEDIAN, EvaluationSettings, fitted_months, forecast_months
from volguard.volatility.ewma_nse import sigma_after
from volguard.volatility.models import (
    FittedSet,
    HorizonForecast,
    Model,
    ModelSettings,
    fit_models,
    forecast_over,
    median_forecast,
)
from volguard.volatility.realized import SESSIONS_PER_YEAR, ohlc_of

MONTH_SESSIONS: Final = 21  # of 30 calendar days, as India VIX looks ahead
NO_FORECASTS: Final = VarianceForecasts(total_variance={}, left_out={}, nse_sigma_daily=None, past_month=())


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastReach:
    """How far ahead forecasts go, and for how many past sessions the month's forecast is known."""

    sessions_max: int
    past_sessions: int


def make_forecasts(
    bars: tuple[DailyBar, ...], settings: ModelSettings, reach: ForecastReach
) -> VarianceForecasts:
    """Fit the models to the last bars; the past forecasts each knew only the bars up to its own session.

    Needs `arch` where there is history enough to fit: over a second of import.
    """
    if not bars:
        return NO_FORECASTS
    fitted = fit_models(ohlc_of(bars), settings, sessions_max=float(reach.sessions_max))
    past = month_forecasts(bars, settings, bars[-reach.past_sessions :][0].day)
    return _of_fitted(fitted, bars, past, reach)


def forecasts_by_day(
    bars: tuple[DailyBar, ...],
    first: date,
    settings: ModelSettings,
    reach: ForecastReach,
    progress: Callable[[date], None] = lambda _: None,
) -> Iterator[tuple[date, VarianceForecasts]]:
    """What was forecast after the close of each bar from `first` on, each knowing bars up to its own alone.

    As `make_forecasts`, but fitted once a month, at its first session, and moved on daily: for records of
    many days. `progress` hears the first day of each month done.
    """
    began = next((i for i, bar in enumerate(bars) if bar.day >= first), len(bars))
    past_from = max(0, began + 1 - reach.past_sessions)
    if began == len(bars):
        return
    past: dict[date, float | None] = {}
    for month in fitted_months(
        bars, bars[past_from].day, bars[-1].day, settings, sessions_max=float(reach.sessions_max)
    ):
        for row, fitted in zip(month.rows, month.sets, strict=True):
            ahead = forecast_over(fitted, float(MONTH_SESSIONS))
            past[bars[row].day] = None if ahead is None else ahead.volatility
            if row >= began:
                yield bars[row].day, _of_fitted(fitted, bars[: row + 1], past, reach)
        progress(bars[month.rows[0]].day)


def _of_fitted(
    fitted: FittedSet, bars: tuple[DailyBar, ...], past: Mapping[date, float | None], reach: ForecastReach
) -> VarianceForecasts:
    curves = {
        name.value: (0.0, *(_known(model.total_variance(float(n))) for n in range(1, reach.sessions_max + 1)))
        for name, model in fitted.models.items()
    }
    return VarianceForecasts(
        total_variance=curves,
        left_out={name.value: reason for name, reason in fitted.left_out.items()},
        nse_sigma_daily=sigma_after([bar.day for bar in bars], np.array([bar.close for bar in bars])),
        past_month=tuple(
            MonthForecast(day=day, volatility=level)
            for day, level in list(past.items())[-reach.past_sessions :]
        ),
    )


def month_forecasts(
    bars: tuple[DailyBar, ...],
    settings: ModelSettings,
    first: date,
    progress: Callable[[date], None] = lambda _: None,
) -> dict[date, float | None]:
    """Volatility per 252 sessions forecast for the next month after each close from `first` on.

    Each knew only the bars up to its own session. `progress` hears the first day of each month done.
    """
    asked = EvaluationSettings(first=first, last=bars[-1].day, horizons=(MONTH_SESSIONS,), models=settings)
    found: dict[date, float | None] = {}
    for month in forecast_months(bars, asked):
        levels = np.sqrt(month.variance[MEDIAN][:, 0] * SESSIONS_PER_YEAR / MONTH_SESSIONS)
        found |= {day: _known(level) for day, level in zip(month.days, levels.tolist(), strict=True)}
        progress(month.days[0])
    return found


def forecast_of(forecasts: VarianceForecasts, sessions: float, gone: float = 0.0) -> HorizonForecast | None:
    """The forecast over the next `sessions` (fractions allowed); None without a model that reaches so far.

    `gone`: the share of its variance that the session after the last close has behind it already.
    """
    variances: dict[Model, float] = {}
    for name, curve in forecasts.total_variance.items():
        totals = np.array([math.nan if total is None else total for total in curve])
        ends = (gone, gone + sessions)
        before, after = np.interp(ends, np.arange(len(totals)), totals, right=math.nan).tolist()
        variances[Model(name)] = after - before
    left_out = {Model(name): reason for name, reason in forecasts.left_out.items()}
    return median_forecast(variances, left_out, sessions)


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
