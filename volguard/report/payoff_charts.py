"""Chart of a structure: P&L at expiry against the index level, over the densities of smile and forecast."""

from __future__ import annotations

import math
from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import MINUS, number_text
from volguard.model.market import FloatArray
from volguard.report.chart_page import Chart, chart_page
from volguard.report.drawing import Colour, as_png, as_svg, dress
from volguard.report.payoff_tables import figure_lines, head_lines, reason_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TITLE: Final = "P&L at expiry against the index level, and the densities of the smile and the forecast"
SIZE_IN: Final = (9.6, 6.4)
DENSITIES: Final = (
    ("Q", "Q: the smile", "blue", "-"),
    ("P", "P: the forecast", "orange", (0, (5, 2))),
)
LEGS_WIDTH: Final = 90  # characters of a title line
PERCENT_PER_100_POINTS: Final = 1e4


def payoff_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.payoff/1` document as a picture; the same document gives the same bytes."""
    return as_png(lambda colour: _drawn(document, colour))


def payoff_page(document: Mapping[str, Any]) -> str:
    """The same chart as a page, its main figures in words above it."""
    svg = as_svg("payoff", TITLE, lambda colour: _drawn(document, colour))
    lines = (
        _legs_text(document),
        *head_lines(document)[1:],
        *figure_lines(document),
        *reason_lines(document),
        *document["notes"],
    )
    return chart_page(_title(document), lines, (Chart(title=TITLE, svg=svg),))


def _drawn(document: Mapping[str, Any], colour: Colour) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE_IN, layout="constrained", facecolor=colour("surface"))
    top, below = figure.subplots(2, 1, sharex=True, height_ratios=(1.7, 1.0))
    curve, levels = document["curve"], _array(document["curve"]["levels"])
    _draw_pnl(top, curve, levels, colour)
    _draw_densities(below, curve, levels, colour)
    for axes in (top, below):
        dress(axes, colour)
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(lambda value, _: number_text(value, 0))
        _draw_marks(axes, document, levels, colour)
    _label_breakevens(top, document, levels, colour)
    below.set_xlim(float(levels[0]), float(levels[-1]))
    top.set_ylabel("rupees", color=colour("soft"))
    below.set_ylabel("% per 100 points", color=colour("soft"))
    below.set_xlabel("index at expiry (dotted: forward, ringed: breakevens)", color=colour("soft"))
    title = "\n".join((_title(document), *wrap(_legs_text(document), LEGS_WIDTH)))
    top.set_title(title, fontsize=11, color=colour("ink"), pad=32)
    return figure


def _draw_pnl(axes: Axes, curve: Mapping[str, Any], levels: FloatArray, colour: Colour) -> None:
    if curve["pnl_inr"] is None:
        axes.set_yticks([])
        place: Any = {"ha": "center", "va": "center", "transform": axes.transAxes}
        axes.text(0.5, 0.5, "no P&L: see the reasons in the table", color=colour("loss"), **place)
        return
    pnl = _array(curve["pnl_inr"])
    for sign, paint in ((1, "gain"), (-1, "loss")):
        side = np.clip(pnl * sign, 0.0, None) * sign
        axes.fill_between(levels, side, 0.0, color=colour(paint), alpha=0.16, linewidth=0)
    axes.axhline(0.0, color=colour("axis"), linewidth=1.0)
    label = "P&L at expiry, entered at the touch, before charges"
    axes.plot(levels, pnl, color=colour("ink"), linewidth=1.9, label=label)
    axes.margins(y=0.09)
    _legend(axes, colour)


def _draw_densities(axes: Axes, curve: Mapping[str, Any], levels: FloatArray, colour: Colour) -> None:
    for name, label, paint, dash in DENSITIES:
        if name not in curve["densities"]:
            continue
        height = PERCENT_PER_100_POINTS * _array(curve["densities"][name])
        axes.fill_between(levels, height, 0.0, color=colour(paint), alpha=0.14, linewidth=0)
        axes.plot(levels, height, color=colour(paint), linewidth=1.4, linestyle=dash, label=label)
    axes.set_ylim(bottom=0.0)
    _legend(axes, colour)


def _draw_marks(axes: Axes, document: Mapping[str, Any], levels: FloatArray, colour: Colour) -> None:
    for at in _breakevens(document, levels):
        axes.axvline(at, color=colour("muted"), linewidth=0.9)
    if document["forward"] is not None:
        axes.axvline(document["forward"], color=colour("violet"), linewidth=1.4, linestyle=":")


def _label_breakevens(axes: Axes, document: Mapping[str, Any], levels: FloatArray, colour: Colour) -> None:
    points = _breakevens(document, levels)
    axes.plot(
        points, [0.0] * len(points), "o", markersize=7.0,
        color=colour("surface"), markeredgecolor=colour("ink"), markeredgewidth=1.6, zorder=5,
    )  # fmt: skip
    marks = [(at, "ink") for at in points]
    if document["forward"] is not None:
        marks.append((document["forward"], "violet"))
    room = 0.075 * float(levels[-1] - levels[0])
    heights = _heights([at for at, _ in marks], room)
    for (at, paint), height in zip(marks, heights, strict=True):
        axes.annotate(
            number_text(at, 0), (at, 1.0), xycoords=("data", "axes fraction"), xytext=(0, 3 + 12 * height),
            textcoords="offset points", ha="center", fontsize=9, color=colour(paint), annotation_clip=False,
        )  # fmt: skip


def _heights(places: list[float], room: float) -> list[int]:
    # A label that would touch one before it stands a line higher.
    heights: list[int] = []
    for i, at in enumerate(places):
        taken = {heights[j] for j in range(i) if abs(places[j] - at) < room}
        heights.append(next(line for line in range(i + 1) if line not in taken))
    return heights


def _breakevens(document: Mapping[str, Any], levels: FloatArray) -> list[float]:
    points = document["touch"]["breakevens"] or []
    return [at for at in points if levels[0] <= at <= levels[-1]]


def _legend(axes: Axes, colour: Colour) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, labelcolor=colour("soft"), loc="best")


def _title(document: Mapping[str, Any]) -> str:
    when = document["ts"][:16].replace("T", " ")
    name = "" if document["structure"] is None else f" {document['structure']}"
    expiry, units = document["expiry"], document["units"]
    return f"{document['underlying']}{name} at {when}, expiry {expiry}, {units} units"


def _legs_text(document: Mapping[str, Any]) -> str:
    return " ".join(_leg_text(leg, document["expiry"]) for leg in document["legs"])


def _leg_text(leg: Mapping[str, Any], first: str) -> str:
    sign = "+" if leg["side"] == "BUY" else MINUS
    ratio = f"{leg['count']}x" if leg["count"] > 1 else ""
    later = "" if leg["expiry"] == first else f"@{leg['expiry'][5:]}"
    return f"{sign}{ratio}{leg['strike']}{leg['option_type']}{later}"


def _array(values: list[float | None]) -> FloatArray:
    return np.array([math.nan if value is None else value for value in values], dtype=np.float64)
