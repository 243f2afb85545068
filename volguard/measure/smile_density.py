"""The density of the index at expiry that a smile implies (measure Q), and values under any density.

D. Breeden and R. Litzenberger (1978): the density is the second derivative of the undiscounted call price
in the strike. On a grid the second differences are butterflies: a payoff that is straight between grid points
has under them exactly the value that the smile's own prices give it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.measure.payoff import ExpectedPayoff, LevelDensity
from volguard.model.market import FloatArray
from volguard.pricing.black76 import price

GRID_SIGMAS: Final = 8.0  # each way, in standard deviations at the money
GRID_POINTS: Final = 1601
NEGATIVE_MASS_MAX: Final = 0.01  # butterflies below zero that are cut off; with more there is no density
MASS_ERROR_MAX: Final = 0.01
MEAN_ERROR_MAX: Final = 0.002  # of the forward, before it is put right


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SmileDensity:
    """Q at expiry, mean = forward; None with the reason where the smile has none.

    `negative_mass` is the probability below zero that was cut off: zero without butterfly arbitrage.
    """

    density: LevelDensity | None
    negative_mass: float
    reason: str | None


def smile_density(sigma_at: Callable[[FloatArray], FloatArray], forward: float, years: float) -> SmileDensity:
    """Density from a smile; `sigma_at` gives the volatility (decimal per year) of strikes in points.

    The smile must reach the grid, GRID_SIGMAS standard deviations each way; where it gives nan the density
    abstains.
    """
    if not (math.isfinite(forward) and forward > 0.0 and years > 0.0):
        return _abstain("no forward, or no time to expiry")
    atm = float(sigma_at(np.array([forward]))[0])
    if not (math.isfinite(atm) and atm > 0.0):
        return _abstain("the smile has no volatility at the forward")
    levels = forward * np.exp(np.linspace(-GRID_SIGMAS, GRID_SIGMAS, GRID_POINTS) * atm * math.sqrt(years))
    sigma = np.asarray(sigma_at(levels), dtype=np.float64)
    if not np.all(np.isfinite(sigma) & (sigma > 0.0)):
        return _abstain(f"the smile does not reach {GRID_SIGMAS:g} standard deviations each way")
    butterflies = _butterflies(levels, sigma, forward, years)
    negative = float(np.maximum(-butterflies, 0.0).sum())
    if negative > NEGATIVE_MASS_MAX:
        return _abstain(f"butterfly arbitrage: negative probability was {negative:.4f}", negative)
    kept = np.maximum(butterflies, 0.0)
    mass = float(kept.sum())
    mean = float(kept @ levels[1:-1]) / mass if mass > 0.0 else math.nan
    if abs(mass - 1.0) > MASS_ERROR_MAX or not abs(mean / forward - 1.0) <= MEAN_ERROR_MAX:
        return _abstain(f"the wings do not close: mass was {mass:.4f}, mean {mean:.2f}", negative)
    density = LevelDensity(levels=levels[1:-1] * (forward / mean), probability=kept / mass)
    return SmileDensity(density=density, negative_mass=negative, reason=None)


def value_under(payoff: Callable[[FloatArray], FloatArray], density: LevelDensity) -> ExpectedPayoff:
    """Expected value of any payoff, and the chance that it is above zero; undiscounted points per unit.

    `payoff` takes final levels of shape (points,) and gives points of the same shape, premium included. For
    the chance each level's probability is spread evenly over its cell, so that a breakeven may cut a cell.
    """
    points = payoff(density.levels)
    share = _share_above_zero(points, payoff(_cell_edges(density.levels)))
    return ExpectedPayoff(
        expected_points=float(points @ density.probability),
        probability_of_profit=float(share @ density.probability),
    )


def _cell_edges(levels: FloatArray) -> FloatArray:
    # Half way to each neighbour; the outermost cells end at their own level.
    return np.concatenate((levels[:1], 0.5 * (levels[1:] + levels[:-1]), levels[-1:]))


def _share_above_zero(points: FloatArray, at_edges: FloatArray) -> FloatArray:
    # Of each cell, the payoff taken as straight from its edges to its middle.
    def of_half(edge: FloatArray) -> FloatArray:
        span = np.abs(edge) + np.abs(points)
        crossing = np.maximum(edge, points) / np.where(span > 0.0, span, 1.0)
        return np.where((edge > 0.0) & (points > 0.0), 1.0, np.maximum(crossing, 0.0))

    return 0.5 * (of_half(at_edges[:-1]) + of_half(at_edges[1:]))


def _butterflies(levels: FloatArray, sigma: FloatArray, forward: float, years: float) -> FloatArray:
    def second_difference(is_call: bool) -> FloatArray:
        value = price(forward, levels, years, sigma, is_call, 1.0)
        return np.asarray(np.diff(np.diff(value) / np.diff(levels)))

    # Call and put differ by a straight line; each side's own small prices keep its digits.
    inner = levels[1:-1]
    return np.asarray(np.where(inner > forward, second_difference(True), second_difference(False)))


def _abstain(reason: str, negative_mass: float = 0.0) -> SmileDensity:
    return SmileDensity(density=None, negative_mass=negative_mass, reason=reason)
