"""The look-alike's time: moved by hand, or going on by itself at a speed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from volguard.model.units import IST
from volguard.ports import Clock

REAL_TIME: Final = 1.0


class VirtualClock:
    """A clock that stands still until it is moved; sleeping moves it. Implements ports.Clock."""

    speed: float = REAL_TIME

    def __init__(self, start: datetime) -> None:
        self._began = self._now = start.astimezone(IST)

    def now(self) -> datetime:
        """The moment it was moved to, IST."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, at once."""
        self.advance(max(0.0, seconds))

    def monotonic_s(self) -> float:
        """Seconds since the start."""
        return (self._now - self._began).total_seconds()

    def advance(self, seconds: float) -> None:
        """Move on. Raises ValueError for a step back."""
        self.set(self._now + timedelta(seconds=seconds))

    def set(self, ts: datetime) -> None:
        """Move to a moment. Raises ValueError when it has passed."""
        if ts < self._now:
            raise ValueError(
                f"the clock stands at {self._now.isoformat()}, cannot go back to {ts.isoformat()}"
            )
        self._now = ts.astimezone(IST)


class RunningClock:
    """A clock that starts at a moment and goes on by itself, `speed` of its seconds in a real one.

    `ticker` tells how real time passes. Raises ValueError for a speed that is not above 0.
    """

    def __init__(self, start: datetime, *, speed: float, ticker: Clock) -> None:
        if speed <= 0.0:
            raise ValueError(f"speed was {speed}, must be above 0")
        self.speed = speed
        self._start, self._ticker = start.astimezone(IST), ticker
        self._began_s = ticker.monotonic_s()

    def now(self) -> datetime:
        """Its time at this moment, IST."""
        return self._start + timedelta(seconds=self.monotonic_s())

    def sleep(self, seconds: float) -> None:
        """Wait so many of its own seconds."""
        self._ticker.sleep(seconds / self.speed)

    def monotonic_s(self) -> float:
        """Its seconds since the start."""
        return (self._ticker.monotonic_s() - self._began_s) * self.speed
