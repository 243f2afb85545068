"""One snapshot, priced when asked: forwards, volatilities and Greeks of every row; nan where unknown."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

import numpy as np

from volguard.model.errors import DateNotCovered
from volguard.model.market import ChainSnapshot, FloatArray, Listing
from volguard.nse.calendar import Calendar
from volguard.pricing.black76 import Greeks, greeks
from volguard.pricing.daycount import years_to_expiry
from volguard.pricing.forward import Forwards, imply_forwards
from volguard.pricing.implied_vol import implied_vol


@dataclass(frozen=True, kw_only=True, eq=False)
class PricedChain:
    """A snapshot and what follows from it; `close_epoch_s` are the closes of the expiry days."""

    snapshot: ChainSnapshot
    close_epoch_s: FloatArray

    @cached_property
    def years(self) -> FloatArray:
        """Years to expiry per row."""
        years = years_to_expiry(self.close_epoch_s - self.snapshot.ts.timestamp())
        return np.asarray(years[self.snapshot.listing.expiry_index])

    @cached_property
    def forwards(self) -> Forwards:
        """Forward and discount per expiry, from put-call parity."""
        shot = self.snapshot
        years = years_to_expiry(self.close_epoch_s - shot.ts.timestamp())
        return imply_forwards(shot.listing, shot.bid, shot.ask, years)

    @cached_property
    def forward(self) -> FloatArray:
        """Forward of each row's expiry."""
        return np.asarray(self.forwards.forward[self.snapshot.listing.expiry_index])

    @cached_property
    def discount(self) -> FloatArray:
        """Discount of each row's expiry."""
        return np.asarray(self.forwards.discount[self.snapshot.listing.expiry_index])

    @cached_property
    def iv(self) -> FloatArray:
        """Volatility of each row: the vendor's where it gives one, else implied by the mid of the row."""
        shot, listing = self.snapshot, self.snapshot.listing
        mid = 0.5 * (shot.bid + shot.ask)
        implied = implied_vol(
            mid, self.forward, listing.strike, self.years, listing.is_call, self.discount
        ).sigma
        return np.where(shot.vendor_iv > 0.0, shot.vendor_iv, implied)

    @cached_property
    def sigma(self) -> FloatArray:
        """Volatility of each strike, from its out-of-the-money side or its neighbours of the same expiry."""
        listing = self.snapshot.listing
        best = self.iv.copy()
        calls, puts = listing.pairs
        otm_is_call = listing.strike[calls] >= self.forward[calls]
        first = np.where(otm_is_call, self.iv[calls], self.iv[puts])
        second = np.where(otm_is_call, self.iv[puts], self.iv[calls])
        best[calls] = best[puts] = np.where(np.isfinite(first), first, second)
        return _filled(listing, best)

    @cached_property
    def greeks(self) -> Greeks:
        """Greeks of each row at its own volatility."""
        listing = self.snapshot.listing
        return greeks(self.forward, listing.strike, self.years, self.iv, listing.is_call, self.discount)

    @cached_property
    def spot(self) -> float:
        """The index: the source's own figure, else the nearest forward discounted; nan without both."""
        if self.snapshot.underlying_ltp is not None:
            return self.snapshot.underlying_ltp
        for forward, discount in zip(
            self.forwards.forward.tolist(), self.forwards.discount.tolist(), strict=True
        ):
            if math.isfinite(forward):
                return round(float(forward) * float(discount), 2)
        return math.nan


class ChainPricer:
    """Makes priced chains; knows when each expiry closes."""

    def __init__(self, calendar: Calendar, trading_date: date) -> None:
        self._calendar, self._trading_date = calendar, trading_date
        self._closes: dict[date, float] = {}

    def price(self, snapshot: ChainSnapshot) -> PricedChain:
        """The snapshot, to be priced when something is asked of it. Raises DateNotCovered."""
        closes = np.array([self._close_s(expiry) for expiry in snapshot.listing.expiries])
        return PricedChain(snapshot=snapshot, close_epoch_s=closes)

    def _close_s(self, expiry: date) -> float:
        if expiry not in self._closes:
            self._closes[expiry] = self.close_of(expiry).timestamp()
        return self._closes[expiry]

    def close_of(self, expiry: date) -> datetime:
        """When contracts of an expiry stop trading. Raises DateNotCovered."""
        try:
            session = self._calendar.session(expiry)
        except DateNotCovered:
            session = None  # years ahead: today's hour stands in, minutes in years
        if session is not None:
            return session.windows[-1][1]
        today = self._calendar.session(self._trading_date)
        if today is None:
            raise DateNotCovered("calendar.session", self._trading_date)
        return datetime.combine(expiry, today.windows[-1][1].timetz())


def _filled(listing: Listing, sigma: FloatArray) -> FloatArray:
    out = sigma.copy()
    for expiry in listing.expiries:
        rows = listing.rows_of(expiry)
        part, strike = out[rows], listing.strike[rows]
        known = np.isfinite(part)
        if known.any() and not known.all():
            part[~known] = np.interp(strike[~known], strike[known], part[known])
    return out
