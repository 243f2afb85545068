"""Stopping in the middle, politely or not, loses nothing and repeats nothing."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import (
    REAL_DAY,
    SHORT_DAY,
    SWITCHES_OFF,
    Day,
    Done,
    cut_short,
    finish,
    make_root,
    needs_real_day,
    row_count,
    rows_of,
    run_day,
    start,
    together,
    volguard,
    wait_for_rows,
)

pytestmark = needs_real_day

WORDS = (*REAL_DAY, *SWITCHES_OFF, "--no-report")
CRASH_POINTS = int(os.environ.get("VOLGUARD_CRASH_POINTS", "4"))
POINTS_PER_DAY = 4
SEED = 20250829
BATCHES = tuple(f"killed-{number}" for number in range(-(-CRASH_POINTS // POINTS_PER_DAY)))
CUT_BEFORE = ("HistoryLoaded", "OrderFilled")


def journal_in(root: Path) -> Path:
    return root / "journal" / "replay-2025-08-29-1.db"


def assert_same_day(done: Done, journal: Path, whole: Day) -> None:
    """A day that was interrupted ended as the day that was not, and its journal proves it."""
    assert done.code == 0, done.err
    document = done.document
    assert Path(document["journal"]["path"]) == journal
    assert document["snapshots"] == 292
    for key in ("decisions", "decisions_hash", "fills", "trades", "orders", "open_positions", "net_pnl_inr"):
        assert document[key] == whole.document[key], key
    placed = Counter(body["approved"]["request"]["tag"] for _, _, body in rows_of(journal, "Place"))
    assert set(placed.values()) == {1}
    verified, replayed = together(
        *((("journal", word, "--json", "--journal", str(journal)), None) for word in ("verify", "replay"))
    )
    assert (verified.code, verified.document["ok"]) == (0, True)
    assert replayed.document["identical"] is True, replayed.document
    assert replayed.document["decisions"] == document["decisions"]


def interrupted(root: Path) -> tuple[Done, Done, Done]:
    """A session stopped by Ctrl-C in the middle, its journal verified then, and the same command again."""
    process = start(*WORDS, root=root)
    assert wait_for_rows(process, journal_in(root), 500)
    process.send_signal(signal.SIGINT)
    stopped = finish(process)
    verified = volguard("journal", "verify", "--json", root=root)
    return stopped, verified, volguard(*WORDS, root=root)


def killed(root: Path, batch: int, last: int) -> tuple[int, Done]:
    """A session killed at several moments up to a row, and the same command to the end; kills that hit."""
    chance = random.Random(SEED + batch)  # a failing seed is SEED + batch
    points = sorted(chance.sample(range(1, int(last * 0.97)), min(POINTS_PER_DAY, CRASH_POINTS)))
    journal = journal_in(root)
    kills = 0
    for rows in points:
        process = start(*WORDS, root=root)
        if wait_for_rows(process, journal, max(rows, row_count(journal) + 1)):
            time.sleep(chance.uniform(0.0, 0.008))
            process.kill()
        kills += finish(process).code == -signal.SIGKILL
    return kills, volguard(*WORDS, root=root)


@pytest.fixture(scope="module")
def stories(trading_day: Day, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Any]]:
    """Root and outcome of the interrupted session and of every batch of killed ones, two at a time."""
    last = trading_day.document["journal"]["rows"]
    roots = {name: make_root(tmp_path_factory.mktemp(name)) for name in ("ctrl-c", *BATCHES)}
    with ThreadPoolExecutor(max_workers=2) as pool:
        told = {"ctrl-c": pool.submit(interrupted, roots["ctrl-c"])}
        told |= {name: pool.submit(killed, roots[name], n, last) for n, name in enumerate(BATCHES)}
        return {name: (roots[name], future.result()) for name, future in told.items()}


def test_ctrl_c_leaves_a_valid_journal_and_the_same_command_goes_on(
    stories: dict[str, tuple[Path, Any]], trading_day: Day
) -> None:
    """Ctrl-C ends with 130 after the event in hand, the journal whole; the same command ends the day."""
    root, (stopped, verified, ended) = stories["ctrl-c"]
    assert stopped.code == 130, stopped.err
    assert stopped.document["ended"] == "interrupted"
    assert stopped.document["snapshots"] < 292
    assert (verified.code, verified.document["rows"]) == (0, stopped.document["journal"]["rows"])
    assert "continuing replay-2025-08-29-1.db" in ended.err
    assert_same_day(ended, journal_in(root), trading_day)


@pytest.mark.parametrize("batch", BATCHES)
def test_kill_nine_at_any_moment_repeats_nothing(
    batch: str, stories: dict[str, tuple[Path, Any]], trading_day: Day
) -> None:
    """However often and wherever it is killed, restarting ends the day with the same decisions and orders."""
    root, (kills, ended) = stories[batch]
    assert kills >= 1, "every session ended before its kill"
    assert_same_day(ended, journal_in(root), trading_day)
    assert len(list(journal_in(root).parent.glob("*.db"))) == 1


def test_killed_before_the_first_row_starts_cleanly(fresh_root: Path, short_day: Day) -> None:
    """A session killed while it was still opening its journal leaves nothing in the way of the next one."""
    process = start(*SHORT_DAY, root=fresh_root)
    journal = fresh_root / "journal" / short_day.journal.name
    while not (journal.exists() or process.poll() is not None):
        time.sleep(0.0005)
    process.kill()
    assert finish(process).code == -signal.SIGKILL
    done = run_day(fresh_root, *SHORT_DAY)
    assert done.journal == journal
    assert done.document["decisions_hash"] == short_day.document["decisions_hash"]
    assert volguard("journal", "verify", root=fresh_root).code == 0


def test_killed_while_the_file_was_being_made_starts_cleanly(fresh_root: Path, short_day: Day) -> None:
    """A file that its maker had no time to finish, with SQLite's undo log beside it, is made anew."""
    journal = fresh_root / "journal" / short_day.journal.name
    journal.parent.mkdir()
    half_made(journal, fresh_root / "maker.db")
    done = run_day(fresh_root, *SHORT_DAY)
    assert done.journal == journal
    assert done.document["decisions_hash"] == short_day.document["decisions_hash"]


