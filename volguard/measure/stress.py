"""What a book would lose: every leg priced anew in every cell, against its theoretical value now.

Each forward moves by the same share and otherwise stays; the interest rate of an expiry stays, so that its
discount draws near to one. Each leg's volatility is that of its strike now plus the shift (sticky strike),
not below `iv_floor` unless it was there before. Time to expiry falls by the days of the cell, not below five
minutes; a leg whose expiry has passed is worth its intrinsic value at the cell's level.

Doubt: with confidence c in a leg's volatility, a shift against that leg (up for a short, down for a long) is
widened by the factor 2 - c. A shift in its favour is not, so that doubt never makes a cell look better.

Settlement, at the nearest expiry of the book: its legs are worth their intrinsic value, later ones are priced
at today's volatility with the time then left; at the moves of the grid and, because a payoff bends there, at
the strikes of the expiring legs that lie between them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.measure.quality import QualitySettings
from volguard.measure.stress_book import StressBook, StressUnavailable, stress_book
from volguard.measure.stress_cells import (
    SHAPES,
    Cell,
    CellColumns,
    CellKind,
    ShiftShape,
    cell_columns,
    grid_shape,
)
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Position
from volguard.model.market import BoolArray, FloatArray
from volguard.model.units import figure
from volguard.pricing.black76 import price
from volguard.pricing.daycount import DAYS_PER_YEAR, FLOOR_S, SECONDS_PER_YEAR

_FLOOR_YEARS: Final = FLOOR_S / SECONDS_PER_YEAR
_SLACK_YEARS: Final = 1e-12  # rounding of a difference of times, not an expiry that has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class StressOutcome:
    """A cell and what the book makes there, in rupees (a loss is negative)."""

    cell: Cell
    pnl_inr: float

    @property
    def text(self) -> str:
        """The cell with its figure: "spot -7 %, IV +10 pt skewed, 1 day: -41,200"."""
        return f"{self.cell.name}: {self.pnl_inr:,.0f}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StressResult:
    """P&L in rupees before costs; `pnl_inr` has the axes (horizon, spot move, IV shift, shape).

    `value_inr` is the theoretical value now. `settlement_pnl_inr` belongs to `settlement_moves`, both of
    shape (levels,), empty for an empty book. `worst` is the least of all cells, near and named ones and
    settlement with it; None for an empty book. Losses are sizes, never below 0.
    """

    value_inr: float
    horizons_days: tuple[int, ...]
    spot_move_shares: tuple[float, ...]
    iv_shifts: tuple[float, ...]
    shapes: tuple[ShiftShape, ...]
    pnl_inr: FloatArray
    settlement_expiry: date | None
    settlement_moves: FloatArray
    settlement_pnl_inr: FloatArray
    near: tuple[StressOutcome, ...]
    named: tuple[StressOutcome, ...]
    worst: StressOutcome | None
    stressed_loss_inr: float
    near_loss_inr: float


def portfolio_stress(
    view: MarketView, positions: Sequence[Position], settings: StressSettings, quality: QualitySettings
) -> StressResult | StressUnavailable:
    """The stress of positions on the market as it is, or which legs lack what."""
    book = stress_book(view, positions, quality)
    return book if isinstance(book, StressUnavailable) else stress(book, settings)


def stress(book: StressBook, settings: StressSettings) -> StressResult:
    """Every cell of the settings and the settlement of the nearest expiry, in one pricing call."""
    fixed = cell_columns(settings)
    count = len(fixed.move)
    markets = _with_settlement(book, fixed, settings)
    now, pnl = _revalue(book, markets, settings.iv_floor)
    by_cell, levels, moves = pnl[fixed.market], pnl[count:], markets.move[count:]
    shape = grid_shape(settings)
    grid_end = 1 + math.prod(shape)
    grid = by_cell[1:grid_end].reshape(shape)
    for array in (grid, levels, moves):
        array.setflags(write=False)
    beside = _outcomes(fixed.cells[grid_end:], by_cell[grid_end:])
    near = tuple(outcome for outcome in beside if outcome.cell.kind is CellKind.NEAR)
    worst = _worst(book, fixed, by_cell, moves, levels)
    return StressResult(
        value_inr=figure(now),
        horizons_days=settings.horizons_days,
        spot_move_shares=settings.spot_move_shares,
        iv_shifts=settings.iv_shifts,
        shapes=SHAPES,
        pnl_inr=grid,
        settlement_expiry=book.first_expiry,
        settlement_moves=moves,
        settlement_pnl_inr=levels,
        near=near,
        named=tuple(outcome for outcome in beside if outcome.cell.kind is CellKind.NAMED),
        worst=worst,
        stressed_loss_inr=_loss(() if worst is None else (worst,)),
        near_loss_inr=_loss(near),
    )


def _with_settlement(book: StressBook, fixed: CellColumns, settings: StressSettings) -> CellColumns:
    # One market more for each level of settlement, at the last of the times, whose days the book sets.
    if not len(book):
        return fixed
    first = _expires_first(book)
    strikes = book.strike[first] / book.forward[first] - 1.0
    low, high = settings.spot_move_shares[0], settings.spot_move_shares[-1]
    bends = strikes[(strikes > low) & (strikes < high)]
    moves = np.unique(np.concatenate((settings.spot_move_shares, bends)))
    days = float(book.years[first][0]) * DAYS_PER_YEAR
    return replace(
        fixed,
        move=np.concatenate((fixed.move, moves)),
        iv_shift=np.concatenate((fixed.iv_shift, np.zeros(len(moves)))),
        time=np.concatenate((fixed.time, np.full(len(moves), len(fixed.days_ahead)))),
        days_ahead=np.append(fixed.days_ahead, days),
    )


def _revalue(book: StressBook, markets: CellColumns, iv_floor: float) -> tuple[float, FloatArray]:
    # Value of the book now, and its P&L in each market, shape (markets,).
    years, discount = _ahead(book, markets.days_ahead)
    values = price(
        book.forward[:, None] * (1.0 + markets.move),
        book.strike[:, None],
        years[:, markets.time],
        _sigma(book, markets.iv_shift, iv_floor),
        book.is_call[:, None],
        discount[:, markets.time],
    )
    now = values[:, markets.market[0]].copy()
    values -= now[:, None]
    values *= book.units[:, None]
    # Summed leg by leg, in an order that does not depend on the machine.
    return sum((book.units * now).tolist()), values.sum(axis=0)


def _ahead(book: StressBook, days_ahead: FloatArray) -> tuple[FloatArray, FloatArray]:
    # Time left and discount of each leg at each time ahead, shape (legs, times); the last is settlement.
    left = book.years[:, None] - days_ahead / DAYS_PER_YEAR
    is_over = left < -_SLACK_YEARS
    is_over[:, -1] |= _expires_first(book)
    years = np.where(is_over, 0.0, np.maximum(left, _FLOOR_YEARS))
    discount: FloatArray = book.discount[:, None] ** np.minimum(years / book.years[:, None], 1.0)
    return years, discount


def _sigma(book: StressBook, iv_shift: FloatArray, iv_floor: float) -> FloatArray:
    doubt = 2.0 - book.confidence
    is_short = book.units < 0.0
    sigma: FloatArray = np.where(is_short, doubt, 1.0)[:, None] * np.maximum(iv_shift, 0.0)
    sigma += np.where(is_short, 1.0, doubt)[:, None] * np.minimum(iv_shift, 0.0)
    sigma += book.sigma[:, None]
    return np.maximum(sigma, np.minimum(book.sigma, iv_floor)[:, None])


def _expires_first(book: StressBook) -> BoolArray:
    nearest = book.first_expiry
    return np.array([contract.expiry == nearest for contract in book.contracts], dtype=np.bool_)


def _worst(
    book: StressBook, fixed: CellColumns, by_cell: FloatArray, moves: FloatArray, levels: FloatArray
) -> StressOutcome | None:
    expiry = book.first_expiry
    if expiry is None:
        return None
    at, settled = int(np.argmin(by_cell)), int(np.argmin(levels))
    if by_cell[at] <= levels[settled]:
        return StressOutcome(cell=fixed.cells[at], pnl_inr=figure(float(by_cell[at])))
    move = float(moves[settled])
    level = float(book.forward[_expires_first(book)][0]) * (1.0 + move)
    label = f"settlement of {expiry.isoformat()} at {level:.0f}"
    cell = Cell(kind=CellKind.SETTLEMENT, label=label, spot_move_share=move)
    return StressOutcome(cell=cell, pnl_inr=figure(float(levels[settled])))


def _outcomes(cells: Sequence[Cell], pnl: FloatArray) -> tuple[StressOutcome, ...]:
    return tuple(
        StressOutcome(cell=cell, pnl_inr=figure(value))
        for cell, value in zip(cells, pnl.tolist(), strict=True)
    )


def _loss(outcomes: Sequence[StressOutcome]) -> float:
    return max((0.0, *(-outcome.pnl_inr for outcome in outcomes)))
