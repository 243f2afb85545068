"""Stopping in the middle, politely or not, loses nothing and repeats nothing."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import (
    REAL_DAY,
    SWITCHES_OFF,
    Day,
    Done,
    finish,
    needs_real_day,
    row_count,
    start,
    volguard,
    wait_for_rows,
)

pytestmark = needs_real_day

WORDS = (*REAL_DAY, *SWITCHES_OFF, "--no-report")
CRASH_POINTS = int(os.environ.get("VOLGUARD_CRASH_POINTS", "4"))
POINTS_PER_DAY = 4
SEED = 20250829


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
    placed = Counter(tag_of(body) for kind, body in placed_in(journal) if kind == "Place")
    assert set(placed.values()) == {1}
    verified = volguard("journal", "verify", "--json", "--journal", str(journal))
    assert (verified.code, verified.document["ok"]) == (0, True)
    replayed = volguard("journal", "replay", "--json", "--journal", str(journal))
    assert replayed.document["identical"] is True, replayed.document
    assert replayed.document["decisions"] == document["decisions"]


def placed_in(journal: Path) -> list[tuple[str, Any]]:
    from tests.cli.command import rows_of

    return [(kind, body) for _, kind, body in rows_of(journal, "Place")]


def tag_of(body: Any) -> str:
    tag: str = body["approved"]["request"]["tag"]
    return tag


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_valid_journal_and_the_same_command_goes_on(
    number: signal.Signals, fresh_root: Path, trading_day: Day
) -> None:
    """Ctrl-C ends with 130 after the event in hand; the journal is whole, and the same command ends the day."""
    journal = journal_in(fresh_root)
    process = start(*WORDS, root=fresh_root)
    assert wait_for_rows(process, journal, 500)
    process.send_signal(number)
    stopped = finish(process)
    assert stopped.code == 130, stopped.err
    assert stopped.document["ended"] == "interrupted"
    assert stopped.document["snapshots"] < 292
    verified = volguard("journal", "verify", "--json", root=fresh_root)
    assert (verified.code, verified.document["rows"]) == (0, stopped.document["journal"]["rows"])
    ended = volguard(*WORDS, root=fresh_root)
    assert "continuing replay-2025-08-29-1.db" in ended.err
    assert_same_day(ended, journal, trading_day)


@pytest.mark.parametrize("batch", range(-(-CRASH_POINTS // POINTS_PER_DAY)))
def test_kill_nine_at_any_moment_repeats_nothing(batch: int, fresh_root: Path, trading_day: Day) -> None:
    """However often and wherever it is killed, restarting ends the day with the same decisions and orders."""
    chance = random.Random(SEED + batch)  # a failing seed is SEED + batch
    journal = journal_in(fresh_root)
    last = trading_day.document["journal"]["rows"]
    points = sorted(chance.sample(range(1, int(last * 0.97)), min(POINTS_PER_DAY, CRASH_POINTS)))
    kills = 0
    for rows in points:
        process = start(*WORDS, root=fresh_root)
        if wait_for_rows(process, journal, max(rows, row_count(journal) + 1)):
            time.sleep(chance.uniform(0.0, 0.008))
            process.kill()
        kills += finish(process).code == -signal.SIGKILL
    assert kills >= 1, f"seed {SEED + batch}: every session ended before its kill"
    assert_same_day(volguard(*WORDS, root=fresh_root), journal, trading_day)
    assert len(list(journal.parent.glob("*.db"))) == 1


def test_killed_before_the_first_row_starts_cleanly(fresh_root: Path, trading_day: Day) -> None:
    """A session killed while it was still opening its journal leaves nothing in the way of the next one."""
    process = start(*WORDS, root=fresh_root)
    journal = journal_in(fresh_root)
    while not (journal.exists() or process.poll() is not None):
        time.sleep(0.0005)
    process.kill()
    finish(process)
    assert_same_day(volguard(*WORDS, root=fresh_root), journal, trading_day)


def test_other_settings_never_continue_an_unfinished_session(fresh_root: Path) -> None:
    """An unfinished session under other settings is left alone, and the operator is told."""
    process = start(*WORDS, root=fresh_root)
    assert wait_for_rows(process, journal_in(fresh_root), 300)
    process.send_signal(signal.SIGINT)
    assert finish(process).code == 130
    done = volguard(*WORDS, "--set", "strategy.cool_down_s=301", root=fresh_root)
    assert done.code == 0, done.err
    assert Path(done.document["journal"]["path"]).name == "replay-2025-08-29-2.db"
    assert "replay-2025-08-29-1.db is unfinished but ran on other input or settings" in done.err
