"""`volguard payoff`: a structure from the command line, valued on one snapshot of a chain."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volguard.cli.chain import AtOption, ChainJournalOption, ExpiryOption, PngOption, ReplayOption
from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
    say,
    settings_of,
)
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from volguard.config.roots import Root
    from volguard.config.settings import Settings
    from volguard.measure.market_view import MarketView


def payoff(
    legs: Annotated[
        str, typer.Option("--legs", help='Legs as "-24500PE +2x24300PE@2025-09-09"; - sold, + bought.')
    ],
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    lots: Annotated[int, typer.Option("--lots", help="Lots of the whole structure.")] = 1,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history", help="Daily files for the forecast; else [history] folder.", show_default=False
        ),
    ] = None,
    png: PngOption = None,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write a page with the chart.", show_default=False)
    ] = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Value a structure: extremes, breakevens, Greeks, costs, and its odds under the smile and the forecast.

    Example: volguard payoff --replay day.parquet --at 11:15 --legs "-24500PE +24300PE -25000CE +25200CE"
    """
    from volguard.operations.legs_text import legs_of
    from volguard.operations.payoff_measures import bars_before
    from volguard.operations.payoff_view import payoff_document

    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    view = _view(replay, journal, at, found_root, settings)
    lines = legs_of(legs, view.listing, expiry.date() if expiry is not None else None)
    usual = found_root.resolve(settings.history.folder)
    bars = bars_before(view.ts.date(), history, usual, settings)
    document = payoff_document(view, lines, lots=lots, bars=bars, settings=settings)
    if png is not None:
        from volguard.report.payoff_charts import payoff_png

        _write("--png", png, payoff_png(document))
    if html is not None:
        from volguard.report.payoff_charts import payoff_page

        _write("--html", html, payoff_page(document).encode())
    if as_json:
        print_json(document)
        return
    from volguard.report.payoff_tables import payoff_table

    print_table(payoff_table(document))


def _view(
    replay: Path | None, journal: Path | None, at: str | None, root: Root, settings: Settings
) -> MarketView:
    from volguard.operations.chain_view import from_file, from_journal

    return from_file(replay, at, settings) if replay is not None else from_journal(root, journal, at)


def _write(option: str, path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written: {error.strerror}") from error
    say(f"chart in {path}")
