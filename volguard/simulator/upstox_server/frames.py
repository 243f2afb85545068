"""Frames of the market feed: each instrument's part made once per snapshot and mode, then only joined.

Nothing is shown that the market does not have: depth beyond the touch, average price and total sizes stay
absent, as zeros do on this wire.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from volguard.adapters.upstox.feed_schema import Feed, FeedResponse, FrameType, MarketStatus, RequestMode
from volguard.adapters.upstox.times import ms_of
from volguard.model.market import FloatArray
from volguard.simulator.upstox_server.subscriptions import Mode

if TYPE_CHECKING:
    from volguard.simulator.upstox_server.board import IndexQuote, MarketBoard, Shown
    from volguard.simulator.upstox_server.tracks import Track

FRAME_BYTES_MAX: Final = 128 * 1024  # a longer one comes in several
DEPTH: Final = {Mode.FULL: 5, Mode.FULL_D30: 30}
REQUEST_MODES: Final = {
    Mode.LTPC: RequestMode.ltpc,
    Mode.FULL: RequestMode.full_d5,
    Mode.OPTION_GREEKS: RequestMode.option_greeks,
    Mode.FULL_D30: RequestMode.full_d30,
}
FEEDS_TAG: Final = b"\x12"  # field 2 of FeedResponse: map entries {key = 1, value = 2}
SPOKEN: Final = ("bid", "bid_qty", "ask", "ask_qty", "ltp", "volume", "oi", "vendor_iv")
GREEKS: Final = ("delta", "theta", "gamma", "vega", "rho")


class FeedMaker:
    """The parts of frames, from the board as it stands; `refresh` after the board may have changed."""

    def __init__(self, board: MarketBoard) -> None:
        self._board = board
        self._shown: Shown | None = None
        self._spoken: FloatArray = np.empty((0, len(SPOKEN)))
        self._levels: dict[str, IndexQuote] = {}
        self._rows: _Rows | None = None
        self._parts: dict[tuple[str, Mode], bytes] = {}
        self._look_at_levels()

    def refresh(self) -> frozenset[str]:
        """Look at the board; the keys of what is not as it was at the last look."""
        shown = self._board.shown
        if shown is None or shown is self._shown:
            return frozenset()
        self._shown, self._rows = shown, None
        self._parts.clear()
        rows = self._board.instruments.rows
        changed = [rows[slot].key for slot in self._changed_slots(shown).tolist()]
        return frozenset((*changed, *self._look_at_levels()))

    def part(self, key: str, mode: Mode) -> bytes | None:
        """One instrument's entry of a frame; None where nothing is known of it yet."""
        made = self._parts.get((key, mode))
        if made is None:
            feed = self._feed(key, mode)
            if feed is None:
                return None
            made = self._parts[key, mode] = _entry(key, feed.SerializeToString())
        return made

    def _changed_slots(self, shown: Shown) -> NDArray[np.int64]:
        columns = [getattr(shown.snapshot, name) for name in SPOKEN]
        spoken = np.full((len(self._board.instruments.rows), len(SPOKEN)), np.nan)
        before = spoken.copy()
        before[: len(self._spoken)] = self._spoken
        spoken[shown.slots] = np.column_stack(columns)
        self._spoken = spoken
        same = (spoken == before) | (np.isnan(spoken) & np.isnan(before))
        return np.flatnonzero(~same.all(axis=1))

    def _look_at_levels(self) -> list[str]:
        now = {quote.key: quote for quote in (self._board.index, self._board.vix) if quote is not None}
        changed = [key for key, quote in now.items() if self._levels.get(key) != quote]
        self._levels = now
        return changed

    def _feed(self, key: str, mode: Mode) -> Any:
        level = self._levels.get(key)
        if level is not None:
            return _level_feed(level, mode)
        instrument, shown = self._board.instruments.of_key(key), self._shown
        if instrument is None or shown is None or instrument.slot >= len(shown.row_of_slot):
            return None
        row = int(shown.row_of_slot[instrument.slot])
        if row < 0:
            return None
        if self._rows is None:
            self._rows = _Rows(shown, self._board.options)
        return self._rows.feed(row, mode)


