"""The outlook of a day is made from the bars before it, day matched with day."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from tests.chains import shipped_forecast
from volguard.model.market import DailyBar
from volguard.volatility.forecast import make_forecast
from volguard.volatility.outlook import NO_OUTLOOK, make_outlook
from volguard.volatility.regime import Regime

SETTINGS = shipped_forecast()
FIRST = date(2025, 1, 1)


def bar(i: int, close: float) -> DailyBar:
    return DailyBar(day=FIRST + timedelta(days=i), open=close, high=close + 60, low=close - 60, close=close)


INDEX = tuple(bar(i, 24_000.0 + 150.0 * np.sin(1.3 * i)) for i in range(150))
VIX = tuple(bar(i, 12.0 + 0.02 * i) for i in range(150))


def test_without_index_history_there_is_no_outlook() -> None:
    outlook = make_outlook((), VIX, SETTINGS, sessions=252)
    assert outlook is NO_OUTLOOK
    assert (outlook.forecast, outlook.last_close, outlook.regime.regime) == (None, None, Regime.NO_HISTORY)
    assert len(outlook.past_vix) == len(outlook.past_spread) == 0


def test_the_last_close_and_its_day_say_how_old_the_history_is() -> None:
    outlook = make_outlook(INDEX, VIX, SETTINGS, sessions=252)
    assert (outlook.last_close, outlook.last_day) == (INDEX[-1].close, INDEX[-1].day)
    assert outlook.forecast == make_forecast(np.array([b.close for b in INDEX]), SETTINGS)


def test_vix_becomes_a_decimal_and_only_the_last_sessions_are_kept() -> None:
    outlook = make_outlook(INDEX, VIX, SETTINGS, sessions=40)
    assert outlook.past_vix.tolist() == pytest.approx([b.close / 100 for b in VIX[-40:]])
    assert len(outlook.past_spread) == 40


def test_each_past_spread_is_the_days_vix_less_what_was_forecast_after_that_days_close() -> None:
    outlook = make_outlook(INDEX, VIX, SETTINGS, sessions=30)
    closes = np.array([b.close for b in INDEX])
    for back in (1, 7, 30):
        then = make_forecast(closes[: len(closes) - back + 1], SETTINGS)
        assert then is not None
        expected = VIX[-back].close / 100 - then.volatility
        assert outlook.past_spread[-back] == pytest.approx(expected, rel=1e-9)


def test_a_day_of_vix_without_an_index_bar_has_no_spread_instead_of_its_neighbours() -> None:
    without = INDEX[:100] + INDEX[101:]
    outlook = make_outlook(without, VIX, SETTINGS, sessions=252)
    assert np.isnan(outlook.past_spread[100])
    assert np.isfinite(outlook.past_spread[99]) and np.isfinite(outlook.past_spread[101])


def test_without_vix_there_is_a_forecast_but_no_past_to_compare_with() -> None:
    outlook = make_outlook(INDEX, (), SETTINGS, sessions=252)
    assert outlook.forecast is not None
    assert len(outlook.past_vix) == len(outlook.past_spread) == 0


def test_a_single_bar_is_a_close_and_nothing_more() -> None:
    outlook = make_outlook(INDEX[:1], VIX, SETTINGS, sessions=252)
    assert outlook.last_close == INDEX[0].close
    assert outlook.forecast is None
    assert np.all(np.isnan(outlook.past_spread))
