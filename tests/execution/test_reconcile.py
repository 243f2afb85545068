"""Our book against the broker's: signed, per contract, per tag, per execution; unread is never flat."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import EXPIRY, TS, call, order, put
from tests.model.books import make_trade
from volguard.execution.reconcile import (
    Difference,
    DifferenceKind,
    differences,
    executions_of,
    expired_of,
    fills_on,
)
from volguard.model.book import Book, Fill, Trade
from volguard.model.broker import BrokerOrder, BrokerPosition, BrokerTrade, BrokerView, InstrumentKey
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order, OrderState

K = DifferenceKind
PUT, CALL = put(24200), call(24800)
WORDS = {
    OrderState.OPEN: "open",
    OrderState.FILLED: "complete",
    OrderState.CANCELLED: "cancelled",
    OrderState.REJECTED: "rejected",
}


def fill(
    number: int = 1,
    contract: OptionContract = PUT,
    quantity: int = 65,
    side: Side = Side.BUY,
    price: str = "8.20",
) -> Fill:
    """One booked execution."""
    return Fill(
        fill_id=f"F{number}",
        tag=f"VG-{number}",
        ts=TS,
        contract=contract,
        side=side,
        quantity=quantity,
        price=Decimal(price),
        charges_inr=Decimal(1),
        touch_bid=None,
        touch_ask=None,
    )


def book_of(*fills: Fill, orders: tuple[Order, ...] = ()) -> Book:
    """A book with one trade of these fills, and the orders that made them."""
    made = tuple(
        replace(
            order(
                OrderState.FILLED, tag=one.tag, contract=one.contract, side=one.side, quantity=one.quantity
            ),
            filled_quantity=one.quantity,
            broker_order_id=f"B-{one.tag}",
        )
        for one in fills
    )
    trade: Trade = replace(make_trade(), fills=fills)
    return Book(trades=(trade,), orders=(*made, *orders))


def their_order(ours: Order, **changes: object) -> BrokerOrder:
    """The broker's row of one of our orders."""
    request = ours.request
    row = BrokerOrder(
        order_id=ours.broker_order_id or f"B-{request.tag}",
        tag=request.tag,
        key=InstrumentKey("NSE_FO|1"),
        contract=request.contract,
        side=request.side,
        product="D",
        quantity=request.quantity,
        filled_quantity=ours.filled_quantity,
        limit_price=request.limit_price,
        average_price=None,
        state=ours.state,
        word=WORDS.get(ours.state, "open"),
        message="",
        placed_at=TS,
        request_number=1,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def their_trade(ours: Fill, **changes: object) -> BrokerTrade:
    """The broker's row of one of our executions."""
    row = BrokerTrade(
        trade_id=ours.fill_id,
        order_id=f"B-{ours.tag}",
        key=InstrumentKey("NSE_FO|1"),
        contract=ours.contract,
        side=ours.side,
        product="D",
        quantity=ours.quantity,
        price=ours.price,
        traded_at=TS,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def their_position(contract: OptionContract | None, quantity: int, key: str = "NSE_FO|1") -> BrokerPosition:
    """A net position at the broker."""
    return BrokerPosition(
        key=InstrumentKey(key),
        contract=contract,
        product="D",
        quantity=quantity,
        overnight_quantity=0,
        buy_value_inr=Decimal(0),
        sell_value_inr=Decimal(0),
        last_price=None,
    )


def mirror(book: Book) -> BrokerView:
    """A broker that agrees with a book."""
    fills = [one for trade in book.trades for one in trade.fills]
    return BrokerView(
        orders=tuple(their_order(one) for one in book.orders),
        trades=tuple(their_trade(one) for one in fills),
        positions=tuple(their_position(p.contract, p.quantity) for p in book.positions),
    )


def diff(book: Book, view: BrokerView) -> tuple[Difference, ...]:
    fills = [one for trade in book.trades for one in trade.fills]
    return differences(book, view, today=fills)


def kinds(found: tuple[Difference, ...]) -> list[str]:
    return [one.kind.value for one in found]


def test_two_books_that_agree_differ_in_nothing() -> None:
    """Long, short and flat contracts, ended orders: nothing to say."""
    book = book_of(fill(1), fill(2, CALL, 65, Side.SELL), fill(3, PUT, 65, Side.SELL))
    assert diff(book, mirror(book)) == ()


def test_an_empty_book_and_an_empty_broker_agree() -> None:
    """The first morning."""
    assert differences(Book(), BrokerView(orders=(), trades=(), positions=()), today=()) == ()


@pytest.mark.parametrize("unread", ["orders", "trades", "positions"])
def test_a_failed_query_is_not_a_flat_book(unread: str) -> None:
    """What could not be read is named; nothing is concluded from it."""
    book = book_of(fill(1))
    view = replace(mirror(book), **{unread: None}, unread="HTTP 503")
    assert [(one.kind, one.subject, one.reason) for one in diff(book, view)] == [
        (K.UNREAD, unread, "HTTP 503")
    ]


@pytest.mark.parametrize(
    ("theirs", "kind"),
    [(130, K.POSITION), (-65, K.POSITION), (0, K.GHOST_POSITION)],
)
def test_positions_are_compared_signed(theirs: int, kind: DifferenceKind) -> None:
    """Long 65 is not short 65, and a closed row of the day is nothing held."""
    book = book_of(fill(1))
    view = replace(mirror(book), positions=(their_position(PUT, theirs),))
    (found,) = diff(book, view)
    assert (found.kind, found.subject, found.ours) == (kind, PUT.symbol, "+65")


def test_a_position_that_nobody_here_opened_is_an_orphan() -> None:
    """It is shown, never adopted by itself."""
    view = BrokerView(orders=(), trades=(), positions=(their_position(CALL, -75),))
    (found,) = differences(Book(), view, today=())
    assert (found.kind, found.ours, found.theirs) == (K.ORPHAN_POSITION, "none", "-75")


def test_what_is_no_option_of_ours_is_shown_too() -> None:
    """A future or a share moves the same margin."""
    view = BrokerView(orders=(), trades=(), positions=(their_position(None, 75, key="NSE_FO|9"),))
    (found,) = differences(Book(), view, today=())
    assert (found.kind, found.subject) == (K.ORPHAN_POSITION, "NSE_FO|9")


def test_another_product_of_a_contract_is_another_position() -> None:
    """An intraday row is never added to ours: long 65 carried and short 65 intraday is not flat."""
    book = book_of(fill(1))
    intraday = replace(their_position(PUT, -65), product="I")
    view = replace(mirror(book), positions=(their_position(PUT, 65), intraday))
    (found,) = diff(book, view)
    assert (found.kind, found.subject, found.theirs) == (K.OTHER_PRODUCT, f"{PUT.symbol} I", "-65")
    assert "squares it off" in found.reason
    instead = replace(view, positions=(replace(intraday, quantity=65),))
    assert kinds(diff(book, instead)) == ["ghost_position", "other_product"]
    closed = replace(view, positions=(their_position(PUT, 65), replace(intraday, quantity=0)))
    assert diff(book, closed) == ()


def test_rows_of_our_product_are_added_up() -> None:
    """A contract that comes in two rows is one position."""
    book = book_of(fill(1, quantity=130))
    halves = (their_position(PUT, 65), their_position(PUT, 65))
    assert diff(book, replace(mirror(book), positions=halves)) == ()


def test_a_position_book_behind_its_executions_is_named_as_such() -> None:
    """Carried in plus executions of today is what must be held: our book has that, their positions do not."""
    book = book_of(fill(1), fill(2, CALL, 65, Side.SELL))
    view = mirror(book)
    stale = replace(view, positions=(their_position(PUT, 65), their_position(CALL, 0)))
    (found,) = diff(book, stale)
    assert (found.kind, found.subject) == (K.GHOST_POSITION, CALL.symbol)
    assert "behind its own executions" in found.reason
    (blind,) = diff(book, replace(stale, trades=None))[:1]
    assert blind.kind is K.GHOST_POSITION and "behind" not in blind.reason


def test_what_was_carried_in_counts_into_what_must_be_held() -> None:
    """65 carried in and sold today is flat; a row that still says 65 is behind."""
    sold = fill(2, PUT, 65, Side.SELL)
    book = book_of(fill(1), sold)
    carried = replace(their_position(PUT, 65), overnight_quantity=65)
    view = replace(mirror(book), trades=(their_trade(sold),), positions=(carried,))
    (found,) = differences(book, view, today=(sold,))
    assert (found.kind, found.theirs) == (K.ORPHAN_POSITION, "+65") and "behind" in found.reason


def test_an_expired_contract_is_gone_on_both_sides() -> None:
    """The day after, the broker lists it no more, and that is no difference; one that it still lists is."""
    book = book_of(fill(1))
    flat = BrokerView(orders=(), trades=(), positions=())
    after = EXPIRY + timedelta(days=1)
    assert kinds(differences(book, flat, today=(), on=EXPIRY)) == ["ghost_position"]
    assert differences(book, flat, today=(), on=after) == ()
    assert expired_of(book, after) == (PUT,) and expired_of(book, EXPIRY) == ()
    other = replace(flat, positions=(their_position(PUT, 130),))
    assert kinds(differences(book, other, today=(), on=after)) == ["position"]


def test_a_live_order_that_the_broker_lacks_is_lost() -> None:
    """Its state is not concluded from that: it is for the order machine to seek it."""
    alive = order(OrderState.OPEN, tag="VG-9", contract=CALL)
    book = book_of(orders=(alive,))
    (found,) = diff(book, BrokerView(orders=(), trades=(), positions=()))
    assert (found.kind, found.subject) == (K.LOST_ORDER, "VG-9")


def test_a_live_order_of_an_earlier_day_says_so() -> None:
    """An order lives for one day: the broker has it no more, and our book never heard of its end."""
    book = book_of(orders=(order(OrderState.OPEN, tag="VG-9", contract=CALL),))
    empty = BrokerView(orders=(), trades=(), positions=())
    (found,) = differences(book, empty, today=(), on=TS.date() + timedelta(days=1))
    assert found.kind is K.LOST_ORDER and "2026-09-16" in found.reason


def test_an_ended_order_of_an_earlier_day_is_not_missed() -> None:
    """The broker keeps one day of orders."""
    ended = order(OrderState.CANCELLED, tag="VG-9", contract=CALL)
    assert diff(book_of(orders=(ended,)), BrokerView(orders=(), trades=(), positions=())) == ()


@pytest.mark.parametrize(
    ("ours", "theirs", "filled", "expected"),
    [
        (OrderState.OPEN, OrderState.CANCELLED, 0, [K.ORDER_STATE]),
        (OrderState.CANCELLED, OrderState.OPEN, 0, [K.ORDER_STATE]),
        (OrderState.OPEN, OrderState.OPEN, 65, [K.ORDER_FILLED]),
        (OrderState.OPEN, OrderState.FILLED, 130, [K.ORDER_FILLED, K.ORDER_STATE]),
        (OrderState.OPEN, None, 0, []),
    ],
)
def test_orders_are_compared_by_tag(
    ours: OrderState, theirs: OrderState | None, filled: int, expected: list[DifferenceKind]
) -> None:
    """Ended on one side alone, or filled for more; an unknown word means still alive."""
    mine = order(ours, tag="VG-9", contract=CALL, quantity=130)
    row = their_order(mine, state=theirs, filled_quantity=filled)
    found = diff(book_of(orders=(mine,)), BrokerView(orders=(row,), trades=(), positions=()))
    assert kinds(found) == [kind.value for kind in expected]


def test_one_tag_with_two_orders_was_sent_twice() -> None:
    """The worst that can happen is named as such, with both numbers."""
    mine = order(OrderState.OPEN, tag="VG-9", contract=CALL)
    rows = (their_order(mine, order_id="B1"), their_order(mine, order_id="B2"))
    (found,) = diff(book_of(orders=(mine,)), BrokerView(orders=rows, trades=(), positions=()))
    assert found.kind is K.TWICE and "B1, B2" in found.theirs


def test_fills_of_an_order_sent_twice_are_added_up() -> None:
    """The second one's fills are as real as the first one's; alive is what either still is."""
    mine = order(OrderState.FILLED, tag="VG-9", contract=CALL, filled=65)
    rows = (
        their_order(mine, order_id="B1", filled_quantity=65),
        their_order(mine, order_id="B2", state=OrderState.OPEN, word="open", filled_quantity=0),
    )
    found = diff(book_of(orders=(mine,)), BrokerView(orders=rows, trades=(), positions=()))
    assert kinds(found) == ["order_state", "twice"]
    both = tuple(replace(row, filled_quantity=65) for row in rows)
    found = diff(book_of(orders=(mine,)), BrokerView(orders=both, trades=(), positions=()))
    assert [(one.ours, one.theirs) for one in found if one.kind is K.ORDER_FILLED] == [("65", "130")]


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"quantity": 130}, "BUY 130"),
        ({"side": Side.SELL}, "SELL 65"),
        ({"contract": PUT}, PUT.symbol),
        ({"contract": None}, "NSE_FO|1"),
        ({"product": "I"}, f"{CALL.symbol} I"),
    ],
)
def test_an_order_of_ours_with_other_terms_is_shown(changes: dict[str, object], seen: str) -> None:
    """Changed from another channel, or somebody else uses the tag."""
    mine = order(OrderState.OPEN, tag="VG-9", contract=CALL)
    view = BrokerView(orders=(their_order(mine, **changes),), trades=(), positions=())
    (found,) = diff(book_of(orders=(mine,)), view)
    assert (found.kind, found.subject) == (K.ORDER_TERMS, "VG-9")
    assert seen in found.theirs and "BUY 65" in found.ours


