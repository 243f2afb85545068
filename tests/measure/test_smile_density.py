"""Under the density of a smile every structure is worth what the smile's own prices say, no more, no less."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.chains import bought, call, condor, put
from volguard.measure.payoff import expected_payoff, forecast_density, payoff_at
from volguard.measure.smile_density import smile_density, value_under
from volguard.model.market import FloatArray
from volguard.pricing.black76 import greeks, price
from volguard.pricing.normal import cdf

FORWARD, YEARS = 25_000.0, 7 / 365
CONDOR = condor(24_100, 24_400, 25_600, 25_900)


def smile(strike: FloatArray) -> FloatArray:
    x = np.log(strike / FORWARD)
    return np.asarray(0.13 - 0.25 * x + 1.0 * x**2 / (1.0 + 20 * np.abs(x)))


def flat(strike: FloatArray) -> FloatArray:
    return np.full(len(strike), 0.13)


@pytest.mark.parametrize("leg", [call(25_000), call(25_600), put(24_400), put(23_900)])
def test_single_options_are_worth_their_own_price_in_the_smile(leg: object) -> None:
    density = smile_density(smile, FORWARD, YEARS).density
    assert density is not None
    legs = [bought(leg)]  # type: ignore[arg-type]
    strike = np.array([float(legs[0].contract.strike)])
    is_call = legs[0].contract.option_type.value == "CE"
    own = float(price(FORWARD, strike, YEARS, smile(strike), is_call, 1.0)[0])
    assert expected_payoff(legs, 0.0, density).expected_points == pytest.approx(own, abs=0.01)


def test_a_condor_sold_at_its_smile_value_is_worth_nothing_under_q() -> None:
    density = smile_density(smile, FORWARD, YEARS).density
    assert density is not None
    credit = -expected_payoff(CONDOR, 0.0, density).expected_points
    own = 0.0
    for leg in CONDOR:
        strike = np.array([float(leg.contract.strike)])
        is_call = leg.contract.option_type.value == "CE"
        own -= leg.side.sign * float(price(FORWARD, strike, YEARS, smile(strike), is_call, 1.0)[0])
    assert credit == pytest.approx(own, abs=0.02)
    assert 0.5 < expected_payoff(CONDOR, credit, density).probability_of_profit < 1.0


def test_the_density_is_a_probability_whose_mean_is_the_forward() -> None:
    found = smile_density(smile, FORWARD, YEARS)
    assert found.density is not None and found.reason is None
    assert found.density.probability.min() >= 0.0
    assert float(found.density.probability.sum()) == pytest.approx(1.0, abs=1e-12)
    assert found.density.mean == pytest.approx(FORWARD, abs=1e-6)
    assert found.negative_mass < 1e-6


def test_a_flat_smile_gives_the_lognormal_of_black_76() -> None:
    density = smile_density(flat, FORWARD, YEARS).density
    assert density is not None
    for level in (24_000.0, 24_800.0, 25_000.0, 25_700.0):
        mass, _ = density.above([level])[0]
        expected = float(greeks(FORWARD, level, YEARS, 0.13, True, 1.0).probability_itm)
        assert mass == pytest.approx(expected, abs=2e-3)


def test_a_downside_smile_puts_more_weight_below() -> None:
    tilted, level = (smile_density(s, FORWARD, YEARS).density for s in (smile, flat))
    assert tilted is not None and level is not None
    low = FORWARD * math.exp(-3 * 0.13 * math.sqrt(YEARS))
    assert tilted.above([low])[0][0] < level.above([low])[0][0]


def test_any_payoff_is_valued_under_q_and_under_p() -> None:
    q = smile_density(flat, FORWARD, YEARS).density
    p = forecast_density(FORWARD, 0.10**2 * YEARS, 5.0)
    assert q is not None
    credit = 40.0
    for density in (q, p):
        general = value_under(lambda levels: payoff_at(CONDOR, levels) + credit, density)
        special = expected_payoff(CONDOR, credit, density)
        assert general.expected_points == pytest.approx(special.expected_points + credit, abs=1e-9)
        assert general.probability_of_profit == pytest.approx(special.probability_of_profit, abs=5e-3)
    squared = value_under(lambda levels: np.log(levels / FORWARD) ** 2, q)
    assert math.sqrt(squared.expected_points / YEARS) == pytest.approx(0.13, abs=1e-3)
    sure = value_under(lambda levels: levels - FORWARD, q)
    below = float(cdf(-0.5 * 0.13 * math.sqrt(YEARS)))
    assert sure.probability_of_profit == pytest.approx(below, abs=2e-5)


@pytest.mark.parametrize("strike", [23_777.0, 24_444.4, 24_999.0, 25_321.0])
def test_a_breakeven_between_two_levels_cuts_the_probability_there(strike: float) -> None:
    density = smile_density(flat, FORWARD, YEARS).density
    assert density is not None
    d2 = math.log(FORWARD / strike) / (0.13 * math.sqrt(YEARS)) - 0.5 * 0.13 * math.sqrt(YEARS)
    above = value_under(lambda levels: levels - strike, density).probability_of_profit
    below = value_under(lambda levels: strike - levels, density).probability_of_profit
    assert above == pytest.approx(float(cdf(d2)), abs=2e-5)
    assert above + below == pytest.approx(1.0, abs=1e-12)


def test_a_payoff_of_nothing_is_no_profit() -> None:
    density = smile_density(flat, FORWARD, YEARS).density
    assert density is not None
    assert value_under(np.zeros_like, density).probability_of_profit == 0.0
    assert value_under(np.ones_like, density).probability_of_profit == pytest.approx(1.0, abs=1e-12)


def test_butterfly_arbitrage_beyond_noise_has_no_density() -> None:
    def kinked(strike: FloatArray) -> FloatArray:
        return np.asarray(0.13 + 0.08 * np.sin(np.log(strike / FORWARD) * 400.0))

    found = smile_density(kinked, FORWARD, YEARS)
    assert found.density is None
    assert found.negative_mass > 0.01 and "butterfly" in (found.reason or "")


@pytest.mark.parametrize(
    ("forward", "years"), [(math.nan, YEARS), (-1.0, YEARS), (FORWARD, 0.0), (FORWARD, math.nan)]
)
def test_without_forward_or_time_there_is_no_density(forward: float, years: float) -> None:
    found = smile_density(flat, forward, years)
    assert found.density is None and "no forward" in (found.reason or "")


def test_a_smile_that_stops_before_the_wings_abstains_rather_than_extend_itself() -> None:
    def short(strike: FloatArray) -> FloatArray:
        return np.where(np.abs(strike / FORWARD - 1.0) < 0.02, 0.13, np.nan)

    assert "does not reach" in (smile_density(short, FORWARD, YEARS).reason or "")
    assert "at the forward" in (smile_density(lambda k: k * np.nan, FORWARD, YEARS).reason or "")
