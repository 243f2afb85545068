"""Orders and executions as the broker's rows tell them, and what became of writes of many lines."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.adapters.upstox.sample_texts import (
    BOOK_ROW,
    CANCEL_207,
    MULTI_207,
    MULTI_400,
    REJECTED_ROW,
    TRADE_ROW,
)
from tests.adapters.upstox.test_wire_order_bodies import REQUEST
from tests.fakes import NIFTY
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body, whole_of
from volguard.adapters.upstox.wire_errors import class_of_line
from volguard.adapters.upstox.wire_order_bodies import MultiLine, multi_body
from volguard.adapters.upstox.wire_orders import (
    LineOutcome,
    ManyOrders,
    MultiPlaced,
    OrderIds,
    OrderRow,
    TradeRow,
    order_of,
    outcomes_of,
    trade_of,
)
from volguard.model.broker import BrokerOrder, BrokerTrade, ErrorClass, InstrumentKey
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.order import OrderState
from volguard.model.units import IST

CALL = OptionContract(underlying=NIFTY, expiry=date(2026, 9, 8), strike=23700, option_type=OptionType.CALL)
LINES = multi_body([(replace(REQUEST, tag=f"t{n}"), InstrumentKey(f"NSE_FO|{n}")) for n in range(3)])


def contract_of(key: InstrumentKey) -> OptionContract | None:
    """A master of one contract."""
    return CALL if key == "NSE_FO|52567" else None


def row(**changes: Any) -> OrderRow:
    """The book row of the reference, changed, as it is read from the wire."""
    value = {**json.loads(BOOK_ROW), **changes}
    return data_of(success_body([value]), list[OrderRow], endpoints.ORDER_BOOK)[0]


def order(**changes: Any) -> BrokerOrder:
    """The order of that row."""
    return order_of(row(**changes), contract_of)


def test_a_book_row_is_an_order() -> None:
    """Every field of the reference's row in its own terms: Decimal prices, IST time, units."""
    assert order() == BrokerOrder(
        order_id="231019025057849",
        tag="w-1-a",
        key=InstrumentKey("NSE_FO|52567"),
        contract=CALL,
        side=Side.SELL,
        product="D",
        quantity=75,
        filled_quantity=75,
        limit_price=Decimal("571.00"),
        average_price=Decimal("570.95"),
        state=OrderState.FILLED,
        word="complete",
        message="",
        placed_at=datetime(2023, 10, 19, 13, 25, 56, tzinfo=IST),
        request_number=1,
    )


def test_a_history_row_of_something_else_is_an_order_too() -> None:
    """A stock's rejected order: no contract of ours, no mean price, and the broker's reason."""
    found = order_of(msgspec.json.decode(REJECTED_ROW, type=OrderRow), contract_of)
    assert (found.contract, found.tag, found.average_price) == (None, None, None)
    assert found.state is OrderState.REJECTED
    assert found.message == "You need to add Rs. 138385.27 in your account to place this trade."


