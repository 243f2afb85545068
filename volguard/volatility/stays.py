"""How long each state of a daily series stood, how often it came, and where volatility was meanwhile.

States are regimes or signals, one per session. India VIX is in percent; "realised after" is the volatility
of the sessions that followed, so that a state is held against what came of it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby, pairwise
from statistics import fmean, median
from typing import Final, TypedDict

import numpy as np

from volguard.model.market import DailyBar
from volguard.volatility.rank import percentile_of
from volguard.volatility.realized import SESSIONS_PER_YEAR
from volguard.volatility.regime_history import RANK_SESSIONS

AFTER_SESSIONS: Final = 21  # as many as the 30 days of India VIX hold


@dataclass(frozen=True, slots=True, kw_only=True)
class VixDay:
    """India VIX at one close, percent; changes relative; None where the history does not reach.

    `percentile` among the RANK_SESSIONS closes before; `realised_after` in percent per 252 sessions.
    """

    level: float
    percentile: float | None
    change_1_session: float | None
    change_5_sessions: float | None
    realised_after: float | None

    @property
    def is_above_realised(self) -> bool | None:
        """Whether the index then moved less than India VIX had said; None while that is not known."""
        return None if self.realised_after is None else self.level > self.realised_after


@dataclass(frozen=True, slots=True, kw_only=True)
class StateDay:
    """The state after one session's close; None: none could be told."""

    day: date
    state: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StateRow:
    """One state over the sessions asked for; shares in [0, 1], None where there is nothing to divide by.

    `arrivals` counts the changes into it; a stay that the first or last session cuts counts with its part.
    `above_high` and `below_low`: share of its sessions with India VIX beyond that percentile of its past.
    `agreement`: share of its sessions on which India VIX says the same, None for a state it cannot judge.
    """

    state: str
    sessions: int
    share: float
    arrivals: int
    arrivals_per_year: float
    stay_mean: float | None
    stay_max: int
    vix_mean: float | None
    vix_median: float | None
    above_high: float | None
    below_low: float | None
    agreement: float | None
    realised_after: float | None
    above_realised: float | None


class Levels(TypedDict):
    """The part of a row that tells where volatility was."""

    sessions: int
    vix_mean: float | None
    vix_median: float | None
    realised_after: float | None
    above_realised: float | None


Agrees = Callable[[VixDay], bool | None]


def vix_days(vix: Sequence[DailyBar], index: Sequence[DailyBar]) -> dict[date, VixDay]:
    """India VIX of each session beside its own past and what the index did after it."""
    level = np.array([bar.close for bar in vix])
    after = _realised_after(index)
    return {
        bar.day: VixDay(
            level=bar.close,
            percentile=percentile_of(bar.close, level[i - RANK_SESSIONS : i]) if i >= RANK_SESSIONS else None,
            change_1_session=float(level[i] / level[i - 1]) - 1.0 if i >= 1 else None,
            change_5_sessions=float(level[i] / level[i - 5]) - 1.0 if i >= 5 else None,
            realised_after=after.get(bar.day),
        )
        for i, bar in enumerate(vix)
    }


def transitions(days: Sequence[StateDay], first: date) -> tuple[tuple[str, str], ...]:
    """The changes between two known states on sessions from `first` on, as (before, after)."""
    return tuple(
        (before.state, after.state)
        for before, after in pairwise(days)
        if after.day >= first
        and before.state is not None
        and after.state is not None
        and before.state != after.state
    )


def state_rows(
    days: Sequence[StateDay],
    names: Sequence[str],
    first: date,
    vix: Mapping[date, VixDay],
    *,
    low: float,
    high: float,
    agrees: Mapping[str, Agrees],
) -> tuple[StateRow, ...]:
    """One row per name, in their order, over the sessions from `first` on; `low`, `high` are percentiles."""
    inside = [one for one in days if one.day >= first]
    entered = Counter(after for _, after in transitions(days, first))
    lengths: dict[str | None, list[int]] = {}
    for state, group in groupby(inside, key=lambda one: one.state):
        lengths.setdefault(state, []).append(len(list(group)))
    return tuple(
        StateRow(
            state=name,
            arrivals=entered[name],
            arrivals_per_year=SESSIONS_PER_YEAR * entered[name] / len(inside) if inside else 0.0,
            stay_mean=fmean(lengths[name]) if name in lengths else None,
            stay_max=max(lengths.get(name, ()), default=0),
            share=sum(lengths.get(name, ())) / len(inside) if inside else 0.0,
            agreement=share_of(seen, agrees[name]) if name in agrees else None,
            above_high=share_of(seen, lambda one: _beyond(one.percentile, high, above=True)),
            below_low=share_of(seen, lambda one: _beyond(one.percentile, low, above=False)),
            **_levels(seen),
        )
        for name in names
        for seen in [[vix[one.day] for one in inside if one.state == name]]
    )


def _levels(seen: Sequence[VixDay]) -> Levels:
    levels = [one.level for one in seen]
    realised = [one.realised_after for one in seen if one.realised_after is not None]
    return {
        "sessions": len(seen),
        "vix_mean": fmean(levels) if levels else None,
        "vix_median": median(levels) if levels else None,
        "realised_after": fmean(realised) if realised else None,
        "above_realised": share_of(seen, lambda one: one.is_above_realised),
    }


def share_of(seen: Sequence[VixDay], holds: Agrees) -> float | None:
    """Share of the sessions on which it holds, of those on which that is known; None without any."""
    known = [said for one in seen if (said := holds(one)) is not None]
    return sum(known) / len(known) if known else None


def _beyond(percentile: float | None, limit: float, *, above: bool) -> bool | None:
    if percentile is None:
        return None
    return percentile > limit if above else percentile < limit


def _realised_after(index: Sequence[DailyBar]) -> dict[date, float]:
    close = np.array([bar.close for bar in index])
    squares = np.log(close[1:] / close[:-1]) ** 2
    return {
        bar.day: 100.0 * math.sqrt(float(np.mean(squares[i : i + AFTER_SESSIONS])) * SESSIONS_PER_YEAR)
        for i, bar in enumerate(index)
        if i + AFTER_SESSIONS <= len(squares)
    }
