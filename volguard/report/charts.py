"""The day's charts as SVG to stand inside a page: drawn by matplotlib, coloured by its style variables.

The same figures give the same bytes. Horizontal axes are minutes since midnight IST, or index levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.model.units import seconds_between
from volguard.report.day import DayReport
from volguard.report.drawing import Colour, as_svg, dress, whole
from volguard.report.theme import ink
from volguard.report.trade_result import Payoff

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_PT: Final = 520.0
HEIGHT_PT: Final = 214.0
MARGINS_PT: Final = (64.0, 14.0, 26.0, 14.0)  # left, right, bottom, top: room for a phone's larger letters
TICKS_MAX: Final = 6
TICK_MINUTES: Final = (1, 2, 5, 10, 15, 30, 60, 120)
Form = Callable[[float, float], str]
LEVELS: Final = (("reference_level", "ink", "-"),)
VOLATILITIES: Final = (
    ("atm_iv_weekly", "blue", "-"),
    ("atm_iv_monthly", "violet", "-"),
    ("forecast_vol", "orange", "--"),
)


def pnl_chart(report: DayReport) -> str | None:
    """Net P&L in rupees through the day with entries and exits; None when it was never known."""
    times, values = _series(report, "pnl_net_inr")
    known = np.isfinite(values)
    if not known.any():
        return None

    def draw(axes: Axes) -> None:
        for sign, colour in ((1, "gain"), (-1, "loss")):
            side = np.clip(values * sign, 0.0, None) * sign
            axes.fill_between(times, side, 0.0, color=ink(colour), alpha=0.16, linewidth=0)
        axes.axhline(0.0, color=ink("axis"), linewidth=1.0)
        axes.plot(times, values, color=ink("ink"), linewidth=1.7)
        for moments, face in ((_entries(report), "ink"), (_exits(report), "surface")):
            at = np.array([_minutes(ts) for ts in moments])
            height = np.interp(at, times[known], values[known])
            style: dict[str, Any] = {"markersize": 7.5, "markeredgewidth": 1.6, "zorder": 5, "clip_on": False}
            axes.plot(at, height, "o", color=ink(face), markeredgecolor=ink("ink"), **style)
        _set_heights(axes, np.append(values[known], 0.0), whole)

    return _time_chart(report, "Net P&L through the day", draw)


def level_chart(report: DayReport) -> str | None:
    """The reference level through the day; None when it was never known."""
    return _lines_chart(report, "Reference level through the day", LEVELS, scale=1.0, form=whole)


def volatility_chart(report: DayReport) -> str | None:
    """At-the-money volatility of both cycles and the forecast, percent a year; None when never known."""
    return _lines_chart(
        report, "Implied and forecast volatility through the day", VOLATILITIES, scale=100.0, form=_percent
    )


def quality_chart(report: DayReport, floor: float | None) -> str | None:
    """Data quality through the day on a scale of 0 to 1, `floor` marked if given; None without snapshots."""
    seen = report.inputs.seen
    if not seen:
        return None
    times, values = _broken_at_holes(
        report, [_minutes(one.ts) for one in seen], [one.quality for one in seen]
    )

    def draw(axes: Axes) -> None:
        if floor is not None:
            axes.axhline(floor, color=ink("loss"), linewidth=1.0, linestyle=(0, (4, 3)))
        axes.fill_between(times, values, 0.0, color=ink("blue"), alpha=0.10, linewidth=0)
        axes.plot(times, values, color=ink("blue"), linewidth=1.5)
        axes.set_ylim(0.0, 1.03)
        axes.set_yticks([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "0.25", "0.50", "0.75", "1.00"])

    return _time_chart(report, "Data quality through the day", draw)


def payoff_chart(payoff: Payoff, *, level: float | None, name: str) -> str:
    """P&L at expiry against the index level, with breakevens and the last reference level.

    `name` tells the drawing apart from the others of the page.
    """
    # Breakevens are knots of the line, so gain and loss meet exactly at zero.
    x, pnl = payoff.levels, payoff.pnl_inr

    def draw(axes: Axes) -> None:
        for sign, colour in ((1, "gain"), (-1, "loss")):
            side = np.clip(pnl * sign, 0.0, None) * sign
            axes.fill_between(x, side, 0.0, color=ink(colour), alpha=0.16, linewidth=0)
        axes.axhline(0.0, color=ink("axis"), linewidth=1.0)
        axes.plot(x, pnl, color=ink("ink"), linewidth=1.8)
        axes.plot(
            payoff.breakevens, [0.0] * len(payoff.breakevens), "o", markersize=7.5,
            color=ink("surface"), markeredgecolor=ink("ink"), markeredgewidth=1.6, zorder=5,
        )  # fmt: skip
        if level is not None:
            axes.axvline(level, color=ink("orange"), linewidth=1.5, linestyle=(0, (4, 3)))
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.xaxis.set_major_locator(_round_steps(6, is_whole=True))
        axes.xaxis.set_major_formatter(whole)
        _set_heights(axes, np.append(pnl, 0.0), whole)

    return _drawing(name, "P&L at expiry against the index level", draw)


def _lines_chart(
    report: DayReport,
    title: str,
    lines: Sequence[tuple[str, str, str]],
    *,
    scale: float,
    form: Form,
) -> str | None:
    series = [(*_series(report, key), colour, style) for key, colour, style in lines]
    heights = np.concatenate([values for _, values, _, _ in series]) * scale
    if not np.isfinite(heights).any():
        return None

    def draw(axes: Axes) -> None:
        for times, values, colour, style in series:
            axes.plot(times, values * scale, color=ink(colour), linewidth=1.7, linestyle=style)
        _set_heights(axes, heights[np.isfinite(heights)], form)

    return _time_chart(report, title, draw)


def _series(report: DayReport, key: str) -> tuple[FloatArray, FloatArray]:
    seen = report.inputs.seen
    return _broken_at_holes(
        report, [_minutes(one.ts) for one in seen], [_number(one.figures.get(key)) for one in seen]
    )


def _broken_at_holes(
    report: DayReport, times: list[float], values: list[float]
) -> tuple[FloatArray, FloatArray]:
    # A nan in the middle of each hole keeps the line from bridging what nobody saw.
    middles = [(_minutes(hole.start) + _minutes(hole.end)) / 2 for hole in report.holes]
    x = np.array([*times, *middles])
    y = np.array([*values, *[np.nan] * len(middles)])
    order = np.argsort(x, kind="stable")
    return x[order], y[order]


def _number(value: object) -> float:
    # Figures may carry exact rupees as text.
    return float(value) if isinstance(value, int | float | str) else np.nan


def _entries(report: DayReport) -> list[datetime]:
    return [result.entry_ts for result in report.trades if result.entry_ts is not None]


def _exits(report: DayReport) -> list[datetime]:
    return [result.exit_ts for result in report.trades if result.exit_ts is not None]


def _minutes(ts: datetime) -> float:
    return seconds_between(ts.replace(hour=0, minute=0, second=0, microsecond=0), ts) / 60.0


def _time_chart(report: DayReport, title: str, draw: Callable[[Axes], None]) -> str:
    times = [_minutes(one.ts) for one in report.inputs.seen]

    def draw_in_time(axes: Axes) -> None:
        for hole in report.holes:
            axes.axvspan(_minutes(hole.start), _minutes(hole.end), color=ink("hole"), alpha=0.22, linewidth=0)
        draw(axes)
        first, last = min(times), max(times)
        axes.set_xlim(first, max(last, first + 1.0))
        axes.set_xticks(*_time_ticks(first, last))

    return _drawing(title, title, draw_in_time)


def _time_ticks(first: float, last: float) -> tuple[list[float], list[str]]:
    longest = TICK_MINUTES[-1]
    step = next((step for step in TICK_MINUTES if (last - first) / step <= TICKS_MAX + 1), longest)
    at = np.arange(np.ceil(first / step) * step, last + 1e-9, step)
    return at.tolist(), [f"{int(minute // 60):02d}:{int(minute % 60):02d}" for minute in at]


def _set_heights(axes: Axes, heights: FloatArray, form: Form) -> None:
    low, high = float(heights.min()), float(heights.max())
    # A flat day is a flat line: a few rupees or points, one percent point at least.
    least = 4.0 if form is whole else 1.0
    margin = max(0.08 * (high - low), 0.5 * (least - (high - low)))
    axes.set_ylim(low - margin, high + margin)
    axes.yaxis.set_major_locator(_round_steps(5, is_whole=form is whole))
    axes.yaxis.set_major_formatter(form)


def _round_steps(count: int, *, is_whole: bool) -> Any:
    from matplotlib.ticker import MaxNLocator

    steps = [1, 2, 2.5, 5, 10] if is_whole else [1, 2, 5, 10]  # 0.25 would need another decimal
    return MaxNLocator(nbins=count, steps=steps, integer=is_whole)


def _percent(value: float, _: float) -> str:
    return f"{value:.1f} %"


def _drawing(name: str, title: str, draw: Callable[[Axes], None]) -> str:
    left, right, bottom, top = MARGINS_PT
    room = (
        left / WIDTH_PT,
        bottom / HEIGHT_PT,
        1 - (left + right) / WIDTH_PT,
        1 - (bottom + top) / HEIGHT_PT,
    )

    def drawn(colour: Colour) -> Figure:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(WIDTH_PT / 72, HEIGHT_PT / 72), dpi=72)
        axes = figure.add_axes(room)
        dress(axes, colour)
        draw(axes)
        return figure

    return as_svg(name, title, drawn)
