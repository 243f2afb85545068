"""Flattens of seeded books among seeded faults: nothing grows, nothing is bared, "flat" is never a lie."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.fakes import call, put
from tests.operations.flatten_scene import LOT, FlattenScene
from volguard.model.instrument import OptionContract, Side
from volguard.operations.flatten_loop import FlattenState
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

SEEDS = int(os.environ.get("VOLGUARD_FLATTEN_SEEDS", "8"))
CONTRACTS = tuple(make(strike) for make in (call, put) for strike in range(24000, 25001, 100))
WRITES = ("place", "modify", "cancel", "multi_place", "multi_cancel")
KINDS = (
    FaultName.LATENCY,
    FaultName.RATE_LIMIT,
    FaultName.RATE_LIMIT_IN_200,
    FaultName.SERVER_ERROR_BEFORE,
    FaultName.SERVER_ERROR_AFTER,
    FaultName.DROPPED_REPLY,
    FaultName.HTML_403,
    FaultName.EMPTY_400,
    FaultName.LATE_FILL,
    FaultName.PARTIAL_207,
)


def book(rng: np.random.Generator) -> dict[OptionContract, int]:
    """Any longs and shorts of one expiry, some beyond the freeze quantity."""
    chosen = rng.choice(len(CONTRACTS), size=int(rng.integers(1, 13)), replace=False)
    lots = rng.choice([-40, -3, -2, -1, 1, 2, 3], size=len(chosen))
    return {CONTRACTS[one]: int(count) * LOT for one, count in zip(chosen, lots, strict=True)}


def faults(rng: np.random.Generator) -> list[FaultRule]:
    """Some kinds, each now and then, wherever they may strike."""
    chosen = rng.choice(len(KINDS), size=int(rng.integers(1, 5)), replace=False)
    return [
        FaultRule(name=KINDS[one], probability=float(rng.uniform(0.05, 0.35)), size=float(rng.uniform(0, 9)))
        for one in chosen
    ]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_fault_makes_a_flatten_add_risk_or_lie(seed: int, tmp_path: Path) -> None:
    """Each trade of ours brings its contract nearer to zero and leaves what was covered covered."""
    rng = np.random.default_rng(seed)
    scene = FlattenScene(tmp_path)
    try:
        held = book(rng)
        scene.hold(held)
        for contract in rng.choice(len(CONTRACTS), size=3, replace=False):
            scene.rest(CONTRACTS[contract], Side(str(rng.choice(["BUY", "SELL"]))), LOT, "40.00")
        others = len(scene.core.exchange.trades)
        units = dict.fromkeys(CONTRACTS, 0)
        for trade in scene.core.exchange.trades:
            ticket = trade.order.ticket
            units[ticket.contract] += ticket.side.sign * trade.quantity
        if rng.random() < 0.4:
            scene.core.freeze(CONTRACTS[int(rng.integers(len(CONTRACTS)))], for_s=float(rng.uniform(5, 300)))
        if rng.random() < 0.5:
            scene.lag(rng, float(rng.uniform(0.1, 0.9)))
        scene.arm(*faults(rng))
        outcome = scene.run(deadline_s=120.0, order_budget_s=40.0)
        check(scene, units, others, swept=outcome.sweeps > 0)
        if outcome.state is FlattenState.FLAT:
            assert scene.held == {}
        if outcome.state is FlattenState.NOT_FLAT:
            assert outcome.remaining or outcome.working
        tags = [tag for tag in scene.core.exchange.accepted_tags if tag.startswith("FL")]
        assert len(tags) == len(set(tags))
    finally:
        scene.close()


def check(scene: FlattenScene, units: dict[OptionContract, int], others: int, *, swept: bool) -> None:
    """Follow the trades one by one; after a sweep of the broker's own only that nothing reverses."""
    for trade in scene.core.exchange.trades[others:]:
        ticket = trade.order.ticket
        before, bare_before = units[ticket.contract], bare(units)
        units[ticket.contract] += ticket.side.sign * trade.quantity
        if not (ticket.tag or "").startswith("FL"):
            continue  # an order of another channel that filled before it could be taken off
        after = units[ticket.contract]
        assert abs(after) < abs(before) and after * before >= 0, f"{ticket}: {before} to {after}"
        assert swept or bare(units) <= bare_before, f"{ticket}: {bare_before} to {bare(units)}"


def bare(units: dict[OptionContract, int]) -> int:
    """Shorts beyond the longs of their type."""
    return sum(
        max(0, -sum(count for held, count in units.items() if held.option_type is kind))
        for kind in {contract.option_type for contract in CONTRACTS}
    )
