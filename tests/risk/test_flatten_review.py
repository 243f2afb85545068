"""The review of a flatten's orders: proven to reduce the broker's own position, or refused."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.measure.broker_books import LOT, NOW, evidence, key, option, order, position
from volguard.measure.broker_net import BrokerEvidence, DoubtfulOrder, group_of
from volguard.model.decision import Approved, Refused
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import Quote
from volguard.model.order import OrderRequest, OrderState, Purpose, Urgency
from volguard.risk.flatten_checks import FlattenInputs
from volguard.risk.review import review_flatten

SHORT, LONG = option(24500), option(24700)


def inputs(
    contract: OptionContract, side: Side, quantity: int, books: BrokerEvidence, **changes: Any
) -> FlattenInputs:
    """A closing order at 10 in a band from 5 to 15, everything read now."""
    request = OrderRequest(
        tag=changes.pop("tag", "FL-1"),
        trade_id="FL",
        contract=contract,
        side=side,
        quantity=quantity,
        limit_price=Decimal(changes.pop("price", "10.00")),
        purpose=changes.pop("purpose", Purpose.CLOSE),
        urgency=Urgency.HIGH,
    )
    quote = Quote(ts=NOW, contract=contract, bid=Decimal("9.90"), bid_qty=1, ask=Decimal("10.10"), ask_qty=1)
    made = FlattenInputs(
        now=NOW,
        valid_until=NOW + timedelta(seconds=4),
        review_sequence=1,
        request=request,
        key=key(contract),
        replaces=False,
        evidence=books,
        lot_size=LOT,
        freeze_quantity=1800,
        tick=Decimal("0.05"),
        band=(Decimal("5.00"), Decimal("15.00")),
        quote=quote,
    )
    return replace(made, **changes)


def rules_of(verdict: Approved | Refused) -> list[str]:
    return [] if isinstance(verdict, Approved) else [breach.rule for breach in verdict.breaches]


BOOKS = evidence(position(SHORT, -LOT), position(LONG, LOT))


def test_an_order_that_closes_the_short_is_approved() -> None:
    """At its own limit and no other, for as long as it is valid."""
    verdict = review_flatten(inputs(SHORT, Side.BUY, LOT, BOOKS))
    assert isinstance(verdict, Approved)
    assert verdict.worst_price == Decimal("10.00") and verdict.valid_until > NOW


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"purpose": Purpose.OPEN}, "flatten_purpose"),
        ({"now": NOW + timedelta(seconds=6)}, "books_fresh"),
        ({"now": NOW - timedelta(seconds=1)}, "books_fresh"),
        ({"price": "15.05"}, "band"),
        ({"price": "10.03"}, "tick"),
        ({"band": None}, "priced"),
        ({"quote": None}, "priced"),
        ({"lot_size": None}, "contract_rules"),
        ({"freeze_quantity": 50}, "freeze_quantity"),
    ],
)
def test_whatever_is_missing_old_or_outside_refuses(changes: dict[str, Any], rule: str) -> None:
    """One missing input is enough."""
    assert rule in rules_of(review_flatten(inputs(SHORT, Side.BUY, LOT, BOOKS, **changes)))


def test_what_would_add_is_refused() -> None:
    """The same side, more than is held, what is not held, another product, half a lot."""
    assert "reduces" in rules_of(review_flatten(inputs(SHORT, Side.SELL, LOT, BOOKS)))
    assert "reduces" in rules_of(review_flatten(inputs(SHORT, Side.BUY, 2 * LOT, BOOKS)))
    assert "reduces" in rules_of(review_flatten(inputs(option(25000), Side.BUY, LOT, BOOKS)))
    intraday = evidence(position(SHORT, -LOT, product="I"))
    assert "reduces" in rules_of(review_flatten(inputs(SHORT, Side.BUY, LOT, intraday)))
    assert "lot_multiple" in rules_of(review_flatten(inputs(SHORT, Side.BUY, 30, BOOKS)))


def test_what_is_on_its_way_is_not_closed_again() -> None:
    """A resting order takes the room; re-pricing that very order does not count it twice."""
    resting = order(SHORT, Side.BUY, LOT, tag="FL-1")
    books = evidence(position(SHORT, -LOT), orders=(resting,))
    assert "reduces" in rules_of(review_flatten(inputs(SHORT, Side.BUY, LOT, books, tag="FL-2")))
    assert isinstance(review_flatten(inputs(SHORT, Side.BUY, LOT, books, replaces=True)), Approved)


def test_the_long_is_not_sold_from_under_its_short() -> None:
    """Not while the short is held, though its exit rests; once it is gone the long may go."""
    resting = order(SHORT, Side.BUY, LOT, tag="a")
    books = evidence(position(SHORT, -LOT), position(LONG, LOT), orders=(resting,))
    assert "keeps_cover" in rules_of(review_flatten(inputs(LONG, Side.SELL, LOT, books)))
    gone = evidence(position(SHORT, 0), position(LONG, LOT))
    assert isinstance(review_flatten(inputs(LONG, Side.SELL, LOT, gone)), Approved)


STRIKES = (24300, 24500, 24700)
CONTRACTS = [option(strike, kind) for strike in STRIKES for kind in OptionType]
lots = st.integers(-3, 3)


@st.composite
def any_books(draw: st.DrawFn) -> BrokerEvidence:
    """Any positions, orders in any state, doubts, and an offset that may be wrong."""
    held = {contract: draw(lots) * LOT for contract in CONTRACTS}
    orders = tuple(
        order(
            draw(st.sampled_from(CONTRACTS)),
            draw(st.sampled_from(list(Side))),
            LOT * draw(st.integers(1, 3)),
            filled=draw(st.sampled_from([0, LOT])),
            state=draw(st.sampled_from([OrderState.OPEN, OrderState.CANCELLED, None])),
            order_id=str(number),
            tag=f"t{number}",
        )
        for number in range(draw(st.integers(0, 3)))
    )
    doubts = tuple(
        DoubtfulOrder(
            tag=f"t{draw(st.integers(0, 5))}",
            key=key(contract),
            product="D",
            side=draw(st.sampled_from(list(Side))),
            quantity=LOT,
        )
        for contract in draw(st.lists(st.sampled_from(CONTRACTS), max_size=2))
    )
    positions = tuple(position(contract, units) for contract, units in held.items())
    books = evidence(*positions, orders=orders, in_doubt=doubts)
    if draw(st.booleans()):
        wrong = {place: units + LOT * draw(lots) for place, units in books.offsets.items()}
        books = replace(books, offsets=wrong)
    return books


@given(any_books(), st.sampled_from(CONTRACTS), st.sampled_from(list(Side)), st.integers(1, 4))
def test_an_approved_order_never_adds_and_never_uncovers(
    books: BrokerEvidence, contract: OptionContract, side: Side, count: int
) -> None:
    """Whatever the books say: with all that is on its way filled too, nothing grows and no short is bared."""
    verdict = review_flatten(inputs(contract, side, count * LOT, books, tag="FL-new"))
    if isinstance(verdict, Refused):
        return
    held = {row.contract: row.quantity for row in books.positions}
    signed = side.sign * verdict.request.quantity
    on_its_way = [
        one.quantity - one.filled_quantity
        for one in books.orders
        if one.contract == contract and one.side is side and (one.state is None or one.state.may_fill)
    ]
    after = held[contract] + signed + side.sign * sum(on_its_way)
    assert abs(held[contract] + signed) < abs(held[contract])
    assert after * held[contract] >= 0  # it does not reverse, even when all of it fills
    if side is Side.SELL:
        group = [other for other in CONTRACTS if group_of(other) == group_of(contract)]
        longs = sum(max(held[other], 0) for other in group) + signed
        shorts = -sum(min(held[other], 0) for other in group)
        assert longs >= shorts
