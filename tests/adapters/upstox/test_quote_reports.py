"""REST's answers as reports for the board: their own time, their own units, 0 for what is not there."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.feed_samples import TS, key_of
from volguard.adapters.upstox.quote_reports import reports_of, reports_of_chain
from volguard.adapters.upstox.wire_options import ChainRow, chain_quotes
from volguard.adapters.upstox.wire_quotes import FullQuote
from volguard.model.broker import InstrumentKey

DEPTH = {
    "buy": [{"quantity": 75 * n, "price": 10.0 - 0.05 * n, "orders": 1} for n in range(1, 6)],
    "sell": [{"quantity": 65 * n, "price": 10.0 + 0.05 * n, "orders": 1} for n in range(1, 6)],
}


def full_quote(**changes: Any) -> FullQuote:
    row = {
        "instrument_token": key_of(0),
        "timestamp": "2026-09-16T09:59:58.500+05:30",
        "depth": DEPTH,
        "last_price": 10.0,
        "volume": 6500,
        "oi": 1300.0,
        **changes,
    }
    return msgspec.convert(row, FullQuote)


def test_a_full_quote_is_a_report_of_its_best_level() -> None:
    """Best bid and ask, units, and the time that the quote itself gives."""
    (report,) = reports_of([full_quote()])
    assert (report.bid, report.bid_qty, report.ask, report.ask_qty) == (9.95, 75, 10.05, 65)
    assert (report.ltp, report.volume, report.oi, report.iv) == (10.0, 6500, 1300.0, None)
    assert report.told_at == TS - timedelta(seconds=1.5)


def test_an_index_has_no_depth() -> None:
    """Its level is its last price."""
    (report,) = reports_of([full_quote(depth=None, volume=None, oi=None)])
    assert (report.bid, report.ask, report.ltp, report.volume, report.oi) == (0.0, 0.0, 10.0, 0, 0.0)


@pytest.mark.parametrize("depth", [{"buy": [], "sell": []}, {"buy": DEPTH["buy"], "sell": []}])
def test_a_side_without_levels_is_absent(depth: Any) -> None:
    """Nobody sells: no ask, and no size."""
    (report,) = reports_of([full_quote(depth=depth)])
    assert (report.ask, report.ask_qty) == (0.0, 0)


def test_a_quote_without_a_time_confirms_nothing() -> None:
    """Its age is not known, so it is not given."""
    assert list(reports_of([full_quote(timestamp=None)])) == []


def test_a_chain_is_as_of_its_arrival_and_knows_volatilities() -> None:
    """Percent on the wire, decimal here; a garbage-free zero where the vendor has none."""
    side = {
        "instrument_key": "NSE_FO|51060",
        "market_data": {
            **{"ltp": 0.3, "volume": 22315725, "oi": 5636475, "close_price": 0.35, "bid_price": 0.3},
            **{"bid_qty": 1979400, "ask_price": 0, "ask_qty": 0, "prev_oi": 5797500},
        },
        "option_greeks": {"vega": 0.0568, "theta": -1.2461, "gamma": 0, "delta": -0.0013, "iv": 50.78},
    }
    none = {**side, "instrument_key": "NSE_FO|51059", "option_greeks": {"delta": 1, "iv": 0}}
    row = {
        **{"expiry": "2026-09-22", "strike_price": 21100, "underlying_key": "NSE_INDEX|Nifty 50"},
        **{"underlying_spot_price": 24510.0, "call_options": none, "put_options": side},
    }
    quotes = chain_quotes([msgspec.convert(row, ChainRow)])
    call, put = reports_of_chain(quotes, TS)
    assert put.key == InstrumentKey("NSE_FO|51060") and put.told_at == TS
    assert (put.bid, put.bid_qty, put.ask, put.ask_qty) == (0.3, 1979400, 0.0, 0)
    assert (put.ltp, put.volume, put.oi, call.iv) == (0.3, 22315725, 5636475.0, 0.0)
    assert put.iv == pytest.approx(0.5078) and quotes[0].expiry == date(2026, 9, 22)
