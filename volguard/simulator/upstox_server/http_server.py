"""HTTP of the look-alike: one port for its three hosts, its replies cut or delayed as the core says."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import parse_qsl

import uvicorn

from volguard.simulator.upstox_server.messages import Fate, Request, Response

HOSTS: Final = {"/hft/": "order", "/assets/": "assets"}  # by the path's beginning; all else is the api host
KEEP_ALIVE_S: Final = 75  # an idle connection, as long as a gateway in front of the broker would keep it
GRACE_S: Final = 1  # for replies under way when the server is stopped

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
App = Callable[
    [Scope, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]


class HttpServer:
    """Serves `handle` on a bound socket inside the running loop.

    `now` gives the server's own time, which its Date headers tell; `speed` is its seconds per second, by
    which delays are shortened.
    """

    def __init__(
        self, handle: Callable[[Request], Response], *, now: Callable[[], datetime], speed: float
    ) -> None:
        self._handle, self._now, self._speed = handle, now, speed
        self._dated: tuple[datetime | None, bytes] = None, b""
        self._server = _Server(
            uvicorn.Config(
                self.app,
                interface="asgi3",  # a bound method is not recognised by itself
                log_config=None,
                log_level="error",
                access_log=False,
                lifespan="off",
                ws="none",
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=GRACE_S,
            )
        )

    async def serve(self, listener: socket.socket) -> None:
        """Serve until `stop`; open connections are closed then."""
        await self._server.serve(sockets=[listener])

    def stop(self) -> None:
        """Ask `serve` to end."""
        self._server.should_exit = True

    async def app(
        self,
        scope: Scope,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """One request through the core, as ASGI has it."""
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        response = self._handle(_request(scope, body))
        if response.delay_s > 0.0:
            await asyncio.sleep(response.delay_s / self._speed)
        if response.fate is Fate.DROPPED:
            self._cut(scope["client"])
            await asyncio.sleep(0)  # until the loop has seen it, so that no reply is made up instead
            return
        await send(
            {"type": "http.response.start", "status": response.status, "headers": self._headers(response)}
        )
        await send({"type": "http.response.body", "body": response.body})

    def _headers(self, response: Response) -> list[tuple[bytes, bytes]]:
        return [
            (b"date", self._date()),
            (b"content-type", response.content_type.encode("latin-1")),
            (b"content-length", b"%d" % len(response.body)),
            *(
                (name.lower().encode("latin-1"), value.encode("latin-1"))
                for name, value in response.headers.items()
            ),
        ]

    def _date(self) -> bytes:
        second = self._now().replace(microsecond=0)
        if second != self._dated[0]:
            self._dated = second, format_datetime(second.astimezone(UTC), usegmt=True).encode()
        return self._dated[1]

    # Not one byte of the reply leaves: whether the work was done is for the caller to find out.
    def _cut(self, client: tuple[str, int]) -> None:
        for connection in self._server.server_state.connections:
            if getattr(connection, "client", None) == client:
                connection.transport.abort()


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the process's, which stops the whole look-alike


def _request(scope: Scope, body: bytes) -> Request:
    path, host, query = scope["path"], "api", scope["query_string"]
    for beginning, name in HOSTS.items():
        if path.startswith(beginning):
            path, host = path[len(beginning) - 1 :], name
    return Request(
        method=scope["method"],
        host=host,
        path=path,
        query=dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {},
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]},
        body=body,
    )
