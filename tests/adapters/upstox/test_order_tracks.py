"""What is told of an order does not depend on when, how often and in which order it was heard."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import CONDOR, TS, order, request
from volguard.adapters.upstox.order_tracks import OrderTracks
from volguard.adapters.upstox.order_words import state_of
from volguard.execution.lifecycle import booked, told
from volguard.model.broker import BrokerOrder, BrokerTrade, InstrumentKey
from volguard.model.event import OrderAbsent, OrderFilled, OrderUpdated
from volguard.model.instrument import Side
from volguard.model.order import Order, OrderState

KEY = InstrumentKey("NSE_FO|1")
NUMBER = "260916000000001"
QUANTITY = 195
LATER = TS + timedelta(seconds=60)


def image(word: str, filled: int = 0, number: int = 1, **changes: Any) -> BrokerOrder:
    """The order as the broker has it at one moment."""
    base = BrokerOrder(
        order_id=NUMBER,
        tag="VG-1",
        key=KEY,
        contract=CONDOR[0].contract,
        side=Side.BUY,
        product="D",
        quantity=QUANTITY,
        filled_quantity=filled,
        limit_price=Decimal("10.00"),
        average_price=Decimal("10.00") if filled else None,
        state=state_of(word, quantity=QUANTITY, filled_quantity=filled),
        word=word,
        message="",
        placed_at=TS,
        request_number=number,
    )
    return replace(base, **changes)


def trade(name: str, quantity: int) -> BrokerTrade:
    return BrokerTrade(
        trade_id=name,
        order_id=NUMBER,
        key=KEY,
        contract=CONDOR[0].contract,
        side=Side.BUY,
        product="D",
        quantity=quantity,
        price=Decimal("10.00"),
        traded_at=TS,
    )


def begun() -> OrderTracks:
    tracks = OrderTracks()
    tracks.begin(request(quantity=QUANTITY), KEY, TS)
    return tracks


def words(tracks: OrderTracks) -> list[str]:
    """What is told: states, ids of fills, absences."""
    found = []
    for event in tracks.drain(LATER):
        match event:
            case OrderFilled():
                found.append(event.fill_id)
            case OrderUpdated():
                found.append(event.state.value)
            case OrderAbsent():
                found.append("absent")
    return found


# --- any order of hearing --------------------------------------------------------------------------------

RECEIVED = [
    image("put order req received"),
    image("validation pending"),
    image("open pending"),
    image("open"),
]
TRADES = (trade("T1", 65), trade("T2", 130))
LIVES = {
    "filled": ([*RECEIVED, image("open", 65), image("complete", 195)], TRADES, OrderState.FILLED),
    "filled at once": ([image("put order req received"), image("complete", 195)], TRADES, OrderState.FILLED),
    "taken off": ([*RECEIVED, image("cancel pending"), image("cancelled")], (), OrderState.CANCELLED),
    "filled in part": (
        [*RECEIVED, image("open", 65), image("cancel pending", 65), image("cancelled", 65)],
        TRADES[:1],
        OrderState.CANCELLED,
    ),
    "re-priced": (
        [*RECEIVED, image("modify pending", number=2), image("modified", number=2), image("open", number=2)],
        (),
        OrderState.OPEN,
    ),
    "refused": (
        [image("put order req received"), image("rejected", message="no money")],
        (),
        OrderState.REJECTED,
    ),
    "a word nobody knows": ([*RECEIVED, image("resting")], (), OrderState.OPEN),
}


@given(st.sampled_from(sorted(LIVES)), st.data())
def test_words_and_fills_are_the_same_however_they_are_heard(name: str, data: st.DataObject) -> None:
    """Doubled, reordered, skipped, before or after the reply, drained at any time: the same order comes out.

    Every fill once, no word that the order machine refuses, times that never go back.
    """
    images, trades, end = LIVES[name]
    heard = data.draw(st.lists(st.sampled_from(images), max_size=12))
    # All is read in the end: the last image, and every trade.
    script: list[Any] = [*heard, images[-1], "reply", "trades"]
    script = data.draw(st.permutations(script))
    drains = data.draw(st.lists(st.booleans(), min_size=len(script), max_size=len(script)))
    tracks, state = begun(), order(OrderState.SENT, quantity=QUANTITY)
    fills: list[str] = []
    times = [TS]
    for step, is_drained in zip([*script, "trades"], [*drains, True], strict=True):
        now = TS + timedelta(seconds=len(times))
        match step:
            case "reply":
                tracks.accepted("VG-1", [NUMBER], now)
            case "trades":
                track = tracks.get("VG-1")
                assert track is not None
                tracks.traded(track, trades, now)
            case seen:
                tracks.saw(seen, now)
        if is_drained:
            for event in tracks.drain(now):
                state = folded(state, event)
                fills += [event.fill_id] if isinstance(event, OrderFilled) else []
                times.append(event.ts)
    assert state.state is end
    assert sorted(fills) == [one.trade_id for one in trades]
    assert times == sorted(times)


def folded(state: Order, event: OrderUpdated | OrderFilled | OrderAbsent) -> Order:
    if isinstance(event, OrderFilled):
        return booked(state, event.quantity)
    assert isinstance(event, OrderUpdated)
    return told(state, event)


# --- one by one ------------------------------------------------------------------------------------------


def test_an_end_waits_for_its_fills() -> None:
    """The engine hears of a cancel only when it has every fill that came before."""
    tracks = begun()
    tracks.accepted("VG-1", [NUMBER], TS)
    tracks.saw(image("cancelled", 65), TS)
    assert words(tracks) == ["OPEN"]
    track = tracks.get("VG-1")
    assert track is not None and track.untold_ids == (NUMBER,)
    tracks.traded(track, TRADES[:1], TS)
    assert words(tracks) == ["T1", "CANCELLED"] and track.is_over


def test_a_completion_that_its_own_fills_deny_is_no_end() -> None:
    """`complete` with units missing: the order is taken to live until it adds up."""
    tracks = begun()
    tracks.saw(image("complete", 65), TS)
    track = tracks.get("VG-1")
    assert track is not None
    tracks.traded(track, TRADES[:1], TS)
    assert words(tracks) == ["OPEN", "T1"] and not track.is_over


def test_a_fill_after_the_end_is_told() -> None:
    """The cancel lost the race after all: the fill counts, the end is not told again."""
    tracks = begun()
    tracks.saw(image("cancelled"), TS)
    assert words(tracks) == ["CANCELLED"]
    tracks.saw(image("complete", 195), TS)
    track = tracks.get("VG-1")
    assert track is not None and track.untold_ids == (NUMBER,)
    tracks.traded(track, TRADES, TS)
    assert words(tracks) == ["T1", "T2"]


def test_an_update_without_a_tag_waits_for_the_reply() -> None:
    """The stream was faster, and left the tag out: the number in the reply brings both together."""
    tracks = begun()
    tracks.saw(image("rejected", tag=None, message="no money"), TS)
    assert words(tracks) == []
    tracks.accepted("VG-1", [NUMBER], TS)
    (word,) = tracks.drain(LATER)
    assert isinstance(word, OrderUpdated)
    assert (word.state, word.reason, word.broker_order_id) == (OrderState.REJECTED, "no money", NUMBER)


@pytest.mark.parametrize(
    "foreign",
    [{"tag": "another"}, {"key": InstrumentKey("NSE_FO|2")}, {"side": Side.SELL}],
    ids=lambda changes: next(iter(changes)),
)
def test_orders_of_others_are_not_ours(foreign: dict[str, Any]) -> None:
    """Another tag, or our tag on what we never ordered: not taken for our order."""
    tracks = begun()
    tracks.saw(image("complete", 195, **foreign), TS)
    track = tracks.get("VG-1")
    assert words(tracks) == [] and track is not None and track.order_ids == []


def test_a_lost_reply_after_the_stream_has_shown_the_order_is_no_doubt() -> None:
    """It is known to live: UNKNOWN would be a step back."""
    tracks = begun()
    tracks.saw(image("open"), TS)
    tracks.unknown("VG-1", "timeout", TS)
    assert words(tracks) == ["OPEN"]


def test_an_order_that_lives_after_a_refusal_is_told_and_taken_off() -> None:
    """The broker said no and meant yes: nobody counts on that order."""
    tracks = begun()
    tracks.rejected("VG-1", "HTTP 400", TS)
    tracks.saw(image("open"), TS)
    track = tracks.get("VG-1")
    assert words(tracks) == ["REJECTED", "OPEN"]
    assert track is not None and track.wants_cancel and track.live_ids == (NUMBER,)


@pytest.mark.parametrize("filled", [0, 65])
def test_the_order_machine_takes_every_word_of_an_order_that_lives_after_a_refusal(filled: int) -> None:
    """In doubt from the first sign of life, then what the book says when it is asked, to the very end."""
    tracks, state, seen = begun(), order(OrderState.SENT, quantity=QUANTITY), []
    track = tracks.get("VG-1")
    assert track is not None
    tracks.rejected("VG-1", "HTTP 400", TS)
    tracks.saw(image("open", filled), TS)
    for event in tracks.drain(TS):
        state = folded(state, event)
        seen.append(state.state)
    assert seen == [OrderState.REJECTED, OrderState.UNKNOWN]
    tracks.stands("VG-1", TS)  # the answer to the question that follows
    (word,) = tracks.drain(TS)
    state = folded(state, word)
    assert state.state is OrderState.OPEN
    tracks.saw(image("cancelled", filled), TS)
    tracks.traded(track, TRADES[: 1 if filled else 0], TS)
    for event in tracks.drain(TS):
        state = folded(state, event)
    assert (state.state, state.filled_quantity) == (OrderState.CANCELLED, filled) and track.is_over


def test_a_refused_order_that_is_listed_as_rejected_says_nothing_more() -> None:
    """The book of the broker lists what it refused: that is no news."""
    tracks = begun()
    tracks.rejected("VG-1", "HTTP 400", TS)
    tracks.saw(image("rejected"), TS)
    assert words(tracks) == ["REJECTED"]


def test_every_number_of_a_sliced_order_counts() -> None:
    """Its end is told when the last of its parts has ended, with the fills of all."""
    tracks = begun()
    tracks.accepted("VG-1", ["A", "B"], TS)
    tracks.saw(image("cancelled", 65, order_id="A"), TS)
    track = tracks.get("VG-1")
    assert track is not None and track.untold_ids == ("A",) and track.live_ids == ("B",)
    tracks.traded(track, [replace(trade("T1", 65), order_id="A")], TS)
    assert words(tracks) == ["OPEN", "T1"]
    tracks.saw(image("cancelled", order_id="B"), TS)
    (word,) = tracks.drain(LATER)
    assert isinstance(word, OrderUpdated)
    assert (word.state, word.filled_quantity) == (OrderState.CANCELLED, 65)


def test_absence_means_nothing_once_a_number_is_known() -> None:
    """A reading that lacks an order whose number we have is an old reading."""
    tracks = begun()
    tracks.unknown("VG-1", "timeout", TS)
    tracks.absent("VG-1", TS)
    tracks.absent("VG-1", TS)
    assert words(tracks) == ["UNKNOWN", "absent", "absent"]
    tracks.accepted("VG-1", [NUMBER], TS)
    tracks.absent("VG-1", TS)
    assert words(tracks) == ["OPEN"]


def test_words_of_an_order_never_come_before_its_decision() -> None:
    """An order sent for a later moment is told from that moment on."""
    tracks = OrderTracks()
    tracks.begin(request(quantity=QUANTITY), KEY, LATER)
    tracks.accepted("VG-1", [NUMBER], TS)
    assert list(tracks.drain(LATER - timedelta(seconds=1))) == []
    (word,) = tracks.drain(LATER)
    assert word.ts == LATER


def test_updates_without_a_tag_do_not_pile_up() -> None:
    """Another program's orders of a busy day: a thousand are kept, the oldest go first."""
    tracks = begun()
    for number in range(1500):
        tracks.saw(image("open", tag=None, order_id=f"X{number}"), TS)
    tracks.accepted("VG-1", ["X0", "X1499"], TS)
    track = tracks.get("VG-1")
    assert track is not None and set(track.images) == {"X1499"}
