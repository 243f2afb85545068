"""Quotes by REST: full, last price, OHLC, Greeks. Replies are keyed SEGMENT:SYMBOL, unknown keys missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import numpy as np

from volguard.adapters.upstox.times import iso_text, ms_of
from volguard.model.instrument import OptionContract
from volguard.model.market import ChainSnapshot
from volguard.simulator.upstox_server.board import ChainGreeks, IndexQuote, MarketBoard
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.instruments import INDEX_SEGMENT, Instrument
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.options import Caps

PREFIXES: Final = frozenset(
    {
        *("NSE_EQ", "NSE_FO", "NCD_FO", "BSE_EQ", "BSE_FO", "BCD_FO", "MCX_FO", "NSE_INDEX"),
        *("BSE_INDEX", "MCX_INDEX", "NSE_COM", "GLOBAL_INDEX", "GLOBAL_INDICATOR"),
    }
)
NAME: Final = re.compile(r"[\w ^]+")
INTERVALS: Final = ("1d", "I1", "I30")
DEPTH: Final = 5
NO_LEVEL: Final = {"quantity": 0, "price": 0.0, "orders": 0}
BandOf = Callable[[OptionContract], tuple[Decimal, Decimal] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One option in the snapshot shown."""

    instrument: Instrument
    row: int
    snapshot: ChainSnapshot

    def price(self, name: str) -> float:
        value = float(getattr(self.snapshot, name)[self.row])
        return value if math.isfinite(value) else 0.0

    def size(self, name: str) -> int:
        return int(getattr(self.snapshot, name)[self.row])


