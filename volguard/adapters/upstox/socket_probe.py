"""Opens each of the broker's two sockets once and says what was heard: a look, not a connection to keep."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from websockets.exceptions import InvalidStatus, WebSocketException

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.feed_schema import FeedResponse, FrameType, MarketStatus
from volguard.adapters.upstox.feed_socket import Subscription
from volguard.adapters.upstox.kept_socket import TOKEN_REFUSED, Opener, Socket, reason_of
from volguard.model.broker import ErrorClass, InstrumentKey

WAIT_S: Final = 0.2
FEED_WAITS: Final = 50  # ten seconds in all, or so many frames
STREAM_WAITS: Final = 5  # nothing need be said: it must only stay open for a second
SEGMENT: Final = "NSE_FO"
STATUSES: Final = {status.value: status.name for status in MarketStatus}


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedHeard:
    """What the market feed said: frames read, a segment's status, instruments of the first picture."""

    frames: int
    unreadable: int
    status: str | None  # of NSE_FO; None: no market_info came
    pictured: tuple[str, ...]  # asked for and shown by an initial_feed

    def lacks(self, keys: Sequence[InstrumentKey]) -> str:
        """What should have come and did not, in words; empty when all is there."""
        missing = [
            *(["market_info"] if self.status is None else []),
            *(f"initial_feed of {key}" for key in keys if key not in self.pictured),
        ]
        return ", ".join(missing)


def hear_feed(open_socket: Opener, address: str, keys: Sequence[InstrumentKey]) -> FeedHeard:
    """Connect, subscribe, and listen until status and picture are there, ten seconds at most.

    Raises ApiFailure when the connection is refused or breaks.
    """
    subscription = Subscription(keys_max=len(keys))
    subscription.look_at(keys)
    ears = _Ears(keys)
    with _connected("market feed", open_socket, address) as socket:
        for frame in subscription.hello():
            socket.send(frame)
        for _ in range(FEED_WAITS):
            if ears.has_heard_all:
                break
            ears.hear(_next(socket))
    return ears.heard()


def hear_stream(open_socket: Opener, address: str) -> int:
    """Connect to the portfolio stream and see it stay open for a second; messages that came meanwhile.

    Raises ApiFailure when the connection is refused or breaks.
    """
    with _connected("portfolio stream", open_socket, address) as socket:
        return sum(_next(socket) is not None for _ in range(STREAM_WAITS))


class _Ears:
    def __init__(self, keys: Sequence[InstrumentKey]) -> None:
        self._keys = frozenset(keys)
        self._frames = self._unreadable = 0
        self._status: str | None = None
        self._pictured: set[str] = set()

    @property
    def has_heard_all(self) -> bool:
        return self._status is not None and self._pictured == self._keys

    def hear(self, message: str | bytes | None) -> None:
        if message is None:
            return
        try:
            frame = FeedResponse.FromString(message if isinstance(message, bytes) else b"\xff")
        except DecodeError:
            self._unreadable += 1
            return
        self._frames += 1
        if SEGMENT in frame.marketInfo.segmentStatus:
            number = frame.marketInfo.segmentStatus[SEGMENT]
            self._status = STATUSES.get(number, f"status {number}")
        if frame.type == FrameType.initial_feed:
            self._pictured |= self._keys.intersection(frame.feeds)

    def heard(self) -> FeedHeard:
        return FeedHeard(
            frames=self._frames,
            unreadable=self._unreadable,
            status=self._status,
            pictured=tuple(sorted(self._pictured)),
        )


# Every failure is told as an ApiFailure, without the address: it carries the code.
@contextmanager
def _connected(name: str, open_socket: Opener, address: str) -> Iterator[Socket]:
    try:
        with open_socket(address) as socket:
            yield socket
    except (WebSocketException, OSError) as error:
        failure = _failure(name, error)
    else:
        return
    raise failure


def _failure(name: str, error: Exception) -> ApiFailure:
    if not isinstance(error, InvalidStatus):
        return ApiFailure(
            f"{name}: {reason_of(error)}",
            error_class=ErrorClass.NETWORK,
            endpoint=name,
            hint="check that this machine may open websockets to the broker",
        )
    status = error.response.status_code
    is_refused = status == TOKEN_REFUSED
    return ApiFailure(
        f"{name}: the handshake was answered with HTTP {status}",
        error_class=ErrorClass.AUTH if is_refused else ErrorClass.NETWORK,
        endpoint=name,
        http_status=status,
        hint="volguard token" if is_refused else "end what else is connected: connections are few",
    )


def _next(socket: Socket) -> str | bytes | None:
    try:
        return socket.recv(timeout=WAIT_S)
    except TimeoutError:
        return None
