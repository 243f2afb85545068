"""The look-alike over real sockets: its hosts, its streams, and what goes wrong there when it is told to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import httpx
import pytest
from google.protobuf.message import DecodeError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.simulator.upstox_server.serving import PATIENCE_S, Served, at, make_core, running, serving
from volguard.adapters.loopback import LoopbackListener, Page, Visit
from volguard.adapters.upstox.feed_schema import FeedResponse, FrameType
from volguard.model.errors import UsageError
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule
from volguard.simulator.upstox_server.serve import Listeners
from volguard.simulator.upstox_server.server import LookAlike

SPEED = 20.0
INDEX = "NSE_INDEX|Nifty 50"
FEED, STREAM = "/v3/feed/market-data-feed", "/v2/feed/portfolio-stream-feed"


@contextmanager
def served_with(*rules: FaultRule, speed: float = SPEED, **options: Any) -> Iterator[Served]:
    """A look-alike a quarter of an hour into the session, with faults and options."""
    with serving(make_core(running("09:30:00", speed), *rules, **options)) as served:
        yield served


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A look-alike on which nothing goes wrong."""
    with served_with() as made:
        yield made


@pytest.fixture
def client(served: Served) -> Iterator[httpx.Client]:
    """A client of it that is logged in."""
    with served.client() as made:
        yield made


def opened(address: str, **headers: str) -> AbstractContextManager[ClientConnection]:
    """A websocket, opened."""
    return connect(address, proxy=None, additional_headers=headers, max_size=None)


def address_of(client: httpx.Client, path: str = FEED, **query: str) -> str:
    """An address of a stream that is good for one connection."""
    answer = client.get(f"{path}/authorize", params=query)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["authorized_redirect_uri"])


def subscribe(socket: ClientConnection, *keys: str, mode: str = "full") -> None:
    data = {"mode": mode, "instrumentKeys": list(keys)}
    socket.send(json.dumps({"guid": "g", "method": "sub", "data": data}).encode())


def next_frame(socket: ClientConnection) -> Any:
    message = socket.recv(timeout=PATIENCE_S)
    assert isinstance(message, bytes)
    return FeedResponse.FromString(message)


def wait_for(found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.01)
    raise TimeoutError("it did not happen")


def quoted_key(core: LookAlike) -> str:
    """A contract that is quoted on both sides."""
    shot = core.board.snapshot
    assert shot is not None
    rows = [row for row in range(len(core.board.keys)) if shot.bid[row] > 0.0 and shot.ask[row] > 0.0]
    return core.board.keys[rows[0]]


def order_to_buy(served: Served, *, tag: str = "T-1", price: float | None = None) -> dict[str, Any]:
    """One lot at the offer shown, or at a price."""

    def body(core: LookAlike) -> dict[str, Any]:
        key = quoted_key(core)
        instrument, shot = core.instruments.of_key(key), core.board.snapshot
        assert instrument is not None and shot is not None
        offer = float(shot.ask[core.board.keys.index(key)])
        return {
            **{"quantity": instrument.lot_size, "product": "D", "validity": "DAY", "tag": tag},
            **{"price": offer if price is None else price, "instrument_token": key},
            **{"order_type": "LIMIT", "transaction_type": "BUY", "disclosed_quantity": 0},
            **{"trigger_price": 0, "is_amo": False, "slice": False},
        }

    return served.ask(body)


def rule(name: FaultName, **schedule: Any) -> FaultRule:
    return FaultRule(name=name, **schedule)


# --- HTTP --------------------------------------------------------------------------------------------


def test_the_clock_tells_the_virtual_time(client: httpx.Client) -> None:
    """Anyone may ask what time it is and how fast it goes; every reply is dated by that clock."""
    answer = client.get("/lookalike/clock").json()
    assert answer["speed"] == SPEED and answer["is_lookalike"] is True
    assert answer["now"].startswith("2026-09-16T09:") and answer["now"].endswith("+05:30")
    assert client.get("/v2/market/holidays").headers["date"].startswith("Wed, 16 Sep 2026 04:")


