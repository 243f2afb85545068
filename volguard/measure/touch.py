"""Executable prices: what a position could be opened or closed at now, at the touch, and never at mid."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.model.book import Leg, Position
from volguard.model.instrument import OptionContract, Side
from volguard.model.market import FloatArray, Quote
from volguard.model.units import tick_price
from volguard.pricing.black76 import greeks, price
from volguard.pricing.quote_flags import UNTRADABLE, QuoteFlag

CONSERVATIVE_VOL_POINTS: Final = 0.01
THEORETICAL_MARGIN: Final = 0.25
THEORETICAL_SLACK_TICKS: Final = 4
# A side that is missing is judged by who needs it; everything else makes a quote suspect.
_SUSPECT: Final = int(UNTRADABLE & ~(QuoteFlag.NO_BID | QuoteFlag.NO_ASK))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingMark:
    """What closing a set of positions at the touch would bring in (negative: cost), in rupees.

    `is_confirmed_price`: both sides of every short are quoted, no leg's quote is suspect, and the cost is
    within 25 % of the conservative theoretical value (neighbours plus one vol point) and a few ticks.
    """

    value_inr: Decimal
    is_confirmed_price: bool


def quote_of(view: MarketView, contract: OptionContract, tick: Decimal) -> Quote | None:
    """The exact touch of one contract; None when it is not listed in the snapshot."""
    row = view.row(contract)
    if row is None:
        return None
    snapshot = view.snapshot
    return Quote(
        ts=snapshot.ts,
        contract=contract,
        bid=_price(float(snapshot.bid[row]), tick),
        bid_qty=int(snapshot.bid_qty[row]),
        ask=_price(float(snapshot.ask[row]), tick),
        ask_qty=int(snapshot.ask_qty[row]),
    )


def quote_digest(quotes: Sequence[Quote | None]) -> str:
    """Short hash of the quotes that an approval rests on."""
    text = "|".join(
        "missing" if q is None else f"{q.ts.isoformat()} {q.contract.symbol} {q.bid} {q.ask}" for q in quotes
    )
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def closing_price(view: MarketView, contract: OptionContract, quantity: int, tick: Decimal) -> Decimal | None:
    """Bid for a long, ask for a short; None when nobody quotes it."""
    quote = quote_of(view, contract, tick)
    if quote is None:
        return None
    return quote.bid if quantity > 0 else quote.ask


def closing_mark(view: MarketView, positions: Sequence[Position], tick: Decimal) -> ClosingMark | None:
    """Value of closing at the touch; None when a short has no price to be bought back at.

    A long leg that nobody bids for is worth nothing here: it can always be left to expire.
    """
    total = Decimal(0)
    confirmed = True
    for position in positions:
        closing = closing_price(view, position.contract, position.quantity, tick)
        if closing is None and position.quantity < 0:
            return None
        total += position.quantity * (closing or Decimal(0))
        confirmed = confirmed and not _is_suspect(view, position.contract)
        if position.quantity < 0:
            confirmed = confirmed and _both_sides(view, position.contract)
    fair = _conservative_cost(view, positions)
    if fair is None:
        return ClosingMark(value_inr=total, is_confirmed_price=False)
    units = sum(abs(position.quantity) for position in positions)
    slack = THEORETICAL_SLACK_TICKS * float(tick) * units
    within = -float(total) <= fair + THEORETICAL_MARGIN * abs(fair) + slack
    return ClosingMark(value_inr=total, is_confirmed_price=confirmed and within)


def fair_values(view: MarketView, contracts: Sequence[OptionContract], extra_vol: float = 0.0) -> FloatArray:
    """Points by the neighbours' volatility plus `extra_vol`, nan where unknown; shape (contracts,)."""
    rows = [view.row(contract) for contract in contracts]
    at = np.array([0 if row is None else row for row in rows], dtype=np.int64)
    listing = view.listing
    values: FloatArray = price(
        view.forward[at],
        listing.strike[at],
        view.years[listing.expiry_index[at]],
        view.fair_sigma[at] + extra_vol,
        listing.is_call[at],
        view.discount[at],
    )
    return np.where([row is None for row in rows], np.nan, values)


def fair_deltas(view: MarketView, contracts: Sequence[OptionContract]) -> FloatArray:
    """Deltas by the neighbouring strikes' volatility, nan where unknown; shape (contracts,)."""
    rows = [view.row(contract) for contract in contracts]
    at = np.array([0 if row is None else row for row in rows], dtype=np.int64)
    listing = view.listing
    years = view.years[listing.expiry_index[at]]
    sigma, is_call = view.fair_sigma[at], listing.is_call[at]
    found = greeks(view.forward[at], listing.strike[at], years, sigma, is_call, view.discount[at])
    return np.where([row is None for row in rows], np.nan, found.delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class LegQuotes:
    """The touch of each leg of a structure, in points; nan where a side is missing."""

    sides: tuple[Side, ...]
    bids: tuple[float, ...]
    asks: tuple[float, ...]

    @property
    def credit(self) -> float | None:
        """Points per unit received by opening: sell at the bid, buy at the ask; None if unquoted."""
        credit = self.sold - self.bought
        return credit if math.isfinite(credit) else None

    @property
    def half_spread(self) -> float | None:
        """Points per unit lost to half the spread of every leg, once; None when a side is missing."""
        total = 0.5 * (sum(self.asks) - sum(self.bids))
        return total if math.isfinite(total) else None

    @property
    def bought(self) -> float:
        """Points per unit paid for the long legs."""
        return sum(ask for side, ask in zip(self.sides, self.asks, strict=True) if side is Side.BUY)

    @property
    def sold(self) -> float:
        """Points per unit received for the short legs."""
        return sum(bid for side, bid in zip(self.sides, self.bids, strict=True) if side is Side.SELL)


def leg_quotes(view: MarketView, legs: Sequence[Leg]) -> LegQuotes:
    """The touch of each leg; a leg that is not listed has no quote."""
    rows = [view.row(leg.contract) for leg in legs]
    bid, ask = view.snapshot.bid, view.snapshot.ask
    return LegQuotes(
        sides=tuple(leg.side for leg in legs),
        bids=tuple(math.nan if row is None else float(bid[row]) for row in rows),
        asks=tuple(math.nan if row is None else float(ask[row]) for row in rows),
    )


def _conservative_cost(view: MarketView, positions: Sequence[Position]) -> float | None:
    contracts = [position.contract for position in positions]
    if not contracts:
        return 0.0
    values = fair_values(view, contracts, CONSERVATIVE_VOL_POINTS)
    cost = -float(values @ np.array([position.quantity for position in positions], dtype=np.float64))
    return cost if math.isfinite(cost) else None


def _is_suspect(view: MarketView, contract: OptionContract) -> bool:
    row = view.row(contract)
    return row is not None and bool(int(view.flags[row]) & _SUSPECT)


def _both_sides(view: MarketView, contract: OptionContract) -> bool:
    row = view.row(contract)
    return row is not None and math.isfinite(view.mid[row])


def _price(value: float, tick: Decimal) -> Decimal | None:
    return tick_price(value, tick) if math.isfinite(value) else None
