"""The simulator's exchange: words in time, fills at the touch, races of cancel and change, refusals."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.fakes import TS
from tests.simulator.exchange_desk import CALL, PUT, Floor, at, make_exchange
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import Side
from volguard.simulator.exchange import ExchangeSettings
from volguard.simulator.exchange_book import HoldingChanged, OrderChanged
from volguard.simulator.exchange_orders import TRANSITIONS, Change, OrderType, Validity, Word


def test_words_follow_at_their_times() -> None:
    """Received at once, validated after a quarter of the delay, sent after half, open after all of it."""
    floor = Floor()
    order = floor.place()
    floor.exchange.step(at(1))
    assert [(image.word, (image.at - TS).total_seconds()) for image in order.images] == [
        (Word.RECEIVED, 0.0),
        (Word.VALIDATING, 0.0625),
        (Word.OPENING, 0.125),
        (Word.OPEN, 0.25),
    ]
    assert order.images[2].exchange_at is None and order.exchange_at == at(0.25)


def test_an_order_fills_from_the_first_snapshot_at_which_it_is_live() -> None:
    """Not from the one before, however good; and from one at the very moment."""
    floor = Floor()
    early, sharp = floor.place(14.8), floor.place(14.75)
    assert [trade.order for trade in floor.look(15)] == [sharp]
    assert early.word is Word.OPENING
    assert [trade.order for trade in floor.look(30)] == [early]


def test_sizes_shown_are_shared_and_in_whole_lots() -> None:
    """Three lots and a half are shown: the first order takes two, the second one; half a lot is nobody's."""
    floor = Floor()
    first, second = floor.place(quantity=130), floor.place(quantity=130)
    trades = floor.look(15, {CALL: (9.9, 65, 10.0, 227)})
    assert [(trade.order, trade.quantity) for trade in trades] == [(first, 130), (second, 65)]
    assert (second.word, second.open_quantity) == (Word.OPEN, 65)
    assert [trade.quantity for trade in floor.look(30)] == [65]


def test_an_execution_may_come_in_parts() -> None:
    """Each with a number of its own; the brokerage is on the first alone."""
    floor = Floor(make_exchange(trade_units_max=65))
    order = floor.place(quantity=195)
    trades = floor.look(15)
    assert [trade.quantity for trade in trades] == [65, 65, 65]
    assert len({trade.trade_id for trade in trades}) == 3
    assert (
        trades[0].charges_inr > trades[1].charges_inr + 20 and trades[1].charges_inr == trades[2].charges_inr
    )
    assert [image.filled_quantity for image in order.images[-3:]] == [65, 130, 195]
    assert (order.average_price, order.word) == (Decimal("10.00"), Word.COMPLETE)


def test_after_a_hole_in_the_market_nothing_fills_on_the_first_look() -> None:
    """Nobody knows what traded in it."""
    floor = Floor(make_exchange(gap_s=45.0))
    floor.place()
    assert floor.look(46) == []
    assert len(floor.look(61)) == 1


def test_a_cancel_takes_its_time_and_may_lose() -> None:
    """Until it takes effect the order fills; after it nothing does."""
    floor = Floor()
    lost, won = floor.place(), floor.place(tag="VG-2")
    floor.exchange.step(at(14.8))
    floor.exchange.cancel(lost, at(14.8))
    floor.exchange.cancel(won, at(14.75))
    assert [trade.order for trade in floor.look(15)] == [lost]
    assert floor.words(lost)[-2:] == ["cancel pending", "complete"]
    assert floor.words(won)[-2:] == ["cancel pending", "cancelled"]
    floor.exchange.cancel(lost, at(16))
    floor.exchange.step(at(20))
    assert lost.word is Word.COMPLETE


def test_a_cancel_may_be_beaten_on_purpose() -> None:
    """All that is open trades at the limit before the cancel arrives."""
    floor = Floor()
    order = floor.place(limit="9.50", quantity=130)
    floor.look(15)
    floor.exchange.cancel(order, at(15), fills_first=True)
    floor.exchange.step(at(16))
    assert (order.word, order.filled_quantity, order.average_price) == (Word.COMPLETE, 130, Decimal("9.50"))


def test_a_cancel_on_its_way_out_overtakes_the_order_on_its_way_in() -> None:
    """Open for a moment at most."""
    floor = Floor()
    order = floor.place(0.0)
    floor.exchange.cancel(order, at(0.0))
    assert floor.look(15) == []
    assert floor.words(order)[-2:] == ["open", "cancelled"]


