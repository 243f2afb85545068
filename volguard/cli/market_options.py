"""Options of commands that look at a market, and what they do with them: read a chain, write charts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from volguard.cli.options import journal_of, root_of, say, settings_of
from volguard.model.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from volguard.config.settings import Settings
    from volguard.measure.market_view import MarketView
    from volguard.model.market import DailyBar
    from volguard.operations.journal_state import JournalState
    from volguard.operations.portfolio import Portfolio

ReplayOption = Annotated[
    Path | None,
    typer.Option("--replay", help="A recorded day; else the newest journal's.", show_default=False),
]
ExpiryOption = Annotated[
    datetime | None,
    typer.Option("--expiry", formats=["%Y-%m-%d"], help="Expiry; else the nearest.", show_default=False),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", help="Last snapshot up to HH:MM[:SS]; else the last.", show_default=False),
]
ChainJournalOption = Annotated[
    Path | None, typer.Option("--journal", help="Read the chain from this journal.", show_default=False)
]
PngOption = Annotated[
    Path | None, typer.Option("--png", help="Write the charts to this file as well.", show_default=False)
]
HtmlOption = Annotated[
    Path | None, typer.Option("--html", help="Write a page with the charts as well.", show_default=False)
]
LegsOption = Annotated[
    str | None,
    typer.Option(
        "--legs",
        help='Legs as "-24500PE +2x24300PE@2025-09-09"; - sold, + bought.',
        show_default=False,
    ),
]
LotsOption = Annotated[int, typer.Option("--lots", help="Lots of the whole structure.")]
BookOption = Annotated[bool, typer.Option("--book", help="The book of the journal instead of legs.")]
DailyOption = Annotated[
    Path | None,
    typer.Option("--history", help="Folder of daily files; else [history] folder.", show_default=False),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSource:
    """Whose positions a call is about, as it was typed."""

    legs: str | None
    expiry: datetime | None
    lots: int
    book: bool
    replay: Path | None
    journal: Path | None
    at: str | None
    history: Path | None


def viewed(
    replay: Path | None,
    at: str | None,
    journal: Path | None,
    overrides: list[str] | None,
    preset: str | None,
    root: Path | None,
) -> tuple[MarketView, Settings]:
    """The snapshot that a call asks for, priced, and the settings of the call."""
    from volguard.operations.chain_view import check_one_source, from_file, from_journal

    check_one_source(replay, journal)
    found_root = root_of(root)
    settings = settings_of(found_root, overrides, preset).settings
    view = from_file(replay, at, settings) if replay is not None else from_journal(found_root, journal, at)
    return view, settings


def portfolio_of_call(
    source: PositionSource,
    *,
    overrides: list[str] | None,
    preset: str | None,
    root: Path | None,
) -> Portfolio:
    """The legs of a call on its chain, or the book of a journal. Raises UsageError when neither or both."""
    from volguard.operations.payoff_measures import bars_before
    from volguard.operations.portfolio import portfolio_of_book, portfolio_of_legs

    if source.book:
        _check_book(source, overrides, preset)
        found, bars = _book(source, root)
        return portfolio_of_book(found, bars)
    if source.legs is None:
        raise UsageError(
            "neither --legs nor --book was given",
            hint='for example --legs "-24500PE +24300PE", or --book for the positions of a journal',
        )
    from volguard.strategy.legs_text import legs_of

    view, settings = viewed(source.replay, source.at, source.journal, overrides, preset, root)
    lines = legs_of(source.legs, view.listing, source.expiry.date() if source.expiry is not None else None)
    usual = root_of(root).resolve(settings.history.folder)
    bars = bars_before(view.ts.date(), source.history, usual, settings)
    return portfolio_of_legs(view, lines, lots=source.lots, bars=bars, settings=settings)


def write_charts(
    document: dict[str, Any],
    png: Path | None,
    picture: Callable[[dict[str, Any]], bytes],
    html: Path | None,
    page: Callable[[dict[str, Any]], str],
) -> None:
    """Draw what was asked for and say where it is. Raises UsageError where it cannot be written."""
    if png is not None:
        write_file("--png", png, picture(document))
    if html is not None:
        write_file("--html", html, page(document).encode())


def _check_book(source: PositionSource, overrides: list[str] | None, preset: str | None) -> None:
    given = {
        "--legs": source.legs is not None,
        "--replay": source.replay is not None,
        "--expiry": source.expiry is not None,
        "--lots": source.lots != 1,
        "--set": bool(overrides),
        "--preset": preset is not None,
    }
    if names := [name for name, is_given in given.items() if is_given]:
        raise UsageError(
            f"{' and '.join(names)} beside --book: its positions, market and settings are the journal's",
            hint="leave one of them out",
        )


def _book(source: PositionSource, root: Path | None) -> tuple[JournalState, tuple[DailyBar, ...]]:
    # A folder that is named stands in for the history of the session.
    from volguard.operations.journal_state import journal_state
    from volguard.operations.payoff_measures import bars_before

    found = journal_state(journal_of(root, source.journal), source.at)
    if source.history is None:
        return found, ()
    day = found.desk.trading_date
    return found, bars_before(day, source.history, source.history, found.settings)


def write_file(option: str, path: Path, content: bytes, *, what: str = "chart") -> None:
    """Write what an option asked for and say where it is. Raises UsageError where it cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be written: {error.strerror}") from error
    say(f"{what} in {path}")
