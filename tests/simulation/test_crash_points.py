"""The process ends at every journal write and network edge, under every kind of lie: the next one goes on.

Every VOLGUARD_CRASH_STRIDE-th edge is tried (1: all), each kind beginning at another one.
"""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tests.simulation.fault_days import days
from volguard.operations.drill_days import SessionPlan, alone
from volguard.simulator.lies import Lie

STRIDE = int(os.environ.get("VOLGUARD_CRASH_STRIDE", "401"))
LOOKS = 24  # entries, the first exits
KINDS = [None, *(lie for lie in Lie if lie is not Lie.CRASH)]
passed: dict[str, tuple[int, int]] = {}


def plan(lie: Lie | None) -> SessionPlan:
    """A short session with one kind of lie, several lots, and no crash by chance."""
    made = alone(lie or Lie.CRASH, 1)
    occasion = replace(made.occasion, looks=LOOKS, capital_factor=12, has_tight_stops=False)
    rates = {} if lie is None else {kind: rate for kind, rate in made.rates.items() if kind is not Lie.CRASH}
    return replace(made, occasion=occasion, rates=rates)


@pytest.mark.parametrize("lie", KINDS, ids=lambda lie: "no_lie" if lie is None else lie.value)
def test_a_crash_at_any_edge_is_recovered_from(lie: Lie | None) -> None:
    """Before or after a journal write or a request: the restarted session breaks no invariant."""
    edges = days().run(plan(lie)).edges
    tried = range(1 + KINDS.index(lie) % min(STRIDE, edges), edges + 1, STRIDE)
    failed: list[str] = []
    for edge in tried:
        result = days().run(replace(plan(lie), crash_at=edge))
        assert result.crashes >= 1
        if result.violations:
            failed.append(f"edge {edge}: {result.violations[0]}")
    name = "no lie" if lie is None else lie.value
    passed[name] = (len(tried) - len(failed), len(tried))
    print(f"{passed[name][0]} of {len(tried)} crash points passed of {edges} edges, {name}")  # noqa: T201
    assert failed == []
    assert tried


def test_the_sweep_is_told() -> None:
    """One line for all kinds together, so that a run says how much it has proven."""
    good, all_of_them = (sum(counts) for counts in zip(*passed.values(), strict=True)) if passed else (0, 0)
    print(f"{good} of {all_of_them} crash points passed under {len(passed)} kinds of lies")  # noqa: T201
    assert good == all_of_them
