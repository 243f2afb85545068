"""The shape of the code as rules: what may import what, who may read a clock, open a file, draw chance."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "volguard"
HEAVY = (
    *("numpy", "scipy", "pandas", "arch", "pyarrow"),
    *("matplotlib", "sqlite_utils", "rich"),
)
SHELL = ("adapters", "simulator", "backtest")  # the parts that touch the world or draw chance
CLOCK = PACKAGE / "adapters" / "clock.py"
CLOCK_CALLS = ("now", "today", "utcnow", "fromtimestamp", "utcfromtimestamp")
CORE = (
    *("model", "nse", "pricing", "volatility", "measure"),
    *("strategy", "risk", "execution", "engine"),
)
# The core's functions are values in, values out: these make files, wait, or ask the machine.
CORE_IO_CALLS = ("open", "read_text", "write_text", "read_bytes", "write_bytes", "print", "input")
CODE_LINES_MAX = 400


def modules(*parts: str) -> list[Path]:
    """Modules of the given parts of the package; all of them without parts."""
    found = sorted(PACKAGE.rglob("*.py"))
    return [path for path in found if not parts or part_of(path) in parts]


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def name_of(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def calls(path: Path) -> Iterator[tuple[int, str, bool]]:
    """(line, name, whether it is a method) of every call in a module."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                yield node.lineno, node.func.id, False
            elif isinstance(node.func, ast.Attribute):
                yield node.lineno, node.func.attr, True


def imported(path: Path) -> Iterator[tuple[int, str]]:
    """(line, module) of every import in a module, the ones inside functions too."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.lineno, node.module


OUTSIDE_SHELL = [path for path in modules() if part_of(path) not in SHELL]


@pytest.mark.parametrize("path", OUTSIDE_SHELL, ids=name_of)
def test_only_the_shell_opens_files_asks_the_time_or_draws_chance(path: Path) -> None:
    """No open(, .now(, .today(, .utcnow( and no np.random outside adapters, simulator and backtest."""
    found = [
        f"line {line}: {name}("
        for line, name, is_method in calls(path)
        if (name == "open" and not is_method) or (name in CLOCK_CALLS and is_method)
    ]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("np.random", "numpy.random"):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    found += [f"line {line}: import {name}" for line, name in imported(path) if name == "random"]
    assert found == []


@pytest.mark.parametrize("path", [path for path in modules() if path != CLOCK], ids=name_of)
def test_only_the_clock_module_reads_the_clock(path: Path) -> None:
    """The machine's time is asked in adapters/clock.py and nowhere else, not even in the shell."""
    asked = [f"line {line}: {name}(" for line, name, _ in calls(path) if name in CLOCK_CALLS]
    asked += [f"line {line}: import time" for line, name in imported(path) if name == "time"]
    assert asked == []


def test_the_clock_module_does_read_the_clock() -> None:
    """The rule above is about something: the clock module asks for the time."""
    assert any(name == "now" for _, name, _ in calls(CLOCK))


@pytest.mark.parametrize("path", modules(*CORE), ids=name_of)
def test_the_core_reads_and_writes_nothing(path: Path) -> None:
    """From model to engine nothing is read from or written to files, terminal or machine."""
    assert [f"line {line}: {name}(" for line, name, _ in calls(path) if name in CORE_IO_CALLS] == []


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_only_the_review_approves_an_order(path: Path) -> None:
    """Approved( is constructed in risk/review.py alone: no order leaves without the one review."""
    makes = [line for line, name, _ in calls(path) if name == "Approved"]
    assert bool(makes) is (path == PACKAGE / "risk" / "review.py")


def test_one_broad_except_at_the_runners_edge() -> None:
    """Exactly one place catches whatever it is, and that place halts trading."""
    broad = [
        name_of(path)
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) == "Exception")
    ]
    assert broad == ["volguard/runner.py"]


@pytest.mark.parametrize("path", modules(), ids=name_of)
def test_no_catch_all_names_and_no_endless_files(path: Path) -> None:
    """No utils, helpers, common or manager; no file beyond 400 lines of code."""
    assert path.stem not in ("utils", "helpers", "common", "manager")
    lines = [
        line for line in path.read_text().splitlines() if line.strip() and not line.strip().startswith("#")
    ]
    assert len(lines) <= CODE_LINES_MAX


@pytest.mark.parametrize("words", [("--help",), ("run", "--help"), ("--version",)], ids=" ".join)
def test_help_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    """Help answers at once: none of the numeric, plotting or table libraries is imported for it."""
    code = (
        "import sys\n"
        "from volguard.cli.app import main\n"
        f"sys.argv = ['volguard', *{words!r}]\n"
        "try:\n    main()\nexcept SystemExit as left:\n    assert left.code in (0, None), left.code\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    assert done.stderr == ""


def test_layers_only_point_downwards() -> None:
    """The import contracts of pyproject.toml hold: layers, a core without I/O, values without libraries."""
    code = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout
