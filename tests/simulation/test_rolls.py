"""Rolls against a broker that lies: a trade that becomes two stays as true as one that does not.

The judgement of a roll is set aside here, or hardly any would be made: what is proven is that the book, its
orders and its watches carry one whatever is lost, doubled or late.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.fakes import ROOT
from tests.simulation.test_sessions import faults_of
from volguard.config import Root
from volguard.engine import adjusting, exits
from volguard.operations.drill_days import DrillDays, plan_of
from volguard.simulator.fault_session import FaultResult
from volguard.strategy.adjust import RollInputs, RollVerdict, judge_roll

SESSIONS = 12
# So that a quiet day tests a side, and a spread alone may take its place.
ROLLING = (
    "strategy.adjust_within_s=3600",
    "strategy.cool_down_s=0",
    "strategy.cost_share_of_credit_max=0.6",
    "strategy.credit_share_of_width_min=0.03",
    "strategy.exit_short_delta=0.17",
    "strategy.short_delta_max=0.15",
)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """How many trades were split, and how many spreads took a side's place."""
    counts: Counter[str] = Counter()
    split, put_forward = exits.split, adjusting.put_forward

    def yes(inputs: RollInputs) -> RollVerdict:
        return replace(judge_roll(inputs), refusal="", stressed_inr=float("inf"))

    def counted_split(*given: Any) -> Any:
        tested = split(*given)
        counts["split"] += tested is not None
        return tested

    def counted_forward(*given: Any) -> Any:
        is_forward = put_forward(*given)
        counts["opened"] += is_forward
        return is_forward

    monkeypatch.setattr(adjusting, "judge_roll", yes)
    monkeypatch.setattr(exits, "split", counted_split)
    monkeypatch.setattr(adjusting, "put_forward", counted_forward)
    yield counts


def test_a_lying_broker_never_makes_a_rolled_book_untrue(made: Counter[str]) -> None:
    """Lies at ordinary rates, crashes among them: not one invariant broken, and rolls whole to their end."""
    days = DrillDays(Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config"), ROLLING)
    results: list[FaultResult] = []
    for seed in range(0, 2 * SESSIONS, 2):  # an even seed tells a little of everything
        plan = plan_of(seed)
        occasion = replace(
            plan.occasion, scenario="trend", market_seed=4, capital_factor=1, has_tight_stops=False
        )
        results.append(days.run(replace(plan, occasion=occasion)))
    assert faults_of(results) == []
    assert made["split"] >= 6 and made["opened"] >= 4
