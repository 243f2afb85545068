"""How far a long command is: a bar on a terminal, a line now and then elsewhere, nothing beside --json."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Final

from volguard.cli.options import say

Progress = Callable[[float, float, str], None]
SPOKEN_S: Final = 1.0  # between two lines


@contextmanager
def progress_shown(title: str, *, spoken_s: float = SPOKEN_S) -> Iterator[Progress]:
    """A function that is told what is done, of how much, in words; what it shows goes to stderr."""
    if not sys.stderr.isatty():
        yield _spoken(title, spoken_s)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    shown = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[words]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with shown:
        task = shown.add_task(title, total=None, words="")
        yield lambda done, total, words: shown.update(task, completed=done, total=total, words=words)


def _spoken(title: str, spoken_s: float) -> Progress:
    from volguard.adapters.clock import SystemClock

    clock = SystemClock(Event())
    last_s = clock.monotonic_s()

    def tell(done: float, total: float, words: str) -> None:
        nonlocal last_s
        now_s = clock.monotonic_s()
        if now_s - last_s >= spoken_s:
            last_s = now_s
            share = f"{done / total:.0%}" if total else ""
            say(f"{title}: {share} {words}")

    return tell
