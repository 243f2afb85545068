"""What level and volatility have done to a trade since it was made, told apart.

Each leg is priced with the time left now on three markets: that of the entry, that with the forward of now,
and that of now. The first step less what delta gives for it is gamma's part, the second step is vega's. With
the passing of time on the market of the entry, and delta's part, they add up to the change of value exactly.
Volatilities are those of the strikes beside each leg, so that no quote vouches for itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from volguard.measure.chain_term import chain_term, is_backwardation
from volguard.measure.market_view import MarketView
from volguard.model.book import EntryMarket, Leg, Position, Trade
from volguard.model.instrument import OptionContract
from volguard.model.units import figure
from volguard.pricing.black76 import greeks, price


@dataclass(frozen=True, slots=True, kw_only=True)
class SinceEntry:
    """Rupees of the positions held, since the entry; a loss is negative."""

    delta_inr: float
    gamma_inr: float
    vega_inr: float


def entry_market(view: MarketView, legs: Sequence[Leg]) -> EntryMarket | None:
    """What a trade of these legs (of one expiry) keeps of its market; None where a leg cannot be priced."""
    at = _rows(view, [leg.contract for leg in legs])
    if at is None:
        return None
    forward, sigmas = float(view.forward[at[0]]), [float(view.fair_sigma[row]) for row in at]
    if not (math.isfinite(forward) and all(sigma > 0.0 for sigma in sigmas)):
        return None
    return EntryMarket(
        forward=figure(forward),
        sigmas=tuple(figure(sigma) for sigma in sigmas),
        is_backwardation=is_backwardation(chain_term(view)),
    )


def since_entry(view: MarketView, trade: Trade, positions: Sequence[Position]) -> SinceEntry | None:
    """Parts of the change of value of a trade's positions; None without its entry market or a price now."""
    entry = trade.entry_market
    if entry is None:
        return None
    legs = {leg.contract: sigma for leg, sigma in zip(trade.legs, entry.sigmas, strict=True)}
    contracts = [position.contract for position in positions]
    at = _rows(view, contracts)
    if not contracts or at is None or any(contract not in legs for contract in contracts):
        return None
    listing = view.listing
    strike, is_call, discount = listing.strike[at], listing.is_call[at], view.discount[at]
    years, forward = view.years[listing.expiry_index[at]], view.forward[at]
    sigma_then, sigma_now = np.array([legs[contract] for contract in contracts]), view.fair_sigma[at]
    units = np.array([position.quantity for position in positions], dtype=np.float64)
    then = greeks(entry.forward, strike, years, sigma_then, is_call, discount)
    moved = price(forward, strike, years, sigma_then, is_call, discount)
    now = price(forward, strike, years, sigma_now, is_call, discount)
    by_delta = then.forward_delta * (forward - entry.forward)
    delta = float(units @ by_delta)
    gamma = float(units @ (moved - then.price - by_delta))
    vega = float(units @ (now - moved))
    if not (math.isfinite(delta) and math.isfinite(gamma) and math.isfinite(vega)):
        return None
    return SinceEntry(delta_inr=delta, gamma_inr=gamma, vega_inr=vega)


def _rows(view: MarketView, contracts: Sequence[OptionContract]) -> list[int] | None:
    rows = [row for contract in contracts if (row := view.row(contract)) is not None]
    return rows if len(rows) == len(contracts) else None
