"""One writer per journal, one flatten per account: kernel locks, gone with the process that held them."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Self

from volguard.model.errors import LockHeld, UsageError


class FileLock:
    """An exclusive `flock` held from `take` until `release` or the end of the process."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the lock up; harmless when it was given up before."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    @classmethod
    def _taken(cls, path: Path, busy: str, hint: str) -> Self:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise UsageError(f"lock file {path} cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            os.close(descriptor)
            raise LockHeld(f"{busy} {holder}", hint=hint) from None
        # For people only: the lock belongs to the kernel, a stale number means nothing.
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        return cls(descriptor)


class JournalLock(FileLock):
    """Whoever writes a journal holds it."""

    @classmethod
    def take(cls, journal: Path) -> Self:
        """Lock `<journal>.lock` without waiting. Raises LockHeld, naming the holder where it is known."""
        return cls._taken(
            lock_path(journal),
            f"journal {journal} is in use by",
            "wait until it ends, or look at it with `volguard status`",
        )


class FlattenLock(FileLock):
    """Whoever flattens an account holds it: two at once would close the same position twice."""

    @classmethod
    def take(cls, journal: Path) -> Self:
        """Lock `<account>.flatten.lock` beside the account's journal; as a journal's lock otherwise."""
        return cls._taken(
            journal.with_name(f"{journal.stem}.flatten.lock"),
            f"account {journal.stem} is being flattened already, by",
            "let it end: it works towards zero; one that hangs must be ended before another can begin",
        )


def lock_path(journal: Path) -> Path:
    """Where the lock of a journal lives."""
    return journal.with_name(f"{journal.name}.lock")


def _holder(descriptor: int) -> str:
    written = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
    return f"process {written}" if written.isdigit() else "another process"
