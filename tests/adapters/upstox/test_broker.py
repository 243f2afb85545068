"""Orders at the broker: sent once, read back, each word and fill told once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from tests.adapters.upstox.broker_parts import OverLookAlike
from tests.adapters.upstox.client_parts import band
from tests.fakes import TS, approval, call, order
from tests.simulator.upstox_server.desk import FAR_CALL, FAR_PUT, shot
from volguard.adapters.upstox.broker import UpstoxBroker
from volguard.adapters.upstox.errands import ThreadErrands
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire_orders import OrderRow
from volguard.adapters.upstox.wire_stream import stream_message
from volguard.model.errors import DataError
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Purpose
from volguard.simulator.upstox_server.faults import FaultName, FaultRule

LOW, HIGH = "20.00", "40.00"


@pytest.fixture
def desk() -> Iterator[OverLookAlike]:
    """A broker over the look-alike."""
    made = OverLookAlike()
    yield made
    made.shut()


def heard(desk: OverLookAlike, seconds: float) -> list[tuple[str, str]]:
    """What is told up to so many seconds after the start: state or `fill`, and tag."""
    told = []
    for answer in desk.due(TS + timedelta(seconds=seconds)):
        match answer:
            case OrderUpdated():
                told.append((answer.state.value, answer.tag))
            case OrderFilled():
                told.append(("fill", answer.tag))
            case OrderAbsent():
                told.append(("absent", answer.tag))
    return told


def look(desk: OverLookAlike, seconds: float, **shape: object) -> list[object]:
    """A snapshot at the exchange, and what is told with it."""
    return list(desk.fills_at(shot(seconds, **shape)))  # type: ignore[arg-type]


def fault(name: FaultName, where: str, *, times_max: int = 1) -> FaultRule:
    return FaultRule(name=name, probability=1.0, times_max=times_max, where=frozenset({where}), size=60.0)


def words_at_server(desk: OverLookAlike) -> list[str]:
    return [one.word.value for one in desk.core.exchange.orders.values()]


# --- place ----------------------------------------------------------------------------------------------


def test_a_contract_that_is_not_listed_is_rejected_and_nothing_is_sent(desk: OverLookAlike) -> None:
    """What the instrument file lacks cannot be ordered."""
    before = desk.core.counts.requests
    desk.place(approval(contract=call(99000), limit_price=LOW))
    assert desk.core.counts.requests == before
    assert heard(desk, 1) == [("REJECTED", "VG-1")]


def test_a_tag_is_used_once(desk: OverLookAlike) -> None:
    """Another approval under the same tag is refused: the tag finds one order for ever."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert desk.core.exchange.accepted_tags == ["VG-1"]
    assert ("REJECTED", "VG-1") in heard(desk, 1)


def test_without_a_token_nothing_is_sent_and_the_order_is_rejected(desk: OverLookAlike) -> None:
    """It is proven that the order did not leave."""
    desk.client._token = lambda: None
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("REJECTED", "VG-1")]
    assert desk.core.exchange.accepted_tags == []


