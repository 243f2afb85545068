"""Files for their owner alone: what is written so, and what is refused."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from volguard.adapters import private_file
from volguard.adapters.private_file import NotPrivate, privacy_problem, read_private, write_private
from volguard.model.errors import ConfigError


def test_what_is_written_is_the_owners_alone(tmp_path: Path) -> None:
    """A new file, and one that replaces a laxer one, has mode 0600 whatever the umask; nothing else stays."""
    path = tmp_path / "made" / "secret"
    old = os.umask(0)
    try:
        write_private(path, b"one")
        path.chmod(0o666)
        write_private(path, b"two")
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_private(path) == b"two"
    assert [child.name for child in path.parent.iterdir()] == ["secret"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o601, 0o777])
def test_looser_permissions_are_refused(tmp_path: Path, mode: int) -> None:
    """One bit for anybody else is too much; the mend is the command to type."""
    path = tmp_path / "secret"
    path.write_text("marker-of-the-content")
    path.chmod(mode)
    with pytest.raises(NotPrivate, match=f"mode of .* was {mode:04o}, must be 0600") as caught:
        read_private(path)
    assert caught.value.hint == f"chmod 600 {path}"
    assert "marker" not in repr(caught.value)
    problem = privacy_problem(path)
    assert problem is not None and problem.message == caught.value.message


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_tight_permissions_are_read(tmp_path: Path, mode: int) -> None:
    """0600 and tighter are fine, and so is the target that a link leads to."""
    path = tmp_path / "secret"
    path.write_bytes(b"x")
    path.chmod(mode)
    (tmp_path / "link").symlink_to(path)
    assert read_private(path) == read_private(tmp_path / "link") == b"x"
    assert privacy_problem(path) is None


def test_what_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    """A folder or a pipe in its place is refused at once, and never waited for."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(NotPrivate, match="is no plain file"):
        read_private(pipe)
    with pytest.raises(ConfigError, match=r"is no plain file|cannot be read"):
        read_private(tmp_path)


def test_absent_and_endless_files(tmp_path: Path) -> None:
    """None there is told apart from one that cannot be used; no file is read without end."""
    with pytest.raises(FileNotFoundError):
        read_private(tmp_path / "none")
    assert privacy_problem(tmp_path / "none") is None
    write_private(tmp_path / "long", b"x" * (private_file.BYTES_MAX + 1))
    with pytest.raises(ConfigError, match="longer than 65536 bytes"):
        read_private(tmp_path / "long")


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the old content stays whole and no half file lies about."""
    path = tmp_path / "secret"
    write_private(path, b"old")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(private_file.os, "fsync", full)
    with pytest.raises(ConfigError, match="secret cannot be written: No space left on device"):
        write_private(path, b"new")
    assert read_private(path) == b"old"
    assert [child.name for child in tmp_path.iterdir()] == ["secret"]


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file where the folder should be is said so."""
    (tmp_path / "data").write_text("")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_private(tmp_path / "data" / "secret", b"x")
