"""SABR: Hagan's formula to the digits of its references, and fits that give back what made the smile."""

from __future__ import annotations

from dataclasses import replace

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pricing.smile_builder import FORWARD, TICK, make_smiles
from volguard.model.market import FloatArray
from volguard.pricing.sabr import (
    ALPHA_MAX,
    NU_MAX,
    RHO_MAX,
    STRIKES_MIN,
    SabrFits,
    calibrate_sabr,
    sabr_sigma,
)
from volguard.pricing.smile import FitStatus, Smiles, pack_smiles

YEARS = np.array([4.0, 11.0, 18.0, 32.0, 60.0, 120.0]) / 365.0
ALPHA = np.array([0.10, 0.12, 0.13, 0.14, 0.15, 0.16])
RHO = np.array([-0.3, -0.2, 0.1, -0.5, -0.6, -0.7])
NU = np.array([4.0, 2.5, 1.5, 1.2, 0.8, 0.6])
STRIKES = FORWARD + 50.0 * np.arange(-20, 21)


def made_by(alpha: FloatArray, rho: FloatArray, nu: FloatArray, beta: float = 1.0) -> Smiles:
    scale = FORWARD ** (1.0 - beta)
    return make_smiles(
        lambda k, i: sabr_sigma(
            FORWARD, k, YEARS[i], alpha=alpha[i] * scale, rho=rho[i], nu=nu[i], beta=beta
        ),
        years=YEARS,
        strikes=STRIKES,
    )


def exact_hagan(
    forward: float, strike: float, t: float, alpha: float, rho: float, nu: float, beta: float
) -> float:
    """Eq. 2.17 as printed, in 60 digits."""
    with mp.workdps(60):
        f, k, a, r, n, b = (mp.mpf(x) for x in (forward, strike, alpha, rho, nu, beta))
        gap, one = mp.log(f / k), 1 - b
        power = (f * k) ** (one / 2)
        z = n / a * power * gap
        x = mp.log((mp.sqrt(1 - 2 * r * z + z * z) + z - r) / (1 - r))
        ratio = z / x if z != 0 else mp.mpf(1)
        drift = one**2 / 24 * a * a / power**2 + r * b * n * a / (4 * power) + (2 - 3 * r * r) / 24 * n * n
        below = power * (1 + one**2 / 24 * gap**2 + one**4 / 1920 * gap**4)
        return float(a / below * ratio * (1 + drift * t))


def assert_recovered(
    fits: SabrFits, alpha: FloatArray, rho: FloatArray, nu: FloatArray, error: float
) -> None:
    np.testing.assert_array_equal(fits.status, FitStatus.OK)
    np.testing.assert_allclose(fits.alpha, alpha, rtol=0.0, atol=error)
    np.testing.assert_allclose(fits.rho, rho, rtol=0.0, atol=error)
    np.testing.assert_allclose(fits.nu, nu, rtol=0.0, atol=error)


def test_reference_vectors_of_a_weekly_smile() -> None:
    """Beta 1, alpha 0.13, rho -0.3, nu 1.5, forward 25,000, 7 days."""
    strikes = [24_000.0, 24_500.0, 25_000.0, 25_500.0, 26_000.0]
    sigma = sabr_sigma(FORWARD, strikes, 7 / 365, alpha=0.13, rho=-0.3, nu=1.5)
    np.testing.assert_allclose(sigma, [0.142945, 0.135851, 0.130368, 0.126958, 0.125859], atol=5e-7)


@settings(derandomize=True, max_examples=150, deadline=None)
@given(
    k=st.floats(-0.6, 0.6) | st.floats(-1e-6, 1e-6),
    alpha=st.floats(0.02, 1.0),
    rho=st.floats(-0.99, 0.99),
    nu=st.floats(0.01, 8.0),
    beta=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
)
def test_the_formula_matches_sixty_digits(k: float, alpha: float, rho: float, nu: float, beta: float) -> None:
    """To 1e-11 relative from the money to the far wings, the limit z -> 0 included."""
    strike, scaled = FORWARD * float(np.exp(k)), alpha * FORWARD ** (1.0 - beta)
    reference = exact_hagan(FORWARD, strike, 0.05, scaled, rho, nu, beta)
    ours = float(sabr_sigma(FORWARD, strike, 0.05, alpha=scaled, rho=rho, nu=nu, beta=beta))
    if reference > 1e-6:
        assert ours == pytest.approx(reference, rel=1e-11)


