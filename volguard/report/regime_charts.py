"""Regimes over the years: bands behind India VIX, a lane for each, and the odds from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from volguard.adapters.figure_text import number_text, percent_text
from volguard.model.market import DailyBar
from volguard.report.chart_axes import SMALL_PT, day_number, say_instead, set_dates, set_percent_scale
from volguard.report.drawing import Colour
from volguard.report.elements import Column, table
from volguard.volatility.regime_history import RegimeDay, transition_odds
from volguard.volatility.regimes import MarketRegime

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REGIME_COLOURS: Final[Mapping[MarketRegime, str]] = {
    MarketRegime.VIX_SPIKE: "ink",
    MarketRegime.EVENT_CRUSH: "soft",
    MarketRegime.GAMMA_PIN: "muted",
    MarketRegime.TREND: "blue",
    MarketRegime.RISING: "orange",
    MarketRegime.FALLING: "violet",
    MarketRegime.HIGH_VOL: "loss",
    MarketRegime.LOW_VOL: "gain",
    MarketRegime.MEAN_REVERSION: "hole",
    MarketRegime.NEUTRAL: "axis",
}


def draw_regimes(axes: Axes, ink: Colour, vix: Sequence[DailyBar], regimes: Sequence[RegimeDay]) -> None:
    """India VIX (percent) over the regime that each session had, a colour each."""
    if not regimes:
        say_instead(axes, ink, "no session has both an index and an India VIX bar")
        return
    for regime, stays in _stays(regimes).items():
        colour = ink(REGIME_COLOURS[regime])
        for number, (first, last) in enumerate(stays):
            label = regime.value if number == 0 else None
            axes.axvspan(first, last, color=colour, alpha=0.30, linewidth=0, label=label)
    axes.plot([day_number(bar.day) for bar in vix], [bar.close for bar in vix], color=ink("ink"), lw=0.9)
    set_percent_scale(axes, np.array([bar.close for bar in vix]), head=1.5)
    set_dates(axes, regimes[0].day, regimes[-1].day)
    axes.legend(loc="upper right", ncols=len(MarketRegime), fontsize=SMALL_PT, framealpha=1.0,
                labelcolor=ink("soft"), facecolor=ink("surface"), edgecolor=ink("grid"))  # fmt: skip


def draw_lanes(axes: Axes, ink: Colour, regimes: Sequence[RegimeDay]) -> None:
    """When each regime was in force, and its share of the sessions that had one."""
    if not regimes:
        say_instead(axes, ink, "no session has a regime")
        return
    stays = _stays(regimes)
    judged = sum(day.regime is not None for day in regimes)
    for lane, regime in enumerate(stays):
        spans = [(first, last - first) for first, last in stays[regime]]
        axes.broken_barh(spans, (lane - 0.4, 0.8), facecolor=ink(REGIME_COLOURS[regime]), linewidth=0)
        share = sum(day.regime is regime for day in regimes) / judged
        axes.text(1.008, lane, f"{100.0 * share:.0f} %", transform=axes.get_yaxis_transform(),
                  va="center", color=ink("soft"))  # fmt: skip
    axes.set_yticks(range(len(stays)), [regime.value for regime in stays])
    axes.set_ylim(len(stays) - 0.4, -0.6)
    axes.grid(visible=False)
    set_dates(axes, regimes[0].day, regimes[-1].day)


def odds_table(regimes: Sequence[RegimeDay]) -> str:
    """Chance of each regime one session later, as HTML; "too few" where odds abstain."""
    odds = transition_odds([day.regime for day in regimes])
    seen = [regime for regime in MarketRegime if odds.sessions_in(regime)]
    columns = [
        Column(name="regime"),
        *(Column(name=name, is_figure=True) for name in ("sessions", "mean stay")),
    ]
    rows = []
    for regime in seen:
        shares = odds.odds(regime)
        cells = ["too few" if shares is None else percent_text(shares.get(after, 0.0)) for after in seen]
        rows.append(
            (regime, odds.sessions_in(regime), number_text(odds.expected_sessions(regime), 1), *cells)
        )
    return table(
        (*columns, *(Column(name=regime.value, is_figure=True) for regime in seen)),
        rows,
        none="No session has a regime: the index or India VIX is missing.",
    )


def _stays(regimes: Sequence[RegimeDay]) -> dict[MarketRegime, list[tuple[float, float]]]:
    # Each stay in a regime as (first, last) in days of the axis, regimes in their own order.
    ends = [*(day_number(day.day) for day in regimes), day_number(regimes[-1].day) + 1.0]
    found: dict[MarketRegime, list[tuple[float, float]]] = {regime: [] for regime in MarketRegime}
    for regime, group in groupby(range(len(regimes)), key=lambda i: regimes[i].regime):
        rows = list(group)
        if regime is not None:
            found[regime].append((ends[rows[0]], ends[rows[-1] + 1]))
    return {regime: stays for regime, stays in found.items() if stays}
