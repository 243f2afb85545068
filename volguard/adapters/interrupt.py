"""Ctrl-C and SIGTERM as a request to stop at the next event, never in the middle of one."""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event
from types import FrameType


class StopRequest:
    """Set by the first SIGINT or SIGTERM; a second one is the operator insisting and ends at once."""

    def __init__(self) -> None:
        self.event = Event()
        self._before_ending: Callable[[], None] | None = None

    def install(self) -> None:
        """Take over the signals of this process; only the main thread may."""
        signal.signal(signal.SIGINT, self._on_signal)
        signal.signal(signal.SIGTERM, self._on_signal)

    def before_ending(self, act: Callable[[], None]) -> None:
        """Have this done before a second signal ends the process at once: a terminal to be given back."""
        self._before_ending = act

    def is_set(self) -> bool:
        """Whether a stop was asked for."""
        return self.event.is_set()

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self.event.is_set():
            if self._before_ending is not None:
                self._before_ending()
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.event.set()