def half_made(journal: Path, maker: Path) -> None:
    """A database as a crash leaves it between its first write and its first commit."""
    with closing(sqlite3.connect(maker, isolation_level=None)) as connection:
        connection.execute("PRAGMA cache_size = 1")  # pages leave memory before the commit
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("CREATE TABLE half (made TEXT)")
        connection.executemany("INSERT INTO half VALUES (?)", [("x" * 4000,)] * 20)
        for ending in ("", "-journal"):
            shutil.copy(f"{maker}{ending}", f"{journal}{ending}")
        connection.execute("ROLLBACK")


@pytest.mark.parametrize("seq", [0, 3])
def test_a_journal_without_a_first_event_is_begun_anew(seq: int, short_day: Day, fresh_root: Path) -> None:
    """A journal that holds its tables and no row, or no history yet, is gone on with."""
    journal = cut_short(short_day, fresh_root, seq)
    done = run_day(fresh_root, *SHORT_DAY)
    assert done.journal == journal
    assert done.document["decisions_hash"] == short_day.document["decisions_hash"]


@pytest.fixture(scope="module")
def resumed(trading_day: Day, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    """The day gone on with after a power cut just before one event of each kind."""
    roots = {kind: make_root(tmp_path_factory.mktemp("cut")) for kind in CUT_BEFORE}
    for kind, root in roots.items():
        found = trading_day.rows(kind)
        cut_short(trading_day, root, found[len(found) // 2][0] - 1)
    return dict(zip(roots, together(*((WORDS, root) for root in roots.values())), strict=True))


@pytest.mark.parametrize("kind", CUT_BEFORE)
def test_a_crash_just_before_an_event_changes_nothing(
    kind: str, resumed: dict[str, Done], trading_day: Day
) -> None:
    """Wherever between two transactions the power went, the rest of the day comes out as it would have."""
    done = resumed[kind]
    assert done.code == 0, done.err
    assert "continuing replay-2025-08-29-1.db" in done.err
    for key in ("decisions_hash", "orders", "fills", "trades", "net_pnl_inr"):
        assert done.document[key] == trading_day.document[key], key


def test_an_ended_session_is_never_continued(short_day: Day, fresh_root: Path) -> None:
    """The same command after the close starts a session of its own, with a journal of its own."""
    shutil.copytree(short_day.journal.parent, fresh_root / "journal")
    again = run_day(fresh_root, *SHORT_DAY)
    assert again.journal.name == "simulator-2026-09-16-2.db"
    assert again.document["decisions_hash"] == short_day.document["decisions_hash"]


def test_other_settings_never_continue_an_unfinished_session(short_day: Day, fresh_root: Path) -> None:
    """An unfinished session under other settings is left alone, and the operator is told."""
    journal = cut_short(short_day, fresh_root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    rows = row_count(journal)
    done = run_day(fresh_root, *SHORT_DAY, "--set", "strategy.cool_down_s=301")
    assert done.journal.name == "simulator-2026-09-16-2.db"
    assert f"{journal.name} is unfinished but ran on other input or settings" in done.err
    assert row_count(journal) == rows


def test_a_session_on_another_source_hides_no_unfinished_one(short_day: Day, fresh_root: Path) -> None:
    """An unfinished session is continued although another source ran on the same day meanwhile."""
    journal = cut_short(short_day, fresh_root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    other = run_day(fresh_root, *SHORT_DAY, "--seed", "7")
    assert other.journal.name == "simulator-2026-09-16-2.db"
    again = run_day(fresh_root, *SHORT_DAY)
    assert again.journal == journal
    assert f"continuing {journal.name}" in again.err
    assert again.document["decisions_hash"] == short_day.document["decisions_hash"]


def test_a_new_session_leaves_the_unfinished_one_alone(short_day: Day, fresh_root: Path) -> None:
    """--new-session starts afresh beside an unfinished session of the same kind."""
    journal = cut_short(short_day, fresh_root, short_day.rows("MarketSnapshot")[-1][0] - 1)
    rows = row_count(journal)
    done = run_day(fresh_root, *SHORT_DAY, "--new-session")
    assert done.journal.name == "simulator-2026-09-16-2.db"
    assert done.document["decisions_hash"] == short_day.document["decisions_hash"]
    assert row_count(journal) == rows
