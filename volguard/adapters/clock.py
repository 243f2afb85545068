"""The machine's clock: the only file that asks it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from threading import Event

from volguard.model.units import IST


def machine_time() -> datetime:
    """The machine's time in IST, for a command that writes once when it ran."""
    return datetime.now(IST)


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


class RehearsalClock:
    """The clock of a look-alike: its time at this moment, going on at its speed; waits in its seconds.

    Only for a rehearsal on this machine: with a real broker the time is the machine's.
    """

    def __init__(self, stopping: Event, *, now: datetime, speed: float) -> None:
        if speed <= 0.0:
            raise ValueError(f"speed was {speed}, must be above 0")
        self._stopping = stopping
        self._began_at, self._began_s = now.astimezone(IST), time.monotonic()
        self._speed = speed

    def now(self) -> datetime:
        """The look-alike's time, timezone-aware, IST."""
        passed_s = (time.monotonic() - self._began_s) * self._speed
        return self._began_at + timedelta(seconds=passed_s)

    def sleep(self, seconds: float) -> None:
        """Wait so many of the look-alike's seconds; returns early when the process is asked to stop."""
        self._stopping.wait(max(0.0, seconds / self._speed))

    def monotonic_s(self) -> float:
        """Seconds of its time, never going back."""
        return time.monotonic() * self._speed
