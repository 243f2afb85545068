"""A page of charts: self-contained, escaped, the same for the same input, drawings apart from one another."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure, FigureBase

from volguard.report.chart_page import Chart, chart_page
from volguard.report.drawing import Colour, as_png, as_svg, light
from volguard.report.panels import Panel, panel_charts, panels_png

PNG_HEAD = b"\x89PNG\r\n\x1a\n"


def line_of(colour: Colour) -> Figure:
    figure = Figure(figsize=(3.0, 2.0))
    figure.subplots().plot([0.0, 1.0, 2.0], [1.0, 3.0, 2.0], color=colour("blue"))
    return figure


def line_panel(name: str) -> Panel:
    def draw(part: FigureBase, colour: Colour) -> None:
        part.subplots().plot([0.0, 1.0], [1.0, 3.0], color=colour("blue"))

    return Panel(name=name, title=f"Title of {name}", height_in=1.5, draw=draw)


def page_of(*names: str) -> str:
    charts = [Chart(title=name, svg=as_svg(name, name, line_of)) for name in names]
    return chart_page("NIFTY & more", ["first <line>", "second"], charts)


def test_the_page_needs_no_network() -> None:
    html = page_of("a", "b")
    assert not re.search(r"<script|<link|<img|@import|url\((?!#)", html)
    assert not re.search(r"(?:src|href)=\"(?!#)", html)
    outside = {address for address in re.findall(r"https?://[^\s\"<]+", html)}
    assert outside <= {"http://www.w3.org/1999/xlink", "http://www.w3.org/2000/svg"}


def test_the_same_input_gives_the_same_bytes_and_another_input_does_not() -> None:
    assert page_of("a", "b") == page_of("a", "b") != page_of("a")


def test_words_are_escaped_and_stand_in_their_order() -> None:
    html = page_of("a<b>")
    assert "<h1>NIFTY &amp; more</h1>" in html and "<p>first &lt;line&gt;</p><p>second</p>" in html
    assert "a&lt;b&gt;" in html and "a<b>" not in html
    assert html.index("second") < html.index('<svg class="chart"')


def test_a_page_without_words_has_no_empty_banner() -> None:
    assert 'class="banner' not in chart_page("x", [], [])


def test_drawings_share_a_page_without_sharing_names() -> None:
    html = page_of("one", "two")
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids)) > 10
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', html)) <= set(ids)


def test_a_drawing_names_style_variables_so_that_light_and_dark_both_fit() -> None:
    svg = as_svg("one", 'P&L of "one"', line_of)
    assert ElementTree.fromstring(svg).get("aria-label") == 'P&L of "one"'
    assert "stroke: var(--blue)" in svg and "#f000" not in svg
    html = page_of("one")
    assert "prefers-color-scheme:dark" in html and html.count("--blue:") == 2


def test_a_picture_takes_the_light_colours() -> None:
    assert light("blue") == "#2468c9"
    with pytest.raises(KeyError):
        light("mauve")
    picture = as_png(line_of)
    assert picture.startswith(PNG_HEAD) and picture == as_png(line_of)


def test_panels_are_one_picture_or_a_chart_each() -> None:
    panels = (line_panel("one"), line_panel("two"))
    charts = panel_charts(panels)
    assert [chart.title for chart in charts] == ["Title of one", "Title of two"]
    assert "Title of one" in charts[0].svg and charts[0].svg != charts[1].svg
    both, one = panels_png("head", panels), panels_png("head", panels[:1])
    assert both == panels_png("head", panels)
    assert height(both) > height(one)


def height(picture: bytes) -> int:
    # The PNG header: width and height as four bytes each after the first sixteen.
    return int.from_bytes(picture[20:24])
