"""What each regime and IV-RV signal did over years of daily history, held against India VIX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from itertools import groupby
from typing import Any, Final

from volguard.config.settings import Settings
from volguard.model.errors import DataError, UsageError
from volguard.operations.smile_view import known
from volguard.operations.vol_studies import signal_days
from volguard.operations.vol_view import DailyHistory, regimes_of
from volguard.volatility.iv_rv import IvRvSignal
from volguard.volatility.realized import SESSIONS_PER_YEAR
from volguard.volatility.regime_history import DAILY_DWELL_SESSIONS, RegimeDay
from volguard.volatility.regimes import (
    NO_TRACK,
    MarketRegime,
    RegimeSettings,
    RegimeTrack,
    advance_regime,
    judge_regime,
)
from volguard.volatility.stays import (
    AFTER_SESSIONS,
    Agrees,
    StateDay,
    StateRow,
    VixDay,
    state_rows,
    transitions,
    vix_days,
)

REGIMES_SCHEMA: Final = "volguard.vol_regimes/1"


def regimes_document(
    history: DailyHistory, settings: Settings, first: date, progress: Callable[[str], None]
) -> dict[str, Any]:
    """Time in each regime and signal from `first` on, changes per year, length of stay, India VIX meanwhile.

    India VIX stands in for the implied volatility. Raises DataError without it, UsageError when no session
    lies between.
    """
    if not history.vix:
        raise DataError(
            f"{history.origin}: no daily history of INDIA_VIX",
            hint="put india_vix_daily.csv, .csv.gz or .parquet there, or give --history DIR",
        )
    days = regimes_of(history, settings)
    inside = [day for day in days if day.day >= first]
    if not inside:
        raise UsageError(f"--from was {first}, the history of regimes ends on {history.vix[-1].day}")
    vix = vix_days(history.vix, history.index)
    limits = settings.regimes
    return {
        "schema": REGIMES_SCHEMA,
        "underlying": history.name,
        "implied_by": "vix_proxy",
        "first": inside[0].day.isoformat(),
        "last": inside[-1].day.isoformat(),
        "sessions": len(inside),
        "left_out": sum(bar.day >= first for bar in history.vix) - len(inside),
        "without_regime": sum(day.regime is None for day in inside),
        "vix_percentiles": {"low": limits.low_percentile, "high": limits.high_percentile},
        "after_sessions": AFTER_SESSIONS,
        "regimes": _regimes(days, vix, limits, first),
        "changes": _changes(days, limits, first),
        "years": _years(inside, first, days),
        "signals": _signals(history, settings, first, vix, progress),
    }


def _regimes(
    days: Sequence[RegimeDay], vix: Mapping[date, VixDay], limits: RegimeSettings, first: date
) -> list[dict[str, Any]]:
    rows = state_rows(
        _states(days),
        list(MarketRegime),
        first,
        vix,
        low=limits.low_percentile,
        high=limits.high_percentile,
        agrees=_agreements(limits),
    )
    judged, missing = _judged([day for day in days if day.day >= first], limits)
    return [
        _row(row)
        | {
            "judged": judged[row.state],
            "agreement_is": _AGREEMENT_TEXTS.get(row.state),
            "missing": None if judged[row.state] else missing.get(row.state),
        }
        for row in rows
    ]


def _signals(
    history: DailyHistory,
    settings: Settings,
    first: date,
    vix: Mapping[date, VixDay],
    progress: Callable[[str], None],
) -> dict[str, Any]:
    days = [StateDay(day=d.day, state=d.signal) for d in signal_days(history, settings, first, progress)]
    inside = [one.day for one in days if one.day >= first]
    low, high = settings.regimes.low_percentile, settings.regimes.high_percentile
    rows = state_rows(days, list(IvRvSignal), first, vix, low=low, high=high, agrees={})
    return {
        "forecast_by": "median of the models",
        "first": inside[0].isoformat(),
        "last": inside[-1].isoformat(),
        "sessions": len(inside),
        "rows": [_row(row) for row in rows],
        "changes": _per_year(days, first),
    }


def _row(row: StateRow) -> dict[str, Any]:
    whole = ("state", "sessions", "arrivals", "stay_max")
    return {name: value if name in whole else known(value) for name, value in asdict(row).items()}


# On how many sessions each rule had its figures, and what it missed on the last of the others.
def _judged(days: Sequence[RegimeDay], limits: RegimeSettings) -> tuple[Counter[str], dict[str, str]]:
    judged: Counter[str] = Counter()
    missing: dict[str, str] = {}
    for day in days:
        judgement = judge_regime(day.figures, limits)
        judged[MarketRegime.NEUTRAL] += judgement.regime is not None
        for reading in judgement.readings:
            if reading.missing is None:
                judged[reading.regime] += 1
            else:
                missing[reading.regime] = reading.missing
    return judged, missing


_AGREEMENT_TEXTS: Final[Mapping[str, str]] = {
    MarketRegime.HIGH_VOL: "India VIX above its high percentile",
    MarketRegime.LOW_VOL: "India VIX below its low percentile",
    MarketRegime.RISING: "India VIX up over 5 sessions by the rule's share",
    MarketRegime.FALLING: "India VIX down over 5 sessions by the rule's share",
    MarketRegime.EVENT_CRUSH: "India VIX down over 1 session by the rule's share",
}


def _agreements(limits: RegimeSettings) -> dict[str, Agrees]:
    def holds(value: float | None, limit: float, *, above: bool) -> bool | None:
        if value is None:
            return None
        return value > limit if above else value < limit

    change, crush = limits.five_session_change, limits.crush_change
    return {
        MarketRegime.HIGH_VOL: lambda one: holds(one.percentile, limits.high_percentile, above=True),
        MarketRegime.LOW_VOL: lambda one: holds(one.percentile, limits.low_percentile, above=False),
        MarketRegime.RISING: lambda one: holds(one.change_5_sessions, change, above=True),
        MarketRegime.FALLING: lambda one: holds(one.change_5_sessions, -change, above=False),
        MarketRegime.EVENT_CRUSH: lambda one: holds(one.change_1_session, -crush, above=False),
    }


def _changes(days: Sequence[RegimeDay], limits: RegimeSettings, first: date) -> dict[str, Any]:
    return {
        "dwell_sessions": DAILY_DWELL_SESSIONS,
        "exit_margin": limits.exit_margin,
        "in_force": _per_year(_states(days), first),
        "without_dwell": _per_year(_tracked(days, limits), first),
        "without_dwell_and_exit_margin": _per_year(_tracked(days, replace(limits, exit_margin=0.0)), first),
    }


# The same figures judged again with every change at once.
def _tracked(days: Sequence[RegimeDay], limits: RegimeSettings) -> list[StateDay]:
    track: RegimeTrack = NO_TRACK
    out = []
    for i, day in enumerate(days):
        judgement = judge_regime(day.figures, limits, track.regime)
        track = advance_regime(track, judgement, at=float(i), dwell=0.0)
        out.append(StateDay(day=day.day, state=track.regime))
    return out


def _per_year(days: Sequence[StateDay], first: date) -> dict[str, Any]:
    count = len(transitions(days, first))
    sessions = sum(one.day >= first for one in days)
    return {"count": count, "per_year": known(SESSIONS_PER_YEAR * count / sessions) if sessions else None}


def _years(inside: Sequence[RegimeDay], first: date, days: Sequence[RegimeDay]) -> list[dict[str, Any]]:
    every = _states(days)
    years = []
    for year, group in groupby(inside, key=lambda one: one.day.year):
        rows = list(group)
        counts = Counter(row.regime for row in rows)
        upto = [one for one in every if one.day <= rows[-1].day]
        years.append(
            {
                "year": year,
                "sessions": len(rows),
                "changes": len(transitions(upto, max(first, rows[0].day))),
                "counts": {regime.value: counts[regime] for regime in MarketRegime},
            }
        )
    return years


def _states(days: Sequence[RegimeDay]) -> list[StateDay]:
    return [StateDay(day=day.day, state=day.regime) for day in days]
