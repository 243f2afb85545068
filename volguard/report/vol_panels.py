"""What each chart of volatility draws; one whose figures are missing says why instead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from volguard.adapters.figure_text import number_text, percent_text
from volguard.model.market import DailyBar
from volguard.report.chart_axes import (
    SMALL_PT,
    add_legend,
    day_number,
    label_right,
    percents,
    say_instead,
    set_dates,
    set_heights,
    set_percent_scale,
)
from volguard.report.drawing import Colour
from volguard.volatility.iv_rv import IvRvSettings
from volguard.volatility.regime_history import RANK_SESSIONS
from volguard.volatility.signal_history import SignalDay

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MODEL_COLOURS: Final = ("blue", "violet", "gain", "loss", "hole")
FORECAST_SESSIONS_SHOWN: Final = 66.0  # about a quarter: what is sold expires within
ROUND_DAYS: Final = (1, 2, 4, 7, 14, 30, 60, 120, 250, 500, 1000, 2000)


def draw_cone(axes: Axes, ink: Colour, document: Mapping[str, Any]) -> None:
    """Quantiles of realised volatility by window, with the figure of today."""
    rows = [row for row in document["cone"] if all(value is not None for value in row["quantiles"])]
    if not rows:
        say_instead(axes, ink, "the history is shorter than every window")
        return
    shares = document["cone_quantiles"]
    quantiles = 100.0 * np.array([row["quantiles"] for row in rows])
    x = np.arange(len(rows))
    pairs = len(shares) // 2
    for i in range(pairs):
        axes.fill_between(
            x, quantiles[:, i], quantiles[:, -1 - i], color=ink("blue"), alpha=0.10 + 0.05 * i, linewidth=0
        )
    for i, share in enumerate(shares):
        axes.plot(x, quantiles[:, i], color=ink("blue"), lw=1.8 if share == 0.5 else 0.8, zorder=2)
    latest = percents(row["latest"] for row in rows)
    axes.plot(x, latest, "o-", color=ink("orange"), lw=1.8, markersize=6, label="now, with its percentile")
    axes.set_xticks(x, [_cone_tick(row) for row in rows])
    axes.set_xlim(-0.12, len(rows) - 0.85)
    set_percent_scale(axes, np.append(quantiles.ravel(), latest))
    names = [{0.0: "lowest", 0.5: "median", 1.0: "highest"}.get(at, f"{100.0 * at:g} %") for at in shares]
    label_right(axes, quantiles[-1], [(name, ink("soft")) for name in names])
    add_legend(axes, ink, place="upper right")


def draw_forecasts(axes: Axes, ink: Colour, document: Mapping[str, Any]) -> None:
    """Each model and their median by sessions ahead, beside India VIX and the listed expiries."""
    rows = [row for row in document["forecasts"] if row["median"] is not None]
    if not rows:
        reasons = sorted({why for row in document["forecasts"] for why in row["left_out"].values()})
        say_instead(axes, ink, f"no model gave a forecast: {'; '.join(reasons)}")
        return
    x = [row["sessions"] for row in rows]
    by_model = {name: percents(row["models"][name] for row in rows) for name in rows[0]["models"]}
    for colour, (name, levels) in zip(MODEL_COLOURS, by_model.items(), strict=True):
        if np.isfinite(levels).any():
            axes.plot(x, levels, "o-", color=ink(colour), lw=1.1, markersize=3, label=name)
    median = percents(row["median"] for row in rows)
    axes.plot(x, median, "o-", color=ink("ink"), lw=2.4, markersize=5, label="median: the forecast")
    shown = [median, *by_model.values()]
    premium, chain = document["premium"], document["chain"]
    if premium["missing"] is None:
        level = 100.0 * premium["implied"]
        axes.plot([premium["sessions"]], [level], "D", color=ink("orange"), markersize=8,
                  label="implied: India VIX", zorder=4)  # fmt: skip
        shown.append(np.array([level]))
    if chain is not None:
        known = [
            row
            for row in chain["expiries"]
            if row["implied"] is not None and 0.0 < row["sessions"] <= FORECAST_SESSIONS_SHOWN
        ]
        implied = percents(row["implied"] for row in known)
        axes.plot([row["sessions"] for row in known], implied, "s--", color=ink("orange"), lw=1.5,
                  markersize=5, label="implied: listed expiries")  # fmt: skip
        x = [*x, *(row["sessions"] for row in known)]
        shown.append(implied)
    axes.set_xscale("log")
    ticks = sorted({1, 2, 5, 10, 21, *([42, 63] if max(x) > 30.0 else [])})
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlim(0.9 * min(x), 1.15 * max(x))
    set_heights(axes, np.concatenate(shown), least=2.0, head=0.5)
    add_legend(axes, ink, columns=2, place="upper right")


def draw_spreads(axes: Axes, ink: Colour, days: Sequence[SignalDay], limits: IvRvSettings) -> None:
    """India VIX less the month's forecast after each session, over the thresholds of the signal."""
    spread = percents(day.spread for day in days)
    if not np.isfinite(spread).any():
        say_instead(axes, ink, "no session has both an India VIX and a forecast")
        return
    x = [day_number(day.day) for day in days]
    set_heights(axes, np.append(spread, [100.0 * limits.full_spread_min, 100.0 * limits.neutral_spread_min]))
    low, high = axes.get_ylim()
    bounds = (
        (100.0 * limits.full_spread_min, high, "gain", "SELL_FULL from"),
        (100.0 * limits.reduced_spread_min, None, "gain", "SELL_REDUCED from"),
        (100.0 * limits.neutral_spread_min, low, "loss", "AVOID below"),
    )
    for level, edge, colour, _ in bounds:
        if edge is not None:
            axes.axhspan(level, edge, color=ink(colour), alpha=0.08, linewidth=0)
        axes.axhline(level, color=ink(colour), lw=1.0, linestyle=(0, (4, 3)))
    names = [(f"{name} {number_text(level, 1)}", ink(colour)) for level, _, colour, name in bounds]
    label_right(axes, np.array([level for level, *_ in bounds]), names)
    axes.plot(x, spread, color=ink("ink"), lw=1.2)
    if days[-1].spread is not None:
        axes.plot(x[-1:], spread[-1:], "o", color=ink("orange"), markersize=7, zorder=4, clip_on=False)
    set_dates(axes, days[0].day, days[-1].day)


