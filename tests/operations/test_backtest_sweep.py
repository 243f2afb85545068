"""Sweeps: the same answers wherever they are played, none played twice, the best judged as one of many."""

from __future__ import annotations

from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.backtest.history_files import write_history
from tests.cli.command import make_root
from volguard.backtest.bootstrap import Resampling
from volguard.backtest.deflated_sharpe import SharpeRecord
from volguard.config.roots import Root
from volguard.model.errors import ConfigError, UsageError
from volguard.operations import backtest_jobs, backtest_sweep
from volguard.operations.backtest import BacktestRequest, Measured
from volguard.operations.backtest_cache import BacktestCache
from volguard.operations.backtest_jobs import Job, Workers, play_job
from volguard.operations.backtest_sensitivity import CASES, run_sensitivity
from volguard.operations.backtest_sweep import Axis, WalkForward, axis_of, run_sweep, run_walk, walk_of
from volguard.report.backtest_sweep_tables import sweep_summary, walk_summary
from volguard.report.backtest_tables import backtest_summary

TRADED = ("strategy.require_forecast_edge=false", "strategy.require_vrp=false")
AXES = (Axis("strategy.short_delta_max", ("0.15", "0.2")),)


def unheard(_done: float, _total: float, _words: str) -> None:
    pass


def job(folder: Path, last: date = date(2023, 6, 14)) -> Job:
    (folder / "history").mkdir()
    (folder / "root").mkdir()
    path = make_root(folder / "root")
    return Job(
        request=BacktestRequest(
            source="modelled",
            first=date(2023, 6, 12),
            last=last,
            data=write_history(folder / "history"),
            every_s=7200.0,
            resampling=Resampling(seed=1, draws=100),
        ),
        root=Root(path=path, is_packaged=False, config_dir=path / "config"),
        overrides=TRADED,
        preset=None,
        measured=Measured(error=None, missing="not measured here"),
    )


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return job(tmp_path_factory.mktemp("sweep"))


@pytest.fixture(scope="module")
def alone(base: Job) -> Any:
    """The sweep played in this process."""
    return run_sweep(base, AXES, Workers(count=1), unheard)


def test_a_sweep_has_a_row_for_each_setting_in_order(alone: Any) -> None:
    assert [row["settings"] for row in alone["variants"]] == [
        {"strategy.short_delta_max": "0.15"},
        {"strategy.short_delta_max": "0.2"},
    ]
    hashes = [row["settings_hash"] for row in alone["variants"]]
    assert len(set(hashes)) == 2
    assert len({row["decisions_hash"] for row in alone["variants"]}) == 2
    # Three sessions have no Sharpe ratio: nothing is the best of them, and that is said.
    assert alone["best"] is None and alone["deflated_sharpe"] is None
    assert "no setting has a Sharpe ratio" in _shown(sweep_summary(alone))


def test_on_many_cores_it_is_the_same(alone: Any, tmp_path: Path) -> None:
    fresh = job(tmp_path)
    heard: list[float] = []
    swept = run_sweep(fresh, AXES, Workers(count=2), lambda done, _total, _words: heard.append(done))
    assert _told(swept) == _told(alone) and heard == [1, 2]


def test_on_a_cluster_it_is_the_same(alone: Any, tmp_path: Path) -> None:
    """A scheduler and a worker of this machine, reached by their address."""
    distributed = pytest.importorskip("distributed")
    fresh = job(tmp_path)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=":0", protocol="tcp"
    ) as cluster:
        swept = run_sweep(fresh, AXES, Workers(cluster=cluster.scheduler_address), unheard)
    assert _told(swept) == _told(alone)


