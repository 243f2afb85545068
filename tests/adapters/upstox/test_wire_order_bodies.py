"""Bodies of order writes: built in one place, as the broker takes them, and never for a broken order."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import EXPIRY, NIFTY
from volguard.adapters.upstox.wire_order_bodies import (
    CORRELATION_LENGTH_MAX,
    OrderType,
    cancel_query,
    modify_body,
    multi_body,
    order_query,
    place_body,
)
from volguard.model.broker import InstrumentKey
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.order import OrderRequest, Purpose, Urgency

KEY = InstrumentKey("NSE_FO|51834")
REQUEST = OrderRequest(
    tag="w-20260916-1-a",
    trade_id="w-20260916-1",
    contract=OptionContract(underlying=NIFTY, expiry=EXPIRY, strike=25000, option_type=OptionType.CALL),
    side=Side.SELL,
    quantity=130,
    limit_price=Decimal("120.55"),
    purpose=Purpose.OPEN,
    urgency=Urgency.LOW,
)


def sent(body: object) -> Any:
    """A body as it goes over the wire."""
    return json.loads(msgspec.json.encode(body))


def test_an_order_is_a_day_limit_order_carried_over_night() -> None:
    """Product D, limit, for the day, not sliced, nothing hidden, no trigger, no after-market order."""
    assert sent(place_body(REQUEST, KEY)) == {
        "quantity": 130,
        "product": "D",
        "validity": "DAY",
        "price": 120.55,
        "tag": "w-20260916-1-a",
        "slice": False,
        "instrument_token": "NSE_FO|51834",
        "order_type": "LIMIT",
        "transaction_type": "SELL",
        "disclosed_quantity": 0,
        "trigger_price": 0.0,
        "is_amo": False,
    }


def test_a_market_order_has_no_price_and_is_protected() -> None:
    """The broker refuses a market order with a price, and one without protection."""
    body = sent(place_body(REQUEST, KEY, order_type=OrderType.MARKET))
    assert (body["order_type"], body["price"], body["market_protection"]) == ("MARKET", 0.0, -1.0)


@given(paise=st.integers(min_value=1, max_value=10_000_000))
def test_a_price_goes_over_the_wire_exactly(paise: int) -> None:
    """The decimal that was approved is the decimal in the JSON text."""
    price = Decimal(paise) / 100
    text = msgspec.json.encode(place_body(replace(REQUEST, limit_price=price), KEY)).decode()
    assert json.loads(text, parse_float=Decimal)["price"] == price


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tag": ""}, "has 0 characters, allowed are 1 to 40"),
        ({"tag": "x" * 41}, "has 41 characters, allowed are 1 to 40"),
        ({"quantity": 0}, "quantity was 0, must be at least 1"),
        ({"quantity": -65}, "quantity was -65, must be at least 1"),
        ({"limit_price": Decimal(0)}, "limit price was 0, must be above 0"),
        ({"limit_price": Decimal("-1")}, "limit price was -1, must be above 0"),
        ({"limit_price": Decimal("1.005")}, r"limit price was 1\.005, must be above 0 and whole in paise"),
        ({"limit_price": Decimal("NaN")}, "limit price was NaN"),
        ({"limit_price": Decimal("Infinity")}, "limit price was Infinity"),
    ],
)
def test_a_broken_order_never_leaves(change: dict[str, Any], why: str) -> None:
    """An order that could not have passed the review is not even written."""
    broken = replace(REQUEST, **change)
    for build in (lambda: place_body(broken, KEY), lambda: multi_body([(broken, KEY)])):
        with pytest.raises(InvariantBroken, match=why):
            build()


def test_a_tag_may_have_forty_characters() -> None:
    """The broker's own limit is allowed."""
    assert sent(place_body(replace(REQUEST, tag="x" * 40), KEY))["tag"] == "x" * 40


def test_lines_of_a_multi_place_can_be_told_apart() -> None:
    """Each line is a whole order with an id of its own, short enough for the broker."""
    other = replace(REQUEST, tag="w-20260916-1-b", side=Side.BUY)
    lines = sent(multi_body([(REQUEST, KEY), (other, InstrumentKey("NSE_FO|51835"))]))
    assert [line.pop("correlation_id") for line in lines] == ["1", "2"]
    assert lines[0] == sent(place_body(REQUEST, KEY))
    assert lines[1]["instrument_token"] == "NSE_FO|51835"
    many = multi_body([(replace(REQUEST, tag=f"t{n}"), KEY) for n in range(30)])
    ids = [line.correlation_id for line in many]
    assert len(set(ids)) == 30
    assert all(1 <= len(one) <= CORRELATION_LENGTH_MAX for one in ids)


def test_a_multi_place_of_nothing_or_of_one_tag_twice_is_refused() -> None:
    """A tag names one order for ever; two lines of one tag would be a doubled order."""
    with pytest.raises(InvariantBroken, match="multi place of 0 orders"):
        multi_body([])
    with pytest.raises(InvariantBroken, match="multi place of 2 orders with 1 tags"):
        multi_body([(REQUEST, KEY), (REQUEST, KEY)])


def test_a_modify_names_the_new_total_and_price() -> None:
    """A re-priced order stays what it was in everything else."""
    assert sent(modify_body("240108010918222", quantity=130, limit_price=Decimal("119.95"))) == {
        "order_id": "240108010918222",
        "order_type": "LIMIT",
        "validity": "DAY",
        "price": 119.95,
        "trigger_price": 0.0,
        "quantity": 130,
        "disclosed_quantity": 0,
    }
    with pytest.raises(InvariantBroken, match="quantity was 0"):
        modify_body("240108010918222", quantity=0, limit_price=Decimal(1))
    with pytest.raises(InvariantBroken, match="limit price was 0"):
        modify_body("240108010918222", quantity=1, limit_price=Decimal(0))


def test_an_order_is_asked_for_by_id_or_tag() -> None:
    """An id that no order can have, and a question without any name, are refused here."""
    assert cancel_query("25-a") == {"order_id": "25-a"}
    assert order_query(order_id="25", tag="t") == {"order_id": "25", "tag": "t"}
    assert order_query(tag="t") == {"tag": "t"}
    for bad in ("", "25&x=1", "25 26", "../25"):
        with pytest.raises(InvariantBroken, match="order id"):
            cancel_query(bad)
    with pytest.raises(InvariantBroken, match="neither id nor tag"):
        order_query()
    with pytest.raises(InvariantBroken, match="neither id nor tag"):
        order_query(order_id="", tag="")
