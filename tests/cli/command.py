"""Runs the command line as an operator does: whole processes, judged by what they print and return."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.prefork import Forks

PROJECT = Path(__file__).resolve().parents[2]
DATA = PROJECT.parent / "shared" / "data"
CHAIN = DATA / "nifty_chain_2025-08-29.parquet"
TIMEOUT_S = 180.0
FORKS = Forks()
VIEWS = ("decisions", "orders", "fills", "trades", "alerts", "state_changes")  # made when a day has ended

# As the operator types it, from the project's root.
REAL_DAY = (
    *("run", "--phase", "SHADOW", "--replay", "../shared/data/nifty_chain_2025-08-29.parquet"),
    *("--history", "../shared/data", "--speed", "max", "--json"),
)
SWITCHES_OFF = ("--set", "strategy.require_forecast_edge=false", "--set", "strategy.require_vrp=false")
SIMULATED_DAY = ("run", "--phase", "SHADOW", "--broker", "simulator", "--speed", "max", "--json")
SHORT_DAY = (*SIMULATED_DAY, "--cadence", "900", "--no-report")
SEED_SEVEN = (*SIMULATED_DAY, "--seed", "7", "--cadence", "60", "--no-report")

needs_real_day = pytest.mark.skipif(not CHAIN.exists(), reason="the recorded day is not beside the project")


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What a finished process left."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """Stdout as the one JSON document that it must be."""
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        """The error as the one JSON object that ends stderr; notes to the operator may stand before it."""
        return json.loads(self.err.splitlines()[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A session that was run to its end."""

    root: Path
    document: Any
    err: str

    @property
    def journal(self) -> Path:
        """The session's journal."""
        return Path(self.document["journal"]["path"])

    def rows(self, *kinds: str) -> list[tuple[int, str, Any]]:
        """(seq, kind, body) of the journal's rows of these kinds, read with sqlite alone."""
        return rows_of(self.journal, *kinds)


def command(*words: str, root: Path | None = None) -> list[str]:
    """The process's words, with `--root` where one is given."""
    rooted = () if root is None else ("--root", str(root))
    return [sys.executable, "-m", "volguard.cli.app", *words, *rooted]


def environment() -> dict[str, str]:
    """This process's environment without what would point the command elsewhere, the project importable."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VOLGUARD_")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, (str(PROJECT), os.environ.get("PYTHONPATH"))))}


def volguard(*words: str, root: Path | None = None, cwd: Path = PROJECT, own_process: bool = False) -> Done:
    """Run one command to its end; in a process that began with it where `own_process`."""
    if own_process:
        return finish(start(*words, root=root, cwd=cwd))
    rooted = () if root is None else ("--root", str(root))
    code, out, err = FORKS.run((*words, *rooted), cwd=cwd, environment=environment(), timeout_s=TIMEOUT_S)
    return Done(code=code, out=out, err=err)


def together(*calls: tuple[Sequence[str], Path | None], own_process: bool = False) -> list[Done]:
    """Run independent commands two at a time; results in the order of the calls."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda call: volguard(*call[0], root=call[1], own_process=own_process), calls))


def start(*words: str, root: Path | None = None, cwd: Path = PROJECT) -> subprocess.Popen[str]:
    """Start a command and leave it running."""
    return subprocess.Popen(
        command(*words, root=root),
        cwd=cwd,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_day(root: Path, *words: str) -> Day:
    """Run a session that must end well."""
    return as_day(root, volguard(*words, root=root))


def as_day(root: Path, done: Done) -> Day:
    """A finished process as a day; it must have ended with exit 0."""
    assert done.code == 0, done.err
    return Day(root=root, document=done.document, err=done.err)


def make_root(folder: Path) -> Path:
    """A root folder with the shipped configuration and nothing else."""
    shutil.copytree(PROJECT / "config", folder / "config")
    return folder


def cut_short(day: Day, root: Path, seq: int) -> Path:
    """A copy of a day's journal under another root, as a crash right after a row would have left it."""
    journal = root / "journal" / day.journal.name
    journal.parent.mkdir(exist_ok=True)
    shutil.copy(day.journal, journal)
    with closing(sqlite3.connect(journal)) as connection, connection:
        for table in ("events", "market"):
            connection.execute(f"DELETE FROM {table} WHERE seq > ?", (seq,))
        for table in VIEWS:
            connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM meta WHERE key = 'views_seq'")
    lines = Path(f"{day.journal}.anchor").read_text().splitlines(keepends=True)
    Path(f"{journal}.anchor").write_text("".join(line for line in lines if int(line.split()[0]) <= seq))
    return journal


def row_count(journal: Path) -> int:
    """Rows that a running session has committed; 0 while there is no journal yet."""
    if not journal.is_file():
        return 0
    connection = sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)
    try:
        return connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # its tables are being made right now
    finally:
        connection.close()


def wait_for_rows(process: subprocess.Popen[str], journal: Path, rows: int) -> bool:
    """Wait until a running session has committed so many rows; False when it ended before."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        if row_count(journal) >= rows:
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.002)
    raise TimeoutError(f"{journal} did not reach {rows} rows")


def rows_of(journal: Path, *kinds: str) -> list[tuple[int, str, Any]]:
    """(seq, kind, body) of a journal's rows, all of them without kinds."""
    connection = sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)
    try:
        found = connection.execute("SELECT seq, kind, body FROM events ORDER BY seq").fetchall()
    finally:
        connection.close()
    return [(seq, kind, json.loads(body)) for seq, kind, body in found if not kinds or kind in kinds]


def finish(process: subprocess.Popen[str]) -> Done:
    """Wait for a started command to end."""
    try:
        out, err = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Done(code=process.returncode, out=out, err=err)
