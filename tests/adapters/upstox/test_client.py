"""The HTTP client: where a call goes, how often it is sent, what a failure is called, what never shows."""

from __future__ import annotations

import logging
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise

import httpx
import msgspec
import pytest

from tests.adapters.upstox.client_parts import (
    TOKEN,
    MovingClock,
    bad,
    band,
    good,
    make_client,
    upstox_settings,
)
from volguard import __version__
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.limiter import Priority
from volguard.model.broker import ErrorClass
from volguard.model.units import IST

ALL = [value for value in vars(endpoints).values() if isinstance(value, Endpoint)]
WRITES = [endpoint for endpoint in ALL if endpoint.is_write]
READS = [endpoint for endpoint in ALL if not endpoint.is_write]
PLACES = {
    name: "x" for name in ("client_id", "date", "exchange", "key", "unit", "interval", "to_date", "from_date")
}
SECRET = "app-secret-of-a-test-91"
CODE = "mk404x"


@dataclass
class Server:
    """Notes every request, and answers with what a function makes of it."""

    answer: Callable[[httpx.Request], httpx.Response] = lambda _request: good([])
    seen: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request)
        return self.answer(request)


def raising(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise error

    return answer


def failure(client: UpstoxClient, endpoint: Endpoint, **given: object) -> ApiFailure:
    """The failure that a call ends in."""
    with closing(client), pytest.raises(ApiFailure) as caught:
        client.call(endpoint, path=PLACES, **given)  # type: ignore[arg-type]
    return caught.value


# --- where a call goes -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        (endpoints.PLACE, "api-hft.upstox.com"),
        (endpoints.MODIFY, "api-hft.upstox.com"),
        (endpoints.CANCEL, "api-hft.upstox.com"),
        (endpoints.MULTI_PLACE, "api.upstox.com"),
        (endpoints.MULTI_CANCEL, "api.upstox.com"),
        (endpoints.EXIT_ALL, "api.upstox.com"),
        (endpoints.ORDER_BOOK, "api.upstox.com"),
        (endpoints.INSTRUMENT_FILE, "assets.upstox.com"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_each_call_goes_to_its_host(endpoint: Endpoint, host: str) -> None:
    """Single orders go to the fast host, all else to the ordinary one, files to theirs."""
    server = Server()
    with closing(make_client(server)) as client:
        client.call(endpoint, path=PLACES)
    assert [request.url.host for request in server.seen] == [host]
    assert server.seen[0].method == endpoint.method


def test_keys_are_encoded_in_path_and_query() -> None:
    """A bar, a blank and a comma of a key never reach the wire as they are."""
    server = Server()
    key = "NSE_INDEX|Nifty 50"
    places = {"key": key, "unit": "days", "interval": "1", "to_date": "2026-09-16", "from_date": "2026-09-01"}
    with closing(make_client(server)) as client:
        client.call(endpoints.CANDLES, path=places)
        client.call(endpoints.QUOTES, query={"instrument_key": f"{key},NSE_FO|1"})
    candles, quotes = (request.url.raw_path.decode() for request in server.seen)
    assert candles == "/v3/historical-candle/NSE_INDEX%7CNifty%2050/days/1/2026-09-16/2026-09-01"
    assert quotes == "/v2/market-quote/quotes?instrument_key=NSE_INDEX%7CNifty%2050%2CNSE_FO%7C1"


def test_a_look_alike_is_reached_below_its_paths() -> None:
    """One address with two folders serves all three hosts."""
    server = Server()
    base = "http://127.0.0.1:8765"
    changed = {"base_url": base, "order_url": f"{base}/hft", "assets_url": f"{base}/assets"}
    with closing(make_client(server, **changed)) as client:
        client.call(endpoints.PLACE, body={})
    assert str(server.seen[0].url) == f"{base}/hft/v3/order/place"


def test_headers_are_plain_and_the_same_each_time() -> None:
    """The gateway refuses odd callers: one stable name, JSON asked for, bodies labelled."""
    server = Server()
    with closing(make_client(server)) as client:
        client.call(endpoints.PLACE, body={"quantity": 65})
        client.call(endpoints.EXCHANGE_CODE, form={"code": CODE, "grant_type": "authorization_code"})
        client.call(endpoints.ORDER_BOOK)
    place, login, book = (request.headers for request in server.seen)
    assert {headers["User-Agent"] for headers in (place, login, book)} == {f"volguard/{__version__}"}
    assert {headers["Accept"] for headers in (place, login, book)} == {"application/json"}
    assert place["Content-Type"] == "application/json"
    assert login["Content-Type"] == "application/x-www-form-urlencoded"
    assert "Content-Type" not in book
    assert msgspec.json.decode(server.seen[0].content) == {"quantity": 65}
    assert server.seen[1].content == b"code=mk404x&grant_type=authorization_code"


# --- the token ---------------------------------------------------------------------------------------


def test_the_token_is_read_again_at_each_call() -> None:
    """A token that was renewed in mid-session counts from the next call on."""
    server = Server()
    tokens = iter(("first", "second"))
    with closing(make_client(server, token=lambda: next(tokens))) as client:
        client.call(endpoints.ORDER_BOOK)
        client.call(endpoints.PLACE, body={})
    assert [request.headers["Authorization"] for request in server.seen] == ["Bearer first", "Bearer second"]


def test_a_retry_uses_the_token_of_its_own_moment() -> None:
    """A read that fails once and is repeated does not repeat the old token."""
    server = Server(answer=lambda _: good([]) if len(server.seen) > 1 else httpx.Response(503))
    tokens = iter(("first", "second"))
    with closing(make_client(server, token=lambda: next(tokens))) as client:
        client.call(endpoints.ORDER_BOOK)
    assert server.seen[1].headers["Authorization"] == "Bearer second"


@pytest.mark.parametrize("endpoint", [e for e in ALL if not e.needs_token], ids=lambda e: e.name)
def test_public_calls_carry_no_token(endpoint: Endpoint) -> None:
    """A token is shown only where it is needed."""
    server = Server()
    with closing(make_client(server)) as client:
        client.call(endpoint, path=PLACES)
    assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize("token", [None, "", "two words", "line\nbreak", "umläut"])
def test_without_a_usable_token_nothing_is_sent(token: str | None) -> None:
    """Nobody is logged in, or the token could not be a header: the call fails before it leaves."""
    server = Server()
    failed = failure(make_client(server, token=lambda: token), endpoints.PLACE, body={})
    assert (failed.error_class, failed.was_sent, failed.exit_code) == (ErrorClass.AUTH, False, 4)
    assert not failed.is_outcome_open and failed.hint == "volguard token"
    assert server.seen == []
    assert not token or token not in f"{failed} {failed!r}"


@pytest.mark.parametrize(
    ("endpoint", "status", "code", "is_told"),
    [
        (endpoints.ORDER_BOOK, 401, "UDAPI100050", True),
        (endpoints.ORDER_BOOK, 401, "UDAPI100067", False),
        (endpoints.ORDER_BOOK, 400, "UDAPI1009", False),
        (endpoints.PLACE, 401, "UDAPI100050", False),
        (endpoints.HOLIDAYS, 401, "UDAPI100050", False),
    ],
    ids=lambda value: value.name if isinstance(value, Endpoint) else str(value),
)
def test_a_token_is_dead_when_a_read_says_so(
    endpoint: Endpoint, status: int, code: str, is_told: bool
) -> None:
    """A write from an unregistered address is refused in the same words: reads must go on then."""
    dead: list[str] = []
    made = make_client(lambda _: bad(status, code), on_token_refused=dead.append)
    failure(made, endpoint)
    assert dead == [TOKEN] * is_told


# --- a write is sent once ----------------------------------------------------------------------------

ENDINGS: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "accepted": lambda _: good({"order_ids": ["240108010918222"]}),
    "refused": lambda _: bad(400, "UDAPI1052"),
    "429": lambda _: bad(429, "UDAPI10005"),
    "10005 in a 200": lambda _: bad(200, "UDAPI10005"),
    "500": lambda _: httpx.Response(500),
    "503 page": lambda _: httpx.Response(503, text="<html>busy</html>"),
    "403 page": lambda _: httpx.Response(403, text="error code: 1010"),
    "empty 400": lambda _: httpx.Response(400),
    "302": lambda _: httpx.Response(302, headers={"Location": "https://api.upstox.com/elsewhere"}),
    "308": lambda _: httpx.Response(308, headers={"Location": "https://api.upstox.com/elsewhere"}),
    "no connection": raising(httpx.ConnectError("refused")),
    "cut off": raising(httpx.RemoteProtocolError("Server disconnected without sending a response.")),
    "timeout": raising(httpx.ReadTimeout("timed out")),
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("endpoint", WRITES, ids=lambda e: e.name)
def test_a_write_is_sent_exactly_once(endpoint: Endpoint, ending: str) -> None:
    """However it ends: nothing that may have happened is ever asked for again, and no redirect followed."""
    server = Server(answer=ENDINGS[ending])
    clock = MovingClock()
    with closing(make_client(server, clock=clock)) as client:
        if ending == "accepted":
            client.call(endpoint, path=PLACES, body={})
        else:
            with pytest.raises(ApiFailure):
                client.call(endpoint, path=PLACES, body={})
    assert len(server.seen) == 1
    assert clock.slept_s == []


OPEN_OUTCOMES = ("500", "503 page", "403 page", "empty 400", "302", "308", "cut off", "timeout")


@pytest.mark.parametrize("ending", [name for name in ENDINGS if name != "accepted"])
def test_which_failed_writes_may_have_happened(ending: str) -> None:
    """Only a readable no, a full budget or a connection that never stood prove that nothing happened."""
    failed = failure(make_client(ENDINGS[ending]), endpoints.PLACE, body={})
    assert failed.is_outcome_open is (ending in OPEN_OUTCOMES)
    assert (failed.exit_code == 6) is (ending in OPEN_OUTCOMES)
    assert failed.is_write and failed.endpoint == "place"


# --- reads are repeated ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ending", ["429", "10005 in a 200", "500", "503 page", "no connection", "cut off", "timeout"]
)
@pytest.mark.parametrize("endpoint", READS, ids=lambda e: e.name)
def test_a_read_is_repeated_after_a_passing_failure(endpoint: Endpoint, ending: str) -> None:
    """Three more attempts, each after twice the wait; then the failure is told."""
    clock = MovingClock()
    server = Server(answer=ENDINGS[ending])
    failed = failure(make_client(server, clock=clock), endpoint)
    assert len(server.seen) == 4
    assert clock.slept_s == [0.5, 1.0, 2.0]
    assert not failed.is_outcome_open


def test_the_waits_are_capped() -> None:
    """Patience doubles up to eight seconds and no further."""
    clock = MovingClock()
    failure(make_client(ENDINGS["500"], clock=clock, read_attempts=8), endpoints.ORDER_BOOK)
    assert clock.slept_s == [0.5, 1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_a_read_that_recovers_gives_its_answer() -> None:
    """One bad attempt is not told to anybody."""
    server = Server(answer=lambda _: good([7]) if len(server.seen) > 2 else httpx.Response(502))
    with closing(make_client(server)) as client:
        assert msgspec.json.decode(client.call(endpoints.ORDER_BOOK).content)["data"] == [7]
    assert len(server.seen) == 3


@pytest.mark.parametrize("ending", ["refused", "403 page", "empty 400", "302"])
def test_a_read_that_cannot_pass_is_not_repeated(ending: str) -> None:
    """A plain no, a page, a redirect: asking again changes nothing."""
    server = Server(answer=ENDINGS[ending])
    failure(make_client(server), endpoints.ORDER_BOOK)
    assert len(server.seen) == 1


def test_a_dead_token_is_not_tried_again() -> None:
    """A 401 needs a login, not patience."""
    server = Server(answer=lambda _: bad(401, "UDAPI100050", "Invalid token used to access API"))
    failed = failure(make_client(server), endpoints.ORDER_BOOK)
    assert (failed.error_class, failed.code, failed.exit_code) == (ErrorClass.AUTH, "UDAPI100050", 4)
    assert len(server.seen) == 1


# --- what a failure is called ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "was_sent", "error_class"),
    [
        (httpx.ConnectError("x"), False, ErrorClass.NETWORK),
        (httpx.ConnectTimeout("x"), False, ErrorClass.NETWORK),
        (httpx.PoolTimeout("x"), False, ErrorClass.NETWORK),
        (httpx.ReadTimeout("x"), True, ErrorClass.NETWORK),
        (httpx.WriteTimeout("x"), True, ErrorClass.NETWORK),
        (httpx.ReadError("x"), True, ErrorClass.NETWORK),
        (httpx.WriteError("x"), True, ErrorClass.NETWORK),
        (httpx.RemoteProtocolError("x"), True, ErrorClass.NETWORK),
        (httpx.LocalProtocolError("x"), True, ErrorClass.NETWORK),
        (httpx.DecodingError("x"), True, ErrorClass.UNKNOWN),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_only_a_connection_that_never_stood_proves_that_nothing_left(
    error: Exception, was_sent: bool, error_class: ErrorClass
) -> None:
    """Every other break may have come after the broker took the order."""
    failed = failure(make_client(raising(error)), endpoints.PLACE, body={})
    assert (failed.error_class, failed.was_sent, failed.is_outcome_open) == (error_class, was_sent, was_sent)
    assert ("nothing was sent" in failed.message) is not was_sent
    assert type(error).__name__ in failed.message and "api-hft.upstox.com" in failed.message


def test_a_partial_success_is_an_answer() -> None:
    """207 means that real orders exist: its lines are read, not thrown away."""
    body = {
        "status": "partial_success",
        "data": [],
        "errors": [{"error_code": "UDAPI100500", "message": "m"}],
    }
    answer = httpx.Response(207, content=msgspec.json.encode(body))
    with closing(make_client(lambda _: answer)) as client:
        reply = client.call(endpoints.MULTI_PLACE, body=[])
    assert (reply.status, msgspec.json.decode(reply.content)) == (207, body)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Wed, 16 Sep 2026 04:30:05 GMT", datetime(2026, 9, 16, 10, 0, 5, tzinfo=IST)),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_servers_time_comes_with_the_answer(header: str | None, expected: datetime | None) -> None:
    """The Date header in IST, so that clocks can be compared; None where it cannot be read."""
    headers = {"Date": header} if header else {}
    with closing(make_client(lambda _: good([], headers=headers))) as client:
        assert client.call(endpoints.ORDER_BOOK).server_time == expected


# --- the budget --------------------------------------------------------------------------------------


def test_every_attempt_is_counted() -> None:
    """Repeats use the budget like first calls: the fourth waits for the window."""
    clock = MovingClock()
    rate = {"order": band(10, 500, 2000), "standard": band(2, 3, 100), "login": band(1, 10, 60)}
    failure(make_client(ENDINGS["500"], clock=clock, rate=rate), endpoints.ORDER_BOOK)
    assert clock.passed_s == pytest.approx(63.0)


def test_an_order_that_would_wait_too_long_is_not_sent() -> None:
    """The budget of the minute is used up: the order fails at once, proven not sent."""
    server = Server()
    rate = {"order": band(5, 1, 100), "standard": band(2, 3, 100), "login": band(1, 10, 60)}
    client = make_client(server, rate=rate)
    client.call(endpoints.PLACE, body={})
    failed = failure(client, endpoints.PLACE, body={}, patience_s=2.0)
    assert (failed.error_class, failed.was_sent, len(server.seen)) == (ErrorClass.RATE, False, 1)


def test_exits_pass_where_others_wait() -> None:
    """A cancel is sent at once though ordinary orders have used their part."""
    clock = MovingClock()
    with closing(make_client(Server(), clock=clock)) as client:
        for _ in range(7):
            client.call(endpoints.PLACE, body={})
        client.call(endpoints.CANCEL, priority=Priority.EXIT)
        assert clock.passed_s == 0.0
        client.call(endpoints.PLACE, body={})
    assert clock.passed_s == pytest.approx(1.05)


# --- health ------------------------------------------------------------------------------------------


def test_three_bad_polls_in_a_row_are_a_broker_that_is_away() -> None:
    """Two may happen; the third is told, and so is the recovery."""
    down = [True]
    answer = lambda _: httpx.Response(503) if down[0] else good([])  # noqa: E731
    with closing(make_client(answer)) as client:
        seen = [client.health]
        for is_down in (True, True, True, True, False):
            down[0] = is_down
            with suppress(ApiFailure):
                client.call(endpoints.ORDER_BOOK)
            seen.append(client.health)
    assert [health.is_healthy for health in seen] == [True, True, True, False, False, True]
    news = [after.news_since(before) for before, after in pairwise(seen)]
    assert [bool(text) for text in news] == [False, False, True, False, True]
    assert "3 bad polls in a row, limit 3" in news[2] and "HTTP 503" in news[2]
    assert news[4] == "the broker answers again after 4 bad polls"
    assert seen[-1].last_good_at is not None


def test_a_plain_no_is_an_answer() -> None:
    """A broker that refuses a question is there."""
    with closing(make_client(ENDINGS["refused"])) as client:
        for _ in range(5):
            with pytest.raises(ApiFailure):
                client.call(endpoints.MARGIN, body={})
        assert client.health.is_healthy


# --- secrets -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [name for name in ENDINGS if name != "accepted"])
@pytest.mark.parametrize("endpoint", ALL, ids=lambda e: e.name)
def test_no_secret_in_any_error(endpoint: Endpoint, ending: str, caplog: pytest.LogCaptureFixture) -> None:
    """Token, app secret and login code are in no message, repr, traceback, chained error or log line."""
    caplog.set_level(logging.DEBUG)
    client = make_client(ENDINGS[ending])
    form = {"code": CODE, "client_secret": SECRET} if endpoint.band is Band.LOGIN else None
    failed = failure(client, endpoint, form=form)
    shown = "".join(traceback.format_exception(failed, chain=True))
    for text in (
        str(failed),
        repr(failed),
        failed.hint,
        shown,
        repr(vars(failed)),
        repr(client),
        caplog.text,
    ):
        assert TOKEN not in text and SECRET not in text and CODE not in text
    assert failed.__cause__ is None and failed.__context__ is None


def test_a_broker_that_quotes_our_secrets_is_not_quoted() -> None:
    """What it echoes of token, secret or code is masked."""

    def parrot(request: httpx.Request) -> httpx.Response:
        heard = request.content.decode() + request.headers.get("Authorization", "")
        return bad(401, "UDAPI100069", f"not good: {heard}")

    login = failure(
        make_client(parrot), endpoints.EXCHANGE_CODE, form={"client_secret": SECRET, "code": CODE}
    )
    asked = failure(make_client(parrot), endpoints.REQUEST_TOKEN, body={"client_secret": SECRET})
    book = failure(make_client(parrot), endpoints.ORDER_BOOK)
    for failed, count in ((login, 2), (asked, 1), (book, 1)):
        assert failed.message.count("***") == count
        for text in (str(failed), repr(failed)):
            assert TOKEN not in text and SECRET not in text and CODE not in text


def test_nothing_of_a_client_or_its_answer_shows_the_token() -> None:
    """Printing them by mistake tells nothing."""
    with closing(make_client(Server())) as client:
        reply = client.call(endpoints.ORDER_BOOK)
        assert TOKEN not in f"{client!r} {client} {reply!r} {client.health!r}"


# --- over a socket -----------------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = b'{"status":"success","data":[]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def listening() -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """An HTTP server on this machine, and the addresses that its connections came from."""
    callers: list[tuple[str, int]] = []

    class Counting(ThreadingHTTPServer):
        def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
            connection, caller = super().get_request()
            callers.append(caller)
            return connection, caller

    with Counting(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", callers
        finally:
            server.shutdown()
            thread.join()


def over_sockets(base: str) -> UpstoxClient:
    settings = upstox_settings(base_url=base, order_url=base, assets_url=base, connect_timeout_s=1.0)
    return UpstoxClient(settings, token=lambda: TOKEN, clock=MovingClock())


def test_one_connection_serves_many_calls_over_ipv4() -> None:
    """Connections are kept, and IPv6 is never tried: the order host is known to hang on it."""
    with listening() as (base, callers), closing(over_sockets(base)) as client:
        replies = [client.call(endpoints.ORDER_BOOK) for _ in range(5)]
    assert [reply.status for reply in replies] == [200] * 5
    assert len(callers) == 1 and callers[0][0] == "127.0.0.1"
    assert replies[0].server_time is not None


def test_a_port_where_nobody_listens_proves_that_nothing_was_sent() -> None:
    """A refused connection is told from a lost answer."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
        failed = failure(over_sockets(base), endpoints.PLACE, body={})
    assert (failed.error_class, failed.was_sent) == (ErrorClass.NETWORK, False)


def test_an_answer_cut_off_leaves_the_outcome_open() -> None:
    """The server takes the request and hangs up without a word."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def hang_up() -> None:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        failed = failure(
            over_sockets(f"http://127.0.0.1:{listener.getsockname()[1]}"), endpoints.PLACE, body={}
        )
        thread.join()
    assert (failed.error_class, failed.was_sent) == (ErrorClass.NETWORK, True)
    assert failed.is_outcome_open
