"""The kill switch: a file whose mere presence stops new risk."""

from __future__ import annotations

from pathlib import Path


class KillSwitchFile:
    """`data/KILL_SWITCH` under the root; a path that cannot be examined counts as present."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def is_present(self) -> bool:
        """Whether the file is there now."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True  # fail closed: what cannot be looked at may be on
        return True
