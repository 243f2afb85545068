"""What a rehearsal on a look-alike needs besides its address: its time, and a key that is nobody's.

The operator's own key and secret never leave for a look-alike.
"""

from __future__ import annotations

from datetime import datetime
from threading import Event
from typing import Final

import httpx
import msgspec

from volguard.adapters.clock import RehearsalClock, SystemClock
from volguard.adapters.upstox.credentials import ApiCredentials, Secret
from volguard.adapters.upstox.settings import UpstoxSettings
from volguard.model.errors import TryLater, UsageError
from volguard.ports import Clock

API_KEY: Final = "rehearsal-key-of-the-look-alike"
API_SECRET: Final = "rehearsal-secret-that-opens-nothing"
CLOCK_PATH: Final = "/lookalike/clock"


class ClockReading(msgspec.Struct, kw_only=True, frozen=True):
    """A look-alike's clock: its time, with a zone, and how many of its seconds a real one has."""

    now: datetime
    speed: float

    def __post_init__(self) -> None:
        if self.now.tzinfo is None or not 0.0 < self.speed < float("inf"):
            raise ValueError("now must have a zone, speed must be above 0")


def rehearsal_credentials() -> ApiCredentials:
    """Key and secret that every look-alike takes."""
    return ApiCredentials(api_key=Secret(API_KEY), api_secret=Secret(API_SECRET))


def clock_for(
    settings: UpstoxSettings, stopping: Event, *, transport: httpx.BaseTransport | None = None
) -> Clock:
    """The machine's clock; in a rehearsal the look-alike's.

    Raises TryLater when the look-alike is away, UsageError when what answers there is none.
    """
    if not settings.is_rehearsal:
        return SystemClock(stopping)
    reading = _ask(settings, transport)
    return RehearsalClock(stopping, now=reading.now, speed=reading.speed)


def _ask(settings: UpstoxSettings, transport: httpx.BaseTransport | None) -> ClockReading:
    url = settings.base_url.rstrip("/") + CLOCK_PATH
    timeout = httpx.Timeout(settings.read_timeout_s, connect=settings.connect_timeout_s)
    try:
        with httpx.Client(transport=transport, timeout=timeout, trust_env=False) as http:
            answer = http.get(url)
    except httpx.HTTPError as error:
        raise TryLater(
            f"no look-alike answers at {settings.base_url} ({type(error).__name__})",
            hint="start one with volguard simulator serve",
        ) from None
    try:
        return msgspec.json.decode(answer.content, type=ClockReading)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise UsageError(
            f"no look-alike at {settings.base_url}: {CLOCK_PATH} answered HTTP {answer.status_code}",
            hint="--base-url must be the address that volguard simulator serve printed",
        ) from None
