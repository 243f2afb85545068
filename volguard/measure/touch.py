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
from volguard.model.market import Quote
from volguard.model.units import tick_price
from volguard.pricing.black76 import price

CONSERVATIVE_VOL_POINTS: Final = 0.01
THEORETICAL_MARGIN: Final = 0.25
THEORETICAL_SLACK_TICKS: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingMark:
    """What closing a set of positions at the touch would bring in (negative: cost), in rupees.

    `is_confirmed_price`: both sides of every short are quoted and the cost is within 25 % of the
    conservative theoretical value (smile plus one vol point) and a few ticks a leg.
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
    """Value of closing at the touch; None when any leg has no price to close at.

    A long leg that nobody bids for is worth nothing here: it can always be left to expire.
    """
    total = Decimal(0)
    theoretical = 0.0
    confirmed = True
    slack = 0.0
    for position in positions:
        closing = closing_price(view, position.contract, position.quantity, tick)
        if closing is None and position.quantity < 0:
            return None
        total += position.quantity * (closing or Decimal(0))
        value = conservative_value(view, position.contract)
        if position.quantity < 0:
            confirmed = confirmed and _both_sides(view, position.contract)
        confirmed = confirmed and value is not None
        theoretical += position.quantity * (value or 0.0)
        slack += THEORETICAL_SLACK_TICKS * float(tick) * abs(position.quantity)
    cost, fair = -float(total), -theoretical
    within = cost <= fair + THEORETICAL_MARGIN * abs(fair) + slack
    return ClosingMark(value_inr=total, is_confirmed_price=confirmed and within)


def conservative_value(view: MarketView, contract: OptionContract) -> float | None:
    """Points at the smile plus one vol point; None when the strike has no volatility."""
    row = view.row(contract)
    if row is None or not math.isfinite(view.sigma[row]):
        return None
    listing = view.listing
    value = price(
        view.forward[row],
        listing.strike[row],
        view.years[listing.expiry_index[row]],
        view.sigma[row] + CONSERVATIVE_VOL_POINTS,
        listing.is_call[row],
        view.discount[row],
    )
    return float(np.asarray(value))


def entry_credit(view: MarketView, legs: Sequence[Leg]) -> float | None:
    """Points per unit received by opening at the touch: sell at the bid, buy at the ask; None if unquoted."""
    total = 0.0
    for leg in legs:
        row = view.row(leg.contract)
        if row is None:
            return None
        column = view.snapshot.ask if leg.side is Side.BUY else view.snapshot.bid
        total -= leg.side.sign * float(column[row])
    return total if math.isfinite(total) else None


def half_spreads(view: MarketView, legs: Sequence[Leg]) -> float | None:
    """Points per unit lost to half the spread of every leg, once; None when a side is missing."""
    total = 0.0
    for leg in legs:
        row = view.row(leg.contract)
        if row is None:
            return None
        total += 0.5 * float(view.snapshot.ask[row] - view.snapshot.bid[row])
    return total if math.isfinite(total) else None


def touch_prices(view: MarketView, legs: Sequence[Leg]) -> tuple[float, float]:
    """Points per unit bought and sold (both positive) by opening at the touch. Callers checked the quotes."""
    bought = sold = 0.0
    for leg in legs:
        row = view.row(leg.contract)
        if row is None:
            return math.nan, math.nan
        if leg.side is Side.BUY:
            bought += float(view.snapshot.ask[row])
        else:
            sold += float(view.snapshot.bid[row])
    return bought, sold


def _both_sides(view: MarketView, contract: OptionContract) -> bool:
    row = view.row(contract)
    return row is not None and math.isfinite(view.mid[row])


def _price(value: float, tick: Decimal) -> Decimal | None:
    return tick_price(value, tick) if math.isfinite(value) else None
