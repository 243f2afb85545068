"""The journal proves the day: any edit shows, and every decision comes out again."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from tests.cli.command import (
    CHAIN,
    DATA,
    REAL_DAY,
    SWITCHES_OFF,
    Day,
    Done,
    needs_real_day,
    together,
    volguard,
)

pytestmark = needs_real_day

DAMAGED = 9


@pytest.fixture
def copy(trading_day: Day, tmp_path: Path) -> Path:
    """A copy of the traded day's journal, to be damaged."""
    folder = tmp_path / "journal"
    shutil.copytree(trading_day.journal.parent, folder, ignore=shutil.ignore_patterns("*.sock"))
    return folder / trading_day.journal.name


@pytest.fixture(scope="module")
def proofs(trading_day: Day, tmp_path_factory: pytest.TempPathFactory) -> tuple[Done, Done]:
    """The day replayed from its journal, and the same day run once more beside it."""
    root = tmp_path_factory.mktemp("again")
    shutil.copytree(trading_day.root, root, dirs_exist_ok=True)
    journal = str(trading_day.journal)
    first, second = together(
        (("journal", "replay", "--json", "--journal", journal), None),
        ((*REAL_DAY, *SWITCHES_OFF, "--new-session", "--no-report"), root),
    )
    return first, second


@contextmanager
def edited(journal: Path) -> Iterator[sqlite3.Connection]:
    """The file open for an edit behind the program's back, all of it in the main file afterwards."""
    with closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        with connection:
            yield connection


def verify(journal: Path, *words: str) -> Done:
    return volguard("journal", "verify", "--json", "--journal", str(journal), *words)


def refuted(journal: Path, *words: str) -> int | None:
    """The first bad row of a journal that must be found damaged."""
    done = verify(journal, *words)
    assert done.code == DAMAGED, done.err
    assert done.document["ok"] is False
    assert done.document["reason"]
    first: int | None = done.document["first_bad_seq"]
    return first


def seq_of(day: Day, kind: str) -> int:
    found = day.rows(kind)
    return found[len(found) // 2][0]


def test_a_journal_as_it_was_written_is_whole(trading_day: Day) -> None:
    """`journal verify` finds an untouched journal whole, with the rows and head that the day told."""
    done = volguard("journal", "verify", "--json", root=trading_day.root)
    assert done.code == 0
    assert done.document["ok"] is True
    assert done.document["first_bad_seq"] is None
    assert done.document["rows"] == trading_day.document["journal"]["rows"]
    assert done.document["head_hash"] == trading_day.document["journal"]["head_hash"]


@pytest.mark.parametrize(
    "kind",
    ["SessionStarted", "MarketSnapshot", "DecisionMade", "FillBooked", "SessionEnded"],
)
def test_one_altered_byte_of_a_row_shows(trading_day: Day, copy: Path, kind: str) -> None:
    """One byte of any row's body altered is found, and the row is named."""
    seq = seq_of(trading_day, kind)
    with edited(copy) as connection:
        (body,) = connection.execute("SELECT body FROM events WHERE seq = ?", (seq,)).fetchone()
        at = len(body) // 2
        other = body[:at] + chr(ord(body[at]) ^ 1) + body[at + 1 :]
        connection.execute("UPDATE events SET body = ? WHERE seq = ?", (other, seq))
    assert refuted(copy) == seq


@pytest.mark.parametrize("column", ["ts_utc", "ts_ist", "kind", "prev_hash", "hash"])
def test_one_altered_byte_of_any_column_shows(trading_day: Day, copy: Path, column: str) -> None:
    """Times, kind and hashes of a row are covered as its body is."""
    seq = seq_of(trading_day, "OrderFilled")
    with edited(copy) as connection:
        (text,) = connection.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
        other = text[:-1] + chr(ord(text[-1]) ^ 1)
        connection.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (other, seq))
    assert refuted(copy) == seq


