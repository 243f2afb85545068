"""A value is ranked among its own past, and without a past it has no rank."""

from __future__ import annotations

import math

import numpy as np
import pytest

from volguard.volatility.rank import percentile_of, z_score

PAST = np.array([0.10, 0.11, 0.12, 0.13])


@pytest.mark.parametrize(
    ("value", "percent"),
    [(0.05, 0.0), (0.10, 0.0), (0.105, 25.0), (0.13, 75.0), (0.14, 100.0)],
)
def test_the_percentile_is_the_share_strictly_below(value: float, percent: float) -> None:
    assert percentile_of(value, PAST) == percent


def test_unknown_days_of_the_past_do_not_count() -> None:
    assert percentile_of(0.125, np.array([math.nan, 0.10, math.inf, 0.13])) == 50.0


@pytest.mark.parametrize("past", [np.empty(0), np.array([math.nan, math.nan])])
def test_without_a_past_there_is_neither_percentile_nor_z(past: np.ndarray) -> None:
    assert percentile_of(0.1, past) is None
    assert z_score(0.1, past) is None


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_a_number_has_no_rank(value: float) -> None:
    assert percentile_of(value, PAST) is None
    assert z_score(value, PAST) is None


def test_z_uses_the_sample_deviation() -> None:
    # mean 3, squares 4 + 1 + 0 + 1 + 4 over n - 1 = 4
    past = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    assert z_score(5.0, past) == pytest.approx(2.0 / math.sqrt(2.5), rel=1e-14)
    assert z_score(3.0, past) == 0.0


def test_one_day_of_past_has_no_deviation() -> None:
    assert z_score(0.2, np.array([0.1])) is None
    assert z_score(0.2, np.array([0.1, math.nan])) is None


@pytest.mark.parametrize("level", [0.0, 0.1, 0.15, 0.2, 0.13, -0.07])
@pytest.mark.parametrize("days", [2, 3, 7, 252])
def test_a_past_that_never_moved_has_no_z_though_its_mean_is_rounded(level: float, days: int) -> None:
    assert z_score(0.25, np.full(days, level)) is None
