"""`volguard chain`: one snapshot of a chain, priced."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

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

app = typer.Typer(help="Analyse an option chain.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Analyse an option chain."""


@app.command("show")
def show(
    replay: Annotated[
        Path | None,
        typer.Option("--replay", help="A recorded day; else the newest journal's.", show_default=False),
    ] = None,
    expiry: Annotated[
        datetime | None,
        typer.Option("--expiry", formats=["%Y-%m-%d"], help="Expiry; else the nearest.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="Last snapshot up to HH:MM[:SS]; else the last.", show_default=False),
    ] = None,
    journal: Annotated[
        Path | None, typer.Option("--journal", help="Read the chain from this journal.", show_default=False)
    ] = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print one snapshot as a table with volatility and Greeks.

    Example: volguard chain show --replay day.parquet --at 11:15 --expiry 2025-09-02
    """
    from volguard.operations.chain_view import chain_document, from_file, from_journal

    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    view = from_file(replay, at, settings) if replay is not None else from_journal(found_root, journal, at)
    document = chain_document(view, expiry.date() if expiry is not None else None)
    if as_json:
        print_json(document)
        return
    from volguard.report.tables import chain_table

    print_table(chain_table(document))
