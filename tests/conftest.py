"""Days that many tests look at, each run once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from volguard.cli.app import ONE_THREAD

os.environ.update(dict.fromkeys(ONE_THREAD, "1"))  # as commands do, before NumPy is loaded

from tests.cli.command import (
    CHAIN,
    REAL_DAY,
    SEED_SEVEN,
    SHORT_DAY,
    SWITCHES_OFF,
    Day,
    as_day,
    make_root,
    run_day,
    together,
)


@pytest.fixture
def fresh_root(tmp_path: Path) -> Path:
    """A root folder with the shipped configuration and nothing else."""
    return make_root(tmp_path)


@pytest.fixture(scope="session")
def real_days(tmp_path_factory: pytest.TempPathFactory) -> tuple[Day, Day]:
    """The recorded day with the shipped defaults, and with both edge switches off."""
    if not CHAIN.exists():
        pytest.skip("the recorded day is not beside the project")
    waiting, trading = (make_root(tmp_path_factory.mktemp(name)) for name in ("wait", "trade"))
    done = together((REAL_DAY, waiting), ((*REAL_DAY, *SWITCHES_OFF), trading), own_process=True)
    return as_day(waiting, done[0]), as_day(trading, done[1])


@pytest.fixture(scope="session")
def waiting_day(real_days: tuple[Day, Day]) -> Day:
    """The recorded day with the shipped defaults."""
    return real_days[0]


@pytest.fixture(scope="session")
def trading_day(real_days: tuple[Day, Day]) -> Day:
    """The recorded day with both edge switches off."""
    return real_days[1]


@pytest.fixture(scope="session")
def twins(tmp_path_factory: pytest.TempPathFactory) -> tuple[Day, Day]:
    """The simulator's day of seed 7, run in two root folders."""
    roots = [make_root(tmp_path_factory.mktemp(name)) for name in ("one", "two")]
    first, second = together(*((SEED_SEVEN, root) for root in roots), own_process=True)
    return as_day(roots[0], first), as_day(roots[1], second)


@pytest.fixture(scope="session")
def short_day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """A simulated day of few snapshots, where any journal will do."""
    root = make_root(tmp_path_factory.mktemp("short"))
    return run_day(root, *SHORT_DAY)