def test_a_live_order_with_a_tag_like_ours_points_at_another_journal() -> None:
    """Our program sent it, but this journal does not know it."""
    row = their_order(order(OrderState.OPEN, tag="x"), tag="VG0badcafe-T001-01", order_id="B7")
    (found,) = differences(Book(), BrokerView(orders=(row,), trades=(), positions=()), today=())
    assert found.kind is K.FOREIGN_ORDER and "not of this journal" in found.reason


@pytest.mark.parametrize("tag", [None, "somebody-else"])
def test_a_live_order_of_somebody_else_is_shown(tag: str | None) -> None:
    """It may fill into our risk at any moment; an ended one may not."""
    row = their_order(order(OrderState.OPEN, tag="x", contract=CALL), tag=tag, order_id="B7")
    view = BrokerView(orders=(row,), trades=(), positions=())
    assert [(one.kind, one.subject) for one in differences(Book(), view, today=())] == [
        (K.FOREIGN_ORDER, "B7")
    ]
    ended = replace(view, orders=(replace(row, state=OrderState.CANCELLED),))
    assert differences(Book(), ended, today=()) == ()


def test_executions_are_compared_one_by_one() -> None:
    """Missing here, missing there, and other terms."""
    book = book_of(fill(1), fill(2, CALL, 65, Side.SELL))
    whole = mirror(book)
    assert whole.trades is not None
    first, second = whole.trades
    told_more = replace(whole, trades=(first, second, replace(first, trade_id="F9")))
    assert kinds(diff(book, told_more)) == ["unbooked_trade"]
    assert kinds(diff(book, replace(whole, trades=(first,)))) == ["unproven_fill"]
    others = ({"price": Decimal("8.25")}, {"contract": PUT}, {"contract": None}, {"side": Side.BUY})
    for changes in others:
        other = replace(second, **changes)  # type: ignore[arg-type]
        assert kinds(diff(book, replace(whole, trades=(first, other)))) == ["trade_terms"]


