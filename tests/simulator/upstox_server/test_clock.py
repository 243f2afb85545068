"""The look-alike's clocks: one that is moved, one that goes on at a speed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from tests.simulator.upstox_server.desk import START
from volguard.simulator.upstox_server.clock import RunningClock, VirtualClock


@dataclass
class Ticker:
    """Real time as a test tells it."""

    seconds: float = 100.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return START

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def monotonic_s(self) -> float:
        return self.seconds


def test_a_virtual_clock_stands_until_it_is_moved() -> None:
    """Sleeping moves it; it never goes back."""
    clock = VirtualClock(START)
    clock.sleep(1.5)
    clock.advance(1.0)
    assert clock.now() == START + timedelta(seconds=2.5) and clock.monotonic_s() == 2.5
    clock.sleep(-5.0)
    assert clock.monotonic_s() == 2.5
    with pytest.raises(ValueError, match="cannot go back"):
        clock.set(START)


def test_a_running_clock_goes_on_at_its_speed() -> None:
    """A second of real time is ten of its own; a wait is shortened alike."""
    ticker = Ticker()
    clock = RunningClock(START, speed=10.0, ticker=ticker)
    ticker.seconds += 3.0
    assert clock.now() == START + timedelta(seconds=30) and clock.monotonic_s() == 30.0
    clock.sleep(5.0)
    assert ticker.slept == [0.5]
    with pytest.raises(ValueError, match="speed was 0"):
        RunningClock(START, speed=0.0, ticker=ticker)
