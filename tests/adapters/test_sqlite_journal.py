"""The journal takes a step whole or not at all, keeps what it took, and lets one writer in."""

from __future__ import annotations

import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from tests.adapters.journal_samples import (
    STARTED,
    STATE,
    TS,
    SmallState,
    entry_decision,
    small_listing,
    small_snapshot,
    write_session,
    written,
)
from volguard.adapters.journal_chain import GENESIS, anchor_path, read_anchors
from volguard.adapters.journal_codec import CHECKPOINT_KIND, EVENT_KINDS, SNAPSHOT_KIND, decode_as
from volguard.adapters.journal_open import SCHEMA
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.journal_verify import verify
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.errors import (
    ConfigError,
    InvariantBroken,
    JournalDamaged,
    JournalWriteFailed,
    LockHeld,
    UsageError,
)
from volguard.model.event import DecisionMade, KillSwitchSeen, MarketSnapshot

ROOT = Path(__file__).parents[2]
SEEN = KillSwitchSeen(ts=TS, present=True)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "replay-2025-08-29-1.db"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal.open(path, create=True)
    yield opened
    opened.close()


def test_rows_come_in_the_order_event_records_effects_without_a_gap(journal: SqliteJournal) -> None:
    write_session(journal)
    rows = list(journal.rows())
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.kind for row in rows][:4] == [
        "SessionStarted",
        "StateChanged",
        "MarketSnapshot",
        "MarketSeen",
    ]
    assert [row.kind for row in rows][8:12] == ["KillSwitchSeen", "DecisionMade", "TradeChanged", "Place"]
    assert journal.head == (rows[-1].seq, rows[-1].hash)


def test_rows_can_be_asked_for_by_kind_place_and_count(journal: SqliteJournal) -> None:
    write_session(journal)
    shots = list(journal.rows(kinds=(SNAPSHOT_KIND,)))
    assert len(shots) == 3
    assert list(journal.rows(after=shots[0].seq, kinds=(SNAPSHOT_KIND,), limit=1)) == [shots[1]]
    assert list(journal.rows(kinds=())) == []


def test_nothing_is_written_before_the_commit(journal: SqliteJournal, path: Path) -> None:
    assert journal.append(STARTED) == 1
    with JournalReader.open(path) as reader:
        assert reader.head == (0, GENESIS)
    journal.commit(1, [], [], durable=True)
    with JournalReader.open(path) as reader:
        assert reader.head == journal.head


def test_events_come_back_whole_with_one_listing_for_all_snapshots_over_it(path: Path) -> None:
    with JournalReader.open(written(path)) as reader:
        events = dict(reader.events())
        shots = [event.snapshot for event in events.values() if isinstance(event, MarketSnapshot)]
        assert events[1] == STARTED
        assert all(row.kind in EVENT_KINDS for row in reader.rows() if row.seq in events)
    assert len({id(shot.listing) for shot in shots}) == 1
    for number, shot in enumerate(shots):
        np.testing.assert_array_equal(shot.bid, small_snapshot(number).bid)
        assert shot.ts == small_snapshot(number).ts


def test_a_changed_listing_is_stored_anew_and_an_equal_one_is_not(journal: SqliteJournal) -> None:
    wider = small_listing((24400.0, 24500.0, 24600.0, 24700.0))
    for listing in (small_listing(), small_listing(), wider, wider):
        shot = small_snapshot(0, listing)
        journal.commit(journal.append(MarketSnapshot(ts=TS, snapshot=shot)), [], [], durable=False)
    stored = journal.connection.execute("SELECT seq, listing_seq FROM market ORDER BY seq").fetchall()
    assert stored == [(1, 1), (2, 1), (3, 3), (4, 3)]
    assert len(journal.snapshot(2).listing) == 12 and len(journal.snapshot(4).listing) == 16


def test_a_second_start_goes_on_from_the_head_and_knows_the_listing(path: Path) -> None:
    written(path)
    with JournalReader.open(path) as reader:
        head = reader.head
    again = SqliteJournal.open(path)
    assert again.head == head
    seq = again.append(MarketSnapshot(ts=TS, snapshot=small_snapshot(9)))
    again.commit(seq, [], [], durable=False)
    stored = again.connection.execute("SELECT listing_seq FROM market WHERE seq = ?", (seq,)).fetchone()
    again.close()
    assert seq == head[0] + 1 and stored == (3,)
    assert verify(path).ok


