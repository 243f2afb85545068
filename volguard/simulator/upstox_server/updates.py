"""What the portfolio stream is told, in the order of telling: faults lose, double and reorder some of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from volguard.simulator.upstox_server.faults import FaultName, Faults

WHERE: Final = "portfolio_stream"
Update = dict[str, Any]
Making = Callable[[], Update]  # an update that is made when somebody wants it


class UpdateQueue:
    """Updates that wait to be sent. One that a fault holds back goes out after the next."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._queue: list[Making] = []
        self._held: Making | None = None
        self._held_is_old = False

    def add(self, update: Making, now: datetime) -> None:
        """One more thing to tell."""
        if self._faults.is_quiet:
            self._queue.append(update)
            return
        if self._faults.strikes(FaultName.LOST_UPDATES, now, WHERE):
            self._release()
            return
        times = 2 if self._faults.strikes(FaultName.DUPLICATE_UPDATES, now, WHERE) else 1
        if self._held is None and self._faults.strikes(FaultName.REORDERED_UPDATES, now, WHERE):
            self._held, self._held_is_old = update, False
            self._queue += [update] * (times - 1)
            return
        self._queue += [update] * times
        self._release()

    @property
    def waiting(self) -> int:
        """How many are to be sent."""
        return len(self._queue)

    def drain(self) -> list[Making]:
        """Everything to be sent now; what is held back waits for one more call at most."""
        if self._held_is_old:
            self._release()
        self._held_is_old = self._held is not None
        queue, self._queue = self._queue, []
        return queue

    def _release(self) -> None:
        if self._held is not None:
            self._queue.append(self._held)
            self._held = None
