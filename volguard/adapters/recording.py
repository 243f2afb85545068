"""One day's market as it is recorded: finished parts in a folder, to be merged into one chain file.

A Parquet file is readable only once it is finished, so each part is written whole: what a crash costs is
what has come since the last one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import Final

from volguard.adapters.chain_parquet import ChainParquet
from volguard.adapters.chain_rows import ist_time
from volguard.adapters.chain_writer import ChainWriter, unfit
from volguard.adapters.lock import JournalLock
from volguard.adapters.whole_file import replacing
from volguard.model.errors import DataError, LockHeld
from volguard.model.instrument import Underlying
from volguard.model.market import ChainSnapshot

_PART: Final = re.compile(r"part-(\d{4,9})\.parquet")
_FOLDER: Final = re.compile(r"[A-Z][A-Z0-9]*-\d{4}-\d{2}-\d{2}")


class Recording:
    """The recording of an underlying on a day, after what is there already. Close it.

    `optional` names the columns beside the fixed ones that the source can give; `notes` go into the metadata.
    Raises LockHeld while another process records the same, DataError where the folder cannot be written.
    """

    def __init__(self, path: Path, *, optional: Collection[str], notes: Mapping[str, str]) -> None:
        self.path = path
        self._optional = tuple(optional)
        self._notes = dict(notes)
        self._waiting: list[ChainSnapshot] = []
        self._lock = lock_of(path)
        try:
            self._next_number = max((number for number, _ in parts_of(path)), default=0) + 1
            self.last_ts = _last_written(path)
        except BaseException:
            self._lock.release()
            raise

    @property
    def waiting(self) -> int:
        """Snapshots taken and not yet written."""
        return len(self._waiting)

    def take(self, snapshot: ChainSnapshot) -> str | None:
        """Keep a snapshot for the next part; a reason where it is refused: not later, or unfit for a file."""
        if self.last_ts is not None and snapshot.ts <= self.last_ts:
            return f"not later than {self.last_ts:%H:%M:%S}"
        reason = unfit(snapshot)
        if reason is None:
            self._waiting.append(snapshot)
            self.last_ts = snapshot.ts
        return reason

    def write_part(self) -> Path | None:
        """Write what waits as one finished part, None where nothing does.

        Raises DataError; what waits is kept for the next try.
        """
        if not self._waiting:
            return None
        part = parts_folder_of(self.path) / f"part-{self._next_number:04d}.parquet"
        with replacing(part) as unfinished:
            write_snapshots(unfinished, self._waiting, optional=self._optional, notes=self._notes)
        self._waiting = []
        self._next_number += 1
        return part

    def close(self) -> None:
        """Let another process have it."""
        self._lock.release()


def write_snapshots(
    path: Path, snapshots: Collection[ChainSnapshot], *, optional: Collection[str], notes: Mapping[str, str]
) -> None:
    """One finished chain file of these snapshots."""
    with ChainWriter(path, optional=optional, notes=notes) as writer:
        for snapshot in snapshots:
            writer.add(snapshot)


def recording_path(folder: Path, underlying: Underlying, day: date) -> Path:
    """Where a day's recording ends up."""
    return folder / f"{underlying}-{day.isoformat()}.parquet"


def parts_folder_of(path: Path) -> Path:
    """Where the parts of a recording lie until they are merged."""
    return path.with_suffix("")


def parts_of(path: Path) -> list[tuple[int, Path]]:
    """The parts of a recording with their numbers, in order."""
    folder = parts_folder_of(path)
    files = folder.iterdir() if folder.is_dir() else ()
    return sorted((int(match.group(1)), file) for file in files if (match := _PART.fullmatch(file.name)))


def unmerged(folder: Path) -> tuple[Path, ...]:
    """The recordings in a folder that have parts waiting to be merged, by name."""
    if not folder.is_dir():
        return ()
    names = sorted(entry.name for entry in folder.iterdir() if _FOLDER.fullmatch(entry.name))
    paths = [folder / f"{name}.parquet" for name in names]
    return tuple(path for path in paths if parts_of(path))


def lock_of(path: Path) -> JournalLock:
    """Take a recording for this process. Raises LockHeld, DataError where its folder cannot be made."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return JournalLock.take(path)
    except OSError as error:
        raise DataError(f"{path.parent} cannot be made: {error.strerror}") from error
    except LockHeld as held:
        raise LockHeld(
            held.message.replace("journal", "recording", 1), hint="let it go on, or end it with Ctrl-C there"
        ) from None


# What is damaged cannot tell its times; the merge names it.
def _last_written(path: Path) -> datetime | None:
    newest: datetime | None = None
    for file in (*((path,) if path.exists() else ()), *(part for _, part in parts_of(path))):
        with suppress(DataError):
            last = ist_time(max(int(times.max()) for times in ChainParquet(file).times() if len(times)))
            newest = last if newest is None else max(newest, last)
    return newest
