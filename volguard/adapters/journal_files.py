"""Where journals lie: one file per replayed or simulated session, named by source, date and number."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

from volguard.model.errors import UsageError


def session_paths(folder: Path, kind: str, trading_date: date) -> tuple[Path, ...]:
    """Journals of one source and date, in order of their number."""
    pattern = re.compile(rf"{re.escape(kind)}-{trading_date.isoformat()}-(\d+)\.db")
    numbered = [
        (int(match.group(1)), path)
        for path in (folder.iterdir() if folder.is_dir() else ())
        if (match := pattern.fullmatch(path.name))
    ]
    return tuple(path for _, path in sorted(numbered))


def next_session_path(folder: Path, kind: str, trading_date: date) -> Path:
    """The name of the next session of one source and date; nothing is created."""
    known = session_paths(folder, kind, trading_date)
    number = int(known[-1].stem.rsplit("-", 1)[1]) + 1 if known else 1
    return folder / f"{kind}-{trading_date.isoformat()}-{number}.db"


def all_journals(folder: Path) -> tuple[Path, ...]:
    """Every journal of a folder, by name."""
    return tuple(sorted(path for path in folder.glob("*.db") if path.is_file())) if folder.is_dir() else ()


def newest_journal(folder: Path) -> Path:
    """The journal written last. Raises UsageError when there is none."""
    journals = all_journals(folder)
    if not journals:
        raise UsageError(f"no journal in {folder}", hint="run a session first, or name one with --journal")
    return max(journals, key=lambda path: (path.stat().st_mtime_ns, path.name))
