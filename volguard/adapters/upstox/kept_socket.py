"""A websocket that a thread of its own keeps open: authorised anew each time, watched, closed cleanly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from threading import Event, Thread
from typing import Final, Protocol
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.frames import Close
from websockets.sync.client import connect

from volguard.adapters.upstox.client import USER_AGENT
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.reconnect import Reconnect, ReconnectRules
from volguard.adapters.upstox.settings import LOOPBACK, UpstoxSettings
from volguard.model.broker import ErrorClass
from volguard.ports import Clock

MESSAGE_BYTES_MAX: Final = 16 * 2**20  # a frame of 2,000 full instruments is below 1 MiB
RECEIVE_SLICE_S: Final = 0.2  # how long the thread may not look at anything else
WAIT_SLICE_S: Final = 0.1
CLOSE_WAIT_S: Final = 0.3
JOIN_WAIT_S: Final = 0.8
PING_S: Final = 20.0
TOKEN_REFUSED: Final = 401  # a 403 may as well mean too many connections: the next authorisation will tell


class SocketState(StrEnum):
    """How a kept socket stands."""

    OPEN = "open"
    LOST = "lost"
    RESTING = "resting"  # too many failures: no attempt for a while
    REFUSED = "refused"  # the token is not taken
    ENDED = "ended"  # its thread is over


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketNews:
    """The state changed, and why."""

    state: SocketState
    text: str


class Socket(Protocol):
    """What is used of an open websocket."""

    def recv(self, timeout: float | None = None) -> str | bytes:
        """The next message; raises TimeoutError when none came in time."""
        ...

    def send(self, message: bytes) -> None:
        """Send one binary frame."""
        ...


Opener = Callable[[str], AbstractContextManager[Socket]]


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketPlan:
    """What a socket is for. All callables are called in the socket's thread.

    `authorise` gives an address that is good for one connection, and raises ApiFailure; `hello` the frames
    to send after the handshake, `changes` those to send since; `on_message` says whether a message is a sign
    of life; while `must_speak()` a socket without one for `stall_s` is dropped: pings alone are no life.
    """

    name: str
    authorise: Callable[[], str]
    hello: Callable[[], Sequence[bytes]]
    changes: Callable[[], Sequence[bytes]]
    on_message: Callable[[str | bytes], bool]
    on_news: Callable[[SocketNews], None]
    must_speak: Callable[[], bool]
    stall_s: float
    token_generation: Callable[[], int]


class Kept(Protocol):
    """What an owner does with a kept socket."""

    def start(self) -> None:
        """Begin; once is enough."""
        ...

    def close(self) -> None:
        """Stop."""
        ...


class Stalled(Exception):
    """The socket is open and says nothing."""


class KeptSocket:
    """Opens, serves and re-opens one socket until closed. `attempt` is one life of it, for tests too."""

    def __init__(self, plan: SocketPlan, rules: ReconnectRules, clock: Clock, opener: Opener) -> None:
        self._plan = plan
        self._reconnect = Reconnect(rules)
        self._clock = clock
        self._opener = opener
        self._closing = Event()
        self._thread: Thread | None = None
        self._generation = plan.token_generation()

    def start(self) -> None:
        """Begin, in a thread of its own; once."""
        if self._thread is None:
            self._thread = Thread(target=self._keep, name=self._plan.name, daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop within a second; a thread that waits for an answer ends by that wait's own limit."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join(JOIN_WAIT_S)

    @property
    def next_attempt_at_s(self) -> float:
        """When the next attempt is allowed, by the clock that never goes back."""
        return self._reconnect.next_at_s

    def wait_turn(self) -> bool:
        """Wait until the next attempt is allowed; a new token makes it allowed at once. False: closed."""
        while not self._closing.is_set():
            if self._plan.token_generation() != self._generation:
                self._generation = self._plan.token_generation()
                self._reconnect.forget()
            if self._clock.monotonic_s() >= self._reconnect.next_at_s:
                return True
            self._closing.wait(WAIT_SLICE_S)
        return False

    def attempt(self) -> None:
        """Open the socket and serve it until it is lost or closed; the news say how it ended."""
        self._reconnect.trying()
        self._generation = self._plan.token_generation()
        try:
            with self._opener(self._plan.authorise()) as socket:
                self._serve(socket)
        except ApiFailure as failure:
            is_refused = failure.error_class is ErrorClass.AUTH
            self._lost(SocketState.REFUSED if is_refused else SocketState.LOST, failure.message)
        except InvalidStatus as refusal:
            status = refusal.response.status_code
            is_refused = status == TOKEN_REFUSED
            text = f"the handshake was answered with HTTP {status}"
            self._lost(SocketState.REFUSED if is_refused else SocketState.LOST, text)
        except (WebSocketException, OSError, UnicodeError, Stalled) as error:
            self._lost(SocketState.LOST, reason_of(error))

    def _keep(self) -> None:
        try:
            while self.wait_turn():
                self.attempt()
        finally:
            self._tell(SocketState.ENDED, "the socket's thread is over")

    def _serve(self, socket: Socket) -> None:
        for frame in self._plan.hello():
            socket.send(frame)
        self._tell(SocketState.OPEN, "connected")
        spoke_at_s = self._clock.monotonic_s()
        while not self._closing.is_set():
            for frame in self._plan.changes():
                socket.send(frame)
            try:
                message = socket.recv(timeout=RECEIVE_SLICE_S)
            except TimeoutError:
                message = None
            if message is not None and self._plan.on_message(message):
                self._reconnect.came_up()
                spoke_at_s = self._clock.monotonic_s()
            elif not self._plan.must_speak():
                spoke_at_s = self._clock.monotonic_s()
            elif self._clock.monotonic_s() - spoke_at_s > self._plan.stall_s:
                raise Stalled(f"no frame for {self._plan.stall_s:g} s while the market is open")

    def _lost(self, state: SocketState, text: str) -> None:
        self._reconnect.failed(self._clock.monotonic_s())
        self._tell(state, text)
        if self._reconnect.is_resting:
            rest_s = self._reconnect.next_at_s - self._clock.monotonic_s()
            self._tell(SocketState.RESTING, f"{text}; no further attempt for {rest_s:.0f} s")

    def _tell(self, state: SocketState, text: str) -> None:
        self._plan.on_news(SocketNews(state=state, text=text))


def opener_of(settings: UpstoxSettings) -> Opener:
    """Opens addresses for real: TLS with verification, plain only on this machine and in a rehearsal.

    Raises ApiFailure for an address that is neither.
    """

    def opened(address: str) -> AbstractContextManager[Socket]:
        parts = urlsplit(address)
        is_local = parts.hostname in LOOPBACK
        if parts.scheme != "wss" and not (parts.scheme == "ws" and is_local and settings.is_rehearsal):
            # The address itself is a secret: it carries the code.
            raise ApiFailure(
                f"the socket's address is {parts.scheme}:// at {parts.hostname}, must be wss://",
                error_class=ErrorClass.UNKNOWN,
                endpoint="socket",
            )
        return connect(
            address,
            compression=None,
            user_agent_header=USER_AGENT,
            proxy=None,
            open_timeout=settings.connect_timeout_s,
            ping_interval=PING_S,
            ping_timeout=PING_S,
            close_timeout=CLOSE_WAIT_S,
            max_size=MESSAGE_BYTES_MAX,
        )

    return opened


def reason_of(error: Exception) -> str:
    """Why a connection was lost, without the address that is in some exceptions' own texts."""
    match error:
        case ConnectionClosed(rcvd=Close() as close):
            return f"the server closed the connection ({close.code}) {close.reason}".rstrip()
        case ConnectionClosed():
            return "the connection broke off (1006)"
        case Stalled():
            return str(error)
        case TimeoutError():
            return "no answer in time"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return type(error).__name__
