"""Black-76 prices and Greeks of European options on a forward, vectorised (F. Black, 1976, eq. 16).

    call = D (F Phi(d1) - K Phi(d2)),  d1 = ln(F/K)/s + s/2,  d2 = d1 - s,  s = sigma sqrt(t)

F forward (points), K strike (points), t years (ACT/365), sigma decimal per year, D discount factor. Prices
come from the out-of-the-money side as a difference of Mills' ratios, so that deep wings keep their digits and
are never negative; the in-the-money side adds the discounted intrinsic value. With x = |ln(F/K)|, z = x/s and
h = s/2 the normalised price is exp(-(z^2 + h^2)/2) / sqrt(2 pi) times R(z - h) - R(z + h), with Mills'
ratio R (after P. Jaeckel, "Let's be rational", 2015, where it is written with scaled erfc).

Spot convention: S = F D, that is no dividend and ln D = -r t, so that `delta`, `gamma`, `vanna_per_pt` and
`charm_per_day` are per point of spot, and theta, charm and rho are taken at constant spot; `forward_delta` is
per point of forward, D Phi(d1).

At t = 0 or sigma = 0 the right limits stand; where that limit is infinite (gamma, theta and charm exactly at
the money) a very large finite figure stands in its place. An element with nan, infinity, a negative time or
volatility, or a forward, strike or discount not above zero gives nan there, and only there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.daycount import DAYS_PER_YEAR
from volguard.pricing.normal import ARGUMENT_MAX, SERIES_REACH_MAX, SQRT_2PI, mills_pair, mills_ratio

BLOCK: Final = 4096  # temporaries of one block stay in the cache
_T_FLOOR: Final = 1e-40  # years: small enough for every limit, large enough for every quotient
_SIGMA_FLOOR: Final = 1e-30
_PER_POINT: Final = 0.01


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
    return _by_block(_price_of, 1, columns, call)[0].reshape(shape)


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
    values = _by_block(_greeks_of, len(_NAMES), columns, call)
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
    evaluate: Callable[[_Wing, BoolArray], list[FloatArray]],
    rows: int,
    columns: tuple[FloatArray, ...],
    is_call: BoolArray,
) -> list[FloatArray]:
    with np.errstate(all="ignore"):
        if len(is_call) <= BLOCK:
            return evaluate(_wing(*columns), is_call)
        out = np.empty((rows, len(is_call)))
        for first in range(0, len(is_call), BLOCK):
            part = slice(first, first + BLOCK)
            block = evaluate(_wing(*(column[part] for column in columns)), is_call[part])
            for row, values in enumerate(block):
                out[row, part] = values
    return list(out)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Wing:
    # One block seen from its out-of-the-money side; `is_up`: that side is the call (K >= F).
    forward: FloatArray
    strike: FloatArray
    t: FloatArray
    sigma: FloatArray
    discount: FloatArray
    gap: FloatArray  # |F - K|
    is_up: BoolArray
    s: FloatArray  # sigma sqrt(t)
    z: FloatArray
    h: FloatArray
    vega: FloatArray  # F phi(d1) = K phi(d2): the undiscounted price's derivative with respect to s
    value: FloatArray  # undiscounted price of the out-of-the-money side
    near: FloatArray  # Phi(h - z)
    far: FloatArray  # Phi(-h - z)


def _wing(
    forward: FloatArray, strike: FloatArray, t: FloatArray, sigma: FloatArray, discount: FloatArray
) -> _Wing:
    low = np.minimum(forward, strike)
    good = (np.minimum(low, discount) > 0.0) & (np.minimum(t, sigma) >= 0.0)
    good &= np.isfinite(forward + strike + t + sigma + discount)
    forward = np.where(good, forward, np.nan)
    t, sigma = np.maximum(t, _T_FLOOR), np.maximum(sigma, _SIGMA_FLOOR)
    gap, s = np.abs(forward - strike), sigma * np.sqrt(t)
    z = np.minimum(np.log1p(gap / low) / s, ARGUMENT_MAX)  # log1p keeps the digits of strikes near F
    h = np.minimum(0.5 * s, ARGUMENT_MAX)
    skew = np.sqrt(forward) * np.sqrt(strike) / low  # exp(x / 2)
    density = np.exp(-0.5 * (z * z + h * h)) / SQRT_2PI
    mean, slope = mills_pair(z, h)
    slope *= h
    near, far, value = density * skew * (mean + slope), density / skew * (mean - slope), 2.0 * density * slope
    wide = np.flatnonzero(h > SERIES_REACH_MAX)
    if len(wide):
        near[wide], far[wide], value[wide] = _wide_tails(z[wide], h[wide], skew[wide], density[wide])
    return _Wing(
        forward=forward,
        strike=strike,
        t=t,
        sigma=sigma,
        discount=discount,
        gap=gap,
        is_up=strike >= forward,
        s=s,
        z=z,
        h=h,
        vega=density * skew * low,
        value=value * skew * low,
        near=near,
        far=far,
    )


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


def _price_of(wing: _Wing, is_call: BoolArray) -> list[FloatArray]:
    return [wing.discount * (wing.value + wing.gap * (is_call != wing.is_up))]


def _greeks_of(wing: _Wing, is_call: BoolArray) -> list[FloatArray]:
    # In the order of the fields of Greeks.
    discount, t, sigma, s = wing.discount, wing.t, wing.sigma, wing.s
    is_otm = is_call == wing.is_up
    sign = np.where(is_call, 1.0, -1.0)
    lean = np.where(wing.is_up, -wing.z, wing.z)
    d1, d2 = lean + wing.h, lean - wing.h
    wing_d1 = np.where(wing.is_up, wing.near, wing.far)
    wing_d2 = np.where(wing.is_up, wing.far, wing.near)
    delta = sign * np.where(is_otm, wing_d1, 1.0 - wing_d1)
    probability_itm = np.where(is_otm, wing_d2, 1.0 - wing_d2)
    density = wing.vega / wing.forward  # phi(d1)
    dual_delta = -sign * discount * probability_itm
    carry = -np.log(discount)  # r t
    strike_rho = wing.strike * dual_delta
    spread = d2 / sigma
    vega = discount * wing.vega
    vega_per_pt = _PER_POINT * np.sqrt(t) * vega
    return [
        discount * (wing.value + wing.gap * ~is_otm),
        delta,
        discount * delta,
        density / (wing.forward * discount * s),
        vega_per_pt,
        (strike_rho * carry - 0.5 * vega * s) / (t * DAYS_PER_YEAR),
        -_PER_POINT * strike_rho * t,
        -_PER_POINT * density * spread,
        density * (0.5 * d2 - carry / s) / (t * DAYS_PER_YEAR),
        _PER_POINT * vega_per_pt * d1 * spread,
        dual_delta,
        probability_itm,
    ]
