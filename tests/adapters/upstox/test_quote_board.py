"""The board of quotes: ages, confirmations by REST, coalescing, and snapshots that are values."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

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
from volguard.adapters.upstox.feed_frames import take_frame
from volguard.adapters.upstox.quote_board import QuoteBoard, QuoteReport
from volguard.model.broker import InstrumentKey

LATER = TS + timedelta(seconds=10)
REPORT = QuoteReport(
    key=key_of(0),
    told_at=TS + timedelta(seconds=8),
    bid=220.0,
    bid_qty=75,
    ask=220.5,
    ask_qty=150,
    ltp=220.25,
    volume=9_800_000,
    oi=1_966_950.0,
)


def fed(rows: int = 4) -> QuoteBoard:
    """A board after one frame of everything."""
    board = board_of(rows)
    take_frame(board, whole_frame(rows), TS)
    return board


def test_a_confirmation_replaces_the_quote_and_its_age() -> None:
    """Age counts from the quote's own time, not from the moment of asking."""
    board = fed()
    board.confirm([REPORT], LATER)
    shot = board.snapshot(LATER)
    assert (shot.bid[0], shot.bid_qty[0], shot.ask[0], shot.ask_qty[0]) == (220.0, 75, 220.5, 150)
    assert (shot.ltp[0], shot.volume[0], shot.oi[0]) == (220.25, 9_800_000, 1_966_950)
    assert shot.quote_age_s is not None and shot.quote_age_s.tolist() == [2.0, 10.0, 10.0, 10.0]


def test_a_server_ahead_of_us_makes_no_quote_young() -> None:
    """Never younger than its arrival: the next seconds of silence count."""
    board = fed()
    board.confirm([replace(REPORT, told_at=LATER + timedelta(minutes=30))], LATER)
    ages = board.snapshot(LATER + timedelta(seconds=20)).quote_age_s
    assert ages is not None and ages[0] == 20.0


def test_a_confirmation_never_overwrites_what_a_frame_said_later() -> None:
    """The answer was on its way while the frame came: it is late, and counted."""
    board = fed()
    board.confirm([replace(REPORT, told_at=TS - timedelta(seconds=1))], LATER)
    shot = board.snapshot(LATER)
    assert shot.bid[0] != 220.0
    assert (board.counts.late_confirmations, board.counts.confirmations) == (1, 0)


def test_a_volatility_belongs_to_the_touch_it_came_with() -> None:
    """A moved touch without a word on volatility has none; an unmoved one keeps it; a told one is taken."""
    board = board_of()
    take_frame(board, frame_of({key_of(row): full_feed() for row in range(4)}), TS)
    board.confirm(
        [
            REPORT,
            replace(REPORT, key=key_of(1), bid=219.1, ask=219.4),
            replace(REPORT, key=key_of(2), iv=0.2),
            replace(REPORT, key=key_of(3), iv=0.0),
        ],
        LATER,
    )
    iv = board.snapshot(LATER).vendor_iv
    assert np.isnan(iv[0]) and iv[1:3].tolist() == [0.1488, 0.2] and np.isnan(iv[3])


def test_an_answer_on_what_nobody_asked_for_is_counted() -> None:
    """An unknown key touches no row."""
    board = fed()
    board.confirm([replace(REPORT, key=InstrumentKey("NSE_FO|1"))], LATER)
    assert (board.counts.unknown_keys, board.counts.confirmations) == (1, 0)


def test_overwritten_updates_are_counted() -> None:
    """Two frames between two snapshots: the first one's rows were never seen."""
    board = board_of()
    for _ in range(2):
        take_frame(board, whole_frame(4), TS)
    assert (board.counts.updates, board.counts.coalesced) == (12, 6)
    board.snapshot(LATER)
    take_frame(board, whole_frame(4), TS)
    assert (board.counts.updates, board.counts.coalesced) == (18, 6)


def test_there_is_news_until_a_snapshot_takes_it() -> None:
    """By frame or by REST; a snapshot ends it."""
    board = board_of()
    assert not board.has_news
    take_frame(board, whole_frame(4), TS)
    assert board.has_news
    board.snapshot(LATER)
    assert not board.has_news
    board.confirm([REPORT], LATER)
    assert board.has_news


def test_what_nothing_spoke_of_for_long_is_named() -> None:
    """Rows that were never heard of, and rows whose word is old; not the ones just confirmed."""
    board = board_of()
    take_frame(board, frame_of({key_of(0): full_feed(), key_of(1): full_feed()}), TS)
    board.confirm([REPORT], LATER)
    assert board.unspoken_of(LATER, for_s=5.0) == (key_of(1), key_of(2), key_of(3), INDEX_KEY, VIX_KEY)
    assert board.unspoken_of(LATER, for_s=float("inf")) == (key_of(2), key_of(3), INDEX_KEY, VIX_KEY)


