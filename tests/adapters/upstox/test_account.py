"""The account as values: each answer of the reference, each gap in an answer, each cap."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import msgspec
import pytest

from tests.adapters.upstox.client_parts import bad, good, make_client
from tests.adapters.upstox.sample_texts import (
    BOOK_ROW,
    BROKERAGE,
    FUNDS_V3,
    POSITION_ROW,
    TRADE_ROW,
)
from tests.fakes import call
from volguard.adapters.upstox.account import AccountReads
from volguard.adapters.upstox.failures import ApiFailure
from volguard.model.broker import ErrorClass, InstrumentKey, MarginLine
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderState

OURS = InstrumentKey("NSE_FO|52567")
CONTRACT = replace(call(23700), expiry=date(2026, 9, 8))  # as the rows name it


def contract_of(key: InstrumentKey) -> OptionContract | None:
    return CONTRACT if key == OURS else None


def asked(
    answer: Callable[[httpx.Request], httpx.Response], ask: Callable[[AccountReads], Any], **changes: object
) -> Any:
    """What one question gives."""
    with closing(make_client(answer, **changes)) as client:
        return ask(AccountReads(client, contract_of))


def sample(text: str, **changes: object) -> dict[str, Any]:
    return {**msgspec.json.decode(text), **changes}


# --- orders and trades -------------------------------------------------------------------------------


def test_the_order_book_gives_orders_of_every_channel() -> None:
    """Ours with its contract and tag; another's without."""
    rows = [
        sample(BOOK_ROW),
        sample(BOOK_ROW, order_id="2", tag=None, instrument_token="NSE_EQ|INE062A01020"),
    ]
    ours, other = asked(lambda _: good(rows), lambda reads: reads.orders())
    assert (ours.tag, ours.contract, ours.side, ours.quantity) == ("w-1-a", CONTRACT, Side.SELL, 75)
    assert (ours.state, ours.filled_quantity, ours.average_price) == (
        OrderState.FILLED,
        75,
        Decimal("570.95"),
    )
    assert (other.tag, other.contract, other.order_id) == (None, None, "2")


@pytest.mark.parametrize(
    "body", [b'{"status":"success","data":[]}', b'{"status":"success","data":null}', b"[]"]
)
def test_an_empty_book_has_three_forms(body: bytes) -> None:
    """None of them is a failed query."""
    assert asked(lambda _: httpx.Response(200, content=body), lambda reads: reads.orders()) == ()


def test_a_failed_query_is_not_an_empty_book() -> None:
    """An answer without data raises, naming the call: nothing is taken for flat."""
    with pytest.raises(
        ApiFailure, match="order_book: the answer cannot be read: it has no field data"
    ) as caught:
        asked(lambda _: httpx.Response(200, content=b'{"status":"success"}'), lambda reads: reads.orders())
    assert caught.value.error_class is ErrorClass.UNKNOWN


def test_a_history_is_sorted_here() -> None:
    """Oldest first, whatever order the rows come in."""
    words = [
        ("open", 0),
        ("put order req received", 0),
        ("complete", 75),
        ("validation pending", 0),
        ("open", 25),
    ]
    rows = [sample(BOOK_ROW, status=word, filled_quantity=filled) for word, filled in words]
    history = asked(lambda _: good(rows), lambda reads: reads.order_history("231019025057849"))
    assert [(image.word, image.filled_quantity) for image in history] == [
        ("put order req received", 0),
        ("validation pending", 0),
        ("open", 0),
        ("open", 25),
        ("complete", 75),
    ]


def test_a_tag_finds_the_latest_state_of_each_of_its_orders() -> None:
    """A tag may have several orders; a row with another tag is not taken, whatever was asked."""
    rows = [
        sample(BOOK_ROW, order_id="1", status="complete"),
        sample(BOOK_ROW, order_id="1", status="open", filled_quantity=0),
        sample(BOOK_ROW, order_id="2", status="open", filled_quantity=0),
        sample(BOOK_ROW, order_id="3", tag="another"),
    ]
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return good(rows)

    found = asked(answer, lambda reads: reads.orders_of_tag("w-1-a"))
    assert [(order.order_id, order.word) for order in found] == [("1", "complete"), ("2", "open")]
    assert dict(seen[0].params) == {"tag": "w-1-a"}


