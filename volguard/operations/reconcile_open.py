"""A desk for a comparison: the way to the broker, and our book from the journal that is meant."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from volguard.adapters.upstox.account import AccountReads
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.errors import TokenError
from volguard.model.instrument import Underlying
from volguard.operations.reconcile_books import names_of, our_book
from volguard.operations.reconcile_now import ReconcileDesk
from volguard.wiring import rules_of
from volguard.wiring.live import live_journal_path
from volguard.wiring.sources import data_folder_of
from volguard.wiring.upstox import LOGIN_HINT, UpstoxLink, open_link


@contextmanager
def reconcile_desk(settings: Settings, root: Root, journal: Path | None) -> Iterator[ReconcileDesk]:
    """The desk of a call; its connections end with it. `journal` None: the account's own.

    Raises TokenError when nobody is logged in, TryLater when the look-alike that was named is away,
    ApiFailure when the broker does not say which contract its keys are.
    """
    link = open_link(settings, root, Event())
    try:
        if link.holder.current() is None:
            raise TokenError(link.holder.trouble or "nobody is logged in", hint=LOGIN_HINT)
        yield desk_over(link, settings, root, journal)
    finally:
        link.close()


def desk_over(link: UpstoxLink, settings: Settings, root: Root, journal: Path | None) -> ReconcileDesk:
    """The desk over a link that is open and logged in."""
    underlying = Underlying(settings.market.underlying)
    master = names_of(link, data_folder_of(settings, root), underlying)
    path = journal_path(settings, root, journal)
    return ReconcileDesk(
        account_name=link.account,
        broker=link.settings.base_url,
        is_rehearsal=link.settings.is_rehearsal,
        account=AccountReads(link.client, master.contract_of),
        key_of=master.key_of,
        clock=link.clock,
        rules=rules_of(settings),
        delay_s=settings.execution.absence_delay_s,
        own_book=lambda: our_book(path, is_named=journal is not None),
    )


def journal_path(settings: Settings, root: Root, journal: Path | None) -> Path:
    """The journal that was named, else the account's."""
    return journal if journal is not None else live_journal_path(root, settings)
