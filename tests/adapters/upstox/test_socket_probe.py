"""One look at each of the broker's sockets: what was heard, and every failure as one the caller can tell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError, InvalidStatus
from websockets.http11 import Response

from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.feed_schema import FeedResponse, FrameType, MarketStatus
from volguard.adapters.upstox.instruments import UNDERLYING_KEYS, VIX_KEY
from volguard.adapters.upstox.kept_socket import Socket
from volguard.adapters.upstox.socket_probe import FEED_WAITS, STREAM_WAITS, WAIT_S, hear_feed, hear_stream
from volguard.model.broker import ErrorClass

ADDRESS = "wss://feed.example/feeds?code=the-secret-code"
INDEX_KEY = UNDERLYING_KEYS["NIFTY"]
KEYS = (INDEX_KEY, VIX_KEY)


class Said:
    """A socket that says these things and then nothing; an exception among them is raised."""

    def __init__(self, *things: bytes | str | Exception) -> None:
        self.things = list(things)
        self.sent: list[bytes] = []
        self.asked = 0

    def send(self, message: bytes) -> None:
        self.sent.append(message)

    def recv(self, timeout: float | None = None) -> str | bytes:
        assert timeout == WAIT_S
        self.asked += 1
        if not self.things:
            raise TimeoutError
        thing = self.things.pop(0)
        if isinstance(thing, Exception):
            raise thing
        return thing


def opening(socket: Said) -> Callable[[str], object]:
    @contextmanager
    def opened(address: str) -> Iterator[Socket]:
        assert address == ADDRESS
        yield socket

    return opened


def refusing(error: Exception) -> Callable[[str], object]:
    @contextmanager
    def opened(_address: str) -> Iterator[Socket]:
        raise error
        yield

    return opened


def market_info() -> bytes:
    frame = FeedResponse(type=FrameType.market_info, currentTs=1)
    frame.marketInfo.segmentStatus["NSE_FO"] = MarketStatus.NORMAL_OPEN
    return frame.SerializeToString()


def picture(*keys: str, kind: FrameType = FrameType.initial_feed) -> bytes:
    frame = FeedResponse(type=kind, currentTs=1)
    for key in keys:
        frame.feeds[key].ltpc.ltp = 24_500.0
    return frame.SerializeToString()


def test_status_and_picture_are_heard_and_then_the_look_is_over() -> None:
    """The subscription goes out in a binary frame, and nobody listens longer than it takes."""
    socket = Said(market_info(), picture(INDEX_KEY), picture(VIX_KEY), market_info())
    heard = hear_feed(opening(socket), ADDRESS, KEYS)
    assert (heard.status, heard.pictured, heard.lacks(KEYS)) == ("NORMAL_OPEN", tuple(sorted(KEYS)), "")
    assert (heard.frames, heard.unreadable, socket.asked) == (3, 0, 3)
    assert len(socket.sent) == 1 and b'"sub"' in socket.sent[0]


def test_what_did_not_come_is_named() -> None:
    """A live update is no first picture, and silence is waited for no longer than ten seconds."""
    socket = Said(picture(INDEX_KEY, VIX_KEY, kind=FrameType.live_feed))
    heard = hear_feed(opening(socket), ADDRESS, KEYS)
    assert socket.asked == FEED_WAITS
    assert heard.lacks(KEYS) == f"market_info, initial_feed of {INDEX_KEY}, initial_feed of {VIX_KEY}"


def test_frames_that_cannot_be_read_are_counted() -> None:
    """A torn frame and a text frame are no frames of the feed."""
    socket = Said(picture(INDEX_KEY)[:-3], "hello", market_info(), picture(*KEYS))
    heard = hear_feed(opening(socket), ADDRESS, KEYS)
    assert (heard.unreadable, heard.frames) == (2, 2)


def test_a_market_status_that_is_not_known_is_told_as_its_number() -> None:
    """The exchange adds words: a number without a name is still an answer."""
    frame = FeedResponse.FromString(market_info())
    frame.marketInfo.segmentStatus["NSE_FO"] = 17
    socket = Said(frame.SerializeToString(), picture(*KEYS))
    assert hear_feed(opening(socket), ADDRESS, KEYS).status == "status 17"


def test_the_portfolio_stream_need_say_nothing() -> None:
    """It is looked at for a second; messages meanwhile are counted."""
    silent, busy = Said(), Said('{"update_type":"order"}')
    assert (hear_stream(opening(silent), ADDRESS), silent.asked) == (0, STREAM_WAITS)
    assert hear_stream(opening(busy), ADDRESS) == 1


REFUSALS = [
    (InvalidStatus(Response(401, "Unauthorized", Headers())), ErrorClass.AUTH, "HTTP 401", "volguard token"),
    (InvalidStatus(Response(403, "Forbidden", Headers())), ErrorClass.NETWORK, "HTTP 403", "connected"),
    (
        ConnectionRefusedError(111, "Connection refused"),
        ErrorClass.NETWORK,
        "Connection refused",
        "websockets",
    ),
    (TimeoutError(), ErrorClass.NETWORK, "no answer in time", "websockets"),
]


@pytest.mark.parametrize(
    ("error", "error_class", "text", "hint"), REFUSALS, ids=lambda one: type(one).__name__
)
def test_a_refused_connection_is_a_failure_with_its_class(
    error: Exception, error_class: ErrorClass, text: str, hint: str
) -> None:
    """Whoever is refused is told why and what to do, without the address that carries the code."""
    with pytest.raises(ApiFailure) as failed:
        hear_stream(refusing(error), ADDRESS)
    assert failed.value.error_class is error_class
    assert text in failed.value.message and hint in failed.value.hint
    assert "secret-code" not in f"{failed.value!r} {failed.value.__cause__} {failed.value.__context__}"


def test_a_connection_that_breaks_is_a_failure() -> None:
    """Breaking off between frames is told as that."""
    broken = Said(market_info(), ConnectionClosedError(None, None))
    with pytest.raises(ApiFailure, match=r"market feed: the connection broke off \(1006\)"):
        hear_feed(opening(broken), ADDRESS, KEYS)