class Quotes:
    """Answers quote calls from the board."""

    def __init__(self, board: MarketBoard, caps: Caps, band_of: BandOf) -> None:
        self._board, self._caps, self._band_of = board, caps, band_of

    def full(self, call: Call) -> Response:
        """Everything about up to 500 instruments."""
        return self._reply(call, self._full_option, lambda quote, now: _full_index(quote, now))

    def ltp(self, call: Call) -> Response:
        """v3: last price, last quantity, volume, previous close."""
        return self._reply(call, self._ltp_option, lambda quote, _now: _ltp_index(quote))

    def ltp_old(self, call: Call) -> Response:
        """v2: last price alone."""
        names = ("last_price", "instrument_token")
        return self._reply(
            call,
            lambda row, now: {name: self._ltp_option(row, now)[name] for name in names},
            lambda quote, _now: {name: _ltp_index(quote)[name] for name in names},
        )

    def ohlc(self, call: Call) -> Response:
        """v3: the running candle, and of minutes the one before."""
        interval = _interval(call)
        return self._reply(
            call,
            lambda row, now: self._ohlc_option(row, interval, now),
            lambda quote, now: _ohlc_index(quote, interval, now),
        )

    def ohlc_old(self, call: Call) -> Response:
        """v2: the running candle's four prices."""
        interval = _interval(call)

        def four(row: dict[str, Any]) -> dict[str, Any]:
            live = row["live_ohlc"]
            prices = {name: live[name] for name in ("open", "high", "low", "close")}
            token = row["instrument_token"]
            return {"ohlc": prices, "last_price": row["last_price"], "instrument_token": token}

        return self._reply(
            call,
            lambda row, now: four(self._ohlc_option(row, interval, now)),
            lambda quote, now: four(_ohlc_index(quote, interval, now)),
        )

    def greeks(self, call: Call) -> Response:
        """Greeks of up to 50 options; volatility a fraction."""
        keys = self._keys(call, self._caps.greek_keys, "UDAPI100076")
        greeks = self._board.greeks()
        data: dict[str, Any] = {}
        for key in keys:
            row = self._row(key)
            if row is not None and greeks is not None:
                data[row.instrument.map_key] = self._greek_row(row, greeks)
        return success(data)

    # --- rows -------------------------------------------------------------------------------------

    def _full_option(self, row: _Row, now: datetime) -> dict[str, Any]:
        instrument, slot, track = row.instrument, row.instrument.slot, self._board.options
        last, before = row.price("ltp"), self._board.previous_close(row.instrument.slot)
        band = self._band_of(instrument.contract)
        at = self._board.frozen_since.get(instrument.contract, now)
        return {
            "ohlc": _four(track.open[slot], track.high[slot], track.low[slot], last),
            "depth": {"buy": _levels(row, "bid"), "sell": _levels(row, "ask")},
            "timestamp": iso_text(at, "milliseconds"),
            "instrument_token": instrument.key,
            "symbol": instrument.symbol,
            "last_price": noisy(last),
            "volume": row.size("volume"),
            "average_price": noisy(_middle(track.high[slot], track.low[slot])),
            "oi": float(row.size("oi")),
            "net_change": round(last - before, 2) if before is not None else 0.0,
            "total_buy_quantity": float(row.size("bid_qty")),
            "total_sell_quantity": float(row.size("ask_qty")),
            "lower_circuit_limit": float(band[0]) if band is not None else 0.0,
            "upper_circuit_limit": float(band[1]) if band is not None else 0.0,
            "last_trade_time": str(int(track.ltt_ms[slot])),
            "oi_day_high": float(max(row.size("oi"), int(track.first_oi[slot]))),
            "oi_day_low": float(min(row.size("oi"), int(track.first_oi[slot]))),
        }

    def _ltp_option(self, row: _Row, _now: datetime) -> dict[str, Any]:
        slot = row.instrument.slot
        return {
            "last_price": row.price("ltp"),
            "instrument_token": row.instrument.key,
            "ltq": int(self._board.options.ltq[slot]),
            "volume": row.size("volume"),
            "cp": self._board.previous_close(slot) or 0.0,
        }

    def _greek_row(self, row: _Row, greeks: ChainGreeks) -> dict[str, Any]:
        found = {name: _known(getattr(greeks, name)[row.row]) for name in ("vega", "gamma", "theta", "delta")}
        return {
            **self._ltp_option(row, row.snapshot.ts),
            "iv": noisy(_known(greeks.iv[row.row])),
            **{name: round(value, 4) for name, value in found.items()},
            "oi": float(row.size("oi")),
        }

    def _ohlc_option(self, row: _Row, interval: str, now: datetime) -> dict[str, Any]:
        slot, track, last = row.instrument.slot, self._board.options, row.price("ltp")
        base = {"last_price": last, "instrument_token": row.instrument.key}
        if interval == "1d":
            day = _four(track.open[slot], track.high[slot], track.low[slot], last)
            live = {**day, "volume": row.size("volume"), "ts": ms_of(_midnight(now))}
            return {**base, "prev_ohlc": None, "live_ohlc": live}
        bars = track.bars()
        candles = [
            {
                **_four(bar.open[slot], bar.high[slot], bar.low[slot], float(bar.close[slot])),
                "volume": int(bar.volume[slot]),
                "ts": ms_of(bar.starts_at),
            }
            for bar in bars[-2:]
        ]
        return {**base, "prev_ohlc": candles[0] if len(candles) > 1 else None, "live_ohlc": candles[-1]}

    # --- keys -------------------------------------------------------------------------------------

    def _reply(
        self,
        call: Call,
        of_option: Callable[[_Row, datetime], dict[str, Any]],
        of_index: Callable[[IndexQuote, datetime], dict[str, Any]],
    ) -> Response:
        data: dict[str, Any] = {}
        for key in self._keys(call, self._caps.quote_keys, "UDAPI100042"):
            row = self._row(key)
            if row is not None:
                data[row.instrument.map_key] = of_option(row, call.now)
                continue
            index = self._board.index_of(key)
            if index is not None:
                data[f"{INDEX_SEGMENT}:{index.name}"] = of_index(index, call.now)
        return success(data)

    def _row(self, key: str) -> _Row | None:
        # What nobody quotes and nobody ever traded is not in the reply at all.
        instrument, snapshot = self._board.instruments.of_key(key), self._board.snapshot
        row = self._board.row_of(instrument) if instrument is not None else None
        if instrument is None or snapshot is None or row is None:
            return None
        found = _Row(instrument=instrument, row=row, snapshot=snapshot)
        is_known = any(found.price(name) > 0.0 for name in ("bid", "ask", "ltp"))
        return found if is_known else None

    def _keys(self, call: Call, most: int, over: str) -> list[str]:
        text = call.query("instrument_key")
        if not text:
            raise CallRefused("UDAPI1009")
        keys = [key.strip() for key in text.split(",")]
        if len(keys) > most:
            raise CallRefused(over)
        for key in keys:
            check_key(key, "UDAPI1011")
        return list(dict.fromkeys(keys))


