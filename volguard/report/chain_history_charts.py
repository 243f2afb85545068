"""Charts of a chain's history: volatility, skew with its percentile band, straddle, through recorded days.

Days stand side by side without their nights; a line breaks where nothing was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import MINUS
from volguard.model.market import FloatArray
from volguard.report.chain_history_tables import NAMES, history_lines
from volguard.report.chart_page import chart_page
from volguard.report.drawing import LABEL_PT, Colour, dress, say_instead, show_legend
from volguard.report.panels import Panel, panel_charts, panels_png

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

# A line breaks over a distance of more than so many steps and so many minutes together.
BREAK_STEPS: Final = 2.0
BREAK_MINUTES: Final = 3.0
MANY_ROWS: Final = 120  # beyond, markers shrink to what keeps a lone value visible
TICK_WIDTH: Final = 5  # so that the charts' time axes lie below one another
FIGURE_SPACE: Final = "\u2007"
DAY_LABELS_MAX: Final = 12
HOUR_LABELS_MAX: Final = 9
TICK_MINUTES: Final = (5, 10, 15, 30, 60, 120)
Line = tuple[str, str, FloatArray]  # name, colour, values


@dataclass(frozen=True, slots=True, kw_only=True)
class _Axis:
    # Where each row lies, and where each day begins and what it is called.
    at: FloatArray
    breaks: FloatArray  # positions at which a line is interrupted
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    borders: tuple[float, ...]


def history_png(document: Mapping[str, Any]) -> bytes:
    """A `volguard.chain-history/1` document as a picture; the same document gives the same bytes."""
    return panels_png(_title(document), _panels(document))


def history_page(document: Mapping[str, Any]) -> str:
    """The same charts as a page."""
    return chart_page(_title(document), history_lines(document), panel_charts(_panels(document)))


def _title(document: Mapping[str, Any]) -> str:
    days, expiries = ([*document[name]] for name in ("days", "expiries"))
    first, last = days[0]["date"], days[-1]["date"]
    when = first if len(days) == 1 else f"{first} to {last}, {len(days)} days"
    of = f"expiry {expiries[0]}" if len(expiries) == 1 else f"the nearest of {len(expiries)} expiries"
    return f"{document['underlying']} {when}  {of}, every {document['every_min']} min"


def _panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    axis, rows = _axis(document), document["rows"]
    level: tuple[Line, ...] = (
        ("ATM IV", "blue", 100.0 * _column(rows, "atm_iv")),
        ("VIX, model-free, 30 days", "orange", _column(rows, "vix")),
    )
    straddle: tuple[Line, ...] = (("straddle at the forward", "ink", _column(rows, "straddle")),)
    return (
        _panel("level", "Volatility, % a year", 2.9, axis, level),
        *(
            _panel(
                key, f"{NAMES[key]}, volatility points", 2.5, axis,
                ((NAMES[key], "violet", 100.0 * _column(rows, key)),), document["last"][key],
            )
            for key in ("risk_reversal", "butterfly")
        ),
        _panel("straddle", "Expected move: the straddle, index points", 2.5, axis, straddle),
    )  # fmt: skip


def _panel(
    name: str,
    title: str,
    height_in: float,
    axis: _Axis,
    lines: Sequence[Line],
    standing: Mapping[str, Any] | None = None,
) -> Panel:
    def draw(part: FigureBase, colour: Colour) -> None:
        axes = part.subplots()
        if not any(np.isfinite(values).any() for *_, values in lines):
            say_instead(axes, colour, "not known at any time")
            return
        if standing is not None:
            _draw_band(axes, standing, colour)
        for label, paint, values in lines:
            x, y = _broken(axis, values)
            size = 2.6 if len(axis.at) <= MANY_ROWS else 1.2
            axes.plot(x, y, color=colour(paint), linewidth=1.5, marker="o", markersize=size, label=label)
        _dress(axes, axis, colour)

    return Panel(name=name, title=title, height_in=height_in, draw=draw)


def _draw_band(axes: Axes, standing: Mapping[str, Any], colour: Colour) -> None:
    band = standing["band"]
    if band is None:
        axes.plot([], [], " ", label=f"no percentile band: {standing['observations']} earlier values")
        return
    low, middle, high = (100.0 * band[name] for name in ("p10", "p50", "p90"))
    axes.axhspan(
        low, high, color=colour("violet"), alpha=0.12, linewidth=0,
        label=f"10 to 90 % of the {standing['observations']} earlier values",
    )  # fmt: skip
    axes.axhline(middle, color=colour("violet"), linewidth=1.1, linestyle=(0, (5, 3)), label="their median")


def _dress(axes: Axes, axis: _Axis, colour: Colour) -> None:
    dress(axes, colour)
    axes.tick_params(labelsize=LABEL_PT)
    for border in axis.borders:
        axes.axvline(border, color=colour("axis"), linewidth=0.8)
    axes.set_xticks(axis.ticks, axis.labels)
    reach = max(float(axis.at[-1] - axis.at[0]), 1.0)
    axes.set_xlim(float(axis.at[0]) - 0.01 * reach, float(axis.at[0]) + 1.01 * reach)
    axes.margins(y=0.12)
    axes.yaxis.set_major_formatter(_figure)
    show_legend(axes, colour)


def _figure(value: float, _: float) -> str:
    return f"{value:g}".replace("-", MINUS).rjust(TICK_WIDTH, FIGURE_SPACE)


def _axis(document: Mapping[str, Any]) -> _Axis:
    times = [datetime.fromisoformat(row["ts"]) for row in document["rows"]]
    step, at, borders, breaks = float(document["every_min"]), [0.0], [], []
    for before, now in pairwise(times):
        same_day = before.date() == now.date()
        minutes = _minute(now) - _minute(before) if same_day else 2.0 * step
        middle = at[-1] + 0.5 * minutes
        if not same_day:
            borders.append(middle)
        if not same_day or minutes > BREAK_STEPS * step + BREAK_MINUTES:
            breaks.append(middle)
        at.append(at[-1] + minutes)
    ticks, labels = _hours(times[0], times[-1]) if not borders else _days(times, at)
    return _Axis(at=np.array(at), breaks=np.array(breaks), ticks=ticks, labels=labels, borders=tuple(borders))


def _hours(first: datetime, last: datetime) -> tuple[tuple[float, ...], tuple[str, ...]]:
    begin, end = _minute(first), _minute(last)
    step = next((step for step in TICK_MINUTES if (end - begin) / step < HOUR_LABELS_MAX), TICK_MINUTES[-1])
    minutes = np.arange(math.ceil(begin / step) * step, end + 1e-9, step).tolist()
    return (
        tuple(minute - begin for minute in minutes),
        tuple(f"{int(minute // 60):02d}:{int(minute % 60):02d}" for minute in minutes),
    )


def _days(times: Sequence[datetime], at: Sequence[float]) -> tuple[tuple[float, ...], tuple[str, ...]]:
    # A label in the middle of its day; of many days only every so many carry one.
    spans: dict[str, list[float]] = {}
    for ts, place in zip(times, at, strict=True):
        spans.setdefault(f"{ts:%d %b %Y}", []).append(place)
    shown = list(spans.items())[:: math.ceil(len(spans) / DAY_LABELS_MAX)]
    return tuple(0.5 * (places[0] + places[-1]) for _, places in shown), tuple(day for day, _ in shown)


def _broken(axis: _Axis, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    x = np.concatenate((axis.at, axis.breaks))
    y = np.concatenate((values, np.full(len(axis.breaks), np.nan)))
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _minute(ts: datetime) -> float:
    return 60.0 * ts.hour + ts.minute + ts.second / 60.0


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> FloatArray:
    return np.array([row[name] for row in rows], dtype=np.float64)  # None becomes nan
