"""Orders as a journal tells of them: the market before each, its re-pricings, its fills, its last word."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adapters.journal_samples import CONTRACT, REQUEST, STARTED, TS, a_fill, small_snapshot, written
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.sent_orders import sent_orders
from volguard.adapters.sqlite_journal import SqliteJournal
from volguard.execution.quality import Outcome, SentOrder
from volguard.model.decision import Approved
from volguard.model.event import (
    Effect,
    Event,
    FillBooked,
    MarketSnapshot,
    Modify,
    OrderChanged,
    Place,
    Record,
    StepFailed,
    TimePassed,
)
from volguard.model.instrument import OptionContract, OptionType
from volguard.model.order import OrderRequest, OrderState, Urgency

UNBID = OptionContract(
    underlying=CONTRACT.underlying, expiry=CONTRACT.expiry, strike=24500, option_type=OptionType.PUT
)


class Scene:
    """A journal written step by step, each step one second after the last."""

    def __init__(self, path: Path) -> None:
        self.journal = SqliteJournal.open(path, create=True)
        self.now = TS
        self.take(STARTED)

    def take(self, event: Event | None = None, *said: Record | Effect) -> datetime:
        """One step: an event (by default time alone) with its records and effects."""
        seq = self.journal.append(TimePassed(ts=self.now) if event is None else event)
        effects = [one for one in said if isinstance(one, Place | Modify)]
        records = [one for one in said if not isinstance(one, Place | Modify)]
        self.journal.commit(seq, records, effects, durable=False)  # type: ignore[arg-type]
        at, self.now = self.now, self.now + timedelta(seconds=1)
        return at

    def look(self, number: int, *said: Record | Effect) -> datetime:
        """A market, the bids of which rise by 0.05 with each number."""
        return self.take(
            MarketSnapshot(ts=self.now, snapshot=replace(small_snapshot(number), ts=self.now)), *said
        )

    def orders(self) -> Sequence[SentOrder]:
        """What the journal tells."""
        return sent_orders(self.journal)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path / "a.db")
    yield made
    made.journal.close()


def approve(request: OrderRequest) -> Approved:
    return Approved(
        request=request,
        worst_price=request.limit_price,
        quote_digest="q",
        review_sequence=1,
        approved_at=TS,
        valid_until=TS + timedelta(seconds=5),
    )


def changed(tag: str, state: OrderState, filled: int = 0) -> OrderChanged:
    return OrderChanged(
        ts=TS, tag=tag, state=state, filled_quantity=filled, limit_price=Decimal("102.00"), reason=""
    )


def booked(tag: str, quantity: int, price: str, at: datetime) -> FillBooked:
    fill = replace(a_fill(at), fill_id=f"f-{at:%S}", tag=tag, quantity=quantity, price=Decimal(price))
    return FillBooked(trade_id="T1", fill=fill)


def place(scene: Scene, number: int = 0, request: OrderRequest = REQUEST) -> datetime:
    """An order that leaves on a market."""
    words = changed(request.tag, OrderState.SENT), Place(approved=approve(request))
    return scene.look(number, *words)


def test_the_mid_is_that_of_the_market_which_the_order_was_decided_on(scene: Scene) -> None:
    """Bid 102.05, ask 103.00: the later looks, better or worse, change nothing."""
    scene.look(0)
    at = place(scene, 1)
    scene.look(2)
    scene.take(None, booked("vg-1", 75, "102.10", scene.now), changed("vg-1", OrderState.FILLED, 75))
    (order,) = scene.orders()
    assert (order.sent_at, order.arrival_mid) == (at, Decimal("102.525"))
    assert order.arrival_half_spread == Decimal("0.475")
    assert (order.outcome, order.fill_s) == (Outcome.FILLED, 2.0)
    assert order.slippage_inr == 75 * Decimal("0.425")  # a sell, below mid


def test_an_order_re_priced_three_times_is_still_measured_from_its_first_mid(scene: Scene) -> None:
    """Three re-pricings are three steps; the urgency at the end stands beside the one it began with."""
    place(scene)
    for number in (1, 2, 3):
        urgency = Urgency.HIGH if number == 3 else REQUEST.urgency
        again = replace(
            REQUEST, limit_price=Decimal("102.00") - number, quantity=75 - number, urgency=urgency
        )
        scene.look(number, changed("vg-1", OrderState.OPEN), Modify(approved=approve(again)))
    (order,) = scene.orders()
    assert (order.price_steps, order.request.urgency, order.last_urgency) == (3, Urgency.LOW, Urgency.HIGH)
    assert (order.arrival_mid, order.request) == (Decimal("102.50"), REQUEST)
    assert order.outcome is Outcome.WORKING


def test_a_part_that_filled_keeps_its_price_when_the_rest_is_taken_off(scene: Scene) -> None:
    """30 of 75 filled in two pieces, the rest cancelled: PART, the average by units."""
    place(scene)
    scene.take(None, booked("vg-1", 10, "102.00", scene.now), changed("vg-1", OrderState.PARTIAL, 10))
    scene.take(None, booked("vg-1", 20, "102.30", scene.now), changed("vg-1", OrderState.PARTIAL, 30))
    scene.take(None, changed("vg-1", OrderState.CANCELLED, 30))
    (order,) = scene.orders()
    assert (order.outcome, order.filled_quantity, order.average_price) == (
        Outcome.PART,
        30,
        Decimal("102.20"),
    )
    assert order.slippage_inr == 10 * Decimal("0.50") + 20 * Decimal("0.20")


def test_a_side_that_nobody_quoted_leaves_no_mid(scene: Scene) -> None:
    """Without a bid, or not listed at all: there is no mid, never half of one."""
    far = replace(CONTRACT, strike=30000)
    place(scene, request=replace(REQUEST, tag="vg-1", contract=UNBID))
    place(scene, request=replace(REQUEST, tag="vg-2", contract=far))
    assert [order.arrival_mid for order in scene.orders()] == [None, None]


def test_an_order_before_any_market_has_no_mid(scene: Scene) -> None:
    """Nothing was seen yet: nothing is told."""
    scene.take(None, changed("vg-1", OrderState.SENT), Place(approved=approve(REQUEST)))
    assert [(one.arrival_mid, one.arrival_half_spread) for one in scene.orders()] == [(None, None)]


def test_a_market_whose_step_failed_was_never_the_market(scene: Scene) -> None:
    """The order that leaves after it was decided on the look before."""
    scene.look(1)
    scene.look(5, StepFailed(ts=TS, error="ValueError"))
    scene.take(None, changed("vg-1", OrderState.SENT), Place(approved=approve(REQUEST)))
    (order,) = scene.orders()
    assert order.arrival_mid == Decimal("102.525")


def test_orders_of_one_step_are_told_in_order_and_apart(scene: Scene) -> None:
    """Fills and words go to the order of their tag; fills of nobody's order are not made into one."""
    first, second = REQUEST, replace(REQUEST, tag="vg-2", contract=replace(CONTRACT, strike=24600))
    sent = [changed(one.tag, OrderState.SENT) for one in (first, second)]
    scene.look(0, *sent, *(Place(approved=approve(one)) for one in (first, second)))
    scene.take(None, booked("elsewhere", 75, "90.00", scene.now))
    scene.take(None, booked("vg-2", 75, "104.00", scene.now), changed("vg-2", OrderState.FILLED, 75))
    one, two = scene.orders()
    assert [one.request.tag, two.request.tag] == ["vg-1", "vg-2"]
    assert (one.outcome, two.outcome) == (Outcome.WORKING, Outcome.FILLED)
    assert (one.arrival_mid, two.arrival_mid) == (Decimal("102.50"), Decimal("104.50"))


def test_a_journal_without_orders_tells_of_none(scene: Scene) -> None:
    """A day of waiting has nothing to measure."""
    scene.look(0)
    assert scene.orders() == ()


def test_a_reader_beside_the_session_is_told_the_same(tmp_path: Path) -> None:
    """Read without the lock, from rows alone."""
    with JournalReader.open(written(tmp_path / "a.db")) as reader:
        (order,) = sent_orders(reader)
    assert (order.request.tag, order.price_steps, order.outcome) == ("vg-1", 1, Outcome.FILLED)
    assert order.arrival_mid == Decimal("102.55")
