"""A day that is being recorded survives any cut: finished parts, one writer, no moment twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.adapters.journal_samples import NIFTY, TS
from tests.adapters.test_chain_writer import ALL, live_snapshot
from volguard.adapters.chain_parquet import ChainParquet
from volguard.adapters.recording import (
    Recording,
    lock_of,
    parts_folder_of,
    parts_of,
    recording_path,
    unmerged,
)
from volguard.adapters.recording_merge import merge
from volguard.model.errors import DataError, LockHeld


def begun(folder: Path) -> Recording:
    return Recording(recording_path(folder, NIFTY, TS.date()), optional=ALL, notes={"source": "test"})


def recorded(folder: Path, *numbers: int) -> Path:
    """A recording of snapshots of these minutes, one part, left as a killed process leaves it."""
    recording = begun(folder)
    for number in numbers:
        assert recording.take(live_snapshot(number)) is None
    recording.write_part()
    recording.close()
    return recording.path


def test_each_part_is_a_whole_file_of_what_came_since_the_last(tmp_path: Path) -> None:
    """Parts are numbered, hold what waited, and can be read while the recording goes on."""
    recording = begun(tmp_path)
    for numbers in ((0, 1), (2,), ()):
        for number in numbers:
            assert recording.take(live_snapshot(number)) is None
        assert recording.waiting == len(numbers)
        recording.write_part()
    recording.close()
    parts = parts_of(recording.path)
    assert recording.path == tmp_path / "NIFTY-2025-08-29.parquet"
    assert [(number, part.name) for number, part in parts] == [
        (1, "part-0001.parquet"),
        (2, "part-0002.parquet"),
    ]
    assert [ChainParquet(part).rows for _, part in parts] == [24, 12]


def test_the_next_run_goes_on_after_what_is_there(tmp_path: Path) -> None:
    """A new run knows the last moment written and takes nothing up to it, into a part of the next number."""
    recorded(tmp_path, 0, 1, 2)
    again = begun(tmp_path)
    assert again.last_ts == live_snapshot(2).ts
    assert again.take(live_snapshot(1)) == again.take(live_snapshot(2)) == "not later than 09:24:45"
    assert again.take(live_snapshot(3)) is None
    part = again.write_part()
    again.close()
    assert part is not None and part.name == "part-0002.parquet"


def test_the_next_run_goes_on_after_a_merged_file_too(tmp_path: Path) -> None:
    """A run after a merge begins after the file's last moment."""
    merge(recorded(tmp_path, 0, 1))
    again = begun(tmp_path)
    assert again.last_ts == live_snapshot(1).ts
    again.close()


def test_a_moment_is_never_taken_twice(tmp_path: Path) -> None:
    """A snapshot of the same or an earlier time is refused, whatever it holds."""
    recording = begun(tmp_path)
    assert recording.take(live_snapshot(5)) is None
    assert recording.take(live_snapshot(5)) is not None
    assert recording.take(live_snapshot(4)) is not None
    assert recording.waiting == 1
    recording.close()


def test_an_impossible_snapshot_is_left_out_with_its_reason(tmp_path: Path) -> None:
    """What would spoil the day's file is refused; the next sound one is taken."""
    recording = begun(tmp_path)
    assert recording.take(live_snapshot(0, vix=-1.0)) == "column vix: -1.0"
    assert recording.take(live_snapshot(1)) is None
    recording.close()


def test_one_process_records_a_day(tmp_path: Path) -> None:
    """Another one is refused while the first lives, and welcome afterwards; other days are free."""
    first = begun(tmp_path)
    with pytest.raises(LockHeld, match=r"^recording .*NIFTY-2025-08-29.parquet is in use by process \d+"):
        begun(tmp_path)
    lock_of(tmp_path / "NIFTY-2025-09-01.parquet").release()
    first.close()
    begun(tmp_path).close()


def test_a_full_disk_keeps_what_waits(tmp_path: Path) -> None:
    """A part that cannot be written is an error; what it would have held goes into the next try."""
    recording = begun(tmp_path)
    recording.take(live_snapshot(0))
    folder = parts_folder_of(recording.path)
    folder.write_bytes(b"in the way")
    with pytest.raises(DataError, match=r"part-0001.parquet cannot be written"):
        recording.write_part()
    folder.unlink()
    part = recording.write_part()
    recording.close()
    assert part is not None and ChainParquet(part).rows == 12


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    """The place of the recordings may be a file, by mistake."""
    (tmp_path / "recordings").write_bytes(b"")
    with pytest.raises(DataError, match="recordings cannot be made"):
        begun(tmp_path / "recordings")


def test_recordings_with_parts_are_found(tmp_path: Path) -> None:
    """What waits to be merged is listed by name; merged ones, locks and strange folders are not."""
    assert unmerged(tmp_path / "none") == ()
    merge(recorded(tmp_path, 0))
    (tmp_path / "other").mkdir()
    (tmp_path / "NIFTY-2025-09-01").mkdir()
    assert unmerged(tmp_path) == ()
    path = recorded(tmp_path, 1)
    assert unmerged(tmp_path) == (path,)
