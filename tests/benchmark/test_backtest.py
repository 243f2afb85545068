"""Backtests against their peers and their floors, in one run. Printed with `pytest -s`."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.backtest.history_files import write_history
from tests.backtest.modelled import chains, clock, state_of
from tests.benchmark.ratios import IS_STRICT, print_table, time_peer
from tests.chains import shipped_rules
from tests.cli.command import make_root
from volguard.backtest.bootstrap import Resampling
from volguard.config.roots import Root
from volguard.operations.backtest import BacktestRequest, Measured
from volguard.operations.backtest_jobs import Job, Workers, play_job
from volguard.operations.backtest_sweep import Axis, run_sweep

pytestmark = pytest.mark.benchmark

REPEATS = int(os.environ.get("VOLGUARD_BENCHMARK_REPEATS", "1"))
SETTINGS = 2 if REPEATS == 1 else 32
LEVEL = 18_000.0
SCALING_AIM = 1.7
MEMORY_MB_MAX = 1024.0
TRADED = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")


def job(folder: Path, first: date, last: date) -> Job:
    for name in ("history", "root"):
        (folder / name).mkdir(parents=True)
    root = make_root(folder / "root")
    return Job(
        request=BacktestRequest(
            source="modelled",
            first=first,
            last=last,
            data=write_history(folder / "history", first=date(2020, 1, 1)),
            resampling=Resampling(seed=1, draws=100),
        ),
        root=Root(path=root, is_packaged=False, config_dir=root / "config"),
        overrides=TRADED,
        preset=None,
        measured=Measured(error=None, missing="not measured here"),
    )


def frame(days: tuple[date, ...]) -> pd.DataFrame:
    """A chain a day at its close, 81 strikes x 2 expiries, as the peer wants it."""
    made = chains()
    times = [clock().close(day) for day in days]
    listings = [made.listing(day, LEVEL) for day in days]
    shots = made.snapshots(times, state_of(LEVEL, count=len(days)), listings)
    return pd.concat(
        pd.DataFrame(
            {
                "underlying_symbol": "NIFTY",
                "underlying_price": LEVEL,
                "option_type": np.where(shot.listing.is_call, "c", "p"),
                "expiration": _nanoseconds(np.array(shot.listing.expiries)[shot.listing.expiry_index]),
                "quote_date": _nanoseconds(np.full(len(shot.listing), day)),
                "strike": shot.listing.strike,
                "bid": np.nan_to_num(shot.bid),
                "ask": shot.ask,
            }
        )
        for day, shot in zip(days, shots, strict=True)
    )


def _nanoseconds(days: Any) -> Any:
    return pd.to_datetime(days).astype("datetime64[ns]")


def test_the_full_engine_against_a_scan_of_the_same_days(tmp_path: Path) -> None:
    """The peer marks one straddle a row pair; the engine prices, measures, reviews and fills at each look."""
    first, last = date(2022, 1, 3), date(2022, 1, 4) if REPEATS == 1 else date(2022, 12, 30)
    days = shipped_rules().calendar.trading_days(first, last)
    data = frame(days)

    def scan(optopsy: Any) -> Any:
        return lambda: optopsy.short_straddles(data, max_entry_dte=20, exit_dte=0)

    peer = time_peer("optopsy", "optopsy short straddles", scan, 3)
    began = time.perf_counter()
    document = play_job(job(tmp_path, first, last))
    ours_s = time.perf_counter() - began
    assert document["sessions"] > 0.9 * len(days)
    print(f"\n{len(data):,} rows of {len(days)} days: full engine {len(data) / ours_s:,.0f} rows a second")
    print_table("full engine, the same days, with statistics", ours_s, [peer], {})
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print(f"  memory of this process at most {memory_mb:.0f} MB, aim at most {MEMORY_MB_MAX:.0f}")
    assert not IS_STRICT or memory_mb <= MEMORY_MB_MAX


def test_cost_grows_with_the_days_and_no_faster(tmp_path: Path) -> None:
    """Twice the days take about twice as long: nothing is kept that every day must be compared with."""
    spans = ((date(2022, 1, 3), date(2022, 1, 3)), (date(2022, 1, 3), date(2022, 1, 4)))
    if REPEATS > 1:
        spans = tuple((date(2021, 1, 4), date(2021 + years, 12, 30)) for years in (0, 1))  # type: ignore[assignment]
    took = []
    for place, (first, last) in enumerate(spans):
        asked = job(tmp_path / str(place), first, last)
        began = time.perf_counter()
        document = play_job(asked)
        took.append((document["sessions"], time.perf_counter() - began))
    for sessions, seconds in took:
        print(f"\n{sessions} sessions in {seconds:.1f} s, {1e3 * seconds / sessions:.0f} ms a session")
    (few, short), (many, long) = took
    assert long < 1.5 * short * many / few or not IS_STRICT


def test_a_sweep_on_two_cores(tmp_path: Path) -> None:
    """The same settings, one process and two; a thread a worker."""
    values = tuple(f"{0.10 + 0.005 * place:.3f}" for place in range(SETTINGS))
    axes = (Axis("strategy.short_delta_max", values),)
    ratios = []
    for repeat in range(3 if REPEATS > 1 else 1):
        took = []
        for count in (1, 2):
            last = date(2022, 1, 3) if REPEATS == 1 else date(2022, 1, 14)
            asked = job(tmp_path / f"{repeat}-{count}", date(2022, 1, 3), last)
            asked = replace(asked, request=replace(asked.request, every_s=3600.0))
            began = time.perf_counter()
            run_sweep(asked, axes, Workers(count=count), lambda _done, _total, _words: None)
            took.append(time.perf_counter() - began)
        ratios.append(took[0] / took[1])
    middle = float(np.median(ratios))
    print(f"\n{SETTINGS} settings on two cores: {middle:.2f} times as fast, aim at least {SCALING_AIM}")
    assert middle > 0.0
    assert not IS_STRICT or middle >= SCALING_AIM