def split_between_two_trades(**changes: object) -> tuple[Book, BrokerView]:
    """An execution of 130 from elsewhere that closed 65 of each of two trades, and the broker that has it."""
    opened = fill(1, quantity=65), fill(2, quantity=65)
    closed = replace(fill(9, side=Side.SELL), tag="flatten.jsonl")
    others = closed, replace(closed, **changes)  # type: ignore[arg-type]
    first, second = (make_trade(opened[i], others[i], trade_id=f"T00{i + 1}") for i in range(2))
    book = replace(book_of(*opened), trades=(first, second))
    whole = their_trade(closed, quantity=130, order_id="B-outside")
    trades = (their_trade(opened[0]), their_trade(opened[1]), whole)
    return book, replace(mirror(book), trades=trades, positions=())


def test_an_execution_that_closed_two_trades_is_one() -> None:
    """Both parts bear the broker's one number: together they are what it lists, and nothing differs."""
    book, view = split_between_two_trades()
    assert diff(book, view) == ()
    assert [(one.fill_id, one.quantity) for one in executions_of(fills_on(book, TS.date()))] == [
        ("F1", 65),
        ("F9", 130),
        ("F2", 65),
    ]


def test_parts_of_an_execution_that_do_not_fit_are_a_difference() -> None:
    """Other price, contract or side under one number, or too few units: what we booked is shown in full."""
    for changes in ({"price": Decimal("8.25")}, {"contract": CALL}, {"side": Side.BUY}, {"quantity": 60}):
        book, view = split_between_two_trades(**changes)
        found = [one for one in diff(book, view) if one.kind is K.TRADE_TERMS]
        (one,) = found
        assert one.subject == "F9" and ("125" in one.ours) is ("quantity" in changes)
        assert one.ours.count(" at ") == (1 if "quantity" in changes else 2)
    book, view = split_between_two_trades()
    (missing,) = diff(book, replace(view, trades=(view.trades or ())[:2]))
    assert missing.kind is K.UNPROVEN_FILL and "SELL 130" in missing.ours


