"""The premium compares implied and forecast variance over the same sessions, today by its profile."""

from __future__ import annotations

import math
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.chains import shipped_rules
from tests.volatility.real_data import real_file
from volguard.model.units import IST
from volguard.nse.calendar import Calendar
from volguard.volatility.premium import (
    BUCKETS,
    OVERNIGHT_SHARE,
    QUARTER_HOUR_SHARES,
    intraday_profile,
    session_gone,
    session_volatility,
    sessions_of_variance,
    share_left,
    variance_premium,
)

CALENDAR: Calendar = shipped_rules().calendar
FRIDAY = date(2025, 8, 29)
EXPIRY = datetime(2025, 9, 2, 15, 30, tzinfo=IST)


def at(hour: int, minute: int, day: date = FRIDAY) -> datetime:
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=IST)


def share(now: datetime) -> float:
    session = CALENDAR.session(FRIDAY)
    assert session is not None
    return share_left(session, now)


def test_the_profile_is_what_the_minute_bars_of_2024_give() -> None:
    table = pq.read_table(real_file("nifty_1min_2024.parquet"), columns=["ts", "open", "close"]).sort_by("ts")
    ts = table["ts"].cast("int64").to_numpy() // 1000 + 19_800
    opened, close = (table[name].to_numpy() for name in ("open", "close"))
    days, first = np.unique(ts // 86_400, return_index=True)
    last = np.append(first[1:], len(ts)) - 1
    minute = (ts % 86_400) // 60 - 555
    levels, before = [], []
    for i in range(1, len(days)):
        rows = slice(first[i], last[i] + 1)
        if minute[rows][0] == 0 and last[i] - first[i] >= 369:
            ends = np.searchsorted(minute[rows], 15 * np.arange(1, BUCKETS + 1)) - 1
            levels.append([opened[first[i]], *close[rows][ends]])
            before.append(close[last[i - 1]])
    overnight, shares = intraday_profile(np.array(before), np.array(levels))
    assert len(levels) == 244
    assert overnight == pytest.approx(OVERNIGHT_SHARE, abs=5e-4)
    assert shares.tolist() == pytest.approx(list(QUARTER_HOUR_SHARES), abs=5e-4)


def test_the_shares_of_a_day_sum_to_one_whole_close_to_close_variance() -> None:
    assert OVERNIGHT_SHARE + sum(QUARTER_HOUR_SHARES) == pytest.approx(1.0, abs=5e-4)


def test_the_rest_of_a_day_falls_from_all_of_it_to_nothing_fastest_after_the_open() -> None:
    assert share(at(15, 0, FRIDAY - timedelta(days=1))) == 1.0
    assert share(at(9, 15)) == pytest.approx(1.0 - OVERNIGHT_SHARE)
    assert share(at(15, 30)) == pytest.approx(0.0, abs=1e-12)
    assert share(at(16, 0)) == pytest.approx(0.0, abs=1e-12)
    path = [share(at(9, 15) + timedelta(minutes=15 * i)) for i in range(26)]
    falls = -np.diff(path)
    assert np.all(falls > 0.0)
    assert int(np.argmax(falls)) == 0


def test_sessions_left_count_what_is_left_of_today_and_each_whole_session_to_the_expiry() -> None:
    # Friday to Tuesday: Monday and Tuesday are whole, the weekend's gap is in Monday.
    assert sessions_of_variance(CALENDAR, at(15, 30), EXPIRY) == pytest.approx(2.0, abs=1e-9)
    assert sessions_of_variance(CALENDAR, at(9, 15), EXPIRY) == pytest.approx(3.0 - OVERNIGHT_SHARE)
    assert sessions_of_variance(CALENDAR, at(12, 0, date(2025, 8, 30)), EXPIRY) == pytest.approx(2.0)
    assert sessions_of_variance(CALENDAR, EXPIRY + timedelta(days=1), EXPIRY) == 0.0


def test_the_premium_quotes_both_variances_per_252_sessions() -> None:
    years, sessions = 10 / 365, 6.5
    forecast = 0.10**2 * sessions / 252
    found = variance_premium(0.12, years, forecast, sessions, np.linspace(-0.01, 0.03, 252))
    assert found is not None
    assert found.implied_variance == pytest.approx(0.12**2 * years)
    assert found.forecast == pytest.approx(0.10)
    assert found.implied == pytest.approx(0.12 * math.sqrt(years * 252 / sessions))
    assert found.spread == pytest.approx(found.implied - found.forecast)
    assert found.ratio == pytest.approx(found.implied / found.forecast)
    assert found.z is not None and found.z > 0.0


def test_only_the_last_252_spreads_are_compared_and_none_gives_no_z() -> None:
    forecast = 0.10**2 * 5 / 252
    old = np.concatenate((np.full(300, 5.0), np.linspace(-0.01, 0.03, 252)))
    with_old, without = (variance_premium(0.12, 7 / 365, forecast, 5.0, past) for past in (old, old[-252:]))
    assert with_old is not None and without is not None
    assert with_old.z == without.z
    bare = variance_premium(0.12, 7 / 365, forecast, 5.0)
    assert bare is not None and bare.z is None


@pytest.mark.parametrize(
    "inputs",
    [(math.nan, 0.02, 1e-4, 5.0), (0.1, 0.0, 1e-4, 5.0), (0.1, 0.02, math.nan, 5.0), (0.1, 0.02, 1e-4, 0.0)],
)
def test_a_missing_volatility_forecast_or_time_gives_no_premium(
    inputs: tuple[float, float, float, float],
) -> None:
    assert variance_premium(*inputs) is None


def test_sessions_with_an_unknown_level_leave_the_profile_untouched() -> None:
    levels = np.array([[100.0, 101.0, 100.0], [100.0, math.nan, 99.0]])
    overnight, shares = intraday_profile(np.array([100.0, 100.0]), levels)
    assert overnight == 0.0
    assert shares.tolist() == pytest.approx([0.5, 0.5])
    assert math.isnan(intraday_profile(np.array([math.nan]), levels[:1])[0])


def test_implied_variance_to_expiry_is_spread_over_the_sessions_that_are_left() -> None:
    # 7 calendar days at 12 % hold 0.12^2 x 7/365; over 5 sessions that is this much per 252.
    expected = math.sqrt(0.12**2 * 7 / 365 * 252 / 5)
    assert session_volatility(0.12, 7 / 365, 5.0) == pytest.approx(expected, rel=1e-14)


def test_a_year_of_252_sessions_leaves_the_volatility_as_it_is() -> None:
    assert session_volatility(0.15, 1.0, 252.0) == pytest.approx(0.15, rel=1e-14)


@pytest.mark.parametrize(
    ("sigma", "years", "sessions"),
    [(math.nan, 0.02, 5.0), (math.inf, 0.02, 5.0), (0.12, 0.0, 5.0), (0.12, 0.02, 0.0), (0.12, -1.0, 5.0)],
)
def test_nothing_is_implied_without_time_or_volatility(sigma: float, years: float, sessions: float) -> None:
    assert session_volatility(sigma, years, sessions) is None


def test_what_is_over_of_today_and_what_is_left_make_a_whole_session() -> None:
    for hour in (8, 9, 10, 12, 15, 18):
        now = at(hour, 30)
        whole = session_gone(CALENDAR, now) + sessions_of_variance(CALENDAR, now, EXPIRY)
        assert whole == pytest.approx(3.0)
    assert session_gone(CALENDAR, at(12, 0, date(2025, 8, 30))) == 0.0
