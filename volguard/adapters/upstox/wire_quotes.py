"""Quotes on the wire: full quotes, last prices and Greeks, re-keyed by the row's own instrument."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Protocol, TypeVar

import msgspec

from volguard.adapters.upstox.times import parse_time
from volguard.adapters.upstox.wire_values import Spare, Word, require_finite, volatility_of
from volguard.model.broker import InstrumentKey


class _Keyed(Protocol):
    @property
    def instrument_token(self) -> str: ...


KeyedT = TypeVar("KeyedT", bound=_Keyed)


class Bar(msgspec.Struct, kw_only=True, frozen=True):
    """The day's range as a full quote has it; `close` is not reliably yesterday's."""

    open: Spare = None
    high: Spare = None
    low: Spare = None
    close: Spare = None


class DepthLevel(msgspec.Struct, kw_only=True, frozen=True):
    """One level of the book, units and rupees; a level that is not there is all zero."""

    quantity: int
    price: float
    orders: int

    def __post_init__(self) -> None:
        require_finite("price", self.price)


class Depth(msgspec.Struct, kw_only=True, frozen=True):
    """Five levels a side, best first."""

    buy: list[DepthLevel]
    sell: list[DepthLevel]


class FullQuote(msgspec.Struct, kw_only=True, frozen=True):
    """One instrument's full quote; an index has no depth."""

    ohlc: Bar | None = None
    depth: Depth | None = None
    timestamp: Word | None = None
    instrument_token: str
    symbol: str | None = None
    last_price: float
    volume: int | None = None
    average_price: Spare = None
    oi: float | None = None
    net_change: float | None = None
    total_buy_quantity: Spare = None
    total_sell_quantity: Spare = None
    lower_circuit_limit: Spare = None
    upper_circuit_limit: Spare = None
    last_trade_time: Word | None = None
    oi_day_high: Spare = None
    oi_day_low: Spare = None

    def __post_init__(self) -> None:
        require_finite("last_price", self.last_price)
        parse_time(self.timestamp)
        parse_time(self.last_trade_time)

    @property
    def quoted_at(self) -> datetime | None:
        """When the quote was made, aware IST."""
        return parse_time(self.timestamp)

    @property
    def traded_at(self) -> datetime | None:
        """When it last traded, aware IST; None when it never did."""
        return parse_time(self.last_trade_time)

    @property
    def previous_close(self) -> float | None:
        """Yesterday's close: last price less the change since."""
        return None if self.net_change is None else self.last_price - self.net_change


class LastPrice(msgspec.Struct, kw_only=True, frozen=True):
    """One instrument's last price, v3; `cp` is yesterday's close."""

    last_price: float
    instrument_token: str
    ltq: Spare = None
    volume: Spare = None
    cp: float | None = None

    def __post_init__(self) -> None:
        require_finite("last_price", self.last_price)


class OldLastPrice(msgspec.Struct, kw_only=True, frozen=True):
    """One instrument's last price, v2."""

    last_price: float
    instrument_token: str


class TimedBar(msgspec.Struct, kw_only=True, frozen=True):
    """A candle within an OHLC quote; `ts` is its start."""

    open: float
    high: float
    low: float
    close: float
    volume: int | None = None
    ts: int

    @property
    def starts_at(self) -> datetime | None:
        """Start, aware IST."""
        return parse_time(self.ts)


class OhlcQuote(msgspec.Struct, kw_only=True, frozen=True):
    """One instrument's running and last finished candle, v3."""

    last_price: float
    instrument_token: str
    prev_ohlc: TimedBar | None = None
    live_ohlc: TimedBar | None = None


class GreekRow(msgspec.Struct, kw_only=True, frozen=True):
    """One option's Greeks, v3: per unit, theta a day, vega a vol point; `iv` is a fraction already."""

    last_price: float
    instrument_token: str
    ltq: Spare = None
    volume: int | None = None
    cp: float | None = None
    iv: float | None = None
    vega: float | None = None
    gamma: float | None = None
    theta: float | None = None
    delta: float | None = None
    oi: float | None = None

    def __post_init__(self) -> None:
        require_finite("last_price", self.last_price)
        require_finite("greeks", self.iv, self.vega, self.gamma, self.theta, self.delta)

    @property
    def volatility(self) -> float | None:
        """The vendor's implied volatility, decimal per year; None where it has none."""
        return volatility_of(self.iv)


def by_key(rows: Mapping[str, KeyedT | None]) -> dict[InstrumentKey, KeyedT]:
    """Rows by the instrument that they name themselves: the map's own keys are never to be built on."""
    return {InstrumentKey(row.instrument_token): row for row in rows.values() if row is not None}


def missing(
    asked: Iterable[InstrumentKey], given: Mapping[InstrumentKey, object]
) -> tuple[InstrumentKey, ...]:
    """Instruments that were asked for and left out in silence."""
    return tuple(key for key in asked if key not in given)
