"""P&L of a structure at its first expiry: legs that expire pay off, legs that live on are worth a price.

A later leg is priced by Black-76 at the volatility its strike has today (sticky strike), with the time that
is then left to it. Its forward stays in proportion to the index, and that proportion is the rate between the
two days (no dividend: the convention of pricing/black76.py), so that a deep call is worth the index less its
discounted strike, which two discount factors from quotes would miss. Prices in index points per unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from volguard.measure.payoff import breakevens, max_loss_points, max_profit_points, payoff_at
from volguard.model.book import Leg
from volguard.model.instrument import OptionType
from volguard.model.market import FloatArray
from volguard.pricing.black76 import price

# Levels searched for the extremes of a structure with later legs, as shares of the forward: a sold put loses
# most at zero, where Black-76 has no price, so just above it.
SEARCH_LOW: Final = 1e-6
SEARCH_HIGH: Final = 2.0
SEARCH_POINTS: Final = 8001


@dataclass(frozen=True, slots=True, kw_only=True)
class LaterLeg:
    """A leg that lives on: `sigma` (decimal per year) of its strike today, `years` left to it then.

    `carry` is its forward over the forward of the first expiry.
    """

    leg: Leg
    sigma: float
    years: float
    carry: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstExpiry:
    """A structure of one unit at its first expiry; a leg of ratio n stands n times."""

    forward: float
    expired: tuple[Leg, ...]
    later: tuple[LaterLeg, ...] = ()

    def payoff(self, levels: FloatArray) -> FloatArray:
        """Points per unit at final levels of the index, same shape, without premium."""
        total = payoff_at(self.expired, levels)
        for one in self.later:
            contract = one.leg.contract
            is_call = contract.option_type is OptionType.CALL
            at = (levels * one.carry, contract.strike, one.years, one.sigma, is_call, 1.0 / one.carry)
            total = total + one.leg.side.sign * price(*at)
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Extremes:
    """Best and worst P&L per unit before costs (None: not bounded) and the levels of neither, ascending."""

    max_profit_points: float | None
    max_loss_points: float | None
    breakevens: tuple[float, ...]


def extremes(at_expiry: FirstExpiry, credit: float) -> Extremes:
    """Exact where all legs expire together; with later legs searched from zero to twice the forward."""
    legs = at_expiry.expired
    if not at_expiry.later:
        return Extremes(
            max_profit_points=max_profit_points(legs, credit),
            max_loss_points=max_loss_points(legs, credit),
            breakevens=breakevens(legs, credit),
        )
    every = (*legs, *(one.leg for one in at_expiry.later))
    calls = sum(leg.side.sign for leg in every if leg.contract.option_type is OptionType.CALL)
    levels = _searched(legs, at_expiry.forward)
    pnl = at_expiry.payoff(levels) + credit
    return Extremes(
        max_profit_points=None if calls > 0 else float(pnl.max()),
        max_loss_points=None if calls < 0 else -float(pnl.min()),
        breakevens=_zeros(levels, pnl),
    )


def _searched(legs: Sequence[Leg], forward: float) -> FloatArray:
    grid = np.linspace(SEARCH_LOW * forward, SEARCH_HIGH * forward, SEARCH_POINTS)
    strikes = [float(leg.contract.strike) for leg in legs]
    inside = [strike for strike in strikes if grid[0] < strike < grid[-1]]
    return np.unique(np.concatenate((grid, inside)))


def _zeros(levels: FloatArray, pnl: FloatArray) -> tuple[float, ...]:
    points = []
    for (left, low), (right, high) in pairwise(zip(levels.tolist(), pnl.tolist(), strict=True)):
        if low * high < 0.0:
            points.append(left - (right - left) * low / (high - low))
        elif low != 0.0 == high:
            points.append(right)
    return tuple(points)
