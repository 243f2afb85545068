"""The day's instrument file: fetched once, compared with the dated rules, the last ten kept."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from tests.adapters.upstox.test_instrument_files import payload, rows
from tests.fakes import NIFTY, TS, call, shipped_rules
from tests.operations.data_parts import desk_at, unreachable
from volguard.adapters.manifest import FileState, Manifest
from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.errors import DataError, TryLater
from volguard.model.instrument import Underlying
from volguard.operations.data_instruments import (
    InstrumentsFetched,
    fetch_instruments,
    instruments_document,
    master_of_today,
    other_underlyings,
)

RULES = shipped_rules()
TODAY = TS.date()
ASSETS = "https://assets.upstox.com"
BANK = Underlying("BANKNIFTY")


@dataclass
class Fetch:
    """A broker that gives one file, and counts how often it is asked."""

    content: bytes
    count: int = 0

    def __call__(self) -> bytes:
        self.count += 1
        return self.content


def fetched(data: Path, fetch: Fetch, now: datetime = TS, *, force: bool = False) -> InstrumentsFetched:
    return fetch_instruments(desk_at(data, now=now), fetch, NIFTY, [BANK], RULES, source=ASSETS, force=force)


def test_the_days_file_is_fetched_once(tmp_path: Path) -> None:
    """The first call fetches and keeps the bytes as they came, the second finds them, force fetches anew."""
    fetch = Fetch(payload())
    first, second = fetched(tmp_path, fetch), fetched(tmp_path, fetch)
    assert first.path == tmp_path / "instruments" / f"NSE-{TODAY}.json.gz"
    assert first.path.read_bytes() == fetch.content
    assert (first.is_new, second.is_new, fetch.count) == (True, False, 1)
    assert fetched(tmp_path, fetch, force=True).is_new and fetch.count == 2
    (entry,) = Manifest(tmp_path).entries()
    assert (entry.kind, entry.instrument, entry.first, entry.rows, entry.source) == (
        *("instruments", "NSE", TODAY.isoformat(), len(rows()), ASSETS),
    )
    assert Manifest(tmp_path).state_of(entry) is FileState.SAME


def test_a_file_that_agrees_is_exit_0(tmp_path: Path) -> None:
    """Lots, freeze quantities, ticks, steps and expiries as the dated rules have them."""
    result = fetched(tmp_path, Fetch(payload()))
    document = instruments_document(result, desk_at(tmp_path))
    assert (result.exit_code, document["agrees"], document["fetched"]) == (0, True, True)
    (told,) = document["underlyings"]
    assert told["differences"] == []
    assert told["expiries"][:2] == [day.day.isoformat() for day in RULES.contracts.expiries(NIFTY, TODAY)[:2]]


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"lot_size": 75, "minimum_lot": 75}, "lot size was 75 in the file, 65 by the rules"),
        ({"freeze_quantity": 2800.0}, "freeze quantity was 2800 in the file, 1800 by the rules"),
        ({"tick_size": 10.0}, "tick was 0.1 in the file, 0.05 by the rules"),
    ],
)
def test_a_file_that_disagrees_is_kept_and_exit_3(
    tmp_path: Path, changes: dict[str, float], difference: str
) -> None:
    """Each difference is told, whenever the command is run; who is right is for a person to see."""
    fetch = Fetch(payload(**changes))
    for result in (fetched(tmp_path, fetch), fetched(tmp_path, fetch)):
        assert result.exit_code == 3
        assert any(difference in text for text in result.listed[0].differences)
        assert result.path.is_file()


@pytest.mark.parametrize("content", [b"", b"<html>", payload()[:-20], b"[]"])
def test_what_cannot_be_read_is_not_kept(tmp_path: Path, content: bytes) -> None:
    """A torn download, a page of words, an empty list: refused, and an older file stays as it is."""
    whole = Fetch(payload())
    kept = fetched(tmp_path, whole).path
    with pytest.raises(DataError):
        fetched(tmp_path, Fetch(content), force=True)
    assert kept.read_bytes() == whole.content
    with pytest.raises(DataError):
        fetched(tmp_path / "other", Fetch(content))
    assert not (tmp_path / "other" / "instruments").exists()


def test_a_broker_that_is_away_changes_nothing(tmp_path: Path) -> None:
    """No answer: an error to try again later, and nothing is written."""
    with pytest.raises(ApiFailure) as failed:
        fetch_instruments(
            desk_at(tmp_path, now=TS), unreachable, NIFTY, [], RULES, source=ASSETS, force=False
        )  # type: ignore[arg-type]
    assert failed.value.exit_code == 75
    assert list(tmp_path.iterdir()) == []


def test_before_six_the_days_file_is_not_made(tmp_path: Path) -> None:
    """At night the broker still has yesterday's file: it must not lie under today's date."""
    fetch = Fetch(payload())
    with pytest.raises(TryLater, match=f"the instrument file of {TODAY} is not made yet"):
        fetched(tmp_path, fetch, TS.replace(hour=5, minute=59))
    assert (fetch.count, fetched(tmp_path, fetch, TS.replace(hour=6, minute=0)).is_new) == (0, True)


def test_the_last_ten_are_kept(tmp_path: Path) -> None:
    """Older files go, with their rows; files of other names stay."""
    folder = tmp_path / "instruments"
    folder.mkdir()
    (folder / "mine.txt").write_text("kept")
    fetch = Fetch(payload())
    for number in range(12):
        result = fetched(tmp_path, fetch, TS + timedelta(days=number))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [
        *(f"NSE-{TODAY + timedelta(days=number)}.json.gz" for number in range(2, 12)),
        "mine.txt",
    ]
    assert [path.name for path in result.dropped] == [f"NSE-{TODAY + timedelta(days=1)}.json.gz"]
    assert len(Manifest(tmp_path).entries()) == 10


def test_on_a_holiday_the_next_session_is_compared(tmp_path: Path) -> None:
    """A weekend's file is that of the next session: its expiries are the ones to compare."""
    saturday = date(2026, 9, 19)
    result = fetched(tmp_path, Fetch(payload()), TS.replace(day=saturday.day))
    assert not any("not compared" in text for text in result.listed[0].differences)


