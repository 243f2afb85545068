"""What a structure pays at expiry, and what that is worth under the forecast (measure P).

Prices in index points per unit. P: a martingale around the forward whose log level has the forecast's
variance to expiry and Student-t tails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from volguard.model.book import Leg
from volguard.model.instrument import OptionType, Side
from volguard.model.market import FloatArray

GRID_SIGMAS: Final = 14.0
GRID_POINTS: Final = 1401


@dataclass(frozen=True, kw_only=True, eq=False)
class LevelDensity:
    """Levels of the index at expiry, ascending, and their probabilities, both of shape (points,)."""

    levels: FloatArray
    probability: FloatArray

    @cached_property
    def mean(self) -> float:
        """Expected level."""
        return float(self.levels @ self.probability)

    def above(self, points: Sequence[float]) -> list[tuple[float, float]]:
        """Of the outcomes above each point: their probability, and their probability times level."""
        first = np.searchsorted(self.levels, points, side="right")
        mass, level = self._tails
        return list(zip(mass[first].tolist(), level[first].tolist(), strict=True))

    def chance_above(self, points: Sequence[float]) -> list[float]:
        """Probability above each point: each level's is spread evenly over its cell, half to either side.

        Without that a chance would jump as a point passes a level.
        """
        at, mass = self._spread
        return np.interp(points, at, mass).tolist()

    def per_point(self, levels: FloatArray) -> FloatArray:
        """Probability per index point at levels, same shape; zero outside the grid."""
        height = self.probability / np.gradient(self.levels)
        return np.interp(levels, self.levels, height, left=0.0, right=0.0)

    @cached_property
    def _spread(self) -> tuple[FloatArray, FloatArray]:
        # Edges of the cells and the levels between them in turn, and the probability above each.
        at = np.empty(2 * len(self.levels) + 1)
        at[0::2], at[1::2] = cell_edges(self.levels), self.levels
        halves = np.repeat(0.5 * self.probability, 2)
        return at, np.append(np.cumsum(halves[::-1])[::-1], 0.0)

    @cached_property
    def _tails(self) -> tuple[FloatArray, FloatArray]:
        # Probability, and probability times level, of everything from a point upwards.
        def from_above(values: FloatArray) -> FloatArray:
            return np.append(np.cumsum(values[::-1])[::-1], 0.0)

        return from_above(self.probability), from_above(self.probability * self.levels)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPayoff:
    """Under P, per unit and undiscounted: expected payoff of the legs, and the probability of a profit."""

    expected_points: float
    probability_of_profit: float


def payoff_at(legs: Sequence[Leg], levels: FloatArray) -> FloatArray:
    """Points per unit that the legs pay at each final level (shorts negative), without premium."""
    total = np.zeros_like(levels)
    for leg in legs:
        strike = float(leg.contract.strike)
        intrinsic = levels - strike if leg.contract.option_type is OptionType.CALL else strike - levels
        total += leg.side.sign * np.maximum(intrinsic, 0.0)
    return total


def max_loss_points(legs: Sequence[Leg], credit: float) -> float | None:
    """Worst loss per unit at expiry given the credit received; None when it is not bounded."""
    calls = sum(leg.side.sign for leg in legs if leg.contract.option_type is OptionType.CALL)
    if calls < 0:
        return None
    # Piecewise linear: the worst level is at a strike, at zero or (calls never net short) far up.
    knots = (0.0, *(float(leg.contract.strike) for leg in legs))
    return -min(_points_at(legs, knot) for knot in knots) - credit


def max_profit_points(legs: Sequence[Leg], credit: float) -> float | None:
    """Best profit per unit at expiry given the credit received; None when it is not bounded."""
    mirror = [Leg(contract=leg.contract, side=leg.side.opposite) for leg in legs]
    return max_loss_points(mirror, -credit)


def breakevens(legs: Sequence[Leg], credit: float) -> tuple[float, ...]:
    """Levels at which the structure neither makes nor loses at expiry, before costs, ascending.

    Of a stretch that pays exactly nothing, its two ends.
    """
    strikes = sorted({float(leg.contract.strike) for leg in legs})
    knots = [0.0, *strikes, 2.0 * strikes[-1]]
    pnl = [_points_at(legs, knot) + credit for knot in knots]
    points: list[float] = []
    for (left, low), (right, high) in pairwise(zip(knots, pnl, strict=True)):
        if low * high < 0.0:
            points.append(left - (right - left) * low / (high - low))
        elif low != 0.0 == high:
            points.append(right)
        elif low == 0.0 != high and left not in points:
            points.append(left)
    return tuple(points)


def forecast_density(forward: float, variance: float, dof: float) -> LevelDensity:
    """P at expiry: E[level] = forward, variance of the standardised log level as given, t tails of `dof`.

    Tails end at 14 standard deviations: a Student-t has no exponential moment, a market has a floor.
    """
    shape, probability = _standard_t(dof)
    growth = np.exp(math.sqrt(variance) * shape)
    return LevelDensity(levels=forward * growth / float(growth @ probability), probability=probability)


def expected_payoff(legs: Sequence[Leg], credit: float, density: LevelDensity) -> ExpectedPayoff:
    """Expected payoff under a density and the chance that credit plus payoff is above zero."""
    strikes = [float(leg.contract.strike) for leg in legs]
    edges = [0.0, *breakevens(legs, credit)]
    outcomes = density.above(strikes)
    expected = 0.0
    for leg, strike, (mass, level) in zip(legs, strikes, outcomes, strict=True):
        call = level - strike * mass
        is_call = leg.contract.option_type is OptionType.CALL
        expected += leg.side.sign * (call if is_call else call - (density.mean - strike))
    beyond = [*density.chance_above(edges), 0.0]
    profit = sum(
        beyond[i] - beyond[i + 1]
        for i, low in enumerate(edges)
        if _points_at(legs, _inside(low, edges[i + 1] if i + 1 < len(edges) else math.inf)) + credit > 0
    )
    return ExpectedPayoff(expected_points=expected, probability_of_profit=profit)


def cell_edges(levels: FloatArray) -> FloatArray:
    """Bounds of the cells of levels ascending, shape (points + 1,): half way to each neighbour.

    The outermost cells end at their own level.
    """
    return np.concatenate((levels[:1], 0.5 * (levels[1:] + levels[:-1]), levels[-1:]))


def _points_at(legs: Sequence[Leg], level: float) -> float:
    total = 0.0
    for leg in legs:
        contract = leg.contract
        away = level - contract.strike
        if contract.option_type is OptionType.PUT:
            away = -away
        if away > 0:
            total += away if leg.side is Side.BUY else -away
    return total


def _inside(low: float, high: float) -> float:
    return 0.5 * (low + high) if math.isfinite(high) else 2.0 * low + 1.0


def short_legs(legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """Legs that were sold."""
    return tuple(leg for leg in legs if leg.side is Side.SELL)


@lru_cache(maxsize=8)
def _standard_t(dof: float) -> tuple[FloatArray, FloatArray]:
    shape = np.linspace(-GRID_SIGMAS, GRID_SIGMAS, GRID_POINTS)
    # Student (1908); scaled so that the truncated grid itself has variance one.
    weight = (1.0 + shape**2 / (dof - 2.0)) ** (-(dof + 1.0) / 2.0)
    probability = weight / weight.sum()
    shape = shape / math.sqrt(float(probability @ shape**2))
    shape.setflags(write=False)
    probability.setflags(write=False)
    return shape, probability
