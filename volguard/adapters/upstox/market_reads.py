"""What the broker says of the market, asked for and given as values: hours, contracts, quotes, candles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Generic, TypeVar

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.client import Reply, UpstoxClient
from volguard.adapters.upstox.endpoints import Endpoint
from volguard.adapters.upstox.times import parse_day
from volguard.adapters.upstox.wire import data_of
from volguard.adapters.upstox.wire_candles import Candle, candles_of, joined, merged
from volguard.adapters.upstox.wire_market import (
    Holiday,
    HolidayRow,
    HoursRow,
    StatusData,
    holidays_of,
    hours_of,
)
from volguard.adapters.upstox.wire_options import ChainQuote, ChainRow, ContractRow, chain_quotes, spot_of
from volguard.adapters.upstox.wire_quotes import FullQuote, GreekRow, LastPrice, by_key, missing
from volguard.adapters.upstox.wire_stream import FeedAddress
from volguard.model.broker import InstrumentKey

QUOTE_KEYS_MAX: Final = 500
GREEK_KEYS_MAX: Final = 50
EXCHANGE: Final = "NSE"
DERIVATIVES: Final = "NFO"
FINE_MINUTES_MAX: Final = 15  # up to here a call covers a month, above a quarter
MONTHS_OF_QUARTER: Final = 3
MONTHS_OF_DECADE: Final = 120

RowT = TypeVar("RowT")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered(Generic[RowT]):
    """Rows by instrument, and what was asked for and left out: unknown to the broker, or without a quote."""

    found: Mapping[InstrumentKey, RowT]
    missing: tuple[InstrumentKey, ...]

    def values(self) -> ValuesView[RowT]:
        """The rows alone."""
        return self.found.values()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One expiry's options, sorted by strike, call before put; it carries no time of its own."""

    quotes: tuple[ChainQuote, ...]
    spot: float | None


