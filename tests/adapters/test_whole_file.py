"""A file appears whole or not at all."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from volguard.adapters.whole_file import digest_of_file, replacing, write_whole
from volguard.model.errors import DataError


def test_the_new_content_takes_the_old_ones_place(tmp_path: Path) -> None:
    """Folders are made, the content is there, and nothing else is left beside it."""
    path = tmp_path / "a" / "b.txt"
    write_whole(path, b"one")
    write_whole(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(path.parent.iterdir()) == [path]


def test_what_is_cut_short_leaves_the_old_file(tmp_path: Path) -> None:
    """An error or an interruption half way leaves the file as it was, and no half of a new one."""
    path = tmp_path / "a.txt"
    write_whole(path, b"whole")
    with pytest.raises(KeyboardInterrupt), replacing(path) as part:
        part.write_bytes(b"ha")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_the_half_of_a_killed_process_does_not_stop_the_next(tmp_path: Path) -> None:
    """A part file that a killed process left is written over."""
    path = tmp_path / "a.txt"
    (tmp_path / "a.txt.part").write_bytes(b"much longer than what comes now")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error names the file, not the half-written one."""
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"file/a.txt cannot be written: ") as refused:
        write_whole(tmp_path / "file" / "a.txt", b"x")
    assert ".part" not in refused.value.message


def test_content_is_on_the_disk_before_it_takes_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The content is flushed before the rename, the folder after it: a power cut cannot tear the file."""
    path, seen = tmp_path / "a.txt", []
    flush = os.fsync
    monkeypatch.setattr(os, "fsync", lambda descriptor: (seen.append(path.exists()), flush(descriptor))[1])
    write_whole(path, b"x")
    assert seen == [False, True]


def test_the_digest_is_of_all_bytes(tmp_path: Path) -> None:
    """BLAKE2b with 32 bytes, as everywhere else."""
    (tmp_path / "a").write_bytes(b"abc" * 100_000)
    assert digest_of_file(tmp_path / "a") == hashlib.blake2b(b"abc" * 100_000, digest_size=32).hexdigest()
