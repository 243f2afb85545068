"""The forecast is the median of the models that have enough history, and none without any."""

from __future__ import annotations

import csv
import gzip
import math
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import ROOT, at, shipped_forecast, shipped_rules
from volguard.model.errors import DateNotCovered
from volguard.volatility.forecast import Forecast, ewma, make_forecast, past_forecasts, sessions_to

SETTINGS = shipped_forecast()
ANNUAL = math.sqrt(252)


def walk(count: int, daily: float = 0.01) -> np.ndarray:
    """Closes whose log returns are a fixed uneven pattern of about the given size."""
    returns = daily * np.sin(np.arange(count - 1) * 1.7) * 1.4
    return 20_000.0 * np.exp(np.concatenate(([0.0], np.cumsum(returns))))


def test_ewma_of_hulls_example() -> None:
    """J. Hull, Options, Futures and Other Derivatives: lambda 0.90, 1 % a day, a move of 2 %: 1.14 %."""
    daily = ewma(np.array([0.01, -0.01, 0.02]), 0.90, 2) / ANNUAL
    assert daily[1] == pytest.approx(0.01, rel=1e-12)
    assert daily[2] ** 2 == pytest.approx(0.00013, rel=1e-12)
    assert round(100 * float(daily[2]), 2) == 1.14


@settings(derandomize=True, max_examples=40, deadline=None)
@given(
    returns=st.lists(st.floats(min_value=-0.2, max_value=0.2), min_size=0, max_size=80),
    lambda_=st.floats(min_value=0.5, max_value=0.999),
    first=st.integers(min_value=2, max_value=30),
)
def test_ewma_is_the_weighted_sum_of_all_squares_written_out(
    returns: list[float], lambda_: float, first: int
) -> None:
    found = ewma(np.array(returns), lambda_, first)
    assert len(found) == len(returns)
    for i in range(len(returns)):
        if i + 1 < first:
            assert math.isnan(found[i])
            continue
        age = i + 1 - first  # returns since the start value
        variance = lambda_**age * sum(r * r for r in returns[:first]) / first
        variance += sum((1 - lambda_) * lambda_ ** (i - j) * returns[j] ** 2 for j in range(first, i + 1))
        assert found[i] == pytest.approx(math.sqrt(252 * variance), rel=1e-9, abs=1e-12)


def test_ewma_reproduces_the_exchanges_own_volatility_file_to_its_rounding() -> None:
    """NSE publishes sigma_t^2 = 0.94 sigma_{t-1}^2 + 0.06 r_t^2 with four decimals (until May 2020)."""
    path = ROOT.parent / "shared" / "data" / "nse_volatility.csv.gz"
    if not path.is_file():
        pytest.skip(f"the exchange's volatility file is not at {path}")
    with gzip.open(path, "rt") as file:
        rows = [r for r in csv.DictReader(file) if r["symbol"] == "NIFTY" and r["date"] < "2020-05-01"]
    compared = 0
    for stretch in _unbroken(rows):
        returns = np.array([math.log(float(r["spot_close"]) / float(r["spot_prev"])) for r in stretch])
        published = np.array([float(r["sigma_underlying"]) for r in stretch])
        ours = ewma(returns, 0.94, 60) / ANNUAL
        settled = slice(160, None)  # by then the start value weighs 0.2 %
        assert np.all(np.abs(ours - published)[settled] < 6e-5)
        compared += max(0, len(stretch) - 160)
    assert compared > 800


def _unbroken(rows: list[dict[str, str]]) -> list[list[dict[str, str]]]:
    stretches = [[rows[0]]]
    for earlier, later in pairwise(rows):
        if abs(float(later["spot_prev"]) - float(earlier["spot_close"])) > 0.01:
            stretches.append([])
        stretches[-1].append(later)
    return stretches


def test_with_both_models_the_forecast_is_their_middle_and_the_dispersion_their_distance() -> None:
    closes = walk(200)
    forecast = make_forecast(closes, SETTINGS)
    assert forecast is not None
    low, high = sorted(forecast.models.values())
    assert set(forecast.models) == {"ewma", "realised"}
    assert forecast.volatility == pytest.approx((low + high) / 2)
    assert forecast.dispersion == pytest.approx(high - low)
    assert low < high


def test_a_model_without_enough_history_is_left_out_and_the_other_stands_alone() -> None:
    forecast = make_forecast(walk(30), SETTINGS)  # 29 returns: 20 suffice for realised, ewma wants 60
    assert forecast is not None
    assert set(forecast.models) == {"realised"}
    assert forecast.volatility == forecast.models["realised"]
    assert forecast.dispersion == 0.0


def test_each_model_begins_with_exactly_the_returns_that_it_needs() -> None:
    assert make_forecast(walk(20), SETTINGS) is None  # 19 returns
    realised_only = make_forecast(walk(60), SETTINGS)  # 59 returns
    both = make_forecast(walk(61), SETTINGS)
    assert realised_only is not None and both is not None
    assert (len(realised_only.models), len(both.models)) == (1, 2)


@pytest.mark.parametrize("closes", [np.empty(0), np.array([20_000.0])])
def test_without_history_there_is_no_forecast(closes: np.ndarray) -> None:
    assert make_forecast(closes, SETTINGS) is None
    assert len(past_forecasts(closes, SETTINGS)) == 0