def spread_title(signal: Mapping[str, Any]) -> str:
    """The last spread, its z and its signal in words."""
    title = "India VIX less the month's forecast, points"
    if signal["missing"] is not None or signal["spread"] is None:
        return title
    spread = number_text(100.0 * signal["spread"], 2, is_signed=True)
    return f"{title}: {spread}, z {number_text(signal['z'])}, {signal['signal']}"


def draw_rank(axes: Axes, ink: Colour, vix: Mapping[str, Any], bars: Sequence[DailyBar]) -> None:
    """India VIX over the sessions of its rank, with their lowest and highest."""
    if vix["missing"] is not None:
        say_instead(axes, ink, vix["missing"])
        return
    recent = bars[-1 - RANK_SESSIONS :]
    x, levels = [day_number(bar.day) for bar in recent], np.array([bar.close for bar in recent])
    low, high = float(levels[:-1].min()), float(levels[:-1].max())
    axes.fill_between(x, levels, low, color=ink("blue"), alpha=0.10, linewidth=0)
    axes.plot(x, levels, color=ink("blue"), lw=1.4)
    for level in (low, high):
        axes.axhline(level, color=ink("muted"), lw=1.0, linestyle=(0, (4, 3)))
    axes.plot(x[-1:], levels[-1:], "o", color=ink("orange"), markersize=7, zorder=4, clip_on=False,
              label=f"{recent[-1].day}: {number_text(float(levels[-1]))}")  # fmt: skip
    set_heights(axes, levels, head=0.15)
    names = [(f"{name} {number_text(at)}", ink("soft")) for name, at in (("lowest", low), ("highest", high))]
    label_right(axes, np.array([low, high]), names)
    set_dates(axes, recent[0].day, recent[-1].day)
    add_legend(axes, ink)


