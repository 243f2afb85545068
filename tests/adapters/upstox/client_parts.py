"""Builders of these tests: a clock that waits by moving on, settings, a client over a given function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import httpx
import msgspec

from tests.fakes import TS, shipped
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.settings import RateBand, UpstoxSettings

TOKEN = "eyJ0eXAi.token-of-a-test.Zm9v"


@dataclass
class MovingClock:
    """Virtual time: a sleep moves it on at once; `stopping` makes every wait end at once, as a stop does."""

    start: datetime = TS
    passed_s: float = 0.0
    stopping: bool = False
    slept_s: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed_s)

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept_s.append(seconds)
            if not self.stopping:
                self.passed_s += seconds

    def monotonic_s(self) -> float:
        return 1000.0 + self.passed_s


def band(per_second: int, per_minute: int, per_half_hour: int, exit_share: float = 0.0) -> RateBand:
    return RateBand(
        per_second=per_second, per_minute=per_minute, per_half_hour=per_half_hour, exit_share=exit_share
    )


def upstox_settings(**changes: object) -> UpstoxSettings:
    """The settings that ship, some of them changed."""
    return replace(shipped().upstox, **changes)  # type: ignore[arg-type]


def make_client(
    handler: Callable[[httpx.Request], httpx.Response],
    *,
    clock: MovingClock | None = None,
    token: Callable[[], str | None] = lambda: TOKEN,
    on_token_refused: Callable[[str], None] | None = None,
    **changes: object,
) -> UpstoxClient:
    """A client whose requests a function answers."""
    return UpstoxClient(
        upstox_settings(**changes),
        token=token,
        clock=clock or MovingClock(),
        transport=httpx.MockTransport(handler),
        on_token_refused=on_token_refused,
    )


def good(data: object, status: int = 200, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """A reply in the broker's envelope."""
    body = msgspec.json.encode({"status": "success", "data": data})
    return httpx.Response(status, content=body, headers=headers or {})


def bad(status: int, code: str, message: str = "no") -> httpx.Response:
    """A refusal in the broker's envelope, both casings."""
    row = {"errorCode": code, "error_code": code, "message": message, "propertyPath": None}
    return httpx.Response(status, content=msgspec.json.encode({"status": "error", "errors": [row]}))