def test_a_close_that_is_not_a_number_silences_the_models_that_would_use_it() -> None:
    closes = walk(200)
    closes[-3] = math.nan
    assert make_forecast(closes, SETTINGS) is None


def test_past_forecasts_are_what_was_forecast_after_each_close_and_never_look_ahead() -> None:
    closes = walk(120)
    past = past_forecasts(closes, SETTINGS)
    assert len(past) == len(closes) - 1
    for i, level in enumerate(past.tolist()):
        then = make_forecast(closes[: i + 2], SETTINGS)
        if then is None:
            assert math.isnan(level)
        else:
            assert level == pytest.approx(then.volatility, rel=1e-9)


def test_variance_to_expiry_grows_with_the_sessions() -> None:
    forecast = Forecast(volatility=0.20, dispersion=0.0, models={"ewma": 0.20})
    assert forecast.variance_over(252.0) == pytest.approx(0.04)
    assert forecast.variance_over(6.3) == pytest.approx(0.001)
    assert forecast.variance_over(0.0) == 0.0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"ewma_lambda": 1.0}, r"ewma_lambda was 1\.0"),
        ({"ewma_lambda": 0.49}, r"ewma_lambda was 0\.49"),
        ({"realised_window": 1}, "realised_window was 1"),
        ({"ewma_sessions_min": 1}, "ewma_sessions_min was 1"),
        ({"student_t_dof": 2.0}, r"student_t_dof was 2\.0, must exceed 2"),
    ],
)
def test_settings_out_of_range_are_refused_by_name(change: dict[str, float], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        replace(SETTINGS, **change)


# --- sessions to expiry -----------------------------------------------------------------------------


def close_of(day: date) -> datetime:
    session = shipped_rules().calendar.session(day)
    assert session is not None
    return session.windows[-1][1]


@pytest.mark.parametrize(
    ("now", "expiry", "sessions"),
    [
        # Wednesday 11:00 to Tuesday: 4.5 of today's 6.25 hours, then Thu, Fri, Mon, Tue.
        ("2025-09-03 11:00", date(2025, 9, 9), 4.0 + 4.5 / 6.25),
        ("2025-09-03 09:15", date(2025, 9, 9), 5.0),
        ("2025-09-03 08:00", date(2025, 9, 9), 5.0),
        ("2025-09-03 15:30", date(2025, 9, 9), 4.0),
        ("2025-09-03 18:00", date(2025, 9, 9), 4.0),
        # The expiry day itself, and after it.
        ("2025-09-09 13:00", date(2025, 9, 9), 2.5 / 6.25),
        ("2025-09-09 15:30", date(2025, 9, 9), 0.0),
        ("2025-09-10 11:00", date(2025, 9, 9), 0.0),
        # A Sunday counts for nothing.
        ("2025-09-07 12:00", date(2025, 9, 9), 2.0),
        # Friday 2025-08-15 is a holiday.
        ("2025-08-14 11:00", date(2025, 8, 21), 4.0 + 4.5 / 6.25),
        # 2025-10-21 is open for an hour of muhurat trading only, 2025-10-22 is closed.
        ("2025-10-20 11:00", date(2025, 10, 28), 4.0 + 4.5 / 6.25),
        ("2025-10-21 14:00", date(2025, 10, 28), 4.0),
        # A Saturday of two windows, 45 and 60 minutes: in the first, between them, in the second.
        ("2024-03-02 09:30", date(2024, 3, 7), 4.0 + 90 / 105),
        ("2024-03-02 10:30", date(2024, 3, 7), 4.0 + 60 / 105),
        ("2024-03-02 12:15", date(2024, 3, 7), 4.0 + 15 / 105),
        # ... and it is a session of its own when it lies ahead.
        ("2024-03-01 15:30", date(2024, 3, 7), 5.0),
        # The session of 385 minutes since August 2026.
        ("2026-08-04 12:00", date(2026, 8, 11), 5.0 + 220 / 385),
    ],
)
def test_the_rest_of_today_and_every_full_session_to_expiry_count(
    now: str, expiry: date, sessions: float
) -> None:
    found = sessions_to(shipped_rules().calendar, at(now), close_of(expiry))
    assert found == pytest.approx(sessions, abs=1e-12)


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    minutes=st.integers(min_value=0, max_value=20 * 1440), step=st.integers(min_value=1, max_value=3 * 1440)
)
def test_time_only_takes_sessions_away(minutes: int, step: int) -> None:
    calendar, expiry = shipped_rules().calendar, close_of(date(2025, 10, 28))
    now = at("2025-10-08 00:00") + timedelta(minutes=minutes)
    here, later = (sessions_to(calendar, ts, expiry) for ts in (now, now + timedelta(minutes=step)))
    assert 0.0 <= later <= here + 1e-12
    opened = calendar.open_seconds(now, now + timedelta(minutes=step)) / (6.25 * 3600)
    if now + timedelta(minutes=step) <= expiry:
        assert here - later == pytest.approx(opened, abs=1e-9)


def test_an_expiry_beyond_the_calendar_is_an_error_that_names_the_date() -> None:
    beyond = at("2027-01-05 15:40")
    with pytest.raises(DateNotCovered, match="2027-01-05"):
        sessions_to(shipped_rules().calendar, at("2026-12-30 11:00"), beyond)