def test_a_tag_that_the_broker_does_not_know_has_no_orders() -> None:
    """Unknown order is an answer here; every other refusal is none."""
    assert asked(lambda _: bad(400, "UDAPI100010"), lambda reads: reads.orders_of_tag("w-1-a")) == ()
    with pytest.raises(ApiFailure):
        asked(lambda _: bad(400, "UDAPI100036"), lambda reads: reads.orders_of_tag("w-1-a"))
    with pytest.raises(ApiFailure):
        asked(lambda _: bad(400, "UDAPI100010"), lambda reads: reads.order_history("1"))


def test_trades_come_with_their_own_ids_and_exact_prices() -> None:
    """Float noise off, either form of a time, a key of old form."""
    rows = [sample(TRADE_ROW), sample(TRADE_ROW, trade_id=7, average_price=52.04999923706055)]
    first, second = asked(lambda _: good(rows), lambda reads: reads.trades())
    assert (first.trade_id, first.price, first.quantity) == ("50091502", Decimal("299.40"), 1)
    assert (second.trade_id, second.price) == ("7", Decimal("52.05"))
    of_order = asked(lambda _: good(rows), lambda reads: reads.trades_of("221013001021540"))
    assert len(of_order) == 2


def test_one_order_is_one_object() -> None:
    """Details give the row itself, not a list."""
    order = asked(lambda _: good(sample(BOOK_ROW)), lambda reads: reads.order("231019025057849"))
    assert order.order_id == "231019025057849"


# --- positions and money -----------------------------------------------------------------------------


def test_positions_keep_what_was_closed_today() -> None:
    """Signed units, values instead of the broker's profit; a missing average price does no harm."""
    name = "NIFTY2690823700CE"
    ours = {"instrument_token": OURS, "trading_symbol": name, "tradingsymbol": name, "average_price": None}
    rows = [sample(POSITION_ROW, **ours), sample(POSITION_ROW, quantity=0)]
    held, closed = asked(lambda _: good(rows), lambda reads: reads.positions())
    assert (held.contract, held.quantity, held.overnight_quantity) == (CONTRACT, 15, 15)
    assert (closed.contract, closed.quantity) == (None, 0)


def test_funds_are_cash_and_pledge_together() -> None:
    """What can be used for margin, and what is used, in rupees."""
    funds = asked(lambda _: good(msgspec.json.decode(FUNDS_V3)), lambda reads: reads.funds())
    assert (funds.available_inr, funds.used_inr) == (Decimal("512000.25"), Decimal("87987.75"))


def test_the_days_cash_leaves_pledges_out() -> None:
    """Free and in margin, what it opened with, what was paid in and out: twelve and a half rupees went."""
    cash = asked(lambda _: good(msgspec.json.decode(FUNDS_V3)), lambda reads: reads.cash_of_day())
    assert (cash.available_inr, cash.used_inr) == (Decimal("412000.25"), Decimal("87987.25"))
    assert (cash.opening_inr, cash.added_inr, cash.withdrawn_inr) == (Decimal(500_000), 0, 0)
    assert cash.change_inr == Decimal("-12.50")


@pytest.mark.parametrize("told", [None, "500000", True, {"total": 1}])
@pytest.mark.parametrize("name", ["opening_balance", "added_today", "withdrawn_today"])
def test_a_figure_of_cash_that_is_no_number_was_not_told(name: str, told: object) -> None:
    """The change of the day is not known then, and never made up."""
    data = msgspec.json.decode(FUNDS_V3)
    data["available_to_trade"]["cash_available_to_trade"]["cash"][name] = told
    cash = asked(lambda _: good(data), lambda reads: reads.cash_of_day())
    assert cash.change_inr is None
    del data["available_to_trade"]["cash_available_to_trade"]["cash"]
    assert asked(lambda _: good(data), lambda reads: reads.cash_of_day()).opening_inr is None


def test_at_night_funds_are_to_be_asked_for_later() -> None:
    """From 00:00 to 05:30 the broker says 423: nothing is wrong, and the hint says when."""
    with pytest.raises(ApiFailure, match="UDAPI100072") as caught:
        asked(lambda _: bad(423, "UDAPI100072"), lambda reads: reads.funds())
    assert (caught.value.exit_code, caught.value.http_status) == (75, 423)
    assert "05:30" in caught.value.hint


def test_charges_of_one_order() -> None:
    """The query names the order; the answer is split as on a contract note."""
    seen: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return good(msgspec.json.decode(BROKERAGE))

    charges = asked(
        answer, lambda reads: reads.charges(OURS, quantity=75, side=Side.SELL, price=Decimal("120.50"))
    )
    assert (charges.total_inr, charges.stt_inr, charges.exchange_inr) == (
        Decimal("208.27"),
        Decimal("175.00"),
        Decimal("5.68"),
    )
    assert dict(seen[0].params) == {
        "instrument_token": OURS,
        "quantity": "75",
        "product": "D",
        "transaction_type": "SELL",
        "price": "120.50",
    }


