"""A view knows of each row what its quotes say, and nothing that they do not say."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest

from tests.chains import (
    CAPABILITIES,
    DAY,
    FORWARD,
    MONTHLY,
    NOW,
    RATE,
    SIGMA,
    WEEKLY,
    at,
    call,
    flat_vol_snapshot,
    make_listing,
    put,
    shipped_rules,
    view_of,
    with_cells,
    years_of,
)
from volguard.measure.market_view import (
    at_the_money,
    make_frame,
    reference_level,
)
from volguard.model.errors import DateNotCovered
from volguard.model.market import ChainSnapshot
from volguard.pricing.quote_flags import QuoteFlag

EXACT = flat_vol_snapshot(tick=None)
TIMED = replace(CAPABILITIES, quote_time=True)


def without_quotes(snapshot: ChainSnapshot, low: int, high: int, *, right: str = "") -> ChainSnapshot:
    """No quotes from strike `low` to `high`, of one right or of both."""
    listing = snapshot.listing
    gone = (listing.strike >= low) & (listing.strike <= high)
    if right:
        gone &= listing.is_call if right == "CE" else ~listing.is_call
    return replace(
        snapshot, bid=np.where(gone, np.nan, snapshot.bid), ask=np.where(gone, np.nan, snapshot.ask)
    )


def test_forward_discount_and_volatility_of_a_clean_chain_come_back_exactly() -> None:
    view = view_of(EXACT)
    assert view.forward == pytest.approx(FORWARD, abs=1e-6)
    assert view.years == pytest.approx(years_of(EXACT.listing, NOW), rel=1e-12)
    assert view.forwards.discount == pytest.approx(np.exp(-RATE * view.years), abs=1e-9)
    assert view.sigma == pytest.approx(SIGMA, abs=1e-9)
    assert view.greeks.price == pytest.approx(view.mid, abs=1e-6)
    assert not view.flags.any()
    assert not view.after_gap


def test_a_chain_rounded_to_ticks_is_known_to_within_the_ticks() -> None:
    view = view_of(flat_vol_snapshot())
    assert view.forward == pytest.approx(FORWARD, abs=0.05)
    assert view.sigma == pytest.approx(SIGMA, abs=3e-4)


def test_a_strike_takes_its_volatility_from_the_out_of_the_money_side() -> None:
    # The call at 24,400 is in the money: a wrong price of it changes nothing.
    view = view_of(with_cells(EXACT, call(24_400), bid=500.0, ask=501.0))
    rows = view.row(call(24_400)), view.row(put(24_400))
    assert [float(view.sigma[row]) for row in rows if row is not None] == pytest.approx([SIGMA] * 2, abs=1e-4)


def test_without_the_out_of_the_money_side_the_other_side_must_do() -> None:
    view = view_of(with_cells(EXACT, put(24_400), bid=math.nan))
    row = view.row(put(24_400))
    assert row is not None
    assert math.isnan(view.mid[row]) and math.isnan(view.iv[row])
    assert float(view.sigma[row]) == pytest.approx(SIGMA, abs=1e-6)


def test_a_strike_that_nobody_quotes_has_neither_volatility_nor_greeks() -> None:
    view = view_of(without_quotes(EXACT, 24_400, 24_400))
    row = view.row(put(24_400))
    assert row is not None
    assert math.isnan(view.sigma[row]) and math.isnan(view.greeks.delta[row])
    quoted = np.isfinite(view.mid)
    assert not quoted[row]
    assert quoted.sum() == len(view.listing) - 4  # call and put, in both expiries


def test_an_expiry_without_quotes_has_no_forward_and_leaves_the_other_one_alone() -> None:
    weekly = EXACT.listing.rows_of(WEEKLY)
    bid = EXACT.bid.copy()
    bid[weekly] = np.nan
    view = view_of(replace(EXACT, bid=bid))
    assert np.isnan(view.forward[weekly]).all() and np.isnan(view.sigma[weekly]).all()
    assert at_the_money(view, WEEKLY) is None
    monthly = at_the_money(view, MONTHLY)
    assert monthly is not None and monthly.forward == pytest.approx(FORWARD, abs=1e-6)


def test_a_contract_that_is_not_listed_has_no_row() -> None:
    view = view_of(EXACT)
    assert view.row(call(30_000)) is None
    assert view.row(call(24_800, date(2025, 9, 16))) is None


# --- gaps, ages, jumps -------------------------------------------------------------------------------


def test_a_silence_beyond_three_cadences_is_a_gap_and_three_is_none() -> None:
    first = view_of(EXACT)
    assert not view_of(flat_vol_snapshot(NOW + timedelta(seconds=180)), first).after_gap
    assert view_of(flat_vol_snapshot(NOW + timedelta(seconds=181)), first).after_gap


def test_quote_times_that_the_source_is_meant_to_give_and_did_not_are_stale() -> None:
    assert (view_of(EXACT, capabilities=TIMED).flags & QuoteFlag.STALE).all()
    assert not (view_of(EXACT, capabilities=CAPABILITIES).flags & QuoteFlag.STALE).any()
    fresh = flat_vol_snapshot(quote_age_s=5.0)
    assert not (view_of(fresh, capabilities=TIMED).flags & QuoteFlag.STALE).any()


def test_a_jump_is_told_against_the_snapshot_before_but_not_across_a_gap_or_another_listing() -> None:
    def later(seconds: float, **changes: object) -> ChainSnapshot:
        after = flat_vol_snapshot(NOW + timedelta(seconds=seconds), **changes)  # type: ignore[arg-type]
        return with_cells(after, put(24_400), bid=60.0, ask=60.1)

    before = view_of(flat_vol_snapshot())
    assert (view_of(later(60), before).flags & QuoteFlag.JUMP).any()
    assert not (view_of(later(600), before).flags & QuoteFlag.JUMP).any()
    shorter = make_listing({WEEKLY: range(24_000, 25_601, 50)})
    assert not (view_of(later(60, listing=shorter), before).flags & QuoteFlag.JUMP).any()


def test_the_frame_is_shared_while_the_listing_stays_the_same() -> None:
    first = view_of(EXACT)
    same = flat_vol_snapshot(NOW + timedelta(seconds=60), listing=make_listing())
    assert view_of(same, first).frame is first.frame
    other = flat_vol_snapshot(NOW + timedelta(seconds=60), listing=make_listing({WEEKLY: [24_800]}))
    assert view_of(other, first).frame is not first.frame


# --- at the money ------------------------------------------------------------------------------------


def test_at_a_strike_the_straddle_is_that_strikes_call_and_put() -> None:
    view = view_of(EXACT)
    level = at_the_money(view, WEEKLY)
    rows = view.row(call(24_800)), view.row(put(24_800))
    assert level is not None
    assert level.straddle == pytest.approx(sum(float(view.mid[row]) for row in rows if row is not None))
    # J. Brenner and M. Subrahmanyam, 1988: a straddle is about 0.8 sigma F sqrt(t).
    assert level.straddle == pytest.approx(0.798 * SIGMA * FORWARD * math.sqrt(level.years), rel=0.01)
    assert (level.sigma, level.forward) == pytest.approx((SIGMA, FORWARD), rel=1e-9)


def test_between_strikes_straddle_and_volatility_are_interpolated() -> None:
    listing = make_listing()
    smile = SIGMA + 2e-6 * (FORWARD - listing.strike)  # dearer puts
    view = view_of(flat_vol_snapshot(forward=24_820.0, sigma=smile, listing=listing, tick=None))
    level = at_the_money(view, WEEKLY)
    assert level is not None
    assert level.sigma == pytest.approx(SIGMA - 2e-6 * 20, abs=1e-7)


def test_an_expiry_that_is_not_listed_has_no_level() -> None:
    assert at_the_money(view_of(EXACT), date(2025, 9, 16)) is None


def test_a_level_outside_the_quoted_strikes_is_not_extrapolated() -> None:
    high = view_of(without_quotes(EXACT, 24_000, 24_800))
    assert high.forwards.forward[0] == pytest.approx(FORWARD, abs=1e-6)
    assert at_the_money(high, WEEKLY) is None
    low = view_of(without_quotes(EXACT, 24_800, 25_600))
    assert at_the_money(low, WEEKLY) is None


def test_one_side_of_the_chain_pins_no_level() -> None:
    assert at_the_money(view_of(without_quotes(EXACT, 0, 90_000, right="CE")), WEEKLY) is None


# --- constant maturity, reference level --------------------------------------------------------------


def test_the_reference_level_names_its_origin() -> None:
    assert reference_level(view_of(replace(EXACT, underlying_ltp=24_790.5))) == (24_790.5, "source")
    level, origin = reference_level(view_of(EXACT))
    assert level == pytest.approx(FORWARD, abs=1e-6)
    assert origin == "forward 2025-09-09 from parity"


def test_the_reference_level_comes_from_the_nearest_expiry_that_has_one() -> None:
    bid = EXACT.bid.copy()
    bid[EXACT.listing.rows_of(WEEKLY)] = np.nan
    assert reference_level(view_of(replace(EXACT, bid=bid)))[1] == "forward 2025-09-30 from parity"


def test_a_chain_without_quotes_has_no_reference_level() -> None:
    blank = replace(EXACT, bid=np.full(len(EXACT.listing), np.nan))
    assert reference_level(view_of(blank)) == (None, "not available")


# --- closes of the expiry days -----------------------------------------------------------------------


def test_expiry_is_the_close_of_its_own_days_session() -> None:
    listing = make_listing({date(2026, 7, 28): [24_800], date(2026, 8, 4): [24_800]})
    frame = make_frame(listing, date(2026, 7, 27), shipped_rules())
    assert frame.closes == (at("2026-07-28 15:30"), at("2026-08-04 15:40"))


def test_years_ahead_of_the_calendar_todays_closing_time_stands_in() -> None:
    frame = make_frame(make_listing({date(2029, 12, 24): [24_800]}), DAY, shipped_rules())
    assert frame.closes == (at("2029-12-24 15:30"),)


def test_a_trading_date_outside_the_calendar_is_an_error() -> None:
    with pytest.raises(DateNotCovered, match="2031-01-02"):
        make_frame(make_listing({date(2031, 1, 7): [24_800]}), date(2031, 1, 2), shipped_rules())
