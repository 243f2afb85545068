"""Implied volatility is exact to rounding wherever the price carries it, and says why where it does not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from py_lets_be_rational import implied_volatility_from_a_transformed_rational_guess as scalar_peer

from tests.pricing import exact_black
from volguard.pricing.black76 import BLOCK, greeks, price
from volguard.pricing.implied_vol import IvStatus, implied_vol

FORWARD = 24_500.0
LOG_MONEYNESS = (-0.6, -0.35, -0.15, -0.05, -0.01, -1e-3, -1e-6, 0.0, 1e-6, 2e-3, 0.02, 0.08, 0.25, 0.6)
SIGMAS = (0.01, 0.03, 0.08, 0.13, 0.3, 0.7, 1.5, 3.0)
TIMES = (5 / 525_600, 3 / (24 * 365), 1 / 365, 4 / 365, 0.1, 0.5, 2.0)


@pytest.fixture(scope="module")
def hard_grid() -> dict[str, np.ndarray]:
    """Out-of-the-money prices of at least 1e-12 points, rounded once from many digits."""
    rows = []
    for k, sigma, t in product(LOG_MONEYNESS, SIGMAS, TIMES):
        strike = FORWARD * float(np.exp(k))
        if abs(k) / (sigma * t**0.5) > 9.0:
            continue
        is_call = strike >= FORWARD
        value = float(exact_black.price(FORWARD, strike, t, sigma, is_call, 1.0))
        if value >= 1e-12:
            rows.append((value, strike, t, sigma, is_call))
    names = ("price", "strike", "t", "sigma", "is_call")
    grid = {name: np.array(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
    assert len(rows) > 400
    return grid


def test_the_hard_grid_has_no_failure_and_errors_of_rounding(hard_grid: dict[str, np.ndarray]) -> None:
    """Log-moneyness to 60 %, volatility 1 % to 300 %, five minutes to two years, prices down to 1e-12."""
    of = implied_vol(
        hard_grid["price"], FORWARD, hard_grid["strike"], hard_grid["t"], hard_grid["is_call"], 1.0
    )
    assert np.all(of.status == IvStatus.OK)
    assert np.abs(of.sigma / hard_grid["sigma"] - 1.0).max() < 1e-14
    assert np.abs(of.sigma - hard_grid["sigma"]).max() < 1e-13


def test_the_price_of_the_implied_volatility_is_the_price(hard_grid: dict[str, np.ndarray]) -> None:
    columns = FORWARD, hard_grid["strike"], hard_grid["t"]
    of = implied_vol(hard_grid["price"], *columns, hard_grid["is_call"], 1.0)
    again = price(*columns, of.sigma, hard_grid["is_call"], 1.0)
    np.testing.assert_allclose(again, hard_grid["price"], rtol=2e-13)


def test_an_independent_solver_agrees(hard_grid: dict[str, np.ndarray]) -> None:
    ours = implied_vol(
        hard_grid["price"], FORWARD, hard_grid["strike"], hard_grid["t"], hard_grid["is_call"], 1.0
    )
    columns = (hard_grid[name].tolist() for name in ("price", "strike", "t", "is_call"))
    peer = [scalar_peer(p, FORWARD, k, t, 1.0 if c else -1.0) for p, k, t, c in zip(*columns, strict=True)]
    # It forms ln(F / K) from the rounded quotient, which costs a digit close to the money.
    np.testing.assert_allclose(ours.sigma, peer, rtol=1e-10)
    assert np.median(np.abs(ours.sigma / peer - 1.0)) < 1e-14


@settings(derandomize=True, max_examples=300)
@given(
    k=st.floats(-0.6, 0.6),
    t=st.floats(5 / 525_600, 3.0),
    sigma=st.floats(0.01, 3.0),
    is_call=st.booleans(),
    discount=st.floats(0.7, 1.0),
)
def test_round_trip_to_what_the_price_can_carry(
    k: float, t: float, sigma: float, is_call: bool, discount: float
) -> None:
    """In the money, the rounding of the intrinsic value bounds what can be known."""
    strike = FORWARD * float(np.exp(k))
    of = greeks(FORWARD, strike, t, sigma, is_call, discount)
    back = implied_vol(of.price, FORWARD, strike, t, is_call, discount)
    if back.status == IvStatus.OK:
        rounding = 4e-16 * float(of.price) / max(100.0 * float(of.vega_per_pt), 1e-300)
        assert abs(float(back.sigma) - sigma) <= 1e-14 * (1.0 + sigma) + 4.0 * rounding
    else:
        assert back.status == IvStatus.NO_INFORMATION
        assert np.isnan(back.sigma)


def test_call_and_put_of_a_strike_have_one_volatility() -> None:
    strikes = np.arange(23_000.0, 26_000.0, 50.0)
    sigma = 0.12 + 0.3 * np.abs(np.log(strikes / FORWARD))
    call, put = (price(FORWARD, strikes, 20 / 365, sigma, side, 0.99) for side in (True, False))
    for value, side in ((call, True), (put, False)):
        np.testing.assert_allclose(
            implied_vol(value, FORWARD, strikes, 20 / 365, side, 0.99).sigma, sigma, rtol=1e-10
        )


@pytest.mark.parametrize(
    ("value", "strike", "t", "is_call", "status"),
    [
        (499.0, 24_000.0, 0.1, True, IvStatus.BELOW_INTRINSIC),
        (-0.05, 25_000.0, 0.1, True, IvStatus.BELOW_INTRINSIC),
        (24_500.1, 25_000.0, 0.1, True, IvStatus.ABOVE_BOUND),
        (24_000.1, 24_000.0, 0.1, False, IvStatus.ABOVE_BOUND),
        (500.0, 24_000.0, 0.1, True, IvStatus.NO_INFORMATION),
        (0.0, 25_000.0, 0.1, True, IvStatus.NO_INFORMATION),
        (24_500.0, 25_000.0, 0.1, True, IvStatus.NO_INFORMATION),
        (510.0, 24_000.0, 0.0, True, IvStatus.NO_INFORMATION),
        (np.nan, 25_000.0, 0.1, True, IvStatus.MISSING),
        (np.inf, 25_000.0, 0.1, True, IvStatus.MISSING),
        (10.0, np.nan, 0.1, True, IvStatus.MISSING),
        (10.0, 0.0, 0.1, True, IvStatus.MISSING),
        (10.0, -5.0, 0.1, True, IvStatus.MISSING),
        (10.0, 25_000.0, -0.1, True, IvStatus.MISSING),
        (10.0, 25_000.0, np.nan, True, IvStatus.MISSING),
    ],
)
def test_a_price_without_a_volatility_says_why(
    value: float, strike: float, t: float, is_call: bool, status: IvStatus
) -> None:
    """One such element leaves its neighbours as they were."""
    fair = float(price(FORWARD, 25_000.0, 0.1, 0.2, True, 1.0))
    of = implied_vol(
        [fair, value, fair], FORWARD, [25_000.0, strike, 25_000.0], [0.1, t, 0.1], [True, is_call, True], 1.0
    )
    assert of.status.tolist() == [IvStatus.OK, status, IvStatus.OK]
    assert np.isnan(of.sigma[1])
    np.testing.assert_allclose(of.sigma[[0, 2]], 0.2, rtol=1e-14)


def test_a_missing_forward_or_discount_is_missing() -> None:
    of = implied_vol(10.0, [np.nan, 100.0, -1.0, 100.0], 100.0, 0.1, True, [1.0, np.nan, 1.0, 0.0])
    assert np.all(of.status == IvStatus.MISSING)


def test_several_blocks_give_what_one_gives() -> None:
    strikes = np.linspace(20_000.0, 30_000.0, BLOCK + 500)
    values = price(FORWARD, strikes, 0.2, 0.3, True, 1.0)
    whole = implied_vol(values, FORWARD, strikes, 0.2, True, 1.0)
    piece = implied_vol(values[-400:], FORWARD, strikes[-400:], 0.2, True, 1.0)
    np.testing.assert_allclose(whole.sigma, 0.3, rtol=1e-10)
    np.testing.assert_allclose(whole.sigma[-400:], piece.sigma, rtol=1e-14)


def test_shapes_broadcast_and_empty_stays_empty() -> None:
    assert implied_vol([], [], [], [], [], []).sigma.shape == (0,)
    assert implied_vol(np.full((2, 1), 300.0), FORWARD, [24_500.0, 24_550.0], 0.1, True, 1.0).sigma.shape == (
        2,
        2,
    )
    scalar = implied_vol(300.0, FORWARD, FORWARD, 0.1, True, 1.0)
    assert scalar.sigma.shape == () and scalar.status == IvStatus.OK