def test_at_the_money_the_limit_stands_and_without_vol_of_vol_the_smile_is_flat() -> None:
    near = sabr_sigma(
        FORWARD, FORWARD * np.array([1.0, 1.0 + 1e-15, 1.0 + 1e-9]), 0.1, alpha=0.1, rho=-0.3, nu=2
    )
    np.testing.assert_allclose(near, near[0], rtol=1e-7)
    np.testing.assert_allclose(
        sabr_sigma(FORWARD, STRIKES, 0.1, alpha=0.1, rho=-0.3, nu=0.0), 0.1, rtol=1e-15
    )


@pytest.mark.parametrize(
    ("name", "bad"),
    [("forward", -1.0), ("strike", 0.0), ("t", -0.1), ("alpha", np.nan), ("rho", 1.0), ("nu", np.inf)],
)
def test_one_bad_input_has_no_volatility_and_spoils_no_other(name: str, bad: float) -> None:
    given = {"forward": FORWARD, "strike": 24_000.0, "t": 0.1, "alpha": 0.1, "rho": -0.3, "nu": 1.0}
    columns = {key: np.full(3, value) for key, value in given.items()}
    columns[name][1] = bad
    np.testing.assert_array_equal(np.isnan(sabr_sigma(**columns)), [False, True, False])


def test_exact_smiles_give_back_their_parameters_to_1e_10() -> None:
    fits = calibrate_sabr(made_by(ALPHA, RHO, NU))
    assert_recovered(fits, ALPHA, RHO, NU, 1e-10)
    assert np.all(fits.error.max_pt < 1e-8)


@pytest.mark.parametrize("beta", [0.5, 0.8])
def test_another_beta_gives_back_its_parameters_too(beta: float) -> None:
    fits = calibrate_sabr(made_by(ALPHA, RHO, NU, beta), beta=beta)
    assert_recovered(replace(fits, alpha=fits.alpha / FORWARD ** (1.0 - beta)), ALPHA, RHO, NU, 1e-9)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(alpha=st.floats(0.05, 0.6), rho=st.floats(-0.85, 0.85), nu=st.floats(0.3, 6.0))
def test_any_smile_within_bounds_is_found(alpha: float, rho: float, nu: float) -> None:
    """On strikes to three standard deviations, whatever the level, the tilt and the bend."""
    years = np.array([0.02])
    strikes = FORWARD * np.exp(alpha * 0.02**0.5 * np.linspace(-3.0, 3.0, 31))
    smiles = make_smiles(
        lambda k, _i: sabr_sigma(FORWARD, k, 0.02, alpha=alpha, rho=rho, nu=nu), years=years, strikes=strikes
    )
    assert_recovered(calibrate_sabr(smiles), np.array([alpha]), np.array([rho]), np.array([nu]), 1e-7)


def test_all_expiries_together_are_each_by_itself() -> None:
    rough = made_by(ALPHA, RHO, NU)
    rough = replace(rough, sigma=rough.sigma + 0.002 * np.cos(rough.strike / 70.0))
    together = calibrate_sabr(rough)
    for i in range(len(YEARS)):
        alone = calibrate_sabr(rough.chosen(np.array([i])))
        assert alone.nu[0] == pytest.approx(together.nu[i], rel=1e-5)
        assert alone.rho[0] == pytest.approx(together.rho[i], rel=1e-5, abs=1e-6)


def test_the_covariance_tells_how_far_noise_moves_the_parameters() -> None:
    """Deviations of fits to 300 noisy smiles, in the units of the standard errors they report, are near 1."""
    rng = np.random.default_rng(5)
    base = made_by(ALPHA, RHO, NU).chosen(np.full(300, 3))
    noise = rng.normal(0.0, 1e-4, base.sigma.shape) / np.sqrt(base.weight)
    fits = calibrate_sabr(replace(base, sigma=base.sigma + noise))
    for j, (found, truth) in enumerate(((fits.alpha, ALPHA[3]), (fits.rho, RHO[3]), (fits.nu, NU[3]))):
        assert np.std((found - truth) / np.sqrt(fits.covariance[:, j, j])) == pytest.approx(1.0, abs=0.15)


