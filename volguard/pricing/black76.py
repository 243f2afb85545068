"""Black-76 prices and Greeks of European options on a forward, vectorised (F. Black, 1976, eq. 16).

    call = D (F Phi(d1) - K Phi(d2)),  d1 = ln(F/K)/s + s/2,  d2 = d1 - s,  s = sigma sqrt(t)

F forward (points), K strike (points), t years (ACT/365), sigma decimal per year, D discount factor. Prices
come from the out-of-the-money side as a difference of Mills' ratios, so that deep wings keep their digits and
are never negative; the in-the-money side adds the discounted intrinsic value. With x = |ln(F/K)|, z = x/s and
h = s/2 the normalised price is exp(-(z^2 + h^2)/2) / sqrt(2 pi) times R(z - h) - R(z + h), with Mills'
ratio R (after P. Jaeckel, "Let's be rational", 2015, where it is written with scaled erfc). Nearly every
listed option lies within CHORD_MIN .. CHORD_MAX, where one short rational function gives both R and their
difference; the others, and whatever is missing or out of range, are taken again the long way.

Spot convention: S = F D, that is no dividend and ln D = -r t, so that `delta`, `gamma`, `vanna_per_pt` and
`charm_per_day` are per point of spot, and theta, charm and rho are taken at constant spot; `forward_delta` is
per point of forward, D Phi(d1).

At t = 0 or sigma = 0 the right limits stand; where that limit is infinite (gamma, theta and charm exactly at
the money) a very large finite figure stands in its place. An element with nan, infinity, a negative time or
volatility, or a forward, strike or discount not above zero gives nan there, and only there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.daycount import DAYS_PER_YEAR
from volguard.pricing.normal import (
    ARGUMENT_MAX,
    CHORD_MAX,
    CHORD_MIN,
    SERIES_REACH_MAX,
    SQRT_2PI,
    mills_chord,
    mills_pair,
    mills_ratio,
)

BLOCK: Final = 4096  # temporaries of one block stay in the cache
_T_FLOOR: Final = 1e-40  # years: small enough for every limit, large enough for every quotient
_SIGMA_FLOOR: Final = 1e-30
# Arrays, because NumPy multiplies by them faster than by floats.
_ZERO, _HALF, _MINUS_HALF, _ONE = (np.array(value) for value in (0.0, 0.5, -0.5, 1.0))
_POINT, _MINUS_POINT = np.array(0.01), np.array(-0.01)
_HALF_IN_POINTS, _MINUS_DAY = np.array(0.5 / 0.01), np.array(-1.0 / DAYS_PER_YEAR)
_DENSITY_AT_ZERO: Final = np.array(1.0 / SQRT_2PI)
_PRODUCT_MIN, _ARGUMENT_MAX = np.array(-(CHORD_MIN**2)), np.array(CHORD_MAX)
_INFINITY: Final = np.array(np.inf)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Greeks:
    """Price and Greeks per unit of the underlying, all of the broadcast shape; S = F D is the spot.

    price            points, discounted
    delta            dV/dS, signed: Phi(d1) for a call
    forward_delta    dV/dF = D x delta
    gamma            d2V/dS2, per point of spot squared
    vega_per_pt      for one volatility point (0.01)
    theta_per_day    for one calendar day passing at constant spot, rate and volatility
    rho_per_pt       for one point (0.01) of the interest rate at constant spot
    vanna_per_pt     change of delta for one volatility point
    charm_per_day    change of delta for one calendar day passing at constant spot
    volga_per_pt     change of vega_per_pt for one volatility point
    dual_delta       dV/dK at constant forward
    probability_itm  Phi(d2) for a call, Phi(-d2) for a put, under the pricing measure
    """

    price: FloatArray
    delta: FloatArray
    forward_delta: FloatArray
    gamma: FloatArray
    vega_per_pt: FloatArray
    theta_per_day: FloatArray
    rho_per_pt: FloatArray
    vanna_per_pt: FloatArray
    charm_per_day: FloatArray
    volga_per_pt: FloatArray
    dual_delta: FloatArray
    probability_itm: FloatArray


_NAMES: Final = tuple(field.name for field in fields(Greeks))


def price(
    forward: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    sigma: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike,
) -> FloatArray:
    """Discounted Black-76 price in points, broadcast shape; units, limits and bad input as in the module."""
    columns, call, shape = flat_columns((forward, strike, t, sigma, discount), is_call)
    return _by_block(_fill_price, 1, columns, call)[0].reshape(shape)


def greeks(
    forward: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    sigma: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike,
) -> Greeks:
    """Price and eleven sensitivities, broadcast shape; see Greeks for units and the module for conventions.

    E. G. Haug, "The Complete Guide to Option Pricing Formulas", 2007, chapter 2, with cost of carry b = r.
    """
    columns, call, shape = flat_columns((forward, strike, t, sigma, discount), is_call)
    values = _by_block(_fill_greeks, len(_NAMES), columns, call)
    return Greeks(**{name: row.reshape(shape) for name, row in zip(_NAMES, values, strict=True)})


def flat_columns(
    inputs: tuple[ArrayLike, ...], is_call: ArrayLike
) -> tuple[tuple[FloatArray, ...], BoolArray, tuple[int, ...]]:
    """Inputs broadcast and flattened: float columns (n,), call mask (n,), and the shape to return to."""
    arrays = [np.asarray(value, dtype=np.float64) for value in inputs]
    call = np.asarray(is_call, dtype=np.bool_)
    shape = np.broadcast_shapes(call.shape, *(array.shape for array in arrays))
    columns = tuple(
        (array if array.shape == shape else np.broadcast_to(array, shape)).reshape(-1) for array in arrays
    )
    return columns, (call if call.shape == shape else np.broadcast_to(call, shape)).reshape(-1), shape


def _by_block(
    fill: Callable[[list[FloatArray], _Tails], None],
    rows: int,
    columns: tuple[FloatArray, ...],
    is_call: BoolArray,
) -> list[FloatArray]:
    out = [np.empty(len(is_call)) for _ in range(rows)]
    with np.errstate(all="ignore"):
        for first in range(0, len(is_call), BLOCK):
            part = slice(first, first + BLOCK)
            fill([row[part] for row in out], _tails(is_call[part], *(column[part] for column in columns)))
    return out


@dataclass(frozen=True, slots=True, eq=False)
class _Tails:
    # One block. With `side` -1 where the out-of-the-money option is the call (K > F) and 1 elsewhere:
    forward: FloatArray
    strike: FloatArray
    t: FloatArray
    sigma: FloatArray
    discount: FloatArray
    gap: FloatArray  # F - K
    side: FloatArray
    parity: FloatArray  # what put-call parity adds to that option: 1 call, -1 put, 0 nothing
    root_t: FloatArray
    s: FloatArray  # sigma sqrt(t)
    d1: FloatArray
    d2: FloatArray
    density: FloatArray  # phi(d1)
    tail_d1: FloatArray  # side Phi(-side d1): less the delta of that option
    tail_d2: FloatArray  # side Phi(-side d2): its dual delta, undiscounted
    value: FloatArray  # its undiscounted price


def _tails(
    is_call: BoolArray,
    forward: FloatArray,
    strike: FloatArray,
    t: FloatArray,
    sigma: FloatArray,
    discount: FloatArray,
) -> _Tails:
    gap = forward - strike
    side = np.copysign(_ONE, gap)
    root_t = np.sqrt(t)
    s = root_t * sigma
    half = s * _HALF
    ratio = gap / strike
    x = np.log1p(ratio)  # ln(F/K), which keeps the digits of strikes near F
    x /= s
    d1, d2 = x + half, x - half
    near, far = side * d1, side * d2  # z - h and z + h, in the order of d1 and d2
    tail_d1, slope = mills_chord(near, far)
    density = d1 * d1
    density *= _MINUS_HALF
    np.exp(density, out=density)
    density *= _DENSITY_AT_ZERO
    slope *= s
    value = slope * density
    value *= forward
    slope *= side
    slope += tail_d1
    tail_d1 *= density
    tail_d1 *= side
    slope *= density
    ratio += _ONE
    slope *= ratio  # F phi(d1) = K phi(d2)
    slope *= side
    parity = np.minimum(side, _ZERO)
    parity += is_call
    tails = _Tails(
        forward,
        strike,
        t,
        sigma,
        discount,
        gap,
        side,
        parity,
        root_t,
        s,
        d1,
        d2,
        density,
        tail_d1,
        slope,
        value,
    )
    # d1 d2 = z^2 - h^2, whose bound keeps z - h above CHORD_MIN.
    is_plain = np.multiply(d1, d2, out=x) >= _PRODUCT_MIN
    is_plain &= np.maximum(near, far, out=near) <= _ARGUMENT_MAX
    is_plain &= s > _ZERO
    is_plain &= forward > _ZERO
    is_plain &= discount > _ZERO
    is_plain &= discount < _INFINITY
    return tails if is_plain.all() else _with_rest(tails, is_plain)


def _with_rest(tails: _Tails, is_plain: BoolArray) -> _Tails:
    # The elements that the short way does not serve: far wings, long and wild ones, limits, bad input.
    # What came out as nan from anything but the quotient 0/0 is bad input, and stays nan.
    rows = np.flatnonzero(~is_plain & ~(np.isnan(tails.d1) & (tails.s != 0.0)))
    if not len(rows):
        return tails
    forward, strike, discount, side, gap = (
        values[rows] for values in (tails.forward, tails.strike, tails.discount, tails.side, tails.gap)
    )
    low = np.minimum(forward, strike)
    good = (np.minimum(low, discount) > 0.0) & (np.minimum(tails.t[rows], tails.sigma[rows]) >= 0.0)
    good &= np.isfinite(forward + strike + tails.t[rows] + tails.sigma[rows] + discount)
    t, sigma = np.maximum(tails.t, _T_FLOOR), np.maximum(tails.sigma, _SIGMA_FLOOR)
    root_t = np.sqrt(t[rows])
    s = sigma[rows] * root_t
    z = np.minimum(np.log1p(np.abs(gap) / low) / s, ARGUMENT_MAX)
    h = np.minimum(0.5 * s, ARGUMENT_MAX)
    skew = np.sqrt(forward) * np.sqrt(strike) / low  # exp(x / 2)
    density = np.exp(-0.5 * (z * z + h * h)) / SQRT_2PI
    near, far, value = _tails_of(z, h, skew, density)
    is_up = side < 0.0
    blank = np.where(good, 0.0, np.nan)
    for column, values in (
        (tails.root_t, root_t),
        (tails.s, s),
        (tails.d1, side * z + h),
        (tails.d2, side * z - h),
        (tails.density, density * skew * (low / forward)),
        (tails.tail_d1, side * np.where(is_up, near, far)),
        (tails.tail_d2, side * np.where(is_up, far, near)),
        (tails.value, value * skew * low),
    ):
        column[rows] = values + blank
    return replace(tails, t=t, sigma=sigma)


def _tails_of(
    z: FloatArray, h: FloatArray, skew: FloatArray, density: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    # Phi(h - z), Phi(-h - z) and the normalised price.
    mean, slope = mills_pair(z, h)
    slope *= h
    near, far, value = density * skew * (mean + slope), density / skew * (mean - slope), 2.0 * density * slope
    wide = np.flatnonzero(h > SERIES_REACH_MAX)
    if len(wide):
        near[wide], far[wide], value[wide] = _wide_tails(z[wide], h[wide], skew[wide], density[wide])
    return near, far, value


def _wide_tails(
    z: FloatArray, h: FloatArray, skew: FloatArray, density: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    # Beyond the reach of the series the two tails differ enough to be subtracted; past the inflection
    # (h > z) the complement is the small number.
    tail, far_tail = mills_ratio(np.stack((np.abs(z - h), z + h)))
    below = z >= h
    near = density * skew * tail
    value = np.where(below, density * (tail - far_tail), 1.0 / skew - density * (tail + far_tail))
    return np.where(below, near, 1.0 - near), density / skew * far_tail, np.maximum(value, 0.0)


def _fill_price(out: list[FloatArray], of: _Tails) -> None:
    value = out[0]
    np.multiply(of.parity, of.gap, out=value)
    value += of.value
    value *= of.discount


def _fill_greeks(out: list[FloatArray], of: _Tails) -> None:
    # In the order of the fields of Greeks, and in place: temporaries are most of what this costs.
    _fill_price(out, of)
    _, delta, forward_delta, gamma, vega, theta, rho, vanna, charm, volga, dual_delta, probability_itm = out
    np.subtract(of.parity, of.tail_d1, out=delta)
    np.multiply(delta, of.discount, out=forward_delta)
    np.subtract(of.tail_d2, of.parity, out=dual_delta)
    np.abs(dual_delta, out=probability_itm)
    dual_delta *= of.discount

    spot = of.forward * of.discount
    by_s = of.density / of.s
    np.divide(by_s, spot, out=gamma)
    spot *= of.root_t
    spot *= _POINT
    np.multiply(spot, of.density, out=vega)
    np.divide(of.d2, of.sigma, out=vanna)
    vanna *= of.density
    np.multiply(vanna, of.d1, out=volga)
    volga *= spot
    volga *= _POINT
    vanna *= _MINUS_POINT

    by_day = _MINUS_DAY / of.t
    log_discount = np.log(of.discount)  # -r t
    strike_rho = of.strike * dual_delta
    np.multiply(strike_rho, of.t, out=rho)
    rho *= _MINUS_POINT
    strike_rho *= log_discount
    np.multiply(vega, of.sigma, out=theta)
    theta *= _HALF_IN_POINTS
    theta += strike_rho
    theta *= by_day
    # phi(d1) (d2 / 2 + ln(D) / s) per day
    np.multiply(of.d2, of.s, out=charm)
    charm *= _MINUS_HALF
    charm -= log_discount
    charm *= by_s
    charm *= by_day
