"""What a flatten does, told twice: to the operator in words, and to a side file beside the journal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from volguard.adapters.side_file import SideFile

PURPOSE = "flatten"


class FlattenRecord:
    """Keeps every step. A record that cannot be written is said once, and closing goes on without it."""

    def __init__(self, journal: Path, now: Callable[[], datetime], say: Callable[[str], None]) -> None:
        self._time_of, self._say = now, say
        self.trouble = ""
        self._file: SideFile | None = None
        try:
            self._file = SideFile.create(journal, PURPOSE, self._time_of())
        except OSError as error:
            self._fail(f"no record beside {journal}: {error.strerror or error}")

    @property
    def path(self) -> Path | None:
        """The side file; None when there is none."""
        return self._file.path if self._file is not None else None

    def tell(self, kind: str, body: Mapping[str, Any], words: str = "") -> None:
        """Write a step down, before it is done; `words` are for the operator too."""
        if words:
            self._say(f"{self._time_of():%H:%M:%S} {words}")
        if self._file is None or self.trouble:
            return
        try:
            self._file.write(kind, body, self._time_of())
        except OSError as error:
            self._fail(f"{self._file.path} cannot be written: {error.strerror or error}")

    def say(self, words: str) -> None:
        """Words for the operator alone."""
        self._say(words)

    def close(self) -> None:
        """Let the file go."""
        if self._file is not None:
            self._file.close()

    def _fail(self, what: str) -> None:
        self.trouble = what
        self._say(f"warning: {what}; going on without it")
