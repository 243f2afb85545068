"""No byte of a journal can be altered, removed or cut off unnoticed."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adapters.journal_samples import TS, written
from volguard.adapters.journal_chain import GENESIS, anchor_path, row_hash
from volguard.adapters.journal_verify import verify
from volguard.adapters.journal_views import build_views
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.model.errors import ConfigError, UsageError
from volguard.model.event import KillSwitchSeen

TEXTS = ("ts_utc", "ts_ist", "kind", "body", "prev_hash", "hash")
ROWS = 23
SHOTS = (3, 5, 7)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = written(tmp_path_factory.mktemp("journal") / "a.db")
    build_views(path)
    return path


@pytest.fixture(scope="module")
def path(original: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    folder = tmp_path_factory.mktemp("copies")

    def fresh() -> Path:
        for file in folder.iterdir():
            file.unlink()
        shutil.copy(anchor_path(original), folder)
        return Path(shutil.copy(original, folder))

    return fresh


def edit(path: Path, statement: str, *values: object) -> Path:
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement, values).rowcount > 0
    return path


def test_an_untouched_journal_is_whole(original: Path) -> None:
    found = verify(original)
    assert found.ok and found.rows == ROWS and found.first_bad_seq is None and found.reason == ""
    with closing(sqlite3.connect(original)) as connection:
        assert connection.execute("SELECT hash FROM events WHERE seq = ?", (ROWS,)).fetchone() == (
            found.head_hash,
        )


@settings(max_examples=120, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(column=st.sampled_from(TEXTS), seq=st.integers(1, ROWS), place=st.floats(0, 1), bit=st.integers(0, 7))
def test_one_flipped_bit_in_any_column_of_any_row_is_found_there(
    path: Callable[[], Path], column: str, seq: int, place: float, bit: int
) -> None:
    copy = path()
    with closing(sqlite3.connect(copy)) as connection, connection:
        query = f"SELECT CAST({column} AS BLOB) FROM events WHERE seq = ?"
        cell = bytearray(connection.execute(query, (seq,)).fetchone()[0])
        cell[min(int(place * len(cell)), len(cell) - 1)] ^= 1 << bit
        connection.execute(f"UPDATE events SET {column} = CAST(? AS TEXT) WHERE seq = ?", (cell, seq))
    found = verify(copy)
    assert (found.ok, found.first_bad_seq, found.rows) == (False, seq, seq - 1)


@settings(max_examples=40, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(seq=st.sampled_from(SHOTS), place=st.floats(0, 1), bit=st.integers(0, 7))
def test_one_flipped_bit_in_the_market_data_is_found_at_its_row(
    path: Callable[[], Path], seq: int, place: float, bit: int
) -> None:
    copy = path()
    with closing(sqlite3.connect(copy)) as connection, connection:
        blob = bytearray(connection.execute("SELECT blob FROM market WHERE seq = ?", (seq,)).fetchone()[0])
        blob[min(int(place * len(blob)), len(blob) - 1)] ^= 1 << bit
        connection.execute("UPDATE market SET blob = ? WHERE seq = ?", (bytes(blob), seq))
    found = verify(copy)
    assert (found.ok, found.first_bad_seq) == (False, seq)


@settings(max_examples=150, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_of_the_file_is_found_or_changed_nothing(
    path: Callable[[], Path], original: Path, place: float, bit: int
) -> None:
    copy = path()
    content = bytearray(copy.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    copy.write_bytes(content)
    try:
        found = verify(copy)
    except (ConfigError, UsageError):
        return
    if found.ok:
        assert _dump(copy) == _dump(original)


@pytest.mark.parametrize(
    ("statement", "first_bad"),
    [
        ("DELETE FROM events WHERE seq = 9", 9),
        ("DELETE FROM events WHERE seq = 1", 1),
        ("DELETE FROM market WHERE seq = 5", 5),
        ("UPDATE market SET listing_seq = 5 WHERE seq = 5", 5),
        ("UPDATE market SET seq = 6 WHERE seq = 5", 5),
        ("UPDATE events SET seq = 1000 WHERE seq = 9", 9),
        ("UPDATE events SET body = CAST(body AS BLOB) WHERE seq = 4", 4),
        ("INSERT INTO market SELECT 4, listing_seq, blob FROM market WHERE seq = 3", 4),
        ("INSERT INTO market SELECT 99, listing_seq, blob FROM market WHERE seq = 3", 99),
        ("DELETE FROM events WHERE seq > 20", 21),
        ("UPDATE meta SET value = 'md5' WHERE key = 'hash_kind'", None),
        ("INSERT INTO meta VALUES ('note', 'x')", None),
        ("UPDATE decisions SET reason = 'x'", None),
        ("DELETE FROM fills", None),
        ("UPDATE meta SET value = '999' WHERE key = 'views_seq'", None),
        ("UPDATE meta SET value = 'zero' WHERE key = 'schema_version'", 1),
    ],
)
def test_every_edit_is_found_with_its_first_bad_row(
    path: Callable[[], Path], statement: str, first_bad: int | None
) -> None:
    found = verify(edit(path(), statement))
    assert not found.ok and found.first_bad_seq == first_bad and found.reason


def test_two_rows_that_change_places_are_found(path: Callable[[], Path]) -> None:
    copy = edit(path(), "UPDATE events SET seq = 1000 WHERE seq = 9")
    edit(copy, "UPDATE events SET seq = 9 WHERE seq = 10")
    edit(copy, "UPDATE events SET seq = 10 WHERE seq = 1000")
    assert verify(copy).first_bad_seq == 9


def test_a_tail_cut_off_names_the_first_row_that_an_anchor_knows_and_the_journal_lost(
    path: Callable[[], Path],
) -> None:
    copy = edit(path(), "DELETE FROM events WHERE seq = ?", ROWS)
    found = verify(copy)
    assert (found.ok, found.first_bad_seq, found.rows) == (False, ROWS, ROWS - 1)
    assert found.reason == f"rows {ROWS} to {ROWS} are cut off: an anchor knows them"


def test_a_history_written_anew_is_found_by_its_anchors_even_if_every_hash_fits(
    path: Callable[[], Path],
) -> None:
    copy = edit(path(), "UPDATE events SET body = replace(body, 'market_over', 'interrupted') WHERE seq = 21")
    _chain_again(copy)
    found = verify(copy)
    assert (found.ok, found.first_bad_seq) == (False, 21)
    assert "were written anew" in found.reason


def test_an_anchor_file_from_outside_is_believed_over_the_one_beside(
    path: Callable[[], Path], tmp_path: Path
) -> None:
    copy = path()
    kept = Path(shutil.copy(anchor_path(copy), tmp_path / "kept.anchor"))
    lines = anchor_path(copy).read_text().splitlines(keepends=True)
    anchor_path(copy).write_text(lines[0])
    edit(copy, "DELETE FROM events WHERE seq > 20")
    edit(copy, "DELETE FROM meta WHERE key = 'views_seq'")
    assert verify(copy).ok
    assert verify(copy, kept).first_bad_seq == 21
    with pytest.raises(UsageError, match=r"none\.anchor does not exist"):
        verify(copy, tmp_path / "none.anchor")


def test_an_anchor_file_that_went_away_or_is_unreadable_is_reported(path: Callable[[], Path]) -> None:
    copy = path()
    with anchor_path(copy).open("a") as file:
        file.write("not an anchor\n")
    assert "line 3 is not an anchor" in verify(copy).reason
    anchor_path(copy).unlink()
    found = verify(copy)
    assert not found.ok and found.reason.endswith("is missing, the journal was anchored")


@pytest.mark.parametrize("share", [0.15, 0.35, 0.5, 0.65])
def test_a_page_written_over_is_damage(path: Callable[[], Path], share: float) -> None:
    copy = path()
    content = bytearray(copy.read_bytes())
    start = int(share * len(content)) // 4096 * 4096
    content[start : start + 4096] = bytes(range(256)) * 16
    copy.write_bytes(content)
    found = verify(copy)
    assert not found.ok and found.reason


def test_a_file_that_is_no_database_is_damage(path: Callable[[], Path]) -> None:
    copy = path()
    copy.write_bytes(b"x" * 9000)
    found = verify(copy)
    assert (found.ok, found.rows, found.head_hash) == (False, 0, GENESIS)
    assert "not a readable journal" in found.reason


def test_a_session_continued_after_its_views_were_built_is_whole(path: Callable[[], Path]) -> None:
    copy = path()
    journal = SqliteJournal.open(copy)
    journal.commit(journal.append(KillSwitchSeen(ts=TS, present=True)), [], [], durable=True)
    assert verify(copy).rows == ROWS + 1 and verify(copy).ok
    journal.close()


def test_no_byte_can_wander_from_one_column_into_the_next() -> None:
    one = row_hash(GENESIS, 1, "a", "b", "c", b"d")
    assert one != row_hash(GENESIS, 1, "a|1:b", "", "c", b"d")
    assert one != row_hash(GENESIS, 1, "a", "b", "cd", b"")
    assert one != row_hash(GENESIS, 11, "a", "b", "c", b"d")


def _dump(path: Path) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        events = connection.execute("SELECT * FROM events ORDER BY seq").fetchall()
        return events + connection.execute("SELECT * FROM market ORDER BY seq").fetchall()


def _chain_again(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        prev = GENESIS
        for seq, utc, ist, kind, body in connection.execute(
            "SELECT seq, ts_utc, ts_ist, kind, body FROM events ORDER BY seq"
        ).fetchall():
            own = row_hash(prev, seq, utc, ist, kind, body.encode())
            connection.execute("UPDATE events SET prev_hash = ?, hash = ? WHERE seq = ?", (prev, own, seq))
            prev = own