def test_a_lost_reply_is_found_by_tag(desk: OverLookAlike) -> None:
    """UNKNOWN at once; the reading of the book tells that it lives; it was sent once."""
    desk.arm(fault(FaultName.DROPPED_REPLY, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("UNKNOWN", "VG-1"), ("OPEN", "VG-1")]
    assert desk.core.exchange.accepted_tags == ["VG-1"]


def test_only_a_query_says_that_an_order_is_absent(desk: OverLookAlike) -> None:
    """A book without it says nothing by itself; asked for, its absence is told, each time."""
    desk.arm(fault(FaultName.SERVER_ERROR_BEFORE, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("UNKNOWN", "VG-1")] and heard(desk, 5) == []
    desk.query("VG-1", desk.clock.now())
    assert heard(desk, 6) == [("absent", "VG-1")]


def test_a_query_that_cannot_be_read_says_nothing(desk: OverLookAlike) -> None:
    """No answer is no absence."""
    desk.arm(
        fault(FaultName.SERVER_ERROR_BEFORE, "place"),
        fault(FaultName.SERVER_ERROR_BEFORE, "order_history", times_max=50),
    )
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    desk.query("VG-1", desk.clock.now())
    assert heard(desk, 120) == [("UNKNOWN", "VG-1")]


# --- fills ----------------------------------------------------------------------------------------------


def test_fills_come_before_the_end_each_once(desk: OverLookAlike) -> None:
    """A part is filled, the rest is taken off: the fill, then the end with the filled quantity."""
    desk.place(approval(contract=FAR_CALL, limit_price=HIGH, quantity=130))
    look(desk, 15, size=65)
    desk.cancel("VG-1", desk.clock.now())
    told = list(desk.due(desk.clock.now() + timedelta(seconds=5)))
    assert [answer.filled_quantity for answer in told if isinstance(answer, OrderUpdated)] == [65]
    assert heard(desk, 60) == []


def test_the_end_waits_for_executions_that_cannot_be_read_yet(desk: OverLookAlike) -> None:
    """The book shows a fill whose trade is not readable: no end is told before it."""
    desk.place(approval(contract=FAR_CALL, limit_price=HIGH, quantity=130))
    heard(desk, 1)
    desk.arm(fault(FaultName.EMPTY_400, "order_trades"))
    assert look(desk, 15, size=65) == []
    desk.cancel("VG-1", desk.clock.now())
    assert heard(desk, 30) == [("fill", "VG-1"), ("CANCELLED", "VG-1")]


def test_images_of_the_stream_may_be_doubled_and_out_of_order(desk: OverLookAlike) -> None:
    """Whatever order they come in, the words are the same, once each; nothing is polled."""
    desk.has_stream = True
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    desk.reach(TS + timedelta(seconds=1))
    desk.cancel("VG-1", desk.clock.now())
    desk.reach(TS + timedelta(seconds=5))
    reads = desk.core.counts.requests
    texts = [msgspec.json.encode(update).decode() for update in desk.core.drain_updates()]
    rows = [row for row in map(stream_message, texts) if isinstance(row, OrderRow)]
    assert len(rows) >= 3
    for row in (*reversed(rows), *rows):
        desk.broker.hear(row)
    assert heard(desk, 6) == [("OPEN", "VG-1"), ("CANCELLED", "VG-1")]
    assert desk.core.counts.requests == reads


def test_a_gap_of_the_stream_makes_the_book_be_read(desk: OverLookAlike) -> None:
    """What was missed is found in the book."""
    desk.has_stream = True
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("OPEN", "VG-1")]
    (taken,) = desk.core.exchange.orders.values()
    desk.core.exchange.cancel(taken, desk.clock.now())
    assert heard(desk, 5) == []
    desk.broker.gap()
    assert heard(desk, 6) == [("CANCELLED", "VG-1")]


def test_the_book_is_read_no_oftener_than_asked() -> None:
    """Between two readings lie `poll_s` seconds of event time."""
    desk = OverLookAlike(poll_s=10.0)
    try:
        desk.place(approval(contract=FAR_CALL, limit_price=LOW))
        heard(desk, 1)
        before = desk.core.counts.requests
        for seconds in (2, 4, 6, 8, 10):
            heard(desk, seconds)
        assert desk.core.counts.requests == before
        heard(desk, 11)
        assert desk.core.counts.requests == before + 1
    finally:
        desk.shut()


# --- modify and cancel ----------------------------------------------------------------------------------


def test_a_refused_modify_leaves_the_order_as_it_was(desk: OverLookAlike) -> None:
    """The word says why; the price at the exchange is the old one."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    heard(desk, 1)
    desk.arm(fault(FaultName.RATE_LIMIT, "modify"))
    desk.modify(approval(desk.clock.now(), contract=FAR_CALL, limit_price="21.00"))
    (word,) = desk.due(TS + timedelta(seconds=5))
    assert isinstance(word, OrderUpdated) and word.state is OrderState.OPEN and "modify" in word.reason
    (held,) = desk.reads.orders()
    assert str(held.limit_price) == LOW


def test_an_expired_change_of_price_is_not_sent(desk: OverLookAlike) -> None:
    """The market of its review is gone."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    heard(desk, 10)
    desk.modify(approval(TS, contract=FAR_CALL, limit_price="21.00", valid_s=5.0))
    (held,) = desk.reads.orders()
    assert str(held.limit_price) == LOW


def test_a_cancel_of_an_order_without_a_number_is_done_when_it_is_known(desk: OverLookAlike) -> None:
    """The reply was lost and the cancel came first: it is sent as soon as the order is found."""
    desk.arm(fault(FaultName.DROPPED_REPLY, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    desk.cancel("VG-1", desk.clock.now())
    assert words_at_server(desk) != ["cancelled"]
    told = heard(desk, 1) + heard(desk, 5)
    assert told == [("UNKNOWN", "VG-1"), ("OPEN", "VG-1"), ("CANCELLED", "VG-1")]


def test_a_cancel_that_did_not_pass_is_tried_again(desk: OverLookAlike) -> None:
    """To take an order off twice does no harm; to leave it does."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    heard(desk, 1)
    desk.arm(fault(FaultName.RATE_LIMIT, "cancel"))
    desk.cancel("VG-1", desk.clock.now())
    assert heard(desk, 2) + heard(desk, 5) == [("CANCELLED", "VG-1")]


# --- many at once ---------------------------------------------------------------------------------------


def test_lines_placed_together_are_told_one_by_one(desk: OverLookAlike) -> None:
    """A part of them fails: those are rejected, the others live."""
    desk.arm(FaultRule(name=FaultName.PARTIAL_207, probability=1.0))
    orders = [approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(4)]
    desk.broker.multi_place(orders)
    told = dict((tag, state) for state, tag in heard(desk, 1))
    accepted = set(desk.core.exchange.accepted_tags)
    assert 0 < len(accepted) < 4
    for approved in orders:
        tag = approved.request.tag
        assert told[tag] == "OPEN" if tag in accepted else told[tag] in ("REJECTED", "UNKNOWN")


def test_more_lines_than_a_call_takes_go_in_several() -> None:
    """None is lost, none sent twice."""
    desk = OverLookAlike(multi_lines_max=3)
    try:
        desk.broker.multi_place(
            [approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(7)]
        )
        assert sorted(desk.core.exchange.accepted_tags) == [f"M-{n}" for n in range(7)]
    finally:
        desk.shut()


def test_a_lost_batch_is_unknown_line_by_line_and_found(desk: OverLookAlike) -> None:
    """Each line is sought by its own tag."""
    desk.arm(fault(FaultName.DROPPED_REPLY, "multi_place"))
    desk.broker.multi_place([approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(2)])
    told = heard(desk, 1)
    assert sorted(told) == [("OPEN", "M-0"), ("OPEN", "M-1"), ("UNKNOWN", "M-0"), ("UNKNOWN", "M-1")]


def test_orders_that_open_and_close_never_share_a_call(desk: OverLookAlike) -> None:
    """The broker may do the lines of a call in any order."""
    with pytest.raises(ValueError, match="must be of one side and purpose"):
        desk.broker.multi_place(
            [
                approval(tag="a", contract=FAR_CALL, limit_price=LOW),
                approval(tag="b", contract=FAR_PUT, limit_price=LOW, purpose=Purpose.CLOSE),
            ]
        )
    assert desk.core.exchange.accepted_tags == []


def test_all_resting_orders_are_taken_off_in_one_call(desk: OverLookAlike) -> None:
    """Their ends come as words."""
    for number in range(2):
        desk.place(approval(tag=f"M-{number}", contract=FAR_CALL, limit_price=LOW))
    heard(desk, 1)
    assert len(desk.broker.multi_cancel().order_ids) == 2
    assert sorted(heard(desk, 5)) == [("CANCELLED", "M-0"), ("CANCELLED", "M-1")]


def test_every_position_is_closed_in_one_call(desk: OverLookAlike) -> None:
    """The broker makes the orders itself."""
    desk.place(approval(contract=FAR_CALL, limit_price=HIGH))
    look(desk, 15)
    assert len(desk.broker.exit_all().order_ids) == 1
    desk.reach(TS + timedelta(seconds=20))
    look(desk, 30)
    assert [position.quantity for position in desk.reads.positions()] == [0]


# --- restart --------------------------------------------------------------------------------------------


def test_a_restarted_session_seeks_what_was_sent_and_repeats_no_fill(desk: OverLookAlike) -> None:
    """An order without an answer on record is UNKNOWN and found; a fill that was booked is not told again."""
    desk.place(approval(tag="SENT-1", contract=FAR_CALL, limit_price=LOW))
    desk.place(approval(tag="PART-1", contract=FAR_PUT, limit_price=HIGH, quantity=130))
    look(desk, 15, size=65)
    (trade,) = desk.reads.trades()
    fresh = desk.new_broker()
    fresh.restore(
        [
            order(OrderState.SENT, tag="SENT-1", contract=FAR_CALL),
            order(OrderState.UNKNOWN, tag="PART-1", contract=FAR_PUT, quantity=130, filled=65),
        ],
        {trade.trade_id},
    )
    desk.broker = fresh
    assert sorted(heard(desk, 20)) == [("OPEN", "PART-1"), ("OPEN", "SENT-1"), ("UNKNOWN", "SENT-1")]
    fills = [answer for answer in look(desk, 30, size=65) if isinstance(answer, OrderFilled)]
    assert [fill.quantity for fill in fills] == [65] and fills[0].fill_id != trade.trade_id


def test_a_restart_with_an_order_in_a_contract_that_is_gone_is_refused(desk: OverLookAlike) -> None:
    """Without its key the order could be neither found nor taken off."""
    with pytest.raises(DataError, match="instrument file"):
        desk.new_broker().restore([order(OrderState.SENT, contract=call(99000))], ())


def test_a_restart_takes_up_what_was_wanted_and_what_was_counted_as_absent(desk: OverLookAlike) -> None:
    """A cancel that may not have left is sent again; an order that was given up is still looked for."""
    desk.place(approval(tag="LEAVES", contract=FAR_CALL, limit_price=LOW))
    desk.place(approval(tag="ABSENT", contract=FAR_PUT, limit_price=LOW))
    numbers = {one.tag: one.order_id for one in desk.reads.orders()}
    leaves = order(OrderState.OPEN, tag="LEAVES", contract=FAR_CALL)
    leaves = replace(leaves, broker_order_id=numbers["LEAVES"], cancel_requested_at=TS)
    absent = replace(order(OrderState.DENIED, tag="ABSENT", contract=FAR_PUT), absent_reads=2)
    never_sent = order(OrderState.DENIED, tag="NEVER", contract=FAR_PUT)
    desk.broker = desk.new_broker()
    desk.broker.restore([leaves, absent, never_sent], ())
    assert sorted(heard(desk, 1) + heard(desk, 5)) == [("CANCELLED", "LEAVES"), ("OPEN", "ABSENT")]
    assert desk.broker.tracks.get("NEVER") is None


def test_an_order_of_before_a_restart_is_never_sent_again(desk: OverLookAlike) -> None:
    """Its tag is used up, whatever became of it."""
    desk.broker.restore([order(OrderState.CANCELLED, contract=FAR_CALL)], ())
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("REJECTED", "VG-1")]
    assert desk.core.exchange.accepted_tags == []


# --- what must not leave --------------------------------------------------------------------------------


def test_a_price_beyond_the_approved_one_is_not_sent(desk: OverLookAlike) -> None:
    """The last look before an order leaves: no buy above, no sale below what the review allowed."""
    given = approval(contract=FAR_CALL, limit_price=LOW)
    desk.place(replace(given, worst_price=Decimal("19.95")))
    (word,) = desk.due(TS + timedelta(seconds=1))
    assert isinstance(word, OrderUpdated) and word.state is OrderState.REJECTED
    assert word.reason == "the limit price was 20.00, approved up to 19.95; nothing was sent"
    assert desk.core.exchange.accepted_tags == []


def test_an_order_that_cannot_be_written_down_is_not_sent(desk: OverLookAlike) -> None:
    """A price finer than a paisa: refused here, in words."""
    desk.place(approval(contract=FAR_CALL, limit_price="20.001"))
    (word,) = desk.due(TS + timedelta(seconds=1))
    assert isinstance(word, OrderUpdated) and word.state is OrderState.REJECTED
    assert "whole in paise; nothing was sent" in word.reason


def test_an_order_that_the_rate_budget_has_no_room_for_is_not_sent() -> None:
    """The minute is used up: REJECTED at once, rather than sent when its market is gone."""
    few = {"order": band(5, 1, 100), "standard": band(50, 500, 2000), "login": band(1, 10, 60)}
    desk = OverLookAlike(rate=few)
    try:
        for number in range(2):
            desk.place(approval(tag=f"VG-{number}", contract=FAR_CALL, limit_price=LOW))
        words = {word.tag: word for word in desk.due(desk.clock.now()) if isinstance(word, OrderUpdated)}
        assert words["VG-1"].state is OrderState.REJECTED and "no room" in words["VG-1"].reason
        assert desk.core.exchange.accepted_tags == ["VG-0"]
    finally:
        desk.shut()


# --- reading --------------------------------------------------------------------------------------------


def test_a_book_that_cannot_be_read_is_read_order_by_order(desk: OverLookAlike) -> None:
    """One unreadable row of another channel must not blind us to our own orders."""
    desk.place(approval(contract=FAR_CALL, limit_price=HIGH))
    desk.arm(fault(FaultName.EMPTY_400, "order_book", times_max=50))
    look(desk, 15)
    assert desk.broker.tracks.get("VG-1") is not None
    assert [one.trade_id for one in desk.reads.trades()] != []
    track = desk.broker.tracks.get("VG-1")
    assert track is not None and track.is_over
    assert "order_book" in desk.broker.last_read_failure


def test_a_broker_that_is_away_raises_nothing_and_is_told_of(desk: OverLookAlike) -> None:
    """Reads fail, the session goes on; three in a row make the broker unhealthy, an answer mends it."""
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    heard(desk, 1)
    desk.arm(fault(FaultName.SERVER_ERROR_BEFORE, "order_book", times_max=500))
    for seconds in (20, 40, 60):
        assert heard(desk, seconds) == []
    assert not desk.broker.health.is_healthy
    desk.arm()
    heard(desk, 200)
    assert desk.broker.health.is_healthy


def test_a_lost_order_is_looked_for_less_and_less_often(desk: OverLookAlike) -> None:
    """After 2, 4, 8 ... seconds, each minute in the end: a lost order does not use up the budget."""
    desk.has_stream = True
    desk.arm(fault(FaultName.SERVER_ERROR_BEFORE, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    before = desk.core.counts.requests
    for seconds in range(1, 601):
        heard(desk, seconds)
    reads = desk.core.counts.requests - before
    assert 60 <= reads <= 80  # the book every 10 s, and some 15 looks by tag


def test_nothing_is_read_while_nothing_lives(desk: OverLookAlike) -> None:
    """A day without orders asks nothing."""
    before = desk.core.counts.requests
    for seconds in (1, 100, 1000):
        assert heard(desk, seconds) == []
    assert desk.core.counts.requests == before


def test_reading_may_be_done_by_somebody_else(desk: OverLookAlike) -> None:
    """With errands `due` never waits: what is read is told at the next call."""
    errands = Later()
    desk.broker = UpstoxBroker(desk.client, desk.master, desk.clock, poll_s=0.0, errands=errands)
    desk.place(approval(contract=FAR_CALL, limit_price=HIGH))
    look(desk, 15)
    before = desk.core.counts.requests
    assert heard(desk, 16) == [] and desk.core.counts.requests == before
    errands.do()
    assert desk.core.counts.requests > before
    assert heard(desk, 17) == [("fill", "VG-1")]


def test_a_reader_in_a_thread_of_its_own_tells_the_same(desk: OverLookAlike) -> None:
    """Words and fills come out whole, once each."""
    errands = ThreadErrands("the books")
    desk.broker = UpstoxBroker(desk.client, desk.master, desk.clock, poll_s=0.0, errands=errands)
    for number in range(3):
        desk.place(approval(tag=f"VG-{number}", contract=FAR_CALL, limit_price=HIGH))
    desk.core.exchange.look(shot(15, size=650))
    desk.reach(TS + timedelta(seconds=16))
    told: list[tuple[str, str]] = []
    for _ in range(200):
        told += heard(desk, 20)
        if len(told) == 6:
            break
        errands._thread.join(1.0) if errands._thread else None
    errands.close()
    assert sorted(told) == sorted([(word, f"VG-{n}") for n in range(3) for word in ("OPEN", "fill")])


# --- the end --------------------------------------------------------------------------------------------


def test_the_close_takes_off_what_rests_and_waits_for_its_last_words(desk: OverLookAlike) -> None:
    """The exchange would let it rest on: the session is over, so it is cancelled, and seen to be."""
    desk.place(approval(tag="RESTS", contract=FAR_CALL, limit_price=LOW))
    desk.place(approval(tag="FILLS", contract=FAR_PUT, limit_price=HIGH))
    look(desk, 15)
    last = [answer for answer in desk.broker.close(desk.clock.now()) if isinstance(answer, OrderUpdated)]
    assert [(word.state.value, word.tag) for word in last] == [("CANCELLED", "RESTS")]
    assert sorted(words_at_server(desk)) == ["cancelled", "complete"]


def test_the_close_leaves_what_is_lost_unknown(desk: OverLookAlike) -> None:
    """It looks for it once more, and guesses nothing."""
    desk.arm(fault(FaultName.SERVER_ERROR_BEFORE, "place"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    assert heard(desk, 1) == [("UNKNOWN", "VG-1")]
    assert list(desk.broker.close(desk.clock.now())) == []


# --- sweeps ---------------------------------------------------------------------------------------------


def test_nothing_to_take_off_and_nothing_to_close_is_no_failure(desk: OverLookAlike) -> None:
    """The broker says so in the words for `too many`; its books tell which is meant."""
    assert desk.broker.multi_cancel().order_ids == ()
    assert desk.broker.exit_all().order_ids == ()


def test_a_sweep_that_the_broker_refuses_with_orders_open_is_a_failure() -> None:
    """More open orders than it takes in one call: some of them live on, which must be known."""
    desk = OverLookAlike()
    try:
        for number in range(11):
            desk.place(approval(tag=f"VG-{number}", contract=FAR_CALL, limit_price=LOW))
            desk.reach(desk.clock.now() + timedelta(seconds=1))
        with pytest.raises(ApiFailure, match="UDAPI1109"):
            desk.broker.multi_cancel()
        assert desk.broker.multi_cancel(tag="VG-3").order_ids != ()
    finally:
        desk.shut()


def test_buys_and_sales_never_share_a_call(desk: OverLookAlike) -> None:
    """The broker does all buys first: what is sold must wait for its hedge's fill, not for its line."""
    orders = [
        approval(tag="a", contract=FAR_CALL, limit_price=LOW),
        approval(tag="b", contract=FAR_PUT, limit_price=LOW, side=Side.SELL),
    ]
    with pytest.raises(ValueError, match="2 orders of 2 kinds, must be of one side and purpose"):
        desk.broker.multi_place(orders)
    assert heard(desk, 1) == [] and desk.core.exchange.accepted_tags == []


def test_after_a_lost_batch_no_further_one_adds_risk() -> None:
    """The first three lines may or may not live: the other three are not sent; exits would be."""
    for purpose, sent in ((Purpose.OPEN, 3), (Purpose.CLOSE, 6)):
        desk = OverLookAlike(multi_lines_max=3)
        try:
            desk.arm(fault(FaultName.DROPPED_REPLY, "multi_place"))
            desk.broker.multi_place(
                [
                    approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW, purpose=purpose)
                    for n in range(6)
                ]
            )
            assert len(desk.core.exchange.accepted_tags) == sent
            rejected = [tag for state, tag in heard(desk, 1) if state == "REJECTED"]
            assert rejected == ([] if sent == 6 else ["M-3", "M-4", "M-5"])
        finally:
            desk.shut()


def test_a_batch_fits_the_second_of_the_exchange() -> None:
    """Ten lines at once would need the share of exits: an ordinary batch is cut to seven."""
    desk = OverLookAlike()
    try:
        orders = [approval(tag=f"M-{n}", contract=FAR_CALL, limit_price=LOW) for n in range(10)]
        desk.broker.multi_place(orders)
        assert sorted(desk.core.exchange.accepted_tags) == sorted(f"M-{n}" for n in range(10))
        assert desk.clock.now() >= TS + timedelta(seconds=1)
        assert desk.core.rate_violations == 0
    finally:
        desk.shut()


# --- secrets --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [FaultName.HTML_403, FaultName.DROPPED_REPLY, FaultName.RATE_LIMIT])
def test_no_reason_and_no_repr_shows_the_token(desk: OverLookAlike, name: FaultName) -> None:
    """What goes into the journal says what went wrong, and nothing that opens the account."""
    token = desk.client._token()
    assert token
    desk.arm(fault(name, "place"), fault(name, "order_book"))
    desk.place(approval(contract=FAR_CALL, limit_price=LOW))
    told = list(desk.due(TS + timedelta(seconds=5)))
    assert told
    for text in (repr(told), repr(desk.broker), repr(desk.client), desk.broker.last_read_failure):
        assert token not in text


class Later:
    """Errands that are done when the test says so."""

    def __init__(self) -> None:
        self._job: Callable[[], None] | None = None

    @property
    def is_free(self) -> bool:
        return self._job is None

    def run(self, job: Callable[[], None]) -> None:
        self._job = job

    def do(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        job()

    def close(self) -> None:
        self._job = None
