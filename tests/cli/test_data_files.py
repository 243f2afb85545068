"""`volguard data list`, `bhavcopy`, `merge`: files of this machine, as an operator types it."""

from __future__ import annotations

import signal
import time
from datetime import date, timedelta
from pathlib import Path

import pyarrow.parquet as pq

from tests.adapters.bhavcopy_samples import NEW_YEAR, legacy, udiff, udiff_line, zipped
from tests.adapters.journal_samples import TS
from tests.adapters.test_recording import recorded
from tests.cli.command import finish, start, volguard


def test_a_morning_of_imports(fresh_root: Path) -> None:
    """Import, list, import again, verify: counts, years and states, all in JSON and in words."""
    inbox = fresh_root / "in"
    inbox.mkdir()
    zipped(udiff(inbox)), legacy(inbox)
    done = volguard("data", "bhavcopy", str(inbox), "--json", root=fresh_root)
    assert done.code == 0, done.err
    told = done.document
    assert told["schema"] == "volguard.data_bhavcopy/1"
    assert (told["totals"]["files"], told["totals"]["days_added"], told["totals"]["days_there"]) == (3, 1, 2)
    assert [(year["underlying"], year["days"], year["rows"]) for year in told["years"]] == [("NIFTY", 1, 3)]
    again = volguard("data", "bhavcopy", str(inbox), root=fresh_root)
    assert (again.code, "days: 3 there" in again.out) == (0, True)
    listed = volguard("data", "list", "--verify", "--json", root=fresh_root)
    assert [(file["path"], file["state"]) for file in listed.document["files"]] == [
        ("bhavcopy/NIFTY/2024.parquet", "same")
    ]
    year = fresh_root / "data" / "bhavcopy" / "NIFTY" / "2024.parquet"
    year.write_bytes(year.read_bytes() + b"x")
    listed = volguard("data", "list", "--verify", root=fresh_root)
    assert (listed.code, "changed" in listed.out) == (3, True)


def test_a_refused_file_is_exit_2_with_its_line(fresh_root: Path) -> None:
    """The fault is told with line and column; with nothing to import the call itself is refused."""
    bad = udiff(fresh_root, udiff_line(NEW_YEAR, 24000).replace(",CE,", ",XX,", 1))
    done = volguard("data", "bhavcopy", str(bad), "--json", root=fresh_root)
    assert done.code == 2
    assert done.document["files"][0]["faults"] == ["line 2, column OptnTp: 'XX', known are CE and PE"]
    empty = fresh_root / "empty"
    empty.mkdir()
    done = volguard("data", "bhavcopy", str(empty), "--json", root=fresh_root)
    assert (done.code, done.out) == (2, "")
    assert "no .csv or .zip file" in done.error["error"]


def test_ctrl_c_stores_what_was_read_and_is_exit_130(fresh_root: Path) -> None:
    """Interrupted among many files the import ends at once, says so, and leaves only whole files."""
    inbox = fresh_root / "in"
    inbox.mkdir()
    for number in range(300):
        day = date(2024, 1, 1) + timedelta(days=number)
        udiff(inbox, *(udiff_line(day, strike) for strike in range(20000, 26000, 50)), day=day)
    process = start("data", "bhavcopy", str(inbox), "--json", root=fresh_root)
    year = fresh_root / "data" / "bhavcopy" / "NIFTY" / "2024.parquet"
    deadline = time.monotonic() + 60
    while not year.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    done = finish(process)
    assert done.code == 130, done.err
    assert done.document["interrupted"] is True
    files = done.document["totals"]["files"]
    assert 25 <= files < 300
    assert pq.read_table(year).num_rows == 120 * files
    assert volguard("data", "list", "--verify", "--json", root=fresh_root).code == 0


def test_a_killed_recording_is_merged(fresh_root: Path) -> None:
    """Parts that a killed process left become a file that inspect finds fit; a second call finds nothing."""
    recordings = fresh_root / "data" / "recordings"
    for numbers in ((0, 1, 2), (3, 4)):
        path = recorded(recordings, *numbers)
    done = volguard("data", "merge", "--json", root=fresh_root)
    assert done.code == 0, done.err
    (file,) = done.document["files"]
    assert (file["path"], file["snapshots"], file["first"]) == (str(path), 5, TS.isoformat())
    inspected = volguard("data", "inspect", str(path), "--json")
    assert (inspected.document["problems"], inspected.document["quantity_unit"]) == ([], "units")
    assert "nothing to merge" in volguard("data", "merge", root=fresh_root).out


def test_without_a_broker_the_call_can_be_made_later(fresh_root: Path) -> None:
    """Nobody answers at the address: exit 75, one error, nothing written."""
    for words in (("instruments",), ("history",), ("chain",), ("chain", "--record")):
        done = volguard("data", *words, "--base-url", "http://127.0.0.1:9", "--json", root=fresh_root)
        assert (done.code, done.out) == (75, ""), done.err
        assert "no look-alike answers at http://127.0.0.1:9" in done.error["error"]
    assert not (fresh_root / "data").exists()


def test_options_that_do_not_belong_together_are_refused(fresh_root: Path) -> None:
    """--until without --record, and --expiry with it, are mistakes that are told."""
    for words, why in (
        (("chain", "--until", "15:00"), "--until and --cadence belong to --record"),
        (("chain", "--record", "--expiry", "2026-09-22"), "--expiry belongs to the chain that is shown"),
    ):
        done = volguard("data", *words, "--json", root=fresh_root)
        assert (done.code, done.error["error"]) == (2, why)
