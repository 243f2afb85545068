"""The chain of one expiry as the broker shows it now: one question, one table."""

from __future__ import annotations

from datetime import date
from typing import Any, Final, Protocol

from volguard.adapters.upstox.instruments import UNDERLYING_KEYS
from volguard.adapters.upstox.market_reads import Chain
from volguard.adapters.upstox.wire_options import ChainQuote
from volguard.model.broker import InstrumentKey
from volguard.model.errors import TryLater, UsageError
from volguard.model.instrument import OptionType, Underlying
from volguard.model.units import figure
from volguard.operations.data_desk import DataDesk

SCHEMA: Final = "volguard.data_chain/1"


class ChainReads(Protocol):
    """What a look at the chain needs of the broker's market reads."""

    def expiries(self, underlying_key: InstrumentKey) -> tuple[date, ...]:
        """Expiries that are listed, nearest first."""
        ...

    def chain(self, underlying_key: InstrumentKey, expiry: date) -> Chain:
        """The chain of an expiry."""
        ...


def current_chain_document(
    desk: DataDesk, reads: ChainReads, underlying: Underlying, expiry: date | None
) -> dict[str, Any]:
    """The chain of an expiry (None: the nearest one) as JSON; prices in rupees, sizes and interest in units.

    A price, size or volatility that the broker does not show is null. Raises UsageError when the expiry is
    not listed, TryLater when it has no quotes, ApiFailure.
    """
    if underlying not in UNDERLYING_KEYS:
        raise UsageError(f"the broker's key of {underlying} is not known")
    key = UNDERLYING_KEYS[underlying]
    listed = [day for day in reads.expiries(key) if day >= desk.moment().date()]
    if not listed:
        raise TryLater(f"the broker lists no expiry of {underlying}", hint="try again later")
    day = expiry or listed[0]
    if day not in listed:
        known = ", ".join(str(one) for one in listed[:6])
        raise UsageError(f"--expiry was {day}, listed are {known}", hint="leave it out for the nearest")
    chain = reads.chain(key, day)
    if not chain.quotes:
        raise TryLater(f"the chain of {underlying} {day} is empty", hint="try again later")
    sides: dict[int, dict[OptionType, ChainQuote]] = {}
    for quote in chain.quotes:
        sides.setdefault(quote.strike, {})[quote.option_type] = quote
    return {
        "schema": SCHEMA,
        "underlying": underlying,
        "expiry": day.isoformat(),
        "expiries": [one.isoformat() for one in listed],
        "received_at": desk.moment().isoformat(timespec="seconds"),
        "spot": chain.spot,
        "strikes": [
            {
                "strike": strike,
                "call": _side(found.get(OptionType.CALL)),
                "put": _side(found.get(OptionType.PUT)),
            }
            for strike, found in sorted(sides.items())
        ],
    }


def _side(quote: ChainQuote | None) -> dict[str, Any] | None:
    if quote is None:
        return None
    return {
        "key": quote.key,
        "bid": quote.bid,
        "bid_qty": quote.bid_qty,
        "ask": quote.ask,
        "ask_qty": quote.ask_qty,
        "last": quote.last,
        "volume": quote.volume,
        "oi": quote.oi,
        "iv": None if quote.volatility is None else figure(quote.volatility),
        "delta": quote.delta,
    }
