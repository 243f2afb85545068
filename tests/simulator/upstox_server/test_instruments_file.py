"""The instrument file of the look-alike."""

from __future__ import annotations

import gzip
import json
from typing import Any

from tests.simulator.upstox_server.desk import ASSETS, CALL, STRIKES, Desk, open_desk

PATH = f"{ASSETS}/market-quote/instruments/exchange"


def rows(desk: Desk) -> list[dict[str, Any]]:
    reply = desk.http.get(f"{PATH}/NSE.json.gz", headers={"authorization": ""})
    assert reply.status_code == 200
    return list(json.loads(gzip.decompress(reply.content)))


def test_the_file_lists_every_option_among_other_things() -> None:
    """Options are listed with key, lot, tick in paise and freeze quantity; no token is needed."""
    with open_desk() as desk:
        found = rows(desk)
        (row,) = [one for one in found if one["instrument_key"] == desk.key(CALL)]
    assert sum(one["instrument_type"] in ("CE", "PE") for one in found) == 2 * len(STRIKES)
    assert {one["segment"] for one in found} >= {"NSE_INDEX", "NSE_EQ", "NSE_FO"}
    assert (row["strike_price"], row["lot_size"], row["tick_size"]) == (24500.0, 65, 5.0)
    assert (
        row["trading_symbol"] == "NIFTY 24500 CE 22 SEP 26" and row["underlying_key"] == "NSE_INDEX|Nifty 50"
    )


def test_the_file_is_the_same_each_time_and_others_are_not_there() -> None:
    """The file's bytes do not change while nothing new is listed; an unknown file is a 404."""
    with open_desk() as desk:
        assert desk.http.get(f"{PATH}/NSE.json.gz").content == desk.http.get(f"{PATH}/NSE.json.gz").content
        assert desk.refused(desk.http.get(f"{PATH}/XYZ.json.gz")) == (404, "UDAPI100060")
