"""The state that a journal tells at a time is the one the engine had then, replayed from the first event."""

from __future__ import annotations

import shutil
from datetime import time
from pathlib import Path

import pytest

from tests.cli.command import Day, cut_short, make_root
from volguard.adapters.journal_codec import EVENT_KINDS, encode_exact
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import failed_steps
from volguard.engine.state import Desk, State
from volguard.model.errors import UsageError
from volguard.operations.journal_state import EarlierReader, journal_state
from volguard.wiring import engine_of


def desk_after(path: Path, at: str) -> tuple[int, Desk | None]:
    """Row and desk after every event up to a time of day, without any checkpoint."""
    with JournalReader.open(path) as reader:
        engine, state, last = engine_of(reader), State(), 0
        failures = failed_steps(reader, 0)
        for row in reader.rows():
            if row.ts_ist.time() > time.fromisoformat(at):
                break
            last = row.seq
            if row.kind in EVENT_KINDS:
                event, error = reader.event(row), failures.get(row.seq)
                step = engine.step(state, event) if error is None else engine.failed(state, event, error)
                state = step.state
    return last, state.desk


@pytest.mark.parametrize("at", ["09:40", "11:15", "14:00:01"])
def test_an_earlier_state_is_that_of_a_replay_from_the_first_event(short_day: Day, at: str) -> None:
    found = journal_state(short_day.journal, at)
    seq, desk = desk_after(short_day.journal, at)
    assert found.seq == seq and desk is not None
    assert encode_exact(found.desk) == encode_exact(desk)
    assert found.ended is None and found.desk.now.time() <= time.fromisoformat(at)
    assert found.state.market is not None and found.state.market.ts == found.desk.last_snapshot_at


def test_at_its_end_a_journal_tells_how_the_session_ended(short_day: Day) -> None:
    found = journal_state(short_day.journal, None)
    assert found.ended is not None
    with JournalReader.open(short_day.journal) as reader:
        assert found.seq == reader.head[0]
    assert found.desk.snapshots == short_day.document["snapshots"]


def test_a_session_that_was_killed_is_read_where_it_stands(short_day: Day, tmp_path: Path) -> None:
    seq = journal_state(short_day.journal, "12:00").seq
    path = cut_short(short_day, make_root(tmp_path), seq)
    found = journal_state(path, None)
    assert (found.seq, found.ended) == (seq, None)
    assert encode_exact(found.desk) == encode_exact(journal_state(short_day.journal, "12:00").desk)


def test_rows_that_a_running_session_adds_are_not_seen(short_day: Day, tmp_path: Path) -> None:
    """A reader sees the journal as it was when it was opened, whatever is written meanwhile."""
    path = tmp_path / "running.db"
    shutil.copy(short_day.journal, path)
    with EarlierReader.open(path) as reader:
        whole = [row.seq for row in reader.rows()]
        reader.last_seq = 20
        assert [row.seq for row in reader.rows()] == whole[:20]
        assert [row.seq for row in reader.rows(after=15)] == whole[15:20]
        checkpoint = reader.last_checkpoint()
        assert checkpoint is None or checkpoint.seq <= 20


def test_a_time_before_the_session_is_refused(short_day: Day) -> None:
    with pytest.raises(UsageError, match="has no row up to 08:00"):
        journal_state(short_day.journal, "08:00")
    with pytest.raises(UsageError, match="must be HH:MM"):
        journal_state(short_day.journal, "noon")
