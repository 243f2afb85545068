"""Frames onto the board: what a frame speaks of is replaced, what it does not speak of stays."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.upstox.feed_samples import (
    INDEX_KEY,
    TS,
    VIX_KEY,
    board_of,
    frame_of,
    full_feed,
    index_feed,
    key_of,
    listing_of,
    whole_frame,
)
from tests.adapters.upstox.test_feed_schema import INITIAL_FEED, LIVE_FULL, MARKET_INFO
from volguard.adapters.upstox.feed_frames import take_frame
from volguard.adapters.upstox.feed_schema import Feed, FrameType, MarketStatus
from volguard.adapters.upstox.quote_board import QuoteBoard
from volguard.model.broker import InstrumentKey
from volguard.model.market import ChainSnapshot

LATER = TS + timedelta(seconds=2)


def after(*payloads: bytes, board: QuoteBoard | None = None) -> ChainSnapshot:
    """The chain two seconds after these frames."""
    board = board or board_of()
    for payload in payloads:
        assert take_frame(board, payload, TS) is not None
    return board.snapshot(LATER)


def row_of(shot: ChainSnapshot, row: int = 0) -> list[float]:
    return [
        float(column[row])
        for column in (shot.bid, shot.bid_qty, shot.ask, shot.ask_qty, shot.ltp, shot.volume, shot.oi)
    ]


def test_a_full_frame_fills_its_row() -> None:
    """Touch, last price, volume and open interest in units; volatility a decimal; age from the frame."""
    shot = after(frame_of({key_of(1): full_feed()}))
    assert row_of(shot, 1) == [219.1, 525, 219.4, 225, 219.3, 9_736_350, 1_966_875]
    assert shot.vendor_iv[1] == 0.1488
    assert shot.quote_age_s is not None and shot.quote_age_s[1] == 2.0


def test_the_published_vector_becomes_its_quote() -> None:
    """The stated option in full mode, on a board that lists it."""
    board = QuoteBoard(
        listing_of([24000.0]),
        [InstrumentKey("NSE_FO|45450"), None],
        index_key=INDEX_KEY,
        vix_key=VIX_KEY,
        level_age_max_s=15.0,
    )
    shot = after(bytes.fromhex(LIVE_FULL), bytes.fromhex(INITIAL_FEED), board=board)
    assert row_of(shot) == [219.1, 525, 219.4, 225, 219.3, 9_736_350, 1_966_875]
    assert board.counts.updates == 2


def test_what_is_not_spoken_of_has_no_quote() -> None:
    """A row that no frame named: no price, no size, and an age that is not known."""
    shot = after(frame_of({key_of(1): full_feed()}))
    assert np.isnan([shot.bid[0], shot.ask[0], shot.ltp[0], shot.vendor_iv[0]]).all()
    assert (shot.bid_qty[0], shot.ask_qty[0], shot.volume[0], shot.oi[0]) == (0, 0, 0, 0)
    assert shot.quote_age_s is not None and np.isnan(shot.quote_age_s[0])


def test_a_missing_part_leaves_its_part_of_the_row_alone() -> None:
    """A frame with a trade alone moves the last price, neither the touch nor the touch's age."""
    later = frame_of({key_of(0): full_feed(touch=None, ltp=221.0, greeks=None, iv=None)}, at=LATER)
    board = board_of()
    take_frame(board, frame_of({key_of(0): full_feed()}), TS)
    take_frame(board, later, LATER)
    shot = board.snapshot(LATER)
    assert row_of(shot)[:5] == [219.1, 525, 219.4, 225, 221.0]
    assert shot.vendor_iv[0] == 0.1488
    assert shot.quote_age_s is not None and shot.quote_age_s[0] == 2.0


def test_a_book_without_a_bid_takes_the_bid_away() -> None:
    """The book is replaced whole: its absent bid is no bid, not the bid before."""
    shot = after(frame_of({key_of(0): full_feed()}), frame_of({key_of(0): full_feed(bid=None)}))
    assert np.isnan(shot.bid[0]) and shot.bid_qty[0] == 0
    assert (shot.ask[0], shot.ask_qty[0]) == (219.4, 225)


def test_an_empty_book_takes_both_sides_away() -> None:
    """A book that is there and holds no rows says that nobody quotes."""
    empty = full_feed(touch=None)
    empty.fullFeed.marketFF.marketLevel.SetInParent()
    shot = after(frame_of({key_of(0): full_feed()}), frame_of({key_of(0): empty}))
    assert np.isnan([shot.bid[0], shot.ask[0]]).all()
    assert shot.quote_age_s is not None and shot.quote_age_s[0] == 2.0


def test_a_last_price_of_zero_is_none() -> None:
    """A last-price part without a price: not traded today."""
    shot = after(frame_of({key_of(0): full_feed()}), frame_of({key_of(0): full_feed(ltp=None)}))
    assert np.isnan(shot.ltp[0])


