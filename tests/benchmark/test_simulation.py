"""Sessions against a lying broker per second, and the engine against a loop that writes the same journal."""

from __future__ import annotations

import os
import time
from functools import cache
from pathlib import Path

import pytest

from tests.benchmark.ratios import hold
from tests.fakes import TRADING, Day, MemoryJournal, make_engine, make_runner, opening, simulated
from tests.simulation.fault_days import days, session
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.engine.state import State
from volguard.operations.drill_days import CADENCE_S, LOOKS, MARKET_SEEDS, SCENARIOS

REPEATS = int(os.environ.get("VOLGUARD_BENCHMARK_REPEATS", "1"))
SESSIONS = 8 * REPEATS
NO_CHECKPOINT_S = 1e9

pytestmark = pytest.mark.benchmark


@cache
def day() -> Day:
    """A crash of which every minute is seen."""
    return simulated(scenario="crash", cadence_s=60.0)


def journaled_s(path: Path) -> float:
    """Seconds of a whole session: engine, paper broker, journal on disk."""
    journal = SqliteJournal.open(path, create=True)
    runner = make_runner(day().market, journal, engine=make_engine(*TRADING), checkpoint_s=NO_CHECKPOINT_S)
    began = time.perf_counter()
    runner.run(opening(day()), State())
    took = time.perf_counter() - began
    journal.close()
    return took


def written_s(path: Path, memory: MemoryJournal) -> float:
    """Seconds of a loop that decides nothing and writes the same rows, as durably."""
    journal = SqliteJournal.open(path, create=True)
    began = time.perf_counter()
    for event, records, effects, durable in memory.steps:
        journal.commit(journal.append(event), records, effects, durable=durable)
    for ts, state in memory.checkpoints:
        journal.checkpoint(ts, state)
    took = time.perf_counter() - began
    journal.close()
    return took


def test_engine_steps_against_an_empty_loop_with_the_same_writes(tmp_path: Path) -> None:
    """A step, with the chain priced and everything decided on it, costs so many of its journal writes."""
    memory = MemoryJournal()
    engine = make_engine(*TRADING)
    make_runner(day().market, memory, engine=engine, checkpoint_s=NO_CHECKPOINT_S).run(
        opening(day()), State()
    )
    journaled_s(tmp_path / "warm.db")
    ours, floors = [], []
    for number in range(REPEATS):
        ours.append(journaled_s(tmp_path / f"ours-{number}.db"))
        floors.append(written_s(tmp_path / f"floor-{number}.db", memory))
    steps = len(memory.steps)
    print(f"\n{steps / min(ours):.0f} engine steps/s, {steps / min(floors):.0f} steps/s of writes alone")
    hold("engine / the same journal writes", [a / b for a, b in zip(ours, floors, strict=True)], 12.0)


def test_simulated_sessions_per_second() -> None:
    """Sessions of 45 minutes run at least a thousand times faster than their clock."""
    for scenario in sorted(set(SCENARIOS)):
        for market_seed in range(1, MARKET_SEEDS + 1):
            days().day(scenario, market_seed)
    began = time.perf_counter()
    results = [session(seed) for seed in range(SESSIONS)]
    took = time.perf_counter() - began
    steps = sum(result.steps for result in results)
    clock_s = SESSIONS * LOOKS * CADENCE_S
    print(f"\n{SESSIONS / took:.1f} sessions/s, {steps / took:.0f} judged steps/s")
    hold("wall time / session time x 1000", [1000.0 * took / clock_s], 1.0)