def test_what_the_feed_never_spoke_of_is_named_even_if_rest_did() -> None:
    """A server that caps subscriptions does so in silence."""
    board = board_of()
    take_frame(board, frame_of({key_of(1): full_feed(), INDEX_KEY: index_feed(24_500.0)}), TS)
    board.confirm([REPORT], LATER)
    assert board.never_fed() == (key_of(0), key_of(2), key_of(3), VIX_KEY)


def test_a_level_that_nothing_speaks_of_is_not_given() -> None:
    """A frozen index has no age in a snapshot, so it is left out beyond its limit."""
    board = fed()
    assert board.snapshot(TS + timedelta(seconds=15)).underlying_ltp == 24_510.35
    late = board.snapshot(TS + timedelta(seconds=15.1))
    assert late.underlying_ltp is None and late.vix is None
    board.confirm(
        [replace(REPORT, key=INDEX_KEY, told_at=TS + timedelta(seconds=14), ltp=24_512.0)],
        TS + timedelta(seconds=15),
    )
    again = board.snapshot(TS + timedelta(seconds=15.2))
    assert again.underlying_ltp == 24_512.0 and again.vix is None


def test_a_snapshot_is_a_value() -> None:
    """What comes later changes no snapshot, and nobody can write to one."""
    board = fed()
    first = board.snapshot(LATER)
    before = first.bid.copy()
    take_frame(board, whole_frame(4, seed=9), LATER)
    assert (board.snapshot(LATER).bid != before).all()
    assert (first.bid == before).all()
    ages = first.quote_age_s
    assert ages is not None
    for column in (first.bid, first.bid_qty, ages):
        with pytest.raises(ValueError, match="read-only"):
            column[0] = 1


def test_noise_of_single_precision_is_taken_off_prices() -> None:
    """52.04999923706055 on the wire is 52.05."""
    board = board_of()
    take_frame(board, frame_of({key_of(0): full_feed(bid=52.04999923706055, ltp=52.09999847)}), TS)
    shot = board.snapshot(LATER)
    assert (shot.bid[0], shot.ltp[0]) == (52.05, 52.1)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), float("-inf")])
def test_a_value_that_is_no_price_is_absent_and_counted(value: float) -> None:
    """Negative or not finite: no bid, and somebody can see that it happened."""
    board = board_of()
    take_frame(board, frame_of({key_of(0): full_feed(bid=value, oi=value)}), TS)
    shot = board.snapshot(LATER)
    assert np.isnan(shot.bid[0]) and (shot.bid_qty[0], shot.oi[0]) == (0, 0)
    assert board.counts.refused_values == 2


def test_a_row_without_a_key_is_listed_and_never_quoted() -> None:
    """A held contract that the broker does not list shows as a leg without a quote."""
    board = QuoteBoard(
        listing_of([24000.0]), [key_of(0), None], index_key=INDEX_KEY, vix_key=VIX_KEY, level_age_max_s=15.0
    )
    take_frame(board, whole_frame(2), TS)
    shot = board.snapshot(LATER)
    assert len(shot.listing) == 2 and np.isnan(shot.bid[1]) and not np.isnan(shot.bid[0])
    assert board.keys == (key_of(0), INDEX_KEY, VIX_KEY)


def test_a_board_on_other_strikes_keeps_what_was_known() -> None:
    """The index has moved and other strikes are looked at: the common ones keep quote, age and counts."""
    before = fed()
    before.snapshot(LATER)
    board = QuoteBoard(
        listing_of([24050.0, 24100.0]),
        [key_of(2), key_of(3), key_of(4), key_of(5)],
        index_key=INDEX_KEY,
        vix_key=VIX_KEY,
        level_age_max_s=15.0,
        before=before,
    )
    assert not board.has_news and board.counts is before.counts
    shot, old = board.snapshot(LATER), before.snapshot(LATER)
    assert shot.bid[:2].tolist() == old.bid[2:].tolist() and np.isnan(shot.bid[2:]).all()
    assert shot.underlying_ltp == old.underlying_ltp
    assert board.never_fed() == (key_of(4), key_of(5))


def test_a_board_needs_a_key_for_each_row() -> None:
    """As many keys as rows, or it would put quotes on the wrong contract."""
    with pytest.raises(ValueError, match="1 keys were given for 2 rows"):
        QuoteBoard(listing_of([1.0]), [None], index_key=INDEX_KEY, vix_key=VIX_KEY, level_age_max_s=1.0)
