"""The portfolio stream: what happens to orders and positions, pushed by the broker as text, one at a time.

A hint and never the truth: messages can be doubled, out of order and missing, and a connection begins with
no picture of what is. So the owner is told of each new connection and reads the books by REST.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import Final

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.kept_socket import Kept, SocketNews, SocketPlan, SocketState
from volguard.adapters.upstox.wire_stream import StreamMessage, stream_message

NEVER_STALLS_S: Final = float("inf")  # a day without orders says nothing; pings find a dead connection


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEdge:
    """What the stream reaches the outside with; all of it is called in the stream's own thread.

    `authorise` gives an address that is good for one connection, and raises ApiFailure. `on_gap` means:
    something may have happened that nobody told, read the books now; `on_lost` says why nothing comes.
    """

    authorise: Callable[[], str]
    on_message: Callable[[StreamMessage], None]
    on_gap: Callable[[], None]
    on_lost: Callable[[SocketNews], None]
    token_generation: Callable[[], int]


@dataclass(slots=True, kw_only=True)
class StreamCounts:
    """What has come in so far."""

    messages: int = 0
    unreadable: int = 0
    connections: int = 0


class PortfolioStream:
    """Keeps the stream open from `start` to `close`; a connection is a gap, an unreadable message too."""

    def __init__(self, edge: StreamEdge, connect: Callable[[SocketPlan], Kept]) -> None:
        self._edge = edge
        self._lock = Lock()
        self._is_open = False
        self.counts = StreamCounts()
        self._stream = connect(
            SocketPlan(
                name="portfolio stream",
                authorise=edge.authorise,
                hello=tuple,
                changes=tuple,
                on_message=self._on_message,
                on_news=self._on_news,
                must_speak=lambda: False,
                stall_s=NEVER_STALLS_S,
                token_generation=edge.token_generation,
            )
        )

    @property
    def is_open(self) -> bool:
        """Whether updates can come at all."""
        with self._lock:
            return self._is_open

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._stream.start()

    def close(self) -> None:
        """Stop within a second."""
        self._stream.close()

    def _on_message(self, message: str | bytes) -> bool:
        try:
            update = stream_message(message)
        except ApiFailure:
            update = None
            self.counts.unreadable += 1
            self._edge.on_gap()  # something happened and nobody knows what: the books will tell
        if update is not None:
            self.counts.messages += 1
            self._edge.on_message(update)
        return update is not None

    def _on_news(self, news: SocketNews) -> None:
        is_open = news.state is SocketState.OPEN
        with self._lock:
            self._is_open = is_open
        if is_open:
            self.counts.connections += 1
            self._edge.on_gap()
        else:
            self._edge.on_lost(news)
