"""Forecasts are judged out of sample: fitted on what came before, scored on what came after.

VOLGUARD_EVALUATION_DAYS sets how many sessions up to the end of 2025 are judged here.
"""

from __future__ import annotations

import math
import os
from datetime import date, timedelta
from functools import lru_cache

import numpy as np
import pytest

from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.evaluate import (
    MEDIAN,
    EvaluationRow,
    EvaluationSettings,
    MonthForecasts,
    evaluate,
    forecast_months,
    mincer_zarnowitz,
    qlike,
    score_forecasts,
)
from volguard.volatility.models import Model, ModelSettings

DAYS = int(os.environ.get("VOLGUARD_EVALUATION_DAYS", "250"))
HORIZONS = (1, 5, 21)


def settings(sessions: int) -> EvaluationSettings:
    return EvaluationSettings(
        first=daily("NIFTY")[-sessions].day,
        last=date(2025, 12, 31),
        horizons=HORIZONS,
        models=ModelSettings(ewma_lambda=0.94, fit_sessions=1000, fit_sessions_min=400, student_t_dof=5.0),
    )


@lru_cache(maxsize=1)
def table() -> dict[tuple[str, int], EvaluationRow]:
    return {(row.name, row.horizon): row for row in evaluate(daily("NIFTY"), settings(DAYS))}


def test_the_table_has_a_row_for_each_model_and_the_median_at_each_horizon() -> None:
    assert set(table()) == {(name, h) for name in (*Model, MEDIAN) for h in HORIZONS}
    for (_, horizon), row in table().items():
        assert row.observations + row.left_out == DAYS - horizon
        assert row.qlike is not None and math.isfinite(row.qlike)
        assert row.slope_stderr is not None and row.slope_stderr > 0.0
        assert row.r_squared is not None and row.r_squared <= 1.0


def test_the_median_is_seldom_missing_and_close_to_the_best_model() -> None:
    for horizon in HORIZONS:
        losses = [row.qlike for (name, h), row in table().items() if h == horizon and name != MEDIAN]
        median = table()[MEDIAN, horizon]
        assert median.left_out == 0
        assert median.qlike is not None
        assert median.qlike <= float(np.median([loss for loss in losses if loss is not None])) + 0.02


def test_the_future_does_not_reach_a_forecast() -> None:
    bars = daily("NIFTY")
    asked = settings(30)
    cut = tuple(bar for bar in bars if bar.day <= date(2025, 12, 15))
    seen, unseen = (
        {
            day: month.variance[MEDIAN][i].tolist()
            for month in forecast_months(known, asked)
            for i, day in enumerate(month.days)
        }
        for known in (bars, cut)
    )
    assert unseen and {day: seen[day] for day in unseen} == unseen


def test_a_perfect_forecast_has_slope_one_intercept_nought_and_the_lowest_loss() -> None:
    random = np.random.default_rng(5)
    true = random.gamma(2.0, 0.01, 500)
    fit = mincer_zarnowitz(true, true, 0)
    assert fit is not None
    assert (fit.intercept, fit.slope, fit.r_squared) == pytest.approx((0.0, 1.0, 1.0), abs=1e-12)
    assert qlike(true, true) < min(qlike(0.8 * true, true), qlike(1.2 * true, true))


def test_regression_and_its_errors_agree_with_an_independent_library() -> None:
    linear_model = pytest.importorskip("statsmodels.api")
    random = np.random.default_rng(6)
    forecast = random.gamma(3.0, 0.01, 400)
    true = 0.01 + 0.7 * forecast + np.convolve(random.normal(0.0, 0.01, 404), np.ones(5) / 5, "valid")
    fit = mincer_zarnowitz(forecast, true, 4)
    theirs = linear_model.OLS(true, linear_model.add_constant(forecast)).fit(
        cov_type="HAC", cov_kwds={"maxlags": 4}
    )
    assert fit is not None
    assert [fit.intercept, fit.slope] == pytest.approx(theirs.params.tolist())
    assert [fit.intercept_stderr, fit.slope_stderr] == pytest.approx(theirs.bse.tolist())
    assert fit.r_squared == pytest.approx(theirs.rsquared)


def test_too_few_forecasts_that_came_true_have_no_figures() -> None:
    days = [date(2025, 1, 1) + timedelta(days=i) for i in range(12)]
    bars = tuple(
        DailyBar(day=day, open=None, high=None, low=None, close=100.0 + (i % 3)) for i, day in enumerate(days)
    )
    variance = {name: np.full((10, 1), 1e-4) for name in (*(m.value for m in Model), MEDIAN)}
    month = MonthForecasts(days=tuple(days[1:11]), row=tuple(range(1, 11)), variance=variance)
    rows = score_forecasts(bars, [month], (1,))
    assert {row.observations for row in rows} == {10}
    assert all(row.qlike is row.slope is row.r_squared is None for row in rows)
    assert mincer_zarnowitz(np.ones(50), np.ones(50), 0) is None


def test_a_horizon_of_no_session_or_dates_reversed_are_refused() -> None:
    good = settings(30)
    with pytest.raises(ValueError, match="horizons"):
        EvaluationSettings(first=good.first, last=good.last, horizons=(0,), models=good.models)
    with pytest.raises(ValueError, match="before first"):
        EvaluationSettings(
            first=good.last, last=good.last - timedelta(days=1), horizons=(1,), models=good.models
        )
