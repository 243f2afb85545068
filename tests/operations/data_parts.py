"""A desk, a broker and a market for the data commands, all in memory but the folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire_candles import Candle
from volguard.adapters.upstox.wire_options import ContractRow
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.event import LinkChanged
from volguard.model.market import ChainSnapshot, Silence, SourceInfo
from volguard.model.units import IST
from volguard.nse.calendar import Calendar
from volguard.operations.data_desk import DataDesk

NOW = datetime(2026, 9, 16, 18, 0, tzinfo=IST)


@dataclass(slots=True)
class Heard:
    """What a desk was told, and when it is to stop."""

    notes: list[str] = field(default_factory=list)
    progress: list[tuple[float, float, str]] = field(default_factory=list)
    stop_after: int | None = None  # answers of `is_stopped` that are no
    asked: int = 0

    def is_stopped(self) -> bool:
        """Whether it is time."""
        self.asked += 1
        return self.stop_after is not None and self.asked > self.stop_after


def desk_at(folder: Path, heard: Heard | None = None, now: datetime = NOW) -> DataDesk:
    """A desk over a folder at a fixed time."""
    ear = heard or Heard()
    return DataDesk(
        data=folder,
        moment=lambda: now,
        note=ear.notes.append,
        progress=lambda done, total, words: ear.progress.append((done, total, words)),
        is_stopped=ear.is_stopped,
    )


@dataclass
class CandleBook:
    """Answers candle calls from a calendar: one daily bar, or a few minutes, per trading day.

    `lost` days have no bar; `at_call` may raise as a network does, told the number of the call.
    """

    calendar: Calendar
    minutes: int = 4
    close: float = 24500.0
    lost: set[date] = field(default_factory=set)
    more: dict[date, float] = field(default_factory=dict)  # bars of other days, or other closes
    contracts: tuple[ContractRow, ...] = ()
    at_call: Callable[[int], None] = lambda _number: None
    calls: list[tuple[str, date, date]] = field(default_factory=list)

    def candles_of_span(
        self, key: InstrumentKey, unit: str, interval: int, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Finished candles."""
        assert interval == 1
        self.calls.append((f"{key} {unit}", first, last))
        self.at_call(len(self.calls))
        return tuple(self.bars(unit == "minutes", first, last))

    def expired_contracts(self, underlying_key: InstrumentKey, expiry: date) -> tuple[ContractRow, ...]:
        """What was given, of that expiry."""
        self.calls.append((f"contracts of {underlying_key}", expiry, expiry))
        return self.contracts

    def expired_candles(
        self, expired_key: InstrumentKey, interval: str, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Candles of a past contract."""
        self.calls.append((f"{expired_key} {interval}", first, last))
        self.at_call(len(self.calls))
        return tuple(self.bars(interval == "1minute", first, last))

    def bars(self, is_minute: bool, first: date, last: date) -> Iterator[Candle]:
        """What the broker has of a span."""
        days = {*self.calendar.trading_days(first, last), *(day for day in self.more if first <= day <= last)}
        for day in sorted(days - self.lost):
            close = self.more.get(day, self.close + day.toordinal() % 100)
            midnight = datetime(day.year, day.month, day.day, tzinfo=IST)
            if not is_minute:
                yield candle(midnight, close)
                continue
            for minute in range(self.minutes):
                yield candle(midnight + timedelta(hours=9, minutes=15 + minute), close)


def candle(starts_at: datetime, close: float) -> Candle:
    """A candle around its close."""
    return Candle(
        starts_at=starts_at, open=close, high=close + 10, low=close - 10, close=close, volume=650, oi=65
    )


def unreachable(_number: int = 0) -> None:
    """The broker is away."""
    raise ApiFailure(
        "candles: no answer from api.upstox.com (ReadTimeout)",
        error_class=ErrorClass.NETWORK,
        endpoint="candles",
    )


@dataclass(slots=True)
class ToldMarket:
    """A live market that tells given things; `at` may interrupt before the thing of a number."""

    info: SourceInfo
    told: tuple[ChainSnapshot | Silence | LinkChanged, ...]
    at: Callable[[int], None] = lambda _number: None
    asked_after: list[datetime | None] = field(default_factory=list)

    def snapshots(self, after: datetime | None = None) -> Iterator[ChainSnapshot | Silence | LinkChanged]:
        """All of it, snapshots only where later."""
        self.asked_after.append(after)
        for number, thing in enumerate(self.told):
            self.at(number)
            if isinstance(thing, ChainSnapshot) and after is not None and thing.ts <= after:
                continue
            yield thing
