"""Our journal against a look-alike's books: each difference planted, each read failing, orders in motion."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.fakes import TS, session_started
from tests.operations.reconcile_scene import (
    Scene,
    append_book,
    kinds,
    loaded,
    mirrored,
    scene_of_books,
    write_journal,
)
from tests.simulator.upstox_server.desk import CALL, FAR_CALL, FAR_PUT, PUT
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.instrument_files import instrument_path
from volguard.execution.reconcile import DifferenceKind
from volguard.model.book import Book, Fill
from volguard.model.errors import JournalDamaged, TryLater, UsageError
from volguard.model.instrument import Side
from volguard.model.order import Order, OrderState
from volguard.operations.reconcile_now import require_figures
from volguard.simulator.exchange_account import Overnight
from volguard.simulator.upstox_server.messages import Response

K = DifferenceKind
POSITIONS = endpoints.POSITIONS.path


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Both books hold a short call, its long call, a closed put, and one order that rests."""
    with scene_of_books(tmp_path) as made:
        made.place(FAR_CALL, Side.BUY)
        made.place(CALL, Side.SELL)
        made.place(PUT, Side.BUY)
        made.place(PUT, Side.SELL)
        made.place(FAR_PUT, Side.BUY, away="5")
        made.mirror()
        yield made


def of_fills(change: Callable[[Fill], Fill | None]) -> Callable[[Book], Book]:
    """A book with its fills changed, or left out."""

    def changed(book: Book) -> Book:
        (trade,) = book.trades
        fills = tuple(kept for fill in trade.fills if (kept := change(fill)) is not None)
        return replace(book, trades=(replace(trade, fills=fills),))

    return changed


def of_orders(change: Callable[[Order], Order | None]) -> Callable[[Book], Book]:
    """A book with its orders changed, or left out."""

    def changed(book: Book) -> Book:
        return replace(book, orders=tuple(kept for one in book.orders if (kept := change(one)) is not None))

    return changed


def resting(change: Callable[[Order], Order | None]) -> Callable[[Book], Book]:
    """A book with the one order that rests changed, or left out."""
    return of_orders(lambda one: change(one) if one.state is OrderState.OPEN else one)


# --- agreement ----------------------------------------------------------------------------------------


def test_books_that_agree_are_read_once(scene: Scene) -> None:
    """Closed rows of the day count as nothing held; nothing is waited for."""
    before = scene.clock.now()
    done = scene.reconcile()
    assert done.agrees and done.confirmed.moving == () and len(done.looks) == 1
    assert scene.clock.now() == before
    assert len(done.looks[0].theirs.view.positions or ()) == 3


def test_reconciling_twice_changes_nothing(scene: Scene) -> None:
    """Two documents are the same to the byte but for their times, and the journal is not touched."""
    scene.trade_outside(PUT, Side.BUY)
    stored = scene.journal.read_bytes()
    texts = []
    for _ in range(2):
        document = scene.document()
        document["at"], document["readings"] = "", [""] * len(document["readings"])
        texts.append(json.dumps(document))
    assert texts[0] == texts[1] and '"orphan_position"' in texts[0]
    assert scene.journal.read_bytes() == stored
    assert not list(scene.root.path.rglob("*.json.gz"))


def test_without_a_journal_our_book_is_empty_and_that_is_said(tmp_path: Path) -> None:
    """An account on its first day agrees; one that holds something does not."""
    with scene_of_books(tmp_path) as scene:
        document = scene.document()
        assert document["agrees"] and "our book is empty" in document["notes"][0]
        scene.trade_outside(CALL, Side.SELL)
        assert kinds(scene.reconcile()) == ["orphan_position"]
        assert not scene.journal.exists()


def test_a_running_session_keeps_its_lock(scene: Scene) -> None:
    """The journal is read beside its writer, up to the last row that it has committed."""
    book = mirrored(scene.core)
    started = replace(session_started(), settings=loaded().values, broker="upstox")
    with closing(SqliteJournal.open(scene.journal)) as running:
        assert scene.reconcile().agrees
        append_book(running, started, replace(book, orders=book.orders[:-1]))
        assert kinds(scene.reconcile()) == ["foreign_order"]


