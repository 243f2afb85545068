"""Skew of one expiry: risk reversal and butterfly at 25 delta, and the slope at the money.

Risk reversal = put volatility minus call volatility at 25 delta (positive: downside is dear); butterfly =
their mean minus at the money. Deltas are Black-76 forward deltas without discount, Phi(d1), of the strike's
own volatility. Volatility is a decimal per year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.pricing.normal import cdf
from volguard.volatility.rank import percentile_of

DELTA: Final = 0.25
STRIKES_MIN: Final = 5
SLOPE_WITHIN: Final = 0.5  # of one standard deviation about the forward
SLOPE_STRIKES_MIN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Skew:
    """The skew of one expiry; a None has its reason in `missing`.

    `slope` = d sigma / d ln K at the forward. Percentiles are against the history given.
    """

    atm: float | None
    put: float | None
    call: float | None
    put_strike: float | None
    call_strike: float | None
    risk_reversal: float | None
    butterfly: float | None
    slope: float | None
    risk_reversal_percentile: float | None
    butterfly_percentile: float | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkewHistory:
    """Past risk reversals and butterflies of the same constant maturity, oldest first, any length."""

    risk_reversal: FloatArray
    butterfly: FloatArray


NO_SKEW_HISTORY: Final = SkewHistory(risk_reversal=np.empty(0), butterfly=np.empty(0))


def skew(
    strike: FloatArray,
    sigma: FloatArray,
    forward: float,
    years: float,
    history: SkewHistory = NO_SKEW_HISTORY,
) -> Skew:
    """Skew from volatilities per strike, shape (strikes,), ascending; nan volatilities are left out."""
    good = np.isfinite(sigma) & (strike > 0.0)
    k, vol = strike[good], sigma[good]
    if not (math.isfinite(forward) and forward > 0.0 and years > 0.0):
        return _nothing("no forward, or no time to expiry")
    if len(k) < STRIKES_MIN or np.any(np.diff(k) <= 0.0):
        return _nothing(f"{len(k)} strikes with a volatility in ascending order, needs {STRIKES_MIN}")
    x, scale = np.log(k / forward), math.sqrt(years)
    atm = float(np.interp(0.0, x, vol)) if x[0] <= 0.0 <= x[-1] else None
    missing = [] if atm is not None else ["the forward lies outside the strikes"]
    put, call = _wings(x, vol, scale)
    missing += [
        f"no {name} of {DELTA:.2f} delta is quoted"
        for name, at in (("put", put), ("call", call))
        if at is None
    ]
    slope = _slope(x, vol, atm, scale)
    if slope is None:
        missing.append(f"fewer than {SLOPE_STRIKES_MIN} strikes about the forward")
    reversal = None if put is None or call is None else put[0] - call[0]
    wings = None if put is None or call is None or atm is None else 0.5 * (put[0] + call[0]) - atm
    return Skew(
        atm=atm,
        put=None if put is None else put[0],
        call=None if call is None else call[0],
        put_strike=None if put is None else forward * math.exp(put[1]),
        call_strike=None if call is None else forward * math.exp(call[1]),
        risk_reversal=reversal,
        butterfly=wings,
        slope=slope,
        risk_reversal_percentile=None if reversal is None else percentile_of(reversal, history.risk_reversal),
        butterfly_percentile=None if wings is None else percentile_of(wings, history.butterfly),
        missing=tuple(missing),
    )


def risk_reversal(strike: FloatArray, sigma: FloatArray, forward: float, years: float) -> float | None:
    """The risk reversal of `skew` alone, at a fraction of its cost; None where it is not quoted."""
    good = np.isfinite(sigma) & (strike > 0.0)
    k, vol = strike[good], sigma[good]
    if not (math.isfinite(forward) and forward > 0.0 and years > 0.0):
        return None
    if len(k) < STRIKES_MIN or np.any(np.diff(k) <= 0.0):
        return None
    put, call = _wings(np.log(k / forward), vol, math.sqrt(years))
    return None if put is None or call is None else put[0] - call[0]


_Place = tuple[float, float]  # volatility and ln(K / F)


def _wings(x: FloatArray, vol: FloatArray, scale: float) -> tuple[_Place | None, _Place | None]:
    # The put and the call of the wanted delta.
    call_delta = cdf(-x / (vol * scale) + 0.5 * vol * scale)
    return _at_delta(1.0 - call_delta[::-1], vol[::-1], x[::-1]), _at_delta(call_delta, vol, x)


def _at_delta(delta: FloatArray, vol: FloatArray, x: FloatArray) -> _Place | None:
    # From the money outwards the first step that crosses the delta; noise further out cannot reach it.
    crossing = np.flatnonzero((delta[:-1] >= DELTA) & (delta[1:] < DELTA))
    if not len(crossing):
        return None
    i = int(crossing[0])
    share = float((delta[i] - DELTA) / (delta[i] - delta[i + 1]))
    return float(vol[i] + share * (vol[i + 1] - vol[i])), float(x[i] + share * (x[i + 1] - x[i]))


def _slope(x: FloatArray, vol: FloatArray, atm: float | None, scale: float) -> float | None:
    if atm is None:
        return None
    near = np.abs(x) <= SLOPE_WITHIN * atm * scale
    if int(near.sum()) < SLOPE_STRIKES_MIN:
        return None
    # A parabola, so that the smile's curvature does not leak into its slope; x scaled to order one.
    unit = SLOPE_WITHIN * atm * scale
    return float(np.polynomial.polynomial.polyfit(x[near] / unit, vol[near], 2)[1]) / unit


def _nothing(reason: str) -> Skew:
    return Skew(
        atm=None,
        put=None,
        call=None,
        put_strike=None,
        call_strike=None,
        risk_reversal=None,
        butterfly=None,
        slope=None,
        risk_reversal_percentile=None,
        butterfly_percentile=None,
        missing=(reason,),
    )
