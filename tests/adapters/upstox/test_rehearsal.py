"""A rehearsal's time and keys: the look-alike's own, never the operator's or the machine's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import httpx
import pytest

from tests.adapters.upstox.client_parts import upstox_settings
from tests.fakes import TS
from volguard.adapters.clock import RehearsalClock, SystemClock
from volguard.adapters.upstox.rehearsal import clock_for, rehearsal_credentials
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.model.errors import TryLater, UsageError

PORT = "http://127.0.0.1:8765"


def rehearsing() -> UpstoxSettings:
    return upstox_settings(base_url=PORT, order_url=f"{PORT}/hft", assets_url=f"{PORT}/assets")


def answering(answer: httpx.Response | Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer if callable(answer) else lambda _request: answer)


def test_the_real_broker_is_on_the_machines_clock() -> None:
    """Without a look-alike nobody is asked for the time."""

    def never(request: httpx.Request) -> httpx.Response:
        raise AssertionError(request.url)

    clock = clock_for(upstox_settings(), Event(), transport=answering(never))
    assert isinstance(clock, SystemClock)


def test_a_rehearsal_is_on_the_look_alikes_clock() -> None:
    """Its time and its speed are asked once, at /lookalike/clock."""
    asked: list[str] = []

    def tell(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, json={"now": TS.isoformat(), "speed": 60.0, "more": 1})

    clock = clock_for(rehearsing(), Event(), transport=answering(tell))
    assert isinstance(clock, RehearsalClock)
    assert asked == [f"{PORT}/lookalike/clock"]
    assert TS <= clock.now() < TS + timedelta(minutes=5)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, content=b"<html>"),
        httpx.Response(200, json={"now": "2026-09-16T10:00:00", "speed": 1.0}),
        httpx.Response(200, json={"now": "2026-09-16T10:00:00+05:30", "speed": 0}),
        httpx.Response(200, json={"now": "2026-09-16T10:00:00+05:30"}),
    ],
)
def test_something_else_at_that_address_is_no_look_alike(answer: httpx.Response) -> None:
    """A page, a time without a zone, or no speed: the rehearsal does not begin."""
    with pytest.raises(UsageError, match=f"no look-alike at {PORT}: /lookalike/clock answered HTTP"):
        clock_for(rehearsing(), Event(), transport=answering(answer))


def test_nobody_at_that_address() -> None:
    """Nothing answers: try again once one is started."""

    def away(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with pytest.raises(TryLater, match="no look-alike answers at") as caught:
        clock_for(rehearsing(), Event(), transport=answering(away))
    assert "volguard simulator serve" in caught.value.hint


def test_the_rehearsals_keys_are_nobodys() -> None:
    """They are fixed, so that nothing of the operator's leaves for a look-alike."""
    held = rehearsal_credentials()
    assert held == rehearsal_credentials()
    assert "rehearsal" in held.api_key.reveal() and "rehearsal" in held.api_secret.reveal()
