"""`volguard backtest`: the strategy over history with the engine that trades tomorrow."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

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
from volguard.model.errors import UsageError

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
    against real trades is measured and shown, with the result it would leave.

    Example: volguard backtest --from 2021-04-01 --to 2024-06-27 --data data/history
    Example: volguard backtest --source chains day1.parquet day2.parquet --html backtest.html --open
    """
    if is_opened and html is None:
        raise UsageError("--open needs a page", hint="--html backtest.html --open")
    if html is not None and not html.parent.is_dir():
        raise UsageError(f"--html {html}: its folder is not there")
    from volguard.backtest.bootstrap import Resampling
    from volguard.cli.progress import progress_shown
    from volguard.operations.backtest import BacktestRequest, run_backtest

    found = root_of(root)
    loaded = settings_of(found, overrides, preset)
    request = BacktestRequest(
        source=source.value,
        files=tuple(files or ()),
        first=None if first is None else first.date(),
        last=None if last is None else last.date(),
        data=data,
        every_s=every_min * MINUTE_S,
        resampling=Resampling(seed=seed, draws=draws),
    )
    with progress_shown("days played") as progress:
        document = run_backtest(request, loaded, found, progress=progress, tell=lambda _text: None)
    if html is not None:
        from volguard.report.backtest_page import backtest_page

        write_file("--html", html, backtest_page(document).encode(), what="page")
        if is_opened and not browse(html.resolve().as_uri()):
            say("no browser could be opened: the page is where it says")
    if as_json:
        print_json(document)
        return
    from volguard.report.backtest_tables import backtest_summary

    if document["failed_steps"]:
        say(f"{document['failed_steps']} steps failed: look at them before believing the figures")
    print_table(backtest_summary(document))