def test_a_journal_of_paper_trades_is_refused(scene: Scene, tmp_path: Path) -> None:
    """Nothing of it is at the broker: every row would be a difference."""
    paper = tmp_path / "paper.db"
    write_journal(paper, Book(), broker="paper")
    with pytest.raises(UsageError, match="paper trades"):
        scene.reconcile(journal=paper)


def test_a_journal_that_was_named_must_be_there(scene: Scene, tmp_path: Path) -> None:
    """A name mistyped is no empty book."""
    with pytest.raises(UsageError, match="nowhere"):
        scene.reconcile(journal=tmp_path / "nowhere.db")


def test_a_damaged_journal_is_no_empty_book(scene: Scene) -> None:
    """It is kept as it is, and nothing is concluded."""
    scene.journal.write_bytes(b"no journal at all, but long enough to be looked at" * 100)
    with pytest.raises(JournalDamaged):
        scene.reconcile()


# --- each kind of difference --------------------------------------------------------------------------


def only(order: Order, **changes: object) -> Order:
    return replace(order, **changes)  # type: ignore[arg-type]


PLANTED: dict[DifferenceKind, Callable[[Scene], object]] = {
    K.UNREAD: lambda scene: scene.fail("trades"),
    K.POSITION: lambda scene: scene.trade_outside(CALL, Side.SELL),
    K.ORPHAN_POSITION: lambda scene: scene.trade_outside(FAR_PUT, Side.BUY),
    K.GHOST_POSITION: lambda scene: scene.trade_outside(CALL, Side.BUY),
    K.OTHER_PRODUCT: lambda scene: scene.place(CALL, Side.BUY, product="I", tag=None),
    K.FOREIGN_ORDER: lambda scene: scene.place(PUT, Side.BUY, away="5", tag="by-hand"),
    K.LOST_ORDER: lambda scene: scene.mirror(
        lambda book: replace(book, orders=(*book.orders, lost(book.orders[-1])))
    ),
    K.ORDER_STATE: lambda scene: scene.cancel(list(scene.core.exchange.orders.values())[-1]),
    K.ORDER_FILLED: lambda scene: scene.mirror(resting(lambda one: only(one, filled_quantity=30))),
    K.ORDER_TERMS: lambda scene: scene.mirror(
        resting(lambda one: only(one, request=replace(one.request, quantity=130)))
    ),
    K.TWICE: lambda scene: scene.place(FAR_PUT, Side.BUY, away="5", tag=last_tag(scene)),
    K.UNBOOKED_TRADE: lambda scene: scene.mirror(of_fills(without_last)),
    K.UNPROVEN_FILL: lambda scene: scene.mirror(
        of_fills(lambda fill: replace(fill, fill_id="X") if fill.contract == CALL else fill)
    ),
    K.TRADE_TERMS: lambda scene: scene.mirror(
        of_fills(lambda fill: replace(fill, price=fill.price + 1) if fill.contract == CALL else fill)
    ),
    K.CHARGES: lambda scene: scene.mirror(
        of_fills(lambda fill: replace(fill, charges_inr=fill.charges_inr + 1))
    ),
    K.FUNDS: lambda scene: take_out(scene, Decimal(5000)),
}


def take_out(scene: Scene, rupees: Decimal) -> None:
    """Cash leaves the account, and no pay-out is on record."""
    scene.core.exchange.account.premium_inr -= rupees


def without_last(fill: Fill) -> Fill | None:
    """The last execution of the day, a sale of puts, was not heard; the position it made neither."""
    return None if fill.contract == PUT and fill.side is Side.SELL else fill


def lost(order: Order) -> Order:
    return replace(order, request=replace(order.request, tag="VG0badcafe-T009-01"), broker_order_id=None)


def last_tag(scene: Scene) -> str | None:
    return list(scene.core.exchange.orders.values())[-1].ticket.tag


BESIDE = {
    K.UNBOOKED_TRADE: ["ghost_position"],
    K.UNPROVEN_FILL: ["unbooked_trade"],  # the execution that the fill should have been
    K.CHARGES: ["charges"] * 3 + ["funds"],
}


