"""`volguard trade`: a structure of the operator's own, through the same review and the same approval."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from volguard.cli.market_options import ExpiryOption, LotsOption, viewed
from volguard.cli.options import (
    JournalOption,
    JsonOption,
    RootOption,
    journal_of,
    print_json,
    say,
)

if TYPE_CHECKING:
    from pathlib import Path

    from volguard.model.proposal import ProposalCard
    from volguard.strategy.manual import Wish

INTERRUPTED = 130


class BucketName(StrEnum):
    """Whose capital pays for it."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    INTRADAY = "INTRADAY"


def trade(
    legs: Annotated[
        str, typer.Option("--legs", help='Legs as "+24300PE -24500PE@2025-09-09"; - sold, + bought.')
    ],
    lots: LotsOption = 1,
    expiry: ExpiryOption = None,
    bucket: Annotated[
        BucketName | None,
        typer.Option("--bucket", help="Whose capital pays.", show_default="the bucket of that expiry"),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Value it on the session's last look; ask for nothing.")
    ] = False,
    journal: JournalOption = None,
    as_json: JsonOption = False,
    root: RootOption = None,
) -> None:
    """Have the running SEMI_AUTO session propose a structure of yours; you approve it there, like any other.

    It is reviewed against every limit. What the strategy itself has against it is shown on its card and does
    not stop you. Spreads, iron condors and iron flies of one expiry; the exits of its bucket manage it.

    \b
    Exit 0 approved, 5 refused by risk, 2 not approved: rejected, expired, or the market moved away.
    Ctrl-C leaves the proposal with the session.
    \b
    Examples:
      volguard trade --legs "+24300PE -24500PE -25000CE +25200CE" --lots 2
      volguard trade --legs "-25000CE +25200CE" --expiry 2025-09-09 --dry-run
    """
    from volguard.model.book import Bucket
    from volguard.strategy.manual import make_wish

    path = journal_of(root, journal)
    day = expiry.date() if isinstance(expiry, datetime) else None
    wish = make_wish(legs, lots, Bucket(bucket.value) if bucket is not None else None, day)
    if dry_run:
        _show(path, wish, root, as_json=as_json)
        return
    code = _ask(path, wish, as_json=as_json)
    if code:
        raise typer.Exit(code)


def _ask(path: Path, wish: Wish, *, as_json: bool) -> int:
    from volguard.adapters.clock import SystemClock
    from volguard.adapters.interrupt import StopRequest
    from volguard.operations.trade_by_hand import LEFT, ask_for_trade, require_approved, trade_document

    stop = StopRequest()
    stop.install()
    clock = SystemClock(stop.event)
    found = ask_for_trade(path, wish, clock=clock, stopped=stop.is_set, shown=_tell_shown)
    if as_json:
        print_json(trade_document(found))
    if found.outcome == LEFT:
        say(f"left: {found.text}")
        return INTERRUPTED
    require_approved(found)
    if not as_json:
        say(f"approved: {found.lots} lots as {found.trade_id}; volguard status follows it")
    return 0


def _tell_shown(card: ProposalCard) -> None:
    say(
        f"{card.proposal_id} is shown in the session's terminal until {card.expires_at:%H:%M:%S}: "
        f"answer it there. Strategy: {card.figures.get('strategy_says')}"
    )


def _show(path: Path, wish: Wish, root: Path | None, *, as_json: bool) -> None:
    from volguard.cli.payoff import payoff
    from volguard.strategy.manual import structure_of_wish

    view, _ = viewed(None, None, path, None, None, root)
    structure_of_wish(wish, view.listing)
    payoff(legs=wish.legs, journal=path, lots=wish.lots, as_json=as_json, root=root)