def test_fills_of_a_day_are_those_of_its_date() -> None:
    """The broker keeps one day of executions: older ones are not missed."""
    old = replace(fill(1), ts=TS - timedelta(days=1))
    book = book_of(old, fill(2, CALL))
    assert [one.fill_id for one in fills_on(book, TS.date())] == ["F2"]


def test_an_execution_of_somebody_else_is_no_difference_of_orders() -> None:
    """It shows as the position that it made."""
    stranger = replace(their_trade(fill(9, CALL)), order_id="B-unknown")
    view = BrokerView(orders=(), trades=(stranger,), positions=(their_position(CALL, 65),))
    assert kinds(differences(Book(), view, today=())) == ["orphan_position"]


@given(
    units=st.lists(st.sampled_from([-130, -65, 65, 130]), max_size=6),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_means_nothing(units: list[int], seed: object) -> None:
    """Shuffled answers give the same differences: nothing depends on how the broker lists them."""
    fills = tuple(
        fill(n, PUT if n % 2 else CALL, abs(q), Side.BUY if q > 0 else Side.SELL) for n, q in enumerate(units)
    )
    book, view = book_of(*fills), mirror(book_of(*fills[1:]))
    shuffled = {}
    for name in ("orders", "trades", "positions"):
        rows = list(getattr(view, name))
        seed.shuffle(rows)  # type: ignore[attr-defined]
        shuffled[name] = tuple(rows)
    assert diff(book, view) == diff(book, replace(view, **shuffled))
    assert diff(book, mirror(book)) == ()
