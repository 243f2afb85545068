"""What a structure pays at expiry is exact; what it is worth under P is an average over a martingale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import FORWARD, bought, call, condor, put, sold
from volguard.measure.payoff import (
    GRID_SIGMAS,
    LevelDensity,
    breakevens,
    expected_payoff,
    forecast_density,
    max_loss_points,
    payoff_at,
    short_legs,
)
from volguard.model.book import Leg

CONDOR = condor(24_100, 24_400, 25_200, 25_500)
STRIKES = st.integers(min_value=480, max_value=512).map(lambda n: 50 * n)
LEGS = st.lists(
    st.builds(
        lambda side, kind, strike: side(kind(strike)),
        *map(st.sampled_from, [[sold, bought], [call, put]]),
        STRIKES,
    ),
    min_size=1,
    max_size=5,
)
CREDIT = st.integers(min_value=-400, max_value=400).map(lambda n: n / 2)
LEVELS = np.arange(0.0, 60_000.0, 12.5)


def pnl(legs: Sequence[Leg], credit: float, level: float) -> float:
    return float(payoff_at(legs, np.array([level]))[0]) + credit


# --- payoff, loss, breakevens ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("level", "points"),
    [(0, -300), (24_100, -300), (24_300, -100), (24_400, 0), (25_200, 0), (25_350, -150), (30_000, -300)],
)
def test_a_condor_costs_at_most_the_width_of_one_wing(level: float, points: float) -> None:
    assert payoff_at(CONDOR, np.array([float(level)])).tolist() == [points]


def test_the_loss_of_a_condor_is_its_wing_less_the_credit() -> None:
    assert max_loss_points(CONDOR, 60.0) == 240.0


def test_of_unequal_wings_the_wider_one_counts() -> None:
    assert max_loss_points(condor(24_200, 24_400, 25_200, 25_500), 60.0) == 240.0
    assert max_loss_points(condor(23_900, 24_400, 25_200, 25_500), 60.0) == 440.0


def test_a_naked_short_call_has_no_bound() -> None:
    assert max_loss_points((sold(call(25_200)),), 100.0) is None
    assert max_loss_points((sold(call(25_200)), sold(call(25_300)), bought(call(25_400))), 100.0) is None


def test_a_put_does_not_cover_a_call() -> None:
    assert max_loss_points((sold(call(25_200)), bought(put(24_000))), 100.0) is None


def test_a_naked_short_put_loses_at_most_its_strike() -> None:
    assert max_loss_points((sold(put(24_400)),), 100.0) == 24_300.0


def test_a_long_option_loses_its_price() -> None:
    assert max_loss_points((bought(call(25_200)),), -80.0) == 80.0


def test_a_credit_above_the_width_is_a_loss_below_zero() -> None:
    assert max_loss_points((bought(put(24_100)), sold(put(24_400))), 310.0) == -10.0


def test_breakevens_of_a_condor_are_its_shorts_moved_out_by_the_credit() -> None:
    assert breakevens(CONDOR, 60.0) == pytest.approx((24_340.0, 25_260.0))


def test_breakevens_of_the_spreads_and_of_a_long_call() -> None:
    assert breakevens((bought(put(24_100)), sold(put(24_400))), 75.0) == pytest.approx((24_325.0,))
    assert breakevens((sold(call(25_200)), bought(call(25_500))), 75.0) == pytest.approx((25_275.0,))
    assert breakevens((bought(call(25_200)),), -80.0) == pytest.approx((25_280.0,))


def test_a_structure_that_always_wins_or_always_loses_has_no_breakeven() -> None:
    spread = (bought(put(24_100)), sold(put(24_400)))
    assert breakevens(spread, 310.0) == ()
    assert breakevens(spread, -10.0) == ()


def test_a_breakeven_on_a_strike_is_found_from_both_sides() -> None:
    # +10 at 24,400, 0 at 24,390's strike and losing below it; then the mirror image above.
    down = (sold(put(24_400)), sold(put(24_300)))
    assert breakevens(down, 100.0) == pytest.approx((24_300.0,))
    up = (sold(call(25_200)), sold(call(25_300)))
    assert breakevens(up, 100.0) == pytest.approx((25_300.0,))


def test_of_a_stretch_that_pays_nothing_the_end_is_the_breakeven() -> None:
    assert breakevens((bought(call(25_200)), sold(call(25_300))), 0.0) == (25_200.0,)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(legs=LEGS, credit=CREDIT)
def test_loss_and_breakevens_agree_with_a_walk_over_all_levels(legs: list[Leg], credit: float) -> None:
    outcome = payoff_at(legs, LEVELS) + credit
    loss = max_loss_points(legs, credit)
    net_calls = sum(leg.side.sign for leg in legs if leg.contract.option_type == "CE")
    assert (loss is None) == (net_calls < 0)
    if loss is not None:
        assert loss == pytest.approx(-float(outcome.min()))
    found = breakevens(legs, credit)
    assert list(found) == sorted(set(found))
    for level in found:
        assert pnl(legs, credit, level) == pytest.approx(0.0, abs=1e-6)
    reach = 2 * max(leg.contract.strike for leg in legs)
    for left, right, low, high in zip(LEVELS[:-1], LEVELS[1:], outcome[:-1], outcome[1:], strict=True):
        if low * high < 0 and right <= reach:
            assert any(left <= level <= right for level in found)


def test_legs_are_told_apart_by_side() -> None:
    assert [leg.contract.strike for leg in short_legs(CONDOR)] == [24_400, 25_200]


# --- the density P -----------------------------------------------------------------------------------

VARIANCES = st.floats(min_value=1e-6, max_value=0.04)
DOFS = st.sampled_from([2.5, 3.0, 5.0, 8.0, 30.0])


@settings(derandomize=True, max_examples=60, deadline=None)
@given(forward=st.floats(min_value=5_000, max_value=80_000), variance=VARIANCES, dof=DOFS)
def test_the_density_is_a_martingale_with_the_forecasts_variance(
    forward: float, variance: float, dof: float
) -> None:
    density = forecast_density(forward, variance, dof)
    assert float(density.probability.sum()) == pytest.approx(1.0, abs=1e-12)
    assert np.all(density.probability >= 0.0)
    assert np.all(np.diff(density.levels) > 0.0)
    assert float(density.levels @ density.probability) == pytest.approx(forward, rel=1e-12)
    assert density.mean == pytest.approx(forward, rel=1e-12)
    logs = np.log(density.levels)
    mean = float(logs @ density.probability)
    assert float((logs - mean) ** 2 @ density.probability) == pytest.approx(variance, rel=1e-9)


def test_without_variance_the_level_is_the_forward() -> None:
    density = forecast_density(FORWARD, 0.0, 5.0)
    assert density.levels == pytest.approx(FORWARD, rel=1e-12)
    outcome = expected_payoff(CONDOR, 60.0, density)
    assert outcome.expected_points == pytest.approx(0.0, abs=1e-6)
    assert outcome.probability_of_profit == pytest.approx(1.0)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(strike=STRIKES, variance=VARIANCES, dof=DOFS)
def test_a_long_call_and_short_put_are_worth_the_forward_less_the_strike(
    strike: int, variance: float, dof: float
) -> None:
    density = forecast_density(FORWARD, variance, dof)
    outcome = expected_payoff((bought(call(strike)), sold(put(strike))), 0.0, density)
    assert outcome.expected_points == pytest.approx(FORWARD - strike, abs=1e-7)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(legs=LEGS, credit=CREDIT, variance=VARIANCES, dof=DOFS)
def test_the_fast_average_is_the_plain_sum_over_the_density(
    legs: list[Leg], credit: float, variance: float, dof: float
) -> None:
    density = forecast_density(FORWARD, variance, dof)
    paid = payoff_at(legs, density.levels)
    found = expected_payoff(legs, credit, density)
    assert found.expected_points == pytest.approx(float(paid @ density.probability), abs=1e-6)
    # Each level's probability in so many equal shares, half on the way to either neighbour.
    shares = 40
    pieces, weight = spread(density, shares)
    profit = float(weight[payoff_at(legs, pieces) + credit > 0.0].sum())
    cuts = 1 + len(breakevens(legs, credit))
    slack = cuts * float(density.probability.max()) / shares + 1e-9
    assert found.probability_of_profit == pytest.approx(profit, abs=slack)


def spread(density: LevelDensity, shares: int) -> tuple[np.ndarray, np.ndarray]:
    """Points within the cell of each level, and the probability of each."""
    levels = density.levels
    edges = np.concatenate((levels[:1], 0.5 * (levels[1:] + levels[:-1]), levels[-1:]))
    part = (np.arange(shares // 2) + 0.5) / (shares // 2)
    below = edges[:-1, None] + (levels - edges[:-1])[:, None] * part
    above = levels[:, None] + (edges[1:] - levels)[:, None] * part
    weight = np.repeat(density.probability / shares, shares)
    return np.concatenate((below, above), axis=1).ravel(), weight


def test_a_chance_moves_with_the_strike_and_not_in_steps_of_the_levels() -> None:
    density = forecast_density(FORWARD, 0.12**2 * 7 / 365, 5.0)
    points = np.arange(FORWARD - 200.0, FORWARD + 200.0, 0.25)
    chance = np.array(density.chance_above(points.tolist()))
    # Nowhere more than what the highest density gives a quarter of a point.
    height = float((density.probability / np.gradient(density.levels)).max())
    steps = -np.diff(chance)
    assert steps.min() > 0.0 and steps.max() <= 0.25 * height * 1.001
    assert float(density.probability.max()) > 10.0 * steps.max()


@lru_cache(maxsize=8)
def truncated_t(dof: float, spread: float) -> tuple[float, float, float]:
    """Mass within the reach, scale to variance one, and mean growth of a Student-t cut off at the reach."""
    from scipy import integrate, stats

    unit = math.sqrt((dof - 2) / dof)  # a t of `dof` has variance dof / (dof - 2)
    reach = GRID_SIGMAS / unit

    def integral(function) -> float:
        return integrate.quad(lambda x: function(x) * stats.t.pdf(x, dof), -reach, reach, limit=400)[0]

    mass = integral(lambda _: 1.0)
    scale = 1.0 / math.sqrt(integral(lambda x: x * x) / mass)
    return mass, scale, integral(lambda x: math.exp(spread * scale * x)) / mass


@pytest.mark.parametrize("dof", [3.0, 5.0, 12.0])
@pytest.mark.parametrize("strike", [23_900, 24_400, 24_800, 25_250, 25_900])
def test_an_option_is_worth_what_quadrature_of_students_t_gives(dof: float, strike: int) -> None:
    from scipy import integrate, stats

    variance = 0.12**2 * 7 / 365
    spread = math.sqrt(variance)
    mass, scale, growth = truncated_t(dof, spread)
    reach = GRID_SIGMAS / math.sqrt((dof - 2) / dof)
    edge = math.log(strike * growth / FORWARD) / (spread * scale)  # the level is at the strike

    def paid(x: float) -> float:
        return FORWARD * math.exp(spread * scale * x) / growth - strike

    value = integrate.quad(lambda x: paid(x) * stats.t.pdf(x, dof), edge, reach, limit=400)[0] / mass
    chance = (stats.t.cdf(reach, dof) - stats.t.cdf(edge, dof)) / mass
    found = expected_payoff((bought(call(strike)),), 0.0, forecast_density(FORWARD, variance, dof))
    assert found.expected_points == pytest.approx(value, abs=0.03)
    assert found.probability_of_profit == pytest.approx(chance, abs=5e-5)


def test_outcomes_above_a_point_leave_out_the_point_itself() -> None:
    density = LevelDensity(levels=np.array([100.0, 200.0, 300.0]), probability=np.array([0.2, 0.3, 0.5]))
    found = density.above([0.0, 100.0, 150.0, 300.0, 400.0])
    assert [mass for mass, _ in found] == pytest.approx([1.0, 0.8, 0.8, 0.0, 0.0])
    assert [level for _, level in found] == pytest.approx([230.0, 210.0, 210.0, 0.0, 0.0])


def test_the_height_of_a_density_integrates_to_one_and_ends_with_its_grid() -> None:
    density = forecast_density(FORWARD, 0.12**2 * 7 / 365, 5.0)
    levels = np.arange(15_000.0, 40_000.0, 1.0)
    height = density.per_point(levels)
    assert float(height.sum()) == pytest.approx(1.0, abs=1e-3)
    assert float(height @ levels) == pytest.approx(FORWARD, abs=1.0)
    assert density.per_point(np.array([1.0, 90_000.0])).tolist() == [0.0, 0.0]


def test_fatter_tails_make_the_far_wings_dearer_at_the_same_variance() -> None:
    variance = 0.12**2 * 7 / 365
    far = (bought(put(23_300)),)
    fat, thin = (
        expected_payoff(far, 0.0, forecast_density(FORWARD, variance, dof)).expected_points
        for dof in (3.0, 30.0)
    )
    assert fat > 3 * thin > 0


def test_more_variance_takes_from_the_seller() -> None:
    calm, wild = (
        expected_payoff(CONDOR, 60.0, forecast_density(FORWARD, vol**2 * 7 / 365, 5.0))
        for vol in (0.08, 0.16)
    )
    assert wild.expected_points < calm.expected_points < 0.0
    assert wild.probability_of_profit < calm.probability_of_profit
