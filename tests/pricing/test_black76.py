"""Black-76 prices and Greeks are exact to rounding, keep the bounds and the right limits, and never raise."""

from __future__ import annotations

from dataclasses import fields
from itertools import product

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pricing import exact_black
from volguard.pricing.black76 import BLOCK, Greeks, greeks, price

NAMES = [field.name for field in fields(Greeks)]
CURVED = ("gamma", "vega_per_pt", "theta_per_day", "vanna_per_pt", "charm_per_day", "volga_per_pt")
DISCOUNT = float(np.exp(-0.05 * 7 / 365))
FORWARD = 25_000.0 / DISCOUNT

spots = st.floats(1_000.0, 100_000.0)
moneyness = st.floats(-0.6, 0.6)
times = st.floats(5 / 525_600, 5.0)
sigmas = st.floats(0.01, 3.0)
discounts = st.floats(0.6, 1.02)


def test_reference_vectors_of_a_weekly_option() -> None:
    """Spot 25,000, rate 5 %, 7 days, volatility 13 %, S = F D."""
    of = greeks(FORWARD, [25_000.0, 24_500.0], 7 / 365, 0.13, [True, False], DISCOUNT)
    assert of.price == pytest.approx([191.7010, 26.2685], abs=5e-5)
    assert of.delta[0] == pytest.approx(0.52482, abs=5e-6)
    assert of.gamma[0] == pytest.approx(0.000885, abs=5e-7)
    assert of.vega_per_pt[0] == pytest.approx(13.7851, abs=5e-5)
    assert of.theta_per_day[0] == pytest.approx(-14.5716, abs=5e-5)


@pytest.mark.parametrize("is_call", [True, False])
@pytest.mark.parametrize("sigma", [0.01, 0.13, 0.6, 3.0])
def test_prices_match_fifty_digits(sigma: float, is_call: bool) -> None:
    points = [
        (FORWARD, FORWARD * float(np.exp(k)), t, sigma, is_call, DISCOUNT)
        for k, t in product((-0.6, -0.05, -1e-6, 0.0, 0.002, 0.3), (5 / 525_600, 3 / 365, 0.25, 2.0))
    ]
    exact = [exact_black.price(*point) for point in points]
    ours = price(*(np.array(column) for column in zip(*points, strict=True)))
    for point, value, reference in zip(points, ours, exact, strict=True):
        if reference > 1e-150:
            assert float(mp.mpf(float(value)) / reference - 1) == pytest.approx(0.0, abs=5e-13), point


@pytest.mark.parametrize("is_call", [True, False])
def test_greeks_match_derivatives_in_many_digits(is_call: bool) -> None:
    """Each to 1e-10 relative: bump-free derivatives at constant spot, wings down to 1e-70 included."""
    for k, sigma, t in product((-0.4, -0.03, 0.0, 0.05, 0.5), (0.02, 0.13, 0.8), (5 / 525_600, 7 / 365, 1.3)):
        if abs(k) / (sigma * t**0.5) > 15.0:
            continue
        point = (FORWARD, FORWARD * float(np.exp(k)), t, sigma, is_call, float(np.exp(-0.05 * t)))
        ours, exact = greeks(*point), exact_black.greeks(*point)
        for name in NAMES:
            error = abs(float(mp.mpf(float(getattr(ours, name))) / exact[name] - 1))
            assert error < 1e-10, (name, point)


@settings(derandomize=True, max_examples=200)
@given(forward=spots, k=moneyness, t=times, sigma=sigmas, discount=discounts)
def test_parity_and_bounds(forward: float, k: float, t: float, sigma: float, discount: float) -> None:
    """C - P = D (F - K); 0 and intrinsic below, D F and D K above; deltas and probabilities add up."""
    strike = forward * float(np.exp(k))
    of = greeks(forward, strike, t, sigma, [True, False], discount)
    call, put = of.price
    scale = discount * max(forward, strike)
    assert call - put == pytest.approx(discount * (forward - strike), abs=4e-16 * scale * 4)
    assert max(0.0, discount * (forward - strike)) <= call <= discount * forward * (1 + 1e-15)
    assert max(0.0, discount * (strike - forward)) <= put <= discount * strike * (1 + 1e-15)
    assert of.delta[0] - of.delta[1] == pytest.approx(1.0, abs=1e-15)
    assert of.dual_delta[1] - of.dual_delta[0] == pytest.approx(discount, abs=1e-15)
    assert of.probability_itm.sum() == pytest.approx(1.0, abs=1e-15)
    assert of.gamma[0] == of.gamma[1] >= 0.0
    assert of.vega_per_pt[0] == of.vega_per_pt[1] >= 0.0
    rate = -np.log(discount) / t
    carry = of.theta_per_day[0] - of.theta_per_day[1]
    size = abs(of.theta_per_day).max() + abs(rate) * scale
    assert carry == pytest.approx(-rate * strike * discount / 365, abs=1e-13 * size)


@settings(derandomize=True, max_examples=100)
@given(forward=spots, k=moneyness, t=times, sigma=sigmas)
def test_a_price_rises_with_volatility_and_falls_away_from_the_money(
    forward: float, k: float, t: float, sigma: float
) -> None:
    strike = forward * float(np.exp(abs(k)))
    low, high = price(forward, strike, t, [sigma, sigma * 1.001], True, 1.0)
    near, far = price(forward, [strike, strike * 1.001], t, sigma, True, 1.0)
    assert low <= high
    assert far <= near


