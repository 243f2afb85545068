"""Forward and discount of every expiry of a snapshot from put-call parity: C - P = D (F - K).

A weighted line through (K, C - P) per expiry, all expiries at once (H. R. Stoll, 1969, for the relation).
Each pair is known to within its bid-ask width w (a uniform error: variance w^2 / 12) and to within a noise
common to the expiry: calls and puts are not quoted at the same instant, and the index moves between two
updates. That noise is estimated from the residuals (R. DerSimonian and N. Laird, 1986, moment estimator).
Pairs further than OUTLIER_SIGMAS from the line are dropped and the line is drawn again.

The slope is D. Quotes of a short or thin expiry do not pin it: where the standard error of the implied rate
exceeds RATE_STDERR_MAX, or the rate leaves RATE_MIN .. RATE_MAX, the rate is pooled over all expiries by its
precision, kept within those bounds, and the status says so. F hardly depends on it, as it is read where
C = P; where the discount itself would be uncertain by more than DISCOUNT_STDERR_MAX, the expiry abstains.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray, Listing

TIGHT_SHARE: Final = 0.0025  # widest call-plus-put spread, as a share of the strike
PAIRS_MIN: Final = 3
PASSES: Final = 3
OUTLIER_SIGMAS: Final = 3.5
NOISE_SHARE_MIN: Final = 2e-6  # of the strike: one tick at 25,000, so that a locked quote is no oracle
RATE_MIN, RATE_MAX = -0.05, 0.20  # continuously compounded per year
RATE_STDERR_MAX: Final = 0.01
RATE_SPREAD: Final = 0.01  # how much rates of different expiries may honestly differ
DISCOUNT_STDERR_MAX: Final = 0.005
_MAD_TO_SIGMA: Final = 1.4826  # of a normal distribution


class ForwardStatus(IntEnum):
    """How an expiry's forward was found, or why it was not (from TOO_FEW_PAIRS on: nan)."""

    OK = 0
    POOLED_RATE = 1  # the discount comes from other expiries' rate
    TOO_FEW_PAIRS = 2
    DISCOUNT_UNKNOWN = 3  # neither its own quotes nor other expiries pin it
    NO_TIME = 4  # time to expiry is nan or not above zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Forwards:
    """One entry per expiry of the listing, nan where abstained; prices in points.

    `stderr` and `discount_stderr` are standard errors of `forward` and `discount`. `low` and `high` bound the
    forward by arbitrage: selling the synthetic forward at the best bid, buying it at the best offer of the
    pairs used; `low` above `high` means that quotes were not taken at the same instant.
    """

    forward: FloatArray
    discount: FloatArray
    stderr: FloatArray
    discount_stderr: FloatArray
    low: FloatArray
    high: FloatArray
    pairs_used: IntArray
    status: NDArray[np.uint8]

    @property
    def is_known(self) -> BoolArray:
        """Expiries with a forward, shape (expiries,)."""
        return self.status <= ForwardStatus.POOLED_RATE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ParityPairs:
    """Strikes with call and put quoted on both sides, not crossed; by expiry and strike, shape (pairs,).

    `level` is C - P at mid, `width` both spreads together, `bid` and `offer` what C - P sells and buys at.
    """

    expiry: IntArray  # position in the listing's expiries
    strike: FloatArray
    level: FloatArray
    width: FloatArray
    bid: FloatArray
    offer: FloatArray

    def chosen(self, keep: BoolArray) -> ParityPairs:
        """The pairs where `keep` is true."""
        return ParityPairs(**{name: getattr(self, name)[keep] for name in self.__slots__})


def imply_forwards(listing: Listing, bid: FloatArray, ask: FloatArray, t_by_expiry: FloatArray) -> Forwards:
    """Forwards of all expiries; `bid` and `ask` per row of the listing (nan: no quote), years per expiry."""
    count = len(listing.expiries)
    t = np.where(t_by_expiry > 0.0, t_by_expiry, np.nan)
    pairs = tight_pairs(listing, bid, ask)
    pairs = pairs.chosen(np.isfinite(t)[pairs.expiry])
    with np.errstate(all="ignore"):
        lines, keep = _fit_lines(pairs, t, count)
        rate, rate_stderr, is_pooled = _settle_rates(lines, t)
        return _settle_forwards(pairs.chosen(keep), lines, t, rate, rate_stderr, is_pooled)


