"""The normal distribution in NumPy alone, accurate in relative terms through both tails.

Everything rests on Mills' ratio R(x) = (1 - Phi(x)) / phi(x) = exp(x^2/2) sqrt(pi/2) erfc(x / sqrt 2), which
is smooth and never underflows. One rational function of degree (10, 11) with positive coefficients, hence
without cancellation, interpolates it on the whole of [0, infinity): 22 Chebyshev points of the variable
(x - 4) / (x + 4), relative error of the fit 2e-17 (the idea of W. J. Cody, "Rational Chebyshev
approximations for the error function", Math. Comp. 23, 1969, with one interval in place of three).

Near the money, CHORD_MIN .. CHORD_MAX, a smaller one of degree (8, 9) (fitted alike: 5e-17, in its slope
9e-15) gives R at two points and the slope of the chord between them. The divided differences of both
polynomials come out of Horner's scheme beside their values, all terms positive, so that two points however
close leave no cancellation.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from volguard.model.market import FloatArray

SQRT_2PI: Final = math.sqrt(2.0 * math.pi)
ARGUMENT_MAX: Final = 60.0  # phi(60) is 1e-782: beyond it every double is the same zero
SERIES_REACH_MAX: Final = 0.1  # where the series of mills_slope is exact to rounding

_NUMERATOR: Final = (
    1451444.4311114256,
    2499061.9855821915,
    2124982.652489747,
    1156736.2462255775,
    442852.36404014286,
    124144.7612225787,
    25793.233161042903,
    3930.323590091473,
    422.47729594743475,
    29.18712338281613,
    1.0,
)
_DENOMINATOR: Final = (  # the coefficient of x^11 is 1
    1158085.1024471046,
    2917981.1981237344,
    3444660.4458678523,
    2520398.854135845,
    1273312.2515818102,
    467810.6419772239,
    128016.71057984451,
    26213.710456788765,
    3959.510713476024,
    423.47729594742714,
    29.187123382816143,
)
# Both polynomials are evaluated in one array of two rows; each step adds one of these columns.
_COLUMNS: Final = tuple(
    np.array([[p], [q]]) for p, q in reversed(tuple(zip(_NUMERATOR[:-1], _DENOMINATOR[:-1], strict=True)))
)
_SERIES_ORDER: Final = 11

CHORD_MIN, CHORD_MAX = -0.25, 7.0
# Highest power first, whose coefficient is 1; arrays, because NumPy adds them faster than floats.
_NEAR_TOP: Final = tuple(
    np.array(coefficient)
    for coefficient in (
        26.34217349251973,
        329.7628133335765,
        2543.8862901133944,
        13189.975218741127,
        47124.04399705153,
        113986.96256824626,
        173024.61235229197,
        130905.16432616563,
    )
)
_NEAR_BOTTOM: Final = tuple(
    np.array(coefficient)
    for coefficient in (
        26.342173966683973,
        330.7627798589892,
        2570.2295995777026,
        13517.713314323228,
        49615.633608284516,
        126522.74934937338,
        215368.88088821794,
        221390.4827498588,
        104447.20954520958,
    )
)


def pdf(x: FloatArray | float) -> FloatArray:
    """Density phi(x), same shape; the square is split (Cody 1969) so that the tail keeps its digits."""
    y = np.minimum(np.abs(np.asarray(x, dtype=np.float64)), ARGUMENT_MAX)
    coarse = np.floor(16.0 * y) / 16.0
    fine = (y - coarse) * (y + coarse)
    return np.asarray(np.exp(-0.5 * coarse * coarse) * np.exp(-0.5 * fine) / SQRT_2PI)


def cdf(x: FloatArray | float) -> FloatArray:
    """Distribution Phi(x), same shape; relative accuracy in the left tail, nan for nan."""
    at = np.asarray(x, dtype=np.float64)
    tail = pdf(at) * mills_ratio(np.minimum(np.abs(at), ARGUMENT_MAX))
    return np.asarray(np.where(at > 0.0, 1.0 - tail, tail))


def mills_ratio(x: FloatArray) -> FloatArray:
    """Mills' ratio R(x), same shape, for 0 <= x <= 1e20; nan for nan."""
    flat = x.reshape(-1)
    both = np.empty((2, flat.size))
    both[0] = _NUMERATOR[-1]
    np.add(flat, _DENOMINATOR[-1], out=both[1])
    for column in _COLUMNS:
        both *= flat
        both += column
    return np.asarray(both[0] / both[1]).reshape(x.shape)


def mills_slope(centre: FloatArray, reach: FloatArray) -> FloatArray:
    """(R(c - h) - R(c + h)) / 2h without cancellation, shape (n,); -R'(c) at h = 0.

    Odd part of the Taylor series of R about c = `centre` >= 0, for 0 <= h = `reach` <= SERIES_REACH_MAX.
    """
    return _even_powers(mills_derivatives(centre)[1::2], reach * reach, sign=-1.0)


def mills_pair(centre: FloatArray, reach: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of R(c - h) and R(c + h), and mills_slope; arguments and range as there."""
    terms, square = mills_derivatives(centre), reach * reach
    return _even_powers(terms[::2], square, sign=1.0), _even_powers(terms[1::2], square, sign=-1.0)


def mills_chord(start: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """R(start) and (R(start) - R(end)) / (end - start), its limit -R' where they meet, shape (n,).

    Right to 3e-14 in relative terms for both points within CHORD_MIN .. CHORD_MAX, meaningless outside.
    """
    top, top_chord = _value_and_chord(_NEAR_TOP, start, end)
    bottom, chord = _value_and_chord(_NEAR_BOTTOM, start, end)
    top /= bottom
    # With R = P/Q: R[a, b] = (P[a, b] - R(a) Q[a, b]) / Q(b).
    slope = top * chord
    slope -= top_chord
    chord *= end - start
    chord += bottom
    slope /= chord
    return top, slope


def _value_and_chord(
    coefficients: tuple[FloatArray, ...], start: FloatArray, end: FloatArray
) -> tuple[FloatArray, FloatArray]:
    # p(start) and (p(end) - p(start)) / (end - start).
    first, second, *rest = coefficients
    value = start + first
    chord = end + value
    value *= start
    value += second
    for coefficient in rest:
        chord *= end
        chord += value
        value *= start
        value += coefficient
    return value, chord


def mills_derivatives(x: FloatArray) -> list[FloatArray]:
    """R and its first derivatives over n!, from R' = x R - 1 and R'' = x R' + R by induction."""
    terms = [mills_ratio(x)]
    terms.append(x * terms[0] - 1.0)
    for order in range(2, _SERIES_ORDER + 1):
        term = x * terms[-1]
        term += terms[-2]
        term *= 1.0 / order
        terms.append(term)
    return terms


def _even_powers(coefficients: list[FloatArray], square: FloatArray, *, sign: float) -> FloatArray:
    total = coefficients[-1] * sign
    for coefficient in reversed(coefficients[:-1]):
        total *= square
        if sign > 0.0:
            total += coefficient
        else:
            total -= coefficient
    return total