@pytest.mark.parametrize(
    ("changes", "field", "meant"),
    [
        ({"average_price": None}, "average_price", None),
        ({"average_price": 0}, "average_price", None),
        ({"average_price": 570.9500122070312}, "average_price", Decimal("570.95")),
        ({"average_price": 570.9567}, "average_price", Decimal("570.9567")),
        ({"price": 0, "order_type": "MARKET"}, "limit_price", Decimal("0.00")),
        ({"price": 571.0499877929688}, "limit_price", Decimal("571.05")),
        ({"price": "571.05"}, "limit_price", Decimal("571.05")),
        ({"tag": ""}, "tag", None),
        ({"order_request_id": 3}, "request_number", 3),
        ({"order_request_id": "12"}, "request_number", 12),
        ({"order_timestamp": None}, "placed_at", None),
        (
            {"order_timestamp": "19-Oct-2023 13:25:56"},
            "placed_at",
            datetime(2023, 10, 19, 13, 25, 56, tzinfo=IST),
        ),
        ({"status": "Cancel Pending", "filled_quantity": 25}, "state", OrderState.PARTIAL),
        ({"status": "not modified", "filled_quantity": 0}, "state", OrderState.OPEN),
        ({"status": "cancelled", "filled_quantity": 25}, "state", OrderState.CANCELLED),
        ({"status": "lost in the post"}, "state", None),
        ({"status": " OPEN "}, "word", "open"),
        ({"status_message": None, "status_message_raw": "RMS:\x1b[2J limit"}, "message", "RMS: [2J limit"),
    ],
)
def test_the_many_forms_of_a_row(changes: dict[str, Any], field: str, meant: object) -> None:
    """What the broker writes in several ways is one value."""
    assert getattr(order(**changes), field) == meant


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"filled_quantity": 76}, "filled_quantity was 76, quantity 75"),
        ({"filled_quantity": -1}, "filled_quantity was -1"),
        ({"quantity": -75, "filled_quantity": 0}, "quantity -75"),
        ({"price": "nan"}, "price was nan, must be a finite number"),
        ({"average_price": "inf"}, "average_price was inf"),
        ({"order_id": " "}, "order_id was empty"),
        ({"status": ""}, "status was empty"),
        ({"order_request_id": "NA"}, "order_request_id was no number"),
        ({"order_timestamp": "lunch"}, "'lunch' is not a time"),
        ({"transaction_type": "HOLD"}, "Invalid enum value 'HOLD'"),
        ({"filled_quantity": 12.5}, "filled_quantity"),
        ({"filled_quantity": None}, "filled_quantity"),
    ],
)
def test_a_row_that_cannot_be_true_is_refused(changes: dict[str, Any], why: str) -> None:
    """A book that contradicts itself is unreadable: nothing is guessed from it."""
    with pytest.raises(ApiFailure, match="order_book: the answer cannot be read") as caught:
        row(**changes)
    assert why in caught.value.message
    assert caught.value.error_class is ErrorClass.UNKNOWN


def test_the_symbol_is_read_in_either_spelling() -> None:
    """trading_symbol and tradingsymbol say the same."""
    assert row(trading_symbol=None).symbol == row(tradingsymbol=None).symbol == "NIFTY 23700 CE 08 SEP 26"
    assert row(trading_symbol=None, tradingsymbol=None).symbol == ""


def trade(**changes: Any) -> BrokerTrade:
    """The trade row of the reference, changed."""
    value = {**json.loads(TRADE_ROW), **changes}
    (read,) = data_of(success_body([value]), list[TradeRow], endpoints.TRADES)
    return trade_of(read, contract_of)


def test_a_trade_row_is_an_execution() -> None:
    """A key without a pipe and a time with a month's name are read; the exchange's time counts."""
    assert trade() == BrokerTrade(
        trade_id="50091502",
        order_id="221013001021540",
        key=InstrumentKey("151064324"),
        contract=None,
        side=Side.BUY,
        product="D",
        quantity=1,
        price=Decimal("299.40"),
        traded_at=datetime(2017, 8, 3, 15, 3, 42, tzinfo=IST),
    )
    assert trade(exchange_timestamp=None).traded_at == datetime(2021, 4, 23, 14, 22, 6, tzinfo=IST)
    ours = {"trading_symbol": "NIFTY2690823700CE", "tradingsymbol": "NIFTY2690823700CE"}
    assert trade(trade_id=50091502, instrument_token="NSE_FO|52567", **ours).contract == CALL


