"""`volguard vol`: volatility from daily history, and studies of it over the years."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

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
    from rich.console import RenderableType

DAY = ["%Y-%m-%d"]


def vol(
    history: Annotated[
        Path | None,
        typer.Option("--history", help="Folder of daily files; else [history] folder.", show_default=False),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option(
            "--date", formats=DAY, help="After this day's close; else the last.", show_default=False
        ),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Table of forecast quality out of sample; some ten seconds.")
    ] = False,
    signals: Annotated[bool, typer.Option("--signals", help="Table of IV-RV signals by year.")] = False,
    first: Annotated[
        datetime, typer.Option("--from", formats=DAY, help="First day of --evaluate and --signals.")
    ] = datetime(2012, 1, 1),  # noqa: DTZ001  # a calendar date: Typer has no date type
    nse: Annotated[
        Path | None,
        typer.Option("--nse", help="Reproduce NSE's file of daily volatility.", show_default=False),
    ] = None,
    legs: Annotated[
        Path | None,
        typer.Option("--legs", help="Volatility of traded legs against India VIX.", show_default=False),
    ] = None,
    carry: Annotated[float, typer.Option("--carry", help="Carry per year of --legs.")] = 0.06,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print realised volatility, cone, forecasts, rank, premium and regime of a day.

    With --evaluate, --signals, --nse or --legs print that study instead, one at a time.

    Example: volguard vol --history data/history --date 2025-08-29
    """
    chosen = [evaluate, signals, nse is not None, legs is not None]
    if sum(chosen) > 1:
        raise UsageError("--evaluate, --signals, --nse and --legs were combined; give one at a time")
    if nse is not None:
        _print_nse(nse, as_json)
        return
    from volguard.operations.vol_view import read_history, vol_document

    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    folder = history or found_root.resolve(settings.history.folder)
    bars = read_history(folder, settings, None if day is None else day.date())
    from volguard.operations.vol_studies import evaluation_document, legs_document, signals_document
    from volguard.report import vol_tables

    if evaluate:
        document = evaluation_document(bars, settings, first.date(), say)
        _print(document, vol_tables.evaluation_table(document), as_json)
    elif signals:
        document = signals_document(bars, settings, first.date(), say)
        _print(document, vol_tables.signals_table(document), as_json)
    elif legs is not None:
        document = legs_document(legs, bars, settings, carry)
        _print(document, vol_tables.legs_table(document), as_json)
    else:
        document = vol_document(bars, settings)
        _print(document, vol_tables.vol_table(document), as_json)


def _print_nse(file: Path, as_json: bool) -> None:
    from volguard.operations.vol_studies import nse_document
    from volguard.report.vol_tables import nse_table

    document = nse_document(file)
    _print(document, nse_table(document), as_json)


def _print(document: dict[str, Any], table: RenderableType, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(table)
