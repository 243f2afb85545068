"""`volguard backtest`: the strategy over history with the engine that trades tomorrow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from volguard.cli.backtest_options import (
    EVERY_MIN,
    ClusterOption,
    DrawsOption,
    EveryOption,
    FilesArgument,
    FromOption,
    HistoryOption,
    JournalsOption,
    LateLooksOption,
    LookaheadOption,
    OpenOption,
    PlaceboOption,
    SeedOption,
    SensitivityOption,
    SlippageOption,
    SourceName,
    SourceOption,
    SweepOption,
    ToOption,
    WalkForwardOption,
    WorkersOption,
)
from volguard.cli.market_options import HtmlOption, write_file
from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    browse,
    print_json,
    print_table,
    root_of,
    say,
    settings_of,
)
from volguard.cli.progress import progress_shown
from volguard.model.errors import GateFailed, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from volguard.config.loader import Loaded
    from volguard.config.roots import Root
    from volguard.config.settings import Settings
    from volguard.operations.backtest import BacktestRequest
    from volguard.operations.backtest_jobs import Job, Workers

MINUTE_S = 60.0


def backtest(
    files: FilesArgument = None,
    source: SourceOption = SourceName.MODELLED,
    first: FromOption = None,
    last: ToOption = None,
    data: HistoryOption = None,
    every_min: EveryOption = None,
    seed: SeedOption = 1,
    draws: DrawsOption = 2000,
    slippage_ticks: SlippageOption = 0,
    late_looks: LateLooksOption = 0,
    sensitivity: SensitivityOption = False,
    sweep: SweepOption = None,
    walk_forward: WalkForwardOption = None,
    lookahead_check: LookaheadOption = False,
    placebo: PlaceboOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    journals: JournalsOption = None,
    html: HtmlOption = None,
    is_opened: OpenOption = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Play the strategy over past days with the same engine, and tell what its account became.

    Lots, expiries, charges and margins are those of each date. Modelled prices are called so, and their error
    against real trades is measured and shown, with the result it would leave. What was played before with the
    same data, settings and code is taken from data/backtests.

    Examples:

      volguard backtest --from 2021-04-01 --to 2024-06-27 --data data/history

      volguard backtest --source chains day1.parquet day2.parquet --html backtest.html --open

      volguard backtest --source bhavcopy --from 2024-01-01 --to 2024-06-27 --sensitivity

      volguard backtest --from 2021-04-01 --to 2024-06-27 --sweep strategy.short_delta_max=0.15,0.2

      volguard backtest --from 2023-01-01 --to 2023-12-31 --lookahead-check
    """
    _check_asked(
        html,
        is_opened=is_opened,
        walk_forward=walk_forward,
        kinds={
            "--sweep": bool(sweep),
            "--lookahead-check": lookahead_check,
            "--placebo": placebo is not None,
        },
        sensitivity=sensitivity,
        journals=journals,
    )
    if every_min is not None and source is not SourceName.MODELLED:
        raise UsageError(
            f"--every is of modelled days, {source.value} has looks of its own", hint="leave it out"
        )
    from volguard.backtest.bootstrap import Resampling
    from volguard.operations.backtest import BacktestRequest, measure_prices, open_days
    from volguard.operations.backtest_jobs import Job, Workers

    found = root_of(root)
    loaded = settings_of(found, overrides, preset)
    request = BacktestRequest(
        source=source.value,
        files=tuple(files or ()),
        first=None if first is None else first.date(),
        last=None if last is None else last.date(),
        data=data,
        every_s=(every_min or EVERY_MIN) * MINUTE_S,
        slippage_ticks=slippage_ticks,
        late_looks=late_looks,
        journals=journals,
        resampling=Resampling(seed=seed, draws=draws),
    )
    open_days(request, loaded, found)  # what cannot be played is said before anything is measured
    if lookahead_check:
        _check_foresight(request, loaded, found, as_json=as_json)
        return
    job = Job(
        request=request,
        root=found,
        overrides=tuple(overrides or ()),
        preset=preset,
        measured=measure_prices(request, loaded, found),
    )
    many = Workers(count=workers or os.cpu_count() or 1, cluster=cluster)
    document, summary = _played(
        job, many, sweep=sweep or [], walk_forward=walk_forward, placebo=placebo, sensitivity=sensitivity
    )
    if html is not None:
        _write_page(html, document, is_opened=is_opened)
    if as_json:
        print_json(document)
    else:
        print_table(summary(document))