class MarketReads:
    """Questions about the market; each raises ApiFailure when it gets no answer that can be read."""

    def __init__(self, client: UpstoxClient) -> None:
        self._client = client

    # --- hours ------------------------------------------------------------------------------------

    def status(self, exchange: str = DERIVATIVES) -> StatusData:
        """Where an exchange is in its day."""
        path = {"exchange": exchange}
        return data_of(self._call(endpoints.MARKET_STATUS, path), StatusData, endpoints.MARKET_STATUS)

    def holidays(self, exchange: str = DERIVATIVES) -> dict[date, Holiday]:
        """This year's days on which an exchange is closed or has hours of its own."""
        rows = data_of(self._call(endpoints.HOLIDAYS), list[HolidayRow], endpoints.HOLIDAYS)
        return holidays_of(rows, exchange)

    def timings(self, day: date, exchange: str = DERIVATIVES) -> tuple[datetime, datetime] | None:
        """An exchange's hours of a day; None: closed."""
        body = self._call(endpoints.TIMINGS, {"date": day.isoformat()})
        return hours_of(data_of(body, list[HoursRow], endpoints.TIMINGS), exchange)

    # --- contracts --------------------------------------------------------------------------------

    def instrument_file(self, exchange: str = EXCHANGE) -> bytes:
        """Today's instrument file as it is served."""
        return self._call(endpoints.INSTRUMENT_FILE, {"exchange": exchange})

    def contracts(self, underlying_key: InstrumentKey, expiry: date | None = None) -> tuple[ContractRow, ...]:
        """Contracts that are listed on an underlying, of one expiry or of all."""
        query = {"instrument_key": str(underlying_key)}
        if expiry is not None:
            query["expiry_date"] = expiry.isoformat()
        return self._contracts(endpoints.OPTION_CONTRACTS, query)

    def expiries(self, underlying_key: InstrumentKey) -> tuple[date, ...]:
        """Expiries that are listed on an underlying, nearest first."""
        return tuple(sorted({parse_day(row.expiry) for row in self.contracts(underlying_key)}))

    def chain(self, underlying_key: InstrumentKey, expiry: date) -> Chain:
        """The option chain of an expiry; without quotes for one that is past or not known."""
        query = {"instrument_key": str(underlying_key), "expiry_date": expiry.isoformat()}
        body = self._call(endpoints.OPTION_CHAIN, query=query)
        rows = data_of(body, list[ChainRow], endpoints.OPTION_CHAIN)
        return Chain(quotes=chain_quotes(rows), spot=spot_of(rows))

    # --- quotes -----------------------------------------------------------------------------------

    def quotes(self, keys: Sequence[InstrumentKey]) -> Answered[FullQuote]:
        """Full quotes, asked for 500 at a time."""
        return self._keyed(endpoints.QUOTES, keys, QUOTE_KEYS_MAX, _full_quotes)

    def last_prices(self, keys: Sequence[InstrumentKey]) -> Answered[LastPrice]:
        """Last prices and yesterday's closes, asked for 500 at a time."""
        return self._keyed(endpoints.LTP, keys, QUOTE_KEYS_MAX, _last_prices)

    def greeks(self, keys: Sequence[InstrumentKey]) -> Answered[GreekRow]:
        """The vendor's Greeks and volatility (a decimal per year), asked for 50 at a time."""
        return self._keyed(endpoints.OPTION_GREEKS, keys, GREEK_KEYS_MAX, _greeks)

    # --- candles ----------------------------------------------------------------------------------

    def candles(
        self, key: InstrumentKey, unit: str, interval: int, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Finished candles of these dates, both included, oldest first; today's are not among them."""
        parts = [
            self.candles_of_span(key, unit, interval, first=start, last=end)
            for start, end in candle_spans(unit, interval, first, last)
        ]
        return merged(*parts, endpoint=endpoints.CANDLES)

    def candles_of_span(
        self, key: InstrumentKey, unit: str, interval: int, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Finished candles of no more dates than one call may cover (`candle_spans`), oldest first."""
        path = {"key": key, "unit": unit, "interval": str(interval)}
        path |= {"from_date": first.isoformat(), "to_date": last.isoformat()}
        return candles_of(self._call(endpoints.CANDLES, path), endpoints.CANDLES)

    def intraday_candles(self, key: InstrumentKey, unit: str, interval: int) -> tuple[Candle, ...]:
        """Today's candles, the running one among them, oldest first."""
        path = {"key": key, "unit": unit, "interval": str(interval)}
        return candles_of(self._call(endpoints.INTRADAY_CANDLES, path), endpoints.INTRADAY_CANDLES)

    def candles_until_now(
        self, key: InstrumentKey, unit: str, interval: int, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Finished candles and today's together; where both have one, the finished one counts."""
        finished = self.candles(key, unit, interval, first=first, last=last)
        return joined(finished, self.intraday_candles(key, unit, interval))

    # --- expired contracts ------------------------------------------------------------------------

    def expired_expiries(self, underlying_key: InstrumentKey) -> tuple[date, ...]:
        """Past expiries that the broker still has, oldest first; needs Upstox Plus."""
        query = {"instrument_key": str(underlying_key)}
        body = self._call(endpoints.EXPIRED_EXPIRIES, query=query)
        days = data_of(body, list[str], endpoints.EXPIRED_EXPIRIES)
        return tuple(sorted(parse_day(day) for day in days))

    def expired_contracts(self, underlying_key: InstrumentKey, expiry: date) -> tuple[ContractRow, ...]:
        """Contracts of a past expiry, by the keys that they have now; needs Upstox Plus."""
        query = {"instrument_key": str(underlying_key), "expiry_date": expiry.isoformat()}
        return self._contracts(endpoints.EXPIRED_CONTRACTS, query)

    def expired_candles(
        self, expired_key: InstrumentKey, interval: str, *, first: date, last: date
    ) -> tuple[Candle, ...]:
        """Candles of a past contract, oldest first; `interval` like 1minute or day; needs Upstox Plus."""
        parts = []
        for start, end in _spans(first, last, None if interval == "day" else 1):
            path = {"key": str(expired_key), "interval": interval}
            path |= {"from_date": start.isoformat(), "to_date": end.isoformat()}
            parts.append(candles_of(self._call(endpoints.EXPIRED_CANDLES, path), endpoints.EXPIRED_CANDLES))
        return merged(*parts, endpoint=endpoints.EXPIRED_CANDLES)

    # --- feeds ------------------------------------------------------------------------------------

    def feed_address(self) -> str:
        """Where to connect for the market feed, once: a new address for each connection."""
        body = self._call(endpoints.FEED_AUTHORIZE)
        return data_of(body, FeedAddress, endpoints.FEED_AUTHORIZE).uri

    def portfolio_address(self, update_types: Sequence[str] = ("order", "position")) -> str:
        """Where to connect for the portfolio stream, once."""
        body = self._call(endpoints.PORTFOLIO_AUTHORIZE, query={"update_types": ",".join(update_types)})
        return data_of(body, FeedAddress, endpoints.PORTFOLIO_AUTHORIZE).uri

    # --- asking -----------------------------------------------------------------------------------

    def _call(
        self,
        endpoint: Endpoint,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        reply: Reply = self._client.call(endpoint, path=path, query=query)
        return reply.content

    def _contracts(self, endpoint: Endpoint, query: Mapping[str, str]) -> tuple[ContractRow, ...]:
        return tuple(data_of(self._call(endpoint, query=query), list[ContractRow], endpoint))

    def _keyed(
        self,
        endpoint: Endpoint,
        keys: Sequence[InstrumentKey],
        keys_max: int,
        read: Callable[[bytes], dict[InstrumentKey, RowT]],
    ) -> Answered[RowT]:
        asked = tuple(dict.fromkeys(keys))
        found: dict[InstrumentKey, RowT] = {}
        for start in range(0, len(asked), keys_max):
            query = {"instrument_key": ",".join(asked[start : start + keys_max])}
            found |= read(self._call(endpoint, query=query))
        return Answered(found=found, missing=missing(asked, found))


def candle_spans(unit: str, interval: int, first: date, last: date) -> tuple[tuple[date, date], ...]:
    """The dates from `first` to `last` in parts that one call each may cover, oldest first.

    Raises ValueError on a unit that is not known.
    """
    return tuple(_spans(first, last, _months_of(unit, interval)))


def _months_of(unit: str, interval: int) -> int | None:
    match unit:
        case "minutes":
            return 1 if interval <= FINE_MINUTES_MAX else MONTHS_OF_QUARTER
        case "hours":
            return MONTHS_OF_QUARTER
        case "days":
            return MONTHS_OF_DECADE
        case "weeks" | "months":
            return None
    raise ValueError(f"unit was {unit!r}, known are minutes, hours, days, weeks and months")


def _spans(first: date, last: date, months: int | None) -> Iterator[tuple[date, date]]:
    start = first
    while start <= last:
        end = last if months is None else min(last, _months_later(start, months) - timedelta(days=1))
        yield start, end
        start = end + timedelta(days=1)


def _months_later(day: date, months: int) -> date:
    # The same day of the month, or the last one that a shorter month has.
    total = day.year * 12 + day.month - 1 + months
    year, month = total // 12, total % 12 + 1
    next_month = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, min(day.day, (next_month - timedelta(days=1)).day))


def _full_quotes(body: bytes) -> dict[InstrumentKey, FullQuote]:
    return by_key(data_of(body, dict[str, FullQuote | None], endpoints.QUOTES))


def _last_prices(body: bytes) -> dict[InstrumentKey, LastPrice]:
    return by_key(data_of(body, dict[str, LastPrice | None], endpoints.LTP))


def _greeks(body: bytes) -> dict[InstrumentKey, GreekRow]:
    return by_key(data_of(body, dict[str, GreekRow | None], endpoints.OPTION_GREEKS))
