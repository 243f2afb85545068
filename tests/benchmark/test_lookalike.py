"""Orders that the look-alike takes per second, against a bare handler of the same library, in one run."""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from threading import Event, Thread
from typing import Any

import pytest
import uvicorn

from tests.benchmark.ratios import IS_STRICT, machine
from tests.cli.command import PROJECT, environment
from tests.simulator.upstox_server.serving import make_core, running
from volguard.simulator.upstox_server.limits import RateClass, RateLimit
from volguard.simulator.upstox_server.serve import Listeners, LookAlikeServer

pytestmark = pytest.mark.benchmark

PAIRS_OF_CALLS, ROUNDS = 25, 81
SHARE_MIN = 0.5
NO_LIMIT = RateLimit(per_second=10**9, per_minute=10**9, per_half_hour=10**9)
REPLY = b'{"status":"success","data":{"order_ids":["260916000000001"]},"metadata":{"latency":1}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A server, what to bear, and the contract to trade."""

    port: int
    token: str
    key: str
    price: float
    quantity: int


class Caller:
    """One kept connection that sends ready bytes and reads whole replies: as little client as can be."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket = socket.create_connection(("127.0.0.1", target.port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def call(self, method: str, path: str, body: bytes = b"") -> bytes:
        """One call; the body of its reply, which must be a success."""
        head = (
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
            f"authorization: Bearer {self._target.token}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        )
        self._socket.sendall(head.encode() + body)
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += self._socket.recv(65_536)
        top, _, rest = seen.partition(b"\r\n\r\n")
        length = int(top.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        while len(rest) < length:
            rest += self._socket.recv(65_536)
        assert top.startswith(b"HTTP/1.1 200"), (top, rest)
        return rest

    def place_and_cancel(self) -> None:
        """An order that rests far below the market, and its end."""
        target = self._target
        body = {
            **{"quantity": target.quantity, "product": "D", "validity": "DAY", "price": target.price},
            **{"instrument_token": target.key, "order_type": "LIMIT", "transaction_type": "BUY"},
            **{"disclosed_quantity": 0, "trigger_price": 0, "is_amo": False, "slice": False, "tag": "bench"},
        }
        placed = json.loads(self.call("POST", "/hft/v3/order/place", json.dumps(body).encode()))
        order_id = placed["data"]["order_ids"][0]
        self.call("DELETE", f"/hft/v3/order/cancel?order_id={order_id}")


def serve_look_alike() -> None:
    """The look-alike in a process of its own, without rate limits, rich enough for all orders."""
    limits = {rate_class: NO_LIMIT for rate_class in RateClass}
    core = make_core(running("10:00:00"), limits=limits, capital_inr=Decimal(10**12))
    core.advance()
    shot = core.board.snapshot
    assert shot is not None
    row = next(row for row in range(len(core.board.keys)) if shot.bid[row] > 50.0)
    instrument = core.instruments.of_key(core.board.keys[row])
    assert instrument is not None
    listeners = Listeners(0)
    _say(
        port=int(listeners.address.http.rpartition(":")[2]),
        token=core.issue_token(),
        key=instrument.key,
        price=round(float(shot.bid[row]) * 0.7),
        quantity=instrument.lot_size,
    )
    stop = _until_told()
    LookAlikeServer(core, listeners).run(stop.is_set)
    listeners.close()


def serve_bare() -> None:
    """The same server library with the same options, around a handler that reads and says one thing."""

    async def app(_scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body", False):
            pass
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(REPLY))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": REPLY})

    listeners = Listeners(0)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
    )
    _say(port=int(listeners.address.http.rpartition(":")[2]), token="t", key="k", price=1.0, quantity=65)
    server, stop = uvicorn.Server(config), _until_told()

    async def serve() -> None:
        task = asyncio.create_task(server.serve(sockets=[listeners.http]))
        while not stop.is_set():
            await asyncio.sleep(0.05)
        server.should_exit = True
        await task

    asyncio.run(serve())
    listeners.close()


def _say(**target: Any) -> None:
    sys.stdout.write(json.dumps(target) + "\n")
    sys.stdout.flush()


def _until_told() -> Event:
    # The end of stdin is the word to stop.
    stop = Event()
    Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
    return stop


@contextmanager
def calling(server: str) -> Iterator[Caller]:
    """A server of this module in a process of its own, and a connection to it."""
    code = f"from tests.benchmark.test_lookalike import {server}; {server}()"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        caller = Caller(Target(**json.loads(process.stdout.readline())))
        try:
            yield caller
        finally:
            caller.close()
    finally:
        process.stdin.close()
        process.wait(30.0)
        process.stdout.close()


def call_s(caller: Caller) -> float:
    """Seconds of one call, over a few."""
    began = time.perf_counter()
    for _ in range(PAIRS_OF_CALLS):
        caller.place_and_cancel()
    return (time.perf_counter() - began) / (2 * PAIRS_OF_CALLS)


def test_orders_per_second_against_a_bare_handler() -> None:
    """Placing and cancelling over a kept connection goes at least half as fast as saying one thing."""
    with calling("serve_look_alike") as look_alike, calling("serve_bare") as bare:
        call_s(look_alike), call_s(bare)  # warm
        rounds = [(call_s(look_alike), call_s(bare)) for _ in range(ROUNDS)]  # in turn, as the machine drifts
    ours_s, floor_s = (statistics.median(side) for side in zip(*rounds, strict=True))
    share = floor_s / ours_s
    print(f"\n{machine()}")
    print(f"order calls per second: look-alike {1.0 / ours_s:.0f}, bare handler {1.0 / floor_s:.0f}")
    print(f"share, by the median of each: {share:.2f}, aim at least {SHARE_MIN}")
    assert share > 0.0
    assert not IS_STRICT or share >= SHARE_MIN
