"""Boards, and frames of the market feed as the server makes them, for the tests of the feed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from volguard.adapters.upstox.feed_schema import Feed, FeedResponse, FrameType, RequestMode
from volguard.adapters.upstox.quote_board import QuoteBoard
from volguard.model.broker import InstrumentKey
from volguard.model.instrument import Underlying
from volguard.model.market import Listing
from volguard.model.units import IST

NIFTY = Underlying("NIFTY")
EXPIRY = date(2026, 9, 22)
TS = datetime(2026, 9, 16, 10, 0, tzinfo=IST)
INDEX_KEY, VIX_KEY = InstrumentKey("NSE_INDEX|Nifty 50"), InstrumentKey("NSE_INDEX|India VIX")


def listing_of(strikes: Iterable[float]) -> Listing:
    """Call and put of each strike, one expiry."""
    per_row = np.repeat(np.array(list(strikes), dtype=np.float64), 2)
    return Listing(
        underlying=NIFTY,
        expiries=(EXPIRY,),
        offsets=np.array([0, len(per_row)]),
        strike=per_row,
        is_call=np.arange(len(per_row)) % 2 == 0,
    )


def key_of(row: int) -> InstrumentKey:
    """The key of a row of `board_of`."""
    return InstrumentKey(f"NSE_FO|{40000 + row}")


def board_of(rows: int = 4) -> QuoteBoard:
    """A board of so many contracts; a level lives for 15 s."""
    listing = listing_of(24000.0 + 50.0 * k for k in range(rows // 2))
    keys = [key_of(row) for row in range(rows)]
    return QuoteBoard(listing, keys, index_key=INDEX_KEY, vix_key=VIX_KEY, level_age_max_s=15.0)


def full_feed(**fields: float) -> Any:
    """One option in full mode; a field that is not given is as on a quoted option, None leaves it out.

    `bid=None` makes a book without a bid; `touch=None`, `ltpc=None`, `greeks=None` leave the part out.
    """
    given: dict[str, Any] = {
        **{"bid": 219.1, "bid_qty": 525, "ask": 219.4, "ask_qty": 225, "ltp": 219.3},
        **{"vtt": 9_736_350, "oi": 1_966_875.0, "iv": 0.1488, "touch": True, "ltpc": True, "greeks": True},
        **fields,
    }
    feed = Feed(requestMode=RequestMode.full_d5)
    full = feed.fullFeed.marketFF
    full.SetInParent()
    if given["ltpc"]:
        full.ltpc.SetInParent()
        full.ltpc.ltp = given["ltp"] or 0.0
        full.ltpc.ltt, full.ltpc.ltq, full.ltpc.cp = 1740727891934, 75, 461.1
    if given["touch"]:
        _add_book(full, given)
    if given["greeks"]:
        greeks = {"delta": 0.4952, "theta": -14.8, "gamma": 0.0006, "vega": 14.7, "rho": 3.2}
        for name, value in greeks.items():
            setattr(full.optionGreeks, name, value)
    for interval in ("1d", "I1"):
        full.marketOHLC.ohlc.add(
            interval=interval,
            open=385.0,
            high=397.7,
            low=205.15,
            close=219.3,
            vol=9_736_350,
            ts=1740681000000,
        )
    full.atp, full.tbq, full.tsq = 285.47, 207_975.0, 133_200.0
    full.vtt, full.oi, full.iv = given["vtt"] or 0, given["oi"] or 0.0, given["iv"] or 0.0
    return feed


def index_feed(level: float) -> Any:
    """An index in full mode."""
    feed = Feed(requestMode=RequestMode.full_d5)
    feed.fullFeed.indexFF.ltpc.ltp = level
    feed.fullFeed.indexFF.marketOHLC.ohlc.add(interval="1d", open=level, high=level, low=level, close=level)
    return feed


def frame_of(feeds: Mapping[str, Any], *, at: datetime = TS, kind: FrameType = FrameType.live_feed) -> bytes:
    """A frame of these feeds, as of a time."""
    frame = FeedResponse(type=kind, currentTs=(at - datetime(1970, 1, 1, tzinfo=IST)) // MS + UTC_TO_IST_MS)
    for key, feed in feeds.items():
        frame.feeds[key].CopyFrom(feed)
    payload: bytes = frame.SerializeToString()
    return payload


def whole_frame(rows: int, *, seed: int = 1, at: datetime = TS) -> bytes:
    """Every row of a board in full mode with five levels of depth, and the two indices."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for row in range(rows):
        mid = round(float(rng.uniform(20.0, 500.0)), 1)
        feeds[key_of(row)] = full_feed(
            bid=mid - 0.05, bid_qty=75 * int(rng.integers(1, 99)), ask=mid + 0.05, ltp=mid, iv=0.1 + row / 1e5
        )
    return frame_of({**feeds, INDEX_KEY: index_feed(24_510.35), VIX_KEY: index_feed(13.27)}, at=at)


MS = timedelta(milliseconds=1)
UTC_TO_IST_MS = -19_800_000  # 1970 began 5:30 earlier in India


def _add_book(full: Any, given: Mapping[str, Any]) -> None:
    for level in range(5):
        quote = full.marketLevel.bidAskQuote.add()
        if given["bid"] is not None:
            quote.bidP, quote.bidQ = given["bid"] - 0.05 * level, given["bid_qty"] + 75 * level
        if given["ask"] is not None:
            quote.askP, quote.askQ = given["ask"] + 0.05 * level, given["ask_qty"] + 75 * level
