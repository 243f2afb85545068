"""How often each IV-RV signal would have fired, year by year.

India VIX stands in for the 30-day implied volatility (label: vix_proxy); 30 calendar days hold 252 x 30 / 365
sessions on average, so that its volatility per year of 365 days and that per 252 sessions are one figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

import numpy as np

from volguard.model.market import DailyBar, FloatArray
from volguard.volatility.iv_rv import IvRvSettings, IvRvSignal, iv_rv_signal, spread_fall
from volguard.volatility.rank import z_score

HISTORY_SESSIONS_MIN: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalDay:
    """One session's signal; `is_falling`: AVOID for no other reason than a falling spread."""

    day: date
    implied: float
    forecast: float | None
    spread: float | None
    z: float | None
    signal: IvRvSignal
    is_falling: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalYear:
    """Sessions of one year by signal; `falling` of the AVOID sessions are so for a falling spread."""

    year: int
    sessions: int
    counts: Mapping[IvRvSignal, int]
    falling: int


def signal_history(
    vix: tuple[DailyBar, ...], forecasts: Mapping[date, float | None], settings: IvRvSettings
) -> tuple[SignalDay, ...]:
    """The signal after each VIX close (percent); `forecasts` per day, decimal per 252 sessions.

    z against the sessions before, at least HISTORY_SESSIONS_MIN of them; ABSTAIN without a forecast or a z.
    """
    implied = np.array([bar.close / 100.0 for bar in vix])
    expected = np.array([forecasts.get(bar.day) for bar in vix], dtype=np.float64)  # None becomes nan
    spread = implied - expected
    return tuple(_signal_day(bar.day, i, implied, expected, spread, settings) for i, bar in enumerate(vix))


def signals_by_year(days: Sequence[SignalDay]) -> tuple[SignalYear, ...]:
    """The table: one row per year, ascending."""
    years: list[SignalYear] = []
    for year, group in groupby(sorted(days, key=lambda d: d.day), key=lambda d: d.day.year):
        rows = list(group)
        counts = Counter(row.signal for row in rows)
        years.append(
            SignalYear(
                year=year,
                sessions=len(rows),
                counts={signal: counts[signal] for signal in IvRvSignal},
                falling=sum(row.is_falling for row in rows),
            )
        )
    return tuple(years)


def _signal_day(
    day: date,
    i: int,
    implied: FloatArray,
    expected: FloatArray,
    spread: FloatArray,
    settings: IvRvSettings,
) -> SignalDay:
    now = float(spread[i]) if np.isfinite(spread[i]) else None
    past = spread[max(0, i - settings.history_sessions) : i]
    enough = int(np.isfinite(past).sum()) >= HISTORY_SESSIONS_MIN
    z = z_score(now, past) if now is not None and enough else None
    signal = iv_rv_signal(now, z, spread_fall(now, spread[:i], settings), settings)
    is_falling = signal is IvRvSignal.AVOID and now is not None and now >= settings.neutral_spread_min
    return SignalDay(
        day=day,
        implied=float(implied[i]),
        forecast=float(expected[i]) if np.isfinite(expected[i]) else None,
        spread=now,
        z=z,
        signal=signal,
        is_falling=is_falling,
    )