def test_volume_and_open_interest_are_never_erased_by_silence() -> None:
    """Both are left out when they are zero, which a total of the day never becomes again."""
    shot = after(frame_of({key_of(0): full_feed()}), frame_of({key_of(0): full_feed(vtt=None, oi=None)}))
    assert (shot.volume[0], shot.oi[0]) == (9_736_350, 1_966_875)


def test_greeks_without_a_volatility_say_that_there_is_none() -> None:
    """A vendor's volatility of zero is no witness."""
    shot = after(frame_of({key_of(0): full_feed()}), frame_of({key_of(0): full_feed(iv=None)}))
    assert np.isnan(shot.vendor_iv[0])


def test_the_greeks_mode_gives_its_first_level() -> None:
    """Another mode of subscription, the same columns."""
    feed = Feed()
    first = feed.firstLevelWithGreeks
    first.ltpc.ltp = 10.0
    first.firstDepth.bidP, first.firstDepth.bidQ = 9.95, 65
    first.optionGreeks.delta, first.vtt, first.oi, first.iv = 0.2, 650, 1300.0, 0.13
    shot = after(frame_of({key_of(2): feed}))
    assert row_of(shot, 2)[:2] == [9.95, 65] and row_of(shot, 2)[4:] == [10.0, 650, 1300]
    assert np.isnan(shot.ask[2]) and shot.vendor_iv[2] == 0.13


def test_a_last_price_alone_is_no_quote_of_an_option() -> None:
    """In the smallest mode an option's touch stays unspoken of."""
    feed = Feed()
    feed.ltpc.ltp = 10.0
    shot = after(frame_of({key_of(0): feed}))
    assert shot.ltp[0] == 10.0 and shot.quote_age_s is not None and np.isnan(shot.quote_age_s[0])


def test_index_rows_are_spot_and_vix() -> None:
    """The index level in points, India VIX as a decimal, from full mode and from the smallest one."""
    shot = after(frame_of({INDEX_KEY: index_feed(24_510.35)}), frame_of({VIX_KEY: index_feed(13.2725)}))
    assert (shot.underlying_ltp, shot.vix) == (24_510.35, 0.132725)
    small = Feed()
    small.ltpc.ltp = 24_600.0
    assert after(frame_of({INDEX_KEY: small})).underlying_ltp == 24_600.0


def test_segment_states_are_reported_and_change_no_row() -> None:
    """The first frame of a connection speaks of segments alone."""
    board = board_of()
    seen = take_frame(board, bytes.fromhex(MARKET_INFO), TS)
    assert seen is not None and seen.kind is FrameType.market_info and seen.rows == 0
    assert seen.segments == {"NSE_FO": MarketStatus.NORMAL_OPEN}
    assert not board.has_news


def test_unknown_keys_are_counted() -> None:
    """A frame may name what nobody asked for; the rows that are ours still count."""
    board = board_of()
    seen = take_frame(board, frame_of({"NSE_FO|1": full_feed(), key_of(0): full_feed()}), TS)
    assert seen is not None and seen.rows == 1
    assert (board.counts.unknown_keys, board.counts.updates) == (1, 1)


@pytest.mark.parametrize(
    "payload",
    [b"", b"\xff\xff\xff", b'{"status":"error"}', b"\x08\x01", whole_frame(4)[:-9], b"\x12\x00\x12"],
    ids=["empty", "noise", "text", "a kind and nothing else", "torn", "cut key"],
)
def test_a_bad_frame_is_counted_and_changes_nothing(payload: bytes) -> None:
    """Decoded first, applied then: a torn frame is never half on the board."""
    board = board_of()
    take_frame(board, whole_frame(4, seed=3), TS)
    before = board.snapshot(LATER)
    assert take_frame(board, payload, TS) is None
    again = board.snapshot(LATER)
    assert (board.counts.bad_frames, board.counts.frames) == (1, 1)
    assert [row_of(again, row) for row in range(4)] == [row_of(before, row) for row in range(4)]


@settings(derandomize=True, max_examples=200, deadline=None)
@given(cut=st.integers(min_value=0, max_value=2000), noise=st.binary(max_size=40))
def test_whatever_comes_in_raises_nothing(cut: int, noise: bytes) -> None:
    """Any bytes are a frame or a bad frame; what is shown afterwards is a price or none."""
    board = board_of()
    take_frame(board, whole_frame(4)[:cut] + noise, TS)
    shot = board.snapshot(LATER)
    for column in (shot.bid, shot.ask, shot.ltp, shot.vendor_iv):
        assert (np.isnan(column) | ((column > 0.0) & np.isfinite(column))).all()
    assert board.counts.frames + board.counts.bad_frames == 1


def test_a_frame_that_waited_on_its_way_is_as_old_as_the_server_says() -> None:
    """Arrival makes nothing young; a server's clock that is ahead does not either."""
    board = board_of()
    take_frame(board, frame_of({key_of(0): full_feed()}, at=TS - timedelta(seconds=30)), TS)
    take_frame(board, frame_of({key_of(1): full_feed()}, at=TS + timedelta(seconds=30)), TS)
    ages = board.snapshot(LATER).quote_age_s
    assert ages is not None and ages[:2].tolist() == [32.0, 2.0]
