"""Implied volatility of Black-76, vectorised, to machine precision wherever the price carries it.

The method follows P. Jaeckel, "Let's be rational", Wilmott 2015: the out-of-the-money price divided by
D sqrt(F K) depends on x = |ln(F/K)| and s = sigma sqrt(t) alone; a close start, then Householder steps of
order four on the logarithm of the price, or of its distance from the upper bound where that is the smaller.
Own choices: the unknown is ln s, in which the logarithm of the price has bounded relative derivatives in both
wings; the start solves the limit of small s (Bachelier's formula) by one rational function of
ln(1 + x/price); and for s up to 0.2, that is nearly all listed options, the difference of normal tails is a
series that loses no digit (see normal.mills_slope).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.black76 import BLOCK, flat_columns
from volguard.pricing.normal import SERIES_REACH_MAX, SQRT_2PI, mills_ratio, mills_slope

StatusArray = NDArray[np.uint8]

STEPS_MAX: Final = 12
STEP_CONVERGED: Final = 3e-4  # of order four: a step of e leaves 0.05 e^4, here 4e-16
NOISE: Final = 4.0 * float(np.finfo(np.float64).eps)  # rounding of a price that holds intrinsic value
PRICE_MIN: Final = 1e-100  # normalised; below it nothing that a market quotes

# v / z as a function of v = ln(1 + q), where Bachelier's formula at z gives price / x = 1 / q: a rational
# function with relative error 7e-5 for z up to 38; highest power first, sqrt(2 pi) at v = 0.
_START_TOP: Final = (2.04270342e-09, 7.46116404e-06, 0.00178609301, 0.0507083249, 0.296591694, 2.50679066)
_START_BOTTOM: Final = (2.73573607e-07, 0.000213186568, 0.0164284334, 0.118537364, 1.0)


class IvStatus(IntEnum):
    """What became of one element; only OK has a volatility."""

    OK = 0
    BELOW_INTRINSIC = 1
    ABOVE_BOUND = 2
    NO_INFORMATION = 3  # no time value beyond rounding, or no time
    MISSING = 4  # nan, or a forward, strike, discount or time out of its range


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ImpliedVol:
    """`sigma` decimal per year, nan unless `status` (uint8 of IvStatus) is OK; broadcast shape."""

    sigma: FloatArray
    status: StatusArray


def implied_vol(
    price: ArrayLike,
    forward: ArrayLike,
    strike: ArrayLike,
    t: ArrayLike,
    is_call: ArrayLike,
    discount: ArrayLike,
) -> ImpliedVol:
    """Volatility at which Black-76 gives `price` (points, discounted), `t` in years; no value ever raises."""
    columns, call, shape = flat_columns((price, forward, strike, t, discount), is_call)
    sigma = np.full(len(call), np.nan)
    status = np.empty(len(call), dtype=np.uint8)
    with np.errstate(all="ignore"):
        for first in range(0, len(call), BLOCK):
            part = slice(first, first + BLOCK)
            _solve_block(sigma[part], status[part], tuple(column[part] for column in columns), call[part])
    return ImpliedVol(sigma=sigma.reshape(shape), status=status.reshape(shape))


def _solve_block(
    sigma: FloatArray,
    status: StatusArray,
    columns: tuple[FloatArray, ...],
    is_call: BoolArray,
) -> None:
    price, forward, strike, t, discount = columns
    low, gap = np.minimum(forward, strike), np.abs(forward - strike)
    value = price / discount
    is_itm = is_call == (forward > strike)
    noise = NOISE * value * is_itm
    value = value - gap * is_itm  # of the out-of-the-money side, by put-call parity
    room = low - value
    root = np.sqrt(forward) * np.sqrt(strike)
    has_time = (t > 0.0) & (value > np.maximum(noise, PRICE_MIN * root)) & (room > noise)
    status[:] = np.where(has_time, IvStatus.OK, IvStatus.NO_INFORMATION)
    status[value < -noise] = IvStatus.BELOW_INTRINSIC
    status[room < -noise] = IvStatus.ABOVE_BOUND
    known = np.isfinite(price + forward + strike + t + discount)
    status[~(known & (np.minimum(low, discount) > 0.0) & (t >= 0.0))] = IvStatus.MISSING
    rows = np.flatnonzero(status == IvStatus.OK)
    if len(rows):
        scale = root[rows]
        x = np.log1p(gap[rows] / low[rows])
        s = _total_vol(x, value[rows] / scale, room[rows] / scale)
        sigma[rows] = s / np.sqrt(t[rows])


def _total_vol(x: FloatArray, price: FloatArray, room: FloatArray) -> FloatArray:
    # s such that the normalised out-of-the-money price at x is `price`; `room` is what is left to its bound.
    s, log_price = _start(x, price), np.log(price * SQRT_2PI)
    is_wide = s > 2.0 * SERIES_REACH_MAX
    if not is_wide.any():
        return _iterate(_narrow_step, s, x, log_price)
    wide, narrow = np.flatnonzero(is_wide), np.flatnonzero(~is_wide)
    s[wide] = _solve_wide(s[wide], x[wide], price[wide], room[wide])
    if len(narrow):
        s[narrow] = _iterate(_narrow_step, s[narrow], x[narrow], log_price[narrow])
    return s


def _start(x: FloatArray, price: FloatArray) -> FloatArray:
    x = np.maximum(x, 1e-9 * price)  # at the money the formula is 0/0, and this is its limit
    v = np.log1p(x / price)
    s = x / v * (_horner(_START_TOP, v) / _horner(_START_BOTTOM, v))
    square = s * s
    # From Bachelier to Black at the next order in s, exact at the money and in the far wing.
    return s + s * (0.25 * square * square / (6.0 * square + x * s + 2.0 * x * x))


def _horner(coefficients: tuple[float, ...], v: FloatArray) -> FloatArray:
    total = coefficients[0] * v
    for coefficient in coefficients[1:-1]:
        total += coefficient
        total *= v
    total += coefficients[-1]
    return total


def _iterate(
    step: Callable[[FloatArray, FloatArray, FloatArray], FloatArray],
    s: FloatArray,
    x: FloatArray,
    target: FloatArray,
) -> FloatArray:
    for _ in range(STEPS_MAX):
        change = step(s, x, target)
        s = s * np.exp(change)
        if max(float(change.max()), -float(change.min())) < STEP_CONVERGED:
            break
    return s


def _narrow_step(s: FloatArray, x: FloatArray, target: FloatArray) -> FloatArray:
    z, h = x / s, 0.5 * s
    z2, h2 = z * z, h * h
    slope = mills_slope(z, h)
    log_price = np.log(s * slope) - 0.5 * (z2 + h2)
    return _householder((target - log_price) * slope, 1.0 / slope, z2, h2)


def _householder(newton: FloatArray, elasticity: FloatArray, z2: FloatArray, h2: FloatArray) -> FloatArray:
    # Step in ln s for f = ln price (or ln room): f' = elasticity, f''/f' = m, f'''/f' = m (m-f') - 2 (z2+h2)
    # (A. S. Householder, "The Numerical Treatment of a Single Nonlinear Equation", 1970, order four).
    m = (1.0 - elasticity) + (z2 - h2)
    third = m * (m - elasticity) - 2.0 * (z2 + h2)
    bend = newton * m
    step: FloatArray = newton * (1.0 + 0.5 * bend) / (1.0 + bend + newton * newton * third * (1.0 / 6.0))
    return step


def _solve_wide(s: FloatArray, x: FloatArray, price: FloatArray, room: FloatArray) -> FloatArray:
    is_upper = room < price
    bound = np.exp(-0.5 * x)
    s = np.where(is_upper, _upper_start(room / (bound + 1.0 / bound)), s)
    target = np.log(np.where(is_upper, room, price))

    def step(s: FloatArray, x: FloatArray, target: FloatArray) -> FloatArray:
        z, h = x / s, 0.5 * s
        z2, h2 = z * z, h * h
        tail, far_tail = mills_ratio(np.stack((np.abs(z - h), z + h)))
        density = np.exp(-0.5 * (z2 + h2)) / SQRT_2PI
        below = z >= h
        part = density * np.where(below, tail - far_tail, tail + far_tail)
        # `part` is the price below the inflection and the room above it; the other is the rest of the bound.
        size = np.where(below == is_upper, bound - part, part)
        elasticity = np.where(is_upper, -s, s) * density / size
        newton = (target - np.log(size)) / elasticity
        return np.clip(_householder(newton, elasticity, z2, h2), -0.5, 0.5)

    return _iterate(step, s, x, target)


def _upper_start(p: FloatArray) -> FloatArray:
    # Twice the normal quantile of 1 - p, 0 < p <= 1/2 (Abramowitz and Stegun, 1964, 26.2.22: 3e-3).
    w = np.sqrt(-2.0 * np.log(p))
    quantile = w - (2.30753 + 0.27061 * w) / (1.0 + w * (0.99229 + 0.04481 * w))
    return np.maximum(2.0 * quantile, SERIES_REACH_MAX)
