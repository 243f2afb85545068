"""`volguard chain`: one snapshot of a chain, priced, fitted and measured."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from volguard.cli.market_options import (
    AtOption,
    ChainJournalOption,
    ExpiryOption,
    HtmlOption,
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
    say,
    settings_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

app = typer.Typer(help="Analyse an option chain.", no_args_is_help=True)

EachExpiryOption = Annotated[
    datetime | None,
    typer.Option("--expiry", formats=["%Y-%m-%d"], help="Expiry; else all of them.", show_default=False),
]
SPOKEN_S = 1.0  # between two words on progress


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

    view, _ = viewed(replay, at, journal, overrides, preset, root)
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
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fit the smile of one expiry by SABR and SVI; residuals in volatility points and ticks.

    Example: volguard chain smile --replay day.parquet --at 11:15 --expiry 2025-09-02 --png smile.png
    """
    from volguard.operations.smile_view import smile_document
    from volguard.operations.surface_session import surface_at

    view, settings = viewed(replay, at, journal, overrides, preset, root)
    fitted = surface_at(replay, view, settings) if replay is not None else None
    document = smile_document(view, expiry.date() if expiry is not None else None, settings, fitted)
    from volguard.report.smile_charts import smile_page, smile_png

    write_charts(document, png, smile_png, html, smile_page)
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
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Fit all expiries: volatility by moneyness, where each smile comes from, arbitrage checks.

    Example: volguard chain surface --replay day.parquet --at 11:15 --png surface.png
    """
    from volguard.operations.surface_session import surface_at
    from volguard.operations.surface_view import surface_document

    view, settings = viewed(replay, at, journal, overrides, preset, root)
    # Of a recorded day the surface is the one that a session would have had by then.
    surface = surface_at(replay, view, settings) if replay is not None else None
    document = surface_document(view, settings, surface)
    from volguard.report.smile_charts import surface_page, surface_png

    write_charts(document, png, surface_png, html, surface_page)
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
    png: PngOption = None,
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print expected move, put-call ratios, max pain, walls, gamma, skew, term structure and VIX.

    Example: volguard chain metrics --replay day.parquet --at 11:15 --expiry 2025-09-02
    """
    from volguard.operations.metrics_view import metrics_document

    view, settings = viewed(replay, at, journal, overrides, preset, root)
    document = metrics_document(view, expiry.date() if expiry is not None else None, settings)
    from volguard.report.metrics_charts import metrics_page, metrics_png

    write_charts(document, png, metrics_png, html, metrics_page)
    if as_json:
        print_json(document)
        return
    from volguard.report.smile_tables import metrics_table

    print_table(metrics_table(document))


@app.command("history")
def history(
    replay: Annotated[
        list[Path],
        typer.Option("--replay", help="A recorded day; may be repeated, in any order.", show_default=False),
    ],
    every: Annotated[int, typer.Option("--every", min=1, help="Minutes from one row to the next.")] = 15,
    expiry: Annotated[
        datetime | None,
        typer.Option(
            "--expiry", formats=["%Y-%m-%d"], help="Expiry; else each day's nearest.", show_default=False
        ),
    ] = None,
    png: PngOption = None,
    html: HtmlOption = None,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Print how volatility, skew, straddle, term structure and VIX moved through recorded days.

    Example: volguard chain history --replay day.parquet --every 15 --html history.html
    """
    from volguard.operations.chain_history import history_document
    from volguard.report.chain_history_charts import history_page, history_png

    settings = settings_of(root_of(root), overrides, preset).settings
    day = expiry.date() if expiry is not None else None
    document = history_document(replay, every_min=every, expiry=day, settings=settings, tell=_now_and_then())
    write_charts(document, png, history_png, html, history_page)
    if as_json:
        print_json(document)
        return
    from volguard.report.chain_history_tables import history_table

    print_table(history_table(document))


@app.command("model")
def model(
    data: Annotated[
        Path, typer.Option("--data", help="Folder with daily history, traded condor legs, a recorded day.")
    ],
    in_sample: Annotated[
        bool, typer.Option("--in-sample", help="Do not fit the model again without each year: quicker.")
    ] = False,
    overrides: SetOption = None,
    preset: PresetOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Measure how near modelled option prices come to real ones, by year, by leg and on a recorded day.

    The model makes whole chains of the index and India VIX (config/chain_model.toml). Whoever uses its prices
    must know its error. Example: volguard chain model --data data/history
    """
    from volguard.backtest.real_prices import measure_on
    from volguard.config.chain_model import load_chain_model
    from volguard.model.instrument import Underlying
    from volguard.wiring import rules_of

    found = root_of(root)
    settings = settings_of(found, overrides, preset).settings
    document = measure_on(
        data,
        tables=load_chain_model(found).settings.chain_model,
        rules=rules_of(settings),
        underlying=Underlying(settings.market.underlying),
        out_of_sample=not in_sample,
        progress=say,
    ).document()
    if as_json:
        print_json(document)
        return
    from volguard.report.chain_model_tables import chain_model_table

    print_table(chain_model_table(document))


def _now_and_then() -> Callable[[str], None]:
    from threading import Event

    from volguard.adapters.clock import SystemClock

    clock = SystemClock(Event())
    spoken = clock.monotonic_s()

    def tell(text: str) -> None:
        nonlocal spoken
        now = clock.monotonic_s()
        if now - spoken >= SPOKEN_S:
            spoken = now
            say(text)

    return tell
