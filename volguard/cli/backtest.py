"""`volguard backtest`: the strategy over history with the engine that trades tomorrow."""

from __future__ import annotations

import os
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from volguard.operations.backtest_jobs import Job, Workers

MINUTE_S = 60.0


class SourceName(StrEnum):
    """Whose prices are played."""

    MODELLED = "modelled"
    CHAINS = "chains"


def backtest(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Recorded chains, a day a file, for --source chains.", show_default=False),
    ] = None,
    source: Annotated[
        SourceName,
        typer.Option(
            "--source", help="modelled: chains made of daily index and India VIX; chains: recorded days."
        ),
    ] = SourceName.MODELLED,
    first: Annotated[
        datetime | None,
        typer.Option("--from", formats=["%Y-%m-%d"], help="First modelled day.", show_default=False),
    ] = None,
    last: Annotated[
        datetime | None,
        typer.Option("--to", formats=["%Y-%m-%d"], help="Last modelled day.", show_default=False),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of daily history; else history.folder.", show_default=False),
    ] = None,
    every_min: Annotated[
        float, typer.Option("--every", min=1.0, max=180.0, help="Minutes between looks at a modelled day.")
    ] = 30.0,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the intervals' drawings.")] = 1,
    draws: Annotated[int, typer.Option("--draws", min=100, help="How many paths the intervals draw.")] = 2000,
    slippage_ticks: Annotated[
        int, typer.Option("--slippage-ticks", min=0, help="Fill so many ticks beyond the touch.")
    ] = 0,
    late_looks: Annotated[
        int, typer.Option("--late-looks", min=0, help="Looks at which an order does not fill yet.")
    ] = 0,
    sensitivity: Annotated[
        bool, typer.Option("--sensitivity", help="Play it with worse fills, too: ticks and looks.")
    ] = False,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            "--sweep", help="Try a setting's values, key=a,b,c; repeat for more settings.", show_default=False
        ),
    ] = None,
    walk_forward: Annotated[
        str | None,
        typer.Option(
            "--walk-forward",
            help="With --sweep: choose on so many sessions, be paid on the next, e.g. 250:60.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, help="Processes for many backtests.", show_default="all cores"),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", help="A Dask scheduler, e.g. tcp://host:8786, instead.", show_default=False
        ),
    ] = None,
    html: HtmlOption = None,
    is_opened: Annotated[
        bool, typer.Option("--open", help="Open the page in a browser; needs --html.")
    ] = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Play the strategy over past days with the same engine, and tell what its account became.

    Lots, expiries, charges and margins are those of each date. Modelled prices are called so, and their error
    against real trades is measured and shown, with the result it would leave. What was played before with the
    same data, settings and code is taken from data/backtests.

    Example: volguard backtest --from 2021-04-01 --to 2024-06-27 --data data/history
    Example: volguard backtest --source chains day1.parquet day2.parquet --html backtest.html --open
    Example: volguard backtest --from 2021-04-01 --to 2024-06-27 --sweep strategy.short_delta_max=0.15,0.2
    """
    _check_asked(html, is_opened=is_opened, sweep=sweep, walk_forward=walk_forward, sensitivity=sensitivity)
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
        every_s=every_min * MINUTE_S,
        slippage_ticks=slippage_ticks,
        late_looks=late_looks,
        resampling=Resampling(seed=seed, draws=draws),
    )
    open_days(request, loaded, found)  # what cannot be played is said before anything is measured
    job = Job(
        request=request,
        root=found,
        overrides=tuple(overrides or ()),
        preset=preset,
        measured=measure_prices(request, loaded, found),
    )
    many = Workers(count=workers or os.cpu_count() or 1, cluster=cluster)
    if sweep:
        document = _swept(job, sweep, walk_forward, many)
    else:
        document = _played(job, many, sensitivity=sensitivity)
        if html is not None:
            _write_page(html, document, is_opened=is_opened)
    if as_json:
        print_json(document)
        return
    from volguard.report.backtest_sweep_tables import sweep_summary, walk_summary
    from volguard.report.backtest_tables import backtest_summary

    print_table((walk_summary if walk_forward else sweep_summary if sweep else backtest_summary)(document))


def _check_asked(
    html: Path | None,
    *,
    is_opened: bool,
    sweep: list[str] | None,
    walk_forward: str | None,
    sensitivity: bool,
) -> None:
    if is_opened and html is None:
        raise UsageError("--open needs a page", hint="--html backtest.html --open")
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html {html}: its folder is not there")
    if walk_forward is not None and not sweep:
        raise UsageError("--walk-forward chooses between settings", hint="name them: --sweep key=a,b,c")
    if sweep and (html is not None or sensitivity):
        raise UsageError("a sweep has no page and no --sensitivity", hint="ask for them with one setting")


def _swept(job: Job, sweep: list[str], walk_forward: str | None, workers: Workers) -> dict[str, Any]:
    from volguard.operations.backtest_sweep import axis_of, run_sweep, run_walk, walk_of

    axes = [axis_of(text) for text in sweep]
    with progress_shown("backtests") as progress:
        if walk_forward is not None:
            return run_walk(job, axes, walk_of(walk_forward), workers, progress)
        return run_sweep(job, axes, workers, progress)


def _played(job: Job, workers: Workers, *, sensitivity: bool) -> dict[str, Any]:
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
