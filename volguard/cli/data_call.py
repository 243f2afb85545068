"""What every data command does around its work: root, settings, signals, progress, the exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import typer

from volguard.cli.options import print_json, root_of, say, settings_of
from volguard.cli.progress import progress_shown

if TYPE_CHECKING:
    from rich.console import RenderableType

    from volguard.adapters.interrupt import StopRequest
    from volguard.config.roots import Root
    from volguard.config.settings import Settings
    from volguard.operations.data_desk import DataDesk
    from volguard.wiring.upstox import UpstoxLink

INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class DataCall:
    """One call of a data command, its first Ctrl-C turned into a request to stop."""

    root: Root
    settings: Settings
    stop: StopRequest

    @contextmanager
    def desk(
        self, title: str, now: Callable[[], datetime] | None = None, *, spoken_s: float = 1.0
    ) -> Iterator[DataDesk]:
        """Where the command works, with its progress shown; `now` else the machine's time."""
        from volguard.adapters.clock import SystemClock
        from volguard.operations.data_desk import DataDesk
        from volguard.wiring.sources import data_folder_of

        clock = SystemClock(self.stop.event)
        with progress_shown(title, spoken_s=spoken_s) as progress:
            yield DataDesk(
                data=data_folder_of(self.settings, self.root),
                moment=now or clock.now,
                note=say,
                progress=progress,
                is_stopped=self.stop.is_set,
            )

    @contextmanager
    def link(self) -> Iterator[UpstoxLink]:
        """The way to the broker; a call that Ctrl-C cut short is an interruption, not a failure."""
        from volguard.adapters.upstox.failures import ApiFailure
        from volguard.wiring.upstox import open_link

        link = open_link(self.settings, self.root, self.stop.event)
        try:
            yield link
        except ApiFailure:
            if self.stop.is_set():
                raise KeyboardInterrupt from None
            raise
        finally:
            link.close()


def begin(root: Path | None, overrides: list[str] | None, preset: str | None = None) -> DataCall:
    """Read the settings and take over the signals of this process."""
    from volguard.adapters.interrupt import StopRequest

    found = root_of(root)
    settings = settings_of(found, overrides, preset).settings
    stop = StopRequest()
    stop.install()
    return DataCall(root=found, settings=settings, stop=stop)


def finish(
    document: dict[str, Any],
    table: Callable[[dict[str, Any]], RenderableType],
    *,
    as_json: bool,
    exit_code: int,
) -> None:
    """Print a document as JSON or as a table and leave with its code; an interrupted one with 130."""
    from volguard.cli.options import print_table

    if as_json:
        print_json(document)
    else:
        print_table(table(document))
    code = INTERRUPTED if document.get("interrupted") else exit_code
    if code:
        raise typer.Exit(code)
