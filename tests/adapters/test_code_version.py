"""The code's version changes with any line of it, and with nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

import volguard
from volguard.adapters.code_version import code_version, digest_of_sources

PACKAGE = Path(volguard.__file__).parent


def test_it_names_release_and_sources() -> None:
    """The number that is sold, and a digest of these very files."""
    assert code_version() == f"{volguard.__version__}+{digest_of_sources(PACKAGE)}"


def test_a_copy_elsewhere_is_the_same_code_and_a_changed_line_is_not(tmp_path: Path) -> None:
    """Neither the folder nor compiled files count; a line, a new file and a renamed one do."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(PACKAGE / "engine", copy, ignore=shutil.ignore_patterns("__pycache__"))
    same = digest_of_sources(copy)
    assert same == digest_of_sources(PACKAGE / "engine")
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "step.cpython-311.pyc").write_bytes(b"compiled")
    assert digest_of_sources(copy) == same
    step = (copy / "step.py").read_text()
    (copy / "step.py").write_text(step + "\n")
    changed = digest_of_sources(copy)
    (copy / "step.py").write_text(step)
    (copy / "new.py").touch()
    added = digest_of_sources(copy)
    (copy / "new.py").unlink()
    (copy / "step.py").rename(copy / "stepped.py")
    assert len({same, changed, added, digest_of_sources(copy)}) == 4
