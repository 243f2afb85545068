"""A live display that says when a frame has been written."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live


class NotedLive(Live):
    """The whole screen; `written` is called after each frame, by whatever thread drew it."""

    def __init__(
        self,
        frame: Callable[[], RenderableType],
        written: Callable[[], None],
        *,
        console: Console,
        per_second: float,
    ) -> None:
        self._written = written
        super().__init__(get_renderable=frame, console=console, screen=True, refresh_per_second=per_second)

    def refresh(self) -> None:
        """Draw the newest frame."""
        super().refresh()
        self._written()
