"""What the history of a session says of its day; a history of another day says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from volguard.engine.state import EngineSettings
from volguard.model.event import HistoryLoaded
from volguard.nse.rules import Rules
from volguard.volatility.outlook import Outlook, make_outlook
from volguard.volatility.positioning import NO_POSITIONS
from volguard.volatility.regime_stand import regime_stand


def outlook_of(history: HistoryLoaded, trading_date: date, settings: EngineSettings, rules: Rules) -> Outlook:
    """The outlook of a trading date. Raises DateNotCovered outside the calendar."""
    before = rules.calendar.previous_trading_day(trading_date)
    outlook = make_outlook(
        history.index,
        history.vix,
        history.forecasts,
        session_before=before,
        sessions=settings.iv_rv.history_sessions,
    )
    stand = regime_stand(
        history.index,
        history.vix,
        settings.regimes,
        settings.events,
        session_before=before,
        trading_date=trading_date,
    )
    return replace(outlook, stand=stand, foreign=history.foreign or NO_POSITIONS)
