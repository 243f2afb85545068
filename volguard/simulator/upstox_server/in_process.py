"""The look-alike as a transport of httpx: no socket, on its own clock."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime
from typing import Final

import httpx

from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.messages import Fate, Request, Response
from volguard.simulator.upstox_server.server import LookAlike

HOSTS: Final = {
    "api.upstox.com": "api",
    "api-hft.upstox.com": "order",
    "assets.upstox.com": "assets",
}


def transport(look_alike: LookAlike) -> httpx.MockTransport:
    """Requests to the broker's hosts are answered by a look-alike that runs on a VirtualClock.

    A reply that takes longer than the caller waits moves the clock by that wait and raises ReadTimeout, one
    that is dropped raises ReadError; in both cases the work is done.
    """
    clock = look_alike.clock
    if not isinstance(clock, VirtualClock):
        raise ValueError(f"a look-alike in process runs on a VirtualClock, not on {type(clock).__name__}")
    read_clock = clock.now

    def answer(sent: httpx.Request) -> httpx.Response:
        host = HOSTS.get(sent.url.host)
        if host is None:
            raise httpx.ConnectError(f"no such host: {sent.url.host}", request=sent)
        response = look_alike.handle(_request(sent, host))
        if response.delay_s > 0.0:
            _wait(sent, response, clock)
        if response.fate is Fate.DROPPED:
            raise httpx.ReadError("the connection was closed without a reply", request=sent)
        date = format_datetime(read_clock().astimezone(UTC), usegmt=True)  # as any HTTP server says it
        return httpx.Response(
            response.status,
            content=response.body,
            headers={"content-type": response.content_type, "date": date, **response.headers},
        )

    return httpx.MockTransport(answer)


def _request(sent: httpx.Request, host: str) -> Request:
    return Request(
        method=sent.method,
        host=host,
        path=sent.url.path,
        query=dict(sent.url.params),
        headers=dict(sent.headers),
        body=sent.read(),
    )


def _wait(sent: httpx.Request, response: Response, clock: VirtualClock) -> None:
    patience_s = sent.extensions.get("timeout", {}).get("read")
    if patience_s is not None and response.delay_s > patience_s:
        clock.advance(patience_s)
        raise httpx.ReadTimeout(f"no reply within {patience_s} s", request=sent)
    clock.advance(response.delay_s)
