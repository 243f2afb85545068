"""Scales, labels and legends that charts share; levels in percent, dates in days since 1970."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from volguard.model.market import FloatArray
from volguard.report.drawing import Colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL_PT: Final = 9.0
LABEL_GAP: Final = 0.062  # of the height: one line of small letters
ROUND_PERCENTS: Final = (2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200)
Place = Literal["best", "upper left", "upper right"]


def percents(values: Iterable[float | None]) -> FloatArray:
    """Decimals as percent, None as nan."""
    return np.array([math.nan if value is None else 100.0 * value for value in values], dtype=np.float64)


def day_number(day: date) -> float:
    """Days since 1970, the unit of a date axis."""
    return float(day.toordinal() - date(1970, 1, 1).toordinal())


def set_dates(axes: Axes, first: date, last: date) -> None:
    """A date axis from the first day to the end of the last."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    most = 16 if (last - first).days > 3000 else 9
    locator = AutoDateLocator(minticks=4, maxticks=most)  # type: ignore[no-untyped-call]
    form = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(form)
    axes.set_xlim(day_number(first), day_number(last) + 1.0)


def set_percent_scale(axes: Axes, levels: FloatArray, *, head: float = 1.0) -> None:
    """A logarithmic scale about the known levels, labelled at round percents; `head` more above."""
    known = levels[np.isfinite(levels) & (levels > 0.0)]
    low, high = 0.9 * float(known.min()), 1.1 * head * float(known.max())
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = [tick for tick in ROUND_PERCENTS if low <= tick <= high]
    axes.set_yticks(ticks, [str(tick) for tick in ticks])
    axes.yaxis.set_minor_formatter(lambda *_: "")


def set_heights(
    axes: Axes, levels: FloatArray, *, least: float = 1.0, room: float = 0.08, head: float = 0.0
) -> None:
    """A linear scale about the known levels.

    `room` on both sides and `head` above, where a legend stands, as shares of the range; `least` high.
    """
    from matplotlib.ticker import MaxNLocator

    known = levels[np.isfinite(levels)]
    low, high = float(known.min()), float(known.max())
    margin = max(room * (high - low), 0.5 * (least - (high - low)))
    axes.set_ylim(low - margin, high + margin + head * max(high - low, least))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", "\u2212"))


def label_right(axes: Axes, levels: FloatArray, names: Sequence[tuple[str, str]]) -> None:
    """Names with their colours beside the right edge, at their levels or moved apart from each other."""
    at = axes.transAxes.inverted().transform(axes.transData.transform([(0.0, y) for y in levels]))[:, 1]
    order = np.argsort(at)
    for place, i in zip(_moved_apart(at[order].tolist()), order.tolist(), strict=True):
        name, colour = names[i]
        axes.text(1.012, place, name, transform=axes.transAxes, va="center", color=colour, fontsize=SMALL_PT)


def add_legend(axes: Axes, ink: Colour, *, columns: int = 1, place: Place = "best") -> None:
    """A legend without a frame."""
    axes.legend(frameon=False, labelcolor=ink("soft"), ncols=columns, fontsize=SMALL_PT, loc=place)


def say_instead(axes: Axes, ink: Colour, text: str) -> None:
    """Words in the place of a chart that has nothing to draw."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", color=ink("soft"), wrap=True
    )
    axes.set_axis_off()


def _moved_apart(places: list[float]) -> list[float]:
    # The nearest places that keep the gap: neighbours that clash share their mean (isotonic regression).
    blocks: list[tuple[float, int]] = []
    for i, place in enumerate(places):
        mean, size = place - i * LABEL_GAP, 1
        while blocks and blocks[-1][0] > mean:
            before, count = blocks.pop()
            mean, size = (before * count + mean * size) / (count + size), count + size
        blocks.append((mean, size))
    means = [mean for mean, size in blocks for _ in range(size)]
    return [mean + i * LABEL_GAP for i, mean in enumerate(means)]
