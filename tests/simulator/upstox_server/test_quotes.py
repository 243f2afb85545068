"""Quotes over REST: shapes, keys, noise, and what is silently missing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from tests.simulator.upstox_server.desk import (
    CALL,
    OPEN,
    PUT,
    SIGMA,
    SPOT,
    START,
    Desk,
    fair,
    open_desk,
    shot,
)

FULL, LTP, OHLC = "/v2/market-quote/quotes", "/v3/market-quote/ltp", "/v3/market-quote/ohlc"
GREEKS = "/v3/market-quote/option-greek"
NIFTY_KEY, VIX_KEY = "NSE_INDEX|Nifty 50", "NSE_INDEX|India VIX"


def test_the_reply_is_keyed_by_symbol_and_each_row_names_its_key() -> None:
    """SEG:SYMBOL outside, the pipe key inside; an unknown key is silently missing."""
    with open_desk() as desk:
        key = desk.key(CALL)
        data = desk.data(FULL, instrument_key=f"{key},{NIFTY_KEY},{VIX_KEY},NSE_FO|1,NSE_EQ|INE848E01016")
    assert set(data) == {"NSE_FO:NIFTY2692224500CE", "NSE_INDEX:Nifty 50", "NSE_INDEX:India VIX"}
    assert data["NSE_FO:NIFTY2692224500CE"]["instrument_token"] == key
    assert data["NSE_INDEX:India VIX"]["last_price"] == pytest.approx(13.0)


def test_a_full_quote_has_five_padded_levels_and_times_in_two_forms() -> None:
    """ISO with zone for the quote, milliseconds as text for the trade."""
    with open_desk() as desk:
        desk.clock.advance(3.25)
        (row,) = desk.data(FULL, instrument_key=desk.key(CALL)).values()
    assert [level["quantity"] for level in row["depth"]["buy"]] == [650, 0, 0, 0, 0]
    assert row["depth"]["sell"][0]["price"] == round(fair(CALL) + 0.1, 2)
    assert row["timestamp"] == "2026-09-16T10:00:03.250+05:30"
    assert row["last_trade_time"] == str(int(START.timestamp()) * 1000)
    assert row["lower_circuit_limit"] < fair(CALL) < row["upper_circuit_limit"]
    assert row["volume"] == 6500 and row["oi"] == 26_000.0


def test_a_last_price_carries_the_noise_of_single_precision() -> None:
    """As the broker's own sample does: 52.05 is told as 52.04999923706055."""
    with open_desk() as desk:
        (row,) = desk.data(FULL, instrument_key=desk.key(CALL)).values()
    assert row["last_price"] != fair(CALL)
    assert row["last_price"] == float(np.float32(fair(CALL)))


def test_the_previous_close_is_last_less_the_net_change() -> None:
    """For the index it is the history's last close."""
    with open_desk(shot(0.0), shot(15.0, spot=SPOT + 50.0)) as desk:
        desk.wait()
        rows = desk.data(FULL, instrument_key=f"{NIFTY_KEY},{desk.key(CALL)}")
    index, option = rows["NSE_INDEX:Nifty 50"], rows["NSE_FO:NIFTY2692224500CE"]
    assert index["last_price"] - index["net_change"] == pytest.approx(24096.0)
    assert option["net_change"] == pytest.approx(fair(CALL, SPOT + 50.0) - fair(CALL))


def test_last_prices_in_two_versions() -> None:
    """v3 has quantity, volume and previous close; v2 the price alone."""
    with open_desk() as desk:
        (new,) = desk.data(LTP, instrument_key=desk.key(CALL)).values()
        (old,) = desk.data("/v2/market-quote/ltp", instrument_key=desk.key(CALL)).values()
    assert new == {
        "last_price": fair(CALL),
        "instrument_token": desk.key(CALL),
        "ltq": 6500,
        "volume": 6500,
        "cp": fair(CALL),
    }
    assert old == {"last_price": fair(CALL), "instrument_token": desk.key(CALL)}


def test_candles_of_the_moment() -> None:
    """A minute has the one before beside it; a day has none; v2 gives four prices."""
    shots = [shot(15.0 * n, spot=SPOT + 10.0 * n) for n in range(8)]
    with open_desk(*shots) as desk:
        desk.wait(105.0)
        (minute,) = desk.data(OHLC, instrument_key=desk.key(CALL), interval="I1").values()
        (day,) = desk.data(OHLC, instrument_key=desk.key(CALL), interval="1d").values()
        (old,) = desk.data("/v2/market-quote/ohlc", instrument_key=desk.key(CALL), interval="1d").values()
        index = desk.data(OHLC, instrument_key=NIFTY_KEY, interval="I1")["NSE_INDEX:Nifty 50"]
    began = int(START.timestamp()) * 1000
    assert (minute["prev_ohlc"]["ts"], minute["live_ohlc"]["ts"]) == (began, began + 60_000)
    assert minute["prev_ohlc"]["open"] == fair(CALL, SPOT)
    assert minute["prev_ohlc"]["close"] == fair(CALL, SPOT + 30.0)
    assert minute["live_ohlc"]["high"] == fair(CALL, SPOT + 70.0)
    assert minute["prev_ohlc"]["volume"] == 65 * 103 and minute["live_ohlc"]["volume"] == 65 * 4
    assert day["prev_ohlc"] is None and day["live_ohlc"]["open"] == fair(CALL, SPOT)
    assert old["ohlc"] == {name: day["live_ohlc"][name] for name in ("open", "high", "low", "close")}
    assert index["live_ohlc"]["open"] == SPOT + 40.0


