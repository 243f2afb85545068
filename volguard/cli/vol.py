"""`volguard vol`: volatility from daily history, and studies of it over the years."""

from __future__ import annotations

from datetime import date, datetime
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

    from volguard.config.roots import Root
    from volguard.config.settings import Settings
    from volguard.measure.market_view import MarketView
    from volguard.operations.vol_view import DailyHistory

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
    replay: Annotated[
        Path | None,
        typer.Option(
            "--replay", help="A recorded day: add its chain to the history before it.", show_default=False
        ),
    ] = None,
    journal: Annotated[
        Path | None,
        typer.Option("--journal", help="Read the chain from this journal instead.", show_default=False),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", help="Last snapshot up to HH:MM[:SS]; else the last.", show_default=False),
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option("--png", help="Write the charts to this file as one picture.", show_default=False),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write the charts to this file as a page.", show_default=False),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Table of forecast quality out of sample; some ten seconds.")
    ] = False,
    signals: Annotated[bool, typer.Option("--signals", help="Table of IV-RV signals by year.")] = False,
    regimes: Annotated[
        bool,
        typer.Option("--regimes", help="What each regime and IV-RV signal did over the years."),
    ] = False,
    first: Annotated[
        datetime, typer.Option("--from", formats=DAY, help="First day of --evaluate, --signals, --regimes.")
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

    With --replay or --journal also the premium, term structure and skew of its chain at that time.
    With --evaluate, --signals, --regimes, --nse or --legs print that study instead, one at a time.

    Example: volguard vol --history data/history --replay day.parquet --at 11:15 --html vol.html

    Example: volguard vol --history data/history --regimes --from 2012-01-01
    """
    studies = {
        **{"--evaluate": evaluate, "--signals": signals, "--regimes": regimes},
        **{"--nse": nse, "--legs": legs},
    }
    _check_one_study([name for name, given in studies.items() if given])
    rest = {"--replay": replay, "--journal": journal, "--at": at, "--png": png, "--html": html}
    _check_day([name for name, given in rest.items() if given], day, any(studies.values()))
    if nse is not None:
        _print_nse(nse, as_json)
        return
    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    folder = history or found_root.resolve(settings.history.folder)
    if replay is not None or journal is not None:
        document, bars = _at_moment(_viewed(replay, journal, at, settings, found_root), folder, settings)
        _print_day(document, bars, settings, png, html, as_json)
        return
    from volguard.operations.vol_studies import evaluation_document, legs_document, signals_document
    from volguard.operations.vol_view import read_history, vol_document
    from volguard.report import vol_tables

    bars = read_history(folder, settings, None if day is None else day.date())
    if evaluate:
        document = evaluation_document(bars, settings, first.date(), say)
        _print(document, vol_tables.evaluation_table(document), as_json)
    elif signals:
        document = signals_document(bars, settings, first.date(), say)
        _print(document, vol_tables.signals_table(document), as_json)
    elif regimes:
        _print_regimes(bars, settings, first.date(), as_json)
    elif legs is not None:
        document = legs_document(legs, bars, settings, carry)
        _print(document, vol_tables.legs_table(document), as_json)
    else:
        _print_day(vol_document(bars, settings), bars, settings, png, html, as_json)


def _check_one_study(studies: list[str]) -> None:
    if len(studies) > 1:
        raise UsageError(f"{' and '.join(studies)} were combined; give one at a time")


def _check_day(given: list[str], day: datetime | None, is_study: bool) -> None:
    if is_study and given:
        raise UsageError(f"{' and '.join(given)} were given with a study; leave one of them out")
    if "--replay" in given and "--journal" in given:
        raise UsageError("--replay and --journal were combined; give one of them")
    has_chain = "--replay" in given or "--journal" in given
    if has_chain and day is not None:
        raise UsageError(
            f"--date was {day.date()} beside {given[0]}, whose own day it would be; leave it out"
        )
    if "--at" in given and not has_chain:
        raise UsageError("--at was given without --replay or --journal")


def _viewed(
    replay: Path | None, journal: Path | None, at: str | None, settings: Settings, root: Root
) -> MarketView:
    from volguard.operations.chain_view import from_file, from_journal

    return from_file(replay, at, settings) if replay is not None else from_journal(root, journal, at)


def _at_moment(view: MarketView, folder: Path, settings: Settings) -> tuple[dict[str, Any], DailyHistory]:
    from volguard.operations.vol_replay import replay_document
    from volguard.operations.vol_view import history_before

    bars = history_before(folder, settings, view.ts.date())
    return replay_document(view, bars, settings), bars


def _print_day(
    document: dict[str, Any],
    bars: DailyHistory,
    settings: Settings,
    png: Path | None,
    html: Path | None,
    as_json: bool,
) -> None:
    if png is not None or html is not None:
        from volguard.operations.vol_series import vol_past
        from volguard.report.vol_charts import vol_html, vol_png

        past = vol_past(bars, settings)
        if png is not None:
            _write("--png", png, vol_png(document, past))
        if html is not None:
            _write("--html", html, vol_html(document, past).encode())
    from volguard.report.vol_tables import vol_table

    _print(document, vol_table(document), as_json)


def _write(option: str, path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written: {error.strerror}") from error
    say(f"charts in {path}")


def _print_nse(file: Path, as_json: bool) -> None:
    from volguard.operations.vol_studies import nse_document
    from volguard.report.vol_tables import nse_table

    document = nse_document(file)
    _print(document, nse_table(document), as_json)


def _print_regimes(bars: DailyHistory, settings: Settings, first: date, as_json: bool) -> None:
    from volguard.operations.vol_regimes import regimes_document
    from volguard.report.regime_tables import regimes_table

    document = regimes_document(bars, settings, first, say)
    _print(document, regimes_table(document), as_json)


def _print(document: dict[str, Any], table: RenderableType, as_json: bool) -> None:
    if as_json:
        print_json(document)
    else:
        print_table(table)
