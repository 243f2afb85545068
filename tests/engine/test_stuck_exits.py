"""What is to be closed is closed, or somebody hears of it: refusals, doubts and silence do not hold it up."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np

from tests.engine.turns import ENGINE, make_state
from tests.execution.test_reconcile import mirror
from tests.fakes import TRADING, TS, make_engine, order
from tests.museum.scene import Scene, crash_day
from volguard.model.book import Book
from volguard.model.decision import SafetyLevel, TradingState
from volguard.model.event import Alert, MarketSnapshot, TimePassed
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Purpose

LARGE = make_engine(*TRADING, "bucket.monthly.is_enabled=false", "account.capital_inr=80000000")
LOOKS = 12


def test_one_refused_slice_does_not_take_the_others_off() -> None:
    """They are left to fill for the time that a wave gets; the refused one is tried again after it."""
    scene = Scene.holding(LARGE)
    scene.flatten()
    scene.look()
    exits = scene.placed(purpose=Purpose.CLOSE)
    first, *others = [one for one in exits if one.contract == exits[0].contract]
    assert others
    before = len(scene.effects)
    for one in others:
        scene.word(one.tag, OrderState.OPEN)
    scene.word(first.tag, OrderState.REJECTED)
    assert scene.cancelled(since=before) == []
    for one in others:
        scene.fill(one.tag)
    scene.look()
    again = [one for one in scene.placed(since=before) if one.contract == first.contract]
    assert [one.quantity for one in again] == [first.quantity] and again[0].tag != first.tag


def test_a_refused_exit_of_puts_leaves_that_of_the_calls_alone() -> None:
    """And is tried again at the next look, not when the calls are done."""
    scene = Scene.holding()
    scene.flatten()
    scene.look()
    calls, puts = sorted(scene.placed(purpose=Purpose.CLOSE), key=lambda one: one.contract.option_type)
    before = len(scene.effects)
    scene.word(calls.tag, OrderState.OPEN)
    scene.word(puts.tag, OrderState.REJECTED)
    scene.look()
    assert scene.cancelled(since=before) == []
    assert [one.contract for one in scene.placed(since=before)] == [puts.contract]


def test_a_short_that_fills_late_is_closed_beside_the_exit_of_the_other_kind() -> None:
    """The exit of its own hedge is withdrawn, and one of both takes its place; the other kind's goes on."""
    scene = Scene.entering()
    scene.fill_all()
    scene.look()
    filled, late = scene.placed(side=Side.SELL)
    scene.fill(filled.tag)
    scene.word(late.tag, OrderState.OPEN)
    scene.flatten()
    scene.word(late.tag, OrderState.CANCELLED)
    scene.look()
    before = len(scene.effects)
    scene.fill(late.tag)
    (stale,) = scene.cancelled(since=before)
    scene.word(stale, OrderState.CANCELLED)
    scene.look()
    bought = scene.placed(since=before, side=Side.BUY)
    assert [one.contract for one in bought] == [late.contract]


def test_a_filled_short_does_not_wait_for_an_order_that_nobody_knows_of() -> None:
    """It is bought back; its hedges stay until the other is known, for it may be a short too."""
    scene = Scene.entering()
    scene.fill_all()
    scene.look()
    filled, doubtful = scene.placed(side=Side.SELL)
    scene.fill(filled.tag)
    scene.word(doubtful.tag, OrderState.UNKNOWN)
    scene.flatten()
    for _ in range(3):
        scene.look()
    (bought,) = scene.placed(purpose=Purpose.CLOSE)
    assert (bought.contract, bought.side) == (filled.contract, Side.BUY)
    scene.fill(bought.tag)
    scene.look()
    assert scene.placed(purpose=Purpose.CLOSE) == [bought]
    scene.fill(doubtful.tag)  # it was alive: covered all the time, and closed now
    for _ in range(4):
        scene.look()
        scene.fill_all()
    assert scene.units() == {}


def test_a_flatten_that_closes_nothing_pages() -> None:
    """Refused again and again: an emergency after the time of a wave, and a page a minute."""
    scene = Scene.holding()
    scene.flatten()
    for _ in range(LOOKS):
        scene.look()
        for one in scene.alive():
            scene.word(one.request.tag, OrderState.REJECTED)
    assert scene.alerts().count("emergency") > 1
    assert scene.desk.safety_level is SafetyLevel.EMERGENCY


def test_a_flatten_without_quotes_pages_and_sends_nothing() -> None:
    """No blind order, and no silence either."""
    scene = Scene.holding()
    scene.flatten()
    before = len(scene.effects)
    for _ in range(LOOKS):
        shot = crash_day().market.shots[scene.looks]
        scene.looks += 1
        nowhere, none = np.full_like(shot.bid, np.nan), np.zeros_like(shot.bid_qty)
        dark = replace(shot, bid=nowhere, ask=nowhere, bid_qty=none, ask_qty=none)
        scene.tell(MarketSnapshot(ts=shot.ts, snapshot=dark))
    assert scene.placed(since=before) == [] and "emergency" in scene.alerts(since=before)


def test_a_flatten_that_gets_on_does_not_page() -> None:
    """What fills is closed: nobody is called for it."""
    scene = Scene.holding()
    scene.flatten()
    while scene.units():
        scene.look()
        scene.fill_all()
    assert "emergency" not in scene.alerts()


def test_an_emergency_is_not_over_while_an_order_may_fill() -> None:
    """Flat by the book, but a short may still come of it: the operator is paged on."""
    doubtful = order(OrderState.UNKNOWN, side=Side.SELL)
    state = make_state(
        emergency="naked_short",
        trading_state=TradingState.HALTED,
        paged_at=TS,
        book=Book(orders=(doubtful,)),
    )
    assert ENGINE.waits_for_time(state)
    step = ENGINE.step(state, TimePassed(ts=TS + timedelta(seconds=61)))
    (page,) = [e for e in step.effects if isinstance(e, Alert) and e.code == "emergency"]
    assert doubtful.request.tag in page.text


def test_a_flatten_on_a_book_that_is_not_the_brokers_says_that_it_sends_nothing() -> None:
    """Closing what we do not hold would open it: the way that reads the broker's own book is named."""
    scene = Scene.holding(broker="upstox")
    view = mirror(scene.desk.book)
    assert view.positions is not None
    for _ in range(4):
        scene.read(replace(view, positions=view.positions[1:]))
    assert scene.desk.is_book_untrue
    before = len(scene.effects)
    scene.flatten()
    scene.look()
    assert scene.placed(since=before) == []
    assert scene.alerts(since=before).count("flatten_withheld") == 1
