"""The record beside a journal: each line on the disk before the next act, each edit seen."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from volguard.adapters.side_file import SideFile, read_side_file, side_files
from volguard.model.errors import JournalDamaged
from volguard.model.units import IST

AT = datetime(2026, 9, 16, 10, 0, tzinfo=IST)


def written(folder: Path) -> Path:
    side = SideFile.create(folder / "mine.db", "flatten", AT)
    side.write("OrderSent", {"tag": "FL-1", "price": "10.05", "at": AT}, AT)
    side.write("OrderFilled", {"tag": "FL-1"}, AT)
    side.close()
    return side.path


def test_what_was_written_is_read_back_verified(tmp_path: Path) -> None:
    """Named after the journal, private, in order, whose it is said first."""
    path = written(tmp_path)
    assert path.name == "mine.flatten-20260916T100000.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600
    record = read_side_file(path)
    assert [row.kind for row in record.rows] == ["SideFileOpened", "OrderSent", "OrderFilled"]
    assert record.rows[0].body["journal"] == "mine.db" and not record.is_cut
    assert side_files(tmp_path / "mine.db") == (path,)
    assert side_files(tmp_path / "other.db") == ()


def test_two_of_one_second_do_not_share_a_file(tmp_path: Path) -> None:
    """Each has a name of its own."""
    assert written(tmp_path) != written(tmp_path)


def test_a_line_that_was_changed_is_seen(tmp_path: Path) -> None:
    """The line is named."""
    path = written(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"10.05", b"10.06"))
    with pytest.raises(JournalDamaged, match="line 2"):
        read_side_file(path)


def test_a_line_that_is_missing_is_seen(tmp_path: Path) -> None:
    """The one after it does not follow."""
    path = written(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[2])
    with pytest.raises(JournalDamaged, match="line 2"):
        read_side_file(path)


def test_a_last_line_that_a_crash_cut_short_is_left_out(tmp_path: Path) -> None:
    """What was whole still counts."""
    path = written(tmp_path)
    path.write_bytes(path.read_bytes()[:-10])
    record = read_side_file(path)
    assert len(record.rows) == 2 and record.is_cut


def test_another_file_is_no_side_file(tmp_path: Path) -> None:
    """It must say what it is."""
    path = tmp_path / "mine.flatten-x.jsonl"
    path.write_text('{"seq": 1}\n')
    with pytest.raises(JournalDamaged, match="line 1"):
        read_side_file(path)


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    """No row is lost unnoticed."""
    side = SideFile.create(tmp_path / "mine.db", "flatten", AT)
    side.close()
    with pytest.raises(ValueError, match="closed"):
        side.write("OrderSent", {}, AT)
    assert list(tmp_path.iterdir()) == [side.path]
