"""A figure as a picture, or as SVG to stand inside a page, coloured by the page's style variables.

The same figure gives the same bytes either way.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from io import BytesIO, StringIO
from typing import TYPE_CHECKING, Any, Final

from volguard.adapters.figure_text import MINUS
from volguard.report.theme import COLOURS, ink, with_variables

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DPI: Final = 150
LABEL_PT: Final = 9.0
FONT_PT: Final = 11.0  # before a phone's style sheet enlarges it
Colour = Callable[[str], str]  # a name of the page's colours -> what to draw it with
Draw = Callable[[Colour], "Figure"]


def as_png(draw: Draw) -> bytes:
    """The picture in the light colours."""
    out = BytesIO()
    draw(light).savefig(out, format="png", dpi=DPI, metadata={"Software": None})
    return out.getvalue()


def as_svg(name: str, title: str, draw: Draw) -> str:
    """The drawing for a page; `name` is unlike that of any other there, `title` is read out for it."""
    from matplotlib import rc_context

    out = StringIO()
    settings: Any = {"svg.fonttype": "none", "svg.hashsalt": name, "font.size": FONT_PT}
    with rc_context(settings):
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        draw(ink).savefig(out, format="svg", dpi=72, transparent=True, metadata=nothing)
    return _inline(out.getvalue(), name, title)


def light(name: str) -> str:
    """The colour of the light scheme; KeyError for a name that is not a colour of the page."""
    return COLOURS[name][1]


def dress(axes: Axes, colour: Colour) -> None:
    """Bare axes: a base line, quiet horizontal grid lines, labels in the soft colour."""
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_edgecolor(colour("axis"))
    axes.grid(axis="y", color=colour("grid"), linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", color=colour("axis"), labelcolor=colour("soft"), length=4)
    axes.tick_params(axis="y", labelcolor=colour("soft"), length=0, pad=7)


def show_legend(axes: Axes, colour: Colour, *, columns: int = 4) -> None:
    """The names of what is drawn, in one or more lines above the axes, where they hide nothing."""
    handles, names = axes.get_legend_handles_labels()
    axes.legend(
        handles, names, loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=columns, frameon=False,
        fontsize=LABEL_PT, labelcolor=colour("soft"), borderpad=0.2, columnspacing=1.6, handlelength=2.2,
    )  # fmt: skip


def say_instead(axes: Axes, colour: Colour, words: str) -> None:
    """Empty axes that say why nothing is drawn."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, words, ha="center", va="center", fontsize=FONT_PT, color=colour("muted"),
        transform=axes.transAxes,
    )  # fmt: skip


def percent(value: float, _: float) -> str:
    """A tick of an axis in percent."""
    return f"{value:g} %".replace("-", MINUS)


def whole(value: float, _: float) -> str:
    """A tick of an axis in whole figures."""
    return f"{value:,.0f}".replace("-", MINUS)


def _inline(svg: str, name: str, title: str) -> str:
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    # Several drawings share one page: every name inside gets the drawing's own prefix.
    prefix = re.sub(r"[^A-Za-z0-9]+", "-", name)
    body = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{prefix}-", body)
    head = f'<svg class="chart" role="img" aria-label="{escape(title)}" '
    body = re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*" ', lambda found: head + found[1], body, count=1)
    return with_variables(body)