def check_key(key: str, code: str) -> None:
    """A key of the right form. Raises CallRefused with the code given, or 1087 for a prefix not known."""
    prefix, bar, name = key.partition("|")
    if not bar or not NAME.fullmatch(name):
        raise CallRefused(code)
    if prefix not in PREFIXES:
        raise CallRefused("UDAPI1087")


def noisy(price: float) -> float:
    """A price as a float of single precision spells it: 52.04999923706055."""
    return float(np.float32(price))


def _full_index(quote: IndexQuote, now: datetime) -> dict[str, Any]:
    before = quote.previous_close
    return {
        "ohlc": _four(quote.open, quote.high, quote.low, quote.ltp),
        "depth": {"buy": [NO_LEVEL] * DEPTH, "sell": [NO_LEVEL] * DEPTH},
        "timestamp": iso_text(now, "milliseconds"),
        "instrument_token": quote.key,
        "symbol": "NA",
        "last_price": noisy(quote.ltp),
        "volume": None,
        "average_price": 0.0,
        "oi": 0.0,
        "net_change": round(quote.ltp - before, 2) if before is not None else 0.0,
        "total_buy_quantity": 0.0,
        "total_sell_quantity": 0.0,
        "lower_circuit_limit": 0.0,
        "upper_circuit_limit": 0.0,
        "last_trade_time": str(ms_of(quote.at)),
        "oi_day_high": 0.0,
        "oi_day_low": 0.0,
    }


def _ltp_index(quote: IndexQuote) -> dict[str, Any]:
    cp = quote.previous_close if quote.previous_close is not None else 0.0
    return {"last_price": quote.ltp, "instrument_token": quote.key, "ltq": 0, "volume": 0, "cp": cp}


def _ohlc_index(quote: IndexQuote, interval: str, now: datetime) -> dict[str, Any]:
    is_day = interval == "1d"
    prices = (
        (quote.open, quote.high, quote.low)
        if is_day
        else (quote.minute_open, quote.minute_high, quote.minute_low)
    )
    starts_at = _midnight(now) if is_day else now.replace(second=0, microsecond=0)
    live = {**_four(*prices, quote.ltp), "volume": 0, "ts": ms_of(starts_at)}
    return {
        "last_price": quote.ltp,
        "instrument_token": quote.key,
        "prev_ohlc": None,
        "live_ohlc": live,
    }


def _interval(call: Call) -> str:
    interval = call.query("interval")
    if not interval:
        raise CallRefused("UDAPI1027")
    if interval not in INTERVALS:
        raise CallRefused("UDAPI1028")
    return interval


def _levels(row: _Row, side: str) -> list[dict[str, Any]]:
    price = row.price(side)
    best = {"quantity": row.size(f"{side}_qty"), "price": price, "orders": 1} if price > 0.0 else NO_LEVEL
    return [best, *[NO_LEVEL] * (DEPTH - 1)]


def _four(opened: Any, high: Any, low: Any, close: float) -> dict[str, float]:
    return {"open": _known(opened), "high": _known(high), "low": _known(low), "close": _known(close)}


def _known(value: Any) -> float:
    number = float(value)
    return number if math.isfinite(number) else 0.0


def _middle(high: Any, low: Any) -> float:
    return 0.5 * (_known(high) + _known(low))


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)