def test_a_checkpoint_holds_the_state_to_the_last_bit_and_anchors_the_head(journal: SqliteJournal) -> None:
    assert journal.last_checkpoint() is None
    journal.checkpoint(TS, STATE)
    row = journal.last_checkpoint()
    assert row is not None and row.kind == CHECKPOINT_KIND
    assert decode_as(SmallState, row.body) == STATE
    (anchor,) = read_anchors(anchor_path(journal.path))
    assert (anchor.seq, anchor.hash) == journal.head == (row.seq, row.hash)


def test_an_anchor_cut_short_by_a_crash_is_replaced_by_the_next(journal: SqliteJournal) -> None:
    journal.checkpoint(TS, STATE)
    with anchor_path(journal.path).open("a") as file:
        file.write("2 abc")
    assert len(read_anchors(anchor_path(journal.path))) == 1
    journal.checkpoint(TS, STATE)
    assert [anchor.seq for anchor in read_anchors(anchor_path(journal.path))] == [1, 2]


def test_only_a_durable_commit_waits_for_the_disk(journal: SqliteJournal) -> None:
    said: list[str] = []
    journal.connection.set_trace_callback(said.append)
    levels = []
    for durable in (False, True, True, False):
        journal.commit(journal.append(SEEN), [], [], durable=durable)
        levels.append(journal.connection.execute("PRAGMA synchronous").fetchone()[0])
    journal.connection.set_trace_callback(None)
    assert levels == [1, 2, 2, 1]  # NORMAL, FULL: in WAL mode FULL syncs the log at each commit
    assert journal.connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    switches = [i for i, line in enumerate(said) if line.startswith("PRAGMA synchronous =")]
    begins = [i for i, line in enumerate(said) if line.startswith("BEGIN")]
    assert len(switches) == 3 and all(i + 1 in begins for i in switches)  # never inside a transaction


def test_the_order_of_append_and_commit_is_kept(journal: SqliteJournal) -> None:
    with pytest.raises(InvariantBroken, match="row 1 is committed but none is staged"):
        journal.commit(1, [], [], durable=False)
    journal.append(SEEN)
    with pytest.raises(InvariantBroken, match="row 1 is staged"):
        journal.append(SEEN)
    with pytest.raises(InvariantBroken, match="row 1 is staged"):
        journal.checkpoint(TS, STATE)
    with pytest.raises(InvariantBroken, match="row 2 is committed but 1 is staged"):
        journal.commit(2, [], [], durable=False)
    journal.commit(1, [], [], durable=False)
    assert journal.head[0] == 1


