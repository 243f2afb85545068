"""Charts of a book's risk: each limit as a bar, and what named moves would make of the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.report.chart_page import chart_page
from volguard.report.drawing import LABEL_PT, Colour, say_instead, whole
from volguard.report.panels import Panel, panel_charts, panels_png
from volguard.report.risk_tables import flat_lines, guard_lines, margin_line, session_lines
from volguard.report.smile_charts import title_of
from volguard.report.stress_tables import head_lines, reason_lines, worst_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

NEAR_SHARE: Final = 0.8  # of a limit: the bar warns
BEYOND: Final = 1.25  # of a limit: bars end here, their figure says more
ROW_IN: Final = 0.27


def risk_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.risk/1` document as a picture; the same document gives the same bytes."""
    return panels_png(_title(document), _panels(document))


def risk_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page, the main figures in words above them."""
    lines = (
        *session_lines(document),
        *head_lines(document)[1:],
        *worst_lines({**document["stress"], "legs": ()}),
        margin_line(document["margin"]),
        *guard_lines(document["guards"]),
        *flat_lines(document["flat_now"]),
        *reason_lines(document),
    )
    return chart_page(_title(document), lines, panel_charts(_panels(document)))


def _title(document: Mapping[str, Any]) -> str:
    return title_of(document, f"risk of the {document['name']}")


def _panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    limits = document["limits"]
    stress = document["stress"]
    outcomes = [*stress["worst_cells"][:1], *stress["scenarios"], *stress["near"]]

    def draw_limits(part: FigureBase, colour: Colour) -> None:
        _draw_limits(part.subplots(), limits, colour)

    def draw_outcomes(part: FigureBase, colour: Colour) -> None:
        if not outcomes:
            say_instead(part.subplots(), colour, "no stress: nothing is held, or see the reasons")
            return
        _draw_outcomes(part.subplots(), outcomes, colour)

    return (
        Panel(
            name="limits", title="Share of each limit that the book uses", draw=draw_limits,
            height_in=0.5 + ROW_IN * len(limits),
        ),
        Panel(
            name="outcomes", title="P&L in rupees: worst cell, scenarios, near cells", draw=draw_outcomes,
            height_in=0.5 + ROW_IN * max(len(outcomes), 4),
        ),
    )  # fmt: skip


def _draw_limits(axes: Axes, limits: Sequence[Mapping[str, Any]], colour: Colour) -> None:
    places = np.arange(len(limits))
    used = np.array([row["share_used"] or 0.0 for row in limits])
    paints = [colour(_paint(row)) for row in limits]
    axes.barh(places, np.minimum(used, BEYOND), height=0.62, color=paints)
    axes.axvline(1.0, color=colour("loss"), linewidth=1.4)
    for place, row in zip(places.tolist(), limits, strict=True):
        at = min(row["share_used"] or 0.0, BEYOND)
        axes.annotate(
            _told(row), (at, place), xytext=(5, 0), textcoords="offset points", va="center",
            fontsize=LABEL_PT, color=colour("soft"),
        )  # fmt: skip
    _dress(axes, [row["name"] for row in limits], colour)
    axes.set_xlim(0.0, max(1.1, float(np.minimum(used, BEYOND).max()) + 0.45))
    axes.set_xticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25 %", "50 %", "75 %", "limit"])


def _paint(row: Mapping[str, Any]) -> str:
    if row["is_breached"]:
        return "loss"
    return "orange" if (row["share_used"] or 0.0) >= NEAR_SHARE else "blue"


def _told(row: Mapping[str, Any]) -> str:
    if row["value"] is None:
        return f"not available: {row['reason']}"
    decimals = 2 if row["unit"] == "share" else 0
    value, limit = number_text(row["value"], decimals), number_text(row["limit"], decimals)
    return f"{percent_text(row['share_used'])}   {value} of {'at least ' if row['is_floor'] else ''}{limit}"


def _draw_outcomes(axes: Axes, outcomes: Sequence[Mapping[str, Any]], colour: Colour) -> None:
    places, pnl = np.arange(len(outcomes)), np.array([float(one["pnl_inr"]) for one in outcomes])
    axes.barh(
        places, pnl, height=0.62, color=[colour("gain" if value > 0.0 else "loss") for value in pnl.tolist()]
    )
    axes.axvline(0.0, color=colour("axis"), linewidth=1.0)
    for place, one, value in zip(places.tolist(), outcomes, pnl.tolist(), strict=True):
        axes.annotate(
            amount_text(one["pnl_inr"], is_signed=True), (value, place),
            xytext=(5 if value > 0.0 else -5, 0), textcoords="offset points", va="center",
            ha="left" if value > 0.0 else "right", fontsize=LABEL_PT, color=colour("soft"),
        )  # fmt: skip
    _dress(axes, [one["name"] for one in outcomes], colour)
    reach = max(float(np.abs(pnl).max()), 1.0)
    axes.set_xlim(min(float(pnl.min()), 0.0) - 0.22 * reach, max(float(pnl.max()), 0.0) + 0.22 * reach)
    axes.xaxis.set_major_formatter(whole)


def _dress(axes: Axes, names: Sequence[str], colour: Colour) -> None:
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks(np.arange(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)  # the first one on top
    axes.grid(axis="x", color=colour("grid"), linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=LABEL_PT, labelcolor=colour("soft"))
