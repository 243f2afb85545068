"""Quotes: by the instrument that each row names, with noise taken off, and what is missing is known."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest

from tests.adapters.upstox.sample_texts import FULL_QUOTE, GREEKS, OHLC
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body
from volguard.adapters.upstox.wire_quotes import FullQuote, GreekRow, LastPrice, OhlcQuote, by_key, missing
from volguard.adapters.upstox.wire_values import quote_of
from volguard.model.broker import InstrumentKey
from volguard.model.units import IST

NHPC = InstrumentKey("NSE_EQ|INE848E01016")
INDEX = InstrumentKey("NSE_INDEX|Nifty 50")


def quote(**changes: Any) -> FullQuote:
    """The full quote of the reference, changed."""
    value = json.loads(FULL_QUOTE)
    value["NSE_EQ:NHPC"].update(changes)
    return by_key(data_of(success_body(value), dict[str, FullQuote], endpoints.QUOTES))[NHPC]


def test_rows_go_by_the_instrument_they_name() -> None:
    """The map's own keys carry a symbol and a colon: they are never built on."""
    body = success_body({"NSE_INDEX:Nifty 50": {"last_price": 25000.05, "instrument_token": INDEX}})
    rows = by_key(data_of(body, dict[str, LastPrice], endpoints.LTP))
    assert rows[INDEX].last_price == 25000.05
    assert missing([INDEX, NHPC], rows) == (NHPC,)
    nulls = data_of(success_body({"NSE_EQ:X": None}), dict[str, LastPrice | None], endpoints.LTP)
    assert by_key(nulls) == {}
    assert data_of(b'{"status":"success","data":null}', dict[str, LastPrice], endpoints.LTP) == {}


def test_a_full_quote_in_its_own_time_and_on_its_tick() -> None:
    """The time of the quote, of the last trade (a text of milliseconds), and yesterday's close."""
    found = quote()
    assert found.quoted_at == datetime(2023, 10, 19, 5, 21, 51, 99000, tzinfo=IST)
    assert found.traded_at == datetime(2023, 10, 18, 15, 59, 32, 130000, tzinfo=IST)
    assert found.previous_close == pytest.approx(53.3, abs=1e-5)
    assert quote_of(found.last_price) == 52.05
    assert found.depth is not None
    assert quote_of(found.depth.buy[0].price) == 52.05
    assert quote_of(found.depth.buy[1].price) is None


def test_an_index_has_no_book_and_may_never_have_traded() -> None:
    """What an index lacks is absent, not zero."""
    index = quote(depth=None, last_trade_time="0", net_change=None)
    assert (index.depth, index.traded_at, index.previous_close) == (None, None, None)


@pytest.mark.parametrize(
    "changes", [{"last_price": "nan"}, {"timestamp": "now"}, {"last_trade_time": "x"}, {"last_price": None}]
)
def test_a_quote_that_cannot_be_read_is_refused(changes: dict[str, Any]) -> None:
    """No price or no known time: the quote is not taken."""
    with pytest.raises(ApiFailure, match="quotes: the answer cannot be read"):
        quote(**changes)


def test_greeks_have_their_volatility_as_a_fraction() -> None:
    """This call's volatility is no percentage; 0 says that there is none."""
    value = json.loads(GREEKS)
    (row,) = by_key(data_of(success_body(value), dict[str, GreekRow], endpoints.OPTION_GREEKS)).values()
    assert row.volatility == 0.33599853515625
    assert (row.delta, row.theta, row.cp) == (-0.8081, -51.848, 831.2)
    value["NSE_FO:NIFTY2540923000PE"]["iv"] = 0
    (none,) = data_of(success_body(value), dict[str, GreekRow], endpoints.OPTION_GREEKS).values()
    assert none.volatility is None
    value["NSE_FO:NIFTY2540923000PE"]["delta"] = "nan"
    with pytest.raises(ApiFailure, match="greeks was nan"):
        data_of(success_body(value), dict[str, GreekRow], endpoints.OPTION_GREEKS)


def test_a_candle_within_a_quote_has_its_start() -> None:
    """The last finished candle may be absent."""
    (row,) = data_of(success_body(json.loads(OHLC)), dict[str, OhlcQuote], "ohlc").values()
    assert row.live_ohlc is not None
    assert row.live_ohlc.starts_at == datetime(2025, 4, 7, 15, 29, tzinfo=IST)
    value = json.loads(OHLC)
    value["NSE_FO:NIFTY2543021600PE"]["prev_ohlc"] = None
    (day,) = data_of(success_body(value), dict[str, OhlcQuote], "ohlc").values()
    assert day.prev_ohlc is None
