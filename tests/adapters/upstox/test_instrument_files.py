"""Which contracts are traded today is told by today's file alone, and it must agree with the dated rules."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.fakes import NIFTY, TS, shipped_rules
from volguard.adapters.upstox.instrument_files import instrument_path, read_master, todays_master
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.adapters.upstox.times import expiry_ms
from volguard.model.errors import DataError, TryLater

CONTRACTS = shipped_rules().contracts


def rows(**changes: Any) -> list[dict[str, Any]]:
    """The nearest expiries as the rules list them, three strikes each."""
    found: list[dict[str, Any]] = []
    for expiry in CONTRACTS.expiries(NIFTY, TS.date()):
        for strike in (24500, 24550, 24600):
            for kind in ("CE", "PE"):
                row = {
                    "segment": "NSE_FO",
                    "exchange": "NSE",
                    "name": "NIFTY",
                    "instrument_type": kind,
                    "instrument_key": f"NSE_FO|{len(found) + 1}",
                    "exchange_token": str(len(found) + 1),
                    "trading_symbol": f"NIFTY {strike} {kind}",
                    "expiry": expiry_ms(expiry.day),
                    "strike_price": float(strike),
                    "lot_size": CONTRACTS.lot_size(NIFTY, TS.date(), expiry.day),
                    "minimum_lot": CONTRACTS.lot_size(NIFTY, TS.date(), expiry.day),
                    "freeze_quantity": float(CONTRACTS.freeze_quantity(NIFTY, TS.date())),
                    "tick_size": float(CONTRACTS.tick(NIFTY, TS.date()) * 100),
                    "underlying_key": "NSE_INDEX|Nifty 50",
                    "asset_key": "NSE_INDEX|Nifty 50",
                    "underlying_symbol": "NIFTY",
                    "underlying_type": "INDEX",
                }
                found.append(row | changes)
    return found


def payload(**changes: Any) -> bytes:
    return gzip.compress(json.dumps(rows(**changes)).encode())


class Fetch:
    """A broker that gives one file, and counts how often it is asked."""

    def __init__(self, content: bytes) -> None:
        self.content, self.count = content, 0

    def __call__(self) -> bytes:
        self.count += 1
        return self.content


def today(data: Path, fetch: Fetch, now: datetime = TS) -> InstrumentMaster:
    return todays_master(data, fetch, underlying=NIFTY, contracts=CONTRACTS, now=now, note=lambda _text: None)


def test_today_s_file_is_fetched_once(tmp_path: Path) -> None:
    """The second session of the day reads what is there."""
    fetch = Fetch(payload())
    first, second = today(tmp_path, fetch), today(tmp_path, fetch)
    assert fetch.count == 1
    assert first.digest == second.digest and len(first.options) == len(rows())
    assert instrument_path(tmp_path, TS.date()).read_bytes() == fetch.content


def test_yesterday_s_file_does_not_stand_in(tmp_path: Path) -> None:
    """Lots change overnight: an older file is never used for today."""
    yesterday = instrument_path(tmp_path, TS.date() - timedelta(days=1))
    yesterday.parent.mkdir(parents=True)
    yesterday.write_bytes(payload())
    fetch = Fetch(payload())
    today(tmp_path, fetch)
    assert fetch.count == 1


def test_before_the_day_s_file_is_made_there_is_none(tmp_path: Path) -> None:
    """At five in the morning the broker still serves yesterday's."""
    fetch = Fetch(payload())
    with pytest.raises(TryLater, match="not made yet"):
        today(tmp_path, fetch, TS.replace(hour=5, minute=59))
    assert fetch.count == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"lot_size": 50}, "lot size"),
        ({"freeze_quantity": 900.0}, "freeze quantity"),
        ({"tick_size": 10.0}, "tick"),
    ],
)
def test_a_file_that_disagrees_with_the_rules_is_refused(
    tmp_path: Path, change: dict[str, Any], word: str
) -> None:
    """A wrong lot would sell the wrong amount: no session starts, the file is kept to be looked at."""
    with pytest.raises(DataError, match=word):
        today(tmp_path, Fetch(payload(**change)))
    assert instrument_path(tmp_path, TS.date()).is_file()


def test_a_torn_file_takes_no_place(tmp_path: Path) -> None:
    """What cannot be read is not stored as today's file: the next try fetches again."""
    with pytest.raises(DataError):
        today(tmp_path, Fetch(payload()[:100]))
    assert not instrument_path(tmp_path, TS.date()).exists()


def test_a_file_that_is_not_there_names_the_command(tmp_path: Path) -> None:
    """The error says which file and how to get it."""
    with pytest.raises(DataError, match="NSE-2026-09-16") as caught:
        read_master(instrument_path(tmp_path, TS.date()), NIFTY)
    assert "volguard data instruments" in caught.value.hint
