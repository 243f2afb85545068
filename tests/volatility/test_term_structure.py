"""Volatility at constant maturities comes by total variance; contango is far above near."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.volatility.term_structure import (
    MATURITIES_DAYS,
    TermShape,
    constant_maturity,
    term_structure,
)

DAYS = np.array([3.0, 10.0, 32.0, 63.0])


def of(*sigma: float) -> np.ndarray:
    return np.array(sigma)


def test_far_above_near_is_contango_and_near_above_far_is_backwardation() -> None:
    up = term_structure(DAYS / 365, of(0.09, 0.10, 0.12, 0.13))
    down = term_structure(DAYS / 365, of(0.25, 0.22, 0.18, 0.16))
    level = term_structure(DAYS / 365, of(0.12, 0.12, 0.12, 0.12))
    assert (up.shape, down.shape, level.shape) == (
        TermShape.CONTANGO,
        TermShape.BACKWARDATION,
        TermShape.FLAT,
    )
    assert up.slope is not None and up.slope > 0.0
    assert down.slope is not None and down.slope < 0.0
    assert level.curvature == pytest.approx(0.0, abs=1e-12)


def test_a_constant_maturity_lies_between_its_expiries_in_total_variance() -> None:
    sigma = of(0.09, 0.10, 0.12, 0.13)
    found = constant_maturity(DAYS / 365, sigma, 14.0)
    share = (14 - 10) / (32 - 10)
    total = (1 - share) * 0.10**2 * 10 + share * 0.12**2 * 32
    assert found == pytest.approx(math.sqrt(total / 14))
    assert constant_maturity(DAYS / 365, sigma, 10.0) == pytest.approx(0.10)


def test_forward_variance_is_what_is_left_between_two_expiries() -> None:
    structure = term_structure(DAYS / 365, of(0.20, 0.15, 0.14, 0.14))
    assert len(structure.forward_variances) == 3
    first = structure.forward_variances[0]
    assert (first.from_days, first.to_days) == pytest.approx((3.0, 10.0))
    assert first.variance == pytest.approx((0.15**2 * 10 - 0.20**2 * 3) / 7)
    assert first.volatility == pytest.approx(math.sqrt(first.variance))


def test_calendar_arbitrage_shows_as_negative_forward_variance_without_a_volatility() -> None:
    structure = term_structure(np.array([5.0, 10.0]) / 365, of(0.30, 0.10))
    assert structure.forward_variances[0].variance < 0.0
    assert structure.forward_variances[0].volatility is None


def test_a_maturity_outside_the_listed_range_abstains_and_says_what_is_listed() -> None:
    structure = term_structure(np.array([10.0, 40.0]) / 365, of(0.12, 0.13))
    assert structure.at(7) is structure.at(60) is None
    assert structure.at(14) is not None
    assert "10.0 to 40.0 days" in (structure.points[0].reason or "")
    assert structure.curvature is None and structure.slope is not None


def test_no_expiry_or_only_bad_ones_leave_everything_unknown() -> None:
    for years, sigma in ((np.empty(0), np.empty(0)), (of(0.1, math.nan, -0.1), of(math.nan, 0.1, 0.1))):
        structure = term_structure(years, sigma)
        assert structure.shape is TermShape.UNKNOWN
        assert [point.volatility for point in structure.points] == [None] * len(MATURITIES_DAYS)
        assert all(point.reason for point in structure.points)
        assert structure.forward_variances == ()


@settings(derandomize=True, max_examples=80, deadline=None)
@given(st.lists(st.floats(0.05, 0.8), min_size=4, max_size=4), st.permutations(range(4)))
def test_order_of_the_expiries_does_not_matter_and_values_stay_within_variance_bounds(
    sigma: list[float], order: list[int]
) -> None:
    values = np.array(sigma)
    structure = term_structure(DAYS[order] / 365, values[order])
    assert structure == term_structure(DAYS / 365, values)
    total = values**2 * DAYS
    for point in structure.points:
        assert point.volatility is None or (
            total.min() * (1 - 1e-9) <= point.volatility**2 * point.days <= total.max() * (1 + 1e-9)
        )
