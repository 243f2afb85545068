"""Greeks are believed as far as a witness agrees with them once what all strikes share is taken away."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.chains import (
    FORWARD,
    MONTHLY,
    NIFTY,
    NOW,
    RATE,
    SIGMA,
    WEEKLY,
    call,
    flat_vol_snapshot,
    put,
    shipped_quality,
    shipped_rules,
    view_of,
    with_cells,
    years_of,
)
from volguard.adapters.replay import ReplayMarket
from volguard.measure.confidence import (
    WITNESSES_MIN,
    Basis,
    expiry_confidence,
    least_confidence,
    leg_confidences,
    row_confidence,
)
from volguard.measure.market_view import at_the_money
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot, FloatArray
from volguard.pricing.implied_vol import implied_vol
from volguard.pricing.quote_flags import QuoteFlag

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
CHAIN = DATA / "nifty_chain_2025-08-29.parquet"
SETTINGS = shipped_quality()
EXACT = flat_vol_snapshot(tick=None)
ROWS = EXACT.listing.rows_of(WEEKLY)


def confidence(snapshot: ChainSnapshot, *contracts: OptionContract) -> float:
    view = view_of(snapshot)
    return least_confidence(view, WEEKLY, row_confidence(view, WEEKLY, SETTINGS), contracts)


def basis_of(snapshot: ChainSnapshot, expiry: date = WEEKLY) -> Basis | None:
    return expiry_confidence(view_of(snapshot), expiry, SETTINGS).basis


def vendor(snapshot: ChainSnapshot, contract: OptionContract, iv: float) -> ChainSnapshot:
    return with_cells(snapshot, contract, vendor_iv=iv)


def silent_but(snapshot: ChainSnapshot, kept: list[OptionContract]) -> ChainSnapshot:
    """The snapshot with a vendor that speaks of these contracts alone."""
    voices = np.full(len(snapshot.listing), np.nan)
    for contract in kept:
        row = snapshot.listing.row(contract)
        assert row is not None
        voices[row] = snapshot.vendor_iv[row]
    return replace(snapshot, vendor_iv=voices)


def seen_from(forward: float) -> ChainSnapshot:
    """What a vendor says who takes the same prices and another forward."""
    listing = EXACT.listing
    years = years_of(listing, NOW)[listing.expiry_index]
    mid = 0.5 * (EXACT.bid + EXACT.ask)
    iv: FloatArray = implied_vol(
        mid, forward, listing.strike, years, listing.is_call, np.exp(-RATE * years)
    ).sigma
    return replace(EXACT, vendor_iv=iv)


# --- the basis ---------------------------------------------------------------------------------------


def test_a_vendor_that_agrees_is_full_confidence() -> None:
    assert confidence(EXACT, put(24_400), call(25_200)) == pytest.approx(1.0)


def test_a_difference_common_to_all_strikes_is_no_disagreement() -> None:
    # A vendor with another day count is off everywhere by the same amount.
    shifted = flat_vol_snapshot(tick=None, vendor_basis=0.03)
    assert confidence(shifted, put(24_400), call(25_200)) == pytest.approx(1.0)
    basis = basis_of(shifted)
    assert basis is not None
    assert (basis.sigma, basis.forward_points) == (pytest.approx(0.03), pytest.approx(0.0, abs=0.1))
    assert basis.witnesses == 33


@pytest.mark.parametrize("points", [-50.0, -20.0, 20.0, 50.0])
def test_a_vendor_with_another_forward_is_no_disagreement(points: float) -> None:
    """Its puts are all too high and its calls too low, or the other way round: one figure explains both."""
    shifted = seen_from(FORWARD + points)
    raw = np.abs(shifted.vendor_iv[ROWS] - SIGMA) / SIGMA
    assert np.nanmedian(raw) > abs(points) / 1500.0
    basis = basis_of(shifted)
    assert basis is not None
    assert basis.forward_points == pytest.approx(-points, rel=0.1)
    assert confidence(shifted, put(24_400), call(25_200)) > 0.95


@pytest.mark.parametrize("factor", [0.98, 1.02])
def test_a_level_that_no_rate_explains_is_not_cancelled(factor: float) -> None:
    """A vendor that still looks at the index of before a move of 2 % is a disagreement, not a basis."""
    stale = seen_from(factor * FORWARD)
    judged = expiry_confidence(view_of(stale), WEEKLY, SETTINGS)
    assert judged.basis is not None
    years = float(years_of(EXACT.listing, NOW)[0])
    assert abs(judged.basis.forward_points) <= FORWARD * (0.001 + 0.10 * years) * (1 + 1e-6)
    assert abs(judged.basis.sigma) <= 0.5 * SIGMA * (1 + 1e-6)
    witnessed = np.isfinite(judged.divergence)
    assert np.count_nonzero(witnessed) > 20
    assert np.median(judged.value[witnessed]) < 0.5


@pytest.mark.parametrize(("share", "is_believed"), [(0.49, True), (0.7, False)])
def test_a_shift_that_no_day_count_explains_is_not_cancelled(share: float, is_believed: bool) -> None:
    shifted = flat_vol_snapshot(tick=None, vendor_basis=share * SIGMA)
    assert (confidence(shifted, put(24_400), call(25_200)) >= 0.5) is is_believed


def test_one_side_alone_cannot_tell_a_forward_from_a_constant() -> None:
    puts = [put(strike) for strike in range(24_300, 24_800, 50)]
    basis = basis_of(silent_but(seen_from(FORWARD + 20.0), puts))
    assert basis is not None
    assert (basis.forward_points, basis.witnesses) == (0.0, 10)


@pytest.mark.parametrize("strange", [put(24_050), put(24_750), call(24_850)])
def test_one_strange_strike_is_not_held_against_the_others(strange: OptionContract) -> None:
    """Not even one at the money, where its vega is largest."""
    chain = vendor(EXACT, strange, 3 * SIGMA)
    assert confidence(chain, strange) == 0.0
    assert confidence(chain, put(24_400), put(24_700), call(25_200)) == pytest.approx(1.0, abs=1e-3)


def test_a_wrong_figure_in_the_money_is_not_listened_to() -> None:
    chain = EXACT
    for strike in range(24_000, 24_800, 50):
        chain = vendor(chain, call(strike), 0.5)
    assert confidence(chain, put(24_400), call(24_400), call(25_200)) == pytest.approx(1.0)


# --- divergence --------------------------------------------------------------------------------------


def test_confidence_falls_as_the_vendor_drifts_away_and_is_half_at_the_limit() -> None:
    far = put(24_050)
    offs = (0.0, 0.05, 0.10, 0.15, 0.25, 0.35)
    steps = [confidence(vendor(EXACT, far, SIGMA * (1 + off)), far) for off in offs]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] == pytest.approx(1.0)
    assert steps[3] == pytest.approx(0.5, abs=0.01)
    assert steps[-1] == 0.0
    assert confidence(vendor(EXACT, far, SIGMA * 0.85), far) == pytest.approx(0.5, abs=0.01)


def test_both_options_of_a_strike_share_its_witness() -> None:
    off = vendor(EXACT, put(24_400), SIGMA * 1.1)
    assert confidence(off, call(24_400)) == confidence(off, put(24_400)) < 0.7


def test_the_least_of_the_legs_counts() -> None:
    off = vendor(EXACT, call(25_500), SIGMA * 1.1)
    assert confidence(off, put(24_400), call(25_500)) == confidence(off, call(25_500))
    assert confidence(off, call(25_500)) < confidence(off, put(24_400))


@given(st.floats(0.5, 2.0), st.floats(0.0, 2.0), st.sampled_from(range(24_000, 24_800, 50)))
@hypothesis_settings(max_examples=25)
def test_confidence_is_a_share_and_more_divergence_never_raises_it(
    factor: float, further: float, strike: int
) -> None:
    chosen = put(strike)
    near, far = 1.0 + (factor - 1.0), 1.0 + (factor - 1.0) * (1.0 + further)
    values = [confidence(vendor(EXACT, chosen, max(SIGMA * f, 1e-6)), chosen) for f in (near, far)]
    assert 0.0 <= values[1] <= values[0] + 1e-6 <= 1.0 + 1e-6


# --- no witness --------------------------------------------------------------------------------------


@pytest.mark.parametrize("silent", [math.nan, 0.0])
def test_a_vendor_without_a_figure_is_no_witness(silent: float) -> None:
    assert confidence(vendor(EXACT, put(24_400), silent), put(24_400)) == pytest.approx(1.0)
    dumb = replace(EXACT, vendor_iv=np.full(len(EXACT.listing), silent))
    assert confidence(dumb, put(24_400), call(25_200)) == 1.0
    assert basis_of(dumb) is None


@pytest.mark.parametrize("silent", [math.nan, 0.0])
def test_a_silent_vendor_at_some_strikes_does_not_bend_the_basis_of_the_rest(silent: float) -> None:
    chain = flat_vol_snapshot(tick=None, vendor_basis=0.02)
    for strike in (24_700, 24_750):
        chain = vendor(chain, put(strike), silent)
    assert confidence(chain, put(24_400)) == pytest.approx(1.0)


def test_too_few_witnesses_give_no_basis_and_nothing_is_judged() -> None:
    """With hardly a witness each would vouch for itself: the strikes are not judged, and it says so."""
    few = [put(24_000 + 50 * n) for n in range(WITNESSES_MIN - 1)]
    judged = expiry_confidence(view_of(silent_but(EXACT, few)), WEEKLY, SETTINGS)
    assert judged.basis is None
    assert np.isnan(judged.divergence).all()
    enough = expiry_confidence(view_of(silent_but(EXACT, [*few, call(25_200)])), WEEKLY, SETTINGS)
    assert enough.basis is not None and enough.basis.witnesses == WITNESSES_MIN
    assert np.count_nonzero(np.isfinite(enough.divergence)) == 2 * WITNESSES_MIN


# --- stale, unpriced, unlisted -----------------------------------------------------------------------


def test_stale_quotes_are_half_believed() -> None:
    stale = flat_vol_snapshot(tick=None, quote_age_s=1000.0)
    assert confidence(stale, put(24_400)) == pytest.approx(0.5)
    silent = replace(stale, vendor_iv=np.full(len(stale.listing), np.nan))
    assert confidence(silent, put(24_400)) == pytest.approx(0.5)


def test_the_first_look_after_a_hole_is_half_believed() -> None:
    later = view_of(flat_vol_snapshot(NOW + timedelta(seconds=600), tick=None), view_of(EXACT))
    assert later.after_gap
    assert row_confidence(later, WEEKLY, SETTINGS) == pytest.approx(0.5)


@pytest.mark.parametrize("with_vendor", [True, False])
def test_a_strike_without_a_volatility_has_no_greeks_to_believe(with_vendor: bool) -> None:
    blank = with_cells(EXACT, put(24_400), bid=math.nan)
    blank = with_cells(blank, call(24_400), bid=math.nan)
    if not with_vendor:
        blank = replace(blank, vendor_iv=np.full(len(blank.listing), np.nan))
    assert confidence(blank, put(24_400)) == 0.0
    (leg,) = leg_confidences(view_of(blank), [put(24_400)], SETTINGS)
    assert (leg.value, leg.divergence, leg.reason) == (0.0, None, "the strike has no volatility")


def test_an_expiry_without_a_forward_believes_nothing() -> None:
    nothing = np.full(len(EXACT.listing), np.nan)
    blank = replace(EXACT, bid=nothing.copy(), ask=nothing.copy())
    assert not row_confidence(view_of(blank), WEEKLY, SETTINGS).any()


def test_a_contract_that_is_not_listed_has_no_confidence() -> None:
    assert confidence(EXACT, put(24_400), put(20_000)) == 0.0
    assert confidence(EXACT, put(24_400, MONTHLY)) == 0.0  # judged by another expiry's rows
    absent = date(2025, 9, 16)
    assert len(row_confidence(view_of(EXACT), absent, SETTINGS)) == 0
    (leg,) = leg_confidences(view_of(EXACT), [put(24_400, absent)], SETTINGS)
    assert (leg.value, leg.reason) == (0.0, "not listed")


def test_without_legs_there_is_nothing_to_doubt() -> None:
    assert confidence(EXACT) == 1.0
    assert leg_confidences(view_of(EXACT), [], SETTINGS) == ()


def test_legs_of_several_expiries_are_each_told_with_their_reason() -> None:
    off = vendor(EXACT, put(24_400), SIGMA * 1.15)
    weekly, monthly = leg_confidences(view_of(off), [put(24_400), put(24_400, MONTHLY)], SETTINGS)
    assert weekly.value == pytest.approx(0.5, abs=0.01)
    assert weekly.divergence == pytest.approx(0.15, abs=0.003)
    assert weekly.reason.startswith("the vendor's volatility diverges by 1")
    assert monthly.value == pytest.approx(1.0)
    (stale,) = leg_confidences(
        view_of(flat_vol_snapshot(tick=None, quote_age_s=1000.0)), [put(24_400)], SETTINGS
    )
    assert stale.reason.endswith("the quote is stale")


def test_a_look_is_judged_once_and_the_next_one_anew() -> None:
    """Who asks again gets the same figures, which nobody can change; another look has its own."""
    view = view_of(EXACT)
    judged = expiry_confidence(view, WEEKLY, SETTINGS)
    assert expiry_confidence(view, WEEKLY, SETTINGS) is judged
    with pytest.raises(ValueError, match="read-only"):
        judged.value[0] = 0.0
    after_gap = expiry_confidence(replace(view, after_gap=True), WEEKLY, SETTINGS)
    assert np.array_equal(after_gap.value, 0.5 * judged.value) and judged.value.max() == 1.0


# --- the real day ------------------------------------------------------------------------------------


def test_the_exchange_s_own_figures_of_a_real_day_are_believed() -> None:
    """It reckons with a forward some 3 % a year above the one that prices show; that is basis, not doubt."""
    if not CHAIN.exists():
        pytest.skip("the recorded day is not beside the project")
    rules = shipped_rules()
    market = ReplayMarket(CHAIN, lot_size=lambda day, expiry: rules.contracts.lot_size(NIFTY, day, expiry))
    view = view_of(next(iter(market.snapshots())), capabilities=market.info.capabilities)
    for expiry in (date(2025, 9, 2), date(2025, 9, 9), date(2025, 9, 30)):
        level = at_the_money(view, expiry)
        assert level is not None
        judged = expiry_confidence(view, expiry, SETTINGS)
        assert judged.basis is not None
        assert abs(judged.basis.forward_points) < level.forward * (0.001 + 0.05 * level.years)
        rows = view.listing.rows_of(expiry)
        near = np.abs(view.listing.strike[rows] - level.forward) < 2.0 * level.straddle
        fresh = np.isfinite(view.sigma[rows]) & ((view.flags[rows] & int(QuoteFlag.STALE)) == 0)
        assert np.median(judged.value[near & fresh]) > 0.95
