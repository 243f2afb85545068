"""The machine's clock speaks IST and lets go at once when asked to stop."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from threading import Event, Timer

import pytest

from volguard.adapters.clock import RehearsalClock, SystemClock


def test_now_is_the_machine_s_time_in_ist() -> None:
    now = SystemClock(Event()).now()
    assert now.utcoffset() == timedelta(hours=5, minutes=30)
    assert abs(now - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_wait_ends_early_when_the_process_is_asked_to_stop() -> None:
    stopping = Event()
    Timer(0.05, stopping.set).start()
    began = time.monotonic()
    SystemClock(stopping).sleep(30.0)
    assert time.monotonic() - began < 10.0


def test_a_wait_lasts_as_long_as_it_was_asked_to_and_a_negative_one_not_at_all() -> None:
    clock = SystemClock(Event())
    began = clock.monotonic_s()
    clock.sleep(0.05)
    clock.sleep(-1.0)
    assert 0.04 <= clock.monotonic_s() - began < 10.0


def test_a_rehearsal_goes_on_from_the_look_alike_s_time_at_its_speed() -> None:
    """A virtual morning at twenty times the speed: waits are in its seconds."""
    start = datetime(2026, 9, 16, 9, 14, tzinfo=UTC)
    clock = RehearsalClock(Event(), now=start, speed=20.0)
    assert clock.now().utcoffset() == timedelta(hours=5, minutes=30)
    began_s = clock.monotonic_s()
    clock.sleep(1.0)
    assert 0.9 <= clock.monotonic_s() - began_s < 200.0
    assert timedelta(seconds=0.9) <= clock.now() - start < timedelta(seconds=200)


@pytest.mark.parametrize("speed", [0.0, -1.0])
def test_a_rehearsal_does_not_stand_still(speed: float) -> None:
    """A clock that stands or runs back is refused."""
    with pytest.raises(ValueError, match="speed was"):
        RehearsalClock(Event(), now=datetime(2026, 9, 16, tzinfo=UTC), speed=speed)
