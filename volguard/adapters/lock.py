"""One writer per journal: a kernel lock on a file beside it, gone with the process that held it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from volguard.model.errors import LockHeld, UsageError


class JournalLock:
    """An exclusive `flock` held from `take` until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    @classmethod
    def take(cls, journal: Path) -> Self:
        """Lock `<journal>.lock` without waiting. Raises LockHeld, naming the holder where it is known."""
        path = lock_path(journal)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"lock file {path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise LockHeld(
                f"journal {journal} is in use by {holder}",
                hint="wait until it ends, or look at it with `volguard status`",
            ) from None
        # For people only: the lock belongs to the kernel, a stale number means nothing.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)

    def release(self) -> None:
        """Give the lock up; harmless when it was given up before."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def lock_path(journal: Path) -> Path:
    """Where the lock of a journal lives."""
    return journal.with_name(f"{journal.name}.lock")


def _holder(descriptor: int) -> str:
    written = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"process {written}" if written.isdigit() else "another process"
