"""The quoted smiles of all expiries as padded matrices, the weight of each quote, and the error of a fit.

Row i is one expiry, columns are its strikes in rising order; short rows are padded with nan. A quote's price
is known to half its bid-ask width, and never better than what SIGMA_NOISE of volatility is worth at the
money: quotes of one snapshot are not taken in the same instant. Its weight is vega squared over the sum of
both variances, so that errors count by what they cost; the mean weight over the liquid strikes is 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray, Listing
from volguard.pricing.normal import SQRT_2PI

StatusArray = NDArray[np.uint8]

SIGMA_NOISE: Final = 0.0005
SIGMA_ERROR_MAX: Final = 0.01  # a strike known no better than to a volatility point is not liquid
STRIKES_EACH_SIDE_MIN: Final = 2
NEAR_DEVIATIONS: Final = 1.5
POINT: Final = 0.01


class FitStatus(IntEnum):
    """How the fit of an expiry ended, or why none was tried (from NO_FORWARD on)."""

    OK = 0
    AT_BOUND = 1  # best fit inside the bounds, with a parameter on one of them
    NOT_CONVERGED = 2
    BUTTERFLY = 3  # Durrleman's condition fails
    NO_FORWARD = 4
    NO_TIME = 5
    NO_QUOTES = 6
    OUT_OF_ORDER = 7  # strikes not rising
    DUPLICATE_STRIKES = 8
    TOO_FEW_STRIKES = 9


@dataclass(frozen=True, kw_only=True, eq=False)
class Smiles:
    """Quoted volatilities by expiry and strike.

    Per expiry, shape (n,): `forward` points, `discount`, `years` ACT/365. Per quote, shape (n, m), nan where
    absent: `strike`, `sigma` decimal per year, `spread` bid-ask width of its price. `tick` in points.
    """

    forward: FloatArray
    discount: FloatArray
    years: FloatArray
    strike: FloatArray
    sigma: FloatArray
    spread: FloatArray
    tick: float

    def __len__(self) -> int:
        return len(self.forward)

    @cached_property
    def k(self) -> FloatArray:
        """Log-moneyness ln(K / F), shape (n, m), nan where strike or forward is unknown or not above zero."""
        with np.errstate(all="ignore"):
            ratio = self.strike / self.forward[:, None]
            return np.asarray(np.log(np.where(ratio > 0.0, ratio, np.nan)))

    @cached_property
    def vega(self) -> FloatArray:
        """Change of the price in points for 1.00 of volatility at the quoted one, shape (n, m)."""
        with np.errstate(all="ignore"):
            s = self.sigma * np.sqrt(self.years)[:, None]
            d1 = 0.5 * s - self.k / s
            scale = (self.discount * self.forward * np.sqrt(self.years) / SQRT_2PI)[:, None]
            return np.asarray(scale * np.exp(-0.5 * d1 * d1))

    @cached_property
    def sigma_error(self) -> FloatArray:
        """Half the bid-ask width (one tick at least) in volatility, shape (n, m)."""
        with np.errstate(all="ignore"):
            return np.asarray(0.5 * np.maximum(self.spread, self.tick) / self.vega)

    @cached_property
    def is_liquid(self) -> BoolArray:
        """Quotes that a fit may use: a volatility known to SIGMA_ERROR_MAX, shape (n, m)."""
        usable = (self.sigma_error <= SIGMA_ERROR_MAX) & (self.spread >= 0.0) & (self.sigma > 0.0)
        return np.asarray(usable & np.isfinite(self.k))

    @cached_property
    def weight(self) -> FloatArray:
        """Of each squared volatility error, mean 1 over the liquid strikes, 0 elsewhere, shape (n, m)."""
        vega = np.where(self.is_liquid, self.vega, 0.0)
        width = np.where(self.is_liquid, np.maximum(self.spread, self.tick), self.tick)
        noise = SIGMA_NOISE * vega.max(axis=1, keepdims=True)
        raw = vega * vega / (0.25 * width * width + noise * noise)
        total = np.maximum(raw.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return np.asarray(raw * (self.is_liquid.sum(axis=1, keepdims=True) / total))

    @cached_property
    def atm_sigma(self) -> FloatArray:
        """Volatility at the forward, linear in k between liquid strikes, nan without them, shape (n,)."""
        level = np.full(len(self), np.nan)
        for i, liquid in enumerate(self.is_liquid):
            if liquid.any():
                order = np.argsort(self.k[i][liquid])
                level[i] = np.interp(0.0, self.k[i][liquid][order], self.sigma[i][liquid][order])
        return level

    @cached_property
    def input_status(self) -> StatusArray:
        """FitStatus.OK, or why nothing can be fitted, shape (n,); strikes are counted by `has_strikes`."""
        status = np.full(len(self), FitStatus.OK, dtype=np.uint8)
        before = np.fmax.accumulate(
            np.concatenate((np.full((len(self), 1), -np.inf), self.strike), axis=1), axis=1
        )[:, :-1]
        status[(self.strike == before).any(axis=1)] = FitStatus.DUPLICATE_STRIKES
        status[(self.strike < before).any(axis=1)] = FitStatus.OUT_OF_ORDER
        status[~np.isfinite(self.sigma).any(axis=1)] = FitStatus.NO_QUOTES
        status[~((self.years > 0.0) & np.isfinite(self.years))] = FitStatus.NO_TIME
        known = np.isfinite(self.forward + self.discount) & (self.forward > 0.0) & (self.discount > 0.0)
        status[~known] = FitStatus.NO_FORWARD
        return status

    def has_strikes(self, count_min: int) -> BoolArray:
        """Expiries with that many liquid strikes, STRIKES_EACH_SIDE_MIN below and above the forward, (n,)."""
        below = (self.is_liquid & (self.k <= 0.0)).sum(axis=1)
        above = (self.is_liquid & (self.k >= 0.0)).sum(axis=1)
        enough = self.is_liquid.sum(axis=1) >= count_min
        return np.asarray(enough & (np.minimum(below, above) >= STRIKES_EACH_SIDE_MIN))

    def status_for(self, count_min: int) -> StatusArray:
        """`input_status`, with TOO_FEW_STRIKES where a fit of `count_min` strikes cannot be made, (n,)."""
        few = (self.input_status == FitStatus.OK) & ~self.has_strikes(count_min)
        return np.where(few, np.uint8(FitStatus.TOO_FEW_STRIKES), self.input_status)

    def chosen(self, expiries: IntArray) -> Smiles:
        """The smiles of some expiries, by position."""
        columns = ("forward", "discount", "years", "strike", "sigma", "spread")
        return Smiles(**{name: getattr(self, name)[expiries] for name in columns}, tick=self.tick)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FitError:
    """Distance of a fit from the liquid quotes of each expiry, shape (n,), nan where there is none.

    In volatility points (`_pt`) and in price ticks (`_ticks`); `near_`: strikes within NEAR_DEVIATIONS
    standard deviations of the forward, |ln(K/F)| <= 1.5 sigma sqrt(t).
    """

    rms_pt: FloatArray
    max_pt: FloatArray
    near_rms_pt: FloatArray
    near_max_pt: FloatArray
    rms_ticks: FloatArray
    max_ticks: FloatArray
    near_rms_ticks: FloatArray
    near_max_ticks: FloatArray


def fit_error(smiles: Smiles, fitted: FloatArray) -> FitError:
    """Errors of fitted volatilities, shape (n, m) like the smiles."""
    with np.errstate(all="ignore"):
        apart = np.abs(fitted - smiles.sigma)
        reach = (NEAR_DEVIATIONS * smiles.atm_sigma * np.sqrt(smiles.years))[:, None]
        near = smiles.is_liquid & (np.abs(smiles.k) <= reach)
        by_unit = {"pt": apart / POINT, "ticks": apart * smiles.vega / smiles.tick}
    figures: dict[str, FloatArray] = {}
    for prefix, used in (("", smiles.is_liquid), ("near_", near)):
        for unit, error in by_unit.items():
            figures[f"{prefix}rms_{unit}"] = _root_mean_square(error, used)
            figures[f"{prefix}max_{unit}"] = _largest(error, used)
    return FitError(**figures)


def pack_smiles(
    *,
    expiry: IntArray,
    strike: FloatArray,
    sigma: FloatArray,
    spread: FloatArray,
    forward: FloatArray,
    discount: FloatArray,
    years: FloatArray,
    tick: float,
) -> Smiles:
    """Smiles from flat columns, shape (rows,), one row per strike.

    `expiry` points into the per-expiry columns `forward`, `discount`, `years`. Rows keep their order
    within an expiry. Raises ValueError when columns differ in length or `expiry` points outside.
    """
    count = len(forward)
    if not len(expiry) == len(strike) == len(sigma) == len(spread):
        raise ValueError(
            f"columns had {len(expiry)}, {len(strike)}, {len(sigma)}, {len(spread)} rows, must be equal"
        )
    if len(expiry) and not 0 <= expiry.min() <= expiry.max() < count:
        raise ValueError(f"expiry ran from {expiry.min()} to {expiry.max()}, must be within 0 .. {count - 1}")
    order = np.argsort(expiry, kind="stable")
    sizes = np.bincount(expiry, minlength=count)
    row = expiry[order]
    column = np.arange(len(expiry)) - (np.cumsum(sizes) - sizes)[row]
    shape = (count, max(int(sizes.max(initial=0)), 1))
    packed = []
    for values in (strike, sigma, spread):
        matrix = np.full(shape, np.nan)
        matrix[row, column] = values[order]
        packed.append(matrix)
    return Smiles(
        forward=np.asarray(forward, dtype=np.float64),
        discount=np.asarray(discount, dtype=np.float64),
        years=np.asarray(years, dtype=np.float64),
        strike=packed[0],
        sigma=packed[1],
        spread=packed[2],
        tick=tick,
    )


def quoted_smiles(
    listing: Listing,
    *,
    bid: FloatArray,
    ask: FloatArray,
    iv: FloatArray,
    usable: BoolArray,
    forward: FloatArray,
    discount: FloatArray,
    years: FloatArray,
    tick: float,
) -> Smiles:
    """Smiles of a chain from the out-of-the-money side of each strike.

    `bid`, `ask` (points), `iv` (decimal) and `usable` per row of the listing; `forward`, `discount` and
    `years` per expiry. A strike whose out-of-the-money quote is not usable is absent.
    """
    call, put = listing.pairs
    at = listing.expiry_index[call]
    strike = listing.strike[call]
    row = np.where(strike >= forward[at], call, put)
    good = usable[row]
    return pack_smiles(
        expiry=at,
        strike=strike,
        sigma=np.where(good, iv[row], np.nan),
        spread=np.where(good, ask[row] - bid[row], np.nan),
        forward=forward,
        discount=discount,
        years=years,
        tick=tick,
    )


def _root_mean_square(error: FloatArray, used: BoolArray) -> FloatArray:
    count = used.sum(axis=1)
    total = np.where(used, error * error, 0.0).sum(axis=1)
    return np.where(count > 0, np.sqrt(total / np.maximum(count, 1)), np.nan)


def _largest(error: FloatArray, used: BoolArray) -> FloatArray:
    top = np.where(used, error, 0.0).max(axis=1, initial=0.0)
    return np.where(used.any(axis=1), top, np.nan)
