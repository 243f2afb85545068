"""Charts of a stress: a heatmap of spot by IV shift for each horizon and shape, and the settlement."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import MINUS, amount_text, number_text
from volguard.model.market import FloatArray
from volguard.report.chart_page import chart_page
from volguard.report.drawing import LABEL_PT, Colour, dress, percent, say_instead
from volguard.report.panels import Panel, panel_charts, panels_png
from volguard.report.smile_charts import title_of
from volguard.report.stress_tables import (
    head_lines,
    horizon_text,
    reason_lines,
    worst_grid_cell,
    worst_lines,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

COLOUR_MAP: Final = "RdBu"  # loss red, gain blue; told apart by the colour-blind
ON_DARK: Final = "#ffffff"
ON_LIGHT: Final = "#12171d"
OUTLINE: Final = "#ffd21f"  # stands out on every colour of the map
DARK_SHARE: Final = 0.68  # of the scale: beyond it the ink is white
HEAD_ROOM: Final = 1.2  # the map's darkest ends are not used: figures are to be read on them
FIGURE_PT: Final = 8.0
THOUSAND: Final = 1000.0


def stress_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.stress/1` document as a picture; the same document gives the same bytes."""
    return panels_png(_title(document), _panels(document))


def stress_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page."""
    lines = (*head_lines(document)[1:], *worst_lines(document), *reason_lines(document))
    return chart_page(_title(document), lines, panel_charts(_panels(document)))


def _title(document: Mapping[str, Any]) -> str:
    worst = document["worst"]
    if worst is None:
        return title_of(document, f"stress of {document['name']}")
    loss = amount_text(worst["pnl_inr"], is_signed=True)
    return title_of(document, f"stress of {document['name']}; worst {worst['name']}: {loss}")


def _panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    grid = document["grid"]
    if grid["pnl_inr"] is None:
        return (Panel(name="stress", title="No stress", height_in=2.0, draw=_nothing),)
    maps = [
        _heatmap(document, grid["horizons_days"].index(days), k)
        for days in document["shown_horizons_days"]
        for k in range(len(grid["shapes"]))
    ]
    return (*maps, *(() if document["settlement"] is None else (_settlement(document),)))


def _nothing(part: FigureBase, colour: Colour) -> None:
    say_instead(part.subplots(), colour, "not available: see the reasons in the table")


def _heatmap(document: Mapping[str, Any], i: int, k: int) -> Panel:
    grid = document["grid"]
    pnl = np.array(grid["pnl_inr"], dtype=np.float64)
    days, shape = grid["horizons_days"][i], grid["shapes"][k]
    scale = max(float(np.abs(pnl).max()), 1.0)

    def draw(part: FigureBase, colour: Colour) -> None:
        axes = part.subplots()
        # Shifts upwards, moves to the right: a short book is red towards the corners.
        _draw_cells(axes, pnl[i, :, :, k].T, scale, colour)
        _outline_worst(axes, document, days, shape)
        _name_axes(axes, grid, colour)

    return Panel(
        name=f"stress-{days}-{shape}",
        title=f"{horizon_text(days)}, shift {shape}: P&L in thousand rupees",
        height_in=0.75 + 0.3 * pnl.shape[2],
        draw=draw,
    )


def _draw_cells(axes: Axes, values: FloatArray, scale: float, colour: Colour) -> None:
    axes.pcolormesh(
        values,
        cmap=COLOUR_MAP,
        vmin=-HEAD_ROOM * scale,
        vmax=HEAD_ROOM * scale,
        edgecolors=colour("surface"),
        linewidth=1.0,
    )
    for row, column in np.ndindex(values.shape):
        value = float(values[row, column])
        ink = ON_DARK if abs(value) > DARK_SHARE * scale else ON_LIGHT
        axes.text(
            column + 0.5, row + 0.5, _thousands(value, scale), ha="center", va="center",
            fontsize=FIGURE_PT, color=ink,
        )  # fmt: skip


def _outline_worst(axes: Axes, document: Mapping[str, Any], days: int, shape: str) -> None:
    from matplotlib.patches import Rectangle

    grid = document["grid"]
    cell = worst_grid_cell(document)
    if cell is None or (cell[0], cell[3]) != (days, shape):
        return
    column, row = grid["spot_move_shares"].index(cell[1]), grid["iv_shifts"].index(cell[2])
    for width, paint in ((4.6, ON_LIGHT), (2.2, OUTLINE)):
        axes.add_patch(
            Rectangle(
                (column, row), 1.0, 1.0, fill=False, edgecolor=paint, linewidth=width, zorder=4, clip_on=False
            )
        )


def _name_axes(axes: Axes, grid: Mapping[str, Any], colour: Colour) -> None:
    moves = [f"{100.0 * move:+g} %" if move else "0" for move in grid["spot_move_shares"]]
    shifts = [f"{100.0 * shift:+g} pt" if shift else "0" for shift in grid["iv_shifts"]]
    axes.set_xticks(np.arange(len(moves)) + 0.5, [name.replace("-", MINUS) for name in moves])
    axes.set_yticks(np.arange(len(shifts)) + 0.5, [name.replace("-", MINUS) for name in shifts])
    axes.tick_params(length=0, labelsize=LABEL_PT, labelcolor=colour("soft"))
    axes.set_xlabel("move of the index", fontsize=LABEL_PT, color=colour("soft"))
    axes.set_ylabel("IV", fontsize=LABEL_PT, color=colour("soft"))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _settlement(document: Mapping[str, Any]) -> Panel:
    settlement = document["settlement"]

    def draw(part: FigureBase, colour: Colour) -> None:
        axes = part.subplots()
        moves = np.array([100.0 * row["spot_move_share"] for row in settlement["rows"]])
        pnl = np.array([row["pnl_inr"] for row in settlement["rows"]]) / THOUSAND
        for sign, paint in ((1.0, "gain"), (-1.0, "loss")):
            axes.fill_between(
                moves, pnl, 0.0, where=(sign * pnl >= 0.0).tolist(), interpolate=True, color=colour(paint),
                alpha=0.16, linewidth=0,
            )  # fmt: skip
        axes.axhline(0.0, color=colour("axis"), linewidth=1.0)
        axes.plot(moves, pnl, color=colour("ink"), linewidth=1.6, marker="o", markersize=3.0)
        dress(axes, colour)
        axes.tick_params(labelsize=LABEL_PT)
        axes.xaxis.set_major_formatter(percent)
        axes.yaxis.set_major_formatter(lambda value, _: number_text(value, 0))
        axes.set_ylabel("thousand rupees", fontsize=LABEL_PT, color=colour("soft"))
        axes.set_xlabel("move of the index", fontsize=LABEL_PT, color=colour("soft"))

    title = f"Settlement of {settlement['expiry']}: P&L against today's value"
    return Panel(name="settlement", title=title, height_in=2.6, draw=draw)


def _thousands(value: float, scale: float) -> str:
    # Three digits are read at a glance: decimals only where the whole grid is small.
    decimals = 1 if scale < 200.0 * THOUSAND else 0
    if not math.isfinite(value):
        return ""
    text = f"{value / THOUSAND:+.{decimals}f}"
    return "0" if not any(digit in text for digit in "123456789") else text.replace("-", MINUS)
