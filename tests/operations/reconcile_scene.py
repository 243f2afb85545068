"""Both books in a test: a look-alike in process on a clock that is moved, a journal that agrees with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from tests.fakes import ROOT, TS, approval, make_engine, session_started
from tests.model.books import make_trade
from tests.simulator.upstox_server.desk import START, fair, market, shot
from tests.simulator.upstox_server.serving import make_core
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.adapters.upstox.client import UpstoxClient
from volguard.adapters.upstox.market_reads import MarketReads
from volguard.adapters.upstox.token_holder import TokenHolder
from volguard.adapters.upstox.token_store import TokenFile
from volguard.config import Root, load
from volguard.config.loader import Loaded
from volguard.config.settings import SECTIONS, Settings
from volguard.engine.state import Desk, State
from volguard.model.book import Book, Fill, Trade
from volguard.model.event import SessionStarted, TimePassed
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderState
from volguard.operations.reconcile_now import Reconciled, ReconcileDesk, reconcile_document, reconcile_now
from volguard.operations.reconcile_open import desk_over
from volguard.simulator.exchange_orders import SimOrder, SimTrade, Ticket, Word
from volguard.simulator.upstox_server.clock import VirtualClock
from volguard.simulator.upstox_server.faults import FaultName, FaultRule, Faults
from volguard.simulator.upstox_server.in_process import transport
from volguard.simulator.upstox_server.messages import Request, Response
from volguard.simulator.upstox_server.server import LookAlike
from volguard.wiring.live import live_journal_path
from volguard.wiring.upstox import UpstoxLink

STATES = {
    Word.COMPLETE: OrderState.FILLED,
    Word.CANCELLED: OrderState.CANCELLED,
    Word.REJECTED: OrderState.REJECTED,
    Word.OPEN: OrderState.OPEN,
}
TAG = "VG0badcafe-T001-{:02d}"


@cache
def loaded() -> Loaded[Settings]:
    """The shipped settings with where they come from."""
    root = Root(path=ROOT, is_packaged=False, config_dir=ROOT / "config")
    return load(root, (), settings_class=Settings, sections=SECTIONS)


class PausedClock(VirtualClock):
    """Calls `in_pause` while somebody waits for as long as two readings are apart."""

    def __init__(self, start: datetime) -> None:
        super().__init__(start)
        self.in_pause: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if seconds == loaded().settings.execution.absence_delay_s:
            self.in_pause()


# --- our side -----------------------------------------------------------------------------------------


def order_of(theirs: SimOrder) -> Order:
    """Our order as the exchange has it."""
    ticket = theirs.ticket
    request = approval(
        tag=ticket.tag,
        contract=ticket.contract,
        side=ticket.side,
        quantity=theirs.quantity,
        limit_price=ticket.limit_price,
    ).request
    return Order(
        request=request,
        state=STATES[theirs.word],
        sent_at=theirs.placed_at,
        limit_price=ticket.limit_price,
        priced_at=theirs.placed_at,
        rung=0,
        broker_order_id=theirs.order_id,
        filled_quantity=theirs.filled_quantity,
    )


def fill_of(theirs: SimTrade) -> Fill:
    """Our fill of an execution."""
    ticket = theirs.order.ticket
    return Fill(
        fill_id=theirs.trade_id,
        tag=ticket.tag or "",
        ts=theirs.at,
        contract=ticket.contract,
        side=ticket.side,
        quantity=theirs.quantity,
        price=theirs.price,
        charges_inr=theirs.charges_inr,
        touch_bid=theirs.touch_bid,
        touch_ask=theirs.touch_ask,
    )


def mirrored(core: LookAlike) -> Book:
    """The book that heard of every order and execution with a tag of ours."""
    orders = tuple(order_of(one) for one in core.exchange.orders.values() if one.ticket.tag)
    fills = tuple(fill_of(one) for one in core.exchange.trades if one.order.ticket.tag)
    trade: Trade = replace(make_trade(), fills=fills)
    return Book(trades=(trade,) if fills else (), orders=orders)


def write_journal(path: Path, book: Book, *, broker: str = "upstox", adopted: tuple[str, ...] = ()) -> None:
    """A journal whose last row has this book; one that is there gets another row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    started: SessionStarted = replace(session_started(), settings=loaded().values, broker=broker)
    with closing(SqliteJournal.open(path, create=True)) as journal:
        append_book(journal, started, book, adopted)


def append_book(
    journal: SqliteJournal, started: SessionStarted, book: Book, adopted: tuple[str, ...] = ()
) -> None:
    """One event and a checkpoint with the book."""
    event = started if journal.head[0] == 0 else TimePassed(ts=TS)
    journal.commit(journal.append(event), (), (), durable=True)
    desk = make_engine().step(State(), started).state.desk
    assert isinstance(desk, Desk)
    journal.checkpoint(TS, replace(desk, book=book, adopted_fill_ids=adopted))


