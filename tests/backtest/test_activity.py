"""How busy a record was: turnover and exposure."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.backtest.curves import curve
from volguard.backtest.activity import Activity, ActivityStatistic, activity_intervals, activity_statistics
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.figure import Figure
from volguard.backtest.path_statistics import Conventions
from volguard.model.errors import UsageError

YEAR = Conventions()


def test_two_sessions_by_hand() -> None:
    """Ten traded a session on an account worth 126 on average is 20 times a year."""
    made = curve([122.0, 130.0], start=100.0)
    activity = Activity(traded_inr=np.array([20.0, 0.0]), held=np.array([True, False]))
    found = activity_statistics(made, activity, YEAR)
    assert found[ActivityStatistic.TURNOVER].value == pytest.approx(20.0)
    assert found[ActivityStatistic.EXPOSURE] == Figure(0.5)


def test_intervals_draw_activity_with_its_session() -> None:
    """Half of the sessions held: an interval about a half, decided by the seed."""
    made = curve([100.0 + n % 2 for n in range(100)])
    activity = Activity(traded_inr=np.full(100, 10.0), held=np.arange(100) % 2 == 0)
    resampling = Resampling(seed=2, draws=1000, block=1.0)
    found = activity_intervals(made, activity, YEAR, resampling)
    at = found.by_name[ActivityStatistic.EXPOSURE]
    assert at.low is not None and at.high is not None
    assert (at.low, at.high) == (pytest.approx(0.4, abs=0.03), pytest.approx(0.6, abs=0.03))
    assert found == activity_intervals(made, activity, YEAR, resampling)


def test_what_is_not_known_is_not_told() -> None:
    """A faulty curve or a session whose premium is missing gives reasons, no figures."""
    held = np.ones(2, dtype=bool)
    traded = Activity(traded_inr=np.array([1.0, math.nan]), held=held)
    found = activity_statistics(curve([1.0, 2.0]), traded, YEAR)
    assert {at.reason for at in found.values()} == {"the premium traded is missing in 1 of 2 sessions"}
    faulty = curve([0.0, 2.0])
    whole = Activity(traded_inr=np.ones(2), held=held)
    assert activity_statistics(faulty, whole, YEAR)[ActivityStatistic.TURNOVER].reason == faulty.fault
    drawn = activity_intervals(faulty, whole, YEAR, Resampling(seed=1, draws=5))
    assert drawn.by_name[ActivityStatistic.TURNOVER].reason == faulty.fault
    with pytest.raises(UsageError, match="3 sessions came with activity of shape"):
        activity_statistics(curve([1.0, 2.0, 3.0]), whole, YEAR)
