"""Rate limits of the look-alike: exact sliding windows on its own clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final


class RateClass(StrEnum):
    """Which budget a call is counted in: order writes share one, of the others each call has its own."""

    ORDER = "order"
    STANDARD = "standard"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimit:
    """The most calls in any second, minute and half hour."""

    per_second: int
    per_minute: int
    per_half_hour: int

    @property
    def windows(self) -> tuple[tuple[timedelta, int], ...]:
        """Length and most calls of each window."""
        return (
            (timedelta(seconds=1), self.per_second),
            (timedelta(minutes=1), self.per_minute),
            (timedelta(minutes=30), self.per_half_hour),
        )


UNREGISTERED: Final = {
    RateClass.ORDER: RateLimit(per_second=10, per_minute=500, per_half_hour=2000),
    RateClass.STANDARD: RateLimit(per_second=50, per_minute=500, per_half_hour=2000),
}
REGISTERED_ALGO: Final = {
    **UNREGISTERED,
    RateClass.ORDER: RateLimit(per_second=50, per_minute=500, per_half_hour=2000),
}


@dataclass(slots=True)
class RateGate:
    """Lets calls through while every window has room; what it refuses is counted in no window."""

    limits: Mapping[RateClass, RateLimit]
    violations: int = 0
    _seen: dict[str, deque[datetime]] = field(default_factory=dict)
    _windows: dict[RateClass, tuple[tuple[timedelta, int], ...]] = field(init=False)

    def __post_init__(self) -> None:
        self._windows = {rate_class: limit.windows for rate_class, limit in self.limits.items()}

    def admits(self, rate_class: RateClass, call: str, now: datetime, *, lines: int = 1) -> bool:
        """Whether a call may pass now; if so it is counted, as many times as it has lines."""
        key = rate_class.value if rate_class is RateClass.ORDER else call
        seen = self._seen.setdefault(key, deque())
        windows = self._windows[rate_class]
        while seen and seen[0] <= now - windows[-1][0]:
            seen.popleft()
        # Window n is full when the call `most - lines + 1` places back is still inside it.
        for length, most in windows:
            if len(seen) + lines > most and (lines > most or seen[lines - most - 1] > now - length):
                self.violations += 1
                return False
        seen.extend([now] * lines)
        return True
