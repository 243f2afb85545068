"""Which contracts a session looks at: near in time and strike, whole pairs, and always what is held."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.adapters.upstox.feed_socket import KEYS_PER_FRAME
from volguard.adapters.upstox.universe import Reach, Universe, choose_universe
from volguard.model.broker import InstrumentKey
from volguard.model.instrument import OptionContract, OptionType, Underlying

NIFTY, DAY = Underlying("NIFTY"), date(2026, 9, 16)
WEEKS = tuple(date(2026, 9, 22) + timedelta(weeks=n) for n in range(4))
WIDE = Reach(expiries_max=2, strike_share=0.08, contracts_max=2000)


def option(strike: int, kind: OptionType = OptionType.CALL, expiry: date = WEEKS[0]) -> OptionContract:
    return OptionContract(underlying=NIFTY, expiry=expiry, strike=strike, option_type=kind)


OPTIONS = [option(s, kind, e) for e in WEEKS for s in range(20000, 29001, 50) for kind in OptionType]
LISTED = frozenset(OPTIONS)


def chosen(
    reach: Reach = WIDE, *, level: float = 24510.0, held: Iterable[OptionContract] = (), day: date = DAY
) -> Universe:
    return choose_universe(
        OPTIONS,
        underlying=NIFTY,
        level=level,
        trading_date=day,
        reach=reach,
        held=held,
        key_of=lambda c: InstrumentKey(c.symbol) if c in LISTED else None,
    )


def contracts_of(universe: Universe) -> list[OptionContract]:
    return [universe.listing.contract(row) for row in range(len(universe.listing))]


def test_the_nearest_expiries_and_the_strikes_in_reach() -> None:
    """Two weeks, strikes within 8 % of the level, and no other."""
    universe = chosen()
    assert universe.listing.expiries == WEEKS[:2] and universe.left_out == 0
    strikes = {contract.strike for contract in contracts_of(universe)}
    assert strikes == {s for s in range(20000, 29001, 50) if abs(s - 24510) <= 0.08 * 24510}
    assert len(universe.listing) == 2 * 2 * len(strikes)


def test_rows_are_sorted_and_keys_stand_beside_them() -> None:
    """By expiry, strike, call before put: what every snapshot promises."""
    universe = chosen()
    rows = contracts_of(universe)
    order = [(c.expiry, c.strike, c.option_type is OptionType.PUT) for c in rows]
    assert order == sorted(order)
    assert [str(key) for key in universe.keys] == [c.symbol for c in rows]


def test_expired_contracts_are_not_looked_at() -> None:
    """On the day after an expiry the next two weeks are the nearest; on its day it still counts."""
    assert chosen(day=WEEKS[0]).listing.expiries == WEEKS[:2]
    assert chosen(day=WEEKS[0] + timedelta(days=1)).listing.expiries == WEEKS[1:3]


@pytest.mark.parametrize("expiry", [WEEKS[0], WEEKS[3]])
def test_what_is_held_is_always_in(expiry: date) -> None:
    """Far in strike or in time: a position is never out of sight."""
    held = option(20000, OptionType.PUT, expiry)
    universe = chosen(held=[held])
    row = universe.listing.row(held)
    assert row is not None and universe.keys[row] is not None


def test_what_is_held_and_not_listed_is_a_row_without_a_key() -> None:
    """The engine sees a leg without a quote, not a book without the leg."""
    held = option(24525)
    universe = chosen(held=[held])
    row = universe.listing.row(held)
    assert row is not None and universe.keys[row] is None


@settings(derandomize=True, max_examples=30, deadline=None)
@given(room=st.integers(min_value=4, max_value=400), level=st.integers(min_value=21000, max_value=28000))
def test_where_there_is_no_room_the_nearest_strikes_stay(room: int, level: int) -> None:
    """Whole pairs, never more than there is room for, none left out that is nearer than one inside."""
    held = option(20000, OptionType.PUT)
    universe = chosen(Reach(expiries_max=2, strike_share=0.08, contracts_max=room), level=level, held=[held])
    rows = contracts_of(universe)
    inside = [c for c in rows if c != held]
    everything = [c for c in contracts_of(chosen(level=level)) if c != held]
    assert len(rows) <= room and held in rows
    assert universe.left_out == len(everything) - len(inside)
    outside = [abs(c.strike - level) for c in everything if c not in inside]
    assert not outside or not inside or max(abs(c.strike - level) for c in inside) <= min(outside)
    other = {OptionType.CALL: OptionType.PUT, OptionType.PUT: OptionType.CALL}
    assert {option(c.strike, other[c.option_type], c.expiry) for c in inside} <= set(rows)


def test_nothing_in_reach_is_refused() -> None:
    """A level that no strike is near is a mistake somewhere, not an empty chain."""
    with pytest.raises(ValueError, match=r"no NIFTY option within 8% of the level 90000\.00"):
        chosen(level=90_000.0)


def test_offsets_bound_each_expiry() -> None:
    """Rows of an expiry are contiguous, and none is empty."""
    listing = chosen().listing
    assert listing.offsets[0] == 0 and listing.offsets[-1] == len(listing)
    assert all(a < b for a, b in pairwise(listing.offsets.tolist()))
    assert len(listing) > KEYS_PER_FRAME / 2
