"""`volguard payoff`: a structure from the command line, valued on one snapshot of a chain."""

from __future__ import annotations

from typing import Annotated

import typer

from volguard.cli.market_options import (
    AtOption,
    ChainJournalOption,
    DailyOption,
    ExpiryOption,
    HtmlOption,
    LotsOption,
    PngOption,
    ReplayOption,
    viewed,
    write_charts,
)
from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
)


def payoff(
    legs: Annotated[
        str, typer.Option("--legs", help='Legs as "-24500PE +2x24300PE@2025-09-09"; - sold, + bought.')
    ],
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    lots: LotsOption = 1,
    history: DailyOption = None,
    png: PngOption = None,
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Value a structure: extremes, breakevens, Greeks, costs, and its odds under the smile and the forecast.

    Example: volguard payoff --replay day.parquet --at 11:15 --legs "-24500PE +24300PE -25000CE +25200CE"
    """
    from volguard.operations.payoff_measures import bars_before
    from volguard.operations.payoff_view import payoff_document
    from volguard.operations.surface_session import surface_at
    from volguard.strategy.legs_text import legs_of

    view, settings = viewed(replay, at, journal, overrides, preset, root)
    lines = legs_of(legs, view.listing, expiry.date() if expiry is not None else None)
    usual = root_of(root).resolve(settings.history.folder)
    bars = bars_before(view.ts.date(), history, usual, settings)
    surface = surface_at(replay, view, settings) if replay is not None else None
    document = payoff_document(view, lines, lots=lots, bars=bars, settings=settings, surface=surface)
    from volguard.report.payoff_charts import payoff_page, payoff_png

    write_charts(document, png, payoff_png, html, payoff_page)
    if as_json:
        print_json(document)
        return
    from volguard.report.payoff_tables import payoff_table

    print_table(payoff_table(document))
