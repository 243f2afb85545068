"""What every data command works with: the folder, its manifest, the time, and whom to tell how far it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from volguard.adapters.manifest import Manifest

# What is done, of how much, in words; called as often as there is something to say.
Progress = Callable[[float, float, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataDesk:
    """Where a data command works. `is_stopped` is asked between steps: what is done by then stays done."""

    data: Path
    moment: Callable[[], datetime]  # asks what time it is
    note: Callable[[str], None]
    progress: Progress
    is_stopped: Callable[[], bool]

    @property
    def manifest(self) -> Manifest:
        """The rows of the files below `data`."""
        return Manifest(self.data)

    def place(self, file: Path) -> str:
        """A file as messages and documents name it: below the data folder where it lies there."""
        return file.relative_to(self.data).as_posix() if file.is_relative_to(self.data) else str(file)
