"""An operator at a terminal: the real program runs on a pseudo-terminal, keys go in, the screen is read."""

from __future__ import annotations

import fcntl
import os
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.cli.command import PROJECT, command, environment, rows_of, volguard

PATIENCE_S = 60.0
READ_S = 0.7  # longer than the prompt waits before it believes that a new card has been read
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
# Proposals come soon after the opening and wait for an hour, wherever the market goes meanwhile.
ASKING = (
    *("run", "--phase", "SEMI_AUTO", "--scenario", "trend", "--seed", "3", "--speed", "30", "--no-report"),
    *("--set", "strategy.require_forecast_edge=false", "--set", "strategy.require_vrp=false"),
    *("--set", "strategy.entry_from=09:16:00", "--set", "approval.expires_s=3600"),
    *("--set", "approval.level_move_max=0.2", "--set", "approval.credit_move_max=0.9"),
)


def _environment() -> dict[str, str]:
    # A size that is told in the environment would hide the window's own.
    kept = {name: value for name, value in environment().items() if name not in ("COLUMNS", "LINES")}
    return kept | {"TERM": "xterm-256color"}


class Operator:
    """The program on a terminal of 80 columns and 24 lines, and what its user sees and does."""

    def __init__(self, root: Path, *words: str) -> None:
        self.root = root
        self._person, self._program = os.openpty()
        self.resize(80, 24)
        self.lines_before = termios.tcgetattr(self._program)
        self._process = subprocess.Popen(
            command(*ASKING, *words, root=root),
            cwd=PROJECT,
            env=_environment(),
            stdin=self._program,
            stdout=self._program,
            stderr=self._program,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self._seen: list[bytes] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def seen(self) -> bytes:
        """All that was written to the terminal."""
        return b"".join(self._seen)

    @property
    def frame(self) -> str:
        """The newest frame as text."""
        return ESCAPES.sub("", self.seen.decode(errors="replace").split("\x1b[H")[-1]).replace("\r", "")

    @property
    def journal(self) -> Path:
        """The session's journal."""
        return next((self.root / "journal").glob("*.db"))

    def rows(self, *kinds: str) -> list[Any]:
        """Bodies of the journal's rows of these kinds, in their order."""
        return [body for _, _, body in rows_of(self.journal, *kinds)]

    def until(self, what: str) -> str:
        """Wait for a frame that says this; the frame."""
        self.wait(lambda: what in self.frame, what)
        return self.frame

    def wait(self, holds: Callable[[], bool], what: str) -> None:
        """Wait for something to hold."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, f"{what!r} never came:\n{self.frame}"
            assert self._process.poll() is None or holds(), f"ended before {what!r}:\n{self.frame}"
            time.sleep(0.01)

    def read_card(self, proposal_id: str) -> str:
        """Wait for a proposal, and as long as it takes to read it."""
        self.until(f"{proposal_id} ")
        self.until("> a approve")
        time.sleep(READ_S)
        return self.frame

    def press(self, keys: str) -> None:
        """Press keys."""
        os.write(self._person, keys.encode())

    def resize(self, width: int, height: int) -> None:
        """Pull the window to another size; the program is told by its terminal."""
        fcntl.ioctl(self._person, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def status(self) -> str:
        """What `volguard status` says from another terminal."""
        return volguard("status", root=self.root).out

    def ended(self) -> int:
        """Wait for the program's end; its exit code."""
        return self._process.wait(PATIENCE_S)

    @property
    def lines_now(self) -> list[Any]:
        """How the terminal edits lines at this moment."""
        return termios.tcgetattr(self._program)

    def leave(self) -> None:
        """End whatever runs still, and put the terminal away."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE_S)
        os.close(self._program)
        self._reader.join()
        os.close(self._person)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._person, 65536)
            except OSError:
                return  # nobody has the program's side open any more
            if not data:
                return
            self._seen.append(data)
