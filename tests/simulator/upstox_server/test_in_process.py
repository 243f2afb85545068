"""The look-alike as a transport of httpx."""

from __future__ import annotations

from datetime import timedelta

import httpx
import pytest

from tests.simulator.upstox_server.desk import API, ORDERS, START, open_desk
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults


def faults(name: FaultName, size: float = 0.0) -> Faults:
    return Faults([FaultRule(name=name, every=1, size=size)], seed=1)


def test_an_unknown_host_is_not_reached() -> None:
    """Only the broker's hosts are there."""
    with open_desk() as desk, pytest.raises(httpx.ConnectError, match="no such host"):
        desk.http.get("https://elsewhere.example/v2/user/profile")


def test_a_dropped_reply_leaves_the_order_in_the_book() -> None:
    """A connection that breaks after the order was taken does not undo it."""
    with open_desk(faults=faults(FaultName.DROPPED_REPLY)) as desk:
        with pytest.raises(httpx.ReadError):
            desk.http.post(f"{ORDERS}/v3/order/place", json=desk.body())
        assert desk.core.exchange.accepted_tags == ["VG-1"]


def test_a_late_reply_times_out_and_the_clock_moves_by_the_wait() -> None:
    """A caller that waits 7 s for a reply of 20 s gives up 7 s later."""
    with open_desk(faults=faults(FaultName.LATENCY, size=20.0)) as desk:
        with pytest.raises(httpx.ReadTimeout):
            desk.http.get(f"{API}/v2/user/profile")
        assert desk.clock.now() == START + timedelta(seconds=7)
