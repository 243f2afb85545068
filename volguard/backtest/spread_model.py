"""Touch of a modelled chain: spread and size by depth, by the expiry's place in its cycle, and by price.

    spread = share x e^(wing x depth out of the money + inside x depth in the money) x mid

with depth in standard deviations of the expiry, never below one tick; share, wing and inside belong to the
expiry's place in its cycle. A share of the price carries the
spread over to other volatilities: the premium at a given depth grows with sigma sqrt(t), and the spread with
it. One recorded day cannot tell more about how spreads answer to volatility. On that day the share at the
money is 0.2 to 0.3 % for the two nearest weeklies and the nearest monthly, 1 to 8 % behind them, and grows
with depth at nearly one pace for all of the liquid ones. Sizes rise towards the wings, fall in the money.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.model.instrument import ExpiryCycle
from volguard.model.market import FloatArray, IntArray
from volguard.nse.expiries import ListedExpiry

DEPTH_MAX: Final = 3.0  # standard deviations: fitted up to here; further out nothing grows any more
ON_TICK: Final = 1e-6  # of a tick: what lies so near to one lies on it
MONTH_ENDS: Final = (ExpiryCycle.QUARTERLY, ExpiryCycle.HALF_YEARLY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LiquidityRow:
    """Expiries of one cycle (W or M) by their rank in it, 0 the nearest.

    `spread_share` of the mid at the money, which grows by e^`wing_growth` a standard deviation out of the
    money and by e^`inside_growth` in it; `size_units` at the touch, with e^`size_growth` outwards.
    """

    cycle: ExpiryCycle
    rank: int
    spread_share: float
    wing_growth: float
    inside_growth: float
    size_units: float
    size_growth: float

    def __post_init__(self) -> None:
        if not 0.0 < self.spread_share < 1.0:
            raise ValueError(f"spread_share was {self.spread_share}, must be above 0 and below 1")
        if self.size_units <= 0.0:
            raise ValueError(f"size_units was {self.size_units}, must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadParameters:
    """A row per expiry; those behind the last row of their cycle are taken as that row.

    Raises ValueError on a missing rank.
    """

    liquidity: tuple[LiquidityRow, ...]

    def __post_init__(self) -> None:
        for cycle in (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY):
            ranks = [row.rank for row in self.liquidity if row.cycle is cycle]
            if ranks != list(range(len(ranks))) or not ranks:
                raise ValueError(f"liquidity {cycle} had the ranks {ranks}, must be 0, 1, 2 and so on")

    def of(self, cycle: ExpiryCycle, rank: int) -> LiquidityRow:
        """The row of an expiry; quarters and half-years are month ends behind the monthly ones."""
        kept = ExpiryCycle.MONTHLY if cycle in MONTH_ENDS else cycle
        rows = [row for row in self.liquidity if row.cycle is kept]
        return rows[min(rank, len(rows) - 1)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Liquidity:
    """The figures of rows as columns of one shape, that of what they are asked for."""

    spread_share: FloatArray
    wing_growth: FloatArray
    inside_growth: FloatArray
    size_units: FloatArray
    size_growth: FloatArray

    @classmethod
    def of(cls, columns: FloatArray) -> Liquidity:
        """From an array whose last axis are these fields in order."""
        return cls(**{name: columns[..., i] for i, name in enumerate(LIQUIDITY_FIELDS)})


LIQUIDITY_FIELDS: Final = tuple(field.name for field in fields(Liquidity))


def liquidity_rows(parameters: SpreadParameters, listed: Sequence[ListedExpiry]) -> tuple[LiquidityRow, ...]:
    """The row of each listed expiry; `listed` begins with the nearest of each cycle, nearest first."""
    seen = {True: 0, False: 0}
    rows = []
    for expiry in listed:
        is_weekly = expiry.cycle is ExpiryCycle.WEEKLY
        rows.append(parameters.of(expiry.cycle, seen[is_weekly]))
        seen[is_weekly] += 1
    return tuple(rows)


def liquidity_columns(rows: Sequence[LiquidityRow]) -> FloatArray:
    """Rows as an array (rows, LIQUIDITY_FIELDS)."""
    return np.array([[getattr(row, name) for name in LIQUIDITY_FIELDS] for row in rows])


def spread_share(row: Liquidity, depth: FloatArray) -> FloatArray:
    """Spread as a share of the mid at `depth` standard deviations out of the money, broadcast shape."""
    outside, inside = np.clip(depth, 0.0, DEPTH_MAX), np.clip(-depth, 0.0, DEPTH_MAX)
    growth = row.wing_growth * outside + row.inside_growth * inside
    return np.asarray(row.spread_share * np.exp(growth))


def size_units(row: Liquidity, depth: FloatArray) -> FloatArray:
    """Units shown at the touch, not yet in lots, broadcast shape."""
    return np.asarray(row.size_units * np.exp(row.size_growth * np.clip(depth, -DEPTH_MAX, DEPTH_MAX)))


def touch(mid: FloatArray, spread: FloatArray, tick: Decimal) -> tuple[FloatArray, FloatArray]:
    """Bid and ask around `mid`, points, each on the nearest tick and at least one apart.

    A bid below one tick is nan; the ask is then the nearest tick to where it would be, and one at least.
    """
    step = float(tick)
    half = 0.5 * np.maximum(spread, step)
    bid_ticks = np.rint((mid - half) / step)
    ask_ticks = np.maximum(np.rint((mid + half) / step), np.maximum(bid_ticks, 0.0) + 1.0)
    return np.where(bid_ticks >= 1.0, on_grid(bid_ticks, tick), np.nan), on_grid(ask_ticks, tick)


def touch_beyond(price: FloatArray, spread: FloatArray, tick: Decimal) -> tuple[FloatArray, FloatArray]:
    """Bid and ask around a `price` that was traded, points, each on the next tick away from it.

    A bid below one tick is nan.
    """
    step = float(tick)
    half = 0.5 * np.maximum(spread, step)
    bid_ticks = np.floor((price - half) / step + ON_TICK)
    ask_ticks = np.ceil((price + half) / step - ON_TICK)
    return np.where(bid_ticks >= 1.0, on_grid(bid_ticks, tick), np.nan), on_grid(ask_ticks, tick)


def on_grid(ticks: FloatArray, tick: Decimal) -> FloatArray:
    """Whole ticks as prices: the float nearest to the exact decimal price."""
    numerator, denominator = tick.as_integer_ratio()
    return np.asarray(ticks * numerator / denominator)


def whole_lots(units: FloatArray, lot_size: IntArray) -> IntArray:
    """Units rounded to whole lots, one at least."""
    lots = np.maximum(np.rint(units / lot_size), 1.0).astype(np.int64)
    return np.asarray(lots * lot_size)
