"""What the history of a session says of its day; a history of another day says nothing."""

from __future__ import annotations

from datetime import date

from volguard.engine.state import EngineSettings
from volguard.model.event import HistoryLoaded
from volguard.nse.rules import Rules
from volguard.volatility.outlook import Outlook, make_outlook


def outlook_of(history: HistoryLoaded, trading_date: date, settings: EngineSettings, rules: Rules) -> Outlook:
    """The outlook of a trading date. Raises DateNotCovered outside the calendar."""
    return make_outlook(
        history.index,
        history.vix,
        history.forecasts,
        session_before=rules.calendar.previous_trading_day(trading_date),
        sessions=settings.iv_rv.history_sessions,
    )
