"""Expired instruments of the look-alike."""

from __future__ import annotations

import pytest

from tests.simulator.upstox_server.desk import DAY, open_desk

BASE = "/v2/expired-instruments"
INDEX = "NSE_INDEX|Nifty 50"


@pytest.mark.parametrize("path", ["expiries", "option/contract", "future/contract"])
def test_expired_instruments_are_for_plus_alone(path: str) -> None:
    """An account without Plus is refused by a code of its own."""
    with open_desk(has_plus=False) as desk:
        reply = desk.get(f"{BASE}/{path}", instrument_key=INDEX, expiry_date="2026-09-08")
        assert desk.refused(reply)[1] == "UDAPI1149"


def test_expiries_lie_before_today_and_each_has_contracts() -> None:
    """Expiries are past dates in order; the contracts of one carry its date in their keys."""
    with open_desk(has_plus=True) as desk:
        days = desk.data(f"{BASE}/expiries", instrument_key=INDEX)
        rows = desk.data(f"{BASE}/option/contract", instrument_key=INDEX, expiry_date=days[-1])
        unknown = desk.data(f"{BASE}/option/contract", instrument_key=INDEX, expiry_date="2020-01-02")
    assert days and days == sorted(days) and days[-1] < DAY.isoformat()
    year, month, day = days[-1].split("-")
    assert rows and all(row["instrument_key"].endswith(f"|{day}-{month}-{year}") for row in rows)
    assert {row["instrument_type"] for row in rows} == {"CE", "PE"} and unknown == []


def test_candles_of_an_expired_option_come_newest_first() -> None:
    """Day candles of a contract end at its expiry and come newest first."""
    with open_desk(has_plus=True) as desk:
        days = desk.data(f"{BASE}/expiries", instrument_key=INDEX)
        rows = desk.data(f"{BASE}/option/contract", instrument_key=INDEX, expiry_date=days[-1])
        key = rows[len(rows) // 2]["instrument_key"]
        path = f"{BASE}/historical-candle/{key}/day/{days[-1]}/{days[-2]}"
        starts = [candle[0] for candle in desk.data(path)["candles"]]
    assert len(starts) > 1 and starts == sorted(starts, reverse=True)
    assert starts[0][:10] == days[-1]


@pytest.mark.parametrize(
    ("key", "interval", "first", "code"),
    [
        ("NSE_FO|1|08-09-2026", "week", "2026-09-01", "UDAPI1020"),
        ("NSE_FO|1", "day", "2026-09-01", "UDAPI1021"),
        ("NSE_FO|24500x|08-09-2026", "day", "2026-09-01", "UDAPI1021"),
        ("NSE_FO|245001|22-09-2026", "day", "2026-09-01", "UDAPI100011"),
        ("NSE_FO|245001|08-09-2026", "day", "2026-09-09", "UDAPI1015"),
        ("NSE_FO|245001|08-09-2026", "day", "soon", "UDAPI1015"),
    ],
)
def test_a_bad_question_for_candles_is_refused(key: str, interval: str, first: str, code: str) -> None:
    """Interval, key and dates are checked, each with its own code."""
    with open_desk(has_plus=True) as desk:
        reply = desk.get(f"{BASE}/historical-candle/{key}/{interval}/2026-09-08/{first}")
        assert desk.refused(reply) == (400, code)
