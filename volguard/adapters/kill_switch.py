"""The kill switch: a file whose mere presence stops new risk."""

from __future__ import annotations

import os
from pathlib import Path


class KillSwitchFile:
    """A file, `kill_switch_path` says which; a path that cannot be examined counts as present."""

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

    def put(self, why: str) -> None:
        """Make the file, with the reason in it; one that is there already stays. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        except FileExistsError:
            return
        try:
            os.write(descriptor, f"{why}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
