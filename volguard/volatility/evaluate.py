"""How good the forecasts were out of sample: QLIKE and the Mincer-Zarnowitz regression, by model and horizon.

Parameters are fitted at the first session of each month on the sessions before it and kept for the month,
the state moves on daily; every forecast uses closes up to its own session only. What came true is the sum of
squared close-to-close returns over the horizon. Nothing is drawn at random: the same bars, the same table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import numpy as np

from volguard.model.market import DailyBar, FloatArray, IntArray
from volguard.volatility.models import FittedSet, Model, ModelSettings, fit_models, forecast_over
from volguard.volatility.realized import SESSIONS_PER_YEAR, Ohlc, log_returns, ohlc_of, range_variance
from volguard.volatility.variance_models import Session

MEDIAN: Final = "median"
OBSERVATIONS_MIN: Final = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationSettings:
    """What is evaluated: forecasts made from `first` to `last`, each over these horizons in sessions."""

    first: date
    last: date
    horizons: tuple[int, ...]
    models: ModelSettings

    def __post_init__(self) -> None:
        if self.last < self.first:
            raise ValueError(f"last was {self.last}, before first {self.first}")
        if not self.horizons or min(self.horizons) < 1:
            raise ValueError(f"horizons were {self.horizons}, must be whole sessions from 1 on")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MonthForecasts:
    """A month's forecasts of total variance by name (a model, or "median"), shape (days, horizons).

    `row` is the position of each day among the bars; nan where a model did not converge.
    """

    days: tuple[date, ...]
    row: tuple[int, ...]
    variance: dict[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationRow:
    """One line of the table; None where fewer than OBSERVATIONS_MIN forecasts came true.

    `qlike` = mean of ln f + y / f over annualised variances f (forecast) and y (came true): lower is better
    (Patton, 2011). Regression y = intercept + slope f + e (Mincer and Zarnowitz, 1969): a good forecast has
    intercept 0 and slope 1; standard errors by Newey and West (1987) with horizon - 1 lags.
    """

    name: str
    horizon: int
    observations: int
    left_out: int  # days without this model
    qlike: float | None
    intercept: float | None
    intercept_stderr: float | None
    slope: float | None
    slope_stderr: float | None
    r_squared: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """Least squares of one variable on a constant and another."""

    intercept: float
    intercept_stderr: float
    slope: float
    slope_stderr: float
    r_squared: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedMonth:
    """The sets of one month, one after the close of each bar whose position is in `rows`."""

    rows: tuple[int, ...]
    sets: tuple[FittedSet, ...]


def fitted_months(
    bars: tuple[DailyBar, ...], first: date, last: date, models: ModelSettings, *, sessions_max: float
) -> Iterator[FittedMonth]:
    """Sets good for `sessions_max` sessions after each close from `first` to `last`, one fit a month."""
    columns = ohlc_of(bars)
    returns, ranges = log_returns(columns.close), range_variance(columns)
    wanted = [i for i, bar in enumerate(bars) if first <= bar.day <= last and i > 0]
    for _, group in groupby(wanted, key=lambda i: (bars[i].day.year, bars[i].day.month)):
        rows = tuple(group)
        before = Ohlc(
            open=columns.open[: rows[0]],
            high=columns.high[: rows[0]],
            low=columns.low[: rows[0]],
            close=columns.close[: rows[0]],
        )
        fitted = fit_models(before, models, sessions_max=sessions_max)
        sets: list[FittedSet] = []
        for i in rows:
            fitted = fitted.after(Session(log_return=float(returns[i - 1]), range_variance=float(ranges[i])))
            sets.append(fitted)
        yield FittedMonth(rows=rows, sets=tuple(sets))


def forecast_months(bars: tuple[DailyBar, ...], settings: EvaluationSettings) -> Iterator[MonthForecasts]:
    """The forecasts of each month, one fit each: a caller can show progress, or keep months already done."""
    reach = max(settings.horizons)
    for month in fitted_months(bars, settings.first, settings.last, settings.models, sessions_max=reach):
        days = [_forecasts(fitted, settings.horizons) for fitted in month.sets]
        yield MonthForecasts(
            days=tuple(bars[i].day for i in month.rows),
            row=month.rows,
            variance={name: np.array([day[name] for day in days]) for name in _names()},
        )


def score_forecasts(
    bars: tuple[DailyBar, ...], months: Iterable[MonthForecasts], horizons: tuple[int, ...]
) -> tuple[EvaluationRow, ...]:
    """The table of forecasts against what came true; forecasts whose horizon is not over are left out."""
    done = list(months)
    rows = np.array([i for month in done for i in month.row], dtype=np.int64)
    squares = log_returns(np.array([bar.close for bar in bars])) ** 2
    table: list[EvaluationRow] = []
    for column, horizon in enumerate(horizons):
        true = _came_true(squares, rows, horizon) * SESSIONS_PER_YEAR / horizon
        for name in _names():
            parts = [month.variance[name][:, column] for month in done]
            given = np.concatenate(parts) if parts else np.empty(0)
            table.append(_row(name, horizon, given * SESSIONS_PER_YEAR / horizon, true))
    return tuple(table)


def evaluate(bars: tuple[DailyBar, ...], settings: EvaluationSettings) -> tuple[EvaluationRow, ...]:
    """`forecast_months` and `score_forecasts` in one."""
    return score_forecasts(bars, forecast_months(bars, settings), settings.horizons)


def qlike(forecast: FloatArray, true: FloatArray) -> float:
    """Mean of ln f + y / f over variances of one unit, both shape (n,)."""
    return float(np.mean(np.log(forecast) + true / forecast))


def mincer_zarnowitz(forecast: FloatArray, true: FloatArray, lags: int) -> Regression | None:
    """Regression of what came true on the forecast; None for a forecast that never moves."""
    centred = forecast - forecast.mean()
    if len(forecast) < 3 or float(np.ptp(forecast)) == 0.0:
        return None
    slope = float(centred @ true) / float(centred @ centred)
    intercept = float(true.mean()) - slope * float(forecast.mean())
    residual = true - intercept - slope * forecast
    design = np.column_stack([np.ones(len(forecast)), forecast])
    variance = np.diag(_newey_west(design, residual, lags))
    spread = true - true.mean()
    total = float(spread @ spread)
    return Regression(
        intercept=intercept,
        intercept_stderr=math.sqrt(float(variance[0])),
        slope=slope,
        slope_stderr=math.sqrt(float(variance[1])),
        r_squared=1.0 - float(residual @ residual) / total if total > 0.0 else math.nan,
    )


def _names() -> tuple[str, ...]:
    return (*(model.value for model in Model), MEDIAN)


def _forecasts(fitted: FittedSet, horizons: tuple[int, ...]) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {name: [] for name in _names()}
    for horizon in horizons:
        forecast = forecast_over(fitted, float(horizon))
        out[MEDIAN].append(math.nan if forecast is None else forecast.variance)
        for model in Model:
            level = math.nan if forecast is None else forecast.models.get(model, math.nan)
            out[model.value].append(level**2 * horizon / SESSIONS_PER_YEAR)
    return out


def _came_true(squares: FloatArray, rows: IntArray, horizon: int) -> FloatArray:
    # squares[i] is of the session after bar i: a forecast made at bar i reads squares[i : i + horizon].
    sums = np.concatenate(([0.0], np.cumsum(squares)))
    ends = rows + horizon
    over = ends < len(sums)
    out = np.full(len(rows), np.nan)
    out[over] = sums[ends[over]] - sums[rows[over]]
    return out


def _row(name: str, horizon: int, forecast: FloatArray, true: FloatArray) -> EvaluationRow:
    over = np.isfinite(true)
    known = over & np.isfinite(forecast)
    given, came = forecast[known], true[known]
    enough = len(given) >= OBSERVATIONS_MIN
    fit = mincer_zarnowitz(given, came, horizon - 1) if enough else None
    return EvaluationRow(
        name=name,
        horizon=horizon,
        observations=len(given),
        left_out=int(np.count_nonzero(over & ~known)),
        qlike=qlike(given, came) if enough else None,
        intercept=None if fit is None else fit.intercept,
        intercept_stderr=None if fit is None else fit.intercept_stderr,
        slope=None if fit is None else fit.slope,
        slope_stderr=None if fit is None else fit.slope_stderr,
        r_squared=None if fit is None else fit.r_squared,
    )


def _newey_west(design: FloatArray, residual: FloatArray, lags: int) -> FloatArray:
    scores = design * residual[:, None]
    middle = scores.T @ scores
    for lag in range(1, lags + 1):
        cross = scores[lag:].T @ scores[:-lag]
        middle = middle + (1.0 - lag / (lags + 1.0)) * (cross + cross.T)
    bread = np.linalg.inv(design.T @ design)
    return np.asarray(bread @ middle @ bread)
