"""The cells of a stress: one market each, as columns, in an order that their names can be read back from."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Final

import numpy as np

from volguard.measure.stress_settings import StressSettings
from volguard.model.market import FloatArray, IntArray


class ShiftShape(StrEnum):
    """How a shift of volatility meets the move of the level."""

    PARALLEL = "parallel"  # the same at every move
    SKEWED = "skewed"  # more when the level falls


class CellKind(StrEnum):
    """Which part of the stress a cell belongs to."""

    GRID = "grid"
    NEAR = "near"
    NAMED = "named"
    SETTLEMENT = "settlement"


SHAPES: Final = tuple(ShiftShape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One market: a move of every forward, a shift of volatility, and calendar days gone by.

    `iv_shift` is the value on the axis, before skew; `label` names a scenario or a settlement.
    """

    kind: CellKind
    spot_move_share: float
    iv_shift: float = 0.0
    shape: ShiftShape = ShiftShape.PARALLEL
    horizon_days: int = 0
    label: str = ""

    @property
    def name(self) -> str:
        """The cell in words: "spot -7 %, IV +10 pt skewed, 1 day"."""
        spot = f"spot {_signed(self.spot_move_share)} %"
        if self.kind is CellKind.SETTLEMENT:
            return f"{self.label}, {spot}"
        shape = f" {self.shape}" if self.shape is ShiftShape.SKEWED else ""
        words = (f"{spot}, IV {_signed(self.iv_shift)} pt{shape}", _days(self.horizon_days))
        return ", ".join((self.label, *words) if self.label else words)


@dataclass(frozen=True, kw_only=True, eq=False)
class CellColumns:
    """Cells, and the markets behind them as columns: cells that are the same market are priced once.

    `market` of shape (cells,) is a position in the columns `move`, `iv_shift` (skew included) and `time` of
    shape (markets,); `time` is a position in `days_ahead`. The first cell is the market as it is now.
    """

    cells: tuple[Cell, ...]
    market: IntArray
    move: FloatArray
    iv_shift: FloatArray
    time: IntArray
    days_ahead: FloatArray


@lru_cache(maxsize=8)
def cell_columns(settings: StressSettings) -> CellColumns:
    """Now, then the grid (horizon, move, shift, shape, last fastest), the near cells, the named scenarios."""
    cells = (Cell(kind=CellKind.GRID, spot_move_share=0.0), *_grid(settings), *_near(settings))
    cells += _named(settings)
    rows = [(cell.spot_move_share, _whole_shift(cell, settings), cell.horizon_days) for cell in cells]
    markets, market = np.unique(np.array(rows), axis=0, return_inverse=True)
    days_ahead, time = np.unique(markets[:, 2], return_inverse=True)
    columns = (market.reshape(-1), markets[:, 0].copy(), markets[:, 1].copy(), time, days_ahead)
    for column in columns:
        column.setflags(write=False)
    names = ("market", "move", "iv_shift", "time", "days_ahead")
    return CellColumns(cells=cells, **dict(zip(names, columns, strict=True)))


def grid_shape(settings: StressSettings) -> tuple[int, int, int, int]:
    """Lengths of the axes horizon, spot move, shift and shape."""
    axes = (settings.horizons_days, settings.spot_move_shares, settings.iv_shifts, SHAPES)
    horizons, moves, shifts, shapes = (len(axis) for axis in axes)
    return horizons, moves, shifts, shapes


def _whole_shift(cell: Cell, settings: StressSettings) -> float:
    if cell.shape is ShiftShape.PARALLEL:
        return cell.iv_shift
    return cell.iv_shift + settings.skew_iv_per_spot_fall * max(-cell.spot_move_share, 0.0)


def _grid(settings: StressSettings) -> tuple[Cell, ...]:
    axes = (settings.horizons_days, settings.spot_move_shares, settings.iv_shifts, SHAPES)
    return tuple(
        Cell(kind=CellKind.GRID, horizon_days=days, spot_move_share=move, iv_shift=shift, shape=shape)
        for days, move, shift, shape in product(*axes)
    )


def _near(settings: StressSettings) -> tuple[Cell, ...]:
    move, shift = settings.near_spot_move_share, settings.near_iv_shift
    return tuple(
        Cell(kind=CellKind.NEAR, horizon_days=days, spot_move_share=m, iv_shift=s)
        for days, m, s in product(settings.horizons_days, (-move, move), (-shift, shift))
    )


def _named(settings: StressSettings) -> tuple[Cell, ...]:
    return tuple(
        Cell(
            kind=CellKind.NAMED,
            label=scenario.name,
            horizon_days=scenario.horizon_days,
            spot_move_share=scenario.spot_move_share,
            iv_shift=scenario.iv_shift,
        )
        for scenario in settings.scenarios
    )


def _signed(share: float) -> str:
    return f"{100.0 * share:+.3g}" if share else "0"


def _days(days: int) -> str:
    return "now" if days == 0 else f"{days} day{'' if days == 1 else 's'}"
