"""Under the density of a smile every structure is worth what the smile's own prices say, no more, no less."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from tests.chains import bought, call, condor, put
from tests.fakes import shipped
from tests.pricing.real_chain import REAL
from volguard.measure.payoff import LevelDensity, expected_payoff, forecast_density, payoff_at
from volguard.measure.smile_density import SmileDensity, smile_density, value_under
from volguard.model.market import FloatArray
from volguard.operations.chain_view import from_file
from volguard.operations.smile_view import surface_of
from volguard.pricing.black76 import greeks, price
from volguard.pricing.normal import cdf
from volguard.pricing.sabr import sabr_sigma
from volguard.pricing.slices import SmileSource
from volguard.pricing.surface import Surface
from volguard.pricing.svi import svi_total_variance

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


def dented(depth: float) -> Callable[[FloatArray], FloatArray]:
    """A smile with a narrow dent above the forward, too shallow for a price to rise away from the money."""

    def sigma(strike: FloatArray) -> FloatArray:
        x = np.log(strike / FORWARD)
        return np.asarray(0.13 - depth * np.exp(-(((x - 0.02) / 0.003) ** 2)))

    return sigma


def test_butterfly_arbitrage_beyond_noise_has_no_density() -> None:
    found = smile_density(dented(0.006), FORWARD, YEARS)
    assert found.density is None
    assert found.negative_mass > 0.01
    said = f"butterfly arbitrage: negative probability was {found.negative_mass:.4f}, without it an option is"
    assert (found.reason or "").startswith(said) and (found.reason or "").endswith("limit 0.001")


def test_a_trace_of_butterfly_arbitrage_is_cut_off_and_moves_no_option_by_a_thousandth_of_a_deviation() -> (
    None
):
    smile = dented(0.0035)
    found = smile_density(smile, FORWARD, YEARS)
    assert found.density is not None and 1e-5 < found.negative_mass < 1e-3
    limit = 0.001 * 0.13 * math.sqrt(YEARS) * FORWARD
    assert found.density.mean == pytest.approx(FORWARD, abs=limit)
    assert worst_error(found.density, smile, FORWARD, YEARS) < 1.2 * limit


@pytest.mark.parametrize(
    ("forward", "years"), [(math.nan, YEARS), (-1.0, YEARS), (FORWARD, 0.0), (FORWARD, math.nan)]
)
def test_without_forward_or_time_there_is_no_density(forward: float, years: float) -> None:
    found = smile_density(flat, forward, years)
    assert found.density is None and "no forward" in (found.reason or "")


def test_a_smile_that_stops_before_the_wings_abstains_rather_than_extend_itself() -> None:
    deviation = 0.13 * math.sqrt(YEARS)

    def until(deviations: float) -> SmileDensity:
        def sigma(strike: FloatArray) -> FloatArray:
            return np.where(np.abs(np.log(strike / FORWARD)) < deviations * deviation, 0.13, np.nan)

        return smile_density(sigma, FORWARD, YEARS)

    assert until(3.9).density is None
    assert "does not reach 4 standard deviations" in (until(3.9).reason or "")
    assert "down 3.9, up 3.9" in (until(3.9).reason or "")
    assert until(4.5).density is not None
    assert "at the forward" in (smile_density(lambda k: k * np.nan, FORWARD, YEARS).reason or "")


# --- no option is moved ------------------------------------------------------------------------------


def sabr(strike: FloatArray) -> FloatArray:
    return np.asarray(sabr_sigma(FORWARD, strike, YEARS, alpha=0.12, rho=-0.35, nu=2.6, beta=1.0))


def svi(strike: FloatArray) -> FloatArray:
    # Bent so much that the price of a far call rises with the strike: the weekly smile of a recorded morning.
    w = svi_total_variance(
        np.log(strike / FORWARD), a=-0.09323223, b=0.14768683, rho=0.00945151, m=0.00972027, s=0.63207488
    )
    return np.asarray(np.sqrt(w / YEARS))


def worst_error(
    density: LevelDensity, smile: Callable[[FloatArray], FloatArray], forward: float, years: float
) -> float:
    """Largest error in points against Black-76, of puts and calls within 3.5 deviations, off the grid."""
    deviation = float(smile(np.array([forward]))[0]) * math.sqrt(years)
    strikes = forward * np.exp(np.linspace(-3.474, 3.483, 71) * deviation)
    errors = []
    for is_call in (False, True):
        own = price(forward, strikes, years, smile(strikes), is_call, 1.0)
        sign = 1.0 if is_call else -1.0
        for strike, value in zip(strikes.tolist(), own.tolist(), strict=True):
            payoff = partial(_intrinsic, strike, sign)
            errors.append(abs(value_under(payoff, density).expected_points - value))
    return max(errors)


def _intrinsic(strike: float, sign: float, levels: FloatArray) -> FloatArray:
    return np.maximum(sign * (levels - strike), 0.0)


@pytest.mark.parametrize("smile", [sabr, svi, smile, flat])
def test_every_option_is_worth_its_black_price_at_the_smile(
    smile: Callable[[FloatArray], FloatArray],
) -> None:
    found = smile_density(smile, FORWARD, YEARS)
    assert found.density is not None, found.reason
    assert found.density.mean == pytest.approx(FORWARD, abs=1e-6)
    assert float(found.density.probability.sum()) == pytest.approx(1.0, abs=1e-12)
    assert worst_error(found.density, smile, FORWARD, YEARS) < 0.01


def test_where_the_price_of_a_call_rises_with_the_strike_the_grid_ends_before() -> None:
    far = FORWARD * np.exp(np.array([4.0, 7.9, 8.0]) * float(svi(np.array([FORWARD]))[0]) * math.sqrt(YEARS))
    calls = price(FORWARD, far, YEARS, svi(far), True, 1.0)
    assert calls[0] > calls[1] < calls[2]
    density = smile_density(svi, FORWARD, YEARS).density
    assert density is not None
    assert far[0] < density.levels[-2] < far[1]
    assert 0.0 < density.probability[-1] < 1e-3


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
@pytest.mark.parametrize("at", ["09:30", "11:15", "15:27"])
def test_on_the_recorded_day_q_gives_back_the_smile_of_every_expiry(at: str) -> None:
    settings = shipped()
    view = from_file(REAL, at, settings)
    surface = surface_of(view, settings)
    drawn = [SmileSource(int(source)) for source in surface.source[:8]]
    assert set(drawn) <= {SmileSource.SABR, SmileSource.SVI}
    for i in range(len(drawn)):
        forward, years = float(view.forwards.forward[i]), float(view.years[i])
        of_strike = partial(_on_surface, surface, i)
        found = smile_density(of_strike, forward, years)
        assert found.density is not None, found.reason
        assert found.negative_mass < 1e-6
        assert found.density.mean == pytest.approx(forward, abs=1e-5)
        # A strike between two levels is off by the square of their distance: here a hundredth of a deviation.
        deviation = float(of_strike(np.array([forward]))[0]) * math.sqrt(years) * forward
        assert worst_error(found.density, of_strike, forward, years) < 1e-5 * deviation


def _on_surface(surface: Surface, expiry: int, strike: FloatArray) -> FloatArray:
    return surface.expiry_sigma(strike, expiry)
