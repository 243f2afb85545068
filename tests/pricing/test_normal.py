"""The normal distribution keeps its relative accuracy through both tails."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from tests.pricing import exact_black
from volguard.pricing.normal import (
    CHORD_MAX,
    CHORD_MIN,
    SERIES_REACH_MAX,
    cdf,
    mills_chord,
    mills_pair,
    mills_ratio,
    mills_slope,
    pdf,
)

EPS = float(np.finfo(float).eps)


def relative(values: np.ndarray, exact: list[object]) -> np.ndarray:
    return np.array([float(mp.mpf(float(v)) / e - 1) for v, e in zip(values, exact, strict=True)])


def test_mills_ratio_is_right_to_a_few_ulp_from_zero_to_sixty() -> None:
    x = np.concatenate((np.linspace(0.0, 10.0, 301), np.linspace(10.0, 60.0, 101)))
    with mp.workdps(50):
        error = relative(mills_ratio(x), [exact_black.mills_ratio(v) for v in x])
    assert np.abs(error).max() < 8 * EPS
    assert np.sqrt(np.mean(error**2)) < 1.5 * EPS


def test_cdf_and_pdf_are_right_in_the_far_tail() -> None:
    x = np.linspace(-37.5, 8.0, 400)
    with mp.workdps(50):
        assert np.abs(relative(cdf(x), [mp.ncdf(mp.mpf(v)) for v in x])).max() < 8 * EPS
        assert np.abs(relative(pdf(x), [mp.npdf(mp.mpf(v)) for v in x])).max() < 8 * EPS


def test_cdf_agrees_with_an_independent_library() -> None:
    x = np.linspace(-8.0, 8.0, 1001).reshape(7, 143)
    np.testing.assert_allclose(cdf(x), stats.norm.cdf(x), rtol=3e-14)


def test_ends_of_the_line() -> None:
    np.testing.assert_array_equal(cdf(np.array([-np.inf, 0.0, np.inf])), [0.0, 0.5, 1.0])
    assert np.isnan(cdf(np.array([np.nan]))).all()
    assert np.isnan(pdf(np.nan))
    assert cdf(np.empty(0)).shape == (0,)


@pytest.mark.parametrize("reach", [1e-9, 0.01, SERIES_REACH_MAX])
def test_the_difference_of_two_close_tails_keeps_its_digits(reach: float) -> None:
    centre = np.linspace(0.0, 9.0, 91)
    mean, slope = mills_pair(centre, np.full_like(centre, reach))
    with mp.workdps(60):
        h = mp.mpf(reach)
        below = [exact_black.mills_ratio(mp.mpf(c) - h) for c in centre]
        above = [exact_black.mills_ratio(mp.mpf(c) + h) for c in centre]
        slopes = [(b - a) / (2 * h) for b, a in zip(below, above, strict=True)]
        means = [(b + a) / 2 for b, a in zip(below, above, strict=True)]
        # 1 - x R(x) falls like 1 / x^2: that much is lost, and an implied volatility wins it back.
        assert (np.abs(relative(slope, slopes)) / (1.0 + centre**2)).max() < 8 * EPS
        assert np.abs(relative(mean, means)).max() < 12 * EPS
    np.testing.assert_array_equal(mills_slope(centre, np.full_like(centre, reach)), slope)


@pytest.mark.parametrize("step", [0.0, 1e-12, 1e-4, 0.3, -0.3])
def test_the_chord_between_two_points_keeps_its_digits_however_close_they_are(step: float) -> None:
    start = np.linspace(CHORD_MIN + max(0.0, -step), CHORD_MAX - max(0.0, step), 120)
    end = start + step
    value, slope = mills_chord(start, end)
    with mp.workdps(80):
        ratios = [exact_black.mills_ratio(v) for v in start]
        chords = [
            -(mp.mpf(a) * r - 1) if a == b else (r - exact_black.mills_ratio(b)) / (mp.mpf(b) - mp.mpf(a))
            for a, b, r in zip(start, end, ratios, strict=True)
        ]
        assert np.abs(relative(value, ratios)).max() < 8 * EPS
        assert np.abs(relative(slope, chords)).max() < 3e-14