def rank_title(vix: Mapping[str, Any]) -> str:
    """Level, rank and percentile in words."""
    if vix["level"] is None or vix["missing"] is not None:
        return "Rank of India VIX"
    return (
        f"India VIX {number_text(vix['level'])} %: rank {number_text(vix['rank'], 0)}, percentile "
        f"{number_text(vix['percentile'], 0)} of {vix['sessions']} sessions"
    )


def draw_term(axes: Axes, ink: Colour, chain: Mapping[str, Any]) -> None:
    """At-the-money volatility of the expiries, forward volatility between them, constant maturities."""
    listed = [row for row in chain["expiries"] if row["atm_iv"] is not None and row["days"]]
    if not listed:
        say_instead(axes, ink, "no expiry has an at-the-money volatility")
        return
    days = [row["days"] for row in listed]
    iv = percents(row["atm_iv"] for row in listed)
    steps = chain["term"]["forwards"]
    ahead = percents(step["iv"] for step in steps)
    for number, (step, level) in enumerate(zip(steps, ahead, strict=True)):
        name = "forward, between two expiries" if number == 0 else None
        ends = [step["from_days"], step["to_days"]]
        axes.plot(ends, [level, level], color=ink("violet"), lw=1.6, alpha=0.75, label=name)
    axes.plot(days, iv, "o-", color=ink("blue"), lw=1.6, markersize=5, label="at the money, listed expiries")
    fixed = [point for point in chain["term"]["points"] if point["iv"] is not None]
    axes.plot([point["days"] for point in fixed], percents(point["iv"] for point in fixed), "o",
              color=ink("surface"), markeredgecolor=ink("orange"), markeredgewidth=1.8, markersize=9,
              zorder=3, label="constant maturity")  # fmt: skip
    axes.set_xscale("log")
    ticks = [day for day in ROUND_DAYS if 0.7 * min(days) <= day <= 1.3 * max(days)]
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.set_xlim(0.85 * min(days), 1.15 * max(days))
    set_heights(axes, np.concatenate((iv, ahead)))
    add_legend(axes, ink)


def draw_premium(axes: Axes, ink: Colour, chain: Mapping[str, Any]) -> None:
    """Implied against forecast up to each expiry, the spread written above."""
    rows = [row for row in chain["expiries"] if row["spread"] is not None]
    if not rows:
        reasons = sorted({row["missing"] for row in chain["expiries"]})
        say_instead(axes, ink, "; ".join(reasons[:2]))
        return
    x = np.arange(len(rows))
    implied, forecast = (percents(row[name] for row in rows) for name in ("implied", "forecast"))
    for i, row in enumerate(rows):
        colour = "gain" if row["spread"] >= 0.0 else "loss"
        axes.plot([x[i], x[i]], [implied[i], forecast[i]], color=ink(colour), lw=3.0, alpha=0.55, zorder=1)
        axes.annotate(
            number_text(100.0 * row["spread"], 1, is_signed=True), (x[i], max(implied[i], forecast[i])),
            (0, 8), textcoords="offset points", ha="center", color=ink(colour),
        )  # fmt: skip
    axes.plot(x, implied, "o", color=ink("blue"), markersize=7, label="implied", zorder=2)
    axes.plot(x, forecast, "D", color=ink("orange"), markersize=6, label="forecast, median", zorder=2)
    axes.set_xticks(x, [f"{date.fromisoformat(row['expiry']):%d %b}\n{row['sessions']:.1f}" for row in rows])
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_xlabel("expiry, and the sessions of variance left to it", color=ink("soft"), fontsize=SMALL_PT)
    set_heights(axes, np.concatenate((implied, forecast)), room=0.18)
    add_legend(axes, ink)


def _cone_tick(row: Mapping[str, Any]) -> str:
    if row["latest"] is None:
        return f"{row['window']} sessions"
    return f"{row['window']} sessions\n{percent_text(row['latest'])}, {number_text(row['percentile'], 0)}"
