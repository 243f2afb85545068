"""Paging without waiting for it: the operator's command runs in a thread of its own, one page at a time."""

from __future__ import annotations

import subprocess
from collections import deque
from threading import Lock, Thread
from typing import Final

from volguard.adapters.alerts import AlertSettings, run_command

LEAVE_S: Final = 0.5  # what a page that is under way at the end of a session may still take


class BackgroundPager:
    """Hands each text to the command of `settings`; without a command it does nothing.

    What went wrong is kept for the screen, which asks with `failures`. A page that comes while another runs
    waits for it.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        self._lock = Lock()
        self._texts: deque[str] = deque()
        self._failures: deque[str] = deque()
        self._worker: Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def page(self, text: str) -> None:
        """Have somebody paged; returns at once."""
        if not self._settings.command:
            return
        with self._lock:
            self._texts.append(text)
            if self._worker is None:
                self._worker = Thread(target=self._work, name="pages", daemon=True)
                self._worker.start()

    def failures(self) -> tuple[str, ...]:
        """Why pages failed since the last call, oldest first."""
        with self._lock:
            told = tuple(self._failures)
            self._failures.clear()
        return told

    def close(self) -> None:
        """Take what waits off, let what runs finish for a moment, then end it."""
        with self._lock:
            self._texts.clear()
            worker = self._worker
        if worker is None:
            return
        worker.join(LEAVE_S)
        child = self._child
        if worker.is_alive() and child is not None:
            child.kill()
            worker.join(LEAVE_S)

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._texts:
                    self._worker = None
                    return
                text = self._texts.popleft()
            failure = run_command(self._settings, text, self._started)
            if failure:
                with self._lock:
                    self._failures.append(f"the alert command failed: {failure}")

    def _started(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
