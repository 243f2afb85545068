"""Bars of days gone by: index and VIX from the history, minutes and options modelled from those.

Nobody recorded a made-up past. A day's minutes run straight from its open over its extremes to its close;
an option is worth what Black-76 makes of the index at that day's India VIX. The same history gives the
same bars.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.market import DailyBar, FloatArray
from volguard.model.units import IST
from volguard.nse.calendar import Calendar
from volguard.ports import History
from volguard.pricing.black76 import price
from volguard.pricing.daycount import years_to_expiry
from volguard.simulator.priced_chain import ChainPricer
from volguard.simulator.valuation import DIVIDEND_YIELD, INTEREST_RATE

VIX_NAME: Final = "INDIA_VIX"
MINUTES: Final = timedelta(minutes=1)
LISTED_FOR: Final = timedelta(days=90)  # of an option, before its expiry
KNOTS: Final = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)  # of a session: open, first extreme, second, close
DAY_LOTS: Final = 20_000.0
SPREAD_OF_TRADE: Final = 0.03  # of log moneyness, over which trading thins out
TICKS_PER_RUPEE: Final = 20.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bars:
    """Bars in time order; all columns equally long."""

    starts_at: tuple[datetime, ...]
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray
    oi: FloatArray

    def __len__(self) -> int:
        return len(self.starts_at)


class Past:
    """Bars before the trading date."""

    def __init__(
        self,
        history: History | None,
        underlying: Underlying,
        trading_date: date,
        calendar: Calendar,
        pricer: ChainPricer,
    ) -> None:
        self._calendar, self._pricer = calendar, pricer
        names = {"index": str(underlying), "vix": VIX_NAME}
        self._bars: dict[str, tuple[DailyBar, ...]] = {
            kind: () if history is None else history.daily(name, trading_date) for kind, name in names.items()
        }
        self._vix_close = {bar.day: bar.close / 100.0 for bar in self._bars["vix"]}

    def close_on(self, day: date) -> float | None:
        """The index's close on a day; None where the history has none."""
        return next((bar.close for bar in self._bars["index"] if bar.day == day), None)

    def last_bar(self, kind: str) -> DailyBar | None:
        """The last bar of index or vix; None without a history."""
        bars = self._bars[kind]
        return bars[-1] if bars else None

    def index_days(self) -> tuple[DailyBar, ...]:
        """All daily bars of the index."""
        return self._bars["index"]

    def level(self, kind: str, first: date, last: date, *, by_minute: bool) -> Bars:
        """Bars of index or vix from a day to another, both inclusive."""
        days = [bar for bar in self._bars[kind] if first <= bar.day <= last]
        return joined([self._minutes(bar) if by_minute else _day(bar) for bar in days])

    def option(self, contract: OptionContract, lot: int, first: date, last: date, *, by_minute: bool) -> Bars:
        """Bars of an option over the days on which it was listed."""
        first = max(first, contract.expiry - LISTED_FOR)
        found = []
        for bar in self._bars["index"]:
            sigma = self._vix_close.get(bar.day)
            if sigma is not None and first <= bar.day <= min(last, contract.expiry):
                level = self._minutes(bar) if by_minute else _day(bar)
                found.append(self._repriced(level, contract, sigma, lot))
        return joined(found)

    def _minutes(self, bar: DailyBar) -> Bars:
        try:
            session = self._calendar.session(bar.day)
        except DateNotCovered:
            session = None
        if session is None or bar.open is None or bar.high is None or bar.low is None:
            return joined([])
        opens, closes = session.windows[0][0], session.windows[-1][1]
        count = int((closes - opens) / MINUTES)
        rises = bar.close >= bar.open
        extremes = (bar.low, bar.high) if rises else (bar.high, bar.low)
        path = np.interp(np.linspace(0.0, 1.0, count + 1), KNOTS, (bar.open, *extremes, bar.close))
        # The knots themselves fall between minutes: each is put into the minute it belongs to.
        high: FloatArray = np.maximum(path[:-1], path[1:])
        low: FloatArray = np.minimum(path[:-1], path[1:])
        high[int(np.argmax(high))], low[int(np.argmin(low))] = bar.high, bar.low
        return Bars(
            starts_at=tuple(opens + i * MINUTES for i in range(count)),
            open=np.round(path[:-1], 2),
            high=np.round(high, 2),
            low=np.round(low, 2),
            close=np.round(path[1:], 2),
            volume=np.zeros(count),
            oi=np.zeros(count),
        )

    def _repriced(self, level: Bars, contract: OptionContract, sigma: float, lot: int) -> Bars:
        closes_s = self._pricer.close_of(contract.expiry).timestamp()
        left = np.array([closes_s - at.timestamp() for at in level.starts_at])
        t = years_to_expiry(np.maximum(left, 0.0))
        is_call = contract.option_type is OptionType.CALL

        def value(spot: FloatArray) -> FloatArray:
            forward = spot * np.exp((INTEREST_RATE - DIVIDEND_YIELD) * t)
            worth = price(forward, float(contract.strike), t, sigma, is_call, np.exp(-INTEREST_RATE * t))
            return np.maximum(np.round(worth * TICKS_PER_RUPEE), 1.0) / TICKS_PER_RUPEE

        high, low = (level.high, level.low) if is_call else (level.low, level.high)
        away = np.log(contract.strike / level.close) / SPREAD_OF_TRADE
        lots = np.floor(DAY_LOTS * np.exp(-0.5 * away**2))
        return Bars(
            starts_at=level.starts_at,
            open=value(level.open),
            high=value(high),
            low=value(low),
            close=value(level.close),
            volume=lot * np.floor(lots / max(len(level), 1)),
            oi=lot * lots,
        )


def joined(parts: list[Bars]) -> Bars:
    """Bars one after the other."""
    names = ("open", "high", "low", "close", "volume", "oi")
    columns = {name: np.concatenate([np.empty(0), *(getattr(p, name) for p in parts)]) for name in names}
    return Bars(starts_at=tuple(at for part in parts for at in part.starts_at), **columns)


def grouped(bars: Bars, starts_at: list[datetime]) -> Bars:
    """Bars merged where they share a start: `starts_at` per bar, in order."""
    if not len(bars):
        return bars
    edges = [0, *(i for i in range(1, len(bars)) if starts_at[i] != starts_at[i - 1])]
    ends = [*edges[1:], len(bars)]
    last = np.array(ends) - 1
    return Bars(
        starts_at=tuple(starts_at[i] for i in edges),
        open=bars.open[edges],
        high=np.maximum.reduceat(bars.high, edges),
        low=np.minimum.reduceat(bars.low, edges),
        close=bars.close[last],
        volume=np.add.reduceat(bars.volume, edges),
        oi=bars.oi[last],
    )


def _day(bar: DailyBar) -> Bars:
    def known(value: float | None) -> FloatArray:
        return np.array([bar.close if value is None or not math.isfinite(value) else value])

    return Bars(
        starts_at=(datetime.combine(bar.day, datetime.min.time(), tzinfo=IST),),
        open=known(bar.open),
        high=known(bar.high),
        low=known(bar.low),
        close=np.array([bar.close]),
        volume=np.zeros(1),
        oi=np.zeros(1),
    )
