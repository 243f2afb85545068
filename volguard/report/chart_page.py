"""Charts as one page: a headline, what is said in words, then each drawing under its title.

Nothing is fetched; light and dark by the reader's own setting. The same input gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from volguard import __version__
from volguard.report.elements import panel, text
from volguard.report.theme import style_sheet


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A drawing made by `drawing.as_svg`, and the words above it."""

    title: str
    svg: str


def chart_page(title: str, lines: Sequence[str], charts: Sequence[Chart]) -> str:
    """The whole page; `lines` stand below the headline, one paragraph each. All words are escaped here."""
    said = "".join(f"<p>{text(line)}</p>" for line in lines)
    banner = f'<div class="banner said">{said}</div>' if said else ""
    panels = "".join(
        f'<div class="stack">{panel(chart.title, chart.svg, is_wide=True)}</div>' for chart in charts
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>volguard {text(title)}</title><style>{style_sheet()}.said p{{margin:2px 0}}</style></head>"
        f"<body><main><header><h1>{text(title)}</h1></header>{banner}{panels}"
        f"<footer>volguard {__version__}</footer></main></body></html>\n"
    )
