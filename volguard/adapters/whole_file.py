"""Files that are there whole or not at all, whatever happens while they are written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from volguard.model.errors import DataError

PART: Final = ".part"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to: flushed to the disk it takes the place of `path`; after an error it is gone.

    Folders above are made. Raises DataError naming the file where it cannot be written.
    """
    part = path.with_name(f"{path.name}{PART}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield part
            _flush(part)
            part.replace(path)
            _flush(path.parent)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written: {error.strerror or error}",
            hint="look at the folder and the free disk",
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of these bytes. Raises DataError."""
    with replacing(path) as part:
        part.write_bytes(content)


def digest_of_file(path: Path) -> str:
    """BLAKE2b (32 bytes) of the content, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, lambda: hashlib.blake2b(digest_size=32)).hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
