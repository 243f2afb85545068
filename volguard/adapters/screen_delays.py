"""How long a proposal takes from the look at the market that it was made on to the frame that shows it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock


class ScreenDelays:
    """Told by the loop when a look arrives and what it led to, by the screen what has been drawn.

    Only a proposal that nothing stands before counts: another one waits for the operator, not for us. Safe
    for the loop's thread and the screen's.
    """

    def __init__(self, monotonic_s: Callable[[], float]) -> None:
        self._monotonic_s = monotonic_s
        self._lock = Lock()
        self._arrived_s: float | None = None
        self._waiting: tuple[str, float] | None = None
        self._delays_ms: list[float] = []

    def arrived(self, at_s: float) -> None:
        """A look at the market has come into the loop."""
        self._arrived_s = at_s

    def proposed(self, proposal_id: str) -> None:
        """The newest look has led to this proposal, and it is the first to be shown."""
        if self._arrived_s is not None:
            with self._lock:
                self._waiting = (proposal_id, self._arrived_s)

    def drawn(self, proposal_id: str) -> None:
        """A frame that shows this proposal has been written to the terminal."""
        at_s = self._monotonic_s()
        with self._lock:
            if self._waiting is not None and self._waiting[0] == proposal_id:
                self._delays_ms.append((at_s - self._waiting[1]) * 1000.0)
                self._waiting = None

    @property
    def delays_ms(self) -> tuple[float, ...]:
        """One entry per proposal that was shown, milliseconds."""
        with self._lock:
            return tuple(self._delays_ms)
