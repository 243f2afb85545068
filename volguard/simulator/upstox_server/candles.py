"""Candles: days gone by and the day so far, newest first, as the broker gives them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from volguard.adapters.upstox.times import iso_text
from volguard.simulator.upstox_server.board import INDEX_SLOT, VIX_SLOT, MarketBoard
from volguard.simulator.upstox_server.call import Call
from volguard.simulator.upstox_server.chain import day_of
from volguard.simulator.upstox_server.envelope import CallRefused, success
from volguard.simulator.upstox_server.messages import Response
from volguard.simulator.upstox_server.past import Bars, Past, grouped, joined
from volguard.simulator.upstox_server.quotes import check_key
from volguard.simulator.upstox_server.tracks import Track

MONTH_DAYS, QUARTER_DAYS, DECADE_DAYS = 31, 92, 3660
MINUTES_FROM: Final = date(2022, 1, 1)
INTERVAL_MAX: Final = {"minutes": 300, "hours": 5, "days": 1, "weeks": 1, "months": 1}
OLD_INTERVALS: Final = {
    "1minute": ("minutes", 1),
    "30minute": ("minutes", 30),
    "day": ("days", 1),
    "week": ("weeks", 1),
    "month": ("months", 1),
}
OLD_INTRADAY: Final = ("1minute", "30minute")
HOUR_MINUTES: Final = 60
MONTH_LINE_MAX: Final = 15  # minutes: longer candles may span a quarter


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What candles are asked for: their length, and the days, both inclusive."""

    unit: str
    interval: int
    first: date
    last: date

    @property
    def by_minute(self) -> bool:
        """Made of minutes rather than of days."""
        return self.unit in ("minutes", "hours")


class Candles:
    """Answers candle calls; days gone by never contain today."""

    def __init__(self, board: MarketBoard, past: Past, opens_at: Callable[[date], datetime | None]) -> None:
        self._board, self._past, self._opens_at = board, past, opens_at

    def historical(self, call: Call) -> Response:
        """v3: days gone by."""
        unit, interval = _unit(call.path["unit"], call.path["interval"])
        span = _span(unit, interval, call.path["to_date"], call.path.get("from_date"))
        return self._reply(self._gone_by(call.path["key"], span, call.now.date()), span)

    def historical_old(self, call: Call) -> Response:
        """v2: days gone by."""
        if call.path["interval"] not in OLD_INTERVALS:
            raise CallRefused("UDAPI1020")
        unit, interval = OLD_INTERVALS[call.path["interval"]]
        span = _span(unit, interval, call.path["to_date"], call.path.get("from_date"))
        return self._reply(self._gone_by(call.path["key"], span, call.now.date()), span)

    def intraday(self, call: Call) -> Response:
        """v3: the day so far."""
        unit, interval = _unit(call.path["unit"], call.path["interval"])
        if unit not in ("minutes", "hours", "days"):
            raise CallRefused("UDAPI1146")
        return self._today(call, unit, interval)

    def intraday_old(self, call: Call) -> Response:
        """v2: the day so far."""
        if call.path["interval"] not in OLD_INTRADAY:
            raise CallRefused("UDAPI1076")
        unit, interval = OLD_INTERVALS[call.path["interval"]]
        return self._today(call, unit, interval)

    def of_bars(self, bars: Bars, span: Span) -> Response:
        """A reply from bars of minutes or days."""
        return self._reply(bars, span)

    def _gone_by(self, key: str, span: Span, today: date) -> Bars:
        if key.count("|") > 1:
            raise CallRefused("UDAPI1021")
        check_key(key, "UDAPI1021")
        last = min(span.last, today - timedelta(days=1))
        instruments = self._board.instruments
        for kind, level_key in (("index", instruments.index_key), ("vix", instruments.vix_key)):
            if key == level_key:
                return self._past.level(kind, span.first, last, by_minute=span.by_minute)
        found = instruments.of_key(key)
        if found is None:
            raise CallRefused("UDAPI100011")
        return self._past.option(found.contract, found.lot_size, span.first, last, by_minute=span.by_minute)

    def _today(self, call: Call, unit: str, interval: int) -> Response:
        key, today = call.path["key"], call.now.date()
        check_key(key, "UDAPI1021")
        instruments = self._board.instruments
        levels = {instruments.index_key: INDEX_SLOT, instruments.vix_key: VIX_SLOT}
        found = instruments.of_key(key)
        if key in levels:
            bars = bars_of(self._board.indices, levels[key])
        elif found is not None:
            bars = bars_of(self._board.options, found.slot)
        else:
            raise CallRefused("UDAPI100011")
        return self._reply(bars, Span(unit=unit, interval=interval, first=today, last=today))

    def _reply(self, bars: Bars, span: Span) -> Response:
        starts = [self._start(at, span) for at in bars.starts_at]
        return success({"candles": rows_of(grouped(bars, starts))})

    def _start(self, at: datetime, span: Span) -> datetime:
        # Minutes and hours are counted from the open: the first hour begins at 09:15.
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        if span.unit == "weeks":
            return midnight - timedelta(days=midnight.weekday())
        if span.unit == "months":
            return midnight.replace(day=1)
        if span.unit == "days":
            return midnight
        opens = self._opens_at(at.date()) or midnight
        length = timedelta(minutes=span.interval * (HOUR_MINUTES if span.unit == "hours" else 1))
        return opens + (at - opens) // length * length


