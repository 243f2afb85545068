"""The manifest knows every file that was fetched, recorded or imported, and sees when one is not the same."""

from __future__ import annotations

import json
import multiprocessing
from datetime import datetime
from pathlib import Path

import pytest

from volguard.adapters.manifest import FileKind, FileState, Manifest
from volguard.model.errors import DataError
from volguard.model.units import IST

NOW = datetime(2026, 9, 16, 18, 30, tzinfo=IST)


def recorded(folder: Path, name: str, content: bytes = b"x", rows: int = 1) -> Path:
    """A file with its row."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    Manifest(folder).record(
        file,
        kind=FileKind.DAILY,
        instrument="NIFTY",
        first="2026-09-01",
        last="2026-09-15",
        rows=rows,
        source="https://api.upstox.com",
        fetched_at=NOW,
    )
    return file


def test_each_file_has_one_row_and_the_newest_counts(tmp_path: Path) -> None:
    """A file that is recorded again has its row replaced; rows are by path and say all that is known."""
    recorded(tmp_path, "history/b.csv")
    recorded(tmp_path, "history/a.csv")
    recorded(tmp_path, "history/b.csv", b"more", rows=7)
    a, b = Manifest(tmp_path).entries()
    assert (a.path, b.path) == ("history/a.csv", "history/b.csv")
    assert (b.kind, b.instrument, b.first, b.last, b.rows) == (
        "daily",
        "NIFTY",
        "2026-09-01",
        "2026-09-15",
        7,
    )
    assert (b.source, b.fetched_at) == ("https://api.upstox.com", NOW)
    assert Manifest(tmp_path).entry_of(tmp_path / "history/b.csv") == b


def test_no_manifest_is_no_rows(tmp_path: Path) -> None:
    """A folder that nothing was written to yet has an empty list, not an error."""
    assert Manifest(tmp_path / "none").entries() == ()
    assert Manifest(tmp_path / "none").entry_of(tmp_path / "x") is None


def test_a_file_that_was_changed_or_lost_shows(tmp_path: Path) -> None:
    """Verification reads the bytes again: the same, changed by one byte, missing, or no file at all."""
    files = [recorded(tmp_path, name, b"content") for name in ("a", "b", "c", "d")]
    files[1].write_bytes(b"contenu")
    files[2].unlink()
    files[3].unlink()
    files[3].mkdir()
    manifest = Manifest(tmp_path)
    assert [manifest.state_of(entry) for entry in manifest.entries()] == [
        *(FileState.SAME, FileState.CHANGED, FileState.MISSING, FileState.UNREADABLE)
    ]


def test_a_file_elsewhere_keeps_its_whole_path(tmp_path: Path) -> None:
    """History may lie in a folder of the user's own: its row has the absolute path and is still verified."""
    data, elsewhere = tmp_path / "data", tmp_path / "mine" / "a.csv"
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"x")
    entry = Manifest(data).record(
        elsewhere,
        kind=FileKind.DAILY,
        instrument="NIFTY",
        first="",
        last="",
        rows=0,
        source="",
        fetched_at=NOW,
    )
    assert entry.path == str(elsewhere)
    assert Manifest(data).state_of(entry) is FileState.SAME


def test_a_row_can_be_dropped(tmp_path: Path) -> None:
    """A file that is removed on purpose leaves no row; one without a row changes nothing."""
    file = recorded(tmp_path, "a")
    Manifest(tmp_path).forget(tmp_path / "other")
    assert len(Manifest(tmp_path).entries()) == 1
    Manifest(tmp_path).forget(file)
    assert Manifest(tmp_path).entries() == ()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "truncated"),
        ('{"schema": "volguard.manifest/9"}', "schema is 'volguard.manifest/9'"),
        ('{"schema": "volguard.manifest/1", "files": [{"path": "a"}]}', "kind"),
        ('{"files": []}', "schema"),
    ],
)
def test_a_damaged_manifest_is_refused_and_not_overwritten(tmp_path: Path, content: str, why: str) -> None:
    """Nothing is recorded over a manifest that cannot be read: it says what it could not read."""
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(DataError, match=f"manifest.json: not a manifest of this version .*{why}"):
        recorded(tmp_path, "a")
    assert (tmp_path / "manifest.json").read_text() == content


def test_a_file_that_is_not_there_has_no_row(tmp_path: Path) -> None:
    """A digest is always of bytes that were read."""
    with pytest.raises(DataError, match=r"gone: cannot be read"):
        Manifest(tmp_path).record(
            tmp_path / "gone",
            kind=FileKind.DAILY,
            instrument="NIFTY",
            first="",
            last="",
            rows=0,
            source="",
            fetched_at=NOW,
        )


def _record_many(folder: str, name: str) -> None:
    for number in range(25):
        recorded(Path(folder), f"{name}/{number}")


def test_two_commands_at_once_lose_no_row(tmp_path: Path) -> None:
    """Two processes that record at the same time end with the rows of both."""
    context = multiprocessing.get_context("spawn")
    runs = [context.Process(target=_record_many, args=(str(tmp_path), name)) for name in ("a", "b")]
    for run in runs:
        run.start()
    for run in runs:
        run.join(60)
    assert [run.exitcode for run in runs] == [0, 0]
    assert len(Manifest(tmp_path).entries()) == 50


def test_the_file_is_readable_without_this_program(tmp_path: Path) -> None:
    """Plain JSON with a schema and one object per file."""
    recorded(tmp_path, "a", b"x")
    document = json.loads((tmp_path / "manifest.json").read_text())
    assert document["schema"] == "volguard.manifest/1"
    assert document["files"][0]["fetched_at"] == "2026-09-16T18:30:00+05:30"
