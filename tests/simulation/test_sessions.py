"""Sessions against a broker that lies: whatever is lost, doubled or late, what must be true stays true.

The invariants are listed in `Invariant`, and the exchange knows the truth that they are held against.
VOLGUARD_SIMULATION_SEEDS sessions from seed VOLGUARD_SIMULATION_FIRST on.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace

from tests.simulation.fault_days import days, session
from volguard.operations.drill_days import plan_of
from volguard.simulator.fault_invariants import Invariant, SafetyAction
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import Lie

SEEDS = int(os.environ.get("VOLGUARD_SIMULATION_SEEDS", "24"))
FIRST = int(os.environ.get("VOLGUARD_SIMULATION_FIRST", "0"))


def faults_of(results: list[FaultResult]) -> list[str]:
    """Every violation with its seed and how to see it again."""
    return [
        f"seed {result.seed}: {text} (volguard drill --seed {result.seed} --sessions 1 --shrink)"
        for result in results
        for text in result.violations
    ]


def test_a_lying_broker_never_makes_the_book_untrue() -> None:
    """Lies at ordinary rates and single kinds told often: many sessions, not one invariant broken."""
    results = [session(seed) for seed in range(FIRST, FIRST + SEEDS)]
    assert faults_of(results) == []
    if SEEDS >= 40:
        checked = sum((Counter(result.checked) for result in results), Counter())
        done = sum((Counter(result.actions) for result in results), Counter())
        assert set(checked) == set(Invariant)
        assert set(SafetyAction) - set(done) <= {
            SafetyAction.EMERGENCY,
            SafetyAction.PAGED,
            SafetyAction.LATE_FILL_CLOSED,
        }
        assert sum(result.trades for result in results) > 3 * SEEDS


def test_an_honest_broker_is_traded_with() -> None:
    """Without lies: no emergency, no naked second, no doubt; a crash of the market is left in time."""
    result = session(0, rates={})
    assert result.violations == () and result.lies == ()
    assert result.orders == result.trades == 16
    assert (result.naked_s_max, result.was_emergency, result.crashes) == (0.0, False, 0)
    assert result.actions[SafetyAction.EXITED] == 2
    assert SafetyAction.READ_BACK not in result.actions and SafetyAction.HALTED not in result.actions


def test_seed_1213_closes_a_short_beside_a_sell_that_came_late() -> None:
    """An exit that was counted absent appears and sells again; buying back is no more than is held."""
    result = days().run(plan_of(1213))
    assert faults_of([result]) == []
    assert result.actions[SafetyAction.TAKEN_BACK] and result.was_emergency


def test_seed_7960_asks_again_for_what_a_crash_kept_from_being_taken_off() -> None:
    """The process died before its cancels left, and the book was in doubt ever after: the entry rested on."""
    result = days().run(plan_of(7960))
    assert result.violations == () and result.crashes == 1


def test_seed_10300_heals_after_a_restart_that_sees_minutes_again() -> None:
    """Looks that were lost with the power are told once more: a worry of before is not one of the future."""
    assert faults_of([days().run(plan_of(10300))]) == []


def test_seed_14004_takes_an_exit_off_as_soon_as_a_new_process_has_read_the_book() -> None:
    """Another order closed its leg while the process was down: it rests for the time of that reading."""
    result = days().run(plan_of(14004))
    assert faults_of([result]) == [] and result.crashes == 4


def test_seed_1961_takes_off_again_what_its_own_exit_had_given_up() -> None:
    """An order that appeared late in an exit that goes on, its cancel lost: nobody else would ask again."""
    result = days().run(plan_of(1961))
    assert faults_of([result]) == []
    assert result.actions[SafetyAction.TAKEN_BACK]


def test_a_seed_means_one_session() -> None:
    """The same seed tells the same lies and comes to the same end."""
    assert session(6) == session(6)


def test_a_schedule_tells_what_the_rates_told() -> None:
    """The occasions that a session used, given to it as a schedule, make the same session again."""
    first = session(6)
    told = frozenset((told.lie, told.draw) for told in first.lies)
    assert days().run(replace(plan_of(6), schedule=told)) == first


def test_an_empty_schedule_is_an_honest_session() -> None:
    """With every lie left out nothing is told, whatever the rates say."""
    result = days().run(replace(plan_of(6), schedule=frozenset()))
    assert result.lies == () and result.violations == ()
    assert Lie.CRASH not in {told.lie for told in result.lies} and result.crashes == 0
