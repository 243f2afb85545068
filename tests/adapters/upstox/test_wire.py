"""The envelope: taken off strictly, and an answer that cannot be read names endpoint and field."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import (
    Summary,
    WireError,
    data_of,
    error_body,
    errors_of,
    success_body,
    whole_of,
)
from volguard.adapters.upstox.wire_orders import OrderIds, OrderRow
from volguard.model.broker import ErrorClass


class Row(msgspec.Struct):
    """A small answer."""

    name: str
    count: int


def failure(body: bytes, kind: type = Row) -> ApiFailure:
    """How reading a body fails."""
    with pytest.raises(ApiFailure) as caught:
        data_of(body, kind, endpoints.PLACE)
    return caught.value


def test_the_envelope_is_taken_off() -> None:
    """What it holds is given, typed; numbers may stand in quotes, unknown fields are passed over."""
    assert data_of(success_body({"name": "a", "count": "3", "new": 1}), Row, "any") == Row("a", 3)
    assert data_of(b' [{"name":"a","count":3}]', list[Row], "any") == [Row("a", 3)]
    assert data_of(b'{"status":"partial_success","data":[]}', list[Row], "any") == []
    assert whole_of(b'{"name":"a","count":3}', Row, "any") == Row("a", 3)


def test_null_is_an_empty_list_and_nothing_else() -> None:
    """No orders may come as null; an object that is null is an answer missing."""
    null = b'{"status":"success","data":null}'
    assert data_of(null, list[Row], "any") == []
    assert data_of(null, dict[str, Row], "any") == {}
    assert "data was null" in failure(null).message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "it was empty"),
        (b"  ", "it was empty"),
        (b"<html>", "it was a page, not JSON"),
        (b"error code: 1010", "it was a page of the gateway"),
        (b"true", "it was in no form that is known"),
        (b'{"status":"success"}', "it has no field data"),
        (b'{"status":"success","data":{"name":"a"}}', "missing required field `count`"),
        (b'{"status":"success","data":{"name":"a","count":"x"}}', "Expected `int`, got `str` - at `$.count`"),
        (b'{"status":"success","data":{"name":7,"count":1}}', "Expected `str`, got `int` - at `$.name`"),
        (b'{"status":"success","data":[', "it was in no form that is known"),
        (b'{"status":"maybe","data":{"name":"a","count":1}}', "status was maybe"),
        (b'{"data":{"name":"a","count":1}}', "status was missing"),
        (b'{"name":"a","count":1}', "status was missing"),
    ],
)
def test_an_answer_that_cannot_be_read_is_unknown(body: bytes, why: str) -> None:
    """It says endpoint and field, and of a write it leaves the outcome open."""
    found = failure(body)
    assert found.error_class is ErrorClass.UNKNOWN
    assert found.message.startswith("place: the answer cannot be read: ")
    assert why in found.message
    assert found.is_outcome_open


def test_an_error_within_a_2xx_is_that_error() -> None:
    """An envelope that says error is never data, whatever it holds beside."""
    found = failure(error_body(WireError(code="UDAPI10005", message="Too Many Request Sent"), data={}))
    assert found.error_class is ErrorClass.RATE
    assert found.code == "UDAPI10005"
    with pytest.raises(ApiFailure, match="funds: HTTP 200, UDAPI100050: no text"):
        data_of(error_body(WireError(code="UDAPI100050", message="")), Row, "funds")


def test_the_row_of_a_list_is_named() -> None:
    """Where many rows come, the bad one is pointed at."""
    with pytest.raises(ApiFailure, match=r"`filled_quantity` - at `\$\[0\]`"):
        data_of(
            success_body(
                [
                    {
                        "product": "D",
                        "price": 1,
                        "quantity": 1,
                        "status": "open",
                        "instrument_token": "NSE_FO|1",
                        "transaction_type": "BUY",
                        "order_id": "1",
                        "order_request_id": "1",
                    }
                ]
            ),
            list[OrderRow],
            endpoints.ORDER_BOOK,
        )


@given(body=st.binary(max_size=200))
def test_no_body_makes_reading_fail_in_another_way(body: bytes) -> None:
    """Any bytes at all are data, or an ApiFailure."""
    for read in (data_of, whole_of):
        with pytest.raises(ApiFailure):
            read(body, OrderIds, endpoints.PLACE)
    assert errors_of(body) == ()


def test_bodies_are_written_as_the_broker_writes_them() -> None:
    """Data, what stands beside it, and a summary without the part that only place has."""
    assert success_body([1], metadata={"latency": 30}) == (
        b'{"status":"success","data":[1],"metadata":{"latency":30}}'
    )
    assert msgspec.json.encode(Summary(total=1, success=1, error=0)) == b'{"total":1,"success":1,"error":0}'
    assert error_body(WireError(code="A", message="b"), data=None).startswith(
        b'{"status":"error","data":null,"errors":[{"errorCode":"A","message":"b","propertyPath":null'
    )
