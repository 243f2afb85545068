"""The two sides of a comparison: our book as its journal has it, the broker's as it gives them now."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Final, TypeVar

from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instrument_files import instrument_path, read_master
from volguard.adapters.upstox.instruments import InstrumentMaster
from volguard.engine.step import Engine
from volguard.execution.reconcile import fills_on
from volguard.execution.two_readings import ORDERS, POSITIONS, TRADES
from volguard.model.book import Book, Fill
from volguard.model.broker import BrokerView, ErrorClass
from volguard.model.errors import TryLater, UsageError
from volguard.model.event import PAPER
from volguard.model.instrument import Underlying
from volguard.operations.journal_state import journal_state
from volguard.wiring.live import with_closed_elsewhere
from volguard.wiring.upstox import UpstoxLink

T = TypeVar("T")
AWAY_HINT: Final = "try again; what could not be read is not a flat book"


@dataclass(frozen=True, slots=True, kw_only=True)
class OurBook:
    """Our book after row `seq` of its journal; without a journal it is empty, and `note` says so.

    `adopted`: fills that stand for what was taken over as it was held: no execution of ours.
    """

    path: Path
    seq: int
    book: Book
    note: str = ""
    adopted: frozenset[str] = frozenset()

    def fills_of(self, day: date) -> tuple[Fill, ...]:
        """Our executions of a date."""
        return tuple(fill for fill in fills_on(self.book, day) if fill.fill_id not in self.adopted)


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerBooks:
    """What the broker said at a time; `failures` tells why for each book that could not be read."""

    at: datetime
    view: BrokerView
    failures: Mapping[str, str] = field(default_factory=dict)


def our_book(path: Path, *, is_named: bool) -> OurBook:
    """The book of a journal, read without a lock and without a write; a session may be running on it.

    Raises UsageError when a journal that was named is not there or is of paper trades, JournalDamaged.
    """
    if not path.exists() and not is_named:
        return OurBook(path=path, seq=0, book=Book(), note=f"no journal {path}: our book is empty")
    with JournalReader.open(path) as reader:
        is_begun = reader.head[0] > 0
        if is_begun and beginning_of(reader).started.broker == PAPER:
            raise UsageError(
                f"journal {path} is of paper trades: nothing of it is at the broker",
                hint="leave --journal out to compare the account's own journal",
            )
    if not is_begun:
        return OurBook(path=path, seq=0, book=Book(), note=f"journal {path} has no row: our book is empty")
    ended = journal_state(path, None)
    # What `volguard flatten` closed of it counts, though the journal hears of it with its next session.
    engine = Engine(ended.settings.engine, ended.rules)
    desk = with_closed_elsewhere(path, ended.state, engine).desk or ended.desk
    return OurBook(path=path, seq=ended.seq, book=desk.book, adopted=frozenset(desk.adopted_fill_ids))


def broker_books(account: AccountReads, at: datetime) -> BrokerBooks:
    """Orders, executions and positions, each of which may fail alone.

    Raises ApiFailure when nobody is logged in, TryLater when nothing at all could be read.
    """
    failures: dict[str, str] = {}
    view = BrokerView(
        orders=_read(ORDERS, account.orders, failures),
        trades=_read(TRADES, account.trades, failures),
        positions=_read(POSITIONS, account.positions, failures),
        unread="; ".join(f"{name}: {why}" for name, why in failures.items()),
    )
    if view.orders is None and view.trades is None and view.positions is None:
        raise TryLater(f"nothing could be read from the broker: {failures[ORDERS]}", hint=AWAY_HINT)
    return BrokerBooks(at=at, view=view, failures=failures)


def names_of(link: UpstoxLink, data: Path, underlying: Underlying) -> InstrumentMaster:
    """Which contract each of the broker's keys is: today's stored file, else the broker's, not stored.

    Raises ApiFailure when the broker does not give it, DataError on a bad file.
    """
    today = link.read_clock().date()
    path = instrument_path(data, today)
    if path.is_file():
        return read_master(path, underlying)
    source = f"the instrument file of {today.isoformat()}"
    return InstrumentMaster.of(link.reads.instrument_file(), underlying=underlying, source=source)


def _read(name: str, ask: Callable[[], T], failures: dict[str, str]) -> T | None:
    try:
        return ask()
    except ApiFailure as failure:
        if failure.error_class is ErrorClass.AUTH:
            raise
        failures[name] = failure.message
        return None