@pytest.mark.parametrize("kind", list(DifferenceKind))
def test_each_difference_is_found_and_lasts(scene: Scene, kind: DifferenceKind) -> None:
    """Planted alone it is found alone, in both readings, and the exit is a mismatch."""
    PLANTED[kind](scene)
    done = scene.reconcile(end_of_day=kind in (K.CHARGES, K.FUNDS))
    assert sorted(kinds(done)) == sorted([kind.value, *BESIDE.get(kind, [])])
    assert not done.agrees and done.confirmed.moving == ()
    assert all(one.reason and one.ours and one.theirs for one in done.confirmed.lasting)


def test_an_overnight_position_is_compared_with_what_was_carried_here(tmp_path: Path) -> None:
    """Fills of earlier days make our position; the broker lists it without one of their executions."""
    carried = (Overnight(contract=CALL, quantity=-65, price=Decimal("100")),)
    with scene_of_books(tmp_path, overnight=carried) as scene:
        assert kinds(scene.reconcile()) == ["orphan_position"]
        scene.place(FAR_CALL, Side.BUY)
        book = mirrored(scene.core)
        (trade,) = book.trades
        (fill,) = trade.fills
        yesterday = replace(
            fill,
            fill_id="Y",
            tag="VG0badcafe-T000-01",
            contract=CALL,
            side=Side.SELL,
            ts=TS - timedelta(days=1),
        )
        write_journal(scene.journal, replace(book, trades=(replace(trade, fills=(yesterday, fill)),)))
        assert scene.reconcile().agrees


def test_a_position_that_was_adopted_is_no_execution_of_ours(scene: Scene) -> None:
    """Its fill stands for what was held: the broker lists no such execution, and it is no part of our day."""
    scene.trade_outside(FAR_PUT, Side.BUY)
    book = mirrored(scene.core)
    (trade,) = book.trades
    taken = replace(trade.fills[0], fill_id="adopted-1", tag="adopted", contract=FAR_PUT, side=Side.BUY)
    whole = replace(book, trades=(replace(trade, fills=(*trade.fills, taken)),))
    write_journal(scene.journal, whole)
    assert kinds(scene.reconcile()) == ["unproven_fill"]
    write_journal(scene.journal, whole, adopted=("adopted-1",))
    document = scene.document(end_of_day=True)
    assert document["agrees"]
    assert "adopted-1" not in {one["trade_id"] for one in document["end_of_day"]["executions"]}
    assert "1 execution" in document["end_of_day"]["figures"][-1]["reason"]


# --- reads that fail ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("route", "book"), [("order_book", "orders"), ("trades", "trades"), ("positions", "positions")]
)
def test_one_read_that_fails_is_unread_and_never_flat(scene: Scene, route: str, book: str) -> None:
    """The others are compared all the same; the reason is that of the one read."""
    scene.fail(route)
    done = scene.reconcile()
    (found,) = done.confirmed.lasting
    assert (found.kind, found.subject, found.theirs) == (K.UNREAD, book, "not known")
    assert route in found.reason
    assert done.looks[-1].theirs.view.positions != ()


def test_a_difference_of_one_reading_counts_when_the_other_was_blind(scene: Scene) -> None:
    """Positions fail in the first reading and differ in the second: nobody has cleared that."""
    scene.trade_outside(FAR_PUT, Side.BUY)
    scene.fail("positions")
    scene.clock.in_pause = lambda: scene.fail("holdings")
    done = scene.reconcile()
    assert kinds(done) == ["orphan_position"]
    assert [one.kind for one in done.confirmed.moving] == [K.UNREAD]


def test_two_looks_that_lack_another_book_each_agree_in_nothing(scene: Scene) -> None:
    """First the executions fail, then the orders: no look had all three books, and that is no agreement."""
    scene.fail("trades")
    scene.clock.in_pause = lambda: scene.fail("order_book")
    done = scene.reconcile()
    assert not done.agrees and done.confirmed.moving == ()
    assert [(one.kind, one.subject) for one in done.confirmed.lasting] == [
        (K.UNREAD, "orders"),
        (K.UNREAD, "trades"),
    ]


