"""A snapshot comes back from its blob to the last bit, and the same snapshot gives the same bytes."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tests.adapters.journal_samples import NIFTY, TS, small_listing, small_snapshot
from volguard.adapters.market_codec import decode_listing, decode_snapshot, encode_snapshot
from volguard.model.errors import JournalDamaged
from volguard.model.market import COLUMNS, ChainSnapshot, Listing

DAY = Path(__file__).parents[2] / "../shared/data/nifty_chain_2025-08-29.parquet"
ROWS = len(small_listing())
PRICES = st.one_of(
    st.integers(0, 10**7).map(lambda paisa: paisa / 100),
    st.integers(0, 9999).map(lambda hundredths: hundredths / 100 / 100),
    st.integers(0, 10**6).map(lambda millis: millis / 1000),
    st.just(float("nan")),
)
ANY_FLOATS = st.floats(allow_nan=True, allow_infinity=True)
SIZES = st.one_of(st.integers(0, 60_000).map(lambda lots: lots * 75), st.integers(-(2**63), 2**63 - 1))


def column(values: st.SearchStrategy[Any], kind: type[Any]) -> st.SearchStrategy[Any]:
    """A column of the small chain, its cells drawn one by one."""
    return hnp.arrays(kind, ROWS, elements=values)


FLOATS = st.one_of(column(PRICES, np.float64), column(ANY_FLOATS, np.float64))
INTS = column(SIZES, np.int64) | column(st.integers(0, 60_000).map(lambda n: n * 75), np.int64)
SNAPSHOTS = st.builds(
    ChainSnapshot,
    ts=st.just(TS),
    listing=st.just(small_listing()),
    quote_age_s=st.none() | FLOATS,
    underlying_ltp=st.none() | ANY_FLOATS,
    vix=st.none() | ANY_FLOATS,
    **{name: INTS if name in ("bid_qty", "ask_qty", "volume", "oi") else FLOATS for name in COLUMNS},
)


def assert_same(one: ChainSnapshot, other: ChainSnapshot) -> None:
    """Equal in every column, dtypes included."""
    assert one.ts == other.ts and one.listing.same_as(other.listing)
    for name in (*COLUMNS, "quote_age_s"):
        left, right = getattr(one, name), getattr(other, name)
        if left is None or right is None:
            assert left is right
            continue
        assert left.dtype == right.dtype
        np.testing.assert_array_equal(left, right, err_msg=name)
    np.testing.assert_equal((one.underlying_ltp, one.vix), (other.underlying_ltp, other.vix))


@settings(max_examples=150, derandomize=True, deadline=None)
@given(SNAPSHOTS)
def test_any_snapshot_comes_back_to_the_last_bit(snapshot: ChainSnapshot) -> None:
    blob = encode_snapshot(snapshot, with_listing=True)
    assert blob == encode_snapshot(snapshot, with_listing=True)
    assert_same(snapshot, decode_snapshot(blob))
    bare = encode_snapshot(snapshot, with_listing=False)
    assert_same(snapshot, decode_snapshot(bare, snapshot.listing))


def test_a_real_day_comes_back_to_the_last_bit_and_small() -> None:
    if not DAY.exists():
        pytest.skip("the recorded chain of 2025-08-29 is not here")
    snapshot = _real_snapshot()
    blob = encode_snapshot(snapshot, with_listing=False)
    assert_same(snapshot, decode_snapshot(blob, snapshot.listing))
    raw_bytes = 8 * len(COLUMNS) * len(snapshot.listing)
    assert len(blob) < raw_bytes / 5


def test_a_listing_is_stored_once_and_referred_to_later() -> None:
    first = encode_snapshot(small_snapshot(0), with_listing=True)
    later = encode_snapshot(small_snapshot(1), with_listing=False)
    assert len(later) < len(first)
    assert decode_listing(first).same_as(small_listing())
    with pytest.raises(JournalDamaged, match="expected to hold its listing"):
        decode_listing(later)


def test_an_empty_chain_is_a_chain() -> None:
    listing = Listing(
        underlying=NIFTY,
        expiries=(),
        offsets=np.array([0]),
        strike=np.array([], np.float64),
        is_call=np.array([], np.bool_),
    )
    floats, ints = np.array([], np.float64), np.array([], np.int64)
    snapshot = ChainSnapshot(
        ts=TS,
        listing=listing,
        **{name: ints if name in ("bid_qty", "ask_qty", "volume", "oi") else floats for name in COLUMNS},
    )
    assert_same(snapshot, decode_snapshot(encode_snapshot(snapshot, with_listing=True)))


def test_listings_differ_in_any_of_their_parts() -> None:
    assert small_listing().same_as(small_listing())
    assert not small_listing().same_as(small_listing((24400.0, 24500.0, 24650.0)))
    assert not small_listing().same_as(small_listing((24400.0, 24500.0)))


@pytest.mark.parametrize("blob", [b"", b"VGS1", b"VGS1garbage", b"VGS2" + bytes(40)])
def test_a_blob_that_is_none_is_damage(blob: bytes) -> None:
    with pytest.raises(JournalDamaged, match="market blob"):
        decode_snapshot(blob)


def _real_snapshot() -> ChainSnapshot:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(DAY)
    table = table.filter(pc.equal(table["ts"], table["ts"][200_000]))
    cells = {name: table[name].to_numpy() for name in ("strike", *COLUMNS[:-1], "iv", "expiry")}
    calls = np.array([word == "CE" for word in table["option_type"].to_pylist()])
    order = np.lexsort((~calls, cells["strike"], cells["expiry"]))
    cells = {name: values[order] for name, values in cells.items()}
    days, starts = np.unique(cells["expiry"], return_index=True)
    expiries = tuple(date.fromisoformat(str(day)) for day in days.astype("datetime64[D]"))
    listing = Listing(
        underlying=NIFTY,
        expiries=expiries,
        offsets=np.append(starts, len(order)),
        strike=cells["strike"].astype(np.float64),
        is_call=calls[order],
    )
    floats = {name: np.where(cells[name] == 0, np.nan, cells[name]) for name in ("bid", "ask", "ltp", "iv")}
    sizes = {name: cells[name].astype(np.int64) for name in ("bid_qty", "ask_qty", "volume", "oi")}
    sizes["oi"], sizes["volume"] = sizes["oi"] * 75, sizes["volume"] * 75
    iv = floats.pop("iv") / 100.0
    return ChainSnapshot(ts=TS, listing=listing, vendor_iv=iv, **floats, **sizes)
