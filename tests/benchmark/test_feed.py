"""What the market feed costs: applying against plain reading, and ten times the real rate against a core."""

from __future__ import annotations

import statistics
import time
from datetime import timedelta

import pytest

from tests.adapters.upstox.feed_samples import TS, board_of, whole_frame
from tests.benchmark.ratios import IS_STRICT, machine, median_s
from volguard.adapters.upstox.feed_frames import take_frame
from volguard.adapters.upstox.feed_schema import FeedResponse

pytestmark = pytest.mark.benchmark

INSTRUMENTS = 1500
RUNS, PAIRS = 40, 7
RATE_SHARE_MIN = 0.5
# The real rate is taken to be one update of each instrument a second: more than is seen of far strikes.
TIMES_REAL, MARKET_S, CADENCE_S = 10, 6, 3
CORE_SHARE_MAX = 0.30


def read_plainly(payload: bytes) -> list[tuple[object, ...]]:
    """Decode, and read the fields that the board keeps into a list: what any reader must do at least."""
    rows: list[tuple[object, ...]] = []
    for key, feed in FeedResponse.FromString(payload).feeds.items():
        full = feed.fullFeed.marketFF
        book = full.marketLevel.bidAskQuote
        if not book:
            rows.append((key, feed.fullFeed.indexFF.ltpc.ltp))
            continue
        touch = book[0]
        rows.append(
            (key, touch.bidP, touch.bidQ, touch.askP, touch.askQ, full.ltpc.ltp, full.vtt, full.oi, full.iv)
        )
    return rows


def test_decoding_and_applying_is_at_least_half_as_fast_as_plain_reading() -> None:
    """Full-mode frames of 1,500 instruments: the merge into the board costs no more than the reading."""
    payload, board = whole_frame(INSTRUMENTS), board_of(INSTRUMENTS)
    shares = [
        median_s(lambda: read_plainly(payload), RUNS) / median_s(lambda: take_frame(board, payload, TS), RUNS)
        for _ in range(PAIRS)
    ]
    middle = statistics.median(shares)
    print(f"\n{machine()}; {INSTRUMENTS} instruments, {len(payload) / 1e3:.0f} kB a frame")
    print(
        f"rate of decoding and applying to plain reading: median {middle:.2f}, aim at least {RATE_SHARE_MIN}"
    )
    print(f"  (min {min(shares):.2f}, max {max(shares):.2f})")
    assert len(read_plainly(payload)) == INSTRUMENTS + 2 and board.counts.bad_frames == 0
    assert not IS_STRICT or middle >= RATE_SHARE_MIN


def test_ten_times_the_real_rate_leaves_most_of_a_core() -> None:
    """Processor time of ten updates a second of each instrument, snapshots included, to market time."""
    board = board_of(INSTRUMENTS)
    payloads = [whole_frame(INSTRUMENTS, seed=seed) for seed in range(TIMES_REAL)]
    began = time.process_time()
    for second in range(MARKET_S):
        for payload in payloads:
            take_frame(board, payload, TS + timedelta(seconds=second))
        if second % CADENCE_S == 0:
            board.snapshot(TS + timedelta(seconds=second))
    share = (time.process_time() - began) / MARKET_S
    counts = board.counts
    print(f"\n{machine()}; {TIMES_REAL} full frames of {INSTRUMENTS} instruments a second")
    print(f"share of one core: {share:.3f}, aim below {CORE_SHARE_MAX}")
    print(f"{counts.updates} updates, {counts.coalesced} of them overwritten before a snapshot took them")
    assert counts.updates == MARKET_S * TIMES_REAL * (INSTRUMENTS + 2)
    assert counts.coalesced > 0.9 * counts.updates
    assert not IS_STRICT or share < CORE_SHARE_MAX
