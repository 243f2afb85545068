"""A snapshot is a value over a listing: rows found by contract, columns that nobody can change."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from tests.chains import MONTHLY, NIFTY, WEEKLY, call, flat_vol_snapshot, make_listing, put
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.market import COLUMNS, Listing

LADDERS = {WEEKLY: [24_000, 24_050], MONTHLY: [23_900, 24_000, 24_100]}
LISTING = make_listing(LADDERS)


def uneven() -> Listing:
    """A call alone, a pair, and a put alone."""
    return Listing(
        underlying=NIFTY,
        expiries=(WEEKLY,),
        offsets=np.array([0, 4]),
        strike=np.array([24_000.0, 24_050.0, 24_050.0, 24_100.0]),
        is_call=np.array([True, True, False, False]),
    )


def test_every_row_is_found_by_its_contract_and_back() -> None:
    assert len(LISTING) == 10
    for row in range(len(LISTING)):
        assert LISTING.row(LISTING.contract(row)) == row
    assert LISTING.contract(0) == call(24_000)
    assert LISTING.contract(9) == put(24_100, MONTHLY)


@pytest.mark.parametrize(
    "contract",
    [
        call(24_100),
        call(24_050, MONTHLY),
        put(24_000, date(2025, 9, 16)),
        OptionContract(
            underlying=Underlying("BANKNIFTY"), expiry=WEEKLY, strike=24_000, option_type=OptionType.CALL
        ),
    ],
)
def test_a_contract_that_is_not_listed_has_no_row(contract: OptionContract) -> None:
    assert LISTING.row(contract) is None


def test_rows_of_an_expiry_are_one_slice_and_of_an_unknown_one_empty() -> None:
    assert (LISTING.rows_of(WEEKLY), LISTING.rows_of(MONTHLY)) == (slice(0, 4), slice(4, 10))
    assert LISTING.rows_of(date(2025, 9, 16)) == slice(0, 0)
    assert LISTING.expiry_index.tolist() == [0] * 4 + [1] * 6


def test_pairs_are_the_call_and_the_put_of_a_strike_that_lists_both() -> None:
    calls, puts = LISTING.pairs
    assert calls.tolist() == [0, 2, 4, 6, 8]
    assert puts.tolist() == [1, 3, 5, 7, 9]
    calls, puts = uneven().pairs
    assert (calls.tolist(), puts.tolist()) == ([1], [2])


def test_a_strike_listed_for_the_last_and_the_first_of_two_expiries_is_no_pair() -> None:
    listing = Listing(
        underlying=NIFTY,
        expiries=(WEEKLY, MONTHLY),
        offsets=np.array([0, 1, 2]),
        strike=np.array([24_000.0, 24_000.0]),
        is_call=np.array([True, False]),
    )
    assert len(listing.pairs[0]) == 0


def test_listings_are_the_same_when_they_list_the_same() -> None:
    assert LISTING.same_as(LISTING)
    assert LISTING.same_as(make_listing(LADDERS))
    others = [
        make_listing({**LADDERS, WEEKLY: [24_000, 24_100]}),
        make_listing({WEEKLY: LADDERS[WEEKLY]}),
        make_listing({date(2025, 9, 16): LADDERS[WEEKLY], MONTHLY: LADDERS[MONTHLY]}),
        make_listing(LADDERS, Underlying("BANKNIFTY")),
        make_listing({WEEKLY: [24_000, 24_050, 24_100], MONTHLY: [24_000, 24_100]}),
        replace(LISTING, is_call=~LISTING.is_call),
    ]
    for other in others:
        assert not LISTING.same_as(other)


def test_nobody_writes_into_a_snapshot_or_a_listing() -> None:
    snapshot = flat_vol_snapshot(listing=make_listing(LADDERS))
    columns = [getattr(snapshot, name) for name in COLUMNS]
    columns += [snapshot.listing.strike, snapshot.listing.is_call, snapshot.listing.offsets]
    columns += [snapshot.listing.expiry_index, *snapshot.listing.pairs]
    for column in columns:
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 0
    with pytest.raises(AttributeError):
        snapshot.ts = None  # type: ignore[misc,assignment]


def test_every_column_that_is_sealed_is_a_column_of_the_snapshot() -> None:
    snapshot = flat_vol_snapshot(listing=make_listing(LADDERS))
    assert all(getattr(snapshot, name).shape == (len(snapshot.listing),) for name in COLUMNS)