def test_a_change_works_after_the_delay_and_the_old_price_until_then() -> None:
    """Filled at the old terms in between, the change is lost."""
    floor = Floor()
    order = floor.place(limit="9.50", quantity=130)
    floor.look(15)
    floor.exchange.modify(order, Change(limit_price=Decimal("10.00"), quantity=65), at(29.9))
    assert floor.look(30) == []
    assert (order.limit_price, order.word) == (Decimal("9.50"), Word.MODIFY_VALIDATING)
    assert [trade.quantity for trade in floor.look(45)] == [65]
    assert (order.word, order.request_number) == (Word.COMPLETE, 2)
    lost = floor.place(45.0, tag="VG-2")
    floor.exchange.step(at(59.9))
    floor.exchange.modify(lost, Change(limit_price=Decimal("1.00")), at(59.9))
    assert len(floor.look(60)) == 1
    floor.exchange.step(at(61))
    assert floor.words(lost)[-2:] == ["modify validation pending", "complete"]


def test_of_two_changes_the_later_one_counts() -> None:
    """The earlier is overtaken on its way."""
    floor = Floor()
    order = floor.place(limit="9.50")
    floor.look(15)
    floor.exchange.modify(order, Change(limit_price=Decimal("9.60")), at(15))
    floor.exchange.modify(order, Change(limit_price=Decimal("9.70")), at(15.05))
    floor.exchange.step(at(16))
    assert (order.limit_price, order.request_number) == (Decimal("9.70"), 3)
    assert floor.words(order).count("modified") == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Change(limit_price=Decimal("10.03")), "tick"),
        (Change(limit_price=Decimal("900.00")), "execution range"),
        (Change(quantity=100), "regular lot"),
        (Change(quantity=65), "filled already"),
    ],
)
def test_a_change_that_the_exchange_refuses_leaves_the_order_as_it_was(change: Change, why: str) -> None:
    """Not modified, then open again."""
    floor = Floor()
    order = floor.place(quantity=195)
    floor.look(15, {CALL: (9.9, 65, 10.0, 65)})
    floor.exchange.modify(order, change, at(15))
    floor.exchange.step(at(16))
    assert floor.words(order)[-2:] == ["not modified", "open"] and why in order.message
    assert (order.limit_price, order.quantity) == (Decimal("10.00"), 195)


def test_what_is_gone_or_going_is_not_changed() -> None:
    """A cancelled order, and one whose cancel is on its way."""
    floor = Floor()
    order = floor.place(limit="9.50")
    floor.look(15)
    floor.exchange.cancel(order, at(15))
    floor.exchange.modify(order, Change(limit_price=Decimal("10.00")), at(15))
    floor.exchange.step(at(16))
    floor.exchange.modify(order, Change(limit_price=Decimal("10.00")), at(16))
    assert (order.word, order.request_number) == (Word.CANCELLED, 1)


def test_a_change_on_its_way_in_counts_once_the_order_is_open() -> None:
    """Asked for before the exchange had the order."""
    floor = Floor()
    order = floor.place(limit="9.50")
    floor.exchange.modify(order, Change(limit_price=Decimal("10.00")), at(0.1))
    assert [trade.price for trade in floor.look(15)] == [Decimal("10.00")]
    assert floor.words(order)[3:] == ["open", "modified", "open", "complete"]


def test_a_market_order_turns_into_a_limit_beyond_the_touch() -> None:
    """The exchange's own protection, or as many percent as it brought; nothing to price it by: rejected."""
    floor = Floor()
    own = floor.place(limit="0", order_type=OrderType.MARKET)
    given = floor.place(limit="0", order_type=OrderType.MARKET, side=Side.SELL, protection_percent=10.0)
    blind = floor.place(limit="0", order_type=OrderType.MARKET, contract=PUT)
    floor.look(0.1, {PUT: (8.0, 65, float("nan"), 0)})
    floor.look(15, {PUT: (8.0, 65, float("nan"), 0)})
    assert (own.limit_price, given.limit_price) == (Decimal("10.50"), Decimal("8.95"))
    assert (own.average_price, given.average_price) == (Decimal("10.00"), Decimal("9.90"))
    assert blind.word is Word.REJECTED and "no quote" in blind.message


def test_an_immediate_order_is_gone_after_one_look() -> None:
    """Filled in part or not at all."""
    floor = Floor()
    part, none = (
        floor.place(quantity=130, validity=Validity.IOC),
        floor.place(limit="9.00", validity=Validity.IOC),
    )
    floor.look(15, {CALL: (9.9, 65, 10.0, 65)})
    assert (part.word, part.filled_quantity) == (Word.CANCELLED, 65)
    assert (none.word, none.filled_quantity) == (Word.CANCELLED, 0)


