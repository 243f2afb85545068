"""Whole sessions against their floors, as ratios measured in one run. Printed with `pytest -s`."""

from __future__ import annotations

import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.benchmark.ratios import hold

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
CHAIN = DATA / "nifty_chain_2025-08-29.parquet"
REPEATS = int(os.environ.get("VOLGUARD_BENCHMARK_REPEATS", "1"))
MIB = 1024.0

pytestmark = [
    pytest.mark.benchmark,
    pytest.mark.skipif(not CHAIN.exists(), reason="the recorded day is not beside the project"),
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path


def replay_command(root: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "volguard.cli.app", "run", "--phase", "SHADOW", "--replay", str(CHAIN)),
        *("--history", str(DATA), "--speed", "max", "--json", "--no-report", "--new-session"),
        *("--root", str(root)),
    ]


def seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def paired(first: list[str], second: list[str]) -> list[float]:
    """Ratios of whole-process times, the two run in turn so that a drifting machine cancels out."""
    seconds(first), seconds(second)
    return [seconds(first) / seconds(second) for _ in range(REPEATS)]


def test_replay_of_the_real_day_against_reading_the_file(root: Path) -> None:
    """A whole day replayed and journaled costs at most 12 plain reads of its file."""
    read = [sys.executable, "-c", f"import pandas; pandas.read_parquet({str(CHAIN)!r})"]
    hold("replay / pandas.read_parquet", paired(replay_command(root), read), 12.0)


def test_help_against_an_empty_typer_program(tmp_path: Path) -> None:
    """`volguard --help` feels instant: at most 1.6 times the help of a Typer program that does nothing."""
    program = tmp_path / "empty.py"
    program.write_text(
        "import typer\napp = typer.Typer(add_completion=False, rich_markup_mode=None)\n"
        "@app.command()\ndef nothing() -> None:\n    'Do nothing.'\napp()\n"
    )
    ours = [sys.executable, "-m", "volguard.cli.app", "--help"]
    hold("--help / empty Typer", paired(ours, [sys.executable, str(program), "--help"]), 1.6)


def test_peak_memory_of_the_replay(root: Path) -> None:
    """The replay stays under 600 MB."""
    code = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *replay_command(root)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    peak_mib = int(done.stdout) / MIB
    print(f"\npeak memory of the replay: {peak_mib:.0f} MiB, aim under 600 MB")
    assert peak_mib * 1.048576 < 600.0


def test_step_against_its_floor(root: Path, tmp_path: Path) -> None:
    """The median step costs at most 5 times one IV pass, one Greeks pass and one durable commit."""
    import json

    done = subprocess.run(replay_command(root), check=True, capture_output=True, text=True, cwd=ROOT)
    step_ms = json.loads(done.stdout)["step_ms"]["median"]
    iv_ms, greeks_ms = pricing_passes_ms()
    commit_ms = durable_commit_ms(tmp_path / "floor.db")
    floor_ms = iv_ms + greeks_ms + commit_ms
    parts = f"IV pass {iv_ms:.3f}, Greeks pass {greeks_ms:.3f}, durable commit {commit_ms:.3f} ms"
    hold(f"median step {step_ms:.2f} ms / ({parts})", [step_ms / floor_ms], 5.0)


def pricing_passes_ms() -> tuple[float, float]:
    import numpy as np

    from volguard.adapters.replay import ReplayMarket
    from volguard.pricing.black76 import greeks
    from volguard.pricing.daycount import years_to_expiry
    from volguard.pricing.forward import imply_forwards
    from volguard.pricing.implied_vol import implied_vol

    snapshots = list(ReplayMarket(CHAIN, lot_size=lambda _day, _expiry: 75).snapshots())[::10]
    iv_ms: list[float] = []
    greeks_ms: list[float] = []
    for snapshot in snapshots:
        listing = snapshot.listing
        days = np.array([(expiry - snapshot.ts.date()).days + 0.2 for expiry in listing.expiries])
        years = years_to_expiry(days * 86_400.0)
        forwards = imply_forwards(listing, snapshot.bid, snapshot.ask, years)
        at = listing.expiry_index
        forward, discount, t = forwards.forward[at], forwards.discount[at], years[at]
        mid = 0.5 * (snapshot.bid + snapshot.ask)
        began = time.perf_counter()
        sigma = implied_vol(mid, forward, listing.strike, t, listing.is_call, discount).sigma
        middle = time.perf_counter()
        greeks(forward, listing.strike, t, sigma, listing.is_call, discount)
        iv_ms.append((middle - began) * 1e3)
        greeks_ms.append((time.perf_counter() - middle) * 1e3)
    return statistics.median(iv_ms), statistics.median(greeks_ms)


def durable_commit_ms(path: Path) -> float:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE floor (body TEXT)")
    took: list[float] = []
    for _ in range(300):
        began = time.perf_counter()
        connection.execute("BEGIN")
        connection.execute("INSERT INTO floor VALUES (?)", ("x" * 200,))
        connection.execute("COMMIT")
        took.append((time.perf_counter() - began) * 1e3)
    connection.close()
    return statistics.median(took)