@contextmanager
def file_size_limited(limit_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_file_that_may_not_grow_loses_nothing_and_takes_no_half_step(
    journal: SqliteJournal, path: Path
) -> None:
    write_session(journal)
    head = journal.head
    log = path.with_name(f"{path.name}-wal")
    decision = DecisionMade(decision=entry_decision())
    with file_size_limited(log.stat().st_size + 2000):
        seq = journal.append(SEEN)
        with pytest.raises(JournalWriteFailed, match=r"replay-2025-08-29-1\.db could not be written: disk"):
            journal.commit(seq, [decision] * 40, [], durable=True)
    assert journal.head == head
    assert verify(path).rows == head[0] and verify(path).ok
    journal.commit(journal.append(SEEN), [decision], [], durable=True)  # the disk was freed
    assert verify(path).rows == head[0] + 2 and verify(path).ok


def test_a_full_disk_says_so_and_rolls_back(journal: SqliteJournal, path: Path) -> None:
    write_session(journal)
    head = journal.head
    pages = journal.connection.execute("PRAGMA page_count").fetchone()[0]
    journal.connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(JournalWriteFailed, match="database or disk is full") as failure:
        for number in range(200):
            seq = journal.append(MarketSnapshot(ts=TS, snapshot=small_snapshot(number)))
            journal.commit(seq, [], [], durable=False)
            head = journal.head
    assert failure.value.exit_code == 1 and "what was committed before is intact" in failure.value.hint
    assert journal.head == head and verify(path).ok and verify(path).rows == head[0]


def test_an_anchor_that_cannot_be_written_is_a_failed_write(journal: SqliteJournal, path: Path) -> None:
    journal.commit(journal.append(SEEN), [], [], durable=True)
    anchor_path(path).mkdir()
    with pytest.raises(JournalWriteFailed, match="could not be written"):
        journal.anchor()


WRITER = """
import sys
from pathlib import Path
sys.path.insert(0, "tests/adapters")
from tests.adapters.journal_samples import TS, entry_decision, small_snapshot
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.event import DecisionMade, MarketSnapshot
journal = SqliteJournal.open(Path(sys.argv[1]), create=True)
for number in range(1_000_000):
    seq = journal.append(MarketSnapshot(ts=TS, snapshot=small_snapshot(number)))
    journal.commit(seq, [DecisionMade(decision=entry_decision())] * 3, [], durable=number % 7 == 0)
    print(seq, flush=True)
"""


@pytest.mark.parametrize("steps", [1, 40, 331])
def test_a_process_killed_in_mid_write_leaves_whole_steps_only(path: Path, steps: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as writer:
        assert writer.stdout is not None
        seen = [int(writer.stdout.readline()) for _ in range(steps)]
        with pytest.raises(LockHeld, match=f"process {writer.pid}"):
            SqliteJournal.open(path)
        writer.kill()
        seen += [int(line) for line in writer.stdout if line.endswith("\n")]
    found = verify(path)  # reads what the dead writer left in its log
    assert found.ok and found.rows % 4 == 0 and found.rows >= seen[-1] + 3
    again = SqliteJournal.open(path)
    assert again.head == (found.rows, found.head_hash)
    assert [row.kind for row in again.rows(after=found.rows - 4)] == ["MarketSnapshot"] + ["DecisionMade"] * 3
    again.commit(again.append(SEEN), [], [], durable=True)
    again.close()
    assert verify(path).rows == found.rows + 1


def test_a_reader_needs_no_lock_and_changes_no_byte(path: Path) -> None:
    writer = SqliteJournal.open(path, create=True)
    write_session(writer)
    before = path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()
    with JournalReader.open(path) as reader:
        assert reader.head == writer.head
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            reader.connection.execute("DELETE FROM events")
    assert (path.read_bytes(), path.with_name(f"{path.name}-wal").read_bytes()) == before
    writer.close()


def test_a_journal_of_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    _set_schema(written(path), "7")
    before = path.read_bytes()
    names = sorted(file.name for file in path.parent.iterdir())
    path.with_name(f"{path.name}.lock").unlink()
    for opening in (lambda: SqliteJournal.open(path, create=True), lambda: JournalReader.open(path)):
        with pytest.raises(ConfigError) as refusal:
            opening()
        assert refusal.value.exit_code == 2
        assert refusal.value.message == (
            f"journal {path} has schema version 7, this program knows up to {SCHEMA}"
        )
    assert path.read_bytes() == before
    assert f"{path.name}.lock" in names and not path.with_name(f"{path.name}.lock").exists()


def test_a_missing_journal_is_not_made_unless_asked(path: Path) -> None:
    for opening in (SqliteJournal.open, JournalReader.open, verify):
        with pytest.raises(UsageError, match=r"replay-2025-08-29-1\.db does not exist"):
            opening(path)
    assert list(path.parent.iterdir()) == []


def test_a_file_that_is_no_journal_is_not_written_to(path: Path) -> None:
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(JournalDamaged, match="not a readable journal") as damage:
        SqliteJournal.open(path, create=True)
    assert damage.value.exit_code == 9 and path.read_bytes().startswith(b"not a database")


def test_an_empty_file_is_what_a_session_that_never_began_left(path: Path) -> None:
    path.touch()
    with pytest.raises(UsageError, match="is empty"):
        JournalReader.open(path)
    SqliteJournal.open(path, create=True).close()
    assert verify(path).ok


def test_a_writer_does_not_go_on_from_an_altered_or_cut_off_end(path: Path) -> None:
    with sqlite3.connect(written(path)) as connection:
        connection.execute("UPDATE events SET body = '{}' WHERE seq = (SELECT max(seq) FROM events)")
    connection.close()
    with pytest.raises(JournalDamaged, match="was altered"):
        SqliteJournal.open(path)
    with sqlite3.connect(path) as connection:
        connection.execute("DELETE FROM events WHERE seq >= (SELECT max(seq) - 1 FROM events)")
    connection.close()
    with pytest.raises(JournalDamaged, match="its anchor file knows row"):
        SqliteJournal.open(path)


def test_market_data_that_do_not_fit_their_row_are_not_handed_out(path: Path) -> None:
    with sqlite3.connect(written(path)) as connection:
        connection.execute("UPDATE market SET blob = (SELECT blob FROM market WHERE seq = 7) WHERE seq = 5")
    connection.close()
    with JournalReader.open(path) as reader:
        with pytest.raises(JournalDamaged, match="market data of row 5"):
            reader.snapshot(5)
        with pytest.raises(UsageError, match="row 1 holds no snapshot"):
            reader.snapshot(1)


def _set_schema(path: Path, version: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", (version,))
    connection.close()
