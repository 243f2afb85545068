"""A socket that is kept open: authorised anew each time, watched for silence, rested, and closed cleanly."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus, InvalidURI
from websockets.frames import Close
from websockets.http11 import Response
from websockets.sync.server import Server, ServerConnection, serve

from tests.adapters.upstox.socket_parts import Desk, HandClock, Step, Wire
from tests.fakes import shipped
from volguard.adapters.clock import SystemClock
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.kept_socket import KeptSocket, SocketState, opener_of, reason_of
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.settings import UpstoxSettings, rehearsal_overrides
from volguard.model.broker import ErrorClass

RULES = ReconnectRules(failures_max=5, window_s=60.0, rest_s=300.0)
OPEN, LOST, RESTING = SocketState.OPEN, SocketState.LOST, SocketState.RESTING


class Codes:
    """Authorises with a fresh single-use code each time, or refuses."""

    def __init__(self, failure: ApiFailure | None = None) -> None:
        self.given = 0
        self.failure = failure

    def __call__(self) -> str:
        self.given += 1
        if self.failure is not None:
            raise self.failure
        return f"wss://feed.example/feeds?code=secret-{self.given}"


def kept(*scripts: list[Step] | Exception, codes: Codes | None = None) -> tuple[KeptSocket, Desk, Wire]:
    clock = HandClock()
    desk, wire = Desk(authorise=codes or Codes()), Wire(clock=clock, scripts=list(scripts))
    return KeptSocket(desk.plan(b"sub-1", b"sub-2"), RULES, clock, wire), desk, wire


def refusal(status: int) -> InvalidStatus:
    return InvalidStatus(Response(status_code=status, reason_phrase="", headers=None))  # type: ignore[arg-type]


def test_it_subscribes_after_the_handshake_and_hands_on_what_comes() -> None:
    """All frames of the subscription first, then every message in order."""
    socket, desk, wire = kept([b"one", 1.0, b"two"])
    socket.attempt()
    assert wire.opened[0].sent == [b"sub-1", b"sub-2"]
    assert desk.messages == [b"one", b"two"]
    assert desk.states == [OPEN, LOST] and wire.opened[0].is_closed


def test_each_connection_has_a_code_of_its_own_and_the_same_subscription() -> None:
    """A code is good once; what was subscribed is subscribed again, byte for byte."""
    socket, _, wire = kept([b"one"], [b"two"])
    socket.attempt()
    socket.attempt()
    assert [address[-8:] for address in wire.addresses] == ["secret-1", "secret-2"]
    assert wire.opened[0].sent == wire.opened[1].sent


def test_a_changed_subscription_is_sent_on_the_open_connection() -> None:
    """Strikes follow the index without a reconnect."""
    socket, desk, wire = kept([b"one", 1.0, b"two"])
    desk.pending = [b"unsub", b"sub-3"]
    socket.attempt()
    assert wire.opened[0].sent == [b"sub-1", b"sub-2", b"unsub", b"sub-3"]


def test_a_silent_socket_is_dropped_in_market_hours() -> None:
    """No frame for longer than the limit: the connection is not kept for its pings."""
    socket, desk, wire = kept([b"one", 14.0, b"two", 100.0])
    socket.attempt()
    assert desk.messages == [b"one", b"two"]
    assert desk.news[-1].text == "no frame for 15 s while the market is open"
    assert 29.0 < wire.clock.monotonic_s() < 29.5 and wire.opened[0].is_closed


def test_bad_frames_are_no_sign_of_life() -> None:
    """A socket that sends nothing readable is as good as silent."""
    socket, desk, _ = kept([b"one", *[14.0, b"bad"] * 3])
    socket.attempt()
    assert desk.messages == [b"one", b"bad"] and desk.news[-1].text.startswith("no frame for 15 s")


def test_silence_outside_market_hours_is_no_fault() -> None:
    """Before the open nothing need be said; from the open on the limit counts anew."""
    socket, desk, wire = kept([3600.0, b"one"])
    desk.must_speak = False
    socket.attempt()
    assert desk.messages == [b"one"] and wire.clock.monotonic_s() == pytest.approx(3600.0)
    assert desk.news[-1].text == "Broken pipe"


def test_a_refused_token_is_told_apart() -> None:
    """401 at the authorisation or at the handshake is no lost connection."""
    no = ApiFailure("the token is not taken", error_class=ErrorClass.AUTH, endpoint="feed_authorize")
    socket, desk, wire = kept(codes=Codes(no))
    socket.attempt()
    assert desk.news[-1].state is SocketState.REFUSED and wire.addresses == []
    socket, desk, _ = kept(refusal(401))
    socket.attempt()
    assert desk.news[-1].state is SocketState.REFUSED


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (refusal(403), "the handshake was answered with HTTP 403"),
        (ConnectionRefusedError(111, "Connection refused"), "Connection refused"),
        (TimeoutError("timed out"), "no answer in time"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
        (ConnectionClosedError(None, None), "the connection broke off (1006)"),
        (
            ConnectionClosedError(Close(1012, "restart"), None),
            "the server closed the connection (1012) restart",
        ),
        (InvalidURI("wss://feed.example/?code=secret-1", "no"), "InvalidURI"),
        (UnicodeError("label too long"), "UnicodeError"),
    ],
)
def test_why_a_connection_was_lost_is_told_without_its_address(error: Exception, text: str) -> None:
    """The address carries the code: no text shows it."""
    socket, desk, _ = kept(error)
    socket.attempt()
    assert desk.news[-1].state is LOST and desk.news[-1].text == text
    assert "secret" not in str(desk.news) and "secret" not in reason_of(error)


def test_data_makes_the_next_wait_short_again() -> None:
    """The wait grows with failures in vain, not with losses of a connection that had worked."""
    socket, _, _ = kept(*[OSError(101, "Network is unreachable")] * 2, [b"one"])
    waits = []
    for _ in range(3):
        socket.attempt()
        waits.append(socket.next_attempt_at_s)
    assert waits == [0.5, 1.0, 0.5]


def test_five_losses_within_a_minute_are_followed_by_a_rest() -> None:
    """No attempt meanwhile, and the news say until when."""
    socket, desk, wire = kept(*[OSError(101, "Network is unreachable")] * 5)
    for _ in range(5):
        assert socket.wait_turn()
        socket.attempt()
        wire.clock.sleep(8.0)
    assert desk.states == [LOST] * 5 + [RESTING]
    assert desk.news[-1].text == "Network is unreachable; no further attempt for 300 s"
    assert len(wire.addresses) == 5


def test_a_new_token_ends_the_rest() -> None:
    """The operator pushed a token: the socket asks for it at once."""
    socket, desk, wire = kept(*[OSError(101, "Network is unreachable")] * 5, [b"one"])
    for _ in range(5):
        socket.attempt()
    desk.generation = 1
    assert socket.wait_turn()
    socket.attempt()
    assert desk.messages == [b"one"] and wire.clock.monotonic_s() == 0.0


def test_plain_text_connections_stay_on_this_machine() -> None:
    """An address without TLS is refused unless this is a rehearsal and it is our own."""
    live, rehearsal = shipped().upstox, rehearsed("http://127.0.0.1:1")
    for settings, address in (
        (live, "ws://feed.example/?code=secret-1"),
        (live, "ws://127.0.0.1:2/?code=secret-1"),
        (rehearsal, "ws://feed.example/?code=secret-1"),
        (rehearsal, "http://127.0.0.1:2/?code=secret-1"),
    ):
        with pytest.raises(ApiFailure, match="must be wss://") as refused:
            opener_of(settings)(address)
        assert "secret" not in refused.value.message


# --- over real sockets --------------------------------------------------------------------------------


def rehearsed(base_url: str) -> UpstoxSettings:
    return shipped(*rehearsal_overrides(base_url)).upstox


@contextmanager
def serving(handler: object) -> Iterator[tuple[Server, str]]:
    """A server on loopback, and its address."""
    with serve(handler, "127.0.0.1", 0) as server:  # type: ignore[arg-type]
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server, f"ws://127.0.0.1:{server.socket.getsockname()[1]}/feeds?code=secret"
        server.shutdown()
        thread.join()


def real(desk: Desk) -> KeptSocket:
    return KeptSocket(
        desk.plan(b'{"method":"sub"}'),
        RULES,
        SystemClock(threading.Event()),
        opener_of(rehearsed("http://127.0.0.1:1")),
    )


def wait_for(what: object, seconds: float = 5.0) -> None:
    """Until something is true, or fail."""
    assert callable(what)
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_real_socket_subscribes_in_binary_receives_and_closes_within_a_second() -> None:
    """Large frames pass; closing leaves no thread behind."""
    heard: list[str | bytes] = []
    big = b"x" * (8 * 2**20)

    def handler(connection: ServerConnection) -> None:
        heard.append(connection.recv())
        connection.send(big)
        for message in connection:
            heard.append(message)

    with serving(handler) as (_, address):
        desk = Desk(authorise=lambda: address)
        before = set(threading.enumerate())
        socket = real(desk)
        socket.start()
        wait_for(lambda: desk.messages)
        began = time.monotonic()
        socket.close()
        assert time.monotonic() - began < 1.0
        wait_for(lambda: set(threading.enumerate()) <= before)
    assert heard == [b'{"method":"sub"}'] and desk.messages == [big]
    assert desk.states == [OPEN, SocketState.ENDED]


def test_a_real_socket_that_the_server_drops_is_opened_again() -> None:
    """1006: the next connection follows after the first wait, with the subscription again."""
    heard: list[str | bytes] = []

    def handler(connection: ServerConnection) -> None:
        heard.append(connection.recv())
        if len(heard) == 1:
            connection.socket.close()
        else:
            connection.send(b"again")
            connection.recv()

    with serving(handler) as (_, address):
        desk = Desk(authorise=lambda: address)
        socket = real(desk)
        socket.start()
        wait_for(lambda: desk.messages)
        socket.close()
    assert heard[0] == heard[1] and desk.states == [OPEN, LOST, OPEN, SocketState.ENDED]


def test_closing_does_not_wait_for_a_server_that_never_answers() -> None:
    """A server that accepts and says nothing: closing takes less than a second all the same."""
    import socket as plain

    with plain.create_server(("127.0.0.1", 0)) as listener:
        address = f"ws://127.0.0.1:{listener.getsockname()[1]}/"
        desk = Desk(authorise=lambda: address)
        kept_one = real(desk)
        kept_one.start()
        connection, _ = listener.accept()
        began = time.monotonic()
        kept_one.close()
        assert time.monotonic() - began < 1.0
        connection.close()
        wait_for(lambda: desk.states[-1:] == [SocketState.ENDED])
