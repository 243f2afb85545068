"""Whole sessions over real sockets of this machine: whatever the line does, what must be true stays true.

VOLGUARD_SOCKET_SESSIONS seeds from VOLGUARD_SOCKET_FIRST on; every other one has its process end at an edge.
A seed fixes market, faults and crash; when an update is heard is the machine's, so a replay may differ.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import cache

from tests.simulation.socket_sessions import (
    ORDER_CALLS,
    SocketPlan,
    SocketResult,
    plan_of_sockets,
    run_over_sockets,
)
from volguard.simulator.fault_invariants import Invariant, SafetyAction
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

SESSIONS = int(os.environ.get("VOLGUARD_SOCKET_SESSIONS", "4"))
FIRST = int(os.environ.get("VOLGUARD_SOCKET_FIRST", "0"))


@cache
def honest() -> SocketResult:
    """The first seed's session with nothing wrong."""
    plan = plan_of_sockets(0)
    return run_over_sockets(SocketPlan(seed=0, occasion=plan.occasion, faults=(), rates={}, crash_at=None))


def test_an_honest_line_is_traded_over() -> None:
    """Without faults every order fills, the stream is heard, nobody doubts, book and cash agree."""
    result = honest()
    assert result.problems == [] and result.faults == Counter()
    assert result.judged.orders == result.judged.trades == 12
    assert result.heard > 12 and result.judged.naked_s_max == 0.0
    assert SafetyAction.READ_BACK not in result.judged.actions
    assert Invariant.CASH_CONSERVED in result.judged.checked


def test_a_line_that_lies_never_makes_the_book_untrue() -> None:
    """Lost replies, refusals, dead sockets, a crash: not one invariant is broken, here or at the exchange."""
    results = [run_over_sockets(plan_of_sockets(seed)) for seed in range(FIRST, FIRST + SESSIONS)]
    struck = sum((result.faults for result in results), Counter[str]())
    crashes = sum(result.judged.crashes for result in results)
    orders = sum(result.judged.orders for result in results)
    seconds = sum(result.seconds for result in results)
    print(  # noqa: T201 - how much a run has proven
        f"{SESSIONS} sessions over sockets in {seconds:.0f} s: {orders} orders, {crashes} crashes, "
        f"{sum(struck.values())} faults: {dict(struck.most_common())}"
    )
    assert [problem for result in results for problem in result.problems] == []
    assert SESSIONS < 4 or (orders > 4 * SESSIONS and crashes >= SESSIONS // 2 and len(struck) > 8)


def test_every_reply_of_an_order_lost_is_found_by_its_tag() -> None:
    """No order's reply is ever heard: each is found by its tag, none goes out twice."""
    plan = plan_of_sockets(0)
    lost = FaultRule(name=FaultName.DROPPED_REPLY, every=1, where=ORDER_CALLS)
    result = run_over_sockets(
        SocketPlan(seed=0, occasion=plan.occasion, faults=(lost,), rates={}, crash_at=None)
    )
    assert result.problems == []
    assert result.judged.actions[SafetyAction.READ_BACK] > 0 and result.judged.orders > 0
