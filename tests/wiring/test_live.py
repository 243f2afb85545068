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
from volguard.engine.carried import book_to_carry
from volguard.engine.state import State
from volguard.model.book import Book, Fill, TradeState
from volguard.model.decision import TradingState
from volguard.model.errors import ConfigError, UsageError
from volguard.model.event import BookCarried, ClosedElsewhere, OrderFilled, OutsideFill, SessionStarted
from volguard.model.instrument import Side
from volguard.model.order import OrderState
from volguard.wiring.live import carried_book, closed_elsewhere, day_journal_path, live_journal_path
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


def tomorrow_of(path: Path) -> SessionStarted:
    """The start of a session on the day after the journal's."""
    old = started_in(path)
    day = timedelta(days=1)
    return replace(old, ts=old.ts + day, trading_date=old.trading_date + day, session_id="next")


def begun(started: SessionStarted, *events: BookCarried) -> State:
    """A session's state after its start and what was carried into it."""
    state = ENGINE.step(State(), replace(started, broker="upstox")).state
    for event in events:
        state = ENGINE.step(state, event).state
    return state


def test_the_book_is_carried_to_the_next_day(root: Root) -> None:
    """The trade is there with its fills, numbered anew; what it made before is not the day's."""
    path, said = live_journal_path(root, shipped()), []
    write_journal(path, held())
    tomorrow = tomorrow_of(path)
    assert day_journal_path(root, shipped(), tomorrow, said.append) == path
    assert not path.exists() and "set aside" in said[0]
    (event,) = carried_book(path, tomorrow, said.append)
    assert "T001" in said[1]
    desk = desk_of(begun(tomorrow, event))
    assert [(p.quantity, p.contract) for p in desk.book.positions] == [(-65, CONTRACT)]
    assert desk.book.trades[0].state is TradeState.OPEN and desk.fill_ids == ("41",)
    # A crash before the new journal's first row loses nothing: it is carried again.
    assert carried_book(path, tomorrow, said.append) == (event,)
    # What agrees with the broker's positions is agreed upon: no execution of today is asked for it.
    steps = read(begun(tomorrow, event), view(position(-65, leg=SHORT)), times=2)
    assert desk_of(steps[-1].state).mismatches == () and not desk_of(steps[-1].state).awaits_book


def test_an_upgrade_overnight_loses_no_book(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that ended is read by its last checkpoint: other settings than today's stop nothing."""
    path, said = live_journal_path(root, shipped()), []
    write_journal(path, held())
    tomorrow = tomorrow_of(path)

    def refuse(*_: object) -> None:
        raise ConfigError("settings in the journal do not fit this version")

    monkeypatch.setattr("volguard.wiring.live.restore", refuse)
    day_journal_path(root, shipped(), tomorrow, said.append)
    (event,) = carried_book(path, tomorrow, said.append)
    assert [trade.trade_id for trade in event.trades] == ["T001"]


def test_what_earlier_days_made_is_not_the_days(root: Root) -> None:
    """A trade that had made 260 less charges at its last mark begins the day at nothing."""
    path = live_journal_path(root, shipped())
    write_journal(path, held())
    desk = desk_of(live(book=held(), last_gross_inr={"T001": Decimal(260)}))
    event = book_to_carry(desk, "old.db", TS, TS.date())
    assert event is not None
    assert event.trades[0].carried_pnl_inr == Decimal(259) and event.last_gross_inr == {"T001": Decimal(260)}
    unmarked = book_to_carry(desk_of(live(book=held())), "old.db", TS, TS.date())
    assert unmarked is not None and unmarked.trades[0].carried_pnl_inr == Decimal(0)


def test_what_expired_is_not_carried() -> None:
    """The exchange has settled it."""
    desk = desk_of(live(book=held()))
    after = CONTRACT.expiry + timedelta(days=1)
    assert book_to_carry(desk, "old.db", TS, CONTRACT.expiry) is not None
    assert book_to_carry(desk, "old.db", TS, after) is None


def test_what_flatten_closed_beside_it_is_not_carried(root: Root) -> None:
    """Such a book is flat."""
    path, said = live_journal_path(root, shipped()), []
    write_journal(path, held())
    close_beside(path)
    tomorrow = tomorrow_of(path)
    day_journal_path(root, shipped(), tomorrow, said.append)
    assert carried_book(path, tomorrow, said.append) == ()


def test_a_held_journal_of_today_is_not_left(root: Root) -> None:
    """Other settings, or another version, in mid-day: run it on as it began."""
    path = live_journal_path(root, shipped())
    write_journal(path, held())
    other = replace(started_in(path), settings_hash="another")
    with pytest.raises(UsageError, match=r"of today holds -65 .* settings, phase or version have changed"):
        day_journal_path(root, shipped(), other, lambda _text: None)
    assert path.exists()


def test_a_clock_that_went_back_is_refused(root: Root) -> None:
    """A journal of tomorrow is not set aside by a session of today."""
    path = live_journal_path(root, shipped())
    write_journal(path, Book())
    old = started_in(path)
    with pytest.raises(UsageError, match="after the session's day"):
        day_journal_path(
            root, shipped(), replace(old, trading_date=old.trading_date - timedelta(days=1)), print
        )


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
