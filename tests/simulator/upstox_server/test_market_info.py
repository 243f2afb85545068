"""Holidays, hours and the exchange's word, from the calendar."""

from __future__ import annotations

from datetime import datetime, time

import pytest

from tests.simulator.upstox_server.desk import START, open_desk


def test_a_full_closure_closes_every_exchange() -> None:
    """Republic Day."""
    with open_desk() as desk:
        (row,) = desk.data("/v2/market/holidays/2026-01-26")
    assert row["holiday_type"] == "TRADING_HOLIDAY" and row["open_exchanges"] == []
    assert set(row["closed_exchanges"]) >= {"NSE", "NFO"}


def test_a_holiday_by_type_may_be_an_open_day() -> None:
    """New Year's Day is listed, and closes nothing: only the exchanges named decide."""
    with open_desk() as desk:
        rows = {row["date"]: row for row in desk.data("/v2/market/holidays")}
        assert desk.data("/v2/market/holidays/2026-09-16") == []
    row = rows["2026-01-01"]
    assert (row["holiday_type"], row["closed_exchanges"]) == ("TRADING_HOLIDAY", [])
    assert row["open_exchanges"][0] == {
        "exchange": "NSE",
        "start_time": 1767239100000,
        "end_time": 1767261600000,
    }
    assert len(rows) > 10


def test_hours_of_a_day_are_those_of_the_calendar() -> None:
    """Closing at 15:40 since August 2026; a Sunday has none."""
    with open_desk() as desk:
        desk.http.headers["authorization"] = ""
        rows = {row["exchange"]: row for row in desk.data("/v2/market/timings/2026-09-16")}
        assert desk.data("/v2/market/timings/2026-09-20") == []
        assert desk.refused(desk.get("/v2/market/timings/tomorrow")) == (400, "UDAPI1088")
    ends = START.replace(hour=15, minute=40)
    assert rows["NFO"]["end_time"] == int(ends.timestamp()) * 1000


@pytest.mark.parametrize(
    ("clock", "word"),
    [
        ("08:59:59", "NORMAL_CLOSE"),
        ("09:00:00", "PRE_OPEN_START"),
        ("09:08:00", "PRE_OPEN_END"),
        ("09:15:00", "NORMAL_OPEN"),
        ("15:39:59", "NORMAL_OPEN"),
        ("15:40:00", "CLOSING_START"),
        ("16:00:00", "CLOSING_END"),
    ],
)
def test_the_word_of_the_exchange_follows_the_clock(clock: str, word: str) -> None:
    """For every exchange and every segment alike."""
    at = datetime.combine(START.date(), time.fromisoformat(clock), tzinfo=START.tzinfo)
    with open_desk(at=at) as desk:
        data = desk.data("/v2/market/status/NFO")
        assert data == {"exchange": "NFO", "status": word, "last_updated": int(at.timestamp()) * 1000}
        assert set(desk.core.segment_status().values()) == {word} and len(desk.core.segment_status()) == 11


def test_exchanges_are_named_in_capitals() -> None:
    """Anything else is refused; the call needs a token."""
    with open_desk() as desk:
        assert desk.refused(desk.get("/v2/market/status/nfo")) == (400, "UDAPI1089")
        desk.http.headers["authorization"] = ""
        assert desk.refused(desk.get("/v2/market/status/NFO")) == (401, "UDAPI100050")


def test_a_holiday_is_closed_all_day() -> None:
    """On a Sunday nothing is open."""
    with open_desk(at=START.replace(day=20)) as desk:
        assert desk.data("/v2/market/status/NSE")["status"] == "NORMAL_CLOSE"
