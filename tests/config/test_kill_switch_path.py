"""Which file the kill switch is."""

from __future__ import annotations

from pathlib import Path

from tests.fakes import shipped
from volguard.adapters.upstox.settings import rehearsal_overrides
from volguard.config import Root
from volguard.config.kill_switch import kill_switch_path


def test_a_rehearsal_has_a_kill_switch_of_its_own(tmp_path: Path) -> None:
    """Rehearsing the panic button must not stop the real account's session, nor hide its switch."""
    root = Root(path=tmp_path, is_packaged=False, config_dir=tmp_path / "config")
    assert kill_switch_path(root, shipped()) == tmp_path / "data" / "KILL_SWITCH"
    rehearsed = shipped(*rehearsal_overrides("http://127.0.0.1:8765"))
    assert kill_switch_path(root, rehearsed) == tmp_path / "data" / "rehearsal" / "KILL_SWITCH"
