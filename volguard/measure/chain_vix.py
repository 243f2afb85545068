"""The model-free 30-day volatility of a chain: NSE's method on its two nearest monthly expiries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.model.instrument import Underlying
from volguard.model.market import BoolArray, Capabilities, FloatArray
from volguard.nse.contracts import Contracts
from volguard.volatility.vix import MINUTES_PER_YEAR, ExpiryStrip, VixValue, model_free_vix

EXPIRIES: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainVix:
    """The value with the expiries and strips it comes from; `value` None where fewer than two are listed."""

    expiries: tuple[date, ...]
    strips: tuple[ExpiryStrip, ...]
    value: VixValue | None

    @property
    def volatility(self) -> float | None:
        """Decimal per year; None where the quotes do not give it."""
        known = self.value is not None and math.isfinite(self.value.volatility)
        return self.value.volatility if self.value is not None and known else None


def chain_vix(view: MarketView, contracts: Contracts) -> ChainVix:
    """Of one snapshot; the rate of each expiry is the one that its own discount implies."""
    underlying = Underlying(view.listing.underlying)
    monthly = [day for day in view.listing.expiries if contracts.is_monthly(underlying, day)][:EXPIRIES]
    strips = tuple(_strip(view, day) for day in monthly)
    value = model_free_vix(*strips) if len(strips) == EXPIRIES else None
    return ChainVix(expiries=tuple(monthly), strips=strips, value=value)


def month_volatility(
    view: MarketView, capabilities: Capabilities, contracts: Contracts
) -> tuple[float | None, str]:
    """The 30-day volatility as decimal per year, and where it comes from.

    The source's VIX; of a source that has none, the chain's own. A VIX that the source did not give is None.
    """
    if capabilities.vix:
        return view.snapshot.vix, "vix of the source"
    return chain_vix(view, contracts).volatility, "model-free vix of the chain: the source has none"


def by_strike(strikes: FloatArray, strike: FloatArray, values: FloatArray, mine: BoolArray) -> FloatArray:
    """Values of the rows in `mine` at their place among `strikes` (ascending), nan where there is none."""
    out = np.full(len(strikes), np.nan)
    out[np.searchsorted(strikes, strike[mine])] = values[mine]
    return out


def _strip(view: MarketView, expiry: date) -> ExpiryStrip:
    listing, snapshot = view.listing, view.snapshot
    i, rows = listing.expiries.index(expiry), listing.rows_of(expiry)
    strike, is_call = listing.strike[rows], listing.is_call[rows]
    strikes, years = np.unique(strike), float(view.years[i])
    touches = {
        f"{side}_{name}": by_strike(strikes, strike, values[rows], mine)
        for side, mine in (("call", is_call), ("put", ~is_call))
        for name, values in (("bid", snapshot.bid), ("ask", snapshot.ask))
    }
    discount = float(view.forwards.discount[i])
    return ExpiryStrip(
        strike=strikes,
        **touches,
        forward=float(view.forwards.forward[i]),
        minutes=years * MINUTES_PER_YEAR,
        rate=-math.log(discount) / years if discount > 0.0 and years > 0.0 else math.nan,
    )
