"""The volatility surface of one underlying: sigma(strike, t), forward variance, age and arbitrage.

Between expiries total variance is linear in time at fixed k = ln(K/F) (J. Gatheral, "The Volatility Surface",
2006, chapter 2) and ln F is linear in time; before the first expiry its volatility stands at each k, and its
forward; after the last one there is no surface (nan). Where a smile comes from: pricing/fallback.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.pricing.sabr import SabrFits
from volguard.pricing.slices import Slices, SmileSource, slice_variance
from volguard.pricing.smile import Smiles, StatusArray
from volguard.pricing.svi import SviFits


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """Volatility by strike and time as of `ts`; per expiry, rising, shape (n,).

    `reason` (uint8 of FitStatus): how the SABR fit of the expiry ended; OK with another source means that its
    error or a butterfly set it aside. `age_s` of the fit in use, nan without. `butterfly`: smallest g of
    Durrleman's condition within 1.5 standard deviations of the forward. `calendar` (n - 1,): smallest
    growth of total variance to the next expiry over the same range; negative is an arbitrage. `sabr` and
    `svi` are the fits made at `fitted_ts` and level `level`, for charts and checks.
    """

    ts: datetime
    expiries: tuple[date, ...]
    smiles: Smiles
    slices: Slices
    sabr: SabrFits
    svi: SviFits
    fitted_ts: datetime
    level: float
    reason: StatusArray
    age_s: FloatArray
    butterfly: FloatArray
    calendar: FloatArray

    @property
    def source(self) -> NDArray[np.uint8]:
        """SmileSource of each expiry, shape (n,)."""
        return self.slices.source

    @property
    def is_known(self) -> BoolArray:
        """Expiries with any smile, shape (n,)."""
        return np.asarray(self.source != SmileSource.NONE)

    def sigma(self, strike: ArrayLike, t: ArrayLike) -> FloatArray:
        """Volatility at strikes (points) and times (years from `ts`), broadcast shape; nan where unknown."""
        strikes, times = _floats(strike, t)
        with np.errstate(all="ignore"):
            k = np.log(strikes / self.forward_at(times))
            return np.asarray(np.sqrt(self.total_variance(k, times) / times))

    def expiry_sigma(self, strike: ArrayLike, expiry: ArrayLike) -> FloatArray:
        """Volatility of strikes (points) on the smile of an expiry (position), broadcast shape."""
        strikes, at = np.broadcast_arrays(np.asarray(strike, dtype=np.float64), np.asarray(expiry))
        with np.errstate(all="ignore"):
            k = np.log(strikes / self.smiles.forward[at])
            w = slice_variance(self.slices, self.smiles, at, k)
            return np.asarray(np.sqrt(w / self.smiles.years[at]))

    def total_variance(self, k: ArrayLike, t: ArrayLike) -> FloatArray:
        """sigma^2 t at log-moneyness k and t years, broadcast shape; nan where unknown and for t <= 0."""
        at, times = _floats(k, t)
        known = np.flatnonzero(self.is_known)
        if not len(known):
            return np.full(at.shape, np.nan)
        before, after, weight = _between(self.smiles.years[known], times)
        late = slice_variance(self.slices, self.smiles, known[after], at)
        early = slice_variance(self.slices, self.smiles, known[np.maximum(before, 0)], at)
        early = np.where((before < 0) | (weight == 1.0), 0.0, early)
        return np.asarray((1.0 - weight) * early + weight * late)

    def forward_at(self, t: ArrayLike) -> FloatArray:
        """Forward in points at t years, same shape; nan after the last known expiry and for t not above 0."""
        known = np.flatnonzero(self.is_known)
        times = np.asarray(t, dtype=np.float64)
        if not len(known):
            return np.full(times.shape, np.nan)
        years, forward = self.smiles.years[known], self.smiles.forward[known]
        value = np.exp(np.interp(times, years, np.log(forward)))
        return np.asarray(np.where((times > 0.0) & (times <= years[-1]), value, np.nan))

    def forward_variance(self, t_near: ArrayLike, t_far: ArrayLike) -> FloatArray:
        """Variance per year at the money between two times (years), broadcast shape; t_near = 0 starts today.

        (w(0, t_far) - w(0, t_near)) / (t_far - t_near); nan unless t_near is before t_far, negative where
        the quotes hold a calendar arbitrage.
        """
        near, far = _floats(t_near, t_far)
        start = np.where(near == 0.0, 0.0, self.total_variance(0.0, near))
        with np.errstate(all="ignore"):
            value = (self.total_variance(0.0, far) - start) / (far - near)
        return np.asarray(np.where(near < far, value, np.nan))


def _floats(first: ArrayLike, second: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, b = np.broadcast_arrays(np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64))
    return a, b


def _between(years: FloatArray, t: FloatArray) -> tuple[IntArray, IntArray, FloatArray]:
    # Positions of the expiries around t (before: -1 stands for today) and the weight of the later one; nan
    # outside.
    after = np.minimum(np.searchsorted(years, t), len(years) - 1)
    before = after - 1
    start = np.where(before < 0, 0.0, years[np.maximum(before, 0)])
    with np.errstate(all="ignore"):
        weight = (t - start) / (years[after] - start)
    return before, after, np.where((t > 0.0) & (t <= years[-1]), weight, np.nan)
