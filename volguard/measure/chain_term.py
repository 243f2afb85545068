"""The term structure that a chain shows now."""

from __future__ import annotations

import numpy as np

from volguard.measure.market_view import ATM_STRIKES_MIN, MarketView
from volguard.model.market import FloatArray
from volguard.pricing.daycount import DAYS_PER_YEAR
from volguard.volatility.term_structure import MATURITIES_DAYS, TermShape, TermStructure, term_structure


def chain_term(view: MarketView) -> TermStructure:
    """At-the-money volatility of the listed expiries, as far as the last maturity needs, interpolated."""
    # One beyond the last maturity closes it; those after it say nothing.
    count = int(np.searchsorted(np.nan_to_num(view.years), MATURITIES_DAYS[-1] / DAYS_PER_YEAR)) + 1
    count = min(count, len(view.listing.expiries))
    return term_structure(view.years[:count], _sigma_at_the_money(view, count))


def is_backwardation(term: TermStructure) -> bool | None:
    """Whether near stands above far; None where too few maturities are known to tell."""
    return None if term.shape is TermShape.UNKNOWN else term.shape is TermShape.BACKWARDATION


def _sigma_at_the_money(view: MarketView, count: int) -> FloatArray:
    # What `at_the_money` says of each of the first expiries, of all at once; nan where it says nothing.
    listing = view.listing
    calls, puts = listing.pairs
    until = int(np.searchsorted(calls, listing.offsets[count]))
    calls, puts = calls[:until], puts[:until]
    known = np.isfinite(view.sigma[calls]) & np.isfinite(view.mid[calls]) & np.isfinite(view.mid[puts])
    calls = calls[known]
    at, strike, sigma = listing.expiry_index[calls], listing.strike[calls], view.sigma[calls]
    quoted = np.bincount(at, minlength=count)
    below = np.bincount(at[strike <= view.forward[calls]], minlength=count)
    last = np.cumsum(quoted) - 1
    low = last - quoted + below
    out = np.full(count, np.nan)
    forward = view.forwards.forward[:count]
    is_inside = (quoted >= ATM_STRIKES_MIN) & (below > 0)
    low, last, forward = low[is_inside], last[is_inside], forward[is_inside]
    high = np.minimum(low + 1, last)
    is_end = high == low
    width = np.where(is_end, 1.0, strike[high] - strike[low])
    value = sigma[low] + (sigma[high] - sigma[low]) / width * (forward - strike[low])
    # Above the last strike nothing is known; at it, it is that strike's own.
    out[is_inside] = np.where(is_end & (forward > strike[low]), np.nan, value)
    return out
