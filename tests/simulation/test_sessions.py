"""Sessions against a broker that lies: whatever is lost, doubled, late or cut off, the book stays true.

After each step and at the end: nothing is sent or accepted twice, nothing reaches the exchange without a
journal row, no risk is added outside ACTIVE, every execution is booked once, no short stands without its long
beyond its budget unless everything is being closed, and after the close book and cash are the broker's.
VOLGUARD_SIMULATION_SEEDS sessions from seed VOLGUARD_SIMULATION_FIRST on.
"""

from __future__ import annotations

import os

import pytest

from tests.simulation.fault_days import session
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import ORDINARY_RATES, Lie

SEEDS = int(os.environ.get("VOLGUARD_SIMULATION_SEEDS", "40"))
FIRST = int(os.environ.get("VOLGUARD_SIMULATION_FIRST", "0"))
CRASH_STRIDE = int(os.environ.get("VOLGUARD_CRASH_STRIDE", "23"))
# Lies that are told often enough by themselves to be met in any session that trades.
ALONE = {lie: min(0.7, 10.0 * rate) for lie, rate in ORDINARY_RATES.items()}
# What makes a session ask for it at all: a basket that is unwound, an order that nobody knows of.
OCCASIONS = {
    Lie.CANCEL_LOST: {Lie.REJECTED: 0.3},
    Lie.CANCEL_RACE: {Lie.REJECTED: 0.3},
    Lie.QUERY_LOST: {Lie.REQUEST_LOST: 0.4},
    Lie.BOOK_STALE: {Lie.ARRIVES_LATE: 0.7},
}


def replay(seed: int) -> str:
    """The command that runs one seed again."""
    return (
        f"VOLGUARD_SIMULATION_FIRST={seed} VOLGUARD_SIMULATION_SEEDS=1 "
        "python -m pytest tests/simulation/test_sessions.py -k lying"
    )


def faults_of(results: list[FaultResult]) -> list[str]:
    """Every violation with its seed and how to see it again."""
    return [
        f"seed {result.seed}: {text} ({replay(result.seed)})"
        for result in results
        for text in result.violations
    ]


def test_a_lying_broker_never_makes_the_book_untrue() -> None:
    """Ordinary lies at ordinary rates, many sessions; all of them together meet every lie."""
    results = [session(seed) for seed in range(FIRST, FIRST + SEEDS)]
    assert faults_of(results) == []
    if SEEDS >= 40:
        met = {told.lie for result in results for told in result.lies}
        assert met == set(Lie)
        assert sum(result.trades for result in results) > 3 * SEEDS


@pytest.mark.parametrize("lie", list(Lie))
def test_one_lie_alone_told_often(lie: Lie) -> None:
    """Each kind of trouble by itself, or with what leads to it, far more often than in life."""
    rates = OCCASIONS.get(lie, {}) | {lie: ALONE[lie]}
    results = [session(seed, rates=rates, scenario="crash") for seed in range(4)]
    assert faults_of(results) == []
    assert any(told.lie is lie for result in results for told in result.lies)


def test_an_honest_broker_is_traded_with() -> None:
    """Without lies there is no emergency, no naked second and no doubt; trades are made and closed."""
    result = session(0, rates={})
    assert result.violations == () and result.lies == ()
    assert result.orders == result.trades == 8
    assert (result.naked_s_max, result.was_emergency, result.crashes) == (0.0, False, 0)


def test_a_seed_means_one_session() -> None:
    """The same seed tells the same lies and comes to the same end."""
    assert session(3) == session(3)


@pytest.mark.parametrize("lie", [None, Lie.REPLY_LOST, Lie.FILL_LATE, Lie.CANCEL_RACE])
def test_a_crash_at_any_edge_is_recovered_from(lie: Lie | None) -> None:
    """The process ends before or after a journal write or a request: the next one goes on, book and all."""
    rates = {} if lie is None else {lie: 0.3}
    failed: list[str] = []
    tried, edge = 0, 1 + (0 if lie is None else list(Lie).index(lie)) % CRASH_STRIDE
    while True:
        result = session(1, rates=rates, crash_at=edge, scenario="crash")
        if not result.crashes:
            break
        tried += 1
        failed += [f"crash at edge {edge}, {lie}: {text}" for text in result.violations]
        edge += CRASH_STRIDE
    print(f"{tried - len({text.split(':')[0] for text in failed})} of {tried} crash points passed, {lie}")  # noqa: T201
    assert failed == [] and tried >= 100 // CRASH_STRIDE