def test_one_port_serves_the_three_hosts(served: Served, client: httpx.Client) -> None:
    """/hft/ is the order host and /assets/ that of files; calls that went to the wrong one are counted."""
    assert client.get("/assets/market-quote/instruments/exchange/NSE.json.gz").content[:2] == b"\x1f\x8b"
    before = served.ask(lambda core: core.misrouted)
    placed = client.post("/hft/v3/order/place", json=order_to_buy(served))
    assert placed.status_code == 200, placed.text
    assert served.ask(lambda core: core.misrouted) == before
    client.post("/v3/order/place", json=order_to_buy(served))
    assert served.ask(lambda core: core.misrouted) == before + 1


def test_paths_and_queries_arrive_decoded(client: httpx.Client) -> None:
    """Keys with a bar and a blank work in a query and in a path."""
    answer = client.get("/v2/market-quote/ltp", params={"instrument_key": INDEX})
    assert [row["instrument_token"] for row in answer.json()["data"].values()] == [INDEX]
    candles = client.get("/v3/historical-candle/intraday/NSE_INDEX%7CNifty%2050/minutes/1")
    assert candles.status_code == 200 and candles.json()["data"]["candles"]


def test_a_body_in_pieces_is_put_together(served: Served, client: httpx.Client) -> None:
    """A body sent in chunks is read whole before it is answered."""
    body = json.dumps(order_to_buy(served, tag="in-pieces")).encode()
    pieces = (body[start : start + 7] for start in range(0, len(body), 7))
    headers = {"content-type": "application/json"}
    assert client.post("/hft/v3/order/place", content=pieces, headers=headers).status_code == 200
    assert "in-pieces" in served.ask(lambda core: list(core.exchange.accepted_tags))


def test_small_replies_do_not_wait(client: httpx.Client) -> None:
    """Replies over a kept connection leave at once, not after the peer's delayed acknowledgement."""
    client.get("/lookalike/clock")
    took_s = []
    for _ in range(15):
        began = time.perf_counter()
        client.get("/lookalike/clock")
        took_s.append(time.perf_counter() - began)
    assert sorted(took_s)[5] < 0.03


def test_a_dropped_reply_is_a_connection_that_ends(capfd: pytest.CaptureFixture[str]) -> None:
    """The order is accepted, the caller hears nothing, and the next call is served."""
    where = frozenset({"place"})
    with (
        served_with(rule(FaultName.DROPPED_REPLY, every=1, where=where)) as served,
        served.client() as client,
    ):
        for tag in ("lost-1", "lost-2"):
            with pytest.raises(httpx.TransportError):
                client.post("/hft/v3/order/place", json=order_to_buy(served, tag=tag))
        book = client.get("/v2/order/retrieve-all").json()["data"]
        assert sorted(row["tag"] for row in book) == ["lost-1", "lost-2"]
        assert served.ask(lambda core: core.exchange.accepted_tags) == ["lost-1", "lost-2"]
    assert capfd.readouterr().err == ""


def test_latency_is_in_virtual_seconds() -> None:
    """A delay of 4 s takes a fifth of a second at twenty times the speed, and others are served meanwhile."""
    slow = rule(FaultName.LATENCY, every=1, size=4.0, where=frozenset({"profile"}))
    with served_with(slow) as served, served.client() as client:
        began = time.perf_counter()
        assert client.get("/v2/user/profile").status_code == 200
        took_s = time.perf_counter() - began
    assert 0.2 <= took_s < 2.0


# --- opening a stream --------------------------------------------------------------------------------


def test_an_address_opens_one_connection(client: httpx.Client) -> None:
    """The code in a stream's address works once; the second use is refused with 403."""
    address = address_of(client)
    with opened(address) as socket:
        assert next_frame(socket).type == FrameType.market_info
    with pytest.raises(InvalidStatus) as refused, opened(address):
        pass
    assert refused.value.response.status_code == 403


