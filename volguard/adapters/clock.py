"""The machine's clock: the only file that asks it."""

from __future__ import annotations

import time
from datetime import datetime
from threading import Event

from volguard.model.units import IST


class SystemClock:
    """Wall-clock time in IST; a set `stopping` event ends every wait at once."""

    def __init__(self, stopping: Event) -> None:
        self._stopping = stopping

    def now(self) -> datetime:
        """Now, timezone-aware, IST."""
        return datetime.now(IST)

    def sleep(self, seconds: float) -> None:
        """Wait so many seconds; returns early when the process is asked to stop."""
        self._stopping.wait(max(0.0, seconds))

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back, for durations."""
        return time.monotonic()
