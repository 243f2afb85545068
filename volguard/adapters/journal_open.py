"""Open a journal's file for reading: which schema it has, and what SQLite says of a damaged one.

Standard library only, so that `volguard status` answers at once.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import quote

from volguard.model.errors import ConfigError, JournalDamaged, UsageError

SCHEMA: Final = 1
KEEP_HINT: Final = "keep the file as it is and go on with a copy, or with --new-session"


def connect_read_only(path: Path) -> sqlite3.Connection:
    """A connection that cannot change a row. Raises UsageError when there is no such file.

    SQLite reads what a crashed writer left in its write-ahead log, for which it needs to create an index
    beside the file; where the folder forbids that, nobody can be writing, and the file is read as it is.
    """
    if not path.is_file():
        raise UsageError(f"journal {path} does not exist", hint="name one with --journal")
    immutable = "" if os.access(path.parent, os.W_OK) else "&immutable=1"
    uri = f"file:{quote(str(path.resolve()))}?mode=ro{immutable}"
    return sqlite3.connect(uri, uri=True, isolation_level=None)


def stored_schema(path: Path, connection: sqlite3.Connection) -> int | None:
    """The schema version of a journal, None while it is empty.

    Raises ConfigError on a newer version than this one's, JournalDamaged on a file that is no journal.
    """
    try:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        if not tables:
            return None
        found = connection.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        version = int(found[0])
    except (sqlite3.DatabaseError, TypeError, ValueError) as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_READONLY_ROLLBACK:
            return None  # an undo log lies there only while the file is being made
        raise JournalDamaged(f"{path} is not a readable journal: {error}", hint=KEEP_HINT) from error
    if version > SCHEMA:
        raise ConfigError(
            f"journal {path} has schema version {version}, this program knows up to {SCHEMA}",
            hint="use the newer volguard, or start a journal of its own",
        )
    return version


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn what SQLite says of an unreadable file into JournalDamaged."""
    try:
        yield
    except (sqlite3.DatabaseError, ValueError) as error:
        raise JournalDamaged(f"journal {path} cannot be read: {error}", hint=KEEP_HINT) from error
