"""Execution quality: slippage by hand, every outcome, and cash that adds up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import TS, request
from volguard.execution.quality import Outcome, SentOrder, by_urgency, summary_of
from volguard.model.book import Fill
from volguard.model.instrument import Side
from volguard.model.order import OrderState, Purpose, Urgency


def sent(
    *fills: tuple[int, str, float],
    mid: str | None = "10.025",
    state: OrderState = OrderState.FILLED,
    price_steps: int = 0,
    last_urgency: Urgency | None = None,
    **changes: Any,
) -> SentOrder:
    """An order sent at TS; its fills as (units, price, seconds later)."""
    wanted = request(**changes)
    return SentOrder(
        request=wanted,
        sent_at=TS,
        arrival_mid=None if mid is None else Decimal(mid),
        arrival_half_spread=None if mid is None else Decimal("0.025"),
        state=state,
        fills=tuple(
            Fill(
                fill_id=f"f-{number}",
                tag=wanted.tag,
                ts=TS + timedelta(seconds=after_s),
                contract=wanted.contract,
                side=wanted.side,
                quantity=units,
                price=Decimal(price),
                charges_inr=Decimal("20.00"),
                touch_bid=None,
                touch_ask=None,
            )
            for number, (units, price, after_s) in enumerate(fills)
        ),
        price_steps=price_steps,
        last_urgency=last_urgency or wanted.urgency,
    )


def test_the_model_pays_half_the_spread_and_each_fill_is_held_against_it() -> None:
    """Crossing at once is the model: the touch is 0, a tick beyond it 0.05, the mid is half a spread won."""
    touch, beyond, mid = "10.05", "10.10", "10.025"
    bought = sent((65, touch, 1.0), (65, beyond, 2.0), (65, mid, 3.0), quantity=195)
    assert [str(one) for one in bought.over_model_per_unit] == ["0.000", "0.050", "-0.025"]
    sold = sent((65, "10.00", 1.0), (65, "9.95", 2.0), side=Side.SELL, quantity=130)
    assert [str(one) for one in sold.over_model_per_unit] == ["0.000", "0.050"]
    assert sent((65, touch, 1.0), mid=None).over_model_per_unit == ()
    assert sent().over_model_per_unit == ()


def test_a_buy_above_mid_was_paid_and_a_sell_above_mid_was_won() -> None:
    """65 at 10.15 against a mid of 10.025: 0.125 a unit, 8.125 rupees; for a sell the sign turns."""
    bought = sent((65, "10.15", 2.5))
    sold = sent((65, "10.15", 2.5), side=Side.SELL)
    assert (bought.slippage_per_unit, bought.slippage_inr) == (Decimal("0.125"), Decimal("8.125"))
    assert (sold.slippage_per_unit, sold.slippage_inr) == (Decimal("-0.125"), Decimal("-8.125"))
    assert bought.slippage_share == pytest.approx(0.125 / 10.025)
    assert (bought.average_price, bought.fill_s) == (Decimal("10.15"), 2.5)


def test_an_order_filled_in_pieces_is_weighed_by_units() -> None:
    """195 at 10.00 and 65 at 10.20 are 10.05 on average; the time is that of the last piece."""
    order = sent((65, "10.20", 7.0), (195, "10.00", 3.0), quantity=260)
    assert order.average_price == Decimal("10.05")
    assert order.slippage_inr == 65 * Decimal("0.175") - 195 * Decimal("0.025")
    assert (order.fill_s, order.outcome) == (7.0, Outcome.FILLED)


def test_only_what_was_filled_is_measured() -> None:
    """A part that was cancelled costs nothing: slippage counts the 65 units that filled of 130."""
    order = sent((65, "10.075", 4.0), quantity=130, state=OrderState.CANCELLED)
    assert (order.outcome, order.filled_quantity) == (Outcome.PART, 65)
    assert order.slippage_inr == Decimal("3.25")
    assert summary_of([order]).filled_share == 0.5


def test_a_missing_mid_is_no_slippage_of_zero() -> None:
    """Nobody quoted a side at arrival: no slippage is told, the fill and its time are, and it is counted."""
    order = sent((65, "10.15", 2.0), mid=None)
    assert order.slippage_inr is order.slippage_per_unit is order.slippage_share is None
    assert (order.average_price, order.fill_s) == (Decimal("10.15"), 2.0)
    alone = summary_of([order])
    assert (alone.slippage_inr, alone.slippage_median, alone.share_worst) == (None, None, None)
    assert (alone.unmeasured, alone.fill_s_median) == (1, 2.0)
    beside = summary_of([order, sent((65, "10.05", 1.0))])
    assert (beside.slippage_inr, beside.unmeasured) == (Decimal("1.625"), 1)


def test_an_order_without_a_fill_has_no_figures() -> None:
    """No average, no slippage, no time; it still counts as ordered and not filled."""
    order = sent(state=OrderState.CANCELLED)
    assert (order.average_price, order.slippage_inr, order.fill_s) == (None, None, None)
    summary = summary_of([order])
    assert (summary.orders, summary.filled_share, summary.slippage_inr) == (1, 0.0, None)
    assert summary.unmeasured == 0


@pytest.mark.parametrize(
    ("state", "filled", "outcome"),
    [
        (OrderState.FILLED, 65, Outcome.FILLED),
        (OrderState.CANCELLED, 65, Outcome.FILLED),  # a late fill counts
        (OrderState.UNKNOWN, 65, Outcome.FILLED),
        (OrderState.CANCELLED, 30, Outcome.PART),
        (OrderState.REJECTED, 30, Outcome.PART),
        (OrderState.CANCELLED, 0, Outcome.CANCELLED),
        (OrderState.REJECTED, 0, Outcome.REJECTED),
        (OrderState.DENIED, 0, Outcome.REJECTED),
        (OrderState.UNKNOWN, 30, Outcome.UNKNOWN),
        (OrderState.UNKNOWN, 0, Outcome.UNKNOWN),
        (OrderState.SENT, 0, Outcome.WORKING),
        (OrderState.OPEN, 0, Outcome.WORKING),
        (OrderState.PARTIAL, 30, Outcome.WORKING),
        (OrderState.FILLED, 30, Outcome.WORKING),  # executions that are still to be told
    ],
)
def test_the_outcome_goes_by_executions_first(state: OrderState, filled: int, outcome: Outcome) -> None:
    """What was filled decides, then the last word of the broker; what is not proven over is not over."""
    fills = ((filled, "10.00", 1.0),) if filled else ()
    assert sent(*fills, state=state).outcome is outcome


def test_the_summary_tells_median_and_worst_per_urgency() -> None:
    """Worst is the most paid and the longest wait; an order belongs to the urgency it was decided with."""
    patient = [
        sent((65, price, wait_s)) for price, wait_s in (("10.00", 30.0), ("10.075", 9.0), ("10.225", 1.0))
    ]
    turned = sent(
        (65, "11.025", 12.0), urgency=Urgency.MEDIUM, purpose=Purpose.CLOSE, price_steps=3,
        last_urgency=Urgency.HIGH,
    )  # fmt: skip
    parts = by_urgency([turned, *patient])
    assert list(parts) == [Urgency.LOW, Urgency.MEDIUM]
    low, medium = parts[Urgency.LOW], parts[Urgency.MEDIUM]
    assert (low.slippage_median, low.slippage_worst) == (Decimal("0.05"), Decimal("0.2"))
    assert (low.fill_s_median, low.fill_s_worst) == (9.0, 30.0)
    assert low.slippage_inr == 65 * Decimal("0.225")
    assert low.share_worst == pytest.approx(0.2 / 10.025)
    assert (medium.orders, medium.slippage_inr) == (1, Decimal(65))


def test_no_orders_are_no_figures() -> None:
    """Nothing was sent: nothing is zero but the count."""
    summary = summary_of([])
    assert (summary.orders, summary.filled_share, summary.slippage_inr) == (0, None, None)
    assert by_urgency([]) == {}


prices = st.integers(1, 40_000).map(lambda ticks: ticks * Decimal("0.05"))
mids = st.integers(1, 80_000).map(lambda halves: halves * Decimal("0.025"))
pieces = st.lists(st.tuples(st.integers(1, 1800), prices), max_size=4)


@st.composite
def orders_of_a_day(draw: st.DrawFn) -> SentOrder:
    """Any order: either side, any fills, any mid."""
    filled = draw(pieces)
    order = sent(
        *((units, str(price), 1.0) for units, price in filled),
        quantity=sum(units for units, _ in filled) + draw(st.integers(0, 75)) or 75,
        side=draw(st.sampled_from(Side)),
        urgency=draw(st.sampled_from(Urgency)),
        state=OrderState.CANCELLED,
    )
    return replace(order, arrival_mid=draw(mids))


@given(st.lists(orders_of_a_day(), min_size=1, max_size=8))
def test_slippage_and_the_value_at_arrival_are_the_cash_paid(orders: Sequence[SentOrder]) -> None:
    """To the last digit: what fills were worth at the mids plus slippage is the cash that left."""
    fills = [(order, fill) for order in orders for fill in order.fills]
    paid = -sum((fill.cash_inr for _, fill in fills), Decimal(0))
    at_mid = sum(
        (fill.side.sign * fill.quantity * order.arrival_mid for order, fill in fills if order.arrival_mid),
        Decimal(0),
    )
    whole = summary_of(orders)
    assert (whole.slippage_inr or Decimal(0)) + at_mid == paid
    parts = by_urgency(orders).values()
    assert sum((part.slippage_inr or Decimal(0) for part in parts), Decimal(0)) == (whole.slippage_inr or 0)
    assert sum(part.orders for part in parts) == whole.orders
