"""Range estimators read volatility from open, high, low and close; each agrees with its book formula."""

from __future__ import annotations

import math
from datetime import date, timedelta

import numpy as np
import pytest

from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.realized import (
    CONE_QUANTILES,
    WINDOWS,
    Estimator,
    Ohlc,
    ohlc_of,
    range_variance,
    realised_table,
    rolling_volatility,
    volatility_cone,
)

DAILY_SIGMA = 0.01
BAR = {"open": 100.0, "high": 102.0, "low": 99.5, "close": 101.0}
RANGE_ONLY = (Estimator.PARKINSON, Estimator.GARMAN_KLASS, Estimator.ROGERS_SATCHELL)


def brownian(sessions: int, steps: int, *, overnight: float = 0.0, drift: float = 0.0) -> Ohlc:
    random = np.random.default_rng(7)
    walk = random.normal(drift / steps, DAILY_SIGMA / math.sqrt(steps), size=(sessions, steps)).cumsum(axis=1)
    gaps = random.normal(0.0, 1.0, sessions) * overnight
    path = np.column_stack([np.zeros(sessions), walk])
    close = np.exp(np.cumsum(path[:, -1] + gaps))
    start = close / np.exp(path[:, -1])
    return Ohlc(
        open=start,
        high=start * np.exp(path.max(axis=1)),
        low=start * np.exp(path.min(axis=1)),
        close=close,
    )


@pytest.mark.parametrize("estimator", list(Estimator))
def test_every_estimator_finds_the_volatility_of_a_random_walk(estimator: Estimator) -> None:
    found = rolling_volatility(estimator, brownian(600, 2000), 599)[-1]
    assert found == pytest.approx(DAILY_SIGMA * math.sqrt(252), rel=0.05)


@pytest.mark.parametrize("estimator", RANGE_ONLY)
def test_range_estimators_do_not_see_the_night_while_close_to_close_and_yang_zhang_do(
    estimator: Estimator,
) -> None:
    bars = brownian(600, 1000, overnight=0.01)
    whole = DAILY_SIGMA * math.sqrt(2 * 252)
    assert rolling_volatility(estimator, bars, 599)[-1] == pytest.approx(whole / math.sqrt(2), rel=0.06)
    for complete in (Estimator.CLOSE_TO_CLOSE, Estimator.YANG_ZHANG):
        assert rolling_volatility(complete, bars, 599)[-1] == pytest.approx(whole, rel=0.06)


def test_a_drift_fools_parkinson_but_not_rogers_satchell() -> None:
    bars = brownian(600, 1000, drift=0.02)
    true = DAILY_SIGMA * math.sqrt(252)
    assert rolling_volatility(Estimator.ROGERS_SATCHELL, bars, 599)[-1] == pytest.approx(true, rel=0.06)
    assert rolling_volatility(Estimator.PARKINSON, bars, 599)[-1] > 1.2 * true


def test_one_bar_by_hand_gives_the_book_formulas() -> None:
    bars = Ohlc(**{name: np.full(3, value) for name, value in BAR.items()})
    up, down, body = (math.log(BAR[name] / BAR["open"]) for name in ("high", "low", "close"))
    by_hand = {
        Estimator.PARKINSON: (up - down) ** 2 / (4 * math.log(2)),
        Estimator.GARMAN_KLASS: 0.5 * (up - down) ** 2 - (2 * math.log(2) - 1) * body**2,
        Estimator.ROGERS_SATCHELL: up * (up - body) + down * (down - body),
    }
    for estimator, variance in by_hand.items():
        assert rolling_volatility(estimator, bars, 2)[-1] == pytest.approx(math.sqrt(252 * variance))


def test_a_bar_that_contradicts_itself_or_is_incomplete_is_unknown_and_so_is_its_window() -> None:
    first = date(2025, 1, 1)
    bars = [
        DailyBar(day=first + timedelta(days=i), open=100.0, high=101.0, low=99.0, close=100.5)
        for i in range(8)
    ]
    bars[2] = DailyBar(day=bars[2].day, open=100.0, high=99.5, low=99.0, close=100.5)
    bars[3] = DailyBar(day=bars[3].day, open=None, high=None, low=None, close=100.5)
    columns = ohlc_of(tuple(bars))
    series = rolling_volatility(Estimator.PARKINSON, columns, 2)
    assert np.isnan(series[:5]).tolist() == [True, False, True, True, True]
    assert np.isfinite(series[5:]).all()
    assert np.isfinite(columns.close).all()


def test_a_window_that_is_not_full_has_no_figure() -> None:
    table = realised_table(brownian(8, 50))
    for estimator, by_window in table.items():
        assert by_window[5] is not None, estimator
        assert by_window[20] is by_window[60] is None
    assert realised_table(ohlc_of(()))[Estimator.PARKINSON] == dict.fromkeys(WINDOWS)


def test_a_window_of_one_session_is_refused() -> None:
    with pytest.raises(ValueError, match="window was 1"):
        rolling_volatility(Estimator.PARKINSON, brownian(5, 10), 1)


def test_the_cone_narrows_with_the_window_and_places_today_in_its_past() -> None:
    cone = volatility_cone(ohlc_of(daily("NIFTY")))
    assert [row.window for row in cone] == list(WINDOWS)
    spans = [row.quantiles[-1] - row.quantiles[0] for row in cone]
    assert spans == sorted(spans, reverse=True)
    for row in cone:
        assert list(row.quantiles) == sorted(row.quantiles)
        assert len(row.quantiles) == len(CONE_QUANTILES)
        assert row.percentile is not None and row.percentile < 15.0  # December 2025 was very calm
    assert volatility_cone(ohlc_of(())) == ()


def test_on_fourteen_years_the_range_variance_holds_the_variance_of_closes_with_less_noise() -> None:
    bars = ohlc_of(daily("NIFTY"))
    ranges = range_variance(bars)[1:]
    squares = np.diff(np.log(bars.close)) ** 2
    assert float(ranges.mean()) == pytest.approx(float(squares.mean()), rel=0.15)
    moved = squares > 0.0
    assert np.log(ranges[moved]).std() < 0.5 * np.log(squares[moved]).std()
