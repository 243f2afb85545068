"""A safety line that is taken out is noticed: each mutant of the package fails some session.

VOLGUARD_MUTANTS of them are tried (0: all), on VOLGUARD_MUTANT_SEEDS seeds each.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
LISTED = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text())
MUTANTS: list[dict[str, Any]] = LISTED["mutant"]
COUNT = int(os.environ.get("VOLGUARD_MUTANTS", "2")) or len(MUTANTS)
SEEDS = os.environ.get("VOLGUARD_MUTANT_SEEDS", "6")
STRIDE = max(1, len(MUTANTS) // COUNT)


def changes(mutant: dict[str, Any]) -> list[tuple[Path, str, str]]:
    """(file, text, what stands there instead) of everything that a mutant changes."""
    first = [(mutant["file"], mutant["find"], mutant["put"])]
    return [(Path("volguard") / file, find, put) for file, find, put in [*first, *mutant.get("also", [])]]


def hunt(folder: Path, seeds: str) -> subprocess.CompletedProcess[str]:
    """Sessions on the package in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation.hunt", seeds],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant["name"])
def test_every_mutant_still_fits_the_code(mutant: dict[str, Any]) -> None:
    """Each line that is to be taken out stands there exactly once: the list cannot rot."""
    for file, find, put in changes(mutant):
        assert (PROJECT / file).read_text().count(find) == 1, f"{file}: {find}"
        assert find != put


@pytest.mark.parametrize("mutant", MUTANTS[::STRIDE][:COUNT], ids=lambda mutant: mutant["name"])
def test_a_missing_safety_line_is_noticed(mutant: dict[str, Any], tmp_path: Path) -> None:
    """The copy without it comes to a session that is not true."""
    shutil.copytree(PROJECT / "volguard", tmp_path / "volguard")
    for folder in ("tests", "config"):
        (tmp_path / folder).symlink_to(PROJECT / folder)
    for file, find, put in changes(mutant):
        path = tmp_path / file
        path.write_text(path.read_text().replace(find, put))
    done = hunt(tmp_path, SEEDS)
    assert done.returncode == 1 and "seed" in done.stdout, done.stdout + done.stderr
