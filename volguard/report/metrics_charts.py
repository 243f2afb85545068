"""Charts of a chain's metrics: the term structure, and open interest by strike with its walls."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import amount_text, number_text, percent_text
from volguard.model.market import FloatArray
from volguard.report.chart_page import chart_page
from volguard.report.drawing import LABEL_PT, Colour, dress, percent, say_instead, show_legend, whole
from volguard.report.panels import Panel, panel_charts, panels_png
from volguard.report.smile_charts import ROUND_DAYS, title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

LAKH: Final = 1e5
VIX_DAYS: Final = 30.0
INTEREST_SHOWN: Final = 0.99  # of the open interest; the strikes further out hold the rest
SIDES: Final = (("call", "orange"), ("put", "blue"))
Row = Mapping[str, Any]


def metrics_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.metrics/1` document as a picture; open interest is that of its first expiry."""
    return panels_png(_title(document), _panels(document))


def metrics_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page."""
    term, vix = document["term"], document["vix"]
    slope = percent_text(term["slope_per_30_days"], 2)
    lines = [
        f"Level {number_text(document['level'])} ({document['level_origin']}).",
        f"Term structure {term['shape']}, slope {slope} per 30 days.",
        f"VIX, model-free, 30 days: {number_text(vix['value'])} ({vix['status']}).",
        _expiry_line(document["expiries"][0]),
    ]
    return chart_page(_title(document), lines, panel_charts(_panels(document)))


def _title(document: Mapping[str, Any]) -> str:
    return title_of(document, "term structure and open interest")


def _expiry_line(row: Row) -> str:
    return (
        f"Expiry {row['expiry']}: straddle {number_text(row['straddle'], 1)}, "
        f"put-call ratio {number_text(row['pcr_oi'])} by open interest and "
        f"{number_text(row['pcr_volume'])} by volume, max pain {number_text(row['max_pain'], 0)}."
    )


def _panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    row = document["expiries"][0]

    def term(part: FigureBase, colour: Colour) -> None:
        _draw_term(part.subplots(), document["term"], document["vix"]["value"], colour)

    def interest(part: FigureBase, colour: Colour) -> None:
        _draw_interest(part.subplots(), row, colour)

    return (
        Panel(
            name="term",
            title="At-the-money volatility a year by days to expiry",
            height_in=4.0,
            draw=term,
        ),
        Panel(
            name="interest",
            title=f"Open interest of {row['expiry']} by strike, lakh units",
            height_in=4.0,
            draw=interest,
        ),
    )


# --- term structure --------------------------------------------------------------------------------------


def _draw_term(axes: Axes, term: Mapping[str, Any], vix: float | None, colour: Colour) -> None:
    listed = [row for row in term["expiries"] if row["iv"] is not None and row["days"]]
    if not listed:
        say_instead(axes, colour, "no expiry has an at-the-money volatility")
        return
    days, iv = _column(listed, "days"), 100.0 * _column(listed, "iv")
    _draw_forwards(axes, term["forwards"], colour)
    axes.plot(
        days, iv, color=colour("muted"), linewidth=1.0, marker="o", markersize=5.0,
        markerfacecolor=colour("ink"), markeredgewidth=0.0, label="listed expiries",
    )  # fmt: skip
    points = [point for point in term["points"] if point["iv"] is not None]
    axes.plot(
        _column(points, "days"), 100.0 * _column(points, "iv"), "D", markersize=8.0,
        color=colour("surface"), markeredgecolor=colour("blue"), markeredgewidth=1.8,
        label="constant maturities", zorder=4,
    )  # fmt: skip
    # Beside the line on the side that it leaves free.
    beside = (7, -15) if (term["slope"] or 0.0) >= 0.0 else (7, 8)
    for point in points:
        axes.annotate(
            f"{100.0 * point['iv']:.2f} %", (point["days"], 100.0 * point["iv"]), xytext=beside,
            textcoords="offset points", ha="left", fontsize=LABEL_PT, color=colour("blue"),
        )  # fmt: skip
    if vix is not None:
        axes.plot(
            [VIX_DAYS], [vix], "s", markersize=7.0, color=colour("orange"), zorder=4,
            label=f"VIX, model-free, {vix:.2f}",
        )  # fmt: skip
    _dress_term(axes, colour)


def _draw_forwards(axes: Axes, forwards: Sequence[Row], colour: Colour) -> None:
    known = [step for step in forwards if step["iv"] is not None]
    for i, step in enumerate(known):
        axes.plot(
            [step["from_days"], step["to_days"]], [100.0 * step["iv"]] * 2, color=colour("violet"),
            linewidth=2.0, solid_capstyle="butt", label="forward, between expiries" if i == 0 else None,
        )  # fmt: skip


def _dress_term(axes: Axes, colour: Colour) -> None:
    from matplotlib.ticker import NullLocator

    dress(axes, colour)
    axes.tick_params(labelsize=LABEL_PT)
    axes.set_xscale("log")
    axes.margins(x=0.05, y=0.16)
    low, high = axes.get_xlim()
    ticks = [day for day in ROUND_DAYS if low <= day <= high]
    axes.set_xticks(ticks, [f"{day:,}" for day in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(percent)
    axes.set_xlabel("days to expiry", fontsize=LABEL_PT, color=colour("soft"))
    show_legend(axes, colour)


# --- open interest ---------------------------------------------------------------------------------------


def _draw_interest(axes: Axes, row: Row, colour: Colour) -> None:
    strikes = _held(row)
    if not strikes:
        say_instead(axes, colour, "no open interest")
        return
    at = _column(strikes, "strike")
    width = 0.42 * float(np.diff(at).min(initial=math.inf)) if len(at) > 1 else 1.0
    for (side, paint), shift in zip(SIDES, (0.5, -0.5), strict=True):
        height = _column(strikes, f"{side}_oi") / LAKH
        axes.bar(
            at + shift * width, height, width, color=colour(paint), alpha=0.85, linewidth=0,
            label=f"{side}s",
        )  # fmt: skip
    dress(axes, colour)
    axes.tick_params(labelsize=LABEL_PT)
    axes.xaxis.set_major_formatter(whole)
    axes.yaxis.set_major_formatter(whole)
    axes.margins(x=0.01, y=0.12)
    for side, paint in SIDES:
        if row[f"{side}_wall"] is not None:
            _mark_wall(axes, row[f"{side}_wall"], side, paint, colour)
    for name, value, paint in (("forward", row["forward"], "violet"), ("max pain", row["max_pain"], "ink")):
        if value is not None and at[0] <= value <= at[-1]:
            axes.axvline(
                value, color=colour(paint), linewidth=1.2, linestyle=":", zorder=3,
                label=f"{name} {number_text(value, 0)}",
            )  # fmt: skip
    axes.set_xlabel("strike", fontsize=LABEL_PT, color=colour("soft"))
    show_legend(axes, colour)


def _mark_wall(axes: Axes, wall: Row, side: str, paint: str, colour: Colour) -> None:
    size = amount_text(f"{wall['oi'] / LAKH:.1f}")
    # A put wall lies at or below the forward and a call wall above: their words lie apart as well.
    axes.annotate(
        f"{side} wall {wall['strike']:,.0f}\n{size} lakh, {100.0 * wall['share']:.0f} % of {side}s",
        (wall["strike"], wall["oi"] / LAKH), xytext=(5 if side == "call" else -5, 5),
        textcoords="offset points", ha="left" if side == "call" else "right", va="bottom",
        fontsize=LABEL_PT, color=colour("ink"), zorder=5,
        bbox={"facecolor": colour("surface"), "edgecolor": colour(paint), "boxstyle": "round,pad=0.25"},
    )  # fmt: skip


def _held(row: Row) -> list[Row]:
    # From the strikes where the outer half per cent of each end begins, the walls always within.
    strikes = row["interest"]
    total = np.array([(one["call_oi"] or 0.0) + (one["put_oi"] or 0.0) for one in strikes])
    if not total.sum() > 0.0:
        return []
    share = np.cumsum(total) / total.sum()
    tail = 0.5 * (1.0 - INTEREST_SHOWN)
    first = int(np.searchsorted(share, tail))
    last = int(np.searchsorted(share, 1.0 - tail))
    walls = [row[name]["strike"] for name in ("call_wall", "put_wall") if row[name] is not None]
    low = min([strikes[first]["strike"], *walls])
    high = max([strikes[last]["strike"], *walls])
    return [one for one in strikes if low <= one["strike"] <= high]


def _column(rows: Sequence[Row], name: str) -> FloatArray:
    return np.array([math.nan if row[name] is None else float(row[name]) for row in rows])