class _Rows:
    # The columns shown as plain lists, by row; what is absent as the zero that this wire leaves out.
    def __init__(self, shown: Shown, track: Track) -> None:
        minute = track.bars()[-1]
        columns = {name: getattr(shown.snapshot, name) for name in SPOKEN}
        columns |= {name: getattr(shown.greeks, name) for name in (*GREEKS, "iv")}
        by_slot = {name: getattr(track, name) for name in ("ltt_ms", "ltq", "open", "high", "low")}
        by_slot |= {f"minute_{name}": getattr(minute, name) for name in ("open", "high", "low", "volume")}
        columns |= {name: column[shown.slots] for name, column in by_slot.items()}
        self._at = {name: _plain(column) for name, column in columns.items()}
        self._day_ms = ms_of(_midnight(shown.snapshot.ts))
        self._minute_ms = ms_of(minute.starts_at)

    def feed(self, row: int, mode: Mode) -> Any:
        feed = Feed(requestMode=REQUEST_MODES[mode])
        match mode:
            case Mode.LTPC:
                self._put_last(feed.ltpc, row)
            case Mode.OPTION_GREEKS:
                first = feed.firstLevelWithGreeks
                self._put_last(first.ltpc, row)
                self._put_touch(first.firstDepth, row)
                self._put_model(first, row)
            case _:
                full = feed.fullFeed.marketFF
                self._put_last(full.ltpc, row)
                levels = full.marketLevel.bidAskQuote
                self._put_touch(levels.add(), row)
                for _ in range(DEPTH[mode] - 1):
                    levels.add()
                self._put_model(full, row)
                self._put_bars(full.marketOHLC, row)
        return feed

    def _put_last(self, ltpc: Any, row: int) -> None:
        at = self._at
        ltpc.SetInParent()
        ltpc.ltp, ltpc.ltt, ltpc.ltq = at["ltp"][row], at["ltt_ms"][row], at["ltq"][row]
        ltpc.cp = at["open"][row]  # the board's stand-in for the close before

    def _put_touch(self, quote: Any, row: int) -> None:
        at = self._at
        quote.SetInParent()
        quote.bidP, quote.bidQ = at["bid"][row], at["bid_qty"][row]
        quote.askP, quote.askQ = at["ask"][row], at["ask_qty"][row]

    # Greeks are spoken of even where there are none: the row then has no volatility, rather than an old one.
    def _put_model(self, holder: Any, row: int) -> None:
        at, greeks = self._at, holder.optionGreeks
        greeks.SetInParent()
        for name in GREEKS:
            setattr(greeks, name, at[name][row])
        holder.iv, holder.vtt, holder.oi = at["iv"][row], at["volume"][row], at["oi"][row]

    def _put_bars(self, bars: Any, row: int) -> None:
        at = self._at
        if not at["ltp"][row]:
            return
        for interval, started_ms, of in (("1d", self._day_ms, ""), ("I1", self._minute_ms, "minute_")):
            bars.ohlc.add(
                interval=interval,
                open=at[f"{of}open"][row],
                high=at[f"{of}high"][row],
                low=at[f"{of}low"][row],
                close=at["ltp"][row],
                vol=at[f"{of}volume"][row],
                ts=started_ms,
            )


def market_info(statuses: Mapping[str, str], now: datetime) -> bytes:
    """The frame that says how each segment stands."""
    frame = FeedResponse(type=FrameType.market_info, currentTs=ms_of(now))
    for segment, word in statuses.items():
        frame.marketInfo.segmentStatus[segment] = MarketStatus[word]
    whole: bytes = frame.SerializeToString(deterministic=True)
    return whole


def frames_of(kind: FrameType, parts: Iterable[bytes], now: datetime) -> Iterator[bytes]:
    """Parts joined into frames of at most about `FRAME_BYTES_MAX` bytes; none without parts."""
    head = FeedResponse(type=kind).SerializeToString()
    tail = FeedResponse(currentTs=ms_of(now)).SerializeToString()
    waiting: list[bytes] = []
    size = 0
    for part in parts:
        if size + len(part) > FRAME_BYTES_MAX and waiting:
            yield b"".join((head, *waiting, tail))
            waiting, size = [], 0
        waiting.append(part)
        size += len(part)
    if waiting:
        yield b"".join((head, *waiting, tail))


def _level_feed(quote: IndexQuote, mode: Mode) -> Any:
    feed = Feed(requestMode=REQUEST_MODES[mode])
    is_full = mode in DEPTH
    ltpc = feed.fullFeed.indexFF.ltpc if is_full else feed.ltpc
    ltpc.ltp, ltpc.ltt, ltpc.cp = quote.ltp, ms_of(quote.at), quote.previous_close or 0.0
    if is_full:
        minute = quote.at.replace(second=0, microsecond=0)
        bars = feed.fullFeed.indexFF.marketOHLC.ohlc
        for interval, began, prices in (
            ("1d", _midnight(quote.at), (quote.open, quote.high, quote.low)),
            ("I1", minute, (quote.minute_open, quote.minute_high, quote.minute_low)),
        ):
            first, high, low = prices
            bars.add(interval=interval, open=first, high=high, low=low, close=quote.ltp, ts=ms_of(began))
    return feed


def _midnight(ts: datetime) -> datetime:
    return datetime.combine(ts.date(), time(), ts.tzinfo)


def _entry(key: str, feed: bytes) -> bytes:
    name = key.encode()
    body = b"".join((b"\x0a", _varint(len(name)), name, FEEDS_TAG, _varint(len(feed)), feed))
    return b"".join((FEEDS_TAG, _varint(len(body)), body))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _plain(column: NDArray[Any]) -> list[Any]:
    if column.dtype.kind == "f":
        column = np.nan_to_num(column, nan=0.0)
    plain: list[Any] = column.tolist()
    return plain
