"""Sound folders and look-alikes for tests of the validation, and short ways to look at one check."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from volguard.operations.validate import CHECKS, GATES
from volguard.operations.validate_row import Check, Context, Row, looked_at
from volguard.operations.validate_scene import Scene

BY_ID = {check.id: check for check in (*CHECKS, *GATES)}


@contextmanager
def scene_in(folder: Path) -> Iterator[Scene]:
    """A scene whose folders lie in `folder`."""
    with ExitStack() as undo:
        yield Scene(folder, undo)


def row_of(context: Context, name: str) -> Row:
    """The row of one check."""
    check: Check = BY_ID[name]
    return looked_at(check, context)


def figures(row: Row) -> dict[str, tuple[str, str]]:
    """Each figure of a row with its limit, by name."""
    return {one.name: (one.seen, one.limit) for one in row.finding.evidence}
