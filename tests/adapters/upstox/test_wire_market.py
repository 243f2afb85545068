"""The market's own facts: who is closed and who is open decides, not what a row is called."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import pytest

from tests.adapters.upstox.sample_texts import HOLIDAYS
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body
from volguard.adapters.upstox.wire_market import (
    HolidayRow,
    HoursRow,
    StatusData,
    holidays_of,
    hours_of,
)
from volguard.model.units import IST

NEW_YEAR, SPECIAL, REPUBLIC = date(2024, 1, 1), date(2024, 1, 20), date(2024, 1, 26)


def holidays(*more: dict[str, Any]) -> list[HolidayRow]:
    """The holidays of the reference, and more."""
    return data_of(success_body([*json.loads(HOLIDAYS), *more]), list[HolidayRow], endpoints.HOLIDAYS)


def test_a_trading_holiday_may_be_open() -> None:
    """New Year's Day is called a trading holiday and trades its ordinary hours."""
    found = holidays_of(holidays(), "NFO")
    assert found[NEW_YEAR].window == (
        datetime(2024, 1, 1, 9, 15, tzinfo=IST),
        datetime(2024, 1, 1, 15, 30, tzinfo=IST),
    )
    assert found[NEW_YEAR].description == "New Year's Day"


def test_a_closed_exchange_is_closed_and_a_special_session_has_its_hours() -> None:
    """A full closure has no hours; a Saturday's session has its own, and another exchange is closed then."""
    found = holidays_of(holidays(), "NFO")
    assert found[REPUBLIC].window is None
    assert found[SPECIAL].window == (
        datetime(2024, 1, 20, 9, 15, tzinfo=IST),
        datetime(2024, 1, 20, 12, 30, tzinfo=IST),
    )
    assert holidays_of(holidays(), "MCX")[SPECIAL].window is None


def test_a_day_that_does_not_name_an_exchange_says_nothing_of_it() -> None:
    """A settlement holiday closes no trading; a closed day with one session has that session."""
    quiet = {
        "date": "2024-04-01",
        "holiday_type": "SETTLEMENT_HOLIDAY",
        "closed_exchanges": [],
        "open_exchanges": [],
    }
    evening = {
        "date": "2024-11-01",
        "holiday_type": "TRADING_HOLIDAY",
        "closed_exchanges": ["NFO"],
        "open_exchanges": [{"exchange": "NFO", "start_time": "1730464200000", "end_time": "1730467800000"}],
    }
    found = holidays_of(holidays(quiet, evening), "NFO")
    assert date(2024, 4, 1) not in found
    assert found[date(2024, 11, 1)].window == (
        datetime(2024, 11, 1, 18, 0, tzinfo=IST),
        datetime(2024, 11, 1, 19, 0, tzinfo=IST),
    )
    assert found[date(2024, 11, 1)].description == ""


@pytest.mark.parametrize(
    "row",
    [
        {"exchange": "NFO", "start_time": 1704103200000, "end_time": 1704080700000},
        {"exchange": "NFO", "start_time": 1704080700000, "end_time": 1704080700000},
        {"exchange": "NFO", "start_time": 0, "end_time": 1704080700000},
        {"exchange": "NFO", "start_time": "open", "end_time": 1704080700000},
    ],
)
def test_hours_that_cannot_be_are_refused(row: dict[str, Any]) -> None:
    """Hours have a beginning, and end after it."""
    with pytest.raises(ApiFailure, match="timings: the answer cannot be read"):
        data_of(success_body([row]), list[HoursRow], endpoints.TIMINGS)


def test_a_holiday_without_a_date_is_refused() -> None:
    """A row of no day cannot be passed over: it may be today's."""
    with pytest.raises(ApiFailure, match="'someday' is not a time"):
        holidays({"date": "someday", "closed_exchanges": ["NFO"], "open_exchanges": []})


def test_the_hours_of_a_day() -> None:
    """An exchange that the timings do not name is closed; a closed day may be an empty list or null."""
    body = success_body([{"exchange": "NFO", "start_time": 1704080700000, "end_time": 1704103200000}])
    rows = data_of(body, list[HoursRow], endpoints.TIMINGS)
    assert hours_of(rows, "NFO") == (
        datetime(2024, 1, 1, 9, 15, tzinfo=IST),
        datetime(2024, 1, 1, 15, 30, tzinfo=IST),
    )
    assert hours_of(rows, "MCX") is None
    assert data_of(b'{"status":"success","data":null}', list[HoursRow], endpoints.TIMINGS) == []


@pytest.mark.parametrize(
    ("word", "is_open"),
    [
        ("NORMAL_OPEN", True),
        ("NORMAL_CLOSE", False),
        ("PRE_OPEN_START", False),
        ("CAS_STOP", False),
        ("PARTLY_CLOUDY", False),
    ],
)
def test_only_continuous_trading_is_open(word: str, is_open: bool) -> None:
    """A word that is not known is no open market."""
    body = success_body({"exchange": "NFO", "status": word, "last_updated": 1704080700000})
    told = data_of(body, StatusData, endpoints.MARKET_STATUS)
    assert told.is_open is is_open
    assert told.updated_at == datetime(2024, 1, 1, 9, 15, tzinfo=IST)
