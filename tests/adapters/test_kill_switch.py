"""The kill switch: a file whose presence, or whose invisibility, stops new risk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from volguard.adapters.kill_switch import KillSwitchFile


def test_present_and_gone(tmp_path: Path) -> None:
    """An empty file is enough; without it, or without its folder, the switch is off."""
    switch = KillSwitchFile(tmp_path / "data" / "KILL_SWITCH")
    assert not switch.is_present()
    switch.path.parent.mkdir()
    assert not switch.is_present()
    switch.path.touch()
    assert switch.is_present()
    switch.path.unlink()
    assert not switch.is_present()


def test_whatever_is_there_counts(tmp_path: Path) -> None:
    """A folder or a link to nowhere of that name was put there by somebody."""
    folder, link = KillSwitchFile(tmp_path / "folder"), KillSwitchFile(tmp_path / "link")
    folder.path.mkdir()
    link.path.symlink_to(tmp_path / "nowhere")
    assert folder.is_present() and link.is_present()


def test_what_cannot_be_looked_at_counts_as_on(tmp_path: Path) -> None:
    """Fail closed: a file where the folder should be, or a folder that may not be entered."""
    (tmp_path / "data").touch()
    assert KillSwitchFile(tmp_path / "data" / "KILL_SWITCH").is_present()


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may enter every folder")
def test_a_closed_folder_counts_as_on(tmp_path: Path) -> None:
    """A folder without the right to enter it hides the file: the switch is on."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    try:
        assert KillSwitchFile(closed / "KILL_SWITCH").is_present()
    finally:
        closed.chmod(0o700)
