"""A small HTTP listener on this machine alone, and what it waits for as something that can be waited on."""

from __future__ import annotations

import html
import http.server
import socket
import socketserver
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any, Final, Generic, TypeVar
from urllib.parse import SplitResult, urlsplit

from volguard.model.errors import UsageError

T = TypeVar("T")
BODY_BYTES_MAX: Final = 65_536
VISIT_TIMEOUT_S: Final = 5.0  # browsers open connections that they never use
LOOPBACK_ADDRESSES: Final = {"127.0.0.1": "127.0.0.1", "localhost": "127.0.0.1", "::1": "::1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request; its query and body may hold what no log may show."""

    method: str
    path: str
    query: str
    body: bytes

    def __repr__(self) -> str:
        return f"Visit({self.method} {self.path})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the visitor sees: plain text on a page that is neither kept nor passed on."""

    status: int
    text: str


class Arrival(Generic[T]):
    """The one thing that is waited for; `fileno` turns readable when it is there. Close it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._value: T | None = None
        self._reader, self._writer = socket.socketpair()

    def put(self, value: T) -> bool:
        """Leave it; False when something is there already."""
        with self._lock:
            if self._value is not None:
                return False
            self._value = value
        self._writer.send(b"!")
        return True

    @property
    def value(self) -> T | None:
        """What has come."""
        return self._value

    def fileno(self) -> int:
        """For select."""
        return self._reader.fileno()

    def close(self) -> None:
        """Let both ends go."""
        self._reader.close()
        self._writer.close()


class LoopbackListener:
    """Answers each visit by a function, in threads of its own. Close it."""

    def __init__(self, address: tuple[str, int], answer: Callable[[Visit], Page]) -> None:
        """Listens at once. Raises UsageError when the address is taken or is not this machine's own."""
        host, port = address
        if host not in LOOPBACK_ADDRESSES:
            raise UsageError(f"{host} is not this machine's own: only 127.0.0.1, localhost and ::1 are")
        try:
            self._server = _Server(LOOPBACK_ADDRESSES[host], port, answer)
        except OSError as error:
            raise UsageError(
                f"nothing can listen on {host} port {port}: {error.strerror}",
                hint="another program, or another volguard token, uses the port: end it",
            ) from None
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="loopback")
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Stop listening; answers under way are finished on their own."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def loopback_address(url: str) -> tuple[str, int] | None:
    """Host and port of an http address on this machine; None for any other, which cannot be listened on."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or parts.hostname not in LOOPBACK_ADDRESSES:
        return None
    return parts.hostname, port


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, host: str, port: int, answer: Callable[[Visit], Page]) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.answer = answer
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        socketserver.TCPServer.server_bind(self)  # the class between asks the name service, which may hang
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A visitor that went away; the traceback it would print could show the request.
        del request, client_address


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server
    timeout = VISIT_TIMEOUT_S
    server_version = "volguard"
    sys_version = ""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > BODY_BYTES_MAX:
            self._show(Page(status=413, text="too long, or of no stated length"))
            return
        self._answer(self.rfile.read(int(length)))

    def log_message(self, format: str, *args: Any) -> None:
        # Its line would carry the code that the request brings.
        del format, args

    def _answer(self, body: bytes) -> None:
        parts = _split(self.path)
        if parts is None:
            self._show(Page(status=400, text="no address"))
            return
        visit = Visit(method=self.command, path=parts.path, query=parts.query, body=body)
        self._show(self.server.answer(visit))

    def _show(self, page: Page) -> None:
        text = f"<!doctype html><meta charset=utf-8><title>volguard</title><p>{html.escape(page.text)}</p>\n"
        content = text.encode()
        with suppress(OSError):
            self.send_response(page.status)
            for name, value in (
                ("Content-Type", "text/html; charset=utf-8"),
                ("Content-Length", str(len(content))),
                ("Cache-Control", "no-store"),
                ("Referrer-Policy", "no-referrer"),
                ("Content-Security-Policy", "default-src 'none'"),
                ("Connection", "close"),
            ):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)


def _split(address: str) -> SplitResult | None:
    try:
        return urlsplit(address)
    except ValueError:
        return None
