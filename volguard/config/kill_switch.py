"""Where the kill switch lies: below the root, and a rehearsal's apart from the real account's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from volguard.adapters.upstox.settings import data_folder
from volguard.config.roots import Root
from volguard.config.settings import Settings

DATA: Final = "data"
FILE: Final = "KILL_SWITCH"


def kill_switch_path(root: Root, settings: Settings) -> Path:
    """`data/KILL_SWITCH`; in a rehearsal `data/rehearsal/KILL_SWITCH`, which stops no real session."""
    return data_folder(root.resolve(DATA), settings.upstox) / FILE
