"""Forecast of the volatility per session, and the variance it implies up to an expiry.

First form: the median of two models. A model without enough history is left out and named; without
any there is no forecast.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from volguard.model.market import FloatArray
from volguard.nse.calendar import Calendar
from volguard.volatility.realized import (
    SESSIONS_PER_YEAR,
    close_to_close,
    log_returns,
    rolling_close_to_close,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """How the forecast is made; windows in sessions."""

    ewma_lambda: float
    ewma_sessions_min: int
    realised_window: int
    student_t_dof: float

    def __post_init__(self) -> None:
        if not 0.5 <= self.ewma_lambda < 1.0:
            raise ValueError(f"ewma_lambda was {self.ewma_lambda}, must be in [0.5, 1)")
        if self.realised_window < 2 or self.ewma_sessions_min < 2:
            raise ValueError(
                f"realised_window was {self.realised_window} and ewma_sessions_min was "
                f"{self.ewma_sessions_min}, both must be at least 2"
            )
        if self.student_t_dof <= 2.0:
            raise ValueError(f"student_t_dof was {self.student_t_dof}, must exceed 2 (finite variance)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Volatility per session, annualised on 252 sessions, and how far the models disagree."""

    volatility: float
    dispersion: float
    models: Mapping[str, float]

    def variance_over(self, sessions: float) -> float:
        """Total variance of the log level over so many sessions."""
        return self.volatility**2 * sessions / SESSIONS_PER_YEAR


def ewma(returns: FloatArray, lambda_: float, sessions_min: int) -> FloatArray:
    """Exponentially weighted volatility known after each return, annualised, nan before `sessions_min`.

    RiskMetrics (1996), eq. 5.3, started from the mean square of the first `sessions_min` returns.
    """
    out = np.full(len(returns), np.nan)
    if len(returns) < sessions_min:
        return out
    seed = returns[:sessions_min]
    variance = float(seed @ seed) / sessions_min
    out[sessions_min - 1] = variance
    for i, squared in enumerate((returns[sessions_min:] ** 2).tolist(), start=sessions_min):
        variance = lambda_ * variance + (1.0 - lambda_) * squared
        out[i] = variance
    level: FloatArray = np.sqrt(out * SESSIONS_PER_YEAR)
    return level


def make_forecast(closes: FloatArray, settings: ForecastSettings) -> Forecast | None:
    """The forecast for the session after the last close; None when no model has enough history."""
    returns = log_returns(closes)
    models: dict[str, float] = {}
    smoothed = ewma(returns, settings.ewma_lambda, settings.ewma_sessions_min)
    if len(smoothed) and math.isfinite(smoothed[-1]):
        models["ewma"] = float(smoothed[-1])
    realised = close_to_close(returns, settings.realised_window)
    if realised is not None and math.isfinite(realised):
        models["realised"] = realised
    if not models:
        return None
    values = list(models.values())
    return Forecast(volatility=float(np.median(values)), dispersion=max(values) - min(values), models=models)


def past_forecasts(closes: FloatArray, settings: ForecastSettings) -> FloatArray:
    """What the forecast was after each close but the first, nan where no model had enough; shape (n - 1,)."""
    returns = log_returns(closes)
    both = np.vstack(
        [
            ewma(returns, settings.ewma_lambda, settings.ewma_sessions_min),
            rolling_close_to_close(returns, settings.realised_window),
        ]
    )
    known = np.isfinite(both)
    total = np.where(known, both, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    # The median of one or two models is their mean.
    level: FloatArray = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return level


def sessions_to(calendar: Calendar, now: datetime, expiry_close: datetime) -> float:
    """Sessions from `now` to the close of the expiry day; the rest of today counts by its open seconds.

    Raises DateNotCovered when the calendar does not reach the expiry.
    """
    first = calendar.trading_days(now.date(), expiry_close.date())
    if not first:
        return 0.0
    whole = [day for day in first if day > now.date()]
    today = calendar.session(now.date())
    rest = 0.0
    if today is not None and today.day in first:
        length = sum((close - open_).total_seconds() for open_, close in today.windows)
        rest = calendar.open_seconds(now, today.windows[-1][1]) / length
    return len(whole) + rest
