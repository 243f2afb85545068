"""Websockets of the look-alike: the market feed and the portfolio stream, and what goes wrong on them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit
from weakref import WeakKeyDictionary

import msgspec
from websockets.asyncio.connection import broadcast
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as Handshake
from websockets.http11 import Response as HandshakeReply

from volguard.simulator.upstox_server.faults import FaultName
from volguard.simulator.upstox_server.feeds import FeedClient, MarketFeed
from volguard.simulator.upstox_server.subscriptions import caps_of
from volguard.simulator.upstox_server.tokens import PATHS, Ticket, TicketKind

if TYPE_CHECKING:
    import socket

    from volguard.simulator.upstox_server.server import LookAlike

ENTRIES: Final = {  # answered with the address of a stream
    "/v3/feed/market-data-feed": TicketKind.MARKET,
    "/v2/feed/portfolio-stream-feed": TicketKind.PORTFOLIO,
}
STREAMS: Final = {path: kind for kind, path in PATHS.items()}
PING_S: Final = 5.0
CLOSE_S: Final = 1.0
BACKLOG_BYTES_MAX: Final = 32 * 2**20  # of a client that does not read; it is cut then
TOKEN_IS_DEAD: Final = "the token is not valid any more"


@dataclass(eq=False, slots=True)
class _Client:
    connection: ServerConnection
    ticket: Ticket
    feed: FeedClient | None = None
    withheld: deque[str] = field(default_factory=deque)
    silent_until: datetime | None = None
    is_leaving: bool = False

    @property
    def name(self) -> str:
        return f"{self.ticket.kind}_stream"


class Sockets:
    """All open sockets of one look-alike, served in the running loop; `push` tells them what is new."""

    def __init__(self, core: LookAlike) -> None:
        self._core = core
        self._now = core.clock.now
        instruments, board = core.instruments, core.board
        levels = (instruments.index_key, instruments.vix_key)
        self._feed = MarketFeed(
            board,
            caps=caps_of(core.options),
            exists=lambda key: key in levels or instruments.of_key(key) is not None,
            statuses=core.segment_status,
            now=self._now,
        )
        self._clients: dict[_Client, None] = {}  # in the order of coming, so that faults strike alike
        self._admitted: WeakKeyDictionary[ServerConnection, Ticket] = WeakKeyDictionary()
        self._goodbyes: set[asyncio.Task[None]] = set()

    def serve(self, listener: socket.socket) -> Server:
        """A server on a bound socket, to be entered as a context."""
        return serve(
            self._attend,
            sock=listener,
            process_request=self._admit,
            compression=None,
            server_header=None,
            ping_interval=PING_S,
            ping_timeout=None,
            close_timeout=CLOSE_S,
        )

    @property
    def counts(self) -> Mapping[str, int]:
        """Open sockets by kind."""
        kinds = [client.ticket.kind for client in self._clients]
        return {kind.value: kinds.count(kind) for kind in TicketKind}

    @property
    def hears_updates(self) -> bool:
        """Whether anyone listens to the portfolio stream."""
        return any(client.feed is None for client in self._clients)

    def entry(self, path: str, query: dict[str, str], authorization: str | None) -> str | None:
        """Where a call to a stream's entry is sent; None when it brings no token that lives."""
        types = tuple(word for word in query.get("update_types", "order").split(",") if word)
        return self._core.open_ticket(ENTRIES[path], authorization, types)

    def push(self, updates: Sequence[dict[str, Any]]) -> None:
        """Send these updates and what is new on the market; drop the sockets of tokens that have died."""
        self._feed.refresh()
        for client in list(self._clients):
            if client.is_leaving:
                continue
            if not self._core.is_token_alive(client.ticket.token):
                self._say_goodbye(client)
            elif client.feed is not None:
                self._push_market(client, client.feed)
            else:
                self._push_updates(client, updates)

    # --- opening ------------------------------------------------------------------------------------

    def _admit(self, connection: ServerConnection, request: Handshake) -> HandshakeReply | None:
        parts = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path in ENTRIES:
            return self._redirect(connection, parts.path, query, request.headers.get("authorization"))
        if parts.path not in STREAMS:
            return connection.respond(HTTPStatus.NOT_FOUND, "no stream has this address\n")
        ticket = self._core.redeem_ticket(query.get("code", ""))
        if ticket is None or ticket.kind is not STREAMS[parts.path]:
            return connection.respond(HTTPStatus.FORBIDDEN, "the code is not known, or was used before\n")
        if not self._core.is_token_alive(ticket.token):
            return connection.respond(HTTPStatus.UNAUTHORIZED, f"{TOKEN_IS_DEAD}\n")
        admitted = [*self._admitted.values(), *(client.ticket for client in self._clients)]
        if sum(other.kind is ticket.kind for other in admitted) >= self._core.options.caps.connections:
            return connection.respond(HTTPStatus.FORBIDDEN, "too many connections\n")
        self._admitted[connection] = ticket
        return None

    def _redirect(
        self, connection: ServerConnection, path: str, query: dict[str, str], authorization: str | None
    ) -> HandshakeReply:
        location = self.entry(path, query, authorization)
        if location is None:
            return connection.respond(HTTPStatus.UNAUTHORIZED, f"{TOKEN_IS_DEAD}\n")
        reply = connection.respond(HTTPStatus.FOUND, "")
        reply.headers["Location"] = location
        return reply

    async def _attend(self, connection: ServerConnection) -> None:
        client = _Client(connection, self._admitted.pop(connection))
        if client.ticket.kind is TicketKind.MARKET:
            client.feed = self._feed.join()
        self._clients[client] = None
        try:
            if client.feed is not None:
                self._push_market(client, client.feed)
            async for message in connection:
                if client.feed is not None and isinstance(message, bytes):
                    self._answer(client, client.feed, message)
        except ConnectionClosed:
            pass  # torn off, by the client or by a fault
        finally:
            self._clients.pop(client, None)
            if client.feed is not None:
                self._feed.leave(client.feed)

    # --- telling ------------------------------------------------------------------------------------

    def _answer(self, client: _Client, feed: FeedClient, message: bytes) -> None:
        frames = self._feed.take(feed, message)
        if self._is_silent(client):
            feed.stale.update(feed.modes)  # told when it speaks again
        else:
            self._send(client, frames)

    def _push_market(self, client: _Client, feed: FeedClient) -> None:
        if self._feed.has_news(feed) and self._may_speak(client):
            self._send(client, self._feed.news(feed))

    def _push_updates(self, client: _Client, updates: Iterable[dict[str, Any]]) -> None:
        types = client.ticket.update_types
        wanted = (update for update in updates if update["update_type"] in types)
        client.withheld.extend(msgspec.json.encode(update).decode() for update in wanted)
        while client.withheld and self._may_speak(client):
            self._send(client, [client.withheld.popleft()])

    # Asked once for each time that something would be sent.
    def _may_speak(self, client: _Client) -> bool:
        now, faults = self._now(), self._core.faults
        if client.is_leaving or self._is_silent(client):
            return False
        if faults.strikes(FaultName.DEAD_SOCKET, now, client.name):
            self._cut(client)
            return False
        if faults.strikes(FaultName.STALLED_SOCKET, now, client.name):
            client.silent_until = now + timedelta(seconds=faults.size_of(FaultName.STALLED_SOCKET))
            return False
        return True

    def _is_silent(self, client: _Client) -> bool:
        return client.silent_until is not None and self._now() < client.silent_until

    def _send(self, client: _Client, messages: Iterable[str | bytes]) -> None:
        for message in messages:
            torn = self._core.faults.strikes(FaultName.TORN_FRAME, self._now(), client.name)
            broadcast([client.connection], message[: len(message) // 2] if torn else message)
        if client.connection.transport.get_write_buffer_size() > BACKLOG_BYTES_MAX:
            self._cut(client)

    def _cut(self, client: _Client) -> None:
        client.is_leaving = True
        client.connection.transport.abort()

    def _say_goodbye(self, client: _Client) -> None:
        client.is_leaving = True
        task = asyncio.create_task(self._close(client.connection))
        self._goodbyes.add(task)
        task.add_done_callback(self._goodbyes.discard)

    async def _close(self, connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await connection.close(reason=TOKEN_IS_DEAD)
