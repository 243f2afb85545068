"""The regime that a session begins with is the one its history ended in."""

from __future__ import annotations

from datetime import date, timedelta

from tests.fakes import shipped
from tests.strategy.scenes import events_of
from tests.volatility.real_data import daily
from volguard.volatility.events import EventKind
from volguard.volatility.regime_history import regime_history, transition_odds
from volguard.volatility.regime_stand import RegimeStand, regime_stand

BEFORE = date(2025, 8, 28)
DAY = date(2025, 8, 29)
EVENTS = events_of()


def stand(before: date = BEFORE, trading_date: date = DAY, cut: date = BEFORE) -> RegimeStand:
    index, vix = (
        tuple(bar for bar in daily(name) if bar.day <= cut)[-600:] for name in ("nifty", "india_vix")
    )
    return regime_stand(
        index, vix, shipped().regimes, EVENTS, session_before=before, trading_date=trading_date
    )


def test_it_is_the_last_day_of_the_daily_history() -> None:
    index, vix = (tuple(bar for bar in daily(name) if bar.day <= BEFORE) for name in ("nifty", "india_vix"))
    days = regime_history(index[-600:], vix[-504:], shipped().regimes, {})[-252:]
    found = stand()
    assert (found.regime, found.sessions) == (days[-1].regime, days[-1].sessions_in_force)
    assert found.regime is not None
    odds = transition_odds([day.regime for day in days]).odds(found.regime)
    assert found.stays == (None if odds is None else odds[found.regime])


def test_a_history_that_ends_earlier_says_nothing() -> None:
    found = stand(cut=BEFORE - timedelta(days=1))
    assert (found.regime, found.sessions, found.stays) == (None, 0, None)


def test_whether_an_event_passed_is_known_only_inside_the_table() -> None:
    table = events_of((DAY, EventKind.FOMC))
    for events, expected in ((EVENTS, False), (table, True)):
        found = regime_stand((), (), shipped().regimes, events, session_before=BEFORE, trading_date=DAY)
        assert found.event_passed is expected
    late = date(2026, 1, 2)
    found = regime_stand(
        (), (), shipped().regimes, table, session_before=late - timedelta(days=1), trading_date=late
    )
    assert found.event_passed is None
