"""What a structure pays at expiry as a few lines of text: filled above and below a line of zero."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from volguard.adapters.figure_text import number_text

PROFIT: Final = "\u2588"
LOSS: Final = "\u2591"
ZERO_LINE: Final = "\u2500"
LEVEL_MARK: Final = "^"
BREAKEVEN_MARK: Final = "B"
ROWS_MIN: Final = 3  # one of profit, the line of zero, one of loss
COLUMNS_MIN: Final = 24

Points = Sequence[tuple[float, float]]


def sketch(
    points: Points, *, level: float, breakevens: Sequence[float], width: int, height: int
) -> tuple[str, ...]:
    """`height` lines of at most `width` columns from (level, rupees), levels ascending; () without room.

    Profit and loss have each their own scale, named at the left: a small credit stays visible.
    """
    if len(points) < 2 or height < ROWS_MIN or width < COLUMNS_MIN:
        return ()
    high, low = max(0.0, *(pays for _, pays in points)), min(0.0, *(pays for _, pays in points))
    if high == low:
        return ()
    labels = (number_text(high, 0, is_signed=True), number_text(low, 0, is_signed=True))
    margin = max(len(label) for label in labels) + 1
    columns = width - margin
    at = _columns(points[0][0], points[-1][0], columns)
    values = [_value_at(points, each) for each in at]
    up = min(height - 2, max(1, round((height - 1) * high / (high - low))))
    down = height - 1 - up
    above = [_filled(values, high, row, up, PROFIT) for row in range(up, 0, -1)]
    below = [_filled(values, low, row, down, LOSS) for row in range(1, down + 1)]
    axis = _axis(at, level=level, breakevens=breakevens)
    return tuple(
        f"{label:>{margin - 1}} {line}".rstrip()
        for label, line in zip(
            (labels[0], *("" for _ in range(height - 2)), labels[1]), (*above, axis, *below), strict=True
        )
    )


def reaching(points: Points, level: float) -> Points:
    """The points carried on in a straight line so far that `level` lies among them.

    Only for legs of one expiry: beyond the outermost strikes nothing bends any more.
    """
    if len(points) < 2 or math.isnan(level):
        return points
    reach = 0.05 * (points[-1][0] - points[0][0])
    if level < points[0][0]:
        return ((level - reach, _onward(points[1], points[0], level - reach)), *points)
    if level > points[-1][0]:
        return (*points, (level + reach, _onward(points[-2], points[-1], level + reach)))
    return points


def _onward(start: tuple[float, float], end: tuple[float, float], level: float) -> float:
    slope = (end[1] - start[1]) / (end[0] - start[0])
    return end[1] + slope * (level - end[0])


def _columns(first: float, last: float, columns: int) -> list[float]:
    step = (last - first) / (columns - 1)
    return [first + step * column for column in range(columns)]


def _value_at(points: Points, level: float) -> float:
    for before, after in pairwise(points):
        if level <= after[0]:
            share = (level - before[0]) / (after[0] - before[0])
            return before[1] + share * (after[1] - before[1])
    return points[-1][1]


def _filled(values: Sequence[float], extreme: float, row: int, rows: int, mark: str) -> str:
    # A cell is filled as soon as the value reaches into it: the smallest profit is seen as one.
    if extreme == 0.0:
        return " " * len(values)
    return "".join(mark if value / extreme > (row - 1) / rows + 1e-9 else " " for value in values)


def _axis(at: Sequence[float], *, level: float, breakevens: Sequence[float]) -> str:
    line = [ZERO_LINE] * len(at)
    for where, mark in (*((each, BREAKEVEN_MARK) for each in breakevens), (level, LEVEL_MARK)):
        if at[0] <= where <= at[-1]:
            nearest = min(range(len(at)), key=lambda column: abs(at[column] - where))
            line[nearest] = mark
    return "".join(line)
