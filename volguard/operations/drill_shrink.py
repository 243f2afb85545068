"""A session that fails, cut down: lies are left out one at a time as long as it still fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from volguard.operations.drill_days import DrillDays, SessionPlan
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import Told

RUNS_MAX: Final = 120  # of a session; what is left by then is the answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """The fewest lies that were found to make a session fail, and how."""

    seed: int
    lies: tuple[Told, ...]
    told_at_first: int
    runs: int
    is_smallest: bool  # none of them can be left out
    violation: str

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "seed": self.seed,
            "told_at_first": self.told_at_first,
            "runs": self.runs,
            "is_smallest": self.is_smallest,
            "violation": self.violation,
            "lies": [
                {"name": t.lie.value, "occasion": t.draw, "at": t.at.isoformat(), "where": t.where}
                for t in self.lies
            ],
        }


def shrink(days: DrillDays, plan: SessionPlan, failing: FaultResult) -> Shrunk:
    """Halves first, then single lies, crash points among them; the session still fails at the end."""
    kept, last, runs = tuple(failing.lies), failing, 0
    size = max(1, len(kept) // 2)
    is_smallest = False
    while runs < RUNS_MAX:
        smaller = None
        for first in range(0, len(kept), size):
            rest = (*kept[:first], *kept[first + size :])
            result = _run(days, plan, rest)
            runs += 1
            if result.violations:
                smaller = result
                break
            if runs >= RUNS_MAX:
                break
        if smaller is not None:
            kept, last = tuple(smaller.lies), smaller
            size = min(size, max(1, len(kept) // 2))
        elif size > 1:
            size = max(1, size // 2)
        else:
            is_smallest = runs < RUNS_MAX
            break
    return Shrunk(
        seed=plan.seed,
        lies=kept,
        told_at_first=len(failing.lies),
        runs=runs,
        is_smallest=is_smallest,
        violation=last.violations[0],
    )


def _run(days: DrillDays, plan: SessionPlan, lies: Sequence[Told]) -> FaultResult:
    return days.run(replace(plan, schedule=frozenset((told.lie, told.draw) for told in lies)))
