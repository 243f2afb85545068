"""The market as values: hours, contracts, quotes in portions, candles in spans."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import closing
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.upstox.client_parts import good, make_client
from tests.adapters.upstox.sample_texts import CHAIN_ROW, CONTRACT_ROW, FULL_QUOTE
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instruments import UNDERLYING_KEYS
from volguard.adapters.upstox.market_reads import MarketReads, candle_spans
from volguard.model.broker import ErrorClass, InstrumentKey
from volguard.model.units import IST

NIFTY = UNDERLYING_KEYS["NIFTY"]
KEY = InstrumentKey("NSE_FO|51834")


class Server:
    """Notes what was asked for, and answers with what a function makes of the path and the query."""

    def __init__(self, answer: Callable[[str, dict[str, str]], object]) -> None:
        self.answer = answer
        self.seen: list[tuple[str, dict[str, str]]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = unquote(request.url.path), dict(request.url.params)
        self.seen.append((path, query))
        return good(self.answer(path, query))


def asked(server: Callable[[httpx.Request], httpx.Response], ask: Callable[[MarketReads], Any]) -> Any:
    """What one question gives."""
    with closing(make_client(server)) as client:
        return ask(MarketReads(client))


def keys(count: int) -> list[InstrumentKey]:
    return [InstrumentKey(f"NSE_FO|{40000 + n}") for n in range(count)]


# --- hours -------------------------------------------------------------------------------------------


def test_hours_of_a_day_are_those_of_the_derivatives_segment() -> None:
    """In IST; a day without a row for it is closed."""
    opens, closes = 1704080700000, 1704103200000
    rows = [{"exchange": name, "start_time": opens, "end_time": closes} for name in ("NSE", "NFO")]
    server = Server(lambda _path, _query: rows)
    day = date(2024, 1, 1)
    window = asked(server, lambda reads: reads.timings(day))
    assert window == (datetime(2024, 1, 1, 9, 15, tzinfo=IST), datetime(2024, 1, 1, 15, 30, tzinfo=IST))
    assert server.seen == [("/v2/market/timings/2024-01-01", {})]
    assert asked(Server(lambda _path, _query: []), lambda reads: reads.timings(day)) is None


def test_holidays_go_by_who_is_closed() -> None:
    """A row of the list is no holiday for an exchange that is open in it."""
    opened = [{"exchange": "NFO", "start_time": 1704080700000, "end_time": 1704103200000}]
    rows = [
        {
            "date": "2024-01-01",
            "holiday_type": "TRADING_HOLIDAY",
            "closed_exchanges": [],
            "open_exchanges": opened,
        },
        {
            "date": "2024-01-26",
            "holiday_type": "TRADING_HOLIDAY",
            "closed_exchanges": ["NFO"],
            "open_exchanges": [],
        },
    ]
    found = asked(Server(lambda _path, _query: rows), lambda reads: reads.holidays())
    assert found[date(2024, 1, 1)].window is not None
    assert found[date(2024, 1, 26)].window is None


@pytest.mark.parametrize(
    ("word", "is_open"), [("NORMAL_OPEN", True), ("CAS_STOP", False), ("NEW_WORD", False)]
)
def test_only_continuous_trading_is_an_open_market(word: str, is_open: bool) -> None:
    """A word that is not known is no open market."""
    server = Server(lambda _path, _query: {"exchange": "NFO", "status": word, "last_updated": 1704080700000})
    assert asked(server, lambda reads: reads.status()).is_open is is_open
    assert server.seen[0][0] == "/v2/market/status/NFO"


# --- contracts ---------------------------------------------------------------------------------------


def test_contracts_of_one_expiry_or_of_all() -> None:
    """The expiry is asked for only when it is given; expiries are the distinct ones, nearest first."""
    row = msgspec.json.decode(CONTRACT_ROW)
    rows = [
        {**row, "expiry": day, "instrument_key": f"k{n}"}
        for n, day in enumerate(("2024-02-22", "2024-02-15"))
    ]
    server = Server(lambda _path, _query: rows)
    assert len(asked(server, lambda reads: reads.contracts(NIFTY, date(2024, 2, 15)))) == 2
    assert asked(server, lambda reads: reads.expiries(NIFTY)) == (date(2024, 2, 15), date(2024, 2, 22))
    assert [query for _, query in server.seen] == [
        {"instrument_key": NIFTY, "expiry_date": "2024-02-15"},
        {"instrument_key": NIFTY},
    ]


def test_a_chain_has_its_volatility_as_a_decimal() -> None:
    """The wire says percent here; inside it is never percent."""
    server = Server(lambda _path, _query: [msgspec.json.decode(CHAIN_ROW)])
    chain = asked(server, lambda reads: reads.chain(NIFTY, date(2025, 2, 13)))
    call, put = chain.quotes
    assert (call.volatility, put.volatility) == (pytest.approx(2.6231), pytest.approx(0.5078))
    assert (put.bid, put.ask, chain.spot) == (0.3, 0.35, 22976.2)


def test_a_chain_of_a_past_expiry_is_empty() -> None:
    """No quotes and no level, and no failure."""
    chain = asked(Server(lambda _path, _query: []), lambda reads: reads.chain(NIFTY, date(2020, 1, 2)))
    assert (chain.quotes, chain.spot) == ((), None)


def test_the_instrument_file_is_given_as_it_is_served() -> None:
    """Bytes, unread."""
    answer = httpx.Response(200, content=b"\x1f\x8b not ours to read")
    assert asked(lambda _: answer, lambda reads: reads.instrument_file()) == b"\x1f\x8b not ours to read"


# --- quotes ------------------------------------------------------------------------------------------


def quoted(names: Iterable[str], row: dict[str, Any]) -> dict[str, Any]:
    return {f"NSE_FO:SYMBOL{name[-3:]}": {**row, "instrument_token": name} for name in names}


def test_quotes_are_asked_for_500_at_a_time() -> None:
    """1,201 keys are three calls; every one comes back under its own key."""
    row = {"last_price": 303.9}
    server = Server(lambda _path, query: quoted(query["instrument_key"].split(","), row))
    answer = asked(server, lambda reads: reads.last_prices(keys(1201)))
    assert [len(query["instrument_key"].split(",")) for _, query in server.seen] == [500, 500, 201]
    assert set(answer.found) == set(keys(1201)) and answer.missing == ()


def test_greeks_are_asked_for_50_at_a_time() -> None:
    """Their cap is lower; their volatility is a decimal already."""
    row = {"last_price": 412.2, "iv": 0.336, "delta": -0.8}
    server = Server(lambda _path, query: quoted(query["instrument_key"].split(","), row))
    answer = asked(server, lambda reads: reads.greeks(keys(120)))
    assert [len(query["instrument_key"].split(",")) for _, query in server.seen] == [50, 50, 20]
    assert {quote.volatility for quote in answer.values()} == {0.336}


def test_keys_that_the_broker_leaves_out_are_named() -> None:
    """It drops unknown ones in silence: here they are told; a key given twice is asked for once."""
    (row,) = msgspec.json.decode(FULL_QUOTE).values()
    server = Server(lambda _path, query: quoted(query["instrument_key"].split(",")[:2], row))
    answer = asked(server, lambda reads: reads.quotes([*keys(4), *keys(2)]))
    assert tuple(answer.found) == tuple(keys(2)) and answer.missing == tuple(keys(4)[2:])
    assert len(server.seen[0][1]["instrument_key"].split(",")) == 4


def test_no_keys_are_no_call() -> None:
    """Nothing to ask."""
    server = Server(lambda _path, _query: {})
    answer = asked(server, lambda reads: reads.quotes([]))
    assert (dict(answer.found), answer.missing, server.seen) == ({}, (), [])


# --- candles -----------------------------------------------------------------------------------------

FIRST, LAST = date(2026, 1, 31), date(2026, 9, 15)


def candle(day: date, close: float = 100.0) -> list[object]:
    return [f"{day.isoformat()}T00:00:00+05:30", 100.0, 101.0, 99.0, close, 10, 0]


def daily(path: str) -> dict[str, Any]:
    """A candle for each date of the span that the path asks for, newest first."""
    *_, last, first = path.split("/")
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    days = [start + timedelta(days=n) for n in range((end - start).days + 1)]
    return {"candles": [candle(day) for day in reversed(days)]}


@pytest.mark.parametrize(
    ("unit", "interval", "calls"),
    [
        ("minutes", 1, 8),
        ("minutes", 15, 8),
        ("minutes", 30, 3),
        ("hours", 1, 3),
        ("days", 1, 1),
        ("weeks", 1, 1),
    ],
)
def test_candles_are_asked_for_in_spans_and_come_oldest_first(unit: str, interval: int, calls: int) -> None:
    """A month, a quarter, a decade a call; together every date once, in order."""
    server = Server(lambda path, _query: daily(path))
    found = asked(server, lambda reads: reads.candles(KEY, unit, interval, first=FIRST, last=LAST))
    days = [bar.starts_at.date() for bar in found]
    assert days == [FIRST + timedelta(days=n) for n in range((LAST - FIRST).days + 1)]
    assert len(server.seen) == calls
    assert server.seen[-1][0].startswith(f"/v3/historical-candle/{KEY}/{unit}/{interval}/2026-09-15/")


@given(
    st.dates(date(2000, 1, 1), date(2030, 1, 1)),
    st.integers(0, 4000),
    st.sampled_from(
        (("minutes", 1, 31), ("minutes", 60, 92), ("hours", 4, 92), ("days", 1, 3653), ("months", 1, 9999))
    ),
)
def test_spans_cover_every_date_once_and_none_is_too_long(
    first: date, length: int, kind: tuple[str, int, int]
) -> None:
    """Whatever the dates: the spans join without gap or overlap, each within what one call may cover."""
    unit, interval, days_max = kind
    last = first + timedelta(days=length)
    spans = candle_spans(unit, interval, first, last)
    assert spans[0][0] == first and spans[-1][1] == last
    assert all(end + timedelta(days=1) == start for (_, end), (start, _) in pairwise(spans))
    assert all(0 <= (end - start).days < days_max for start, end in spans)


def test_dates_the_wrong_way_round_are_no_spans_and_units_must_be_known() -> None:
    """Nothing to ask for; and a unit that is not the broker's is a mistake."""
    assert candle_spans("days", 1, LAST, FIRST) == ()
    with pytest.raises(ValueError, match="unit was 'fortnights'"):
        candle_spans("fortnights", 1, FIRST, LAST)


