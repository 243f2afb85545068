"""One writer per journal, by the kernel's word."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from volguard.adapters.lock import JournalLock, lock_path
from volguard.model.errors import LockHeld, UsageError

ROOT = Path(__file__).parents[2]
HOLDER = """
import sys, time
from pathlib import Path
from volguard.adapters.lock import JournalLock
lock = JournalLock.take(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_process_is_turned_away_by_name_and_let_in_once_the_first_is_dead(tmp_path: Path) -> None:
    journal = tmp_path / "a.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(journal)], stdout=subprocess.PIPE, cwd=ROOT, text=True
    ) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with pytest.raises(LockHeld, match=rf"a\.db is in use by process {holder.pid}") as refusal:
            JournalLock.take(journal)
        assert refusal.value.exit_code == 79
        holder.kill()
    JournalLock.take(journal).release()


def test_a_lock_left_behind_by_a_dead_process_locks_nobody_out(tmp_path: Path) -> None:
    lock_path(tmp_path / "a.db").write_text("4194305\n")
    JournalLock.take(tmp_path / "a.db").release()


def test_a_lock_is_exclusive_and_may_be_released_twice(tmp_path: Path) -> None:
    lock = JournalLock.take(tmp_path / "a.db")
    with pytest.raises(LockHeld):
        JournalLock.take(tmp_path / "a.db")
    lock.release()
    lock.release()
    JournalLock.take(tmp_path / "a.db").release()


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere/a\.db\.lock cannot be opened"):
        JournalLock.take(tmp_path / "nowhere" / "a.db")
