"""PNG charts of a smile with its fits and residuals, and of a surface as a heatmap, from their documents."""

from __future__ import annotations

import math
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.report.theme import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 150
FITS: Final = (("sabr", "SABR", "blue", "-"), ("svi", "SVI", "orange", (0, (5, 2))))


def smile_png(document: Mapping[str, Any]) -> bytes:
    """Quotes with their bid-ask width, both fits, and below them the residuals in ticks.

    Liquid strikes only: those are what the fits were made for.
    """
    rows = [row for row in document["strikes"] if row["is_liquid"]]
    strike = np.array([float(row["strike"]) for row in rows])
    figure = _figure((9.6, 6.6))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1.0))
    iv, error = 100.0 * _column(rows, "iv"), 100.0 * _column(rows, "iv_error")
    top.errorbar(
        strike,
        iv,
        yerr=error,
        fmt="o",
        markersize=3.5,
        color=_light("ink"),
        ecolor=_light("axis"),
        elinewidth=1.0,
        label="quoted, half the bid-ask width",
        zorder=3,
    )
    for key, name, colour, dash in FITS:
        fit, near = document[key], document[key]["error"]["near_rms_pt"]
        label = f"{name}, {fit['status']}" + ("" if near is None else f", near rms {near:.2f} pts")
        top.plot(strike, 100.0 * _column(rows, key), color=_light(colour), linestyle=dash, label=label)
        below.plot(
            strike,
            _column(rows, f"{key}_residual_ticks"),
            color=_light(colour),
            marker="o",
            markersize=2.5,
            linewidth=0.9,
            label=name,
        )
    below.axhline(0.0, color=_light("ink"), linewidth=0.9)
    for axes in (top, below):
        _dress(axes)
        if document["forward"] is not None:
            axes.axvline(document["forward"], color=_light("muted"), linewidth=1.0, linestyle=":")
    _set_symmetric(below, rows)
    top.set_ylabel("implied volatility, % a year")
    below.set_ylabel("fit minus quote, ticks")
    below.set_xlabel("strike (dotted: forward)")
    top.legend(frameon=False, fontsize=9)
    top.set_title(_title(document, f"expiry {document['expiry']}, drawn by {document['source']}"))
    return _png(figure)


def surface_png(document: Mapping[str, Any]) -> bytes:
    """Volatility by expiry and standardised moneyness, each cell with its figure, the source at the right.

    Expiries without a smile are named in the title, not drawn.
    """
    rows = [row for row in document["expiries"] if any(value is not None for value in row["iv"])]
    absent = len(document["expiries"]) - len(rows)
    moneyness = document["moneyness"]
    grid = np.array([[math.nan if value is None else 100.0 * value for value in row["iv"]] for row in rows])
    grid = grid.reshape(len(rows), len(moneyness))
    figure = _figure((10.4, 1.7 + 0.46 * max(len(rows), 3)))
    axes = figure.subplots()
    left = f"; {absent} expiries have no smile" if absent else ""
    axes.set_title(_title(document, f"{len(rows)} expiries{left}"))
    if not rows:
        axes.set_axis_off()
        return _png(figure)
    image = axes.imshow(grid, aspect="auto", cmap="cividis", interpolation="nearest")
    axes.set_xticks(range(len(moneyness)), [f"{z:+g}" if z else "F" for z in moneyness])
    axes.set_yticks(
        range(len(rows)), [f"{row['expiry']}  {row['days']:.0f} d  {row['source']}" for row in rows]
    )
    axes.tick_params(length=0, labelsize=9)
    axes.set_xlabel("ln(K/F) in standard deviations at the money")
    for spine in axes.spines.values():
        spine.set_visible(False)
    _write_cells(axes, grid)
    figure.colorbar(image, ax=axes, label="implied volatility, % a year", pad=0.02)
    return _png(figure)


def _write_cells(axes: Axes, grid: FloatArray) -> None:
    known = grid[np.isfinite(grid)]
    middle = 0.5 * (known.min() + known.max())
    for i, j in np.argwhere(np.isfinite(grid)).tolist():
        colour = "#ffffff" if grid[i, j] < middle else "#12171d"
        axes.text(j, i, f"{grid[i, j]:.1f}", ha="center", va="center", fontsize=8.5, color=colour)


def _set_symmetric(axes: Axes, rows: list[Mapping[str, Any]]) -> None:
    sizes = np.abs(np.concatenate([_column(rows, f"{key}_residual_ticks") for key, *_ in FITS]))
    reach = 1.1 * float(np.max(sizes, initial=2.0, where=np.isfinite(sizes)))
    axes.set_ylim(-reach, reach)


def _column(rows: list[Mapping[str, Any]], name: str) -> FloatArray:
    return np.array([math.nan if row[name] is None else float(row[name]) for row in rows])


def _title(document: Mapping[str, Any], text: str) -> str:
    return f"{document['underlying']} {document['ts'][:16].replace('T', ' ')}  {text}"


def _light(name: str) -> str:
    return COLOURS[name][1]


def _figure(size: tuple[float, float]) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=size, dpi=DPI, layout="constrained", facecolor=_light("surface"))


def _dress(axes: Axes) -> None:
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_edgecolor(_light("axis"))
    axes.grid(axis="y", color=_light("grid"), linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(color=_light("axis"), labelcolor=_light("soft"), labelsize=9)


def _png(figure: Figure) -> bytes:
    out = BytesIO()
    figure.savefig(out, format="png", metadata={"Software": None})
    return out.getvalue()