def test_greeks_have_volatility_as_a_fraction() -> None:
    """A dozen points are 0.12; the delta of a put is negative; theta is lost per day."""
    with open_desk() as desk:
        rows = desk.data(GREEKS, instrument_key=f"{desk.key(CALL)},{desk.key(PUT)},{NIFTY_KEY}")
    call_row, put_row = rows["NSE_FO:NIFTY2692224500CE"], rows["NSE_FO:NIFTY2692224500PE"]
    assert len(rows) == 2
    assert call_row["iv"] == pytest.approx(SIGMA, abs=1e-6)
    assert call_row["delta"] - put_row["delta"] == pytest.approx(1.0, abs=0.01)
    assert -30.0 < call_row["theta"] < 0.0 < call_row["vega"]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, "UDAPI1009"),
        ({"instrument_key": "NIFTY"}, "UDAPI1011"),
        ({"instrument_key": "NYSE|X"}, "UDAPI1087"),
        ({"instrument_key": ",".join(f"NSE_FO|{n}" for n in range(501))}, "UDAPI100042"),
    ],
)
def test_keys_are_checked(query: dict[str, str], code: str) -> None:
    """Missing, of a wrong form, of no segment, too many."""
    with open_desk() as desk:
        assert desk.refused(desk.get(FULL, **query)) == (400, code)


def test_limits_of_greeks_and_intervals() -> None:
    """51 keys are too many for Greeks; an interval is needed and known."""
    with open_desk() as desk:
        many = ",".join(f"NSE_FO|{n}" for n in range(51))
        assert desk.refused(desk.get(GREEKS, instrument_key=many)) == (400, "UDAPI100076")
        assert desk.refused(desk.get(OHLC, instrument_key=NIFTY_KEY)) == (400, "UDAPI1027")
        assert desk.refused(desk.get(OHLC, instrument_key=NIFTY_KEY, interval="5m")) == (400, "UDAPI1028")


def test_before_the_open_the_last_session_is_shown() -> None:
    """The index at its last close; options are not quoted at all."""
    with open_desk(at=OPEN - timedelta(minutes=20)) as desk:
        rows = desk.data(LTP, instrument_key=f"{NIFTY_KEY},{desk.key(CALL)}")
    assert rows == {
        "NSE_INDEX:Nifty 50": {
            "last_price": 24096.0,
            "instrument_token": NIFTY_KEY,
            "ltq": 0,
            "volume": 0,
            "cp": 24096.0,
        }
    }


def test_without_levels_of_its_own_the_index_comes_from_parity_and_the_vix_is_missing() -> None:
    """A recording that has neither: the forward discounted, to within a point."""
    with open_desk(shot(0.0, with_levels=False)) as desk:
        rows = desk.data(LTP, instrument_key=NIFTY_KEY)
        assert rows["NSE_INDEX:Nifty 50"]["last_price"] == pytest.approx(SPOT, abs=1.0)
        assert desk.core.board.indices.last[1] != desk.core.board.indices.last[1]


def test_a_frozen_instrument_stands_still_and_says_since_when() -> None:
    """Its neighbours move; nothing trades in it; after the freeze it is as the market is."""
    shots = [shot(15.0 * n, spot=SPOT + 20.0 * n) for n in range(6)]

    def ltp(desk: Desk, contract: Any) -> tuple[float, str]:
        (row,) = desk.data(FULL, instrument_key=desk.key(contract)).values()
        return round(row["last_price"], 2), row["timestamp"]

    with open_desk(*shots) as desk:
        desk.wait(0.0)
        desk.core.freeze(CALL, for_s=40.0)
        order_id = desk.place(price=round(fair(CALL, SPOT + 80.0) + 1.0, 1))
        desk.wait(30.0)
        assert ltp(desk, CALL) == (fair(CALL), "2026-09-16T10:00:00.000+05:30")
        assert ltp(desk, PUT) == (fair(PUT, SPOT + 40.0), "2026-09-16T10:00:30.000+05:30")
        assert desk.status(order_id) == "open"
        desk.wait(15.0)
        assert ltp(desk, CALL)[0] == fair(CALL, SPOT + 60.0)
        desk.wait(15.0)
        assert desk.status(order_id) == "complete"
