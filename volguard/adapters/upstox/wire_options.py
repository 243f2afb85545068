"""Option contracts and the option chain on the wire; the chain's volatility comes in percent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import msgspec

from volguard.adapters.upstox.times import key_day_text, parse_day, parse_key_day
from volguard.adapters.upstox.wire_errors import unreadable
from volguard.adapters.upstox.wire_values import (
    Spare,
    Word,
    fraction_of_percent,
    option_type_of,
    paise,
    quote_of,
    require_finite,
    whole,
)
from volguard.model.broker import InstrumentKey
from volguard.model.errors import DataError
from volguard.model.instrument import OptionContract, OptionType, Underlying


class ContractRow(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """One option contract; `tick_size` in paise, `expiry` a date here and epoch ms in the file."""

    name: Spare = None
    segment: str
    exchange: Spare = None
    expiry: Word
    weekly: bool | None = None
    instrument_key: str
    exchange_token: Spare = None
    trading_symbol: str | None = None
    tick_size: float
    lot_size: float
    instrument_type: str
    freeze_quantity: float
    underlying_key: str
    underlying_type: Spare = None
    underlying_symbol: str | None = None
    strike_price: float
    minimum_lot: Spare = None

    def __post_init__(self) -> None:
        if not parse_day(self.expiry) or not self.instrument_key.strip():
            raise ValueError("instrument_key was empty")
        for name in ("tick_size", "lot_size", "freeze_quantity", "strike_price"):
            require_finite(name, getattr(self, name))
            if getattr(self, name) <= 0.0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")
        for name in ("lot_size", "freeze_quantity"):
            whole(name, getattr(self, name))

    @property
    def key(self) -> InstrumentKey:
        """The broker's name of the contract."""
        return InstrumentKey(self.instrument_key)

    @property
    def tick(self) -> Decimal:
        """Smallest price step in rupees."""
        return paise(self.tick_size)

    def contract(self, underlying: Underlying) -> OptionContract | None:
        """The contract as a value; None for what is no option. Raises ValueError on a broken strike."""
        option_type = option_type_of(self.instrument_type)
        if option_type is None:
            return None
        return OptionContract(
            underlying=underlying,
            expiry=parse_day(self.expiry),
            strike=whole("strike_price", self.strike_price),
            option_type=option_type,
        )


class ChainQuoteData(msgspec.Struct, kw_only=True, frozen=True):
    """Prices in rupees, sizes in units; 0 for what is not there."""

    ltp: float | None = None
    volume: int | None = None
    oi: float | None = None
    close_price: float | None = None
    bid_price: float
    bid_qty: int
    ask_price: float
    ask_qty: int
    prev_oi: Spare = None

    def __post_init__(self) -> None:
        require_finite("market_data", self.ltp, self.oi, self.close_price, self.bid_price, self.ask_price)


class ChainGreeks(msgspec.Struct, kw_only=True, frozen=True):
    """The vendor's Greeks to four places; `iv` and `pop` in percent."""

    vega: float | None = None
    theta: float | None = None
    gamma: float | None = None
    delta: float | None = None
    iv: float | None = None
    pop: Spare = msgspec.UNSET

    def __post_init__(self) -> None:
        require_finite("option_greeks", self.vega, self.theta, self.gamma, self.delta, self.iv)


class ChainSide(msgspec.Struct, kw_only=True, frozen=True):
    """Call or put of one strike."""

    instrument_key: str
    market_data: ChainQuoteData
    option_greeks: ChainGreeks | None = None


class ChainRow(msgspec.Struct, kw_only=True, frozen=True):
    """One strike of the chain; a side that is not listed is null or not there."""

    expiry: Word
    pcr: Spare = msgspec.UNSET
    strike_price: float
    underlying_key: str
    underlying_spot_price: float | None = None
    call_options: ChainSide | None = None
    put_options: ChainSide | None = None

    def __post_init__(self) -> None:
        parse_day(self.expiry)
        whole("strike_price", self.strike_price)
        require_finite("underlying_spot_price", self.underlying_spot_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainQuote:
    """One option of a chain: rupees, units, volatility as a decimal per year; None where there is none.

    Greeks are the vendor's: per unit, theta a day, vega a vol point.
    """

    key: InstrumentKey
    expiry: date
    strike: int
    option_type: OptionType
    bid: float | None
    bid_qty: int
    ask: float | None
    ask_qty: int
    last: float | None
    previous_close: float | None
    volume: int
    oi: int
    volatility: float | None
    delta: float | None
    gamma: float | None
    theta_per_day: float | None
    vega_per_pt: float | None


def chain_quotes(rows: Iterable[ChainRow]) -> tuple[ChainQuote, ...]:
    """Every listed side of every strike, sorted by expiry and strike, call before put.

    Raises ApiFailure UNKNOWN when one contract comes twice.
    """
    quotes: dict[tuple[date, int, bool], ChainQuote] = {}
    for row in rows:
        for side, option_type in ((row.call_options, OptionType.CALL), (row.put_options, OptionType.PUT)):
            if side is None:
                continue
            quote = _quote(row, side, option_type)
            place = (quote.expiry, quote.strike, option_type is OptionType.PUT)
            if place in quotes:
                raise unreadable("option_chain", f"{quote.key} and {quotes[place].key} are one contract")
            quotes[place] = quote
    return tuple(quotes[place] for place in sorted(quotes))


def spot_of(rows: Iterable[ChainRow]) -> float | None:
    """The index level that the chain was made at; None when it says none."""
    return next((spot for row in rows if (spot := quote_of(row.underlying_spot_price)) is not None), None)


def expired_key(key: InstrumentKey, expiry: date) -> InstrumentKey:
    """The name of a contract after it expired: `NSE_FO|54452|24-04-2025`."""
    return InstrumentKey(f"{key}|{key_day_text(expiry)}")


def split_expired_key(key: str) -> tuple[InstrumentKey, date]:
    """The live name and the expiry of an expired contract. Raises DataError when it is no such name."""
    parts = key.split("|")
    try:
        segment, token, day = parts
        return InstrumentKey(f"{segment}|{token}"), parse_key_day(day)
    except ValueError:
        raise DataError(
            f"{key!r} names no expired contract", hint="such a name is like NSE_FO|54452|24-04-2025"
        ) from None


def _quote(row: ChainRow, side: ChainSide, option_type: OptionType) -> ChainQuote:
    market, greeks = side.market_data, side.option_greeks or ChainGreeks()
    return ChainQuote(
        key=InstrumentKey(side.instrument_key),
        expiry=parse_day(row.expiry),
        strike=whole("strike_price", row.strike_price),
        option_type=option_type,
        bid=quote_of(market.bid_price),
        bid_qty=max(market.bid_qty, 0),
        ask=quote_of(market.ask_price),
        ask_qty=max(market.ask_qty, 0),
        last=quote_of(market.ltp),
        previous_close=quote_of(market.close_price),
        volume=max(market.volume or 0, 0),
        oi=max(round(market.oi or 0.0), 0),
        volatility=fraction_of_percent(greeks.iv),
        delta=greeks.delta,
        gamma=greeks.gamma,
        theta_per_day=greeks.theta,
        vega_per_pt=greeks.vega,
    )
