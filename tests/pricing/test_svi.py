"""SVI: gives back the smile that made it, and never draws a butterfly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pricing.smile_builder import FORWARD, make_smiles
from volguard.model.market import FloatArray
from volguard.pricing.arbitrage import calendar_gap, durrleman, durrleman_of_grid
from volguard.pricing.smile import FitStatus, Smiles
from volguard.pricing.svi import STRIKES_MIN, SviFits, calibrate_svi, svi_total_variance

YEARS = np.array([4.0, 11.0, 18.0, 32.0, 60.0, 120.0]) / 365.0
H = 0.13 * np.sqrt(YEARS)
RAW = {"a": 0.3 * H * H, "b": 0.5 * H, "rho": np.linspace(-0.5, 0.2, 6), "m": 0.1 * H, "s": 1.2 * H}
REACH = np.linspace(-3.5, 3.5, 41)


def made_by(raw: dict[str, FloatArray], years: FloatArray = YEARS) -> Smiles:
    def formula(strike: FloatArray, i: int) -> FloatArray:
        w = svi_total_variance(np.log(strike / FORWARD), **{name: raw[name][i] for name in raw})
        return np.sqrt(w / years[i])

    strikes = FORWARD * np.exp(0.13 * np.sqrt(years)[:, None] * REACH)
    return make_smiles(formula, years=years, strikes=strikes, spread=0.02)


def g_of(fits: SviFits, i: int, k: FloatArray) -> FloatArray:
    """Durrleman's condition of a fit, by its own derivatives."""
    apart = k - fits.m[i]
    root = np.sqrt(apart**2 + fits.s[i] ** 2)
    slope = fits.b[i] * (fits.rho[i] + apart / root)
    return durrleman(k, fits.total_variance(i, k), slope, fits.b[i] * fits.s[i] ** 2 / root**3)


def test_exact_smiles_give_back_their_parameters() -> None:
    fits = calibrate_svi(made_by(RAW))
    np.testing.assert_array_equal(fits.status, FitStatus.OK)
    for name, values in RAW.items():
        np.testing.assert_allclose(getattr(fits, name), values, rtol=1e-4, err_msg=name)
    assert np.all(fits.error.max_pt < 1e-4)


@settings(derandomize=True, max_examples=40, deadline=None)
@given(level=st.floats(0.2, 0.8), wing=st.floats(0.1, 0.8), rho=st.floats(-0.8, 0.8), s=st.floats(0.3, 2.0))
def test_any_smile_is_met_or_its_butterfly_is_mended(level: float, wing: float, rho: float, s: float) -> None:
    """Either the made smile comes back to a tenth of a point at most, or what made it was no smile."""
    years = np.array([0.02])
    h = 0.13 * np.sqrt(years)
    raw = {"a": level * h * h, "b": wing * h, "rho": np.array([rho]), "m": 0.0 * h, "s": s * h}
    smiles = made_by(raw, years)
    fits = calibrate_svi(smiles)
    reach = 5.0 * smiles.atm_sigma[0] * years[0] ** 0.5
    k = np.linspace(-reach, reach, 201)
    root = np.sqrt(k * k + (s * h) ** 2)
    w = svi_total_variance(k, **raw)
    g = durrleman(k, w, raw["b"] * (rho + k / root), raw["b"] * (s * h) ** 2 / root**3)
    if g.min() > 0.01:
        assert fits.status[0] <= FitStatus.AT_BOUND
        assert fits.error.rms_pt[0] < 0.1
    if fits.status[0] <= FitStatus.AT_BOUND:
        assert g_of(fits, 0, k).min() > -1e-3


def test_quotes_with_a_butterfly_get_a_smile_without() -> None:
    """A. Vogt's parameters (Gatheral and Jacquier, 2014, example 3.1) hide a butterfly at k = 0.8."""
    raw = {"a": -0.0410, "b": 0.1331, "rho": 0.3060, "m": 0.3586, "s": 0.4153}
    made = make_smiles(
        lambda strike, _i: np.sqrt(svi_total_variance(np.log(strike / FORWARD), **raw)),
        years=np.array([1.0]),
        strikes=FORWARD * np.exp(np.linspace(-0.7, 0.7, 41)),
        spread=0.02,
    )
    k = np.linspace(-1.0, 1.0, 401)
    root = np.sqrt((k - raw["m"]) ** 2 + raw["s"] ** 2)
    w = svi_total_variance(k, **raw)
    slope = raw["b"] * (raw["rho"] + (k - raw["m"]) / root)
    assert durrleman(k, w, slope, raw["b"] * raw["s"] ** 2 / root**3).min() < -0.01
    fits = calibrate_svi(made)
    assert fits.status[0] <= FitStatus.AT_BOUND
    assert fits.butterfly[0] >= 0.0
    assert g_of(fits, 0, k).min() > -1e-3
    assert fits.error.rms_pt[0] < 0.5


def test_durrleman_by_differences_is_durrleman_by_derivatives() -> None:
    fits = calibrate_svi(made_by(RAW))
    for i in range(len(YEARS)):
        k = H[i] * np.linspace(-3.0, 3.0, 601)
        exact = g_of(fits, i, k)[1:-1]
        np.testing.assert_allclose(durrleman_of_grid(k, fits.total_variance(i, k)), exact, atol=1e-4)


def test_a_flat_smile_has_no_butterfly_and_a_bump_has() -> None:
    k = np.linspace(-0.1, 0.1, 201)
    flat = np.full_like(k, 0.01)
    assert durrleman_of_grid(k, flat).min() > 0.9
    assert durrleman_of_grid(k, flat + 0.002 * np.exp(-((k / 0.01) ** 2))).min() < 0.0


def test_total_variance_that_falls_with_time_is_a_calendar_arbitrage() -> None:
    early, late = np.array([0.010, 0.012, np.nan]), np.array([0.011, 0.0115, 0.02])
    assert calendar_gap(early, late) == pytest.approx(-0.0005)
    assert calendar_gap(early[:1], late[:1]) == pytest.approx(0.001)
    assert np.isnan(calendar_gap(early[2:], late[2:]))


def test_bad_expiries_abstain_and_good_ones_do_not_notice() -> None:
    good = made_by(RAW)
    strike, sigma, years = good.strike.copy(), good.sigma.copy(), good.years.copy()
    years[0] = np.nan
    strike[1, 5] = strike[1, 4]
    strike[2] = strike[2, ::-1]
    sigma[3] = np.nan
    sigma[4, 20 + STRIKES_MIN // 2 :], sigma[4, : 20 - STRIKES_MIN // 2 + 1] = np.nan, np.nan
    fits = calibrate_svi(replace(good, strike=strike, sigma=sigma, years=years))
    assert fits.status.tolist() == [
        FitStatus.NO_TIME,
        FitStatus.DUPLICATE_STRIKES,
        FitStatus.OUT_OF_ORDER,
        FitStatus.NO_QUOTES,
        FitStatus.TOO_FEW_STRIKES,
        FitStatus.OK,
    ]
    assert np.isnan(fits.a[:5]).all()
    assert fits.rho[5] == pytest.approx(RAW["rho"][5], rel=1e-4)
