"""A trend is a close over one ATR away from its EMA(20) while ADX(14) is above 25."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.model.market import DailyBar
from volguard.volatility.regime import BARS_MIN, Regime, daily_regime


def bars_of(closes: Sequence[float], reach: float = 50.0) -> tuple[DailyBar, ...]:
    """Daily bars that reach equally far above and below their close."""
    first = date(2025, 1, 1)
    return tuple(
        DailyBar(day=first + timedelta(days=i), open=None, high=level + reach, low=level - reach, close=level)
        for i, level in enumerate(closes)
    )


def plain_atr_and_adx(bars: Sequence[DailyBar]) -> tuple[float, float]:
    """J. W. Wilder, New Concepts in Technical Trading Systems, 1978, by his own running sums of 14."""
    ranges, plus, minus = [], [], []
    for before, bar in pairwise(bars):
        assert bar.high is not None and bar.low is not None
        assert before.high is not None and before.low is not None
        ranges.append(max(bar.high - bar.low, abs(bar.high - before.close), abs(bar.low - before.close)))
        up, down = bar.high - before.high, before.low - bar.low
        plus.append(up if up > down and up > 0 else 0.0)
        minus.append(down if down > up and down > 0 else 0.0)

    def running(values: list[float]) -> list[float]:
        sums = [sum(values[:14])]
        for value in values[14:]:
            sums.append(sums[-1] - sums[-1] / 14 + value)
        return sums

    directional = []
    for range_14, plus_14, minus_14 in zip(running(ranges), running(plus), running(minus), strict=True):
        plus_di = 100 * plus_14 / range_14 if range_14 else 0.0
        minus_di = 100 * minus_14 / range_14 if range_14 else 0.0
        total = plus_di + minus_di
        directional.append(100 * abs(plus_di - minus_di) / total if total else 0.0)
    adx = sum(directional[:14]) / 14
    for dx in directional[14:]:
        adx = (13 * adx + dx) / 14
    return running(ranges)[-1] / 14, adx


def plain_ema(closes: Sequence[float]) -> float:
    level = closes[0]
    for close in closes[1:]:
        level = close * 2 / 21 + level * 19 / 21
    return level


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    steps=st.lists(
        st.tuples(
            st.floats(min_value=-300, max_value=300),
            st.floats(min_value=1, max_value=200),
            st.floats(min_value=1, max_value=200),
        ),
        min_size=BARS_MIN,
        max_size=120,
    )
)
def test_figures_are_those_of_the_slow_plain_version(steps: list[tuple[float, float, float]]) -> None:
    close, bars = 50_000.0, []
    for i, (move, above, below) in enumerate(steps):
        close += move
        day = date(2025, 1, 1) + timedelta(days=i)
        bars.append(DailyBar(day=day, open=None, high=close + above, low=close - below, close=close))
    state = daily_regime(tuple(bars))
    atr, adx = plain_atr_and_adx(bars)
    assert state.distance_atr is not None and state.adx is not None
    assert state.adx == pytest.approx(adx, rel=1e-9, abs=1e-9)
    expected = (close - plain_ema([bar.close for bar in bars])) / atr
    assert state.distance_atr == pytest.approx(expected, rel=1e-9, abs=1e-9)
    is_trend = adx > 25 and abs(expected) > 1
    assert (state.regime is not Regime.NEUTRAL) == is_trend


def test_a_steady_climb_is_a_trend_up_and_a_steady_fall_a_trend_down() -> None:
    up = daily_regime(bars_of([20_000 + 40 * i for i in range(80)]))
    down = daily_regime(bars_of([20_000 - 40 * i for i in range(80)]))
    assert (up.regime, down.regime) == (Regime.TREND_UP, Regime.TREND_DOWN)
    assert up.adx == pytest.approx(100.0)  # no move against the trend at all
    assert up.distance_atr is not None and down.distance_atr is not None
    assert up.distance_atr == pytest.approx(-down.distance_atr)


def test_a_trend_that_stays_near_its_average_is_neutral() -> None:
    state = daily_regime(bars_of([20_000 + 5 * i for i in range(80)], reach=200))
    assert state.adx is not None and state.adx > 25
    assert state.distance_atr is not None and state.distance_atr < 1
    assert state.regime is Regime.NEUTRAL


def test_a_jump_out_of_a_quiet_range_is_no_trend_yet() -> None:
    closes = [20_000 + 30 * (-1) ** i for i in range(79)]
    state = daily_regime(bars_of([*closes, 20_300.0]))
    assert state.distance_atr is not None and state.distance_atr > 1
    assert state.adx is not None and state.adx <= 25
    assert state.regime is Regime.NEUTRAL


def test_an_index_that_never_moves_is_neutral_and_not_a_division_by_zero() -> None:
    state = daily_regime(bars_of([20_000.0] * 80, reach=0.0))
    assert (state.regime, state.distance_atr, state.adx) == (Regime.NEUTRAL, 0.0, 0.0)


def test_days_that_widen_equally_on_both_sides_move_in_no_direction() -> None:
    day, bars = date(2025, 1, 1), []
    for i in range(80):
        reach = 10.0 + 5.0 * i
        bars.append(
            DailyBar(day=day + timedelta(days=i), open=None, high=2e4 + reach, low=2e4 - reach, close=2e4)
        )
    assert daily_regime(tuple(bars)).adx == 0.0


def test_too_few_bars_are_no_history_and_say_nothing() -> None:
    short = daily_regime(bars_of([20_000 + 40 * i for i in range(BARS_MIN - 1)]))
    assert (short.regime, short.distance_atr, short.adx) == (Regime.NO_HISTORY, None, None)
    assert daily_regime(bars_of([20_000 + 40 * i for i in range(BARS_MIN)])).regime is Regime.TREND_UP
    assert daily_regime(()).regime is Regime.NO_HISTORY


def test_bars_of_which_only_the_close_is_known_are_left_out() -> None:
    bars = bars_of([20_000 + 40 * i for i in range(BARS_MIN)])
    holed = (*bars[:10], replace(bars[10], high=None, low=None), *bars[11:])
    assert daily_regime(holed).regime is Regime.NO_HISTORY
    longer = bars_of([20_000 + 40 * i for i in range(BARS_MIN + 1)])
    one_missing = (replace(longer[0], low=None), *longer[1:])
    assert daily_regime(one_missing) == daily_regime(longer[1:])
    assert math.isfinite(daily_regime(one_missing).adx or math.nan)
