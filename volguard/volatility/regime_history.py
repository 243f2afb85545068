"""Regimes day by day over history, and how often each followed which.

Daily figures only: the implied level is India VIX (labelled vix_proxy by whoever shows it); VIX_SPIKE and
GAMMA_PIN live within a day and abstain here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from typing import Final

import numpy as np

from volguard.model.market import DailyBar, FloatArray
from volguard.volatility.rank import percentile_of
from volguard.volatility.regime import trend_series
from volguard.volatility.regimes import (
    NO_TRACK,
    MarketRegime,
    RegimeFigures,
    RegimeSettings,
    RegimeTrack,
    advance_regime,
    judge_regime,
)

RANK_SESSIONS: Final = 252
DAILY_DWELL_SESSIONS: Final = 1.0
DEPARTURES_MIN: Final = 20  # sessions in a regime below which its odds are not shown


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeDay:
    """One session's regime after dwell, how many sessions it has been in force, the figures behind it."""

    day: date
    regime: MarketRegime | None
    confidence: float
    sessions_in_force: int
    figures: RegimeFigures


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionOdds:
    """Sessions counted from regime to regime; `odds` abstains (None) below DEPARTURES_MIN sessions."""

    counts: Mapping[MarketRegime, Mapping[MarketRegime, int]]

    def sessions_in(self, regime: MarketRegime) -> int:
        """Sessions that began in a regime and had a next one."""
        return sum(self.counts.get(regime, {}).values())

    def odds(self, regime: MarketRegime) -> Mapping[MarketRegime, float] | None:
        """Probability of each regime one session later, summing to 1; None is "no history"."""
        total = self.sessions_in(regime)
        if total < DEPARTURES_MIN:
            return None
        return {after: count / total for after, count in self.counts[regime].items()}

    def expected_sessions(self, regime: MarketRegime) -> float | None:
        """Mean length of a stay: 1 / (1 - chance of staying); None without history, inf if it never ended."""
        odds = self.odds(regime)
        if odds is None:
            return None
        leave = 1.0 - odds.get(regime, 0.0)
        return 1.0 / leave if leave > 0.0 else math.inf


def regime_history(
    index: tuple[DailyBar, ...],
    vix: tuple[DailyBar, ...],
    settings: RegimeSettings,
    event_passed: Mapping[date, bool],
) -> tuple[RegimeDay, ...]:
    """One entry per session that has both an index and a VIX bar, ascending.

    `event_passed`: of each session, whether a class A or B event fell into it; not known of those left out.
    """
    trend = _trend_by_day(index)
    days = [bar.day for bar in vix]
    level = np.array([bar.close for bar in vix])
    out: list[RegimeDay] = []
    track: RegimeTrack = NO_TRACK
    for i, day in enumerate(days):
        if day not in trend:
            continue
        figures = _figures(level, i, trend[day], event_passed.get(day))
        judgement = judge_regime(figures, settings, track.regime)
        track = advance_regime(track, judgement, at=float(i), dwell=DAILY_DWELL_SESSIONS)
        out.append(
            RegimeDay(
                day=day,
                regime=track.regime,
                confidence=track.confidence,
                sessions_in_force=0 if track.regime is None else round(track.duration(i)) + 1,
                figures=figures,
            )
        )
    return tuple(out)


def transition_odds(regimes: Sequence[MarketRegime | None]) -> TransitionOdds:
    """Counts of what followed what; a session without a regime breaks the chain."""
    counts: dict[MarketRegime, dict[MarketRegime, int]] = {}
    for before, after in pairwise(regimes):
        if before is not None and after is not None:
            row = counts.setdefault(before, {})
            row[after] = row.get(after, 0) + 1
    return TransitionOdds(counts=counts)


def _trend_by_day(index: tuple[DailyBar, ...]) -> dict[date, tuple[float, float]]:
    known = [(bar, bar.high, bar.low) for bar in index if bar.high is not None and bar.low is not None]
    if not known:
        return {}
    high, low, close = np.array([(high, low, bar.close) for bar, high, low in known]).T
    series = trend_series(high, low, close)
    rows = zip(known, series.distance_atr.tolist(), series.adx.tolist(), strict=True)
    return {bar.day: (distance, adx) for (bar, _, _), distance, adx in rows}


def _figures(
    level: FloatArray, i: int, trend: tuple[float, float], event_passed: bool | None
) -> RegimeFigures:
    distance, adx = (value if math.isfinite(value) else None for value in trend)
    past = level[i - RANK_SESSIONS : i] if i >= RANK_SESSIONS else None
    return RegimeFigures(
        iv_percentile=None if past is None else percentile_of(float(level[i]), past),
        iv_change_5_sessions=float(level[i] / level[i - 5]) - 1.0 if i >= 5 else None,
        iv_change_1_session=float(level[i] / level[i - 1]) - 1.0 if i >= 1 else None,
        event_passed=event_passed,
        trend_distance_atr=distance,
        adx=adx,
    )