def test_two_answers_that_disagree_are_refused() -> None:
    """The same start with another close in the next span: neither is known to be right."""
    closes = iter((100.0, 100.5))
    server = Server(lambda _path, _query: {"candles": [candle(date(2026, 2, 1), next(closes))]})
    with pytest.raises(ApiFailure, match="differ") as caught:
        asked(
            server,
            lambda reads: reads.candles(KEY, "minutes", 1, first=date(2026, 1, 31), last=date(2026, 3, 1)),
        )
    assert caught.value.error_class is ErrorClass.UNKNOWN


def test_today_is_joined_to_what_is_finished() -> None:
    """History has no today, intraday has nothing else; where both have a start the finished one counts."""

    def answer(path: str, _query: dict[str, str]) -> object:
        if "/intraday/" in path:
            return {"candles": [candle(date(2026, 9, 16), 101.0), candle(date(2026, 9, 15), 101.0)]}
        return {"candles": [candle(date(2026, 9, 15), 100.0)]}

    found = asked(
        Server(answer), lambda reads: reads.candles_until_now(KEY, "days", 1, first=LAST, last=LAST)
    )
    assert [(bar.starts_at.day, bar.close) for bar in found] == [(15, 100.0), (16, 101.0)]


# --- expired contracts -------------------------------------------------------------------------------


