"""Files for their owner's eyes alone: written whole and 0600, refused when others may read them."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from volguard.model.errors import ConfigError

OTHERS: Final = 0o077  # any of these bits lets somebody else in
BYTES_MAX: Final = 65_536


class NotPrivate(ConfigError):
    """A file that must be its owner's alone can be used by others, or is no plain file."""


def read_private(path: Path) -> bytes:
    """The content of a file of mode 0600 or tighter.

    Raises FileNotFoundError where there is none, NotPrivate when others may use it, ConfigError when it
    cannot be read or is longer than such a file ever is.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe of that name must not hold us up
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    try:
        # The mode of the file that was opened, not of what has its name a moment later.
        problem = _problem(path, os.fstat(descriptor).st_mode)
        if problem is not None:
            raise problem
        content = os.read(descriptor, BYTES_MAX + 1)
    finally:
        os.close(descriptor)
    if len(content) > BYTES_MAX:
        raise ConfigError(f"{path} is longer than {BYTES_MAX} bytes")
    return content


def privacy_problem(path: Path) -> NotPrivate | None:
    """Why a file is not its owner's alone, with its mend as hint; None when it is, or is not there."""
    try:
        return _problem(path, path.stat().st_mode)
    except OSError:
        return None


def write_private(path: Path, content: bytes) -> None:
    """Put a file of mode 0600 in place of what was there, whole or not at all. Raises ConfigError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # beside it, 0600
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with suppress(FileNotFoundError):
            Path(name).unlink()
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from None


def _problem(path: Path, mode: int) -> NotPrivate | None:
    if not stat.S_ISREG(mode):
        return NotPrivate(f"{path} is no plain file")
    if not mode & OTHERS:
        return None
    return NotPrivate(
        f"mode of {path} was {stat.S_IMODE(mode):04o}, must be 0600: others could read it",
        hint=f"chmod 600 {path}",
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
