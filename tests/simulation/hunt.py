"""Runs sessions until one of them is not true, and leaves with 1: what a mutant of the package must come to.

`python -m tests.simulation.hunt SEEDS`: plain sessions first, then one kind of lie after the other.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.simulation.fault_days import days, session
from volguard.operations.drill_days import alone
from volguard.simulator.fault_session import FaultResult
from volguard.simulator.lies import Lie


def sessions(seeds: int) -> Iterator[FaultResult]:
    """Every kind of lie in turn, then all together."""
    for seed in range(seeds):
        for lie in Lie:
            yield days().run(alone(lie, seed))
        yield session(2 * seed)


def main() -> int:
    """The first violation that is found, said on one line."""
    for result in sessions(int(sys.argv[1])):
        if result.violations:
            sys.stdout.write(f"seed {result.seed}: {result.violations[0]}\n")
            return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
