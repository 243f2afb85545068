"""Frames of the market feed onto the board: decoded whole first, so that a torn one changes nothing.

Only what a frame speaks of is touched: a sub-message that is missing leaves its part of the row alone, one
that is there replaces it, and what is absent inside it is absent (a book without bidP has no bid).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from google.protobuf.message import DecodeError

from volguard.adapters.upstox.feed_schema import FeedResponse, FrameType, MarketStatus, Quote
from volguard.adapters.upstox.quote_board import QuoteBoard, RowQuote

MS: Final = 1000.0
KINDS: Final = {kind.value: kind for kind in FrameType}
STATUSES: Final = {status.value: status for status in MarketStatus}
NO_TOUCH: Final = Quote()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSeen:
    """What one good frame was: its kind (None: a number not known), how many of our rows it spoke of."""

    kind: FrameType | None
    rows: int
    segments: Mapping[str, MarketStatus | None]


def take_frame(board: QuoteBoard, payload: bytes, received_at: datetime) -> FrameSeen | None:
    """Put a frame on the board. None for one that cannot be read: it is counted, and nothing is changed."""
    try:
        frame = FeedResponse.FromString(payload)
    except DecodeError:
        board.counts.bad_frames += 1
        return None
    if not (frame.feeds or frame.currentTs or frame.HasField("marketInfo")):
        board.counts.bad_frames += 1  # bytes of some other message that happen to parse
        return None
    board.counts.frames += 1
    return FrameSeen(
        kind=KINDS.get(frame.type),
        rows=_apply(board, frame, _told_at_s(frame, received_at)),
        segments=_segments(frame),
    )


# A frame that waited on its way is as old as the server says; a server's clock that is ahead makes nothing
# younger than its arrival.
def _told_at_s(frame: Any, received_at: datetime) -> float:
    arrived_s = received_at.timestamp()
    return min(arrived_s, frame.currentTs / MS) if frame.currentTs > 0 else arrived_s


# The hot loop: each instrument once a second, and every field of it that we read.
def _apply(board: QuoteBoard, frame: Any, told_at_s: float) -> int:
    row_of = board.by_key.get
    spoken, unknown, coalesced = 0, 0, 0
    for key, feed in frame.feeds.items():
        row = row_of(key)
        if row is None:
            unknown += 1
            continue
        if feed.HasField("fullFeed"):
            full = feed.fullFeed
            if full.HasField("marketFF"):
                _apply_full(row, full.marketFF, told_at_s)
            else:
                _apply_last(row, full.indexFF, told_at_s)
        elif feed.HasField("firstLevelWithGreeks"):
            _apply_first_level(row, feed.firstLevelWithGreeks, told_at_s)
        else:
            _apply_last(row, feed, told_at_s)
        spoken += 1
        if row.is_fresh:
            coalesced += 1
        row.is_fresh = row.is_fed = True
    counts = board.counts
    counts.updates += spoken
    counts.coalesced += coalesced
    counts.unknown_keys += unknown
    return spoken


# Volume only grows and open interest is hardly ever exactly zero: an absent one was not spoken of. The
# volatility is computed with the Greeks: where they are there and it is not, the vendor has none.
def _apply_full(row: RowQuote, full: Any, told_at_s: float) -> None:
    if full.HasField("ltpc"):
        row.ltp = full.ltpc.ltp
    if full.HasField("marketLevel"):
        book = full.marketLevel.bidAskQuote
        touch = book[0] if book else NO_TOUCH
        row.bid, row.bid_qty, row.ask, row.ask_qty = touch.bidP, touch.bidQ, touch.askP, touch.askQ
        row.told_at_s = told_at_s
    if volume := full.vtt:
        row.volume = volume
    if oi := full.oi:
        row.oi = oi
    if (iv := full.iv) or full.HasField("optionGreeks"):
        row.iv = iv


def _apply_first_level(row: RowQuote, first: Any, told_at_s: float) -> None:
    if first.HasField("ltpc"):
        row.ltp = first.ltpc.ltp
    if first.HasField("firstDepth"):
        touch = first.firstDepth
        row.bid, row.bid_qty, row.ask, row.ask_qty = touch.bidP, touch.bidQ, touch.askP, touch.askQ
        row.told_at_s = told_at_s
    row.volume = first.vtt or row.volume
    row.oi = first.oi or row.oi
    if first.iv or first.HasField("optionGreeks"):
        row.iv = first.iv


# A trade says nothing of an option's touch; of an index it is the level itself.
def _apply_last(row: RowQuote, holder: Any, told_at_s: float) -> None:
    if holder.HasField("ltpc"):
        row.ltp = holder.ltpc.ltp
        if row.is_level:
            row.told_at_s = told_at_s


def _segments(frame: Any) -> Mapping[str, MarketStatus | None]:
    if not frame.HasField("marketInfo"):
        return {}
    return {name: STATUSES.get(status) for name, status in frame.marketInfo.segmentStatus.items()}