def test_todays_master_is_read_or_fetched(tmp_path: Path) -> None:
    """Whoever needs today's keys takes the file that is there, and fetches it where it is not."""
    fetch = Fetch(payload())
    desk = desk_at(tmp_path, now=TS)
    first = master_of_today(desk, fetch, NIFTY, ASSETS)
    assert master_of_today(desk, fetch, NIFTY, ASSETS).digest == first.digest
    assert fetch.count == 1 and first.key_of(call(24500)) is not None


def test_other_underlyings_are_compared_where_the_file_lists_them(tmp_path: Path) -> None:
    """Another underlying of the rules is compared too; where the file has nothing of it, that is told."""
    result = fetched(tmp_path, Fetch(payload()))
    assert (result.absent, [one.underlying for one in result.listed]) == ((BANK,), [NIFTY])
    assert instruments_document(result, desk_at(tmp_path))["absent"] == ["BANKNIFTY"]
    bank = [
        row
        | {
            "instrument_key": f"{row['instrument_key']}0",
            "name": "BANKNIFTY",
            "underlying_key": "NSE_INDEX|Nifty Bank",
            "asset_key": "NSE_INDEX|Nifty Bank",
            "underlying_symbol": "BANKNIFTY",
        }
        for row in rows()
    ]
    both = fetched(tmp_path, Fetch(gzip.compress(json.dumps([*rows(), *bank]).encode())), force=True)
    assert (both.absent, [one.underlying for one in both.listed]) == ((), [NIFTY, BANK])
    assert both.exit_code == 3
    assert any("lot size was 65 in the file, 30 by the rules" in text for text in both.listed[1].differences)


def test_only_underlyings_with_a_known_key_are_others() -> None:
    """The traded one is none of the others, and neither is one that the broker's names are not known for."""
    assert other_underlyings("NIFTY", ["NIFTY", "FINNIFTY", "BANKNIFTY", "NIFTY"]) == ("BANKNIFTY",)