# --- both sides ---------------------------------------------------------------------------------------


class Scene:
    """A root with a journal, a look-alike, and the way between them."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.clock = PausedClock(TS)
        self.core = make_core(
            self.clock, market=market(shot(-15.0)), cadence_s=15.0, gap_cadences=None, **options
        )
        self.core.advance()
        self.settings = loaded().settings
        self.root = Root(path=folder, is_packaged=False, config_dir=ROOT / "config")
        self.journal = live_journal_path(self.root, self.settings)
        self._handle = self.core.handle
        self._token = self.core.issue_token()
        client = UpstoxClient(
            self.settings.upstox, token=lambda: self._token, clock=self.clock, transport=transport(self.core)
        )
        file = TokenFile(folder, self.settings.account.name, self.settings.upstox)
        self.link = UpstoxLink(
            settings=self.settings.upstox,
            account=self.settings.account.name,
            clock=self.clock,
            holder=TokenHolder(file, self.clock.now),
            client=client,
            reads=MarketReads(client),
        )
        self._orders = 0

    def place(
        self, contract: OptionContract, side: Side, *, quantity: int = 65, away: str = "0", **changes: Any
    ) -> SimOrder:
        """An order with a tag of ours, `away` rupees from a price that fills; a second passes."""
        self._orders += 1
        touch = Decimal(str(round(fair(contract), 2))) + side.sign * (Decimal("0.1") - Decimal(away))
        given = {"tag": TAG.format(self._orders), **changes}
        ticket = Ticket(contract=contract, side=side, quantity=quantity, limit_price=touch, **given)
        order = self.core.exchange.place(ticket, self.clock.now())
        self.pass_time(1.0)
        return order

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and the market be quoted once at its end."""
        self.clock.advance(seconds)
        self.core.exchange.look(shot((self.clock.now() - START).total_seconds()))

    def cancel(self, order: SimOrder) -> None:
        """Take an order off."""
        self.core.exchange.cancel(order, self.clock.now())
        self.pass_time(1.0)

    def trade_outside(self, contract: OptionContract, side: Side, quantity: int = 65) -> None:
        """Somebody trades by hand."""
        price = Decimal(str(round(fair(contract), 2)))
        self.core.exchange.trade_outside(contract, side, quantity, price, self.clock.now())

    def mirror(self, change: Callable[[Book], Book] = lambda book: book) -> Book:
        """Write our book as the exchange's, changed."""
        book = change(mirrored(self.core))
        write_journal(self.journal, book)
        return book

    def hear(self) -> None:
        """Our book learns all that the exchange knows."""
        self.mirror()

    def hear_all(self) -> None:
        """Our book takes over every execution of the account, whoever made it."""
        fills = tuple(fill_of(one) for one in self.core.exchange.trades)
        self.mirror(lambda book: replace(book, trades=(replace(make_trade(), fills=fills),)))

    def ask_raw(self, path: str) -> Response:
        """What the broker answers to a read now."""
        headers = {"authorization": f"Bearer {self._token}"}
        return self._handle(Request(method="GET", host="api", path=path, query={}, headers=headers, body=b""))

    def answer_with(self, path: str, response: Response | None) -> None:
        """From now on a read is answered by this, None: truly."""

        def handle(request: Request) -> Response:
            if request.path == path and response is not None:
                return response
            return self._handle(request)

        self.core.handle = handle  # type: ignore[method-assign]

    def fail(self, *names: str, times: int | None = None) -> None:
        """From now on these reads fail, as often as the broker is asked or so many times."""
        rule = FaultRule(
            name=FaultName.SERVER_ERROR_BEFORE,
            probability=1.0,
            where=frozenset(names),
            times_max=times,
        )
        self.core.faults._armed = Faults((rule,), seed=1)._armed

    def desk(self, journal: Path | None = None) -> ReconcileDesk:
        """A desk over all this."""
        return desk_over(self.link, self.settings, self.root, journal)

    def reconcile(self, *, end_of_day: bool | None = None, journal: Path | None = None) -> Reconciled:
        """Compare."""
        return reconcile_now(self.desk(journal), end_of_day=end_of_day)

    def document(self, *, end_of_day: bool | None = None) -> dict[str, Any]:
        """Compare, as the document."""
        desk = self.desk()
        return reconcile_document(desk, reconcile_now(desk, end_of_day=end_of_day))


@contextmanager
def scene_of_books(folder: Path, **options: Any) -> Iterator[Scene]:
    """A scene whose connections end with the block."""
    scene = Scene(folder, **options)
    with closing(scene.link):
        yield scene


def kinds(done: Reconciled) -> list[str]:
    """Kinds of what lasts."""
    return [one.kind.value for one in done.confirmed.lasting]
