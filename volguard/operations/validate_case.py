"""One way to break what a check looks at, and what the check must then say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from volguard.operations.validate_row import Context, Verdict
from volguard.operations.validate_scene import Scene

Broken = Callable[[Scene], Context]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """`how` in words; `broken` builds the context in a scene; `expected` is fail or warn."""

    check: str
    how: str
    broken: Broken
    expected: Verdict = Verdict.FAIL


def case(check: str, how: str, broken: Broken, expected: Verdict = Verdict.FAIL) -> Case:
    """A case by its place."""
    return Case(check=check, how=how, broken=broken, expected=expected)
