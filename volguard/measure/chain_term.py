"""The term structure that a chain shows now."""

from __future__ import annotations

import numpy as np

from volguard.measure.market_view import MarketView, at_the_money
from volguard.pricing.daycount import DAYS_PER_YEAR
from volguard.volatility.term_structure import MATURITIES_DAYS, TermShape, TermStructure, term_structure


def chain_term(view: MarketView) -> TermStructure:
    """At-the-money volatility of the listed expiries, as far as the last maturity needs, interpolated."""
    # One beyond the last maturity closes it; those after it say nothing.
    count = int(np.searchsorted(np.nan_to_num(view.years), MATURITIES_DAYS[-1] / DAYS_PER_YEAR)) + 1
    levels = [at_the_money(view, expiry) for expiry in view.listing.expiries[:count]]
    sigma = [None if level is None else level.sigma for level in levels]
    return term_structure(view.years[:count], np.array(sigma, dtype=np.float64))  # None becomes nan


def is_backwardation(term: TermStructure) -> bool | None:
    """Whether near stands above far; None where too few maturities are known to tell."""
    return None if term.shape is TermShape.UNKNOWN else term.shape is TermShape.BACKWARDATION
