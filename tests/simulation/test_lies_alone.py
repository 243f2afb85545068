"""Each kind of trouble by itself, or with what leads to it, far more often than in life."""

from __future__ import annotations

import pytest

from tests.simulation.fault_days import days
from tests.simulation.test_sessions import faults_of
from volguard.operations.drill_days import alone
from volguard.simulator.lies import Lie

SEEDS_MAX = 6


@pytest.mark.parametrize("lie", list(Lie))
def test_one_lie_alone_told_often(lie: Lie) -> None:
    """It is told, and nothing that must be true is broken by it."""
    results = []
    for seed in range(SEEDS_MAX):
        results.append(days().run(alone(lie, seed)))
        if any(told.lie is lie for told in results[-1].lies):
            break
    assert faults_of(results) == []
    assert any(told.lie is lie for told in results[-1].lies)