@pytest.mark.parametrize(
    "symbol",
    ["NIFTY 23750 CE 08 SEP 26", "NIFTY2690823700PE", "NIFTY 23700 CE 15 SEP 26", "BANKNIFTY26SEP23700CE"],
)
@pytest.mark.parametrize("spelling", ["trading_symbol", "tradingsymbol"])
def test_a_row_whose_symbol_names_another_contract_is_none_of_ours(symbol: str, spelling: str) -> None:
    """The key says one contract, the symbol another: which is meant nobody knows, so it is neither."""
    found = order(**{spelling: symbol})
    assert (found.contract, found.key, found.tag) == (None, "NSE_FO|52567", "w-1-a")
    own = {"trading_symbol": None, "tradingsymbol": None, "instrument_token": "NSE_FO|52567"}
    assert trade(**own).contract == CALL and trade(**{**own, spelling: symbol}).contract is None


def test_a_row_whose_symbol_cannot_be_parsed_is_known_by_its_key() -> None:
    """A name that says nothing of a contract is no objection."""
    assert order(trading_symbol="NIFTY", tradingsymbol=None).contract == CALL


@pytest.mark.parametrize(
    "changes",
    [
        *({"quantity": 0}, {"average_price": 0}, {"average_price": -1}, {"average_price": "nan"}),
        *({"trade_id": ""}, {"order_id": ""}, {"exchange_timestamp": "noon"}, {"quantity": 0.5}),
    ],
)
def test_an_execution_of_nothing_is_refused(changes: dict[str, Any]) -> None:
    """An execution has an id, units and a price above 0."""
    with pytest.raises(ApiFailure, match="trades: the answer cannot be read"):
        trade(**changes)


@pytest.mark.parametrize("ids", [[], [""], ["1", ""]])
def test_an_accepted_order_without_an_id_is_an_open_outcome(ids: list[str]) -> None:
    """A success that names no order proves nothing."""
    with pytest.raises(ApiFailure, match="order_ids was empty") as caught:
        data_of(success_body({"order_ids": ids}), OrderIds, endpoints.PLACE)
    assert caught.value.is_outcome_open


def outcomes(text: str, lines: list[MultiLine]) -> dict[str, LineOutcome]:
    """What became of lines by a reply."""
    return outcomes_of(whole_of(text.encode(), MultiPlaced, endpoints.MULTI_PLACE), lines)


def test_a_partial_success_keeps_the_lines_that_were_placed() -> None:
    """Of two lines one lives and one went wrong within the broker; a third is not spoken of: nobody knows."""
    found = outcomes(MULTI_207, LINES)
    assert found["1"] == LineOutcome(order_ids=("250107010000001",))
    assert found["2"].order_ids == ()
    assert found["2"].error is not None
    assert class_of_line(found["2"].error) is ErrorClass.SERVER
    assert found["3"] == LineOutcome()


def test_a_refused_payload_names_the_lines() -> None:
    """When a line fails the check nothing was placed, and the line says why."""
    found = outcomes(MULTI_400, LINES[:1])
    assert found["1"].error is not None
    assert found["1"].error.code == "UDAPI1115"


def test_slices_of_a_line_are_put_together() -> None:
    """A line that was sliced answers with its id and a number behind it."""
    reply = {
        "status": "success",
        "data": [
            {"correlation_id": "1_1", "order_id": "a"},
            {"correlation_id": "1_2", "order_id": "b"},
            {"correlation_id": "2", "order_id": "c"},
        ],
        "summary": {"total": 2, "success": 2, "error": 0},
    }
    found = outcomes(json.dumps(reply), LINES[:2])
    assert found == {"1": LineOutcome(order_ids=("a", "b")), "2": LineOutcome(order_ids=("c",))}


def test_a_multi_cancel_names_what_could_not_be_cancelled() -> None:
    """Ids that were cancelled, and the orders that were not; neither may be null."""
    reply = whole_of(CANCEL_207.encode(), ManyOrders, endpoints.MULTI_CANCEL)
    assert reply.order_ids == ("250107010000001",)
    assert [(error.order_id, error.code) for error in reply.failed] == [("250107010000002", "UDAPI100040")]
    nothing = whole_of(b'{"status":"error","data":null,"errors":null}', ManyOrders, endpoints.MULTI_CANCEL)
    assert (nothing.order_ids, nothing.failed) == ((), ())
