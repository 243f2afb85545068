"""What draws the smile of each expiry: fitted parameters or the quoted strikes themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.pricing.arbitrage import calendar_gap, durrleman_of_grid
from volguard.pricing.sabr import sabr_sigma
from volguard.pricing.smile import NEAR_DEVIATIONS, FitStatus, Smiles
from volguard.pricing.svi import svi_total_variance

GRID_POINTS_PER_DEVIATION: Final = 100
CALENDAR_GRID_POINTS: Final = 31
PARAMETERS_MAX: Final = 5


class SmileSource(IntEnum):
    """Where the smile of an expiry comes from."""

    SABR = 0
    SVI = 1
    PREVIOUS = 2
    QUOTED = 3
    NONE = 4


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slices:
    """By expiry: `source`, the `model` behind it (SABR, SVI or NONE) and its `parameters`, shape (n, 5).

    SABR uses the first three columns (alpha, rho, nu) and `beta`, SVI all (a, b, rho, m, s); `fitted_ts` None
    where no fit draws the smile.
    """

    source: NDArray[np.uint8]
    model: NDArray[np.uint8]
    parameters: FloatArray
    beta: float
    fitted_ts: tuple[datetime | None, ...]

    def age_s(self, ts: datetime) -> FloatArray:
        """Seconds since each fit, nan without one, shape (n,)."""
        ages = [np.nan if fitted is None else (ts - fitted).total_seconds() for fitted in self.fitted_ts]
        return np.array(ages, dtype=np.float64)


def slice_variance(slices: Slices, smiles: Smiles, expiry: IntArray, k: FloatArray) -> FloatArray:
    """Total variance sigma^2 t at log-moneyness `k` of expiries by position, broadcast; nan where unknown."""
    at, where = np.broadcast_arrays(expiry, k)
    result = np.full(at.shape, np.nan)
    with np.errstate(all="ignore"):
        for model, draw in ((SmileSource.SABR, _sabr_variance), (SmileSource.SVI, _svi_variance)):
            rows = slices.model[at] == model
            if rows.any():
                result[rows] = draw(slices, smiles, at[rows], where[rows])
        quoted = slices.source[at] == SmileSource.QUOTED
        for i in np.unique(at[quoted]).tolist():
            rows = quoted & (at == i)
            result[rows] = _quoted_variance(smiles, i, where[rows])
    return result


def near_butterfly(slices: Slices, smiles: Smiles, *, deviations: float = NEAR_DEVIATIONS) -> FloatArray:
    """Smallest g of Durrleman's condition within `deviations` of the forward, (n,); nan without a fit."""
    rows = np.flatnonzero(slices.model != SmileSource.NONE)
    least = np.full(len(smiles), np.nan)
    if len(rows):
        points = 1 + 2 * round(deviations * GRID_POINTS_PER_DEVIATION)
        k = _near_grid(slices, smiles, rows, points, deviations)
        least[rows] = durrleman_of_grid(k, slice_variance(slices, smiles, rows[:, None], k)).min(axis=1)
    return least


def calendar_growth(slices: Slices, smiles: Smiles) -> FloatArray:
    """Smallest growth of total variance to the next expiry, over k near the earlier one, shape (n - 1,)."""
    near = np.arange(max(len(smiles) - 1, 0))
    if not len(near):
        return np.empty(0)
    k = _near_grid(slices, smiles, near, CALENDAR_GRID_POINTS)
    early = slice_variance(slices, smiles, near[:, None], k)
    return calendar_gap(early, slice_variance(slices, smiles, near[:, None] + 1, k))


def has_axis(smiles: Smiles) -> BoolArray:
    """Expiries with a forward and a time, without which no smile can be placed, shape (n,)."""
    status = smiles.input_status
    return np.asarray((status != FitStatus.NO_FORWARD) & (status != FitStatus.NO_TIME))


def _near_grid(
    slices: Slices, smiles: Smiles, rows: IntArray, points: int, deviations: float = NEAR_DEVIATIONS
) -> FloatArray:
    deviation = np.sqrt(slice_variance(slices, smiles, rows, np.zeros(len(rows))))
    return np.asarray(deviation[:, None] * np.linspace(-deviations, deviations, points))


def _sabr_variance(slices: Slices, smiles: Smiles, expiry: IntArray, k: FloatArray) -> FloatArray:
    alpha, rho, nu = slices.parameters[expiry, :3].T
    forward, t = smiles.forward[expiry], smiles.years[expiry]
    sigma = sabr_sigma(forward, forward * np.exp(k), t, alpha=alpha, rho=rho, nu=nu, beta=slices.beta)
    return np.asarray(sigma * sigma * t)


def _svi_variance(slices: Slices, smiles: Smiles, expiry: IntArray, k: FloatArray) -> FloatArray:
    del smiles  # total variance by itself: no forward and no time in it
    a, b, rho, m, s = slices.parameters[expiry].T
    return svi_total_variance(k, a=a, b=b, rho=rho, m=m, s=s)


def _quoted_variance(smiles: Smiles, expiry: int, k: FloatArray) -> FloatArray:
    liquid = smiles.is_liquid[expiry]
    at, sigma = smiles.k[expiry][liquid], smiles.sigma[expiry][liquid]
    return np.asarray(np.interp(k, at, sigma * sigma * smiles.years[expiry], left=np.nan, right=np.nan))