def test_prices_and_the_price_among_the_greeks_are_the_same() -> None:
    strikes = np.linspace(18_000.0, 32_000.0, 2 * BLOCK + 7)
    calls = np.arange(len(strikes)) % 2 == 0
    one = price(FORWARD, strikes, 0.3, 0.2, calls, DISCOUNT)
    np.testing.assert_array_equal(one, greeks(FORWARD, strikes, 0.3, 0.2, calls, DISCOUNT).price)
    np.testing.assert_array_equal(one[:100], price(FORWARD, strikes[:100], 0.3, 0.2, calls[:100], DISCOUNT))


def test_both_ways_to_a_price_meet_at_their_borders() -> None:
    """On both sides of where the short rational function ends: z + h at 7, h - z at 1/4; beside a bad row."""
    t, sigma = 0.25, np.array([0.2, 0.2, 1.0, 1.02, 1.0, 0.2, np.nan])
    s = sigma * t**0.5
    x = np.array([6.9 - s[0] / 2, 7.1 - s[1] / 2, 0.0, 0.0, 0.2, -7.1 + s[5] / 2, 1.0]) * s
    strikes = FORWARD * np.exp(x)
    calls = np.array([True, True, True, False, True, False, True])
    of = greeks(FORWARD, strikes, t, sigma, calls, DISCOUNT)
    for i in range(6):
        exact = exact_black.greeks(FORWARD, float(strikes[i]), t, float(sigma[i]), bool(calls[i]), DISCOUNT)
        for name in NAMES:
            error = abs(float(mp.mpf(float(getattr(of, name)[i])) / exact[name] - 1))
            assert error < 1e-11, (name, i)
    assert all(np.isnan(getattr(of, name)[6]) for name in NAMES)


def test_without_time_or_volatility_the_intrinsic_value_remains() -> None:
    strikes = np.array([90.0, 110.0])
    for t, sigma in ((0.0, 0.2), (1.0, 0.0), (0.0, 0.0)):
        of = greeks(100.0, strikes, t, sigma, True, 1.0)
        np.testing.assert_array_equal(of.price, [10.0, 0.0])
        np.testing.assert_array_equal(of.delta, [1.0, 0.0])
        np.testing.assert_array_equal(of.probability_itm, [1.0, 0.0])
        for name in (
            "gamma",
            "vega_per_pt",
            "theta_per_day",
            "vanna_per_pt",
            "volga_per_pt",
            "charm_per_day",
        ):
            np.testing.assert_array_equal(getattr(of, name), 0.0, err_msg=name)


def test_exactly_at_the_money_the_limits_are_finite_or_very_large_never_nan() -> None:
    of = greeks(100.0, 100.0, [0.0, 1.0, 0.0], [0.2, 0.0, 0.0], False, 1.0)
    assert np.all(of.price < 1e-15)
    np.testing.assert_array_equal(of.delta, -0.5)
    assert np.all(of.gamma > 1e15)
    for name in NAMES:
        assert np.isfinite(getattr(of, name)).all(), name


def test_deep_wings_and_absurd_inputs_stay_finite_and_positive() -> None:
    of = greeks(
        [25_000.0, 25_000.0, 25_000.0, 1e300, 1e-300],
        [1.0, 1e9, 25_000.0, 1e-300, 1e300],
        [1e-5, 1e-5, 50.0, 1.0, 1.0],
        [0.01, 0.01, 900.0, 3.0, 3.0],
        [False, True, True, False, True],
        1.0,
    )
    np.testing.assert_array_equal(of.price, [0.0, 0.0, 25_000.0, 0.0, 0.0])
    for name in NAMES:
        assert np.isfinite(getattr(of, name)).all(), name


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, -1.0])
@pytest.mark.parametrize("at", [0, 1, 2, 3, 5])
def test_one_bad_element_is_nan_and_its_neighbours_are_not(bad: float, at: int) -> None:
    point = [np.full(3, value) for value in (100.0, 105.0, 0.1, 0.2, 1.0, 0.99)]
    point[4] = np.array([True, True, True])
    good = price(*point)
    point[at][1] = bad
    of = greeks(*point)
    for name in NAMES:
        np.testing.assert_array_equal(np.isnan(getattr(of, name)), [False, True, False], err_msg=name)
    assert of.price[0] == good[0]


@pytest.mark.parametrize("at", [0, 1, 5])
def test_a_zero_forward_strike_or_discount_has_no_price(at: int) -> None:
    point = [100.0, 105.0, 0.1, 0.2, True, 0.99]
    point[at] = 0.0
    assert np.isnan(price(*point))


def test_shapes_broadcast_and_empty_stays_empty() -> None:
    assert price(100.0, 100.0, 0.1, 0.2, True, 1.0).shape == ()
    assert price(np.full((4, 1), 100.0), [90.0, 100.0, 110.0], 0.1, 0.2, True, 1.0).shape == (4, 3)
    assert greeks(np.empty((0, 3)), 100.0, 0.1, 0.2, True, 1.0).delta.shape == (0, 3)
    with pytest.raises(ValueError, match="broadcast"):
        price(np.ones(2), np.ones(3), 0.1, 0.2, True, 1.0)