def test_one_altered_byte_of_market_data_shows(trading_day: Day, copy: Path) -> None:
    """The recorded chain of a snapshot belongs to its row."""
    seq = seq_of(trading_day, "MarketSnapshot")
    with edited(copy) as connection:
        (blob,) = connection.execute("SELECT blob FROM market WHERE seq = ?", (seq,)).fetchone()
        other = bytearray(blob)
        other[len(other) // 2] ^= 1
        connection.execute("UPDATE market SET blob = ? WHERE seq = ?", (bytes(other), seq))
    assert refuted(copy) == seq


def test_a_removed_row_shows(trading_day: Day, copy: Path) -> None:
    """A row taken out of the middle is missed by its number."""
    seq = seq_of(trading_day, "DecisionMade")
    with edited(copy) as connection:
        connection.execute("DELETE FROM events WHERE seq = ?", (seq,))
    assert refuted(copy) == seq


def test_a_tail_cut_off_behind_an_anchor_shows(trading_day: Day, copy: Path) -> None:
    """Rows cut off the end are missed against the anchor file, the journal's own or one kept elsewhere."""
    elsewhere = shutil.copy(f"{copy}.anchor", copy.parent.parent / "anchors")
    last = trading_day.document["journal"]["rows"] - 100
    with edited(copy) as connection:
        for table in ("events", "market"):
            connection.execute(f"DELETE FROM {table} WHERE seq > ?", (last,))
    assert refuted(copy) == last + 1
    Path(f"{copy}.anchor").unlink()
    assert refuted(copy, "--anchor", str(elsewhere)) == last + 1
    assert verify(copy).code == DAMAGED  # a journal that was anchored misses its anchors


def test_a_damaged_page_shows(copy: Path) -> None:
    """A page overwritten in the middle of the file is damage, not a crash."""
    with edited(copy):
        pass
    data = bytearray(copy.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 4096] = b"\xa5" * 4096
    copy.write_bytes(bytes(data))
    refuted(copy)


def test_an_empty_tail_of_the_file_shows(copy: Path) -> None:
    """A file cut short on disk is damage as well."""
    with edited(copy):
        pass
    data = copy.read_bytes()
    copy.write_bytes(data[: len(data) // 2])
    refuted(copy)


def test_replay_proves_every_decision_identical(trading_day: Day, proofs: tuple[Done, Done]) -> None:
    """`journal replay` runs every step again; each decision and checkpoint is byte for byte the same."""
    done = proofs[0]
    assert done.code == 0, done.err
    assert done.document["identical"] is True
    assert done.document["decisions"] == trading_day.document["decisions"]
    assert done.document["checkpoints"] == len(trading_day.rows("Checkpoint"))


def test_a_second_session_decides_the_same(trading_day: Day, proofs: tuple[Done, Done]) -> None:
    """The same input and settings give the same decisions; the new session has a file of its own."""
    again = proofs[1]
    assert again.code == 0, again.err
    assert again.document["session_id"] == "replay-2025-08-29-2"
    assert again.document["decisions_hash"] == trading_day.document["decisions_hash"]
    for key in ("fills", "trades", "open_positions", "refusals", "net_pnl_inr", "charges_inr"):
        assert without_tags(again.document[key]) == without_tags(trading_day.document[key])


def without_tags(value: object) -> object:
    if not isinstance(value, list):
        return value
    return [{key: held for key, held in row.items() if key != "tag"} for row in value]


def test_a_backtest_of_the_recorded_day_decides_as_its_session_did(
    waiting_day: Day, trading_day: Day
) -> None:
    """The same file through `backtest` and through SHADOW: every decision the same, byte for byte."""
    words = ("backtest", "--source", "chains", str(CHAIN), "--data", str(DATA), "--json")
    waiting, trading = together(
        (words, waiting_day.root), ((*words, *SWITCHES_OFF), trading_day.root), own_process=True
    )
    for done, day in ((waiting, waiting_day), (trading, trading_day)):
        assert done.code == 0, done.err
        assert done.document["decisions_hash"] == day.document["decisions_hash"]
        assert done.document["prices"] == "recorded" and done.document["sessions"] == 1
    assert waiting.document["decisions_hash"] != trading.document["decisions_hash"]
    assert Decimal(trading.document["charges_inr"]) > 0 and waiting.document["charges_inr"] == "0.00"
