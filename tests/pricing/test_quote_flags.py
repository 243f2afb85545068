"""A quote is flagged when it contradicts its neighbours, its age or no-arbitrage, and a clean one never."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.chains import (
    FORWARD,
    MONTHLY,
    NOW,
    RATE,
    WEEKLY,
    call,
    flat_vol_snapshot,
    make_listing,
    put,
    shipped_flags,
    with_cells,
    years_of,
)
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.pricing.quote_flags import (
    ARBITRAGE,
    UNTRADABLE,
    PricedRows,
    QuoteFlag,
    StrikeGrid,
    flag_quotes,
)

SETTINGS = shipped_flags()
TICK = 0.05
NONE = QuoteFlag(0)


@dataclass(frozen=True, kw_only=True)
class Flagged:
    """The flags of a snapshot by contract."""

    snapshot: ChainSnapshot
    flags: np.ndarray

    def __getitem__(self, contract: OptionContract) -> QuoteFlag:
        row = self.snapshot.listing.row(contract)
        assert row is not None
        return QuoteFlag(int(self.flags[row]))

    def carrying(self, flag: QuoteFlag) -> set[OptionContract]:
        """The contracts with that flag."""
        rows = np.flatnonzero(self.flags & int(flag))
        return {self.snapshot.listing.contract(int(row)) for row in rows}


def mid_of(snapshot: ChainSnapshot) -> np.ndarray:
    return 0.5 * (snapshot.bid + snapshot.ask)


def flag(
    snapshot: ChainSnapshot,
    previous: ChainSnapshot | None = None,
    *,
    forward: float = FORWARD,
    cadence_s: float = 60.0,
) -> Flagged:
    """The flags of a chain whose forward is known."""
    listing, rows = snapshot.listing, len(snapshot.listing)
    years = years_of(listing, snapshot.ts)[listing.expiry_index]
    priced = PricedRows(
        bid=snapshot.bid,
        ask=snapshot.ask,
        mid=mid_of(snapshot),
        forward=np.full(rows, forward),
        discount=np.exp(-RATE * years),
    )
    flags = flag_quotes(
        StrikeGrid(listing=listing),
        priced,
        previous_mid=mid_of(previous) if previous is not None else None,
        quote_age_s=snapshot.quote_age_s,
        cadence_s=cadence_s,
        tick=TICK,
        settings=SETTINGS,
    )
    assert flags.dtype == np.uint16
    assert flags.shape == (rows,)
    return Flagged(snapshot=snapshot, flags=flags)


def quote_of(snapshot: ChainSnapshot, contract: OptionContract) -> tuple[float, float]:
    row = snapshot.listing.row(contract)
    assert row is not None
    return float(snapshot.bid[row]), float(snapshot.ask[row])


def moved(snapshot: ChainSnapshot, contract: OptionContract, by: float) -> ChainSnapshot:
    bid, ask = quote_of(snapshot, contract)
    return with_cells(snapshot, contract, bid=bid + by, ask=ask + by)


# --- clean chains -----------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    sigma=st.floats(min_value=0.09, max_value=0.6),
    forward=st.floats(min_value=24_300, max_value=25_300),
    half_spread=st.floats(min_value=0.0, max_value=0.05),
    step=st.floats(min_value=-120, max_value=120),
)
def test_a_clean_flat_volatility_chain_raises_no_flag_wherever_it_stands_and_however_it_moves(
    sigma: float, forward: float, half_spread: float, step: float
) -> None:
    listing = make_listing({WEEKLY: range(24_000, 25_601, 100), MONTHLY: range(23_000, 26_601, 100)})
    before = flat_vol_snapshot(
        NOW, forward - step, sigma, listing=listing, half_spread=half_spread, quote_age_s=90.0
    )
    chain = flat_vol_snapshot(NOW, forward, sigma, listing=listing, half_spread=half_spread, quote_age_s=90.0)
    # Wings under a few ticks may have no bid and no information; everything quoted is clean.
    flags = flag(chain, before, forward=forward).flags
    assert np.all(flags[np.isfinite(chain.bid)] == 0)
    assert np.all(flags[np.isnan(chain.bid)] == int(QuoteFlag.NO_BID))


def test_strikes_of_uneven_distance_do_not_look_bent() -> None:
    ladder = [23_500, 24_000, 24_050, 24_500, 24_600, 24_650, 25_000, 25_500, 25_550]
    chain = flat_vol_snapshot(listing=make_listing({MONTHLY: ladder}), half_spread=0.0, tick=None)
    assert np.all(flag(chain).flags == 0)


@pytest.mark.parametrize("ladder", [[], [24_800], [24_800, 24_900]])
def test_a_ladder_too_short_for_neighbours_is_no_error(ladder: Iterable[int]) -> None:
    chain = flat_vol_snapshot(listing=make_listing({WEEKLY: ladder}))
    assert np.all(flag(chain, chain).flags == 0)


def test_a_chain_without_any_quote_is_missing_and_nothing_else() -> None:
    chain = flat_vol_snapshot()
    empty = replace(chain, bid=np.full(len(chain.listing), np.nan), ask=np.full(len(chain.listing), np.nan))
    assert np.all(flag(empty, empty).flags == int(QuoteFlag.NO_BID | QuoteFlag.NO_ASK))


def test_an_unknown_forward_silences_only_what_needs_it() -> None:
    chain = with_cells(flat_vol_snapshot(), put(24_400), bid=30.0, ask=20.0)
    found = flag(chain, forward=math.nan)
    assert QuoteFlag.CROSSED in found[put(24_400)]
    assert not found.carrying(QuoteFlag.BOUNDS | QuoteFlag.PARITY)


# --- each flag ---------------------------------------------------------------------------------------


def test_an_absent_side_is_named() -> None:
    chain = with_cells(flat_vol_snapshot(), put(24_400), bid=math.nan)
    chain = with_cells(chain, call(25_200), ask=math.nan)
    found = flag(chain)
    assert found[put(24_400)] == QuoteFlag.NO_BID
    assert found[call(25_200)] == QuoteFlag.NO_ASK
    assert found.carrying(QuoteFlag.NO_BID | QuoteFlag.NO_ASK) == {put(24_400), call(25_200)}


def test_a_bid_above_its_own_ask_is_crossed_and_a_locked_quote_is_not() -> None:
    _, ask = quote_of(flat_vol_snapshot(), put(24_400))
    crossed = with_cells(flat_vol_snapshot(), put(24_400), bid=ask + TICK)
    assert flag(crossed)[put(24_400)] & QuoteFlag.CROSSED
    locked = with_cells(flat_vol_snapshot(), put(24_400), bid=ask)
    assert flag(locked)[put(24_400)] == NONE


@pytest.mark.parametrize(
    ("bid", "ask", "is_wide"),
    [
        (1.00, 1.20, False),  # four ticks are allowed however cheap the option
        (1.00, 1.25, True),
        (97.5, 102.5, False),  # five percent of mid
        (97.5, 102.55, True),
    ],
)
def test_a_spread_is_wide_beyond_five_percent_of_mid_or_four_ticks(
    bid: float, ask: float, is_wide: bool
) -> None:
    chain = with_cells(flat_vol_snapshot(), call(25_200), bid=bid, ask=ask)
    assert bool(flag(chain)[call(25_200)] & QuoteFlag.WIDE) is is_wide


@pytest.mark.parametrize(
    ("age_s", "cadence_s", "is_stale"),
    [
        (10.0, 3.0, False),
        (10.1, 3.0, True),
        (90.0, 60.0, False),
        (90.1, 60.0, True),
        (math.nan, 60.0, True),  # an age that is missing is not an age of zero
        (math.inf, 60.0, True),
    ],
)
def test_a_quote_is_stale_beyond_ten_seconds_or_one_and_a_half_cadences(
    age_s: float, cadence_s: float, is_stale: bool
) -> None:
    found = flag(flat_vol_snapshot(quote_age_s=age_s), cadence_s=cadence_s)
    assert np.all(found.flags == (int(QuoteFlag.STALE) if is_stale else 0))


def test_without_quote_times_nothing_is_called_stale() -> None:
    assert not flag(flat_vol_snapshot(quote_age_s=None)).carrying(QuoteFlag.STALE)


def test_an_ask_below_intrinsic_value_breaks_the_lower_bound() -> None:
    deep = call(24_000)  # worth about 800
    chain = with_cells(flat_vol_snapshot(), deep, bid=700.0, ask=701.0)
    assert flag(chain)[deep] & QuoteFlag.BOUNDS
    deep_put = put(25_600)
    chain = with_cells(flat_vol_snapshot(), deep_put, bid=700.0, ask=701.0)
    assert flag(chain)[deep_put] & QuoteFlag.BOUNDS


@pytest.mark.parametrize(("contract", "cap"), [(call(24_800), 24_800.0), (put(24_400), 24_400.0)])
def test_a_bid_above_what_the_option_can_ever_be_worth_breaks_the_upper_bound(
    contract: OptionContract, cap: float
) -> None:
    chain = with_cells(flat_vol_snapshot(), contract, bid=cap + 20, ask=cap + 21)
    assert flag(chain)[contract] & QuoteFlag.BOUNDS


def test_a_breach_within_a_tick_and_two_basis_points_is_the_forwards_own_error() -> None:
    deep = call(24_000)
    floor = math.exp(-RATE * float(years_of(flat_vol_snapshot().listing, NOW)[0])) * 800.0
    slack = TICK + 2e-4 * FORWARD
    just_in = with_cells(flat_vol_snapshot(), deep, bid=790.0, ask=floor - slack + 0.01)
    just_out = with_cells(flat_vol_snapshot(), deep, bid=790.0, ask=floor - slack - 0.01)
    assert not flag(just_in)[deep] & QuoteFlag.BOUNDS
    assert flag(just_out)[deep] & QuoteFlag.BOUNDS


@pytest.mark.parametrize("sign", [1, -1])
def test_parity_broken_beyond_both_spreads_and_the_time_between_two_reads_flags_the_pair(sign: int) -> None:
    chain = flat_vol_snapshot(half_spread=0.5, tick=None)
    # Half of each spread gives way, 1.0 in all; two ticks and one basis point of the index are forgiven.
    limit = 1.0 + 2 * TICK + 1e-4 * FORWARD
    beyond = flag(moved(chain, call(24_800), sign * (limit + 0.01)))
    assert beyond.carrying(QuoteFlag.PARITY) == {call(24_800), put(24_800)}
    assert not flag(moved(chain, call(24_800), sign * (limit - 0.01))).carrying(QuoteFlag.PARITY)
    assert flag(moved(chain, put(24_800), sign * (limit + 0.01)))[call(24_800)] & QuoteFlag.PARITY


def test_a_dearer_call_at_a_higher_strike_flags_both_strikes() -> None:
    _, ask = quote_of(flat_vol_snapshot(), call(25_000))
    chain = with_cells(flat_vol_snapshot(), call(25_050), bid=ask + 1, ask=ask + 2)
    assert {call(25_000), call(25_050)} <= flag(chain).carrying(QuoteFlag.MONOTONE)
    assert not any(found.option_type == "PE" for found in flag(chain).carrying(QuoteFlag.MONOTONE))


def test_a_dearer_put_at_a_lower_strike_flags_both_strikes() -> None:
    _, ask = quote_of(flat_vol_snapshot(), put(24_600))
    chain = with_cells(flat_vol_snapshot(), put(24_550), bid=ask + 1, ask=ask + 2)
    assert {put(24_600), put(24_550)} <= flag(chain).carrying(QuoteFlag.MONOTONE)


def test_two_ticks_out_of_order_do_not_pay_for_their_charges() -> None:
    _, ask = quote_of(flat_vol_snapshot(), call(25_000))
    within = with_cells(flat_vol_snapshot(), call(25_050), bid=ask + 2 * TICK - 0.01, ask=ask + 1)
    beyond = with_cells(flat_vol_snapshot(), call(25_050), bid=ask + 2 * TICK + 0.01, ask=ask + 1)
    assert not flag(within).carrying(QuoteFlag.MONOTONE)
    assert flag(beyond).carrying(QuoteFlag.MONOTONE) == {call(25_000), call(25_050)}


def test_prices_in_order_only_within_the_spread_are_not_flagged() -> None:
    # The mid at the higher strike is above the mid of the lower one, but nobody could trade on it.
    bid, ask = quote_of(flat_vol_snapshot(), call(25_000))
    chain = with_cells(flat_vol_snapshot(), call(25_050), bid=ask - TICK, ask=ask + 1)
    assert not flag(chain).carrying(QuoteFlag.MONOTONE)
    assert 0.5 * (ask - TICK + ask + 1) > 0.5 * (bid + ask)


def test_a_butterfly_sold_for_more_than_nothing_can_pay_flags_its_three_strikes() -> None:
    low_ask, high_ask = (quote_of(flat_vol_snapshot(), call(k))[1] for k in (25_000, 25_100))
    straight = 0.5 * (low_ask + high_ask)
    bent = with_cells(flat_vol_snapshot(), call(25_050), bid=straight + 0.11, ask=straight + 0.16)
    assert {call(25_000), call(25_050), call(25_100)} <= flag(bent).carrying(QuoteFlag.CONVEX)
    level = with_cells(flat_vol_snapshot(), call(25_050), bid=straight + 0.09, ask=straight + 0.16)
    assert not flag(level).carrying(QuoteFlag.CONVEX)


def test_a_move_that_the_neighbouring_strikes_do_not_share_is_a_jump() -> None:
    before = flat_vol_snapshot()
    found = flag(moved(before, put(24_400), 3.0), before)
    assert found[put(24_400)] & QuoteFlag.JUMP
    assert not found[call(24_400)] & QuoteFlag.JUMP
    assert not found[put(24_100)] & QuoteFlag.JUMP


def test_a_jump_is_eight_robust_sigmas_of_the_quotes_own_spread() -> None:
    before = flat_vol_snapshot(half_spread=0.5, tick=None)  # every spread is 1.0, so sigma is its floor of 1
    over = flag(moved(before, put(24_400), 8.01), before)
    under = flag(moved(before, put(24_400), 7.99), before)
    assert over.carrying(QuoteFlag.JUMP) == {put(24_400)}
    assert not under.carrying(QuoteFlag.JUMP)


def test_a_move_that_the_whole_chain_shares_is_no_jump() -> None:
    before = flat_vol_snapshot()
    shifted = replace(before, bid=before.bid + 50.0, ask=before.ask + 50.0)
    assert not flag(shifted, before).carrying(QuoteFlag.JUMP)
    assert not flag(shifted).carrying(QuoteFlag.JUMP)  # and without a past no jump can be told


def test_a_restless_chain_raises_the_bar_for_a_jump() -> None:
    before = flat_vol_snapshot(half_spread=0.5, tick=None)
    wave = 4.0 * (-1.0) ** np.arange(len(before.listing) // 2).repeat(2)
    noisy = replace(before, bid=before.bid + wave, ask=before.ask + wave)
    assert not flag(noisy, before).carrying(QuoteFlag.JUMP)


def test_expiries_and_types_are_no_neighbours_of_one_another() -> None:
    # A far expiry dearer than the near one at the same strike, a put dearer than a call: nothing is wrong.
    listing = make_listing({WEEKLY: [24_800, 24_850], MONTHLY: [24_900, 24_950]})
    assert np.all(flag(flat_vol_snapshot(listing=listing), flat_vol_snapshot(listing=listing)).flags == 0)
    left, right, calls = StrikeGrid(listing=listing).steps
    pairs = {(listing.contract(int(a)), listing.contract(int(b))) for a, b in zip(left, right, strict=True)}
    assert pairs == {
        (side(low, day), side(high, day))
        for side in (call, put)
        for low, high, day in ((24_800, 24_850, WEEKLY), (24_900, 24_950, MONTHLY))
    }
    assert calls.tolist() == [listing.contract(int(row)).option_type == "CE" for row in left]
    assert len(StrikeGrid(listing=listing).triples[0]) == 0


def test_the_weight_of_a_triple_makes_the_middle_strike_of_its_neighbours() -> None:
    ladder = [24_000, 24_100, 24_400]
    listing = make_listing({date(2025, 9, 30): ladder})
    low, middle, high, weight = StrikeGrid(listing=listing).triples
    strike = listing.strike
    assert np.allclose(weight * strike[low] + (1 - weight) * strike[high], strike[middle])
    assert weight.tolist() == [0.75, 0.75]


# --- masks and settings ------------------------------------------------------------------------------


def test_wide_alone_can_be_traded_and_every_other_flag_cannot() -> None:
    assert set(QuoteFlag) - set(UNTRADABLE) == {QuoteFlag.WIDE}
    assert set(ARBITRAGE) < set(UNTRADABLE)


@pytest.mark.parametrize("name", [field.name for field in fields(SETTINGS)])
@pytest.mark.parametrize("value", [0, -1])
def test_a_threshold_that_is_not_positive_is_refused_by_name(name: str, value: int) -> None:
    change: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} was {value}, must be above 0"):
        replace(SETTINGS, **change)
