"""What lies in the data folder: one row per file that volguard fetched, recorded or imported."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from volguard.adapters.whole_file import digest_of_file, write_whole
from volguard.model.errors import DataError

NAME: Final = "manifest.json"
LOCK_NAME: Final = ".manifest.lock"
SCHEMA: Final = "volguard.manifest/1"

Span = tuple[date, date]


class FileKind(StrEnum):
    """What a data file is."""

    INSTRUMENTS = "instruments"
    DAILY = "daily"
    MINUTE = "minute"
    RECORDING = "recording"
    BHAVCOPY = "bhavcopy"


class ManifestEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One file: `path` relative to the data folder (absolute elsewhere), its span as ISO dates or times."""

    path: str
    kind: FileKind
    instrument: str
    first: str
    last: str
    rows: int
    digest: str  # BLAKE2b of the bytes
    source: str  # address or label of where the content came from
    fetched_at: datetime
    spans: tuple[Span, ...] = ()  # dates that were asked for and answered, both ends included


class FileState(StrEnum):
    """How a file is, compared with its row."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    UNREADABLE = "unreadable"


class _Document(msgspec.Struct, frozen=True, kw_only=True):
    schema: str
    files: tuple[ManifestEntry, ...] = ()


class Manifest:
    """The rows of `<folder>/manifest.json`; every change is one whole new file, under a lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._folder / NAME

    def entries(self) -> tuple[ManifestEntry, ...]:
        """All rows by path; () where there is no manifest yet. Raises DataError on one that is damaged."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error)) from error
        try:
            document = msgspec.json.decode(content, type=_Document)
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise self._unreadable(str(error)) from error
        if document.schema != SCHEMA:
            raise self._unreadable(f"schema is {document.schema!r}, known is {SCHEMA!r}")
        return document.files

    def entry_of(self, file: Path) -> ManifestEntry | None:
        """The row of a file, None where it has none."""
        name = self._name(file)
        return next((entry for entry in self.entries() if entry.path == name), None)

    def record(
        self,
        file: Path,
        *,
        kind: FileKind,
        instrument: str,
        first: str,
        last: str,
        rows: int,
        source: str,
        fetched_at: datetime,
        spans: Iterable[Span] = (),
    ) -> ManifestEntry:
        """Write a file's row, in place of an older one; its digest is taken here. Raises DataError."""
        entry = ManifestEntry(
            path=self._name(file),
            kind=kind,
            instrument=instrument,
            first=first,
            last=last,
            rows=rows,
            digest=_digest(file),
            source=source,
            fetched_at=fetched_at,
            spans=tuple(spans),
        )
        self._rewrite(lambda known: [*(row for row in known if row.path != entry.path), entry])
        return entry

    def forget(self, file: Path) -> None:
        """Drop the row of a file; harmless where it has none."""
        name = self._name(file)
        self._rewrite(lambda known: [row for row in known if row.path != name])

    def state_of(self, entry: ManifestEntry) -> FileState:
        """Read a file again and compare its bytes with its row."""
        try:
            digest = digest_of_file(self._folder / entry.path)
        except FileNotFoundError:
            return FileState.MISSING
        except OSError:
            return FileState.UNREADABLE
        return FileState.SAME if digest == entry.digest else FileState.CHANGED

    def _name(self, file: Path) -> str:
        if file.is_relative_to(self._folder):
            return file.relative_to(self._folder).as_posix()
        return file.absolute().as_posix()

    def _rewrite(self, change: Callable[[tuple[ManifestEntry, ...]], list[ManifestEntry]]) -> None:
        with self._locked():
            rows = sorted(change(self.entries()), key=lambda row: row.path)
            document = msgspec.json.encode(_Document(schema=SCHEMA, files=tuple(rows)))
            write_whole(self.path, msgspec.json.format(document, indent=2) + b"\n")

    # Two commands may end at the same moment; neither may lose the other's row.
    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataError(f"{self.path} cannot be locked: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _unreadable(self, why: str) -> DataError:
        return DataError(
            f"{self.path}: not a manifest of this version ({why})",
            hint="the data files themselves are untouched: move the manifest away and a new one is begun",
        )


def _digest(file: Path) -> str:
    try:
        return digest_of_file(file)
    except OSError as error:
        raise DataError(f"{file}: cannot be read: {error.strerror or error}") from error
