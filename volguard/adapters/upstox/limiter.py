"""How fast the broker may be asked: exact sliding windows, with a share kept for what reduces risk."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from enum import StrEnum
from threading import Lock
from typing import Final

from volguard.adapters.upstox.endpoints import Band, Endpoint
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.settings import RateBand
from volguard.model.broker import ErrorClass
from volguard.ports import Clock

SLACK: Final = 1.05  # windows are so much longer than the broker's: calls may bunch up on their way
WINDOWS_S: Final = (1.0, 60.0, 1800.0)
WAIT_MIN_S: Final = 0.001  # less is lost in a clock's own rounding
CUT_SHORT: Final = 0.5  # of a wait: one that ended sooner was ended by the wish to stop


class Priority(StrEnum):
    """Which part of a budget a call may use."""

    NORMAL = "NORMAL"  # all but the reserve
    EXIT = "EXIT"  # all of it


class Limiter:
    """Counts every call before it is sent; safe for threads.

    Order writes share one budget; each standard and login call has its own. A call of several order lines
    counts once per line in the second's window (the exchange's rule), once in the longer ones (the broker's).
    """

    def __init__(self, bands: Mapping[str, RateBand], clock: Clock, *, count_lines: bool = True) -> None:
        """`count_lines` False: a request of many lines counts once.

        Raises ValueError for a budget in which nothing but exits would ever fit.
        """
        self._bands = {Band(name): band for name, band in bands.items()}
        for name, band in self._bands.items():
            _check_room(name, band)
        self._clock = clock
        self._count_lines = count_lines
        self._budgets: dict[str, tuple[_Window, ...]] = {}
        self._lock = Lock()

    def wait(
        self,
        endpoint: Endpoint,
        priority: Priority = Priority.NORMAL,
        *,
        lines: int = 1,
        patience_s: float | None = None,
    ) -> None:
        """Count one call, after waiting until it fits.

        Raises ApiFailure (RATE, nothing sent) where that takes longer than `patience_s`, or where the
        process is asked to stop meanwhile; ValueError for more lines than `lines_max`.
        """
        waited_s = 0.0
        while (wait_s := self.try_take(endpoint, priority, lines=lines)) > 0.0:
            if patience_s is not None and waited_s + wait_s > patience_s:
                raise _no_room(endpoint, f"free in {wait_s:.1f} s, limit {patience_s:.1f} s")
            began_s = self._clock.monotonic_s()
            self._clock.sleep(wait_s)
            slept_s = self._clock.monotonic_s() - began_s
            if slept_s < wait_s * CUT_SHORT:
                raise _no_room(endpoint, f"the wait of {wait_s:.1f} s was cut short")
            waited_s += slept_s

    def try_take(self, endpoint: Endpoint, priority: Priority = Priority.NORMAL, *, lines: int = 1) -> float:
        """Count one call and give 0.0; where it does not fit, count nothing and give the seconds to wait."""
        most = self.lines_max(endpoint, priority)
        if lines < 1 or (most is not None and lines > most):
            raise ValueError(f"{endpoint.name} had {lines} lines, limit 1 to {most}")
        with self._lock:
            now_s = self._clock.monotonic_s()
            windows = self._windows(endpoint)
            weights = (lines if self._count_lines else 1, 1, 1)
            takes = tuple(zip(windows, weights, strict=True))
            wait_s = max(window.wait_s(now_s, weight, priority) for window, weight in takes)
            if wait_s <= 0.0:
                for window, weight in takes:
                    window.take(now_s, weight)
            return wait_s

    def lines_max(self, endpoint: Endpoint, priority: Priority = Priority.NORMAL) -> int | None:
        """The most order lines that one request may ever carry; None where lines do not count."""
        band = self._bands[endpoint.band]
        return _usable(band.per_second, band.exit_share, priority) if self._count_lines else None

    def _windows(self, endpoint: Endpoint) -> tuple[_Window, ...]:
        name = endpoint.band.value if endpoint.band is Band.ORDER else endpoint.name
        if name not in self._budgets:
            band = self._bands[endpoint.band]
            limits = (band.per_second, band.per_minute, band.per_half_hour)
            self._budgets[name] = tuple(
                _Window(seconds * SLACK, limit, band.exit_share)
                for seconds, limit in zip(WINDOWS_S, limits, strict=True)
            )
        return self._budgets[name]


class _Window:
    # One limit: every call of the last `length_s` seconds, oldest first, and their weight together.

    def __init__(self, length_s: float, limit: int, exit_share: float) -> None:
        self._length_s = length_s
        self._limits = {priority: _usable(limit, exit_share, priority) for priority in Priority}
        self._calls: deque[tuple[float, int]] = deque()
        self._used = 0

    def wait_s(self, now_s: float, weight: int, priority: Priority) -> float:
        self._forget(now_s)
        excess = self._used + weight - self._limits[priority]
        for taken_s, taken in self._calls:
            if excess <= 0:
                break
            excess -= taken
            wait_s = taken_s + self._length_s - now_s
            if excess <= 0:
                return max(wait_s, WAIT_MIN_S)
        return 0.0

    def take(self, now_s: float, weight: int) -> None:
        self._calls.append((now_s, weight))
        self._used += weight

    def _forget(self, now_s: float) -> None:
        while self._calls and self._calls[0][0] + self._length_s <= now_s:
            self._used -= self._calls.popleft()[1]


def _usable(limit: int, exit_share: float, priority: Priority) -> int:
    # Whole calls; a tenth of a thousandth forgives 10 * 0.7 = 6.999...
    return limit if priority is Priority.EXIT else math.floor(limit * (1.0 - exit_share) + 1e-4)


def _check_room(name: Band, band: RateBand) -> None:
    for key in ("per_second", "per_minute", "per_half_hour"):
        limit = getattr(band, key)
        if _usable(limit, band.exit_share, Priority.NORMAL) < 1:
            raise ValueError(
                f"rate.{name.value}.{key} was {limit}, with exit_share {band.exit_share} nothing is left for "
                f"other calls"
            )


def _no_room(endpoint: Endpoint, why: str) -> ApiFailure:
    return ApiFailure(
        f"{endpoint.name} was not sent: the rate budget has no room ({why})",
        error_class=ErrorClass.RATE,
        endpoint=endpoint.name,
        was_sent=False,
        is_write=endpoint.is_write,
        hint="nothing left this machine; wait, and ask for less",
    )