def test_errors_are_reported_in_points_and_ticks() -> None:
    """A smile 0.1 points off at one strike near the money: that much and no more, ticks by its vega."""
    smiles = made_by(ALPHA, RHO, NU)
    bent = smiles.sigma.copy()
    bent[2, 20] += 0.001
    fits = calibrate_sabr(replace(smiles, sigma=bent))
    assert 0.05 < fits.error.max_pt[2] < 0.1
    assert fits.error.near_max_pt[2] == fits.error.max_pt[2]
    assert 0.0 < fits.error.rms_pt[2] < fits.error.max_pt[2]
    by_vega = fits.error.max_pt[2] * 0.01 * smiles.vega[2, 20] / TICK
    assert fits.error.max_ticks[2] == pytest.approx(by_vega, rel=1e-3)
    assert np.all(fits.error.max_pt[[0, 1, 3, 4, 5]] < 1e-8)


def test_a_smile_beyond_the_bounds_ends_on_one() -> None:
    years = np.array([7 / 365])
    steep = make_smiles(
        lambda k, _i: sabr_sigma(FORWARD, k, 7 / 365, alpha=0.1, rho=-0.2, nu=14.0),
        years=years,
        strikes=STRIKES,
    )
    fits = calibrate_sabr(steep)
    assert fits.status[0] == FitStatus.AT_BOUND
    assert fits.nu[0] == NU_MAX
    assert np.isnan(fits.covariance[0, 2]).all()
    assert abs(fits.rho[0]) < RHO_MAX and fits.alpha[0] < ALPHA_MAX


def test_bad_expiries_abstain_with_their_reason_and_good_ones_do_not_notice() -> None:
    good = made_by(ALPHA, RHO, NU)
    strike, sigma, years, forward = (x.copy() for x in (good.strike, good.sigma, good.years, good.forward))
    years[0] = -0.01
    forward[1] = np.nan
    strike[2, 10], strike[2, 11] = strike[2, 11], strike[2, 10]
    strike[3, 10] = strike[3, 9]
    sigma[4] = np.nan
    fits = calibrate_sabr(replace(good, strike=strike, sigma=sigma, years=years, forward=forward))
    assert fits.status.tolist() == [
        FitStatus.NO_TIME,
        FitStatus.NO_FORWARD,
        FitStatus.OUT_OF_ORDER,
        FitStatus.DUPLICATE_STRIKES,
        FitStatus.NO_QUOTES,
        FitStatus.OK,
    ]
    assert np.isnan(fits.alpha[:5]).all()
    assert np.isnan(fits.error.rms_pt[:5]).all()
    assert fits.nu[5] == pytest.approx(NU[5], abs=1e-10)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -0.2])
def test_a_bad_quote_is_left_out(bad: float) -> None:
    smiles = made_by(ALPHA, RHO, NU)
    for name in ("sigma", "spread"):
        column = getattr(smiles, name).copy()
        column[:, 7] = bad if name == "sigma" else -abs(bad)
        fits = calibrate_sabr(replace(smiles, **{name: column}))
        np.testing.assert_array_equal(fits.status, FitStatus.OK)
        np.testing.assert_allclose(fits.nu, NU, atol=1e-9)


@pytest.mark.parametrize("count", [0, 1, STRIKES_MIN - 1])
def test_too_few_strikes_are_not_fitted(count: int) -> None:
    smiles = made_by(ALPHA, RHO, NU)
    sigma = smiles.sigma.copy()
    sigma[0, :20], sigma[0, 20 + count :] = np.nan, np.nan
    fits = calibrate_sabr(replace(smiles, sigma=sigma))
    assert fits.status[0] == (FitStatus.TOO_FEW_STRIKES if count else FitStatus.NO_QUOTES)
    np.testing.assert_array_equal(fits.status[1:], FitStatus.OK)


def test_an_empty_chain_has_no_fits() -> None:
    none = np.empty(0)
    empty = pack_smiles(
        expiry=np.empty(0, dtype=np.int64),
        strike=none,
        sigma=none,
        spread=none,
        forward=none,
        discount=none,
        years=none,
        tick=TICK,
    )
    assert len(calibrate_sabr(empty).status) == 0


def test_columns_that_do_not_belong_together_are_refused() -> None:
    column = {name: np.ones(1) for name in ("strike", "sigma", "spread", "forward", "discount", "years")}
    with pytest.raises(ValueError, match="columns had 2, 1, 1, 1 rows"):
        pack_smiles(expiry=np.array([0, 0]), **column, tick=TICK)
    with pytest.raises(ValueError, match=r"expiry ran from 1 to 1, must be within 0 \.\. 0"):
        pack_smiles(expiry=np.array([1]), **column, tick=TICK)
