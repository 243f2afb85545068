"""Jobs that take long, one at a time: the session's own thread never waits for the network."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Final, Protocol

JOIN_WAIT_S: Final = 0.1


class Errands(Protocol):
    """Runs one job at a time, somewhere else."""

    @property
    def is_free(self) -> bool:
        """Whether a job would be taken now."""
        ...

    def run(self, job: Callable[[], None]) -> None:
        """Take a job; only when free."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


class ThreadErrands:
    """Each job in a thread of its own; a job must catch its own errors."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._thread: Thread | None = None

    @property
    def is_free(self) -> bool:
        """Whether nothing is being run."""
        return self._thread is None or not self._thread.is_alive()

    def run(self, job: Callable[[], None]) -> None:
        """Start the job. Raises RuntimeError while another runs."""
        if not self.is_free:
            raise RuntimeError(f"{self._name} is busy with another job")
        self._thread = Thread(target=job, name=self._name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait a moment for the job that runs; a longer one ends by its own limits."""
        if self._thread is not None:
            self._thread.join(JOIN_WAIT_S)
