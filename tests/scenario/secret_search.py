"""Looks for secrets wherever one could have been left: files, output, errors, objects, process lists.

A marker is found in any form it is likely to take: as it is, escaped for an address, in base64, in hex.
"""

from __future__ import annotations

import base64
import gc
import gzip
import io
import logging
import os
import sqlite3
import tempfile
import threading
import traceback
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq

SAMPLE_S = 0.02
LENGTH_MIN = 6  # a shorter marker would be found by chance


@dataclass
class Search:
    """Markers by name, the places looked at, and those where a marker was found: `name in place`."""

    markers: Mapping[str, str]
    found: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._forms: dict[str, set[bytes]] = {}
        self.add(self.markers)

    def add(self, markers: Mapping[str, str]) -> None:
        """Look for these too from now on."""
        short = [name for name, marker in markers.items() if len(marker) < LENGTH_MIN]
        assert not short, f"too short to be told from chance: {short}"
        self.markers = {**self.markers, **markers}
        # A new table each time: threads may be searching with the one that was.
        self._forms = self._forms | {
            name: {form for text in parts_of(marker) for form in forms_of(text)}
            for name, marker in markers.items()
        }

    def text(self, place: str, content: str | bytes) -> None:
        """Look into one text."""
        self.places.add(place)
        raw = content.encode() if isinstance(content, str) else content
        for name, forms in self._forms.items():
            if any(form in raw for form in forms):
                self.found.append(f"{name} in {place}")

    def file(self, path: Path) -> None:
        """Look into one file, and into what is packed in it; its name too."""
        self.text(f"the name of {path}", str(path))
        for place, content in contents_of(path):
            self.text(place, content)

    def folder(self, folder: Path, *, but: Iterable[Path] = ()) -> None:
        """Look into every file below a folder except those that are meant to hold a secret."""
        left_out = {path.resolve() for path in but}
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.resolve() not in left_out:
                self.file(path)

    def error(self, error: BaseException) -> None:
        """Look into an error, its hint and attributes, all that is chained to it, and its traceback."""
        for link in chain_of(error):
            self.text(f"{type(link).__name__}", f"{link} {link!r} {link.args!r} {vars(link)!r}")
        self.text("the traceback", "".join(traceback.format_exception(error)))

    def objects(self, *parts: str, but: frozenset[int] = frozenset()) -> None:
        """Look into `repr` and `str` of every living object whose class these modules define.

        `but`: ids of those that were there before any marker was.
        """
        for thing in gc.get_objects():
            if id(thing) in but:
                continue
            module = getattr(type(thing), "__module__", None)
            if isinstance(module, str) and module.startswith(parts):
                self.text(f"repr of a {module}.{type(thing).__name__}", f"{thing!r} {thing!s}")


def living() -> frozenset[int]:
    """Ids of all objects that are there now."""
    gc.collect()
    return frozenset(map(id, gc.get_objects()))


def token_markers(name: str, token: str) -> dict[str, str]:
    """The parts of a token that are its own; what every token begins with is no marker."""
    own = [part for part in token.split(".")[1:] if len(part) >= LENGTH_MIN]
    return {f"{name}, part {number}": part for number, part in enumerate(own, 1)} or {name: token}


def forms_of(text: str) -> set[bytes]:
    """How a text may look when it was packed into something else."""
    raw = text.encode()
    # In base64 a text looks different at each of three offsets; its middle is the same whatever is around.
    packed = {base64.b64encode(b"\0" * shift + raw)[4 if shift else 0 : -4] for shift in range(3)}
    return {
        raw,
        quote(text, safe="").encode(),
        raw.hex().encode(),
        raw[::-1],
        *(p for p in packed if len(p) > 7),
    }


def parts_of(marker: str) -> tuple[str, ...]:
    """A long marker in halves too: a shortened or wrapped one is found all the same."""
    half = len(marker) // 2
    return (marker, marker[:half], marker[half:]) if half >= 2 * LENGTH_MIN else (marker,)


def contents_of(path: Path) -> Iterator[tuple[str, bytes]]:
    """What a file holds: its bytes, and what is in it unpacked."""
    raw = path.read_bytes()
    yield str(path), raw
    if raw.startswith(b"SQLite format 3"):
        yield from _cells_of(path)
    elif raw.startswith(b"\x1f\x8b"):
        yield f"{path} unpacked", gzip.decompress(raw)
    elif raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as packed:
            yield from ((f"{path}:{name}", packed.read(name)) for name in packed.namelist())
    elif raw.startswith(b"PAR1"):
        table = pq.read_table(path)
        yield f"{path} metadata", repr(table.schema.metadata).encode()
        for name in table.column_names:
            yield f"{path}:{name}", repr(table.column(name).unique().to_pylist()).encode()


def chain_of(error: BaseException) -> Iterator[BaseException]:
    """An error and everything that hangs on it, hidden or not."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__cause__, link.__context__]


@contextmanager
def shared_temp(search: Search, folder: Path | None = None) -> Iterator[None]:
    """Look into what appears meanwhile in a temporary folder, while it is there.

    Without `folder` in the machine's own; what others leave there is looked into as well, so that markers
    must be this run's alone.
    """
    place = (folder or Path(tempfile.gettempdir())).resolve()
    before, seen = set(place.iterdir()), dict[Path, int]()

    def look() -> None:
        for path in set(place.iterdir()) - before:
            for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
                with suppress(OSError):  # what was there a moment ago is gone
                    stamp = file.stat().st_mtime_ns
                    if seen.get(file) != stamp:
                        search.text(f"the shared {file}", file.read_bytes())
                        seen[file] = stamp

    with _sampling(look):
        yield


@contextmanager
def process_list(search: Search) -> Iterator[None]:
    """Look into the command line of every process that this one starts meanwhile, as any user could."""
    seen: set[tuple[int, bytes]] = set()

    def look() -> None:
        for number in _descendants(os.getpid()):
            with suppress(OSError):  # it has ended
                line = Path(f"/proc/{number}/cmdline").read_bytes()
                if (number, line) not in seen:
                    seen.add((number, line))
                    search.text(f"the command line of process {number}", line)

    with _sampling(look):
        yield


@contextmanager
def all_logs(search: Search) -> Iterator[None]:
    """Look into every log record of every library meanwhile, down to the finest level."""

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            search.text(f"a log of {record.name}", f"{record.getMessage()} {record.args!r}")

    handler, root = Handler(logging.NOTSET), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextmanager
def _sampling(look: Callable[[], None]) -> Iterator[None]:
    over = threading.Event()

    def sample() -> None:
        while not over.wait(SAMPLE_S):
            with suppress(OSError):  # what was there a moment ago is gone
                look()
        with suppress(OSError):
            look()

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _descendants(number: int) -> list[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The second field is the program's name in brackets, which may hold anything.
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [number]
    for parent in found:
        found += [child for child, of in parents.items() if of == parent]
    return found[1:]


def _cells_of(path: Path) -> Iterator[tuple[str, bytes]]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
        for table, _ in tables:
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                yield f"{path}:{table}", repr(row).encode()
                for cell in row:
                    if isinstance(cell, bytes):
                        yield f"{path}:{table} unpacked", _unpacked(cell)


def _unpacked(blob: bytes) -> bytes:
    for start in range(16):  # behind whatever mark a blob begins with
        with suppress(zlib.error):
            return zlib.decompressobj().decompress(blob[start:])
    return blob
