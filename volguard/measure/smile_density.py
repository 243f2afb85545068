"""The density of the index at expiry that a smile implies (measure Q), and values under any density.

D. Breeden and R. Litzenberger (1978): the density is the second derivative of the undiscounted call price
in the strike. On a grid the second differences are butterflies: a payoff that is straight between grid points
has under them exactly the value that the smile's own prices give it. What lies beyond the grid is one level
each side: its probability is the slope of the price there, and it lies where that slope reaches a price of
zero, so that the mean is the forward and the outermost strikes keep their own prices too.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.measure.payoff import ExpectedPayoff, LevelDensity, cell_edges
from volguard.model.market import BoolArray, FloatArray
from volguard.pricing.black76 import price

GRID_SIGMAS: Final = 8.0  # each way, in standard deviations at the money
REACH_SIGMAS_MIN: Final = 4.0  # a smile that holds no farther has no density
TAIL_SIGMAS_MAX: Final = 16.0  # where a tail may have its mean; farther out its price does not come to zero
GRID_POINTS: Final = 1601
VALUE_ERROR_SIGMAS_MAX: Final = 0.001  # of any option against the smile, in standard deviations of the level


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmileDensity:
    """Q at expiry, mean = forward; None with the reason where the smile has none.

    `negative_mass` is the probability below zero that was cut off: zero without butterfly arbitrage.
    """

    density: LevelDensity | None
    negative_mass: float
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Prices:
    # Undiscounted option prices of strikes ascending, and their slopes from each strike to the next:
    # the probability below for puts, above for calls.
    strike: FloatArray
    put: FloatArray
    call: FloatArray

    @property
    def below(self) -> FloatArray:
        return np.asarray(np.diff(self.put) / np.diff(self.strike))

    @property
    def above(self) -> FloatArray:
        return np.asarray(-np.diff(self.call) / np.diff(self.strike))

    def between(self, first: int, last: int) -> _Prices:
        part = slice(first, last + 1)
        return _Prices(strike=self.strike[part], put=self.put[part], call=self.call[part])


def smile_density(sigma_at: Callable[[FloatArray], FloatArray], forward: float, years: float) -> SmileDensity:
    """Density from a smile; `sigma_at` gives the volatility (decimal per year) of strikes in points.

    The grid goes GRID_SIGMAS standard deviations each way, or as far as the smile does and its prices fall
    away from the money; where that is not even REACH_SIGMAS_MIN the density abstains.
    """
    if not (math.isfinite(forward) and forward > 0.0 and years > 0.0):
        return _abstain("no forward, or no time to expiry")
    atm = float(sigma_at(np.array([forward]))[0])
    if not (math.isfinite(atm) and atm > 0.0):
        return _abstain("the smile has no volatility at the forward")
    moneyness, deviation = np.linspace(-GRID_SIGMAS, GRID_SIGMAS, GRID_POINTS), atm * math.sqrt(years)
    prices = _prices(sigma_at, forward * np.exp(moneyness * deviation), forward, years)
    ends = _ends(prices, forward, deviation)
    reach = [abs(float(moneyness[end])) for end in ends]
    if min(reach) < REACH_SIGMAS_MIN:
        return _abstain(
            f"the smile does not reach {REACH_SIGMAS_MIN:g} standard deviations each way with prices that "
            f"fall to zero: down {reach[0]:.1f}, up {reach[1]:.1f}"
        )
    return _density(prices.between(*ends), forward, deviation * forward)


def value_under(payoff: Callable[[FloatArray], FloatArray], density: LevelDensity) -> ExpectedPayoff:
    """Expected value of any payoff, and the chance that it is above zero; undiscounted points per unit.

    `payoff` takes final levels of shape (points,) and gives points of the same shape, premium included. For
    the chance each level's probability is spread evenly over its cell, so that a breakeven may cut a cell.
    """
    points = payoff(density.levels)
    share = _share_above_zero(points, payoff(cell_edges(density.levels)))
    return ExpectedPayoff(
        expected_points=float(points @ density.probability),
        probability_of_profit=float(share @ density.probability),
    )


def _prices(
    sigma_at: Callable[[FloatArray], FloatArray], levels: FloatArray, forward: float, years: float
) -> _Prices:
    sigma = np.asarray(sigma_at(levels), dtype=np.float64)
    put, call = (price(forward, levels, years, sigma, is_call, 1.0) for is_call in (False, True))
    return _Prices(strike=levels, put=put, call=call)


def _ends(prices: _Prices, forward: float, deviation: float) -> tuple[int, int]:
    # The outermost strikes from which, all the way in to the forward, a tail has a probability and a place.
    strike, reach = prices.strike, math.exp(TAIL_SIGMAS_MAX * deviation)
    with np.errstate(all="ignore"):
        down = strike[:-1] - prices.put[:-1] / prices.below
        up = strike[1:] + prices.call[1:] / prices.above
        has_low = (prices.below > 0.0) & (prices.put[:-1] > 0.0) & (down > forward / reach)
        has_high = (prices.above > 0.0) & (prices.call[1:] > 0.0) & (up < forward * reach)
    middle = len(strike) // 2
    return middle - _unbroken(has_low[:middle][::-1]), middle + _unbroken(has_high[middle:])


def _unbroken(holds: BoolArray) -> int:
    # How many hold from the first on.
    return len(holds) if holds.all() else int(np.argmin(holds))


def _density(prices: _Prices, forward: float, deviation_points: float) -> SmileDensity:
    strike, low, high = prices.strike, float(prices.below[0]), float(prices.above[-1])
    butterflies = _butterflies(prices, forward)
    negative = float(np.maximum(-butterflies, 0.0).sum())
    levels = np.concatenate(
        ([strike[0] - prices.put[0] / low], strike[1:-1], [strike[-1] + prices.call[-1] / high])
    )
    kept = np.concatenate(([low], np.maximum(butterflies, 0.0), [high]))
    density = LevelDensity(levels=levels, probability=kept / kept.sum())
    error = _value_error(density, prices) / deviation_points
    if not error <= VALUE_ERROR_SIGMAS_MAX:
        return _abstain(
            f"butterfly arbitrage: negative probability was {negative:.4f}, without it an option is worth "
            f"{error:.4f} standard deviations more or less, limit {VALUE_ERROR_SIGMAS_MAX:g}",
            negative,
        )
    return SmileDensity(density=density, negative_mass=negative, reason=None)


def _value_error(density: LevelDensity, prices: _Prices) -> float:
    # The worst of all puts on the grid; the last one's error is that of the mean.
    strike = prices.strike
    mass = np.cumsum(density.probability)[:-1]
    level = np.cumsum(density.probability * density.levels)[:-1]
    # Levels below each strike: the tail and the strikes before it.
    worth = strike[1:] * mass - level
    return float(np.abs(worth - prices.put[1:]).max())


def _share_above_zero(points: FloatArray, at_edges: FloatArray) -> FloatArray:
    # Of each cell, the payoff taken as straight from its edges to its middle.
    def of_half(edge: FloatArray) -> FloatArray:
        span = np.abs(edge) + np.abs(points)
        crossing = np.maximum(edge, points) / np.where(span > 0.0, span, 1.0)
        return np.where((edge > 0.0) & (points > 0.0), 1.0, np.maximum(crossing, 0.0))

    return 0.5 * (of_half(at_edges[:-1]) + of_half(at_edges[1:]))


def _butterflies(prices: _Prices, forward: float) -> FloatArray:
    # Call and put differ by a straight line; each side's own small prices keep its digits.
    inner = prices.strike[1:-1]
    return np.asarray(np.where(inner > forward, -np.diff(prices.above), np.diff(prices.below)))


def _abstain(reason: str, negative_mass: float = 0.0) -> SmileDensity:
    return SmileDensity(density=None, negative_mass=negative_mass, reason=reason)
