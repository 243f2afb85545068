"""The surface: a smile for each expiry from the best source there is, time in between, each doubt said."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from tests.pricing.real_chain import REAL, real_snapshots
from tests.pricing.smile_builder import FORWARD, make_smiles
from volguard.model.market import FloatArray
from volguard.model.units import IST
from volguard.pricing.fallback import FitLimits, build_surface, carry_surface, fit_butterfly, is_due
from volguard.pricing.forward import imply_forwards
from volguard.pricing.implied_vol import implied_vol
from volguard.pricing.sabr import sabr_sigma
from volguard.pricing.slices import SmileSource, near_butterfly
from volguard.pricing.smile import FitStatus, Smiles, fit_error, quoted_smiles
from volguard.pricing.surface import Surface

# Every how many snapshots of the recorded day the surface is built; the nightly run takes them all.
REAL_EVERY = int(os.environ.get("VOLGUARD_SURFACE_EVERY", "15"))
REAL_CADENCE_S = 77.0
NOW = datetime(2025, 8, 29, 10, 0, tzinfo=IST)
LATER = NOW + timedelta(minutes=10)
DAYS = (4, 11, 32)
EXPIRIES = tuple(date(2025, 8, 29) + timedelta(days=days) for days in DAYS)
YEARS = np.array(DAYS) / 365.0
ALPHA, RHO, NU = np.array([0.10, 0.12, 0.14]), -0.3, np.array([3.0, 2.0, 1.2])
STRIKES = FORWARD + 50.0 * np.arange(-20, 21)
LIMITS = FitLimits(
    near_error_max_pt=0.5,
    sabr_preferred_pt=0.10,
    sabr_regained_pt=0.05,
    age_max_s=1800.0,
    refit_every_s=900.0,
    refit_move_share=0.005,
    beta=1.0,
)


def smile_at(strike: FloatArray, i: int) -> FloatArray:
    return sabr_sigma(FORWARD, strike, YEARS[i], alpha=ALPHA[i], rho=RHO, nu=NU[i])


def clean() -> Smiles:
    return make_smiles(smile_at, years=YEARS, strikes=STRIKES)


def without(smiles: Smiles, expiry: int, keep: slice) -> Smiles:
    """Only the strikes of `keep` quoted in one expiry."""
    sigma = np.full_like(smiles.sigma, np.nan)
    sigma[:] = smiles.sigma
    sigma[expiry] = np.nan
    sigma[expiry, keep] = smiles.sigma[expiry, keep]
    return replace(smiles, sigma=sigma)


def built(smiles: Smiles, ts: datetime = NOW, previous: Surface | None = None) -> Surface:
    return build_surface(EXPIRIES, smiles, ts=ts, level=FORWARD, previous=previous, limits=LIMITS)


def test_a_clean_chain_is_drawn_by_sabr_and_gives_its_quotes_back() -> None:
    surface = built(clean())
    assert surface.source.tolist() == [SmileSource.SABR] * 3
    assert surface.age_s.tolist() == [0.0] * 3
    for i, years in enumerate(YEARS):
        np.testing.assert_allclose(surface.sigma(STRIKES, years), smile_at(STRIKES, i), atol=1e-10)
        np.testing.assert_allclose(surface.expiry_sigma(STRIKES, i), smile_at(STRIKES, i), atol=1e-10)
    assert np.all(surface.butterfly > 0.0)
    assert np.all(surface.calendar > 0.0)


def test_between_expiries_total_variance_is_linear_in_time() -> None:
    surface = built(clean())
    middle = 0.5 * (YEARS[0] + YEARS[1])
    w = surface.total_variance([-0.02, 0.0, 0.01], YEARS[:, None])
    np.testing.assert_allclose(surface.total_variance([-0.02, 0.0, 0.01], middle), 0.5 * (w[0] + w[1]))
    assert surface.sigma(FORWARD, 0.5 * YEARS[0]) == pytest.approx(smile_at(np.array([FORWARD]), 0)[0])


def test_forward_variance_adds_up_to_total_variance() -> None:
    surface = built(clean())
    forward = surface.forward_variance([0.0, *YEARS[:-1]], YEARS)
    total = surface.total_variance(0.0, YEARS)
    np.testing.assert_allclose(np.cumsum(forward * np.diff(YEARS, prepend=0.0)), total, rtol=1e-13)
    assert np.isnan(surface.forward_variance(YEARS[1], YEARS[0]))


@pytest.mark.parametrize("t", [0.0, -0.1, np.nan, 1.0])
def test_outside_its_time_there_is_no_surface(t: float) -> None:
    times = np.array([t, YEARS[1]])
    np.testing.assert_array_equal(np.isnan(built(clean()).sigma(FORWARD, times)), [True, False])


def test_too_few_strikes_take_the_previous_fit_within_its_age() -> None:
    first = built(clean())
    thin = without(clean(), 1, slice(19, 22))
    surface = built(thin, LATER, first)
    assert surface.source.tolist() == [SmileSource.SABR, SmileSource.PREVIOUS, SmileSource.SABR]
    assert surface.reason[1] == FitStatus.TOO_FEW_STRIKES
    assert surface.age_s.tolist() == [0.0, 600.0, 0.0]
    np.testing.assert_allclose(surface.expiry_sigma(STRIKES, 1), smile_at(STRIKES, 1), atol=1e-10)
    again = built(thin, NOW + timedelta(minutes=20), surface)
    assert again.source[1] == SmileSource.PREVIOUS
    assert again.age_s[1] == 1200.0  # the age is the fit's, not that of the surface it was taken from


def test_without_a_previous_fit_the_quoted_strikes_stand_and_nothing_beyond_them() -> None:
    thin = without(clean(), 1, slice(19, 22))
    late = NOW + timedelta(seconds=LIMITS.age_max_s + 1)
    for surface in (built(thin), built(thin, late, built(clean()))):
        assert surface.source[1] == SmileSource.QUOTED
        assert np.isnan(surface.age_s[1])
        sigma = surface.expiry_sigma([STRIKES[18], STRIKES[19], STRIKES[20], 25_025.0, STRIKES[22]], 1)
        np.testing.assert_array_equal(np.isnan(sigma), [True, False, False, False, True])
        np.testing.assert_allclose(sigma[1:3], smile_at(STRIKES[19:21], 1), rtol=1e-12)


def odd(strike: FloatArray, i: int) -> FloatArray:
    """A V-shaped smile with a flat left wing in the second expiry, which SVI meets and SABR does not."""
    if i != 1:
        return smile_at(strike, i)
    h = 0.13 * np.sqrt(YEARS[1])
    x = np.log(strike / FORWARD) / h
    v = 0.85 + 0.35 * (0.85 * (x - 0.2) + np.sqrt((x - 0.2) ** 2 + 0.15))
    return np.asarray(np.sqrt(v * h * h / YEARS[1]))


def odd_surface(limits: FitLimits, previous: Surface | None = None) -> Surface:
    smiles = make_smiles(odd, years=YEARS, strikes=STRIKES, spread=0.02)
    return build_surface(EXPIRIES, smiles, ts=NOW, level=FORWARD, previous=previous, limits=limits)


def test_svi_stands_in_where_sabr_does_not_meet_the_quotes() -> None:
    surface = odd_surface(replace(LIMITS, near_error_max_pt=0.02))
    assert surface.sabr.error.near_rms_pt[1] > 0.02 > surface.svi.error.near_rms_pt[1]
    assert surface.source.tolist() == [SmileSource.SABR, SmileSource.SVI, SmileSource.SABR]
    near = slice(12, 29)
    np.testing.assert_allclose(surface.expiry_sigma(STRIKES[near], 1), odd(STRIKES[near], 1), atol=2e-4)


def test_of_two_admissible_fits_sabr_is_drawn_unless_svi_is_closer_by_more_than_the_tolerance() -> None:
    plain = odd_surface(LIMITS)
    apart = float(plain.sabr.error.near_rms_pt[1] - plain.svi.error.near_rms_pt[1])
    assert 0.0 < apart < LIMITS.near_error_max_pt
    for preferred, source in ((1.01 * apart, SmileSource.SABR), (0.99 * apart, SmileSource.SVI)):
        limits = replace(LIMITS, sabr_preferred_pt=preferred, sabr_regained_pt=0.0)
        assert odd_surface(limits).source.tolist() == [SmileSource.SABR, source, SmileSource.SABR]


def test_a_smile_once_drawn_by_svi_returns_to_sabr_only_within_the_smaller_tolerance() -> None:
    plain = odd_surface(LIMITS)
    apart = float(plain.sabr.error.near_rms_pt[1] - plain.svi.error.near_rms_pt[1])
    was_svi = odd_surface(replace(LIMITS, sabr_preferred_pt=0.5 * apart, sabr_regained_pt=0.0))
    assert was_svi.source[1] == SmileSource.SVI
    between = replace(LIMITS, sabr_preferred_pt=2.0 * apart, sabr_regained_pt=0.5 * apart)
    assert odd_surface(between).source[1] == SmileSource.SABR
    assert odd_surface(between, was_svi).source[1] == SmileSource.SVI
    assert odd_surface(between, odd_surface(between)).source[1] == SmileSource.SABR
    within = replace(between, sabr_regained_pt=1.5 * apart)
    assert odd_surface(within, was_svi).source[1] == SmileSource.SABR


def test_an_svi_fit_is_judged_beyond_the_quotes_and_not_admitted_with_a_butterfly_there() -> None:
    """Steep wings above a flat middle: no butterfly within 1.5 standard deviations, one within 3."""
    surface = odd_surface(replace(LIMITS, near_error_max_pt=0.02))
    h = 0.13 * np.sqrt(YEARS[1])
    steep = {"a": (1.0 - np.sqrt(5.0)) * h * h, "b": 2.0 * h, "rho": 0.0, "m": 0.5 * h, "s": h}
    bent = replace(surface.svi, **{name: np.full(3, value) for name, value in steep.items()})
    assert fit_butterfly(surface.svi, surface.smiles)[1] > 0.0 > fit_butterfly(bent, surface.smiles)[1]
    drawn = replace(
        surface.slices,
        parameters=np.stack([getattr(bent, name) for name in ("a", "b", "rho", "m", "s")], axis=1),
        model=np.full(3, SmileSource.SVI, dtype=np.uint8),
    )
    assert near_butterfly(drawn, surface.smiles)[1] > 0.0


def bad_inputs() -> Iterator[tuple[str, Smiles, FitStatus]]:
    good = clean()
    order, double, years, forward = (x.copy() for x in (good.strike, good.strike, good.years, good.forward))
    order[1, 3], order[1, 4] = order[1, 4], order[1, 3]
    double[1, 4] = double[1, 3]
    years[1], forward[1] = -YEARS[1], np.nan
    yield "all nan", without(good, 1, slice(0, 0)), FitStatus.NO_QUOTES
    yield "one strike", without(good, 1, slice(20, 21)), FitStatus.TOO_FEW_STRIKES
    yield "order", replace(good, strike=order), FitStatus.OUT_OF_ORDER
    yield "duplicates", replace(good, strike=double), FitStatus.DUPLICATE_STRIKES
    yield "time", replace(good, years=years), FitStatus.NO_TIME
    yield "forward", replace(good, forward=forward), FitStatus.NO_FORWARD


@pytest.mark.parametrize(("smiles", "reason"), [pytest.param(s, r, id=n) for n, s, r in bad_inputs()])
def test_a_bad_expiry_abstains_with_its_reason_and_the_others_stand(
    smiles: Smiles, reason: FitStatus
) -> None:
    surface = built(smiles)
    assert surface.source.tolist() == [SmileSource.SABR, SmileSource.NONE, SmileSource.SABR]
    assert surface.reason.tolist() == [FitStatus.OK, reason, FitStatus.OK]
    assert np.isnan(surface.expiry_sigma(STRIKES, 1)).all()
    np.testing.assert_allclose(surface.sigma(STRIKES, YEARS[2]), smile_at(STRIKES, 2), atol=1e-10)


def test_an_empty_chain_is_an_empty_surface() -> None:
    smiles = make_smiles(smile_at, years=YEARS, strikes=np.empty(0))
    surface = built(smiles)
    assert surface.source.tolist() == [SmileSource.NONE] * 3
    assert np.isnan(surface.sigma(STRIKES, YEARS[1])).all()
    assert np.isnan(surface.forward_variance(0.0, YEARS[1]))
    none = build_surface(
        (), smiles.chosen(np.empty(0, dtype=np.int64)), ts=NOW, level=FORWARD, previous=surface, limits=LIMITS
    )
    assert np.isnan(none.sigma(FORWARD, 0.1))


def test_a_surface_is_carried_to_new_quotes_until_its_fits_are_too_old() -> None:
    first = built(clean())
    moved = replace(clean(), forward=clean().forward * 1.002)
    carried = carry_surface(first, moved, ts=LATER, limits=LIMITS)
    assert carried.source.tolist() == [SmileSource.SABR] * 3
    assert carried.age_s.tolist() == [600.0] * 3
    np.testing.assert_allclose(
        carried.expiry_sigma(STRIKES * 1.002, 0), smile_at(STRIKES, 0), atol=1e-10
    )  # the smile moves with the forward
    old = carry_surface(carried, moved, ts=NOW + timedelta(hours=1), limits=LIMITS)
    assert old.source.tolist() == [SmileSource.QUOTED] * 3


def test_a_calibration_is_due_by_age_by_move_and_when_the_level_is_unknown() -> None:
    surface = built(clean())
    for ts, level, due in (
        (LATER, FORWARD, False),
        (NOW + timedelta(minutes=15), FORWARD, True),
        (LATER, FORWARD * 1.0051, True),
        (LATER, FORWARD * 0.9949, True),
        (LATER, np.nan, True),
    ):
        assert is_due(surface, ts=ts, level=level, limits=LIMITS) is due


def test_a_calendar_arbitrage_is_told() -> None:
    falling = make_smiles(
        lambda k, i: smile_at(k, i) * (2.0 if i == 0 else 1.0), years=YEARS, strikes=STRIKES
    )
    surface = built(falling)
    assert surface.calendar[0] < 0.0 < surface.calendar[1]
    assert surface.forward_variance(YEARS[0], YEARS[1]) < 0.0


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(ValueError, match="expiries were 2, smiles 3"):
        build_surface(EXPIRIES[:2], clean(), ts=NOW, level=FORWARD, previous=None, limits=LIMITS)
    with pytest.raises(ValueError, match="smiles were 2, surface had 3"):
        carry_surface(built(clean()), clean().chosen(np.arange(2)), ts=NOW, limits=LIMITS)
    with pytest.raises(ValueError, match=r"age_max_s was -1\.0"):
        replace(LIMITS, age_max_s=-1.0)
    with pytest.raises(ValueError, match=r"sabr_regained_pt was 0\.2, sabr_preferred_pt 0\.1"):
        replace(LIMITS, sabr_regained_pt=0.2)
    with pytest.raises(ValueError, match=r"beta was 1\.5"):
        replace(LIMITS, beta=1.5)


@pytest.mark.skipif(not REAL.exists(), reason="the recorded day is not beside the project")
def test_on_the_real_day_the_five_nearest_smiles_are_met_without_butterflies() -> None:
    """Median error within 1.5 standard deviations at most 0.15 volatility points on each snapshot taken."""
    errors, models, previous = [], [], None
    for number, snapshot in enumerate(real_snapshots(every=REAL_EVERY)):
        listing, bid, ask, years = snapshot.listing, snapshot.bid, snapshot.ask, snapshot.years
        of = imply_forwards(listing, bid, ask, years)
        at = listing.expiry_index
        mid = 0.5 * (bid + ask)
        iv = implied_vol(
            mid, of.forward[at], listing.strike, years[at], listing.is_call, of.discount[at]
        ).sigma
        smiles = quoted_smiles(
            listing,
            bid=bid,
            ask=ask,
            iv=iv,
            usable=ask >= bid,
            forward=of.forward,
            discount=of.discount,
            years=years,
            tick=0.05,
        )
        previous = build_surface(
            listing.expiries,
            smiles,
            ts=NOW + timedelta(seconds=REAL_CADENCE_S * REAL_EVERY * number),
            level=float(of.forward[0]),
            previous=previous,
            limits=LIMITS,
        )
        assert set(previous.source[:5].tolist()) <= {SmileSource.SABR, SmileSource.SVI}
        assert np.all(previous.butterfly[:5] > 0.0)
        assert np.all(previous.calendar[:4] > 0.0)
        drawn = np.stack([previous.expiry_sigma(smiles.strike[i], i) for i in range(5)])
        errors.append(fit_error(smiles.chosen(np.arange(5)), drawn).near_rms_pt)
        models.append(previous.slices.model[:5])
    assert len(errors) >= 15
    middle = np.median(errors, axis=1)
    assert middle.max() <= 0.15
    assert np.max(errors) < 0.4
    # An expiry changes its model a few times a day at most.
    assert np.abs(np.diff(np.array(models, dtype=np.int64), axis=0)).sum(axis=0).max() <= 6
