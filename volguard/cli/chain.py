"""`volguard chain`: one snapshot of a chain, priced, fitted and measured."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    from volguard.config.settings import Settings
    from volguard.measure.market_view import MarketView

app = typer.Typer(help="Analyse an option chain.", no_args_is_help=True)

ReplayOption = Annotated[
    Path | None,
    typer.Option("--replay", help="A recorded day; else the newest journal's.", show_default=False),
]
ExpiryOption = Annotated[
    datetime | None,
    typer.Option("--expiry", formats=["%Y-%m-%d"], help="Expiry; else the nearest.", show_default=False),
]
EachExpiryOption = Annotated[
    datetime | None,
    typer.Option("--expiry", formats=["%Y-%m-%d"], help="Expiry; else all of them.", show_default=False),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="Last snapshot up to HH:MM[:SS]; else the last.", show_default=False),
]
ChainJournalOption = Annotated[
    Path | None, typer.Option("--journal", help="Read the chain from this journal.", show_default=False)
]
PngOption = Annotated[
    Path | None, typer.Option("--png", help="Write the chart to this file as well.", show_default=False)
]


@app.callback()
def _group() -> None:
    """Analyse an option chain."""


@app.command("show")
def show(
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print one snapshot as a table with volatility and Greeks.

    Example: volguard chain show --replay day.parquet --at 11:15 --expiry 2025-09-02
    """
    from volguard.operations.chain_view import chain_document

    view, _ = _viewed(replay, at, journal, overrides, preset, root)
    document = chain_document(view, expiry.date() if expiry is not None else None)
    if as_json:
        print_json(document)
        return
    from volguard.report.tables import chain_table

    print_table(chain_table(document))


@app.command("smile")
def smile(
    replay: ReplayOption = None,
    expiry: ExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    png: PngOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fit the smile of one expiry by SABR and SVI; residuals in volatility points and ticks.

    Example: volguard chain smile --replay day.parquet --at 11:15 --expiry 2025-09-02 --png smile.png
    """
    from volguard.operations.smile_view import smile_document

    view, settings = _viewed(replay, at, journal, overrides, preset, root)
    document = smile_document(view, expiry.date() if expiry is not None else None, settings)
    if png is not None:
        from volguard.report.smile_charts import smile_png

        _write_png(png, smile_png(document))
    if as_json:
        print_json(document)
        return
    from volguard.report.smile_tables import smile_table

    print_table(smile_table(document))


@app.command("surface")
def surface(
    replay: ReplayOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    png: PngOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fit all expiries: volatility by moneyness, where each smile comes from, arbitrage checks.

    Example: volguard chain surface --replay day.parquet --at 11:15 --png surface.png
    """
    from volguard.operations.surface_view import surface_document

    document = surface_document(*_viewed(replay, at, journal, overrides, preset, root))
    if png is not None:
        from volguard.report.smile_charts import surface_png

        _write_png(png, surface_png(document))
    if as_json:
        print_json(document)
        return
    from volguard.report.smile_tables import surface_table

    print_table(surface_table(document))


@app.command("metrics")
def metrics(
    replay: ReplayOption = None,
    expiry: EachExpiryOption = None,
    at: AtOption = None,
    journal: ChainJournalOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print expected move, put-call ratios, max pain, walls, gamma, skew, term structure and VIX.

    Example: volguard chain metrics --replay day.parquet --at 11:15 --expiry 2025-09-02
    """
    from volguard.operations.metrics_view import metrics_document

    view, settings = _viewed(replay, at, journal, overrides, preset, root)
    document = metrics_document(view, expiry.date() if expiry is not None else None, settings)
    if as_json:
        print_json(document)
        return
    from volguard.report.smile_tables import metrics_table

    print_table(metrics_table(document))


def _viewed(
    replay: Path | None,
    at: str | None,
    journal: Path | None,
    overrides: list[str] | None,
    preset: str | None,
    root: Path | None,
) -> tuple[MarketView, Settings]:
    from volguard.operations.chain_view import from_file, from_journal

    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    view = from_file(replay, at, settings) if replay is not None else from_journal(found_root, journal, at)
    return view, settings


def _write_png(path: Path, picture: bytes) -> None:
    try:
        path.write_bytes(picture)
    except OSError as error:
        raise UsageError(f"--png {path}: cannot be written: {error.strerror}") from error
    say(f"chart in {path}")
