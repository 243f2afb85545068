"""Candles of days gone by, of the day so far, and of expired options."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from tests.fakes import NIFTY
from tests.simulator.upstox_server.desk import API, CALL, DAY, SPOT, Bars, Desk, fair, open_desk, shot
from volguard.simulator.upstox_server.options import Caps

INDEX, VIX = "NSE_INDEX|Nifty 50", "NSE_INDEX|India VIX"
HISTORY = {bar.day: bar for bar in Bars().daily(NIFTY, DAY)}


def candles(desk: Desk, path: str) -> list[list[Any]]:
    found: list[list[Any]] = desk.data(path)["candles"]
    return found


def test_days_come_newest_first_and_never_today() -> None:
    """The history's own bars."""
    with open_desk() as desk:
        rows = candles(desk, f"/v3/historical-candle/{INDEX}/days/1/2026-09-16/2026-09-11")
    days = [datetime.fromisoformat(row[0]) for row in rows]
    assert [day.date().day for day in days] == [15, 14, 11]
    assert rows[0][0] == "2026-09-15T00:00:00+05:30"
    bar = HISTORY[date(2026, 9, 15)]
    assert rows[0][1:] == [bar.open, bar.high, bar.low, bar.close, 0, 0]


def test_weeks_and_months_gather_days() -> None:
    """A week begins on its Monday, a month on its first; extremes over all, close of the last."""
    with open_desk() as desk:
        weeks = candles(desk, f"/v3/historical-candle/{INDEX}/weeks/1/2026-09-11/2026-08-31")
        months = candles(desk, f"/v3/historical-candle/{INDEX}/months/1/2026-08-31/2026-08-01")
    assert [row[0][:10] for row in weeks] == ["2026-09-07", "2026-08-31"]
    bars = [bar for day, bar in sorted(HISTORY.items()) if date(2026, 9, 7) <= day <= date(2026, 9, 11)]
    assert weeks[0][1] == bars[0].open and weeks[0][4] == bars[-1].close
    assert weeks[0][2] == max(bar.high for bar in bars if bar.high is not None)
    assert [row[0][:10] for row in months] == ["2026-08-01"]


def test_minutes_of_a_day_gone_by_keep_the_days_own_prices() -> None:
    """From its open over its extremes to its close; hours begin at 09:15."""
    bar = HISTORY[date(2026, 9, 15)]
    with open_desk() as desk:
        minutes = candles(desk, f"/v3/historical-candle/{INDEX}/minutes/1/2026-09-15/2026-09-15")
        hours = candles(desk, f"/v3/historical-candle/{INDEX}/hours/1/2026-09-15/2026-09-15")
        fives = candles(desk, f"/v3/historical-candle/{VIX}/minutes/5/2026-09-15/2026-09-15")
    assert len(minutes) == 385 and len(fives) == 77
    assert minutes[-1][0] == "2026-09-15T09:15:00+05:30" == hours[-1][0]
    assert (minutes[-1][1], minutes[0][4]) == (bar.open, bar.close)
    assert max(row[2] for row in minutes) == bar.high and min(row[3] for row in minutes) == bar.low
    assert all(low <= min(o, c) and high >= max(o, c) for _, o, high, low, c, *_ in minutes)


def test_an_option_has_a_modelled_past() -> None:
    """On the tick, above nothing; with volume and interest."""
    with open_desk() as desk:
        rows = candles(desk, f"/v3/historical-candle/{desk.key(CALL)}/days/1/2026-09-15/2026-09-07")
    assert len(rows) >= 5
    for _, opened, high, low, close, volume, oi in rows:
        assert 0.05 <= low <= min(opened, close) <= max(opened, close) <= high
        assert round(close * 20) == pytest.approx(close * 20) and volume % 65 == 0 and oi >= 0


def test_the_day_so_far() -> None:
    """Each minute in which something was seen; a day is one candle."""
    shots = [shot(15.0 * n, spot=SPOT + n) for n in range(10)]
    with open_desk(*shots) as desk:
        desk.wait(135.0)
        rows = candles(desk, f"/v3/historical-candle/intraday/{INDEX}/minutes/1")
        whole = candles(desk, f"/v3/historical-candle/intraday/{INDEX}/days/1")
        option = candles(desk, f"/v2/historical-candle/intraday/{desk.key(CALL)}/1minute")
    assert [row[0][11:16] for row in rows] == ["10:02", "10:01", "10:00"]
    assert rows[-1][1:5] == [SPOT, SPOT + 3, SPOT, SPOT + 3]
    assert whole == [["2026-09-16T00:00:00+05:30", SPOT, SPOT + 9, SPOT, SPOT + 9, 0, 0]]
    assert option[-1][1] == fair(CALL) and option[0][5] == 65 * 2