def tight_pairs(listing: Listing, bid: FloatArray, ask: FloatArray) -> ParityPairs:
    """Pairs whose two spreads together are within TIGHT_SHARE of the strike."""
    call, put = listing.pairs
    call_bid, call_ask, put_bid, put_ask = bid[call], ask[call], bid[put], ask[put]
    strike = listing.strike[call]
    call_width, put_width = call_ask - call_bid, put_ask - put_bid
    width = call_width + put_width
    tight = (np.minimum(call_width, put_width) >= 0.0) & (width <= TIGHT_SHARE * strike)
    at = np.flatnonzero(tight & (np.minimum(call_bid, put_bid) > 0.0))
    low, high = (call_bid - put_ask)[at], (call_ask - put_bid)[at]
    return ParityPairs(
        expiry=listing.expiry_index[call][at],
        strike=strike[at],
        level=0.5 * (low + high),
        width=width[at],
        bid=low,
        offer=high,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Lines:
    # Per expiry: sums of the last weighted fit about `origin`, and its slope.
    origin: FloatArray
    weight: FloatArray
    mean_k: FloatArray
    mean_y: FloatArray
    discount: FloatArray
    discount_var: FloatArray
    used: IntArray


def _fit_lines(pairs: ParityPairs, t: FloatArray, count: int) -> tuple[_Lines, BoolArray]:
    expiry = pairs.expiry
    discount = np.exp(-0.5 * (RATE_MIN + RATE_MAX) * t)  # a start that the first line replaces
    spread_var = pairs.width**2 / 12.0
    noise_min = (NOISE_SHARE_MIN * pairs.strike) ** 2
    implied = pairs.strike + pairs.level / discount[expiry]
    origin = _group_median(expiry, implied, 1.0 / (spread_var + noise_min), count)
    off = np.abs(implied - origin[expiry])
    noise = (_MAD_TO_SIGMA * _group_median(expiry, off, 1.0 / (spread_var + noise_min), count)) ** 2
    k = pairs.strike - origin[expiry]
    # Before there is a slope, a pair far from the money may be off by the uncertainty of the discount.
    slack = (0.5 * (RATE_MAX - RATE_MIN) * t)[expiry] * np.abs(k)
    keep = off <= OUTLIER_SIGMAS * np.sqrt(spread_var + noise_min + noise[expiry]) + slack
    for _ in range(PASSES):
        variance = spread_var + noise_min + noise[expiry]
        weight = np.asarray(keep / variance)
        lines = _weighted_lines(expiry, k, pairs.level, weight, keep, origin, count)
        mean_y, mean_k, slope = lines.mean_y[expiry], lines.mean_k[expiry], lines.discount[expiry]
        residual = pairs.level - mean_y + slope * (k - mean_k)
        keep = np.abs(residual) <= OUTLIER_SIGMAS * np.sqrt(variance)
        noise = _common_noise(expiry, residual, keep / (spread_var + noise_min), keep, count)
    weight = keep / (spread_var + noise_min + noise[expiry])
    return _weighted_lines(expiry, k, pairs.level, weight, keep, origin, count), keep


def _group_median(group: IntArray, value: FloatArray, weight: FloatArray, count: int) -> FloatArray:
    # Weighted median of each group; `group` is sorted. nan for an empty group.
    median = np.full(count, np.nan)
    if len(group) == 0:
        return median
    order = np.lexsort((value, group))
    total = np.bincount(group, weight, count)
    below = np.cumsum(total) - total
    cumulative = np.cumsum(weight[order])
    at = np.minimum(np.searchsorted(cumulative, below + 0.5 * total), len(group) - 1)
    present = total > 0.0
    median[present] = value[order][at[present]]
    return median


def _weighted_lines(
    expiry: IntArray,
    k: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    keep: BoolArray,
    origin: FloatArray,
    count: int,
) -> _Lines:
    total = np.asarray(np.bincount(expiry, weight, count), dtype=np.float64)
    mean_k = np.bincount(expiry, weight * k, count) / total
    mean_y = np.bincount(expiry, weight * y, count) / total
    off_k = k - mean_k[expiry]
    moment = weight * off_k
    reach = np.bincount(expiry, moment * off_k, count)
    return _Lines(
        origin=origin,
        weight=total,
        mean_k=mean_k,
        mean_y=mean_y,
        discount=-np.bincount(expiry, moment * y, count) / reach,
        discount_var=1.0 / reach,
        used=np.bincount(expiry, keep, count).astype(np.int64),
    )


def _common_noise(
    expiry: IntArray, residual: FloatArray, weight: FloatArray, keep: BoolArray, count: int
) -> FloatArray:
    # Variance beyond the spreads' own: (Q - (n - 2)) / (W - sum w^2 / W), never negative.
    total = np.bincount(expiry, weight, count)
    excess = np.bincount(expiry, weight * residual**2, count) - (np.bincount(expiry, keep, count) - 2.0)
    free = total - np.bincount(expiry, weight * weight, count) / total
    return np.where(free > 0.0, np.maximum(excess / free, 0.0), 0.0)


def _settle_rates(lines: _Lines, t: FloatArray) -> tuple[FloatArray, FloatArray, BoolArray]:
    rate = -np.log(lines.discount) / t
    stderr = np.sqrt(lines.discount_var) / (lines.discount * t)
    has_rate = (lines.used >= PAIRS_MIN) & np.isfinite(rate) & np.isfinite(stderr)
    is_pinned = has_rate & (stderr <= RATE_STDERR_MAX) & (rate >= RATE_MIN) & (rate <= RATE_MAX)
    # Each rate counts by its precision, so that those which pin theirs decide where there are any.
    weight = np.where(has_rate, 1.0 / (stderr**2 + RATE_SPREAD**2), 0.0)
    total = weight.sum()
    pooled = np.clip((weight * np.where(has_rate, rate, 0.0)).sum() / total, RATE_MIN, RATE_MAX)
    # No rate is less certain than "somewhere within the bounds".
    pooled_stderr = min(float(np.sqrt(1.0 / total + RATE_SPREAD**2)), (RATE_MAX - RATE_MIN) / 12.0**0.5)
    return np.where(is_pinned, rate, pooled), np.where(is_pinned, stderr, pooled_stderr), ~is_pinned


def _settle_forwards(
    pairs: ParityPairs,
    lines: _Lines,
    t: FloatArray,
    rate: FloatArray,
    rate_stderr: FloatArray,
    is_pooled: BoolArray,
) -> Forwards:
    discount = np.exp(-rate * t)
    discount_stderr = discount * rate_stderr * t
    status = np.where(is_pooled, ForwardStatus.POOLED_RATE, ForwardStatus.OK).astype(np.uint8)
    status[~(discount_stderr <= DISCOUNT_STDERR_MAX)] = ForwardStatus.DISCOUNT_UNKNOWN
    status[lines.used < PAIRS_MIN] = ForwardStatus.TOO_FEW_PAIRS
    status[np.isnan(t)] = ForwardStatus.NO_TIME
    blank = np.where(status <= ForwardStatus.POOLED_RATE, 0.0, np.nan)
    # The line passes through its centre of weight (mean_k, mean_y); it crosses zero at the forward.
    ahead = lines.mean_y / discount
    stderr = np.sqrt(1.0 / lines.weight + (ahead * discount_stderr) ** 2) / discount
    at = pairs.expiry
    low, high = _bounds(pairs, discount[at], len(t))
    return Forwards(
        forward=lines.origin + lines.mean_k + ahead + blank,
        discount=discount + blank,
        stderr=stderr + blank,
        discount_stderr=discount_stderr + blank,
        low=low + blank,
        high=high + blank,
        pairs_used=lines.used,
        status=status,
    )


def _bounds(pairs: ParityPairs, discount: FloatArray, count: int) -> tuple[FloatArray, FloatArray]:
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    if len(pairs.expiry):
        starts = np.flatnonzero(np.diff(pairs.expiry, prepend=-1))
        present = pairs.expiry[starts]
        low[present] = np.maximum.reduceat(pairs.strike + pairs.bid / discount, starts)
        high[present] = np.minimum.reduceat(pairs.strike + pairs.offer / discount, starts)
    return low, high