def bars_of(track: Track, slot: int) -> Bars:
    """Minutes of one slot that were seen to trade."""
    seen = [bar for bar in track.bars() if slot < len(bar.close) and np.isfinite(bar.close[slot])]
    if not seen:
        return joined([])
    return Bars(
        starts_at=tuple(bar.starts_at for bar in seen),
        open=np.array([bar.open[slot] for bar in seen]),
        high=np.array([bar.high[slot] for bar in seen]),
        low=np.array([bar.low[slot] for bar in seen]),
        close=np.array([bar.close[slot] for bar in seen]),
        volume=np.array([float(bar.volume[slot]) for bar in seen]),
        oi=np.array([float(bar.oi[slot]) for bar in seen]),
    )


def rows_of(bars: Bars) -> list[list[str | float | int]]:
    """Rows of the wire, newest first."""
    columns = zip(
        bars.starts_at,
        *(column.tolist() for column in (bars.open, bars.high, bars.low, bars.close)),
        bars.volume.astype(np.int64).tolist(),
        bars.oi.astype(np.int64).tolist(),
        strict=True,
    )
    return [[iso_text(at), *rest] for at, *rest in columns][::-1]


def _unit(unit: str, interval: str) -> tuple[str, int]:
    if unit not in INTERVAL_MAX:
        raise CallRefused("UDAPI1146")
    if not interval.isdigit() or not 1 <= int(interval) <= INTERVAL_MAX[unit]:
        raise CallRefused("UDAPI1147")
    return unit, int(interval)


def _span(unit: str, interval: int, to_date: str, from_date: str | None) -> Span:
    last = day_of(to_date, "UDAPI1015")
    most = _days_max(unit, interval)
    if from_date is None:
        first = last - timedelta(days=(most or DECADE_DAYS) - 1)
    else:
        first = day_of(from_date, "UDAPI1015")
    if first > last:
        raise CallRefused("UDAPI1015")
    span = Span(unit=unit, interval=interval, first=first, last=last)
    is_too_long = most is not None and (last - first).days >= most
    if is_too_long or (span.by_minute and first < MINUTES_FROM):
        raise CallRefused("UDAPI1148")
    return span


def _days_max(unit: str, interval: int) -> int | None:
    if unit == "minutes":
        return MONTH_DAYS if interval <= MONTH_LINE_MAX else QUARTER_DAYS
    return {"hours": QUARTER_DAYS, "days": DECADE_DAYS}.get(unit)