def test_expired_contracts_are_found_by_their_own_keys() -> None:
    """Expiries, then contracts with keys that end in the expiry, then their candles a month at a time."""
    key = InstrumentKey("NSE_FO|54452|24-04-2025")
    row = {**msgspec.json.decode(CONTRACT_ROW), "instrument_key": key}

    def answer(path: str, _query: dict[str, str]) -> object:
        if path.endswith("/expiries"):
            return ["2025-04-24", "2025-04-17"]
        return [row] if path.endswith("/contract") else daily(path)

    server = Server(answer)
    assert asked(server, lambda reads: reads.expired_expiries(NIFTY)) == (
        date(2025, 4, 17),
        date(2025, 4, 24),
    )
    (contract,) = asked(server, lambda reads: reads.expired_contracts(NIFTY, date(2025, 4, 24)))
    assert contract.key == key
    first, last = date(2025, 3, 1), date(2025, 4, 24)
    bars = asked(server, lambda reads: reads.expired_candles(key, "1minute", first=first, last=last))
    assert len(bars) == 55
    paths = [path for path, _ in server.seen[2:]]
    assert paths[0] == f"/v2/expired-instruments/historical-candle/{key}/1minute/2025-03-31/2025-03-01"
    assert len(paths) == 2


# --- feeds -------------------------------------------------------------------------------------------


def test_addresses_of_the_feeds() -> None:
    """Each is asked for anew; the portfolio stream says what it wants to hear."""
    server = Server(lambda _path, _query: {"authorizedRedirectUri": "wss://host/feeds?code=abc"})
    assert asked(server, lambda reads: reads.feed_address()) == "wss://host/feeds?code=abc"
    assert asked(server, lambda reads: reads.portfolio_address()) == "wss://host/feeds?code=abc"
    assert server.seen[1][1] == {"update_types": "order,position"}
