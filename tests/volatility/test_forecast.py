"""Forecasts are made once from the bars before the session, and read by the sessions asked for."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from functools import lru_cache

import numpy as np
import pytest

from tests.chains import shipped_models
from tests.volatility.real_data import daily
from volguard.model.market import DailyBar, VarianceForecasts
from volguard.volatility.evaluate import fitted_months
from volguard.volatility.forecast import (
    MONTH_SESSIONS,
    NO_FORECASTS,
    ForecastReach,
    forecast_of,
    forecasts_by_day,
    make_forecasts,
    month_forecasts,
)
from volguard.volatility.models import Model, fit_models, forecast_over
from volguard.volatility.realized import ohlc_of

MODELS = shipped_models()
REACH = ForecastReach(sessions_max=45, past_sessions=60)


@lru_cache(maxsize=1)
def bars() -> tuple[DailyBar, ...]:
    return daily("NIFTY")[-1100:]


@lru_cache(maxsize=1)
def real() -> VarianceForecasts:
    return make_forecasts(bars(), MODELS, REACH)


@pytest.mark.parametrize("sessions", [0.3, 1.0, 2.37, 5.0, 17.5, 21.0, 45.0])
def test_the_forecast_over_any_time_is_that_of_the_models_themselves(sessions: float) -> None:
    ours = forecast_of(real(), sessions)
    fitted = forecast_over(fit_models(ohlc_of(bars()), MODELS, sessions_max=45.0), sessions)
    assert ours is not None and fitted is not None
    assert set(ours.models) == set(fitted.models) == set(Model)
    for name, level in fitted.models.items():
        assert ours.models[name] == pytest.approx(level, rel=1e-12)
    assert ours.variance == pytest.approx(fitted.variance, rel=1e-12)
    assert ours.dispersion == pytest.approx(fitted.dispersion, rel=1e-9)


def test_past_forecasts_are_those_that_were_made_then_and_never_look_ahead() -> None:
    past = {each.day: each.volatility for each in real().past_month}
    assert list(past) == [bar.day for bar in bars()[-60:]]
    # A history that ends earlier forecasts the same for its last session: nothing later was seen.
    cut = bars()[:-25]
    then = month_forecasts(cut, MODELS, cut[-35].day)
    assert then[cut[-1].day] == past[cut[-1].day]
    # The last day of a month that was fitted on its first session: parameters kept, state moved on.
    assert all(level is not None and 0.05 < level < 0.30 for level in past.values())


def test_too_little_history_leaves_every_model_out_with_its_reason() -> None:
    forecasts = make_forecasts(bars()[:400], MODELS, REACH)  # 399 returns, 400 are needed
    assert forecasts.total_variance == {}
    assert set(forecasts.left_out) == {name.value for name in Model}
    assert forecasts.left_out["ewma"] == "399 sessions, needs 400"
    assert forecast_of(forecasts, 5.0) is None
    assert {each.volatility for each in forecasts.past_month} == {None}
    assert make_forecasts(bars()[:401], MODELS, REACH).left_out == {}


def test_without_bars_there_is_no_forecast() -> None:
    assert make_forecasts((), MODELS, REACH) is NO_FORECASTS
    assert forecast_of(NO_FORECASTS, 5.0) is None


def test_a_close_that_is_not_a_number_silences_every_model() -> None:
    broken = (*bars()[:-3], replace(bars()[-3], close=math.nan), *bars()[-2:])
    forecasts = make_forecasts(broken, MODELS, replace(REACH, past_sessions=2))
    assert forecasts.total_variance == {}
    assert {each.volatility for each in forecasts.past_month} == {None}


def made(**curves: tuple[float | None, ...]) -> VarianceForecasts:
    left_out = {"har_rv": "why"}
    return VarianceForecasts(total_variance=curves, left_out=left_out, nse_sigma_daily=None, past_month=())


def test_the_median_is_taken_over_the_models_that_reach_so_far() -> None:
    curves = made(garch_t=(0.0, 0.01, 0.02, 0.03), gjr_t=(0.0, 0.02, None, None), ewma=(0.0, 0.04, 0.08))
    one = forecast_of(curves, 1.0)
    assert one is not None and one.variance == pytest.approx(0.02)
    two = forecast_of(curves, 2.0)
    assert two is not None and set(two.models) == {Model.GARCH_T, Model.EWMA}
    levels = [math.sqrt(v * 252 / 2) for v in (0.02, 0.08)]
    assert two.volatility == pytest.approx(np.mean(levels))
    three = forecast_of(curves, 3.0)
    assert three is not None and set(three.models) == {Model.GARCH_T}
    assert three.left_out[Model.HAR_RV] == "why" and Model.EWMA in three.left_out


@pytest.mark.parametrize("sessions", [0.0, -1.0, 3.01, math.nan])
def test_no_time_left_or_time_beyond_every_model_gives_no_forecast(sessions: float) -> None:
    assert forecast_of(made(garch_t=(0.0, 0.01, 0.02, 0.03)), sessions) is None


@pytest.mark.parametrize(("sessions", "gone"), [(2.38, 0.62), (0.38, 0.62), (5.5, 0.5)])
def test_in_mid_session_what_is_over_of_today_is_taken_off_today(sessions: float, gone: float) -> None:
    fitted = fit_models(ohlc_of(bars()), MODELS, sessions_max=45.0)
    ours, theirs = forecast_of(real(), sessions, gone), forecast_over(fitted, sessions, gone)
    assert ours is not None and theirs is not None
    for name, model in fitted.models.items():
        whole, today = model.total_variance(sessions + gone), model.total_variance(1.0)
        left = whole - gone * today
        assert ours.models[name] == pytest.approx(math.sqrt(left * 252 / sessions), rel=1e-12)
    assert ours.variance == pytest.approx(theirs.variance, rel=1e-12)


def test_a_month_is_the_sessions_that_thirty_days_hold() -> None:
    assert round(30 * 252 / 365) == MONTH_SESSIONS


def test_progress_hears_each_month_once() -> None:
    heard: list[date] = []
    found = month_forecasts(bars(), MODELS, date(2025, 6, 10), heard.append)
    months = sorted({(day.year, day.month) for day in found})
    assert [(day.year, day.month) for day in heard] == months


def test_forecasts_of_many_days_are_those_of_each_month_and_never_look_ahead() -> None:
    first = date(2025, 11, 20)
    heard: list[date] = []
    found = dict(forecasts_by_day(bars(), first, MODELS, REACH, heard.append))
    assert list(found) == [bar.day for bar in bars() if bar.day >= first]
    # The fit of a month knows the sessions before it, its state moves on daily.
    row = next(i for i, bar in enumerate(bars()) if bar.day >= date(2025, 12, 1))
    fitted = next(
        iter(fitted_months(bars()[: row + 2], bars()[row].day, date.max, MODELS, sessions_max=45.0))
    )
    second = found[bars()[row + 1].day]
    assert second.total_variance["garch_t"][10] == fitted.sets[1].models[Model.GARCH_T].total_variance(10.0)
    assert len(fitted.sets) == 2 and set(second.total_variance) == {model.value for model in Model}
    # A history that ends earlier says the same of its last day: nothing later was seen.
    cut = bars()[:-8]
    assert dict(forecasts_by_day(cut, first, MODELS, REACH))[cut[-1].day] == found[cut[-1].day]
    past = found[bars()[-1].day].past_month
    assert [one.day for one in past] == [bar.day for bar in bars()[-60:]]
    assert heard[-2:] == [date(2025, 11, 3), date(2025, 12, 1)]


def test_forecasts_of_no_day_are_none() -> None:
    assert dict(forecasts_by_day(bars(), date(2030, 1, 1), MODELS, REACH)) == {}
    assert dict(forecasts_by_day((), date(2020, 1, 1), MODELS, REACH)) == {}
