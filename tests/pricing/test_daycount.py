"""Time to expiry is actual days over 365, to the second, and at least five minutes until the close."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from volguard.model.units import IST
from volguard.pricing.daycount import years_between, years_to_expiry

CLOSE = datetime(2025, 9, 2, 15, 30, tzinfo=IST)


def test_seven_days_are_seven_over_365() -> None:
    assert years_between(CLOSE - timedelta(days=7), CLOSE) == 7 / 365


def test_a_second_counts() -> None:
    day, second_more = years_to_expiry(np.array([86_400.0, 86_401.0]))
    assert second_more - day == pytest.approx(1 / (365 * 86_400), rel=1e-9)


def test_the_last_five_minutes_count_as_five() -> None:
    np.testing.assert_array_equal(years_to_expiry(np.array([0.0, 1.0, 299.0, 300.0])), 300 / (365 * 86_400))


def test_after_the_close_there_is_no_time_to_expiry() -> None:
    assert np.isnan(years_between(CLOSE + timedelta(seconds=1), CLOSE))
    assert np.isnan(years_to_expiry(np.array([-1.0, np.nan]))).all()


def test_the_clock_of_another_zone_gives_the_same_time() -> None:
    utc = datetime.fromisoformat("2025-09-02T09:00:00+00:00")
    assert years_between(utc, CLOSE) == 3600 / (365 * 86_400)