def test_old_routes_answer_too() -> None:
    """v2 by its own words of intervals."""
    with open_desk() as desk:
        new = candles(desk, f"/v3/historical-candle/{INDEX}/days/1/2026-09-15/2026-09-10")
        assert candles(desk, f"/v2/historical-candle/{INDEX}/day/2026-09-15/2026-09-10") == new
        assert candles(desk, f"/v2/historical-candle/{INDEX}/week/2026-09-15")
        wrong = desk.get(f"/v2/historical-candle/{INDEX}/5minute/2026-09-15")
        assert desk.refused(wrong) == (400, "UDAPI1020")
        wrong = desk.get(f"/v2/historical-candle/intraday/{INDEX}/day")
        assert desk.refused(wrong) == (400, "UDAPI1076")


@pytest.mark.parametrize(
    ("tail", "code"),
    [
        ("years/1/2026-09-15", "UDAPI1146"),
        ("minutes/0/2026-09-15", "UDAPI1147"),
        ("minutes/301/2026-09-15", "UDAPI1147"),
        ("days/2/2026-09-15", "UDAPI1147"),
        ("days/1/15-09-2026", "UDAPI1015"),
        ("days/1/2026-09-14/2026-09-15", "UDAPI1015"),
        ("minutes/1/2026-09-15/2026-08-01", "UDAPI1148"),
        ("minutes/30/2026-09-15/2026-05-01", "UDAPI1148"),
        ("hours/1/2026-09-15/2026-05-01", "UDAPI1148"),
        ("days/1/2026-09-15/2010-01-01", "UDAPI1148"),
        ("minutes/1/2021-06-15/2021-06-10", "UDAPI1148"),
    ],
)
def test_spans_and_intervals_have_limits(tail: str, code: str) -> None:
    """A month of short minutes, a quarter of long ones and hours, a decade of days."""
    with open_desk() as desk:
        assert desk.refused(desk.get(f"/v3/historical-candle/{INDEX}/{tail}")) == (400, code)


def test_keys_of_candles_are_checked_and_no_token_is_asked() -> None:
    """An expired key on the live route is of a wrong form, one that is not listed is unknown."""
    with open_desk() as desk:
        desk.http.headers["authorization"] = ""
        tail = "days/1/2026-09-15/2026-09-10"
        for key, code in (
            ("NSE_FO|245001|15-09-2026", "UDAPI1021"),
            ("NIFTY", "UDAPI1021"),
            ("NSE_FO|7", "UDAPI100011"),
        ):
            assert desk.refused(desk.get(f"/v3/historical-candle/{key}/{tail}")) == (400, code)
            assert desk.get(f"/v3/historical-candle/intraday/{key}/minutes/1").status_code == 400
        assert candles(desk, f"/v3/historical-candle/{INDEX}/days/1/1999-01-05/1999-01-04") == []


EXPIRED = "/v2/expired-instruments"


def test_expired_instruments_want_plus() -> None:
    """1149 without it, at the status that is set."""
    with open_desk(plus_status=400) as desk:
        for path in ("/expiries", "/option/contract", "/future/contract"):
            reply = desk.get(EXPIRED + path, instrument_key=INDEX, expiry_date="2026-09-15")
            assert desk.refused(reply) == (400, "UDAPI1149")
    with open_desk(caps=Caps()) as desk:
        assert desk.refused(desk.get(f"{EXPIRED}/expiries", instrument_key=INDEX)) == (403, "UDAPI1149")


def test_an_expired_option_is_found_by_its_expiry_and_has_candles() -> None:
    """Its key carries the date; candles end on that day."""
    with open_desk(has_plus=True) as desk:
        days = desk.data(f"{EXPIRED}/expiries", instrument_key=INDEX)
        assert days == sorted(days) and days[-1] == "2026-09-15"
        rows = desk.data(f"{EXPIRED}/option/contract", instrument_key=INDEX, expiry_date="2026-09-15")
        (row,) = (one for one in rows if (one["strike_price"], one["instrument_type"]) == (24000, "PE"))
        assert row["instrument_key"].endswith("|15-09-2026") and row["tick_size"] == 5
        path = f"{EXPIRED}/historical-candle/{row['instrument_key']}/day/2026-09-16/2026-09-01"
        found = candles(desk, path)
        assert found[0][0] == "2026-09-15T00:00:00+05:30" and len(found) == 11
        assert desk.data(f"{EXPIRED}/option/contract", instrument_key=INDEX, expiry_date="2026-09-14") == []
        assert desk.data(f"{EXPIRED}/future/contract", instrument_key=INDEX, expiry_date="2026-09-15") == []


@pytest.mark.parametrize(
    ("key", "interval", "code"),
    [
        ("NSE_FO|240002|15-09-2026", "hour", "UDAPI1020"),
        ("NSE_FO|240002", "day", "UDAPI1021"),
        ("NSE_FO|240003|15-09-2026", "day", "UDAPI1021"),
        ("NSE_FO|240002|2026-09-15", "day", "UDAPI1021"),
        ("NSE_FO|240002|22-09-2026", "day", "UDAPI100011"),
    ],
)
def test_bad_questions_about_expired_candles(key: str, interval: str, code: str) -> None:
    """Interval, form of the key, an expiry that has not been."""
    with open_desk(has_plus=True) as desk:
        url = f"{API}{EXPIRED}/historical-candle/{key}/{interval}/2026-09-15/2026-09-01"
        assert desk.refused(desk.http.get(url)) == (400, code)
