"""Forwards come from put-call parity over tight quotes, or not at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pricing.real_chain import REAL, RealSnapshot, real_snapshots
from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray, Listing
from volguard.pricing.black76 import price
from volguard.pricing.forward import RATE_MAX, RATE_MIN, Forwards, ForwardStatus, imply_forwards, tight_pairs

Spoil = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]

YEARS = np.array([4.0, 32.0, 120.0, 480.0]) / 365.0
RATES = np.array([0.06, 0.065, 0.07, 0.068])
SPOT = 24_500.0
STRIKES = np.arange(23_000.0, 26_050.0, 50.0)


def listing_of(expiries: int, strikes: FloatArray = STRIKES) -> Listing:
    return Listing(
        underlying=Underlying("NIFTY"),
        expiries=tuple(date(2025, 9, 2) + timedelta(days=28 * i) for i in range(expiries)),
        offsets=np.arange(expiries + 1) * 2 * len(strikes),
        strike=np.tile(np.repeat(strikes, 2), expiries),
        is_call=np.tile([True, False], len(strikes) * expiries),
    )


def fair_values(listing: Listing, years: FloatArray, rates: FloatArray) -> FloatArray:
    discount = np.exp(-rates * years)
    at = listing.expiry_index
    return price(SPOT / discount[at], listing.strike, years[at], 0.13, listing.is_call, discount[at])


def implied(half_spread: float = 0.05, years: FloatArray = YEARS) -> tuple[Listing, FloatArray, FloatArray]:
    listing = listing_of(len(years))
    mid = fair_values(listing, years, RATES[: len(years)])
    return listing, mid - half_spread, mid + half_spread


def paired(listing: Listing, bid: FloatArray, ask: FloatArray) -> np.ndarray:
    return np.bincount(tight_pairs(listing, bid, ask).expiry)


def check_known(of: Forwards, years: FloatArray, rtol: float) -> None:
    discount = np.exp(-RATES[: len(years)] * years)
    np.testing.assert_allclose(of.forward, SPOT / discount, rtol=rtol)
    assert np.all(of.is_known)


def test_exact_quotes_give_the_exact_forward_and_discount() -> None:
    of = imply_forwards(*implied(0.025), YEARS)
    check_known(of, YEARS, 1e-12)
    np.testing.assert_allclose(of.discount, np.exp(-RATES * YEARS), rtol=1e-10)
    assert np.all(of.status == ForwardStatus.OK)
    assert of.pairs_used.tolist() == paired(*implied(0.025)).tolist()
    assert np.all((of.low < of.forward) & (of.forward < of.high))
    np.testing.assert_allclose(of.high - of.low, 0.1 / of.discount, rtol=1e-6)


def test_stale_quotes_are_left_out() -> None:
    """Three strikes quoted as of 40 points ago, tighter than all others, do not move the forward."""
    listing, bid, ask = implied()
    for row in (56, 58, 60, 122 + 60):
        bid[row : row + 2] = bid[row : row + 2] + np.array([40.0, -40.0]) * 0.5 + 0.04
        ask[row : row + 2] = bid[row : row + 2] + 0.02
    of = imply_forwards(listing, bid, ask, YEARS)
    check_known(of, YEARS, 1e-9)
    assert (paired(listing, bid, ask) - of.pairs_used).tolist() == [3, 1, 0, 0]


@settings(derandomize=True, max_examples=60, deadline=None)
@given(seed=st.integers(0, 10_000), noise=st.floats(0.05, 3.0))
def test_the_standard_error_covers_quotes_of_different_instants(seed: int, noise: float) -> None:
    listing, bid, ask = implied()
    jitter = np.random.default_rng(seed).normal(0.0, noise, len(bid))
    of = imply_forwards(listing, bid + jitter, ask + jitter, YEARS)
    known = of.is_known
    assert known[:2].all()
    error = np.abs(of.forward - SPOT * np.exp(RATES * YEARS))[known]
    # The quarterly rates differ by up to a point: pooling costs the standard error that it states.
    assert np.all(error < 6.0 * of.stderr[known] + 1e-9)


def test_a_short_expiry_takes_the_rate_of_the_others_and_says_so() -> None:
    listing, bid, ask = implied(half_spread=2.0)
    of = imply_forwards(listing, bid, ask, YEARS)
    assert of.status.tolist() == [ForwardStatus.POOLED_RATE, *[ForwardStatus.OK] * 3]
    rate = -np.log(of.discount[0]) / YEARS[0]
    assert RATES[1:].min() - 1e-6 < rate < RATES[1:].max() + 1e-6
    check_known(of, YEARS, 1e-7)


def test_an_implied_rate_stays_within_its_bounds() -> None:
    """Quotes that imply 60 % a year are not believed on the slope, only on the level."""
    listing = listing_of(1)
    years = YEARS[:1] * 10
    mid = fair_values(listing, years, np.array([0.6]))
    of = imply_forwards(listing, mid - 0.05, mid + 0.05, years)
    if of.is_known[0]:
        assert RATE_MIN <= -np.log(of.discount[0]) / years[0] <= RATE_MAX + 1e-12
    assert of.status[0] != ForwardStatus.OK


def test_one_expiry_alone_still_has_a_forward() -> None:
    listing, bid, ask = implied(half_spread=0.5, years=YEARS[:1])
    of = imply_forwards(listing, bid, ask, YEARS[:1])
    assert of.status.tolist() == [ForwardStatus.POOLED_RATE]
    check_known(of, YEARS[:1], 1e-6)


def test_a_long_expiry_without_a_rate_abstains() -> None:
    strikes = np.array([24_400.0, 24_500.0, 24_600.0])
    listing, years = listing_of(1, strikes), np.array([3.0])
    mid = fair_values(listing, years, np.array([0.06]))
    of = imply_forwards(listing, mid - 10.0, mid + 10.0, years)
    assert of.status.tolist() == [ForwardStatus.DISCOUNT_UNKNOWN]
    assert np.isnan([of.forward[0], of.discount[0], of.stderr[0], of.low[0], of.high[0]]).all()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bid, ask: (np.full_like(bid, np.nan), ask),
        lambda bid, ask: (bid, np.full_like(ask, np.nan)),
        lambda bid, ask: (ask, bid),
        lambda bid, ask: (np.zeros_like(bid), ask),
        lambda bid, ask: (bid, ask + 0.01 * SPOT),
        lambda bid, ask: (np.where(np.arange(len(bid)) % 122 < 4, bid, np.nan), ask),
    ],
    ids=["no bids", "no asks", "crossed", "all bids zero", "wide", "two strikes"],
)
def test_without_tight_pairs_it_abstains(spoil: Spoil) -> None:
    listing, bid, ask = implied()
    of = imply_forwards(listing, *spoil(bid, ask), YEARS)
    assert np.all(of.status == ForwardStatus.TOO_FEW_PAIRS)
    assert np.isnan(of.forward).all() and np.isnan(of.discount).all()
    assert not of.is_known.any()


def test_one_empty_expiry_does_not_touch_the_others() -> None:
    listing, bid, ask = implied(0.025)
    bid[listing.rows_of(listing.expiries[1])] = np.nan
    of = imply_forwards(listing, bid, ask, YEARS)
    assert of.status.tolist() == [0, ForwardStatus.TOO_FEW_PAIRS, 0, 0]
    np.testing.assert_allclose(of.forward[[0, 2, 3]], (SPOT * np.exp(RATES * YEARS))[[0, 2, 3]], rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, 0.0, -0.01])
def test_an_expiry_without_time_abstains(bad: float) -> None:
    years = YEARS.copy()
    years[0] = bad
    of = imply_forwards(*implied(), years)
    assert of.status.tolist() == [ForwardStatus.NO_TIME, 0, 0, 0]
    assert np.isnan(of.forward[0])


def test_strikes_out_of_order_and_doubled_rows_do_not_raise() -> None:
    shuffled = np.random.default_rng(5).permutation(STRIKES)
    listing = listing_of(1, np.concatenate((shuffled, shuffled[:5])))
    mid = fair_values(listing, YEARS[3:], RATES[3:])
    of = imply_forwards(listing, mid - 0.05, mid + 0.05, YEARS[3:])
    np.testing.assert_allclose(of.forward, SPOT * np.exp(RATES[3:] * YEARS[3:]), rtol=1e-12)


def test_nothing_listed_gives_nothing() -> None:
    of = imply_forwards(listing_of(0), np.empty(0), np.empty(0), np.empty(0))
    assert of.forward.shape == of.status.shape == (0,)


needs_real = pytest.mark.skipif(not REAL.exists(), reason="the real chain file is not beside the project")


@pytest.fixture(scope="module")
def sample() -> list[tuple[RealSnapshot, Forwards]]:
    shots = real_snapshots(every=12)
    return [(shot, imply_forwards(shot.listing, shot.bid, shot.ask, shot.years)) for shot in shots]


@needs_real
def test_on_the_real_day_the_nearest_forwards_agree_with_parity(
    sample: list[tuple[RealSnapshot, Forwards]],
) -> None:
    """At least 95 % of tight strikes within the spreads of call and put, for each of five expiries."""
    misses = [_misses(shot, of) for shot, of in sample]
    for expiry in range(5):
        ratio = np.concatenate([ratio[at == expiry] for at, ratio in misses])
        assert len(ratio) > 100
        assert np.mean(ratio <= 1.0) >= 0.95, f"expiry {expiry}"
    everything = np.concatenate([ratio[at < 5] for at, ratio in misses])
    # Calls and puts a few points wide are quoted seconds apart, so that half a spread is a harder test.
    assert np.mean(everything <= 0.5) >= 0.90


@needs_real
def test_on_the_real_day_the_curve_rises_with_expiry_within_its_error(
    sample: list[tuple[RealSnapshot, Forwards]],
) -> None:
    for _, of in sample:
        forward, stderr = of.forward[of.is_known], of.stderr[of.is_known]
        assert len(forward) >= 6
        assert np.all(np.diff(forward) > -2.0 * np.hypot(stderr[1:], stderr[:-1]))
        assert np.all(of.is_known[:5])
        assert np.all(stderr[:5] < 0.0003 * forward[:5])
        assert np.all(np.diff(of.discount[of.is_known]) < 0.0)


def _misses(shot: RealSnapshot, of: Forwards) -> tuple[np.ndarray, np.ndarray]:
    # Distance of each tight pair from the line, in units of its two spreads together.
    pairs = tight_pairs(shot.listing, shot.bid, shot.ask)
    line = of.discount[pairs.expiry] * (of.forward[pairs.expiry] - pairs.strike)
    return pairs.expiry, np.abs(pairs.level - line) / pairs.width
