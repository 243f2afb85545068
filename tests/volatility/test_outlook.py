"""The outlook of a day is made from the bars before it, day matched with day."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from volguard.model.market import DailyBar, MonthForecast, VarianceForecasts
from volguard.volatility.forecast import NO_FORECASTS
from volguard.volatility.outlook import NO_OUTLOOK, make_outlook
from volguard.volatility.regime import Regime

FIRST = date(2025, 1, 1)


def bar(i: int, close: float) -> DailyBar:
    return DailyBar(day=FIRST + timedelta(days=i), open=close, high=close + 60, low=close - 60, close=close)


def months(levels: dict[date, Any]) -> tuple[MonthForecast, ...]:
    return tuple(MonthForecast(day=day, volatility=level) for day, level in levels.items())


INDEX = tuple(bar(i, 24_000.0 + 150.0 * np.sin(1.3 * i)) for i in range(150))
VIX = tuple(bar(i, 12.0 + 0.02 * i) for i in range(150))
LAST = INDEX[-1].day
MONTH = {b.day: 0.10 + 0.0001 * i for i, b in enumerate(INDEX)}
FORECASTS = VarianceForecasts(
    total_variance={"ewma": tuple(0.0001 * n for n in range(46))},
    left_out={},
    nse_sigma_daily=None,
    past_month=months(MONTH),
)


def test_without_index_history_there_is_no_outlook() -> None:
    outlook = make_outlook((), VIX, FORECASTS, session_before=LAST, sessions=252)
    assert outlook is NO_OUTLOOK
    assert (outlook.forecast(5.0), outlook.last_close, outlook.regime.regime) == (
        None,
        None,
        Regime.NO_HISTORY,
    )
    assert len(outlook.past_vix) == len(outlook.past_spread) == 0


def test_the_last_close_and_its_day_say_how_old_the_history_is() -> None:
    outlook = make_outlook(INDEX, VIX, FORECASTS, session_before=LAST, sessions=252)
    assert (outlook.last_close, outlook.last_day) == (INDEX[-1].close, INDEX[-1].day)
    forecast = outlook.forecast(4.0)
    assert forecast is not None and forecast.variance == pytest.approx(0.0004)


def test_vix_becomes_a_decimal_and_only_the_last_sessions_are_kept() -> None:
    outlook = make_outlook(INDEX, VIX, FORECASTS, session_before=LAST, sessions=40)
    assert outlook.past_vix.tolist() == pytest.approx([b.close / 100 for b in VIX[-40:]])
    assert len(outlook.past_spread) == 40


def test_each_past_spread_is_the_days_vix_less_what_was_forecast_after_that_days_close() -> None:
    outlook = make_outlook(INDEX, VIX, FORECASTS, session_before=LAST, sessions=30)
    for back in (1, 7, 30):
        assert outlook.past_spread[-back] == VIX[-back].close / 100 - MONTH[VIX[-back].day]


def test_a_day_of_vix_without_a_forecast_has_no_spread_instead_of_its_neighbours() -> None:
    holes = {day: level for day, level in MONTH.items() if day != VIX[100].day} | {VIX[101].day: None}
    forecasts = replace(FORECASTS, past_month=months(holes))
    outlook = make_outlook(INDEX, VIX, forecasts, session_before=LAST, sessions=252)
    assert np.isnan(outlook.past_spread[100]) and np.isnan(outlook.past_spread[101])
    assert np.isfinite(outlook.past_spread[99]) and np.isfinite(outlook.past_spread[102])


def test_without_vix_there_is_a_forecast_but_no_past_to_compare_with() -> None:
    outlook = make_outlook(INDEX, (), FORECASTS, session_before=LAST, sessions=252)
    assert outlook.forecast(5.0) is not None
    assert len(outlook.past_vix) == len(outlook.past_spread) == 0


def test_a_single_bar_is_a_close_and_nothing_more() -> None:
    outlook = make_outlook(INDEX[:1], VIX, NO_FORECASTS, session_before=INDEX[0].day, sessions=252)
    assert outlook.last_close == INDEX[0].close
    assert outlook.forecast(5.0) is None
    assert not np.isfinite(outlook.past_spread).any()  # a VIX of that day, and no forecast beside it


def test_a_history_that_ends_earlier_says_nothing_of_today() -> None:
    outlook = make_outlook(INDEX[:-1], VIX, FORECASTS, session_before=LAST, sessions=252)
    assert outlook.forecast(5.0) is outlook.last_close is None
    assert outlook.regime.regime is Regime.NO_HISTORY and len(outlook.past_vix) == 0
    assert outlook.missing == f"the history ends on {INDEX[-2].day}, the session before was {LAST}"


def test_the_bar_of_a_ceremonial_hour_after_the_last_session_is_the_newest_that_is_known() -> None:
    outlook = make_outlook(INDEX, VIX, FORECASTS, session_before=INDEX[-2].day, sessions=252)
    assert outlook.last_day == INDEX[-1].day and outlook.missing == ""
    assert len(outlook.past_vix) == len(VIX[-252:])


def test_a_vix_that_ends_earlier_has_no_past_to_compare_with() -> None:
    outlook = make_outlook(INDEX, VIX[:-1], FORECASTS, session_before=LAST, sessions=252)
    assert outlook.forecast(5.0) is not None and outlook.missing == ""
    assert len(outlook.past_vix) == len(outlook.past_spread) == 0


def test_why_there_is_no_forecast_is_said_once() -> None:
    short = "9 sessions, needs 400"
    none = replace(FORECASTS, total_variance={}, left_out={"ewma": short, "gjr_t": short})
    outlook = make_outlook(INDEX, VIX, none, session_before=LAST, sessions=252)
    assert outlook.missing == short