def test_money_that_is_missing_is_named_to_the_paisa() -> None:
    """A buy needs its premium; what rests has promised it already; a sale of what is held needs none."""
    floor = Floor(make_exchange(capital=1000))
    first, second = floor.place(), floor.place(tag="VG-2")
    floor.look(15)
    assert first.word is Word.COMPLETE
    assert second.message == "You need to add Rs. 300.00 in your account to place this trade."
    out = floor.place(15, limit="9.90", side=Side.SELL)
    naked = floor.place(15, limit="9.90", side=Side.SELL, tag="VG-4")
    floor.look(30)
    assert out.word is Word.COMPLETE and naked.word is Word.REJECTED
    assert "You need to add Rs. " in naked.message


def test_an_order_beyond_what_is_held_is_no_exit() -> None:
    """Two sales of the one lot that is held: the second is a short, and is asked for its margin."""
    floor = Floor(make_exchange(capital=1000))
    floor.place()
    floor.look(15)
    first, second = (floor.place(15, limit="11.00", side=Side.SELL, tag=tag) for tag in ("a", "b"))
    floor.exchange.step(at(20))
    assert (first.word, second.word) == (Word.OPEN, Word.REJECTED)


def test_a_closed_desk_refuses_every_order() -> None:
    """With the reason that it was closed for."""
    floor = Floor()
    floor.exchange.closed_to_orders = "closed by the operator"
    order = floor.place()
    floor.exchange.step(at(1))
    assert (order.word, order.message) == (Word.REJECTED, "closed by the operator")


def test_a_frozen_contract_does_not_trade() -> None:
    """Others do; when it is free again it trades."""
    floor = Floor()
    floor.exchange.frozen = frozenset({CALL})
    frozen, free = floor.place(), floor.place(limit="8.20", contract=PUT)
    floor.look(15)
    assert (frozen.word, free.word) == (Word.OPEN, Word.COMPLETE)
    floor.exchange.frozen = frozenset()
    floor.look(30)
    assert frozen.word is Word.COMPLETE


def test_the_close_ends_orders_by_itself() -> None:
    """At 15:40, in whatever word they are; given later they wait for the next session's open."""
    floor = Floor()
    close = TS.replace(hour=15, minute=40)
    resting = floor.place(limit="9.00")
    in_flight = floor.exchange.place(resting.ticket, close - timedelta(seconds=0.1))
    floor.exchange.step(close)
    assert (resting.word, in_flight.word) == (Word.CANCELLED, Word.CANCELLED)
    late = floor.exchange.place(resting.ticket, close)
    floor.exchange.step(close + timedelta(hours=17))
    assert late.word is Word.AMO_RECEIVED
    floor.exchange.step((TS + timedelta(days=1)).replace(hour=9, minute=15))
    assert late.word is Word.RECEIVED


def test_a_trade_of_another_channel_changes_the_account_and_is_none_of_ours() -> None:
    """Positions and cash move; no order of ours was accepted."""
    floor = Floor()
    floor.exchange.trade_outside(PUT, Side.SELL, 65, Decimal("8.00"), at(3))
    assert floor.exchange.account.units == {PUT: -65}
    assert floor.exchange.accepted_tags == []
    assert floor.exchange.account.cash_inr == 2_000_000 + 520 - floor.exchange.account.charges_inr


def test_everything_that_happens_is_told_once_in_order() -> None:
    """Each word, and the holding after an execution as it was then."""
    floor = Floor()
    floor.place()
    floor.look(15)
    floor.place(15, limit="9.90", side=Side.SELL)
    floor.look(30)
    told = floor.exchange.drain()
    assert floor.exchange.drain() == []
    kinds = [type(one) for one in told]
    assert kinds == [*[OrderChanged] * 5, HoldingChanged, *[OrderChanged] * 5, HoldingChanged]
    held = [one.holding.quantity for one in told if isinstance(one, HoldingChanged)]
    assert held == [65, 0]


def test_an_illegal_word_raises_and_changes_nothing() -> None:
    """What is cancelled does not open again; final words have no successor."""
    floor = Floor()
    order = floor.place()
    floor.exchange.step(at(1))
    with pytest.raises(InvariantBroken, match="'after market order req received' after 'open'"):
        order.move(Word.AMO_RECEIVED, at(2))
    assert order.word is Word.OPEN and len(order.images) == 4
    assert not any(word.is_final for word in TRANSITIONS)


def test_a_delay_is_needed() -> None:
    """Words in the same instant would have no order."""
    with pytest.raises(ValueError, match=r"delay_s was 0\.0"):
        ExchangeSettings(delay_s=0.0)
