"""The museum is whole: every bug on orders, records, books, legs and the kill switch has its test."""

from __future__ import annotations

import ast
import re
from pathlib import Path

NAME = re.compile(r"test_museum_(\d\d)_[a-z_]+")
ENTRIES = range(1, 33)


def test_every_bug_has_one_test() -> None:
    """Numbers 1 to 32, each once, and each asserts something."""
    found: dict[int, ast.FunctionDef] = {}
    for file in sorted(Path(__file__).parent.glob("test_*.py")):
        for node in ast.parse(file.read_text()).body:
            match = NAME.fullmatch(node.name) if isinstance(node, ast.FunctionDef) else None
            if match is not None and isinstance(node, ast.FunctionDef):
                assert int(match.group(1)) not in found, node.name
                found[int(match.group(1))] = node
    assert sorted(found) == list(ENTRIES)
    for node in found.values():
        assert any(isinstance(one, ast.Assert) for one in ast.walk(node)), node.name
