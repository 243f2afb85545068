"""`volguard margin`: what the exchange would ask for a structure or for the book, component by component."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.market_options import (
    AtOption,
    BookOption,
    ChainJournalOption,
    DailyOption,
    ExpiryOption,
    LegsOption,
    LotsOption,
    PositionSource,
    ReplayOption,
    portfolio_of_call,
)
from volguard.cli.options import (
    JsonOption,
    PresetOption,
    RootOption,
    SetOption,
    print_json,
    print_table,
    root_of,
    settings_of,
)
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from volguard.config.settings import Settings

VOLATILITY_FILE = "nse_volatility.csv.gz"


def margin(
    legs: LegsOption = None,
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    lots: LotsOption = 1,
    book: BookOption = False,
    history: DailyOption = None,
    span: Annotated[
        Path | None,
        typer.Option("--span", help="The exchange's .spn file of the day, beside ours.", show_default=False),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Table of published margins beside ours.")
    ] = False,
    price_scan: Annotated[
        Path | None,
        typer.Option("--price-scan", help="Error by year of published price scans.", show_default=False),
    ] = None,
    nse: Annotated[
        Path | None,
        typer.Option(
            "--nse",
            help=f"Volatility for --price-scan; else {VOLATILITY_FILE} beside it.",
            show_default=False,
        ),
    ] = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Margin by component with its worst scenario, what it was measured from, and after moves of the index.

    With --published or --price-scan print that study instead.

    Example: volguard margin --replay day.parquet --legs "-24500PE +24300PE" --history data/history
    """
    from volguard.report import margin_tables

    if published or price_scan is not None:
        rest = {"legs": legs, "book": book, "span": span, "replay": replay, "journal": journal, "at": at}
        _check_study(published=published, price_scan=price_scan, **rest)
        document = _study(price_scan, nse, settings_of(root_of(root), overrides, preset).settings)
        table = margin_tables.published_table if price_scan is None else margin_tables.price_scan_table
        _print(document, table(document), as_json)
        return
    if nse is not None:
        raise UsageError("--nse was given without --price-scan, which it is for")
    from volguard.operations.margin_view import margin_document

    source = PositionSource(
        legs=legs, expiry=expiry, lots=lots, book=book, replay=replay, journal=journal, at=at, history=history
    )
    portfolio = portfolio_of_call(source, overrides=overrides, preset=preset, root=root)
    document = margin_document(portfolio, span)
    _print(document, margin_tables.margin_table(document), as_json)


def _check_study(**given: Any) -> None:
    names = [f"--{name.replace('_', '-')}" for name, value in given.items() if value]
    if len(names) > 1:
        raise UsageError(f"{' and '.join(names)} were combined; give one of them")


def _study(price_scan: Path | None, nse: Path | None, settings: Settings) -> dict[str, Any]:
    from volguard.operations.margin_view import price_scan_document, published_document
    from volguard.wiring import rules_of

    rules = rules_of(settings).margin
    if price_scan is None:
        return published_document(rules)
    return price_scan_document(price_scan, nse or price_scan.with_name(VOLATILITY_FILE), rules)


def _print(document: dict[str, Any], table: RenderableType, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(table)
