"""The look-alike's rate gate against a plain count of every window."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.upstox_server.desk import START
from volguard.simulator.upstox_server.limits import (
    REGISTERED_ALGO,
    UNREGISTERED,
    RateClass,
    RateGate,
    RateLimit,
)

SMALL = RateLimit(per_second=3, per_minute=7, per_half_hour=11)
STEPS = st.lists(st.sampled_from([0.0, 0.1, 0.4, 0.5, 1.0, 9.0, 30.0, 59.0, 400.0, 1799.0]), max_size=80)


@given(steps=STEPS, lines=st.integers(1, 3))
def test_no_window_ever_holds_more_than_its_limit_and_nothing_else_is_refused(
    steps: list[float], lines: int
) -> None:
    """Exact: a call passes if and only if each window that ends with it has room."""
    gate, admitted, now, refused = RateGate({RateClass.ORDER: SMALL}), [], START, 0
    for step in steps:
        now += timedelta(seconds=step)
        fits = all(
            sum(at > now - length for at in admitted) + lines <= most for length, most in SMALL.windows
        )
        assert gate.admits(RateClass.ORDER, "place", now, lines=lines) is fits
        admitted += [now] * lines * fits
        refused += not fits
    assert gate.violations == refused


def test_order_writes_share_and_others_do_not() -> None:
    """One budget for place and cancel, one each for reads."""
    gate = RateGate({name: RateLimit(per_second=1, per_minute=9, per_half_hour=9) for name in RateClass})
    assert gate.admits(RateClass.ORDER, "place", START)
    assert not gate.admits(RateClass.ORDER, "cancel", START)
    assert gate.admits(RateClass.STANDARD, "funds", START) and gate.admits(RateClass.STANDARD, "ltp", START)
    assert not gate.admits(RateClass.STANDARD, "ltp", START)


@pytest.mark.parametrize(("limits", "per_second"), [(UNREGISTERED, 10), (REGISTERED_ALGO, 50)])
def test_published_limits(limits: dict[RateClass, RateLimit], per_second: int) -> None:
    """10 or 50 order writes a second, 50 of other calls; 500 a minute, 2000 in half an hour."""
    order, standard = limits[RateClass.ORDER], limits[RateClass.STANDARD]
    assert (order.per_second, standard.per_second) == (per_second, 50)
    assert {(one.per_minute, one.per_half_hour) for one in limits.values()} == {(500, 2000)}
