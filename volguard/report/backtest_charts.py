"""Charts of a backtest from its document: account and drawdown, months, returns, rolling Sharpe, causes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.report.chart_axes import add_legend, day_number, say_instead, set_dates
from volguard.report.drawing import Colour, dress, percent, whole
from volguard.report.panels import Panel
from volguard.report.regime_charts import REGIME_COLOURS
from volguard.volatility.realized import SESSIONS_PER_YEAR
from volguard.volatility.regimes import MarketRegime

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import FigureBase

ROLLING_SESSIONS: Final = 63  # a quarter
NO_SESSION: Final = "no session was played"
BINS: Final = 41
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CAUSES: Final = (
    ("theta", "gain", "-"),
    ("gamma", "loss", "-"),
    ("delta", "blue", "-"),
    ("vega", "violet", "-"),
    ("costs", "orange", "-"),
    ("execution", "orange", ":"),
    ("residual", "hole", ":"),
    ("total", "ink", "-"),
)


def backtest_panels(document: Mapping[str, Any]) -> tuple[Panel, ...]:
    """The charts in the order of the page."""
    rows = document["curve"]
    capital = float(document["capital_inr"])
    values = np.array([capital, *(_number(row["value_inr"]) for row in rows)])
    returns = values[1:] / values[:-1] - 1.0
    days = [date.fromisoformat(row["day"]) for row in rows]
    months = document["statistics"]["returns"]["months"]
    years = len({row["year"] for row in months})

    def panel(name: str, title: str, height_in: float, draw: Any) -> Panel:
        def drawn(figure: FigureBase, colour: Colour) -> None:
            axes = figure.subplots()
            if rows:
                draw(axes, colour)
            else:
                say_instead(axes, colour, NO_SESSION)

        return Panel(name=f"backtest-{name}", title=title, height_in=height_in, draw=drawn)

    return (
        panel(
            "account",
            "The account in rupees, over the regime of each session",
            3.6,
            lambda axes, colour: _account(axes, colour, days, values, [row["regime"] for row in rows]),
        ),
        panel(
            "drawdown",
            "Below its highest value so far, percent",
            1.9,
            lambda axes, colour: _drawdown(axes, colour, days, values),
        ),
        panel(
            "months",
            "Return of each month, percent",
            0.9 + 0.36 * max(years, 1),
            lambda axes, colour: _months(axes, colour, months),
        ),
        panel(
            "returns",
            "Returns of the sessions: how often, and a normal distribution of the same spread",
            2.8,
            lambda axes, colour: _distribution(axes, colour, returns),
        ),
        panel(
            "sharpe",
            f"Sharpe ratio of the last {ROLLING_SESSIONS} sessions, by year",
            2.3,
            lambda axes, colour: _rolling(axes, colour, days, returns),
        ),
        panel(
            "causes",
            "What the result is made of, rupees since the beginning",
            3.4,
            lambda axes, colour: _causes(axes, colour, days, rows),
        ),
    )


def rolling_sharpe(returns: FloatArray, sessions: int = ROLLING_SESSIONS) -> FloatArray:
    """Mean over deviation of the last sessions, by year, (n,); nan before there are as many or where flat."""
    out = np.full(len(returns), np.nan)
    if len(returns) >= sessions:
        windows = np.lib.stride_tricks.sliding_window_view(returns, sessions)
        with np.errstate(all="ignore"):
            ratio = windows.mean(axis=1) / windows.std(axis=1, ddof=1) * math.sqrt(SESSIONS_PER_YEAR)
        out[sessions - 1 :] = np.where(np.isfinite(ratio), ratio, np.nan)
    return out


def _account(
    axes: Axes, colour: Colour, days: Sequence[date], values: FloatArray, regimes: Sequence[str]
) -> None:
    dress(axes, colour)
    named: set[str] = set()
    place = 0
    for regime, group in groupby(regimes):
        count = len(list(group))
        first, last = days[place], days[min(place + count, len(days) - 1)]
        if regime in set(MarketRegime):
            label = None if regime in named else regime
            named.add(regime)
            band = colour(REGIME_COLOURS[MarketRegime(regime)])
            axes.axvspan(
                day_number(first), day_number(last), color=band, alpha=0.18, linewidth=0, label=label
            )
        place += count
    axes.axhline(values[0], color=colour("axis"), linewidth=1.0)
    axes.plot([day_number(day) for day in days], values[1:], color=colour("ink"), linewidth=1.3)
    axes.yaxis.set_major_formatter(whole)
    set_dates(axes, days[0], days[-1])
    if named:
        add_legend(axes, colour, columns=len(named), place="upper left")


def _drawdown(axes: Axes, colour: Colour, days: Sequence[date], values: FloatArray) -> None:
    dress(axes, colour)
    below = 100.0 * (values / np.fmax.accumulate(values) - 1.0)[1:]
    at = [day_number(day) for day in days]
    axes.fill_between(at, below, 0.0, color=colour("loss"), alpha=0.25, linewidth=0)
    axes.plot(at, below, color=colour("loss"), linewidth=1.0)
    axes.yaxis.set_major_formatter(percent)
    set_dates(axes, days[0], days[-1])


def _months(axes: Axes, colour: Colour, months: Sequence[Mapping[str, Any]]) -> None:
    years = sorted({row["year"] for row in months})
    size = max((abs(row["return"]) for row in months), default=0.0) or 1.0
    for row in months:
        x, y, value = row["month"] - 1, years.index(row["year"]), row["return"]
        tint = colour("gain" if value > 0.0 else "loss" if value < 0.0 else "grid")
        axes.add_patch(_cell(x, y, tint, 0.12 + 0.55 * abs(value) / size))
        shown = f"{100.0 * value:.2f}".replace("-", "\u2212")
        axes.text(x, y, shown, ha="center", va="center", color=colour("ink"), fontsize=9.0)
    axes.set_xlim(-0.5, 11.5)
    axes.set_ylim(len(years) - 0.5, -0.5)
    axes.set_xticks(range(12), list(MONTHS))
    axes.set_yticks(range(len(years)), [str(year) for year in years])
    axes.tick_params(length=0, labelcolor=colour("soft"))
    for spine in axes.spines.values():
        spine.set_visible(False)


def _cell(x: int, y: int, tint: str, alpha: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=tint, alpha=alpha, linewidth=0)


def _distribution(axes: Axes, colour: Colour, returns: FloatArray) -> None:
    known = 100.0 * returns[np.isfinite(returns)]
    if len(known) < 2 or float(np.ptp(known)) == 0.0:
        say_instead(axes, colour, "the returns do not differ")
        return
    dress(axes, colour)
    reach = float(np.abs(known).max())
    edges = np.linspace(-reach, reach, BINS + 1)
    counts, _ = np.histogram(known, edges)
    middle, width = 0.5 * (edges[1:] + edges[:-1]), float(edges[1] - edges[0])
    tints = [colour("gain") if x > 0.0 else colour("loss") for x in middle.tolist()]
    axes.bar(middle, counts, 0.92 * width, color=tints, alpha=0.55, linewidth=0)
    spread, mean = float(known.std(ddof=1)), float(known.mean())
    normal = np.exp(-0.5 * ((middle - mean) / spread) ** 2) / (spread * math.sqrt(2.0 * math.pi))
    axes.plot(middle, len(known) * width * normal, color=colour("ink"), linewidth=1.2)
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=0.0)
    axes.yaxis.set_major_formatter(whole)
    axes.xaxis.set_major_formatter(percent)


def _rolling(axes: Axes, colour: Colour, days: Sequence[date], returns: FloatArray) -> None:
    ratio = rolling_sharpe(returns)
    if not np.isfinite(ratio).any():
        say_instead(axes, colour, f"needs {ROLLING_SESSIONS} sessions whose returns differ")
        return
    dress(axes, colour)
    axes.axhline(0.0, color=colour("axis"), linewidth=1.0)
    axes.plot([day_number(day) for day in days], ratio, color=colour("blue"), linewidth=1.3)
    set_dates(axes, days[0], days[-1])


def _causes(axes: Axes, colour: Colour, days: Sequence[date], rows: Sequence[Mapping[str, Any]]) -> None:
    dress(axes, colour)
    at = [day_number(day) for day in days]
    for name, tint, style in CAUSES:
        made = np.cumsum([float(row["attribution"][f"{name}_inr"]) for row in rows])
        thick = 2.0 if name == "total" else 1.3
        axes.plot(at, made, color=colour(tint), linestyle=style, linewidth=thick, label=name)
    axes.axhline(0.0, color=colour("axis"), linewidth=1.0)
    axes.yaxis.set_major_formatter(whole)
    set_dates(axes, days[0], days[-1])
    add_legend(axes, colour, columns=4)


def _number(text: str | None) -> float:
    return math.nan if text is None else float(text)