# --- margin ------------------------------------------------------------------------------------------


def legs(count: int) -> list[MarginLine]:
    return [
        MarginLine(key=InstrumentKey(f"NSE_FO|{n}"), quantity=-75, product="D") for n in range(1, count + 1)
    ]


class Calculator:
    """Ten rupees a leg; refuses more legs than it takes."""

    def __init__(self, cap: int) -> None:
        self.cap = cap
        self.asked: list[list[str]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        lines = msgspec.json.decode(request.content)["instruments"]
        self.asked.append([line["instrument_key"].partition("|")[2] for line in lines])
        if len(lines) > self.cap:
            return bad(400, "UDAPI1102", "Instrument limit exceeded")
        total = 10.0 * len(lines)
        return good({"margins": [], "required_margin": total, "final_margin": total / 2})


def test_one_question_for_all_legs_that_fit() -> None:
    """A basket is asked for as one: only then does its hedge count."""
    desk = Calculator(cap=20)
    answer = asked(desk, lambda reads: reads.margin(legs(4)))
    assert (answer.required_inr, answer.final_inr) == (Decimal("40.00"), Decimal("20.00"))
    assert len(desk.asked) == 1


def test_more_legs_than_the_cap_are_asked_for_in_parts() -> None:
    """In the given order, each leg once; the parts are added up."""
    desk = Calculator(cap=20)
    answer = asked(desk, lambda reads: reads.margin(legs(7)), margin_lines_max=3)
    assert [len(part) for part in desk.asked] == [3, 3, 1]
    assert [name for part in desk.asked for name in part] == [str(n) for n in range(1, 8)]
    assert answer.required_inr == Decimal("70.00")


def test_a_cap_below_the_documented_one_is_found_and_kept() -> None:
    """The broker refuses 4 legs, takes 2: the next question begins with 2."""
    desk = Calculator(cap=2)

    def twice(reads: AccountReads) -> Decimal:
        return reads.margin(legs(4)).required_inr + reads.margin(legs(2)).required_inr

    assert asked(desk, twice) == Decimal("60.00")
    assert [len(part) for part in desk.asked] == [4, 2, 2, 2]


def test_a_cap_that_refuses_even_one_leg_is_a_failure() -> None:
    """No margin is not a margin of zero."""
    desk = Calculator(cap=0)
    with pytest.raises(ApiFailure, match="UDAPI1102"):
        asked(desk, lambda reads: reads.margin(legs(4)))
    assert [len(part) for part in desk.asked] == [4, 2, 1]


# --- the account itself ------------------------------------------------------------------------------


def test_the_kill_switch_is_read_and_turned_once() -> None:
    """Segment by segment; turning it is one write, never repeated."""
    seen: list[tuple[str, bytes]] = []
    rows = [{"segment": "NSE_FO", "segment_status": "ACTIVE", "kill_switch_enabled": False}]

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.method, request.content))
        return good(rows) if request.method == "GET" else httpx.Response(503)

    assert asked(answer, lambda reads: reads.kill_switch()) == {"NSE_FO": False}
    with pytest.raises(ApiFailure) as caught:
        asked(answer, lambda reads: reads.set_kill_switch("NSE_FO", enable=True))
    assert caught.value.is_outcome_open
    assert seen[1:] == [("POST", b'[{"segment":"NSE_FO","action":"ENABLE"}]')]


def test_a_kill_switch_that_was_turned_says_how_it_stands() -> None:
    """The reply has the form of the question."""
    rows = [{"segment": "NSE_FO", "segment_status": "INACTIVE", "kill_switch_enabled": True}]
    assert asked(lambda _: good(rows), lambda reads: reads.set_kill_switch("NSE_FO", enable=True)) == {
        "NSE_FO": True
    }


def test_who_is_logged_in_and_from_where() -> None:
    """Profile and registered addresses."""
    profile = {"exchanges": ["NSE", "NFO"], "user_id": "AB1234", "is_active": True, "new_field": 1}
    assert asked(lambda _: good(profile), lambda reads: reads.profile()).user_id == "AB1234"
    address = {
        "primary_ip": "1.2.3.4",
        "secondary_ip": None,
        "primary_ip_updated_at": "2026-09-01T10:00:00+05:30",
    }
    assert asked(lambda _: good(address), lambda reads: reads.static_ip()).addresses == ("1.2.3.4",)