def test_no_scheduler_is_an_error_that_says_what_to_start(base: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(backtest_jobs, "SCHEDULER_WAIT_S", 0.5)
    with pytest.raises(UsageError, match=r"no scheduler answers at tcp://127\.0\.0\.1:9"):
        run_sweep(base, AXES, Workers(cluster="tcp://127.0.0.1:9"), unheard)


def test_what_was_played_is_not_played_again(base: Job, alone: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted sweep goes on: what is in the cache is taken from it."""

    def never(*_args: object, **_kwargs: object) -> Any:
        raise AssertionError("played again")

    monkeypatch.setattr(backtest_jobs, "run_backtest", never)
    assert _told(run_sweep(base, AXES, Workers(count=1), unheard)) == _told(alone)


def test_other_data_settings_or_fills_are_played_anew(base: Job) -> None:
    cache, loaded = BacktestCache.of(base.root), base.settings()
    paths = {
        cache.path(base.request, loaded, "a", base.measured),
        cache.path(base.request, loaded, "b", base.measured),
        cache.path(BacktestRequest(source="modelled"), loaded, "a", base.measured),
        cache.path(base.request, loaded, "a", Measured(error=None, missing="other")),
    }
    assert len(paths) == 4


def test_a_damaged_document_is_played_again(tmp_path: Path) -> None:
    fresh = job(tmp_path, date(2023, 6, 12))
    first = play_job(fresh)
    (kept,) = BacktestCache.of(fresh.root).folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:40])
    assert play_job(fresh) == first
    assert BacktestCache.of(fresh.root).read(kept) == first


def test_worse_fills_are_a_row_each(tmp_path: Path) -> None:
    base = job(tmp_path)
    rows = run_sensitivity(base, Workers(count=1), unheard)
    shown = _shown(backtest_summary({**play_job(base), "sensitivity": rows}))
    assert all(f"{ticks} ticks beyond the touch, {late} looks later" in shown for ticks, late in CASES)
    assert [(row["slippage_ticks"], row["late_looks"]) for row in rows] == list(CASES)
    values = [float(row["value_inr"]) for row in rows]
    assert values[1] < values[0]  # a tick more on every leg


def test_what_was_played_of_data_that_changed_meanwhile_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = job(tmp_path)
    monkeypatch.setattr(backtest_jobs, "run_backtest", lambda *_args, **_more: {"data_digest": "other"})
    assert play_job(base) == {"data_digest": "other"}
    assert not list((tmp_path / "root").glob("data/backtests/*.json.gz"))


def test_a_walk_is_paid_only_on_days_that_it_did_not_choose_on(tmp_path: Path) -> None:
    walked = run_walk(job(tmp_path, date(2023, 6, 21)), AXES, WalkForward(2, 3), Workers(count=1), unheard)
    assert [(one["train"], one["test"]) for one in walked["windows"]] == [
        (["2023-06-12", "2023-06-13"], ["2023-06-14", "2023-06-16"]),
        (["2023-06-15", "2023-06-16"], ["2023-06-19", "2023-06-21"]),
    ]
    made = sum(float(one["paid"]["value_inr"]) - float(walked["capital_inr"]) for one in walked["windows"])
    assert float(walked["paid"]["value_inr"]) == pytest.approx(float(walked["capital_inr"]) + made)
    assert walked["paid"]["sessions"] == 6
    assert "2 windows" in _shown(walk_summary(walked))


def test_a_walk_pays_the_setting_that_was_best_in_training(
    base: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The highest Sharpe ratio, the first of equals; one that has none is never chosen."""
    records: list[Any] = [
        SharpeRecord(sharpe=sharpe, sessions=9, skew=0.0, kurtosis=3.0) for sharpe in (-0.1, 0.2)
    ]
    assert [
        backtest_sweep._best(rows) for rows in (records, records[::-1], ["flat", *records], ["flat"])
    ] == [*(1, 0, 2, None)]
    assert backtest_sweep._best([records[1], records[1]]) == 0
    monkeypatch.setattr(backtest_sweep, "_best", lambda _records: 1)
    walked = run_walk(base, AXES, WalkForward(1, 1), Workers(count=1), unheard)
    assert [one["settings"] for one in walked["windows"]] == [{"strategy.short_delta_max": "0.2"}] * 2


def test_what_cannot_be_swept_is_refused(base: Job) -> None:
    for text in ("strategy.short_delta_max", "=1,2", "a=", "a=1,,2", "a=1,1"):
        with pytest.raises(UsageError, match="different values"):
            axis_of(text)
    for text in ("250", "250:", "a:b", "0:60", "-1:4"):
        with pytest.raises(UsageError, match="in sessions"):
            walk_of(text)
    assert axis_of("a.b = 1, 2") == Axis("a.b", ("1", "2")) and walk_of("250:60") == WalkForward(250, 60)
    with pytest.raises(ConfigError, match="no_such"):
        run_sweep(base, (Axis("strategy.no_such", ("1", "2")),), Workers(), unheard)
    with pytest.raises(UsageError, match="swept twice"):
        run_sweep(base, (*AXES, *AXES), Workers(), unheard)
    with pytest.raises(UsageError, match="hold no window"):
        run_walk(base, AXES, WalkForward(250, 60), Workers(), unheard)


def _told(document: Any) -> Any:
    return [
        {name: value for name, value in row.items() if name != "settings"} for row in document["variants"]
    ]


def _shown(table: Any) -> str:
    out = StringIO()
    Console(file=out, width=200, highlight=False).print(table)
    return out.getvalue()
