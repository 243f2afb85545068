"""A look-alike of India VIX from two monthly expiries, by the method NSE publishes.

sigma^2 = (2 / T) sum dK / K^2 e^{RT} Q(K) - (F / K0 - 1)^2 / T per expiry, T in minutes over 525,600; the two
are joined at 30 days by total variance (NSE, "India VIX: computation methodology"). Differences from NSE's
own figure: F comes from put-call parity, not from the last trade of the future; strikes outside the outermost
usable quote are left out, because nothing but an extrapolation would price them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.market import BoolArray, FloatArray

MINUTES_PER_YEAR: Final = 525_600.0
MINUTES_30_DAYS: Final = 43_200.0
SPREAD_SHARE_MAX: Final = 0.30  # of the mid; a wider quote is replaced by the spline
QUOTES_MIN: Final = 4  # usable quotes a side


class VixStatus(StrEnum):
    """Whether a value could be made, or why not."""

    OK = "ok"
    NO_FORWARD = "no_forward"
    NO_TIME = "no_time"  # an expiry has passed, or both are one
    TOO_FEW_QUOTES = "too_few_quotes"
    NO_VARIANCE = "no_variance"  # the strip, or its extension to 30 days, is not above zero


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpiryStrip:
    """One monthly expiry; `strike` ascending and unique, touches of both sides (nan: no quote), in points.

    `rate` is continuously compounded per year (NSE: MIBOR of the matching tenor), `minutes` to the close.
    """

    strike: FloatArray
    call_bid: FloatArray
    call_ask: FloatArray
    put_bid: FloatArray
    put_ask: FloatArray
    forward: float
    minutes: float
    rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StripVariance:
    """Annualised model-free variance of one expiry and what it was made of; nan unless OK."""

    variance: float
    k0: float
    strikes_used: int
    strikes_replaced: int  # whose price came from the spline
    status: VixStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class VixValue:
    """Volatility over 30 days, decimal per year (India VIX / 100); nan unless OK."""

    volatility: float
    near: StripVariance
    next: StripVariance
    status: VixStatus


def model_free_vix(near: ExpiryStrip, next_: ExpiryStrip) -> VixValue:
    """The 30-day volatility from near and next monthly expiry, extended when both are beyond 30 days."""
    first, second = strip_variance(near), strip_variance(next_)
    status = next((part.status for part in (first, second) if part.status is not VixStatus.OK), VixStatus.OK)
    if status is VixStatus.OK and not near.minutes < next_.minutes:
        status = VixStatus.NO_TIME
    volatility = math.nan
    if status is VixStatus.OK:
        weight = (next_.minutes - MINUTES_30_DAYS) / (next_.minutes - near.minutes)
        total = weight * near.minutes * first.variance + (1.0 - weight) * next_.minutes * second.variance
        if total > 0.0:
            volatility = math.sqrt(total / MINUTES_30_DAYS)
        else:
            status = VixStatus.NO_VARIANCE
    return VixValue(volatility=volatility, near=first, next=second, status=status)


def strip_variance(strip: ExpiryStrip) -> StripVariance:
    """Model-free variance of one expiry; strikes whose quote is missing or too wide come from the spline."""
    if not (math.isfinite(strip.forward) and strip.forward > 0.0):
        return _abstain(VixStatus.NO_FORWARD)
    if not (strip.minutes > 0.0 and math.isfinite(strip.rate)):
        return _abstain(VixStatus.NO_TIME)
    below = np.flatnonzero(strip.strike <= strip.forward)
    if not len(below):
        return _abstain(VixStatus.TOO_FEW_QUOTES)
    at = int(below[-1])
    put, put_good = _filled(strip.strike, strip.put_bid, strip.put_ask, slice(0, at + 1))
    call, call_good = _filled(strip.strike, strip.call_bid, strip.call_ask, slice(at, len(strip.strike)))
    if put is None or call is None or not (math.isfinite(put[at]) and math.isfinite(call[at])):
        return _abstain(VixStatus.TOO_FEW_QUOTES)
    price = np.where(np.arange(len(put)) < at, put, call)
    price[at] = 0.5 * (put[at] + call[at])
    used = np.isfinite(price)
    good = np.where(np.arange(len(put)) < at, put_good, call_good)
    k0, t = float(strip.strike[at]), strip.minutes / MINUTES_PER_YEAR
    strike = strip.strike[used]
    total = float(_widths(strike) / strike**2 @ price[used]) * math.exp(strip.rate * t)
    variance = float((2.0 * total - (strip.forward / k0 - 1.0) ** 2) / t)
    if not variance > 0.0:
        return _abstain(VixStatus.NO_VARIANCE)
    return StripVariance(
        variance=variance,
        k0=k0,
        strikes_used=int(used.sum()),
        strikes_replaced=int(np.count_nonzero(used & ~good)),
        status=VixStatus.OK,
    )


def natural_spline(x: FloatArray, y: FloatArray, at: FloatArray) -> FloatArray:
    """Natural cubic spline through (x, y), x ascending, at least 2 knots; nan outside the knots.

    Second derivatives from the tridiagonal system (C. de Boor, "A Practical Guide to Splines", 1978, ch. IV),
    solved by elimination without pivoting: it is diagonally dominant.
    """
    h, slope = np.diff(x), np.diff(y) / np.diff(x)
    second = np.zeros(len(x))
    if len(x) > 2:
        second[1:-1] = _solve_tridiagonal(h[1:-1], 2.0 * (h[:-1] + h[1:]), 6.0 * np.diff(slope))
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(x) - 2)
    left, right = x[i + 1] - at, at - x[i]
    cubic = (second[i] * left**3 + second[i + 1] * right**3) / (6.0 * h[i])
    linear = (y[i] / h[i] - second[i] * h[i] / 6.0) * left + (
        y[i + 1] / h[i] - second[i + 1] * h[i] / 6.0
    ) * right
    inside = (at >= x[0]) & (at <= x[-1])
    return np.asarray(np.where(inside, cubic + linear, np.nan))


def _solve_tridiagonal(side: FloatArray, diagonal: FloatArray, right: FloatArray) -> FloatArray:
    # Symmetric: `side` lies both above and below the diagonal.
    pivot, value = diagonal.tolist(), right.tolist()
    for i, off in enumerate(side.tolist(), start=1):
        share = off / pivot[i - 1]
        pivot[i] -= share * off
        value[i] -= share * value[i - 1]
    out = [0.0] * len(value)
    out[-1] = value[-1] / pivot[-1]
    for i in range(len(value) - 2, -1, -1):
        out[i] = (value[i] - float(side[i]) * out[i + 1]) / pivot[i]
    return np.array(out)


def _filled(
    strike: FloatArray, bid: FloatArray, ask: FloatArray, side: slice
) -> tuple[FloatArray | None, BoolArray]:
    # Mids of the out-of-the-money side, the spline where a quote is unusable; nan off that side.
    mid = 0.5 * (bid + ask)
    with np.errstate(invalid="ignore"):
        good = (bid > 0.0) & (ask >= bid) & (ask - bid <= SPREAD_SHARE_MAX * mid)
    here = np.zeros(len(strike), dtype=np.bool_)
    here[side] = True
    good = good & here
    if int(good.sum()) < QUOTES_MIN:
        return None, good
    spline = natural_spline(strike[good], mid[good], strike)
    # Between two far ticks a spline may dip below zero: an option never does.
    replaced = np.where(here, np.maximum(spline, 0.0), np.nan)
    return np.where(good, mid, replaced), good


def _widths(strike: FloatArray) -> FloatArray:
    if len(strike) < 2:
        return np.zeros(len(strike))
    gap = np.diff(strike)
    return np.asarray(np.concatenate(([gap[0]], 0.5 * (gap[:-1] + gap[1:]), [gap[-1]])))


def _abstain(status: VixStatus) -> StripVariance:
    return StripVariance(variance=math.nan, k0=math.nan, strikes_used=0, strikes_replaced=0, status=status)