def test_a_position_under_the_name_of_another_contract_is_not_ours_and_not_nothing(scene: Scene) -> None:
    """Its key is of our short call, its symbol of another strike: ours is not proven, theirs a stranger's."""
    reply = scene.ask_raw(POSITIONS)
    rows = json.loads(reply.body)
    (row,) = [one for one in rows["data"] if one["quantity"] < 0]
    row["trading_symbol"] = row["tradingsymbol"] = row["trading_symbol"].replace(str(CALL.strike), "25550")
    scene.answer_with(POSITIONS, replace(reply, body=json.dumps(rows).encode()))
    done = scene.reconcile()
    assert [(one.kind, one.subject, one.theirs) for one in done.confirmed.lasting] == [
        (K.GHOST_POSITION, CALL.symbol, "none"),
        (K.ORPHAN_POSITION, row["instrument_token"], "-65"),
    ]


def test_a_read_that_fails_once_is_no_difference(scene: Scene) -> None:
    """The client asks again, and all agrees."""
    scene.fail("positions", times=1)
    done = scene.reconcile()
    assert done.agrees and len(done.looks) == 1


def test_a_broker_that_gives_nothing_is_no_empty_book(scene: Scene) -> None:
    """Try again later: nothing was compared."""
    scene.fail("order_book", "trades", "positions")
    with pytest.raises(TryLater, match="nothing could be read") as caught:
        scene.reconcile()
    assert caught.value.exit_code == 75


def test_without_the_names_of_contracts_nothing_is_compared(scene: Scene) -> None:
    """Keys that stand for nothing would make every position a stranger's."""
    scene.fail("instrument_file")
    with pytest.raises(ApiFailure, match="instrument_file") as caught:
        scene.reconcile()
    assert caught.value.exit_code == 75


def test_todays_stored_instrument_file_is_taken(scene: Scene) -> None:
    """It is not fetched again where it lies."""
    path = instrument_path(scene.root.path / "data", TS.date())
    path.parent.mkdir(parents=True)
    path.write_bytes(scene.link.reads.instrument_file())
    scene.fail("instrument_file")
    assert scene.reconcile().agrees


def test_a_dead_token_is_no_difference(scene: Scene) -> None:
    """Log in first: exit 4."""
    scene.core.tokens.revoke_all()
    with pytest.raises(ApiFailure) as caught:
        scene.reconcile()
    assert caught.value.exit_code == 4


# --- in motion ----------------------------------------------------------------------------------------


def test_an_order_that_fills_between_the_readings_was_in_motion(scene: Scene) -> None:
    """Our session hears of it a moment later: shown as moving, and no mismatch."""
    scene.cancel(list(scene.core.exchange.orders.values())[-1])
    scene.clock.in_pause = scene.hear
    done = scene.reconcile()
    assert done.agrees and len(done.looks) == 2
    assert [one.kind for one in done.confirmed.moving] == [K.ORDER_STATE]
    assert "moving" in scene.document()


def test_what_moves_and_what_lasts_are_told_apart(scene: Scene) -> None:
    """One order ends in the pause; an orphan stays."""
    scene.trade_outside(FAR_PUT, Side.BUY)
    last = [one for one in scene.core.exchange.orders.values() if one.ticket.tag][-1]
    scene.cancel(last)
    scene.clock.in_pause = scene.hear
    done = scene.reconcile()
    assert kinds(done) == ["orphan_position"]
    assert [one.kind for one in done.confirmed.moving] == [K.ORDER_STATE]
    assert [one.subject for one in done.orphans] == [FAR_PUT.symbol]


