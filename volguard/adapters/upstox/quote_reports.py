"""REST's quotes and chains as the board takes them in: when each was made, 0 for what is not there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from volguard.adapters.upstox.quote_board import QuoteReport
from volguard.adapters.upstox.wire_options import ChainQuote
from volguard.adapters.upstox.wire_quotes import DepthLevel, FullQuote
from volguard.model.broker import InstrumentKey

NO_LEVEL: Final = DepthLevel(quantity=0, price=0.0, orders=0)


def reports_of(quotes: Iterable[FullQuote]) -> Iterator[QuoteReport]:
    """Touch, last price and activity as of the quote's own time; one that gives none proves nothing."""
    for quote in quotes:
        if (told_at := quote.quoted_at) is None:
            continue
        bid = _best(quote.depth.buy) if quote.depth else NO_LEVEL
        ask = _best(quote.depth.sell) if quote.depth else NO_LEVEL
        yield QuoteReport(
            key=InstrumentKey(quote.instrument_token),
            told_at=told_at,
            bid=bid.price,
            bid_qty=bid.quantity,
            ask=ask.price,
            ask_qty=ask.quantity,
            ltp=quote.last_price,
            volume=quote.volume or 0,
            oi=quote.oi or 0.0,
        )


def reports_of_chain(quotes: Iterable[ChainQuote], received_at: datetime) -> Iterator[QuoteReport]:
    """A chain, which carries no time, as of its arrival; it is the only answer that knows volatilities."""
    for quote in quotes:
        yield QuoteReport(
            key=quote.key,
            told_at=received_at,
            bid=quote.bid or 0.0,
            bid_qty=quote.bid_qty,
            ask=quote.ask or 0.0,
            ask_qty=quote.ask_qty,
            ltp=quote.last or 0.0,
            volume=quote.volume,
            oi=float(quote.oi),
            iv=quote.volatility or 0.0,
        )


def _best(levels: list[DepthLevel]) -> DepthLevel:
    return levels[0] if levels else NO_LEVEL
