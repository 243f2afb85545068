"""Which code this is: the version that it is sold under, and a digest of the package as it lies on the disk.

A number that is raised by hand says nothing of a line that was changed by hand. Sessions, drills and
promotions are of exactly this code; what is read again under another one has to show that it decides alike.
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

import volguard

DIGEST_BYTES: Final = 4


@cache
def code_version() -> str:
    """`0.1.0+1f0c9a3e`: of the package's own source files, names and bytes, in the order of their names."""
    folder = Path(volguard.__file__).parent
    return f"{volguard.__version__}+{digest_of_sources(folder)}"


def digest_of_sources(folder: Path) -> str:
    """The digest of all Python files below a folder; where they lie does not matter, what they hold does."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
