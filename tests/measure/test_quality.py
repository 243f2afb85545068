"""Data quality falls with each of its inputs, and a leg's Greeks are believed as far as a witness agrees."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.chains import (
    FORWARD,
    MONTHLY,
    NOW,
    WEEKLY,
    call,
    flat_vol_snapshot,
    put,
    shipped_quality,
    view_of,
    with_cells,
)
from volguard.measure.market_view import AtTheMoney, MarketView, at_the_money
from volguard.measure.quality import (
    NO_QUALITY,
    WEIGHTS,
    Quality,
    data_quality,
    flag_counts,
    tradable_rows,
)
from volguard.model.book import Position
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.pricing.quote_flags import QuoteFlag

SETTINGS = shipped_quality()
EXACT = flat_vol_snapshot(tick=None)
PARTS = ("coverage", "freshness", "spread", "arbitrage", "parity")


def level_of(view: MarketView) -> AtTheMoney:
    level = at_the_money(view, WEEKLY)
    assert level is not None
    return level


LEVEL = level_of(view_of(EXACT))


def quality_of(
    snapshot: ChainSnapshot, held: tuple[Position, ...] = (), previous: MarketView | None = None
) -> Quality:
    return data_quality(view_of(snapshot, previous), [LEVEL], held, SETTINGS)


# --- the figure --------------------------------------------------------------------------------------


def test_a_clean_chain_has_quality_one() -> None:
    quality = quality_of(EXACT)
    assert quality.value == 1.0
    assert [getattr(quality, part) for part in PARTS] == [1.0] * 5
    assert quality.rows == 66  # 33 strikes within three expected moves


def test_the_weights_are_those_of_the_five_parts_and_make_one() -> None:
    assert tuple(WEIGHTS) == PARTS
    assert sum(WEIGHTS.values()) == pytest.approx(1.0)


def stale_row(snapshot: ChainSnapshot) -> ChainSnapshot:
    ages = np.full(len(snapshot.listing), 1.0)
    row = snapshot.listing.row(put(24_400))
    assert row is not None
    ages[row] = 1000.0
    return replace(snapshot, quote_age_s=ages)


def wide_row(snapshot: ChainSnapshot) -> ChainSnapshot:
    mid = float(snapshot.ltp[snapshot.listing.row(put(24_400)) or 0])
    return with_cells(snapshot, put(24_400), bid=0.95 * mid, ask=1.05 * mid)


def crossed_row(snapshot: ChainSnapshot) -> ChainSnapshot:
    mid = float(snapshot.ltp[snapshot.listing.row(put(24_400)) or 0])
    return with_cells(snapshot, put(24_400), bid=mid + 0.05, ask=mid - 0.05)


def parity_row(snapshot: ChainSnapshot) -> ChainSnapshot:
    # The lowest call alone is off by 4 points: too dear for parity, and in order with its neighbours.
    mid = float(snapshot.ltp[snapshot.listing.row(call(24_000)) or 0])
    return with_cells(snapshot, call(24_000), bid=mid + 3.95, ask=mid + 4.05)


@pytest.mark.parametrize(
    ("part", "worsen", "rows"),
    [
        ("freshness", stale_row, 1),
        ("spread", wide_row, 1),
        ("arbitrage", crossed_row, 1),
        ("parity", parity_row, 2),
    ],
)
def test_each_part_falls_by_the_share_of_rows_that_went_bad_and_takes_its_weight(
    part: str, worsen: Any, rows: int
) -> None:
    quality = quality_of(worsen(EXACT))
    share = 1.0 - rows / 66
    assert getattr(quality, part) == pytest.approx(share)
    others = [name for name in PARTS if name != part]
    assert [getattr(quality, name) for name in others] == [1.0] * 4
    assert quality.value == pytest.approx(1.0 - WEIGHTS[part] * rows / 66)


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_row_without_both_sides_is_proven_good_in_no_part(side: str) -> None:
    quality = quality_of(with_cells(EXACT, put(24_400), **{side: math.nan}))
    assert [getattr(quality, name) for name in PARTS] == [pytest.approx(1.0 - 1 / 66)] * 5
    assert quality.value == pytest.approx(1.0 - 1 / 66)


def test_a_jump_counts_against_arbitrage() -> None:
    before = view_of(EXACT)
    mid = float(EXACT.ltp[EXACT.listing.row(call(24_400)) or 0])
    later = replace(EXACT, ts=NOW + timedelta(seconds=60))
    jumped = with_cells(later, call(24_400), bid=mid + 1.45, ask=mid + 1.55)
    quality = quality_of(jumped, previous=before)
    assert quality.arbitrage < 1.0
    assert quality_of(later, previous=before).arbitrage == 1.0


def test_after_a_gap_nothing_is_fresh() -> None:
    later = flat_vol_snapshot(NOW + timedelta(seconds=600))
    quality = quality_of(later, previous=view_of(EXACT))
    assert quality.freshness == 0.0
    assert quality.value == pytest.approx(1.0 - WEIGHTS["freshness"])


def test_nothing_to_trade_is_quality_zero() -> None:
    assert data_quality(view_of(EXACT), [], (), SETTINGS) == NO_QUALITY
    assert NO_QUALITY.value == 0.0


def test_a_set_without_a_single_quote_shows_nothing_good() -> None:
    nothing = np.full(len(EXACT.listing), np.nan)
    quality = quality_of(replace(EXACT, bid=nothing.copy(), ask=nothing.copy()))
    assert (quality.value, quality.rows) == (0.0, 66)
    assert [getattr(quality, part) for part in PARTS] == [0.0] * 5


def short(contract: OptionContract) -> Position:
    return Position(contract=contract, quantity=-75)


def long(contract: OptionContract) -> Position:
    return Position(contract=contract, quantity=75)


@pytest.mark.parametrize("side", ["bid", "ask"])
def test_a_held_short_leg_without_both_sides_caps_the_figure(side: str) -> None:
    unquoted = with_cells(EXACT, put(24_100), **{side: math.nan})
    assert quality_of(unquoted).value > 0.9
    quality = quality_of(unquoted, held=(short(put(24_100)), long(call(25_200))))
    assert (quality.value, quality.held_unquoted) == (SETTINGS.held_leg_cap, 1)
    assert quality.market == quality_of(unquoted).value > 0.9  # what other trades' exits go by
    assert SETTINGS.held_leg_cap == 0.4


def test_a_held_long_leg_without_a_bid_caps_nothing() -> None:
    unquoted = with_cells(EXACT, put(24_100), bid=math.nan)
    quality = quality_of(unquoted, held=(long(put(24_100)), short(call(25_200))))
    assert quality.held_unquoted == 0
    assert quality.value == quality.market > 0.9


def test_a_held_leg_that_is_no_longer_listed_caps_the_figure() -> None:
    quality = quality_of(EXACT, held=(long(put(23_000)),))
    assert (quality.value, quality.held_unquoted) == (0.4, 1)
    assert quality.market > 0.9


def test_the_cap_never_lifts_a_worse_figure() -> None:
    gone = np.arange(len(EXACT.listing)) > 1
    blank = replace(
        EXACT, bid=np.where(gone, np.nan, EXACT.bid), quote_age_s=np.full(len(EXACT.listing), 1000.0)
    )
    worse = replace(SETTINGS, held_leg_cap=1.0)
    view, held = view_of(blank), (short(put(24_100)),)
    figure = data_quality(view, [LEVEL], held, worse).value
    assert data_quality(view, [LEVEL], held, SETTINGS).value == min(figure, 0.4)


def test_the_tradable_set_is_three_expected_moves_wide_and_holds_every_held_leg() -> None:
    view = view_of(EXACT)
    narrow = tradable_rows(view, [LEVEL], (), 1.0)
    strikes = view.listing.strike[narrow]
    assert np.all(np.abs(strikes - FORWARD) <= LEVEL.straddle)
    assert {strikes.min(), strikes.max()} == {24_500.0, 25_100.0}  # the straddle is about 309
    assert set(view.listing.expiry_index[narrow]) == {0}
    held = tradable_rows(view, [LEVEL], (call(26_000, MONTHLY), put(24_000), call(30_000)), 1.0)
    added = {view.listing.contract(int(row)) for row in np.flatnonzero(held & ~narrow)}
    assert added == {call(26_000, MONTHLY), put(24_000)}


def test_a_bad_quote_far_from_the_money_costs_no_quality() -> None:
    narrow = replace(SETTINGS, expected_moves=1.0)
    far = with_cells(EXACT, put(24_100), bid=math.nan, ask=math.nan)
    assert data_quality(view_of(far), [LEVEL], (), narrow).value == 1.0


def test_flag_counts_are_of_the_whole_chain_by_name() -> None:
    chain = with_cells(EXACT, put(24_100), bid=math.nan)
    chain = with_cells(chain, call(26_000, MONTHLY), bid=math.nan, ask=math.nan)
    counts = flag_counts(view_of(chain))
    assert set(counts) == {str(flag.name).lower() for flag in QuoteFlag}
    assert (counts["no_bid"], counts["no_ask"], counts["stale"]) == (2, 1, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("expected_moves", 0.0), ("held_leg_cap", -0.1), ("held_leg_cap", 1.1), ("vendor_divergence_max", 0.0)],
)
def test_settings_out_of_range_are_refused_by_name(name: str, value: float) -> None:
    change: dict[str, Any] = {name: value}
    with pytest.raises(ValueError, match=f"{name} was {value}"):
        replace(SETTINGS, **change)
