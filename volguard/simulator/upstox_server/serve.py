"""The look-alike over sockets: one loop in one thread owns it, serves it, and moves its time on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpx
import msgspec

from volguard.adapters.loopback import loopback_address
from volguard.model.errors import UsageError
from volguard.simulator.upstox_server.chronicle import Chronicle
from volguard.simulator.upstox_server.http_server import HttpServer
from volguard.simulator.upstox_server.messages import Request, Response
from volguard.simulator.upstox_server.ws_server import ENTRIES, TOKEN_IS_DEAD, Sockets

if TYPE_CHECKING:
    from volguard.simulator.upstox_server.login import Notice
    from volguard.simulator.upstox_server.server import LookAlike

HOST: Final = "127.0.0.1"  # never another: the look-alike knows no stranger from its operator
PORT_MAX: Final = 65_534
BACKLOG: Final = 128
TICK_S: Final = 0.05
TICK_MARKET_S: Final = 0.25  # of market time, where that is shorter
TICK_S_MIN: Final = 0.005
NOTICE_TIMEOUT_S: Final = 5.0
NOTICE_ATTEMPTS: Final = 5  # a listener may open only after it has read the reply to its request
NOTICE_PAUSE_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a look-alike answers: `http` is what `--base-url` takes."""

    http: str
    ws: str


class Listeners:
    """The two bound sockets of a look-alike: HTTP, and websockets on the port after it (0: any free ones).

    Raises UsageError where a port cannot be had.
    """

    def __init__(self, port: int) -> None:
        if not 0 <= port <= PORT_MAX:
            raise UsageError(f"--port was {port}, must be from 0 to {PORT_MAX}")
        self.http = _bound(port)
        try:
            self.ws = _bound(port and port + 1)
        except UsageError:
            self.http.close()
            raise

    @property
    def address(self) -> Address:
        """Where they are."""
        http, ws = (bound.getsockname()[1] for bound in (self.http, self.ws))
        return Address(http=f"http://{HOST}:{http}", ws=f"ws://{HOST}:{ws}")

    def close(self) -> None:
        """Let both go; a server that used them has done so already."""
        self.http.close()
        self.ws.close()


class LookAlikeServer:
    """Serves one look-alike on bound sockets until told to stop. `note` says things to the operator."""

    def __init__(
        self, core: LookAlike, listeners: Listeners, note: Callable[[str], None] = lambda _text: None
    ) -> None:
        self.address = listeners.address
        core.ws_base_url = self.address.ws
        self._core, self._listeners, self._note = core, listeners, note
        self._chronicle = Chronicle(core, note)
        self._sockets = Sockets(core)
        speed: float = core.clock.speed
        self._http = HttpServer(self._handle, now=core.clock.now, speed=speed)
        self._tick_s = max(TICK_S_MIN, min(TICK_S, TICK_MARKET_S / speed))
        self._posts: set[asyncio.Task[None]] = set()

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Serve in this thread until `should_stop` says so, which is asked many times a second."""
        asyncio.run(self._serve(should_stop))

    async def _serve(self, should_stop: Callable[[], bool]) -> None:
        async with self._sockets.serve(self._listeners.ws):
            http = asyncio.create_task(self._http.serve(self._listeners.http))
            try:
                while not should_stop() and not http.done():
                    self._turn()
                    await asyncio.sleep(self._tick_s)
            finally:
                self._http.stop()
                await http
                for post in self._posts:
                    post.cancel()

    # What time brings: the market goes on, and whoever must hear of it does.
    def _turn(self) -> None:
        self._core.advance()
        unmade = self._core.drain_unmade()
        updates = [make() for make in unmade] if self._sockets.hears_updates else []
        self._sockets.push(updates)
        for notice in self._core.drain_notices():
            post = asyncio.create_task(self._post(notice))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)
        self._chronicle.tell(self._sockets.counts, updates or (make() for make in unmade))

    def _handle(self, request: Request) -> Response:
        if request.path not in ENTRIES:
            return self._core.handle(request)
        location = self._sockets.entry(
            request.path, dict(request.query), request.headers.get("authorization")
        )
        if location is None:
            return Response(status=401, body=TOKEN_IS_DEAD.encode(), content_type="text/plain")
        return Response(status=302, body=b"", headers={"location": location})

    # A look-alike's tokens open nothing elsewhere, and nobody elsewhere is to hear of them.
    async def _post(self, notice: Notice) -> None:
        if loopback_address(notice.url) is None:
            self._note("the token notice was not posted: its address is not on this machine")
            return
        headers = {"content-type": "application/json"}
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=NOTICE_TIMEOUT_S) as client:
            for _ in range(NOTICE_ATTEMPTS):
                with suppress(httpx.HTTPError):
                    body = msgspec.json.encode(notice.payload)
                    await client.post(notice.url, content=body, headers=headers)
                    return
                await asyncio.sleep(NOTICE_PAUSE_S)
        self._note("the token notice was posted to nobody: nothing answered at its address")


def _bound(port: int) -> socket.socket:
    # The protocol is named, or asyncio would not send small writes at once on what is accepted here.
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((HOST, port))
        bound.listen(BACKLOG)
    except OSError as error:
        bound.close()
        raise UsageError(
            f"port {port} of {HOST} cannot be listened on: {error.strerror}",
            hint="another look-alike may run; give --port N (N and N + 1 must be free), or 0 for any",
        ) from None
    bound.setblocking(False)
    return bound
