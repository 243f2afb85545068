"""Which journal a run may continue, and when it may not."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.fakes import make_engine, session_started, shipped
from volguard.adapters.alerts import AlertSettings
from volguard.engine.state import State
from volguard.model.decision import Phase
from volguard.model.errors import UsageError
from volguard.wiring.session import SessionRequest, alerts_for, check_time
from volguard.wiring.sources import SourceRequest

JOURNAL = Path("upstox-2025-08-29-1.db")


def state_at(ts: datetime) -> State:
    """A session that has come so far."""
    return make_engine().step(State(), replace(session_started(), ts=ts)).state


def test_a_live_session_never_goes_on_with_a_clock_that_is_behind_its_journal() -> None:
    """Time would stand still, and what is held go unwatched: refused, with both times named."""
    ended = session_started().ts
    with pytest.raises(UsageError, match=r"upstox-2025-08-29-1.db goes to 09:15:00, the clock says 09:14:59"):
        check_time(JOURNAL, state_at(ended), ended - timedelta(seconds=1))


def test_a_later_clock_or_a_source_without_one_may_go_on() -> None:
    """A live market that is at or past its journal's end, a fresh journal, a recorded day: all go on."""
    ended = session_started().ts
    check_time(JOURNAL, state_at(ended), ended)
    check_time(JOURNAL, State(), ended - timedelta(hours=1))
    check_time(JOURNAL, state_at(ended), None)


@pytest.mark.parametrize(
    ("source", "is_called"),
    [
        (SourceRequest(), True),
        (SourceRequest(is_live=True), True),
        (SourceRequest(replay=Path("day.parquet")), False),
    ],
)
def test_nobody_is_called_for_a_day_that_is_over(source: SourceRequest, is_called: bool) -> None:
    """Live and simulated sessions page alike; a recorded one pages nobody."""
    page = AlertSettings(command=("page",), timeout_s=3.0)
    settings = replace(shipped(), alerts=page)
    request = SessionRequest(phase=Phase.SEMI_AUTO, source=source, speed=None, new_session=False)
    assert alerts_for(request, settings) == (page if is_called else replace(page, command=()))
