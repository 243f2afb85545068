"""`volguard stress`: a structure, or the book, priced anew in every cell of the grid."""

from __future__ import annotations

from typing import Annotated

import typer

from volguard.cli.market_options import (
    AtOption,
    BookOption,
    ChainJournalOption,
    ExpiryOption,
    HtmlOption,
    LegsOption,
    LotsOption,
    PngOption,
    PositionSource,
    ReplayOption,
    portfolio_of_call,
    write_charts,
)
from volguard.cli.options import JsonOption, PresetOption, RootOption, SetOption, print_json, print_table


def stress(
    legs: LegsOption = None,
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    lots: LotsOption = 1,
    book: BookOption = False,
    horizon: Annotated[
        int | None,
        typer.Option("--horizon", help="Only this many days ahead; else each.", show_default=False),
    ] = None,
    png: PngOption = None,
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Price positions anew over spot x IV x days ahead; worst cell, settlement, scenarios that happened.

    Example: volguard stress --replay day.parquet --at 11:15 --legs "-24500PE +24300PE -25000CE +25200CE"
    """
    from volguard.operations.stress_view import stress_document
    from volguard.report.stress_charts import stress_page, stress_png

    source = PositionSource(
        legs=legs, expiry=expiry, lots=lots, book=book, replay=replay, journal=journal, at=at, history=None
    )
    portfolio = portfolio_of_call(source, overrides=overrides, preset=preset, root=root)
    document = stress_document(portfolio, horizon)
    write_charts(document, png, stress_png, html, stress_page)
    if as_json:
        print_json(document)
        return
    from volguard.report.stress_tables import stress_table

    print_table(stress_table(document))