@pytest.mark.parametrize("heals", [True, False])
def test_a_stale_position_book_is_named_and_heals(scene: Scene, heals: bool) -> None:
    """Positions from before the last execution: in motion when they catch up, a mismatch when they do not."""
    old = scene.ask_raw(POSITIONS)
    scene.place(FAR_PUT, Side.SELL)
    scene.mirror()
    scene.answer_with(POSITIONS, old)

    def catch_up() -> None:
        if heals:
            scene.answer_with(POSITIONS, None)

    scene.clock.in_pause = catch_up
    done = scene.reconcile()
    assert done.agrees is heals
    (found,) = done.confirmed.moving if heals else done.confirmed.lasting
    assert found.kind is K.GHOST_POSITION and "behind its own executions" in found.reason


# --- the end of the day -------------------------------------------------------------------------------


def close_of_day(scene: Scene) -> None:
    """The session is over; what rested ended with it, and our book has heard."""
    scene.cancel(list(scene.core.exchange.orders.values())[-1])
    scene.mirror()
    scene.clock.set(TS.replace(hour=15, minute=45))


def test_after_the_close_prices_charges_and_cash_are_compared_too(scene: Scene) -> None:
    """By itself once the session is over; every figure agrees and has its reason."""
    assert scene.document()["end_of_day"] is None
    close_of_day(scene)
    document = scene.document()
    assert document["agrees"] and document["differences"] == []
    end = document["end_of_day"]
    assert [(one["ours"] == one["theirs"], one["side"]) for one in end["executions"]] == [
        (True, "BUY"),
        (True, "SELL"),
        (True, "BUY"),
        (True, "SELL"),
    ]
    figures = {one["subject"]: one for one in end["figures"]}
    assert set(figures) == {FAR_CALL.symbol, CALL.symbol, PUT.symbol, "all contracts", "change of cash"}
    assert all(one["verdict"] == "agrees" and one["reason"] for one in figures.values())
    assert Decimal(figures["all contracts"]["ours_inr"]) > 80  # four orders' brokerage alone
    assert figures["change of cash"]["tolerance_inr"] == "1.10"
    assert scene.document(end_of_day=False)["end_of_day"] is None


@pytest.mark.parametrize(("route", "subject"), [("brokerage", CALL.symbol), ("funds", "change of cash")])
def test_what_the_broker_does_not_give_is_not_available(scene: Scene, route: str, subject: str) -> None:
    """No figure is made up, and none is called a mismatch."""
    scene.fail(route)
    document = scene.document(end_of_day=True)
    (figure,) = [one for one in document["end_of_day"]["figures"] if one["subject"] == subject]
    assert (figure["verdict"], figure["theirs_inr"]) == ("not_available", None)
    assert route in figure["reason"] and figure["ours_inr"] is not None
    assert document["agrees"] and figure["unread"]
    with pytest.raises(TryLater, match=re.escape(subject)) as caught:
        require_figures(document)
    assert caught.value.exit_code == 75


def test_a_day_that_is_whole_asks_for_no_second_call(scene: Scene) -> None:
    """Every figure was had; where no end of the day was wanted nothing is missing either."""
    for end_of_day in (True, False):
        require_figures(scene.document(end_of_day=end_of_day))


def test_a_token_that_dies_before_the_figures_is_no_missing_figure(scene: Scene) -> None:
    """Log in first: exit 4, as at every other question."""
    scene.answer_with(endpoints.FUNDS.path, dead_token(scene))
    with pytest.raises(ApiFailure) as caught:
        scene.reconcile(end_of_day=True)
    assert caught.value.exit_code == 4


def dead_token(scene: Scene) -> Response:
    """What a token that was revoked is told."""
    token, scene._token = scene._token, "revoked"
    try:
        return scene.ask_raw(endpoints.FUNDS.path)
    finally:
        scene._token = token


def test_executions_of_others_make_the_cash_not_comparable(scene: Scene) -> None:
    """Bought and sold by hand: no position is left, but the account's cash is no longer ours alone."""
    scene.trade_outside(FAR_PUT, Side.BUY)
    scene.trade_outside(FAR_PUT, Side.SELL)
    document = scene.document(end_of_day=True)
    figure = document["end_of_day"]["figures"][-1]
    assert document["agrees"] and figure["verdict"] == "not_available"
    assert "2 executions from elsewhere" in figure["reason"] and not figure["unread"]
    require_figures(document)  # the broker never tells them apart: to ask again is no use
