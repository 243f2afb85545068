"""Charts of a smile with its fits and residuals, and of a surface as heatmap and in three dimensions.

Each from its command's own document, as one PNG or as charts of a page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import number_text, percent_text
from volguard.model.market import FloatArray
from volguard.report.chart_page import chart_page
from volguard.report.drawing import LABEL_PT, Colour, dress, percent, say_instead, show_legend, whole
from volguard.report.panels import Panel, panel_charts, panels_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

FITS: Final = (("sabr", "SABR", "blue", "-"), ("svi", "SVI", "orange", (0, (5, 2))))
COLOUR_MAP: Final = "cividis"  # read alike by the colour-blind, and on light and dark ground
ON_DARK: Final = "#ffffff"
ON_LIGHT: Final = "#12171d"
ROUND_DAYS: Final = (1, 2, 4, 7, 14, 30, 60, 120, 250, 500, 1000, 2000)
MONEYNESS_LABEL: Final = "ln(K/F) in standard deviations at the money"


def smile_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.smile/1` document as a picture; the same document gives the same bytes."""
    return panels_png(_smile_title(document), _smile_panels(document))


def smile_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page."""
    lines = [
        f"Forward {number_text(document['forward'])}, ATM IV {percent_text(document['atm_iv'], 2)}, "
        f"{number_text(document['days'], 2)} days, {document['liquid_strikes']} liquid strikes.",
        f"Drawn by {document['source']}" + (f": {document['reason']}." if document["reason"] else "."),
    ]
    return chart_page(_smile_title(document), lines, panel_charts(_smile_panels(document)))


def surface_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.surface/1` document as a picture; expiries without a smile are counted, not drawn."""
    return panels_png(_surface_title(document), _surface_panels(document))


def surface_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page."""
    lines = [
        f"{name} arbitrage: {', '.join(document['checks'][key]) or 'none where it could be checked'}."
        for name, key in (("Butterfly", "butterfly_arbitrage"), ("Calendar", "calendar_arbitrage"))
    ]
    return chart_page(_surface_title(document), lines, panel_charts(_surface_panels(document)))


def _smile_title(document: Mapping[str, Any]) -> str:
    return title_of(document, f"smile of {document['expiry']}, drawn by {document['source']}")


def _surface_title(document: Mapping[str, Any]) -> str:
    absent = len(document["expiries"]) - len(_with_smile(document))
    left = f", {absent} without a smile" if absent else ""
    return title_of(document, f"surface of {len(document['expiries'])} expiries{left}")


def title_of(document: Mapping[str, Any], words: str) -> str:
    """Underlying and time of a document's snapshot, then what is shown."""
    return f"{document['underlying']} {document['ts'][:16].replace('T', ' ')}  {words}"


# --- smile -----------------------------------------------------------------------------------------------


def _smile_panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    # Liquid strikes only: those are what the fits were made for.
    rows = [row for row in document["strikes"] if row["is_liquid"]]

    def draw(part: FigureBase, colour: Colour) -> None:
        if not rows:
            say_instead(part.subplots(), colour, "no liquid strike")
            return
        top, below = part.subplots(2, 1, sharex=True, height_ratios=(2.2, 1.0))
        _draw_smile(top, document, rows, colour)
        _draw_residuals(below, rows, colour)
        for axes in (top, below):
            _dress_by_strike(axes, document["forward"], colour)
        top.yaxis.set_major_formatter(percent)
        show_legend(top, colour)

    title = "Implied volatility a year by strike, quoted and fitted; below it fit minus quote"
    return (Panel(name="smile", title=title, height_in=6.4, draw=draw),)


def _draw_smile(
    axes: Axes, document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], colour: Colour
) -> None:
    strike = _column(rows, "strike")
    axes.errorbar(
        strike, 100.0 * _column(rows, "iv"), yerr=100.0 * _column(rows, "iv_error"), fmt="o",
        markersize=3.5, color=colour("ink"), ecolor=colour("muted"), elinewidth=1.0, zorder=3,
        label="quoted, half the bid-ask width",
    )  # fmt: skip
    for key, name, paint, dash in FITS:
        fit, near = document[key], document[key]["error"]["near_rms_pt"]
        label = f"{name}, {fit['status']}" + ("" if near is None else f", near rms {near:.2f} points")
        axes.plot(strike, 100.0 * _column(rows, key), color=colour(paint), linestyle=dash, label=label)


def _draw_residuals(axes: Axes, rows: Sequence[Mapping[str, Any]], colour: Colour) -> None:
    for key, name, paint, _ in FITS:
        axes.plot(
            _column(rows, "strike"), _column(rows, f"{key}_residual_ticks"), color=colour(paint),
            marker="o", markersize=2.8, linewidth=0.9, label=name,
        )  # fmt: skip
    axes.axhline(0.0, color=colour("axis"), linewidth=1.0)
    sizes = np.abs(np.concatenate([_column(rows, f"{key}_residual_ticks") for key, *_ in FITS]))
    reach = 1.1 * float(np.max(sizes, initial=2.0, where=np.isfinite(sizes)))
    axes.set_ylim(-reach, reach)
    axes.set_ylabel("ticks of the option's price", fontsize=LABEL_PT, color=colour("soft"))
    axes.set_xlabel("strike", fontsize=LABEL_PT, color=colour("soft"))


def _dress_by_strike(axes: Axes, forward: float | None, colour: Colour) -> None:
    dress(axes, colour)
    axes.tick_params(labelsize=LABEL_PT)
    axes.xaxis.set_major_formatter(whole)
    if forward is not None:
        label = f"forward {forward:,.1f}"
        axes.axvline(forward, color=colour("violet"), linewidth=1.2, linestyle=":", label=label)