def _check_asked(
    html: Path | None,
    *,
    is_opened: bool,
    walk_forward: str | None,
    kinds: dict[str, bool],
    sensitivity: bool,
    journals: Path | None,
) -> None:
    if is_opened and html is None:
        raise UsageError("--open needs a page", hint="--html backtest.html --open")
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html {html}: its folder is not there")
    if walk_forward is not None and not kinds["--sweep"]:
        raise UsageError("--walk-forward chooses between settings", hint="name them: --sweep key=a,b,c")
    asked = [name for name, is_asked in kinds.items() if is_asked]
    if len(asked) > 1:
        raise UsageError(f"{' and '.join(asked)} are asked for one at a time")
    if journals is not None and (asked or sensitivity):
        raise UsageError(
            f"--journals keeps the days of one backtest, {(asked or ['--sensitivity'])[0]} plays many",
            hint="leave one of them out",
        )
    if asked and (html is not None or sensitivity):
        raise UsageError(f"{asked[0]} has no page and no --sensitivity", hint="leave it out for those")


def _check_foresight(
    request: BacktestRequest, loaded: Loaded[Settings], root: Root, *, as_json: bool
) -> None:
    from volguard.operations.backtest_falsify import run_lookahead
    from volguard.report.backtest_falsify_tables import lookahead_summary

    with progress_shown("days played") as progress:
        document = run_lookahead(request, loaded, root, progress)
    if as_json:
        print_json(document)
    else:
        print_table(lookahead_summary(document))
    if not document["ok"]:
        raise GateFailed(
            "a decision changed with a future that it could not have known",
            hint="no figure of this backtest can be believed before that is mended",
        )


def _played(
    job: Job,
    workers: Workers,
    *,
    sweep: list[str],
    walk_forward: str | None,
    placebo: int | None,
    sensitivity: bool,
) -> tuple[dict[str, Any], Callable[[dict[str, Any]], RenderableType]]:
    # What was asked for, and how it is shown.
    from volguard.operations.backtest_falsify import run_placebo
    from volguard.operations.backtest_sweep import axis_of, run_sweep, run_walk, walk_of
    from volguard.report.backtest_falsify_tables import placebo_summary
    from volguard.report.backtest_sweep_tables import sweep_summary, walk_summary
    from volguard.report.backtest_tables import backtest_summary

    if not sweep and placebo is None:
        return _played_once(job, workers, sensitivity=sensitivity), backtest_summary
    with progress_shown("backtests") as progress:
        if placebo is not None:
            return run_placebo(job, placebo, workers, progress), placebo_summary
        axes = [axis_of(text) for text in sweep]
        if walk_forward is not None:
            return run_walk(job, axes, walk_of(walk_forward), workers, progress), walk_summary
        return run_sweep(job, axes, workers, progress), sweep_summary


def _played_once(job: Job, workers: Workers, *, sensitivity: bool) -> dict[str, Any]:
    from volguard.operations.backtest_jobs import play_job
    from volguard.operations.backtest_sensitivity import run_sensitivity

    was_played = False
    with progress_shown("days played") as progress:

        def heard(done: float, total: float, words: str) -> None:
            nonlocal was_played
            was_played = True
            progress(done, total, words)

        document = play_job(job, heard)
    if not was_played and document["sessions"]:
        say("played before with the same data, settings and code: taken from data/backtests")
    if document["failed_steps"]:
        say(f"{document['failed_steps']} steps failed: look at them before believing the figures")
    if sensitivity:
        with progress_shown("backtests") as progress:
            document = {**document, "sensitivity": run_sensitivity(job, workers, progress)}
    return document


def _write_page(html: Path, document: dict[str, Any], *, is_opened: bool) -> None:
    from volguard.report.backtest_page import backtest_page

    write_file("--html", html, backtest_page(document).encode(), what="page")
    if is_opened and not browse(html.resolve().as_uri()):
        say("no browser could be opened: the page is where it says")
