"""Candles on the wire: arrays, newest first; here they come oldest first, checked, each start once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.times import iso_text, parse_time
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_errors import unreadable
from volguard.adapters.upstox.wire_values import Word, price_of


class CandleRow(msgspec.Struct, array_like=True, frozen=True):
    """One candle as an array: start, open, high, low, close, volume, open interest."""

    start: Word
    open: float
    high: float
    low: float
    close: float
    volume: int | None = None
    oi: float | None = None


class CandleData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of every candle call."""

    candles: list[CandleRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One candle from `starts_at` (aware IST) on; prices as they trade, volume and open interest in units."""

    starts_at: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int
    oi: int


def candles_of(body: bytes, endpoint: Endpoint | str) -> tuple[Candle, ...]:
    """Candles of a reply, oldest first; () for an empty range.

    Raises ApiFailure UNKNOWN on a candle without a start, with a price that is not above 0, with high below
    low or outside its own range, and on two different candles of one start.
    """
    rows = data_of(body, CandleData, endpoint).candles
    return merged([_candle(row, number, endpoint) for number, row in enumerate(rows)], endpoint=endpoint)


def merged(*parts: Iterable[Candle], endpoint: Endpoint | str = "candles") -> tuple[Candle, ...]:
    """Candles of several replies, oldest first, each start once.

    Raises ApiFailure UNKNOWN when two replies disagree: neither is then known to be right.
    """
    known: dict[datetime, Candle] = {}
    for part in parts:
        for candle in part:
            other = known.setdefault(candle.starts_at, candle)
            if other != candle:
                raise unreadable(endpoint, f"two candles of {iso_text(candle.starts_at)} differ")
    return tuple(known[start] for start in sorted(known))


def joined(finished: Sequence[Candle], running: Sequence[Candle]) -> tuple[Candle, ...]:
    """History and today's candles, oldest first; where both have a start, the finished one counts."""
    known = {candle.starts_at: candle for candle in (*running, *finished)}
    return tuple(known[start] for start in sorted(known))


def _candle(row: CandleRow, number: int, endpoint: Endpoint | str) -> Candle:
    start = _start(row, number, endpoint)
    prices = (row.open, row.high, row.low, row.close)
    if not all(0.0 < price < math.inf for price in prices):
        raise unreadable(endpoint, f"candles[{number}]: prices {prices}, must be above 0")
    if not row.low <= min(row.open, row.close) <= max(row.open, row.close) <= row.high:
        raise unreadable(endpoint, f"candles[{number}]: open, high, low, close {prices} do not fit")
    opened, high, low, close = (float(price_of(price)) for price in prices)
    return Candle(
        starts_at=start,
        open=opened,
        high=high,
        low=low,
        close=close,
        volume=max(row.volume or 0, 0),
        oi=max(round(row.oi or 0.0), 0),
    )


def _start(row: CandleRow, number: int, endpoint: Endpoint | str) -> datetime:
    try:
        start = parse_time(row.start)
    except ValueError as error:
        raise unreadable(endpoint, f"candles[{number}]: {error}") from None
    if start is None:
        raise unreadable(endpoint, f"candles[{number}]: it has no start")
    return start
