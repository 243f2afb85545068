"""Option chain and contracts: percent volatility, ratio per strike, ticks in paise, expiries as dates."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from tests.fakes import EXPIRY
from tests.simulator.upstox_server.desk import ASSETS, CALL, OPEN, SPOT, STRIKES, fair, open_desk, shot
from volguard.model.market import ChainSnapshot

CHAIN, CONTRACTS = "/v2/option/chain", "/v2/option/contract"
KEY = "NSE_INDEX|Nifty 50"


def uneven() -> ChainSnapshot:
    made = shot()
    oi = np.arange(1, len(made.listing) + 1) * 65
    oi[0] = 0
    return replace(made, oi=oi)


def test_a_strike_has_both_sides_and_the_ratio_of_their_interest() -> None:
    """pcr is put over call of that strike alone; 0 where no call is held."""
    with open_desk(uneven()) as desk:
        rows = desk.data(CHAIN, instrument_key=KEY, expiry_date=EXPIRY.isoformat())
    assert [row["strike_price"] for row in rows] == [float(strike) for strike in STRIKES]
    assert rows[0]["pcr"] == 0.0 and rows[1]["pcr"] == round(4 / 3, 4)
    assert {row["underlying_spot_price"] for row in rows} == {SPOT}
    assert {row["underlying_key"] for row in rows} == {KEY}


def test_volatility_is_in_percent_and_greeks_have_four_decimals() -> None:
    """Twelve points are 12.0."""
    with open_desk() as desk:
        rows = desk.data(CHAIN, instrument_key=KEY, expiry_date=EXPIRY.isoformat())
    (row,) = (one for one in rows if one["strike_price"] == 24500.0)
    side = row["call_options"]
    assert side["instrument_key"] == desk.key(CALL)
    assert side["option_greeks"]["iv"] == 12.0
    assert 40.0 < side["option_greeks"]["pop"] < 60.0
    for name in ("delta", "gamma", "theta", "vega"):
        value = side["option_greeks"][name]
        assert value == round(value, 4)
    assert side["market_data"] == {
        "ltp": fair(CALL),
        "volume": 6500,
        "oi": 26_000.0,
        "close_price": fair(CALL),
        "bid_price": round(fair(CALL) - 0.1, 2),
        "bid_qty": 650,
        "ask_price": round(fair(CALL) + 0.1, 2),
        "ask_qty": 650,
        "prev_oi": 26_000.0,
    }


def test_a_chain_that_is_not_listed_is_empty() -> None:
    """A past expiry, another underlying: success without rows."""
    with open_desk() as desk:
        assert desk.data(CHAIN, instrument_key=KEY, expiry_date="2020-01-02") == []
        assert desk.data(CHAIN, instrument_key="NSE_INDEX|Nifty Bank", expiry_date="2026-09-22") == []


def test_before_the_open_the_chain_is_listed_and_not_quoted() -> None:
    """Zeros, no nulls."""
    with open_desk(at=OPEN - timedelta(minutes=5)) as desk:
        rows = desk.data(CHAIN, instrument_key=KEY, expiry_date=EXPIRY.isoformat())
    assert len(rows) == len(STRIKES)
    assert set(rows[0]["call_options"]["market_data"].values()) == {0}


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        (CHAIN, {"instrument_key": KEY}, "UDAPI1088"),
        (CHAIN, {"instrument_key": KEY, "expiry_date": "22-09-2026"}, "UDAPI1088"),
        (CHAIN, {"expiry_date": "2026-09-22"}, "UDAPI1009"),
        (CONTRACTS, {}, "UDAPI1009"),
        (CONTRACTS, {"instrument_key": "NIFTY"}, "UDAPI1011"),
        (CONTRACTS, {"instrument_key": KEY, "expiry_date": "soon"}, "UDAPI1088"),
    ],
)
def test_bad_questions_have_codes(path: str, query: dict[str, str], code: str) -> None:
    """400 each."""
    with open_desk() as desk:
        assert desk.refused(desk.get(path, **query)) == (400, code)


def test_contracts_by_date_and_by_word() -> None:
    """current_week is the nearest expiry; a far one that is not listed has none."""
    with open_desk() as desk:
        every = desk.data(CONTRACTS, instrument_key=KEY)
        assert desk.data(CONTRACTS, instrument_key=KEY, expiry_date="current_week") == every
        assert desk.data(CONTRACTS, instrument_key=KEY, expiry_date="2026-09-22") == every
        assert desk.data(CONTRACTS, instrument_key=KEY, expiry_date="next_week") == []
    (row,) = (one for one in every if one["instrument_key"] == desk.key(CALL))
    assert row["trading_symbol"] == "NIFTY 24500 CE 22 SEP 26"
    assert (row["tick_size"], row["lot_size"], row["minimum_lot"]) == (5, 65, 65)
    assert (row["freeze_quantity"], row["weekly"], row["expiry"]) == (1800, True, "2026-09-22")
    assert (row["strike_price"], row["instrument_type"], row["segment"]) == (24500, "CE", "NSE_FO")


def test_the_instrument_file_lists_the_same_keys() -> None:
    """gzip of one JSON array; expiry in milliseconds of the last second of its day; other rows among them."""
    path = "/market-quote/instruments/exchange/NSE.json.gz"
    with open_desk() as desk:
        reply = desk.get(path, host=ASSETS)
        again = desk.get(path, host=ASSETS)
        contracts = desk.data(CONTRACTS, instrument_key=KEY)
        assert desk.refused(desk.get(path.replace("NSE", "XYZ"), host=ASSETS)) == (404, "UDAPI100060")
    rows = json.loads(gzip.decompress(reply.content))
    assert reply.content == again.content
    options = [row for row in rows if row["instrument_type"] in ("CE", "PE")]
    assert {row["instrument_key"] for row in options} == {row["instrument_key"] for row in contracts}
    assert {row["expiry"] for row in options} == {1790101799000}
    assert {(row["tick_size"], row["freeze_quantity"], row["lot_size"]) for row in options} == {
        (5.0, 1800.0, 65)
    }
    keys = {row["instrument_key"] for row in rows}
    assert {"NSE_INDEX|Nifty 50", "NSE_INDEX|India VIX", "NSE_EQ|INE848E01016"} <= keys