# --- surface ---------------------------------------------------------------------------------------------


def _surface_panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    rows = _with_smile(document)
    moneyness = np.array(document["moneyness"], dtype=np.float64)
    grid = np.array([[math.nan if value is None else 100.0 * value for value in row["iv"]] for row in rows])
    grid = grid.reshape(len(rows), len(moneyness))

    def heatmap(part: FigureBase, colour: Colour) -> None:
        _draw_heatmap(part.subplots(), rows, moneyness, grid, colour)

    def relief(part: FigureBase, colour: Colour) -> None:
        _draw_relief(part, _days(rows), moneyness, grid, colour)

    return (
        Panel(
            name="heatmap", title="Implied volatility by expiry and moneyness, % a year",
            height_in=0.9 + 0.34 * max(len(rows), 3), draw=heatmap,
        ),
        Panel(name="relief", title="The same over moneyness and days", height_in=5.0, draw=relief),
    )  # fmt: skip


def _with_smile(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [row for row in document["expiries"] if any(value is not None for value in row["iv"])]


def _draw_heatmap(
    axes: Axes, rows: Sequence[Mapping[str, Any]], moneyness: FloatArray, grid: FloatArray, colour: Colour
) -> None:
    if not rows:
        say_instead(axes, colour, "no expiry has a smile")
        return
    axes.pcolormesh(np.ma.masked_invalid(grid), cmap=COLOUR_MAP, edgecolors=colour("surface"), linewidth=1.5)
    axes.invert_yaxis()
    known = grid[np.isfinite(grid)]
    middle = 0.5 * (known.min() + known.max())
    for i, j in np.argwhere(np.isfinite(grid)).tolist():
        ink = ON_DARK if grid[i, j] < middle else ON_LIGHT
        axes.text(
            j + 0.5, i + 0.5, f"{grid[i, j]:.1f}", ha="center", va="center", fontsize=8.5, color=ink
        )  # fmt: skip
    names = [f"{row['expiry']}   {row['days']:,.0f} d   {row['source']}" for row in rows]
    axes.set_xticks(np.arange(len(moneyness)) + 0.5, [_sd(z) for z in moneyness.tolist()])
    axes.set_yticks(np.arange(len(rows)) + 0.5, names)
    axes.tick_params(length=0, labelsize=LABEL_PT, labelcolor=colour("soft"))
    axes.set_xlabel(MONEYNESS_LABEL, fontsize=LABEL_PT, color=colour("soft"))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _draw_relief(
    part: FigureBase, days: FloatArray, moneyness: FloatArray, grid: FloatArray, colour: Colour
) -> None:
    patches = _patches(np.log(days), moneyness, grid)
    if not patches:
        say_instead(part.subplots(), colour, "two neighbouring expiries with a smile are needed")
        return
    from matplotlib import colormaps, rc_context
    from matplotlib.colors import Normalize
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

    known = grid[np.isfinite(grid)]
    scale = Normalize(float(known.min()), float(known.max()))
    paint = colormaps[COLOUR_MAP](scale([corners[:, 2].mean() for corners in patches]))
    with rc_context({"grid.color": colour("grid")}):
        axes: Any = part.add_subplot(projection="3d")
    axes.patch.set_visible(False)
    axes.add_collection3d(
        Poly3DCollection(
            patches, facecolors=paint, edgecolors=colour("surface"), linewidths=0.5, clip_on=False
        )
    )
    axes.set_xlim(float(moneyness[0]), float(moneyness[-1]))
    axes.set_ylim(float(np.log(days[0])), float(np.log(days[-1])))
    axes.set_zlim(float(known.min()), float(known.max()))
    _dress_relief(axes, days, colour)


def _patches(log_days: FloatArray, moneyness: FloatArray, grid: FloatArray) -> list[FloatArray]:
    # Four corners each; none where a corner is not known, so that nothing is drawn over a hole.
    found = []
    for i in range(len(log_days) - 1):
        for j in range(len(moneyness) - 1):
            corners = ((i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j))
            patch = np.array([(moneyness[b], log_days[a], grid[a, b]) for a, b in corners])
            if np.isfinite(patch).all():
                found.append(patch)
    return found


def _dress_relief(axes: Any, days: FloatArray, colour: Colour) -> None:
    ticks = [day for day in ROUND_DAYS if days[0] <= day <= days[-1]]
    axes.set_yticks(np.log(ticks), [f"{day:g}" for day in ticks])
    # Larger than its frame, whose corners a box seen aslant leaves empty; so nothing is clipped to it.
    axes.set_box_aspect((1.9, 1.5, 0.75), zoom=1.45)
    axes.view_init(elev=24.0, azim=-122.0)
    names = (MONEYNESS_LABEL, "days to expiry", "% a year")
    for axis, name in zip((axes.xaxis, axes.yaxis, axes.zaxis), names, strict=True):
        axis.set_pane_color((0.0, 0.0, 0.0, 0.0))
        axis.line.set_color(colour("axis"))
        axis.set_label_text(name, fontsize=LABEL_PT, color=colour("soft"))
        axis.set_tick_params(labelsize=LABEL_PT, labelcolor=colour("soft"), color=colour("axis"))


def _days(rows: Sequence[Mapping[str, Any]]) -> FloatArray:
    return _column(rows, "days")


def _sd(z: float) -> str:
    return f"{z:+g}".replace("-", "\u2212") if z else "F"


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> FloatArray:
    return np.array([math.nan if row[name] is None else float(row[name]) for row in rows])
