"""Which regime the last close left behind, for how long, and how likely it stays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from volguard.model.market import DailyBar
from volguard.volatility.event_calendar import EventTables, crush_days
from volguard.volatility.regime_history import RANK_SESSIONS, regime_history, transition_odds
from volguard.volatility.regimes import MarketRegime, RegimeSettings

SESSIONS_JUDGED: Final = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class RegimeStand:
    """The regime in force at the last close, `sessions` of it so far; None: none could be told.

    `stays`: chance that it is in force one session later, by its own past; None: no history of it.
    `event_passed`: whether a class A or B event fell on the trading date or since the session before.
    """

    regime: MarketRegime | None
    sessions: int
    stays: float | None
    event_passed: bool | None


NO_STAND: Final = RegimeStand(regime=None, sessions=0, stays=None, event_passed=None)


def regime_stand(
    index: tuple[DailyBar, ...],
    vix: tuple[DailyBar, ...],
    settings: RegimeSettings,
    events: EventTables,
    *,
    session_before: date,
    trading_date: date,
) -> RegimeStand:
    """Of the last SESSIONS_JUDGED sessions of history; a history of another day says nothing of regimes."""
    passed = crush_days(events, (session_before, trading_date)).get(trading_date)
    vix = vix[-(SESSIONS_JUDGED + RANK_SESSIONS) :]
    known = crush_days(events, [bar.day for bar in vix])
    days = regime_history(index, vix, settings, known)[-SESSIONS_JUDGED:]
    if not days or days[-1].day < session_before:
        return RegimeStand(regime=None, sessions=0, stays=None, event_passed=passed)
    last = days[-1]
    odds = None if last.regime is None else transition_odds([day.regime for day in days]).odds(last.regime)
    return RegimeStand(
        regime=last.regime,
        sessions=last.sessions_in_force,
        stays=None if odds is None or last.regime is None else odds.get(last.regime, 0.0),
        event_passed=passed,
    )
