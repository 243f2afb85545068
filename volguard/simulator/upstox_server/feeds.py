"""The market feed as its clients see it: states of segments first, whole values once, then what changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from volguard.adapters.upstox.feed_schema import FrameType
from volguard.simulator.upstox_server.frames import FeedMaker, frames_of, market_info
from volguard.simulator.upstox_server.options import StreamCap
from volguard.simulator.upstox_server.subscriptions import Mode, Subscriptions

if TYPE_CHECKING:
    from volguard.simulator.upstox_server.board import MarketBoard


class FeedClient:
    """One connection: its subscriptions, and what it has not been told yet."""

    def __init__(self, subscriptions: Subscriptions) -> None:
        self.subscriptions = subscriptions
        self.stale: set[str] = set()
        self.told: Mapping[str, str] | None = None  # the states of segments it last heard

    @property
    def modes(self) -> Mapping[str, Mode]:
        """Mode by subscribed key."""
        return self.subscriptions.modes


class MarketFeed:
    """Frames for any number of clients, from one board. Does no input or output.

    `refresh` looks at the market; `news` are then each client's. A client that is not asked for its news
    gets all of it, as it is by then, when it is asked again.
    """

    def __init__(
        self,
        board: MarketBoard,
        *,
        caps: Mapping[Mode, StreamCap],
        exists: Callable[[str], bool],
        statuses: Callable[[], Mapping[str, str]],
        now: Callable[[], datetime],
    ) -> None:
        self._maker = FeedMaker(board)
        self._caps, self._exists = caps, exists
        self._statuses_of, self._now = statuses, now
        self._statuses: Mapping[str, str] = {}
        self._clients: set[FeedClient] = set()

    def join(self) -> FeedClient:
        """A new connection; its first news are the states of the segments."""
        client = FeedClient(Subscriptions(self._caps, self._exists))
        self._clients.add(client)
        self.refresh()
        return client

    def leave(self, client: FeedClient) -> None:
        """The connection is gone."""
        self._clients.discard(client)

    def refresh(self) -> None:
        """Look at the market, and note for each client what it must hear of."""
        self._statuses = self._statuses_of()
        changed = self._maker.refresh()
        if changed:
            for client in self._clients:
                client.stale |= changed & client.modes.keys()

    def take(self, client: FeedClient, message: bytes) -> list[bytes]:
        """A request of a client, and the frames with the last known values that answer it."""
        self.refresh()
        keys = client.subscriptions.take(message)
        client.stale.difference_update(keys)
        parts = [self._maker.part(key, client.modes[key]) for key in keys]
        known = [part for part in parts if part is not None]
        return list(frames_of(FrameType.initial_feed, known, self._now()))

    def has_news(self, client: FeedClient) -> bool:
        """Whether there is something that a client has not heard."""
        return client.told != self._statuses or bool(client.stale)

    def news(self, client: FeedClient) -> list[bytes]:
        """Frames of what a client has not heard; it has then."""
        frames = []
        if client.told != self._statuses:
            client.told = dict(self._statuses)
            frames.append(market_info(self._statuses, self._now()))
        if client.stale:
            told = [(key, mode) for key, mode in client.modes.items() if key in client.stale]
            client.stale.clear()
            parts = [self._maker.part(key, mode) for key, mode in told]
            known = [part for part in parts if part is not None]
            frames += frames_of(FrameType.live_feed, known, self._now())
        return frames
