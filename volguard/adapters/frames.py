"""From steps to frames: what the screen and `volguard status` show."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from volguard.engine.state import State, Step
from volguard.engine.status import alerts_in, decision_line, decisions_in, proposed_in, status_of
from volguard.engine.step import Engine
from volguard.model.status import StatusView
from volguard.ports import Screen

LINES_KEPT: Final = 8
TIME_LENGTH: Final = len("HH:MM:SS")
STATUS_SCHEMA: Final = "volguard.status/1"


class Frames:
    """Called by the runner after each step; keeps the last lines said and never touches the state.

    `notices`: what this process has to tell the operator besides, each once.
    """

    def __init__(
        self,
        engine: Engine,
        screen: Screen,
        publish: Callable[[bytes], None],
        monotonic_s: Callable[[], float],
        notices: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        self._engine = engine
        self._screen = screen
        self._publish = publish
        self._monotonic_s = monotonic_s
        self._notices = notices
        self._next_frame_s = -math.inf
        self._unseen: tuple[State, Step] | None = None
        self._recent: tuple[str, ...] = ()
        self._alerts: tuple[str, ...] = ()

    def __call__(self, state: State, step: Step) -> None:
        """Show one step."""
        lines = tuple(decision_line(decision) for decision in reversed(decisions_in(step)))
        # What is said again moves up with its newest time: eight lines are eight different things.
        said = {line[TIME_LENGTH:] for line in lines}
        older = tuple(line for line in self._recent if line[TIME_LENGTH:] not in said)
        self._recent = (*lines, *older)[:LINES_KEPT]
        alerts = tuple(f"{alert.ts:%H:%M:%S} {alert.text}" for alert in reversed(alerts_in(step)))
        self._alerts = (*self._told(state), *alerts, *self._alerts)[:LINES_KEPT]
        now_s = self._monotonic_s()
        if now_s < self._next_frame_s and not proposed_in(step):
            self._unseen = (state, step)
            return
        self._next_frame_s = now_s + self._screen.frame_interval_s
        self._draw(state, step)

    def finish(self) -> None:
        """Show the newest step if it was skipped: the last frame is the one that stays."""
        if self._unseen is not None:
            self._draw(*self._unseen)

    def _told(self, state: State) -> tuple[str, ...]:
        at = "" if state.desk is None else f"{state.desk.now:%H:%M:%S} "
        return tuple(f"{at}{notice}" for notice in self._notices())

    def _draw(self, state: State, step: Step) -> None:
        self._unseen = None
        view = status_of(
            state,
            step,
            settings=self._engine.settings,
            rules=self._engine.rules,
            recent=self._recent,
            alerts=self._alerts,
            progress=self._progress(state),
        )
        if view is not None:
            self._screen.show(view)
            self._publish(status_json(view))

    def _progress(self, state: State) -> float | None:
        if state.desk is None:
            return None
        session = self._engine.rules.calendar.session(state.desk.trading_date)
        if session is None:
            return None
        opened, closed = session.windows[0][0], session.windows[-1][1]
        return min(max((state.desk.now - opened) / (closed - opened), 0.0), 1.0)


def status_json(view: StatusView) -> bytes:
    """One frame as the JSON document of `volguard status --json`."""
    body: dict[str, Any] = {"schema": STATUS_SCHEMA, **msgspec.to_builtins(view, str_keys=True)}
    return msgspec.json.encode(body)
