"""An account's journal from session to session, and the records of what was closed beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.engine.test_reconciling import ENGINE, desk_of, live, position, read, view
from tests.fakes import CONDOR, TS, order, shipped
from tests.model.books import make_trade
from tests.operations.reconcile_scene import write_journal
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of
from volguard.adapters.side_file import SideFile
from volguard.config.roots import Root
from volguard.model.book import Book, Fill, TradeState
from volguard.model.decision import TradingState
from volguard.model.errors import UsageError
from volguard.model.event import ClosedElsewhere, OrderFilled, OutsideFill, SessionStarted
from volguard.model.instrument import Side
from volguard.model.order import OrderState
from volguard.wiring.live import closed_elsewhere, day_journal_path, live_journal_path
from volguard.wiring.session import session_id_of

SHORT = 1  # of the condor's legs
CONTRACT = CONDOR[SHORT].contract
SESSION: Mapping[str, str] = {"session_id": "s-1"}


def sold(fill_id: str = "41") -> Fill:
    """A short of the session."""
    return Fill(
        fill_id=fill_id,
        tag="VG-1",
        ts=TS,
        contract=CONTRACT,
        side=Side.SELL,
        quantity=65,
        price=Decimal(20),
        charges_inr=Decimal(1),
        touch_bid=None,
        touch_ask=None,
    )


def held() -> Book:
    """One short of 65."""
    return Book(trades=(make_trade(sold(), trade_id="T001", legs=CONDOR, state=TradeState.OPEN),))


def close_beside(journal: Path, at: datetime = TS) -> None:
    """What `volguard flatten` keeps of having bought the short back."""
    record = SideFile.create(journal, "flatten", at)
    record.write("OrderSent", {"tag": "FL1", "contract": CONTRACT, "side": "BUY"}, at)
    record.write("OrderFilled", {"tag": "FL1", "fill_id": "900", "quantity": 65, "price": "12"}, at)
    record.close()


@pytest.fixture
def root(tmp_path: Path) -> Root:
    return Root(path=tmp_path, config_dir=tmp_path, is_packaged=False)


def started_in(journal: Path) -> SessionStarted:
    with JournalReader.open(journal) as reader:
        return beginning_of(reader).started


def test_two_sessions_of_one_day_never_share_a_tag(root: Root) -> None:
    """The account's journal keeps its name, the session does not: tags are made of the session's."""
    path = live_journal_path(root, shipped())
    write_journal(path, Book())
    first = replace(started_in(path), broker="upstox")
    second = replace(first, ts=first.ts + timedelta(seconds=40))
    names = {session_id_of(path, one) for one in (first, second)}
    assert len(names) == 2
    assert len({hashlib.blake2b(name.encode(), digest_size=4).hexdigest() for name in names}) == 2


def test_the_record_of_another_session_is_none_of_this_book(root: Root) -> None:
    """Yesterday's flatten bought back what is sold again today: the short of today stays in the book."""
    path = live_journal_path(root, shipped())
    write_journal(path, Book())
    close_beside(path, TS - timedelta(days=1))
    today = live(session_id="another", book=held(), fill_ids=("41",))
    assert closed_elsewhere(path, today) == ()
    path.unlink()
    close_beside(path)  # no journal: nobody's
    assert closed_elsewhere(path, today) == ()


def test_the_record_of_this_session_is_booked_once(root: Root) -> None:
    """The trade is closed with the broker's own execution; a second look adds nothing."""
    path = live_journal_path(root, shipped())
    write_journal(path, held())
    close_beside(path)
    state = live(session_id=started_in(path).session_id, book=held(), fill_ids=("41",))
    (event,) = closed_elsewhere(path, state)
    after = ENGINE.step(state, event).state
    assert desk_of(after).book.positions == ()
    assert desk_of(after).book.trades[0].state is TradeState.CLOSED
    assert closed_elsewhere(path, after) == ()


def test_a_flat_journal_of_another_day_is_set_aside_and_a_held_one_refused(root: Root) -> None:
    """What flatten closed beside it counts: such a book is flat."""
    path, said = live_journal_path(root, shipped()), []
    write_journal(path, held())
    tomorrow = replace(started_in(path), trading_date=started_in(path).trading_date + timedelta(days=1))
    with pytest.raises(UsageError, match=r"holds -65 .* it is of another day") as caught:
        day_journal_path(root, shipped(), tomorrow, said.append)
    assert "reconcile --adopt" in str(caught.value.hint)
    close_beside(path)
    assert day_journal_path(root, shipped(), tomorrow, said.append) == path
    assert not path.exists() and "set aside" in said[0]


def test_a_fill_of_ours_that_is_heard_late_meets_what_closed_it() -> None:
    """Killed between the fill and our hearing of it, closed by flatten, started again: the book is flat."""
    trade = make_trade(trade_id="T001", legs=CONDOR, state=TradeState.OPENING)
    state = live(book=Book(trades=(trade,), orders=(order(OrderState.OPEN, tag="VG-1"),)))
    contract = desk_of(state).book.orders[0].request.contract
    outside = OutsideFill(
        ts=TS,
        fill_id="900",
        contract=contract,
        side=Side.SELL,
        quantity=65,
        price=Decimal(9),
        is_first_of_order=True,
    )
    event = ClosedElsewhere(ts=desk_of(state).now, source="f.jsonl", fills=(outside,))
    state = ENGINE.step(ENGINE.step(state, event).state, event).state
    assert [left.fill.quantity for left in desk_of(state).outside_left] == [65]
    heard = OrderFilled(ts=desk_of(state).now, tag="VG-1", fill_id="899", quantity=65, price=Decimal(10))
    state = ENGINE.step(state, heard).state
    assert desk_of(state).book.positions == () and desk_of(state).outside_left == ()


def test_what_was_traded_here_today_is_no_strangers() -> None:
    """A short that the book has closed and the broker still holds halts: it is not somebody else's."""
    bought = replace(sold("42"), side=Side.BUY)
    closed = make_trade(sold(), bought, trade_id="T001", legs=CONDOR, state=TradeState.CLOSED)
    state = live(book=Book(trades=(closed,)), fill_ids=("41", "42"))
    steps = read(state, replace(view(position(-65, leg=SHORT)), trades=()), times=6)
    desk = desk_of(steps[-1].state)
    assert desk.trading_state is TradingState.HALTED and desk.is_book_untrue
