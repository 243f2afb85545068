"""Several charts as one: stacked in a picture, or each under its own title on a page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from volguard.report.chart_page import Chart
from volguard.report.drawing import Colour, as_png, as_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure, FigureBase

WIDTH_IN: Final = 11.5
HEADING_IN: Final = 0.35
TITLE_PT: Final = 12.0
PANEL_TITLE_PT: Final = 10.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart: `draw` puts it on an empty figure, or a part of one, in the colours that it is given."""

    name: str
    title: str
    height_in: float
    draw: Callable[[FigureBase, Colour], None]


def panels_png(title: str, panels: Sequence[Panel]) -> bytes:
    """One picture with a headline and the panels below one another, each with its title."""

    def drawn(colour: Colour) -> Figure:
        heights = [panel.height_in + HEADING_IN for panel in panels]
        figure = _figure(sum(heights) + HEADING_IN, colour)
        figure.suptitle(title, fontsize=TITLE_PT, color=colour("ink"), x=0.01, ha="left")
        parts = figure.subfigures(len(panels), 1, height_ratios=heights, squeeze=False)[:, 0]
        for part, panel in zip(parts, panels, strict=True):
            part.set_facecolor(colour("surface"))
            part.suptitle(panel.title, fontsize=PANEL_TITLE_PT, color=colour("soft"), x=0.01, ha="left")
            panel.draw(part, colour)
        return figure

    return as_png(drawn)


def panel_charts(panels: Sequence[Panel]) -> tuple[Chart, ...]:
    """Each panel as a chart of a page, its title in the page's own words."""
    return tuple(Chart(title=panel.title, svg=_svg(panel)) for panel in panels)


def _svg(panel: Panel) -> str:
    def drawn(colour: Colour) -> Figure:
        figure = _figure(panel.height_in, colour)
        panel.draw(figure, colour)
        return figure

    return as_svg(panel.name, panel.title, drawn)


def _figure(height_in: float, colour: Colour) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained", facecolor=colour("surface"))
