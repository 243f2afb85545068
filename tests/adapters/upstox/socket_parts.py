"""A scripted websocket and a clock that only moves when told, for the tests of kept sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.adapters.upstox.feed_samples import TS
from volguard.adapters.upstox.kept_socket import SocketNews, SocketPlan, SocketState

Step = str | bytes | float | Exception


@dataclass
class HandClock:
    """A clock moved by hand, and by whoever sleeps on it."""

    at: datetime = TS
    _began: datetime = TS

    def now(self) -> datetime:
        """The time it was moved to."""
        return self.at

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self.at += timedelta(seconds=seconds)

    def monotonic_s(self) -> float:
        """Seconds since the start."""
        return (self.at - self._began).total_seconds()


@dataclass
class ScriptedSocket:
    """Gives its steps in turn: a message, seconds of silence, or an error; then the connection breaks."""

    steps: list[Step]
    clock: HandClock
    sent: list[bytes] = field(default_factory=list)
    is_closed: bool = False

    def send(self, message: bytes) -> None:
        """Keep what was sent."""
        self.sent.append(message)

    def recv(self, timeout: float | None = None) -> str | bytes:
        """The next step; silence takes as long as the receiver is willing to wait."""
        assert timeout is not None
        step = self.steps.pop(0) if self.steps else OSError(32, "Broken pipe")
        if isinstance(step, Exception):
            raise step
        if isinstance(step, float):
            self.clock.sleep(min(timeout, step))
            if step > timeout:
                self.steps.insert(0, step - timeout)
            raise TimeoutError
        return step


@dataclass
class Wire:
    """Opens scripted sockets one after another; a script may be the error that opening raises."""

    clock: HandClock
    scripts: list[list[Step] | Exception]
    opened: list[ScriptedSocket] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, address: str) -> Iterator[ScriptedSocket]:
        """One connection."""
        self.addresses.append(address)
        script = self.scripts.pop(0)
        if isinstance(script, Exception):
            raise script
        socket = ScriptedSocket(steps=script, clock=self.clock)
        self.opened.append(socket)
        try:
            yield socket
        finally:
            socket.is_closed = True


@dataclass
class Desk:
    """What a socket's owner hears; `must_speak` and `generation` can be changed in a test."""

    authorise: Callable[[], str]
    news: list[SocketNews] = field(default_factory=list)
    messages: list[str | bytes] = field(default_factory=list)
    pending: list[bytes] = field(default_factory=list)
    must_speak: bool = True
    generation: int = 0

    def plan(self, *hello: bytes, stall_s: float = 15.0) -> SocketPlan:
        """A plan that keeps everything; a message that begins with `bad` is no sign of life."""
        return SocketPlan(
            name="feed",
            authorise=self.authorise,
            hello=lambda: hello,
            changes=self._changes,
            on_message=self._hear,
            on_news=self.news.append,
            must_speak=lambda: self.must_speak,
            stall_s=stall_s,
            token_generation=lambda: self.generation,
        )

    @property
    def states(self) -> list[SocketState]:
        """The states told, in order."""
        return [news.state for news in self.news]

    def _changes(self) -> list[bytes]:
        pending, self.pending = self.pending, []
        return pending

    def _hear(self, message: str | bytes) -> bool:
        self.messages.append(message)
        return message[:3] != b"bad"