def test_a_code_opens_its_own_kind_of_stream(client: httpx.Client) -> None:
    """A code for the portfolio stream does not open the market feed."""
    address = address_of(client, STREAM)
    wrong = address.replace("portfolio-stream-feeder/v2", "market-data-feeder/v3")
    with pytest.raises(InvalidStatus) as refused, opened(wrong):
        pass
    assert refused.value.response.status_code == 403


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize("path", [FEED, STREAM])
def test_the_entry_redirects_the_bearer_of_a_token(served: Served, path: str, port: str) -> None:
    """Opened with a bearer token, the entry answers 302 with an address that the client follows."""
    base = served.address.ws if port == "ws" else served.address.http.replace("http", "ws")
    with opened(f"{base}{path}", Authorization=f"Bearer {served.token()}") as socket:
        assert socket.request.path.startswith(("/market-data-feeder/v3", "/portfolio-stream-feeder/v2"))


@pytest.mark.parametrize("port", ["http", "ws"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer nobody"}])
def test_the_entry_refuses_others(served: Served, headers: dict[str, str], port: str) -> None:
    """Without a live token the entry answers 401."""
    base = served.address.ws if port == "ws" else served.address.http.replace("http", "ws")
    with pytest.raises(InvalidStatus) as refused, opened(f"{base}{FEED}", **headers):
        pass
    assert refused.value.response.status_code == 401


def test_other_addresses_are_not_found(served: Served) -> None:
    """A path that is no stream is answered with 404."""
    with pytest.raises(InvalidStatus) as refused, opened(f"{served.address.ws}/v2/feed"):
        pass
    assert refused.value.response.status_code == 404


def test_more_connections_than_allowed_are_refused(client: httpx.Client) -> None:
    """The third connection of one kind is refused, another kind is not, and a place that is left is free."""
    with opened(address_of(client)), opened(address_of(client)) as second, opened(address_of(client, STREAM)):
        with pytest.raises(InvalidStatus) as refused, opened(address_of(client)):
            pass
        assert refused.value.response.status_code == 403
        second.close()

        def opens() -> bool:
            try:
                with opened(address_of(client)):
                    return True
            except InvalidStatus:
                return False

        assert wait_for(opens)


# --- the market feed ---------------------------------------------------------------------------------


def test_the_feed_goes_states_snapshot_changes(client: httpx.Client) -> None:
    """First the segments, after a subscription the values as they are, then changes as the market moves."""
    with opened(address_of(client)) as socket:
        assert next_frame(socket).type == FrameType.market_info
        subscribe(socket, INDEX)
        first, second, third = (next_frame(socket) for _ in range(3))
    assert first.type == FrameType.initial_feed
    assert (second.type, third.type) == (FrameType.live_feed, FrameType.live_feed)
    levels = [frame.feeds[INDEX].fullFeed.indexFF.ltpc for frame in (first, second, third)]
    assert levels[0].ltt < levels[1].ltt < levels[2].ltt
    assert len({level.ltp for level in levels}) > 1


def test_text_is_not_a_request(client: httpx.Client) -> None:
    """A request sent as text is ignored; the same as bytes is answered."""
    with opened(address_of(client)) as socket:
        next_frame(socket)
        socket.send(json.dumps({"guid": "g", "method": "sub", "data": {"instrumentKeys": [INDEX]}}))
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.4)
        subscribe(socket, INDEX)
        assert next_frame(socket).type == FrameType.initial_feed


def test_nothing_subscribed_means_silence_and_pings(client: httpx.Client) -> None:
    """An idle connection is kept by pings alone, which both sides answer."""
    with opened(address_of(client)) as socket:
        next_frame(socket)
        assert socket.ping().wait(PATIENCE_S)
        with pytest.raises(TimeoutError):
            socket.recv(timeout=0.3)


def test_every_listed_contract_can_be_subscribed_at_once(served: Served, client: httpx.Client) -> None:
    """All contracts of the day in full mode come within the frames' size, and none is missing."""
    keys = served.ask(lambda core: core.board.keys)
    assert len(keys) > 1000
    seen: set[str] = set()
    with opened(address_of(client)) as socket:
        next_frame(socket)
        subscribe(socket, *keys)
        while len(seen) < len(keys):
            frame = next_frame(socket)
            assert frame.type == FrameType.initial_feed
            seen.update(frame.feeds)
    assert seen == set(keys)


# --- the portfolio stream ----------------------------------------------------------------------------


def test_orders_are_told_word_by_word(served: Served, client: httpx.Client) -> None:
    """An order's words come as text, in their order, to its end; nothing comes for what was before."""
    with opened(address_of(client, STREAM, update_types="order")) as socket:
        client.post("/hft/v3/order/place", json=order_to_buy(served, tag="told"))
        words = []
        while not words or words[-1] != "complete":
            message = socket.recv(timeout=PATIENCE_S)
            assert isinstance(message, str)
            update = json.loads(message)
            assert update["update_type"] == "order"
            if update["tag"] == "told":
                words.append(update["status"])
    assert words == [
        *("put order req received", "validation pending", "open pending"),
        *("open", "complete"),
    ]


def test_only_the_kinds_asked_for_are_told(served: Served, client: httpx.Client) -> None:
    """A stream opened for positions alone tells of no order."""
    with opened(address_of(client, STREAM, update_types="position")) as socket:
        client.post("/hft/v3/order/place", json=order_to_buy(served, tag="position-alone"))
        update = json.loads(socket.recv(timeout=PATIENCE_S))
    assert update["update_type"] == "position"


# --- faults on streams -------------------------------------------------------------------------------


def test_a_dead_socket_just_ends() -> None:
    """The connection is torn off without a goodbye (1006), and a new one is served."""
    with served_with(rule(FaultName.DEAD_SOCKET, every=3)) as served, served.client() as client:
        with opened(address_of(client)) as socket:
            subscribe(socket, INDEX)
            with pytest.raises(ConnectionClosed) as ended:
                while True:
                    next_frame(socket)
        assert ended.value.rcvd is None
        with opened(address_of(client)) as socket:
            assert next_frame(socket).type == FrameType.market_info


def test_a_torn_frame_is_half_a_frame() -> None:
    """A frame arrives cut in half and cannot be decoded; the next ones are whole."""
    torn_rule = rule(FaultName.TORN_FRAME, every=4, times_max=1)
    with served_with(torn_rule) as served, served.client() as client, opened(address_of(client)) as socket:
        keys = served.ask(lambda core: core.board.keys[:50])
        subscribe(socket, *keys)
        torn = 0
        for _ in range(6):
            message = socket.recv(timeout=PATIENCE_S)
            assert isinstance(message, bytes)
            try:
                FeedResponse.FromString(message)
            except DecodeError:
                torn += 1
        assert torn == 1


def test_a_stalled_socket_answers_pings_alone_then_tells_all() -> None:
    """While it stalls only pings are answered; afterwards it tells the market as it is by then."""
    stall = rule(FaultName.STALLED_SOCKET, every=3, times_max=1, size=16.0)
    with served_with(stall) as served, served.client() as client, opened(address_of(client)) as socket:
        next_frame(socket)
        subscribe(socket, INDEX)
        last = [next_frame(socket) for _ in range(2)][-1]
        wait_for(lambda: served.ask(lambda core: core.faults.fired))
        struck_at = served.ask(lambda core: core.faults.fired[0].at)
        assert socket.ping().wait(PATIENCE_S)
        after = next_frame(socket)
        assert after.currentTs - last.currentTs >= 16_000
        assert after.currentTs >= struck_at.timestamp() * 1000 + 16_000


def test_the_death_of_a_token_closes_its_sockets() -> None:
    """When tokens die every socket made under them is closed, and calls are refused until a new login."""
    with served_with() as served, served.client() as client:
        feed, stream = address_of(client), address_of(client, STREAM)
        unused = address_of(client)
        with opened(feed) as market, opened(stream) as portfolio:
            served.ask(lambda core: core.tokens.revoke_all())
            for socket in (market, portfolio):
                with pytest.raises(ConnectionClosed) as ended:
                    while True:
                        socket.recv(timeout=PATIENCE_S)
                assert ended.value.rcvd is not None and ended.value.rcvd.code == 1000
        assert client.get(f"{FEED}/authorize").status_code == 401
        with pytest.raises(InvalidStatus) as refused, opened(unused):
            pass
        assert refused.value.response.status_code == 401
        client.headers["authorization"] = f"Bearer {served.token()}"
        with opened(address_of(client)) as market:
            assert next_frame(market).type == FrameType.market_info


# --- the notifier ------------------------------------------------------------------------------------


def test_an_approved_token_is_posted_to_the_notifier() -> None:
    """Once approved, the token goes to the app's address on this machine; what it carries opens the feed."""
    seen: list[Visit] = []

    def take(visit: Visit) -> Page:
        seen.append(visit)
        return Page(status=200, text="taken")

    listener = LoopbackListener(("127.0.0.1", 0), take)
    try:
        with served_with(notifier_url=f"http://127.0.0.1:{listener.port}/notify") as served:
            httpx.post(
                f"{served.address.http}/v3/login/auth/token/request/key-of-a-test",
                json={"client_secret": "secret-of-a-test"},
                trust_env=False,
            ).raise_for_status()
            assert not seen
            assert httpx.post(f"{served.address.http}/lookalike/approve", trust_env=False).json() == {
                "approved": 1
            }
            wait_for(lambda: seen)
            notice = json.loads(seen[0].body)
            assert (seen[0].method, seen[0].path) == ("POST", "/notify")
            assert served.ask(lambda core: core.is_token_alive(notice["access_token"]))
    finally:
        listener.close()


def test_a_notice_leaves_for_no_other_machine() -> None:
    """A notifier elsewhere is never called; the operator is told, without the token."""
    with served_with(notifier_url="http://192.0.2.1/notify") as served:
        httpx.post(
            f"{served.address.http}/v3/login/auth/token/request/key-of-a-test",
            json={"client_secret": "secret-of-a-test"},
            trust_env=False,
        ).raise_for_status()
        httpx.post(f"{served.address.http}/lookalike/approve", trust_env=False)
        wait_for(lambda: any("not on this machine" in note for note in served.notes))
    assert not any("eyJ" in note for note in served.notes)


# --- the server itself -------------------------------------------------------------------------------


def test_what_happens_is_told_to_the_operator(served: Served, client: httpx.Client) -> None:
    """The stand each minute, and orders as they end, each with the look-alike's time."""
    client.post("/hft/v3/order/place", json=order_to_buy(served, tag="noted"))
    wait_for(lambda: any("complete" in note for note in served.notes))
    assert any("normal open; Nifty 50 2" in note and "India VIX" in note for note in served.notes)
    assert all(note[:2] == "09" and note[2] == ":" for note in served.notes)


def test_faults_are_told_to_the_operator() -> None:
    """A fault that struck is named with the call it struck."""
    with served_with(rule(FaultName.EMPTY_400, every=1, where=frozenset({"profile"}))) as served:
        with served.client() as client:
            assert client.get("/v2/user/profile").status_code == 400
        wait_for(lambda: any("fault empty_400 on profile" in note for note in served.notes))


def test_a_taken_port_is_refused() -> None:
    """A port that is in use, or no port at all, is an error that says what to do, and leaves nothing open."""
    with_free = Listeners(0)
    try:
        port = int(with_free.address.http.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 cannot be listened on") as refused:
            Listeners(port)
        assert "--port" in refused.value.hint
        with pytest.raises(UsageError, match="cannot be listened on"):
            Listeners(port - 1)  # the websockets' one is taken
    finally:
        with_free.close()
    with pytest.raises(UsageError, match="must be from 0 to"):
        Listeners(70_000)


def test_stopping_closes_what_is_open() -> None:
    """A server that is stopped says goodbye to its sockets and frees its ports for the next one."""
    core = make_core(VirtualClock(at("09:30:00")))
    with serving(core) as served, served.client() as client:
        client.get("/lookalike/clock")
        with opened(address_of(client)) as socket:
            next_frame(socket)
            address = served.address
            served.stop()
            with pytest.raises(ConnectionClosed):
                socket.recv(timeout=PATIENCE_S)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{address.http}/lookalike/clock", trust_env=False)
