"""Charts of volatility from a `volguard.vol/1` document and its past: one picture of panels, or a page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from volguard.model.market import DailyBar
from volguard.report.chart_axes import SMALL_PT
from volguard.report.chart_page import Chart, chart_page
from volguard.report.drawing import Colour, as_png, as_svg, dress
from volguard.report.regime_charts import draw_lanes, draw_regimes, odds_table
from volguard.report.vol_panels import (
    draw_cone,
    draw_forecasts,
    draw_premium,
    draw_rank,
    draw_spreads,
    draw_term,
    rank_title,
    spread_title,
)
from volguard.report.vol_tables import summary_lines
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.regime_history import RegimeDay
from volguard.volatility.signal_history import SignalDay

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN: Final = 13.6
PAGE_WIDTH_IN: Final = 11.4


@dataclass(frozen=True, slots=True, kw_only=True)
class VolPast:
    """What the document sums up: India VIX (percent), regimes by session, IV-RV spreads, and thresholds."""

    vix: tuple[DailyBar, ...]
    regimes: tuple[RegimeDay, ...]
    spreads: tuple[SignalDay, ...]
    thresholds: IvRvSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart: `draw(axes, ink)` fills axes in the colours that `ink` names; `is_wide` wants a row."""

    key: str
    title: str
    draw: Callable[[Axes, Colour], None]
    height_in: float = 3.3
    is_wide: bool = False


def vol_panels(document: Mapping[str, Any], past: VolPast) -> tuple[Panel, ...]:
    """All charts of a document; those of a chain only where it holds one."""
    name = document["underlying"]
    chain = document["chain"]
    panels = [
        Panel(
            key="regimes",
            title=f"India VIX, %, and the regime of each session{_span(past.regimes)}",
            draw=lambda axes, ink: draw_regimes(axes, ink, past.vix, past.regimes),
            is_wide=True,
        ),
        Panel(
            key="lanes",
            title="Sessions by regime, and their share",
            draw=lambda axes, ink: draw_lanes(axes, ink, past.regimes),
            height_in=2.5,
            is_wide=True,
        ),
        Panel(
            key="cone",
            title=f"Cone of realised volatility of {name}, % a year, by window",
            draw=lambda axes, ink: draw_cone(axes, ink, document),
        ),
        Panel(
            key="forecasts",
            title="Forecasts and implied volatility, % a year, by sessions ahead",
            draw=lambda axes, ink: draw_forecasts(axes, ink, document),
        ),
        Panel(
            key="spread",
            title=spread_title(document["signal"]),
            draw=lambda axes, ink: draw_spreads(axes, ink, past.spreads, past.thresholds),
        ),
        Panel(
            key="rank",
            title=rank_title(document["india_vix"]),
            draw=lambda axes, ink: draw_rank(axes, ink, document["india_vix"], past.vix),
        ),
    ]
    if chain is not None:
        moment = chain["ts"][11:16]
        panels += [
            Panel(
                key="term",
                title=f"Term structure at {moment}, % a year, by days: {chain['term']['shape'].lower()}",
                draw=lambda axes, ink: draw_term(axes, ink, chain),
            ),
            Panel(
                key="premium",
                title=f"Premium per expiry at {moment}, % per 252 sessions, spread in points",
                draw=lambda axes, ink: draw_premium(axes, ink, chain),
            ),
        ]
    return tuple(panels)


def vol_png(document: Mapping[str, Any], past: VolPast) -> bytes:
    """All panels in one picture; the same document and past give the same bytes."""
    rows = _rows(vol_panels(document, past))
    heights = [max(panel.height_in for panel in row) for row in rows]

    def draw(colour: Colour) -> Figure:
        figure = _figure(WIDTH_IN, 0.6 + sum(heights))
        figure.set_facecolor(colour("surface"))
        grid = figure.add_gridspec(len(rows), 2, height_ratios=heights, hspace=0.06)
        for i, row in enumerate(rows):
            for j, panel in enumerate(row):
                axes = figure.add_subplot(grid[i, :] if panel.is_wide else grid[i, j])
                _draw_panel(panel, axes, colour)
                axes.set_title(panel.title, loc="left", fontsize=10, fontweight="bold", color=colour("ink"))
        figure.suptitle(headline(document), x=0.008, ha="left", fontsize=13, color=colour("ink"))
        return figure

    return as_png(draw)


def vol_html(document: Mapping[str, Any], past: VolPast) -> str:
    """A page of what the document says, each chart under its title, and the odds from regime to regime."""
    charts = [Chart(title=panel.title, svg=_svg(panel)) for panel in vol_panels(document, past)]
    odds = Chart(title="Regime one session later, %, by the regime before", svg=odds_table(past.regimes))
    return chart_page(headline(document), tuple(summary_lines(document)), (*charts[:2], odds, *charts[2:]))


def headline(document: Mapping[str, Any]) -> str:
    """What the charts show, in one line."""
    chain = document["chain"]
    text = f"{document['underlying']} volatility after the close of {document['as_of']}"
    return text if chain is None else f"{text}; chain at {chain['ts'][:16].replace('T', ' ')}"


def _svg(panel: Panel) -> str:
    def draw(colour: Colour) -> Figure:
        figure = _figure(PAGE_WIDTH_IN, panel.height_in if panel.is_wide else 3.9)
        _draw_panel(panel, figure.subplots(), colour)
        return figure

    return as_svg(f"vol {panel.key}", panel.title, draw)


def _figure(width_in: float, height_in: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width_in, height_in), layout="constrained")


def _draw_panel(panel: Panel, axes: Axes, ink: Colour) -> None:
    dress(axes, ink)
    axes.tick_params(labelsize=SMALL_PT)
    axes.tick_params(which="minor", length=0)
    panel.draw(axes, ink)


def _rows(panels: Sequence[Panel]) -> list[list[Panel]]:
    rows: list[list[Panel]] = []
    for panel in panels:
        if panel.is_wide or not rows or rows[-1][0].is_wide or len(rows[-1]) == 2:
            rows.append([panel])
        else:
            rows[-1].append(panel)
    return rows


def _span(regimes: Sequence[RegimeDay]) -> str:
    return f", {regimes[0].day.year} to {regimes[-1].day.year}" if regimes else ""
