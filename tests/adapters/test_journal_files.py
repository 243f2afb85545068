"""Where journals lie: numbered per source and date, the newest found without being told."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from volguard.adapters.journal_files import newest_journal, next_session_path, session_paths
from volguard.model.errors import UsageError

DAY = date(2025, 8, 29)


def test_sessions_are_in_order_of_their_number(tmp_path: Path) -> None:
    """Ten comes after nine; other sources, dates and side files do not count."""
    for name in (
        "replay-2025-08-29-10.db",
        "replay-2025-08-29-9.db",
        "replay-2025-08-29-9.db-wal",
        "replay-2025-08-29-9.db.anchor",
        "replay-2025-08-28-11.db",
        "simulator-2025-08-29-12.db",
        "replay-2025-08-29-x.db",
    ):
        (tmp_path / name).touch()
    assert [path.name for path in session_paths(tmp_path, "replay", DAY)] == [
        "replay-2025-08-29-9.db",
        "replay-2025-08-29-10.db",
    ]
    assert next_session_path(tmp_path, "replay", DAY).name == "replay-2025-08-29-11.db"
    assert next_session_path(tmp_path, "upstox", DAY).name == "upstox-2025-08-29-1.db"


def test_the_first_session_of_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """Nothing is created by asking."""
    folder = tmp_path / "journal"
    assert next_session_path(folder, "replay", DAY) == folder / "replay-2025-08-29-1.db"
    assert not folder.exists()


def test_a_name_is_never_a_pattern(tmp_path: Path) -> None:
    """A source's name is taken letter by letter."""
    (tmp_path / "rXplay-2025-08-29-3.db").touch()
    assert session_paths(tmp_path, "r.play", DAY) == ()


def test_the_newest_is_the_one_written_last(tmp_path: Path) -> None:
    """By time of writing, by name where that is the same; folders are no journals."""
    for name, second in (("b.db", 20), ("a.db", 30), ("c.db", 10)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (second, second))
    (tmp_path / "z.db").mkdir()
    assert newest_journal(tmp_path).name == "a.db"
    os.utime(tmp_path / "b.db", (30, 30))
    assert newest_journal(tmp_path).name == "b.db"


@pytest.mark.parametrize("is_there", [True, False])
def test_no_journal_says_what_to_do(tmp_path: Path, is_there: bool) -> None:
    """An empty or missing folder is a usage error with a hint."""
    folder = tmp_path if is_there else tmp_path / "none"
    with pytest.raises(UsageError, match="no journal in") as caught:
        newest_journal(folder)
    assert "--journal" in caught.value.hint and caught.value.exit_code == 2
