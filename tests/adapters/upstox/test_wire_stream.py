"""The streams: what a message tells of, and the address that opens one connection and is never shown."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.upstox.sample_texts import (
    BOOK_ROW,
    FEED_URI,
    STREAM_GTT,
    STREAM_HOLDING,
    STREAM_ORDER,
    STREAM_POSITION,
)
from volguard.adapters.upstox import endpoints
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.wire import data_of, success_body
from volguard.adapters.upstox.wire_orders import OrderRow, order_of
from volguard.adapters.upstox.wire_stream import (
    FeedAddress,
    FeedRequest,
    FeedRequestData,
    GttRow,
    HoldingRow,
    PositionUpdate,
    stream_message,
)
from volguard.model.order import OrderState


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (STREAM_ORDER, OrderRow),
        (STREAM_POSITION, PositionUpdate),
        (STREAM_HOLDING, HoldingRow),
        (STREAM_GTT, GttRow),
        (BOOK_ROW, OrderRow),  # older messages do not say what they are
    ],
)
def test_each_message_is_what_it_says(text: str, kind: type) -> None:
    """The kind of update decides, as text and as bytes."""
    assert type(stream_message(text)) is kind
    assert stream_message(text.encode()) == stream_message(text)


def test_an_order_message_is_an_order() -> None:
    """The stream's row gives the same order as the book's would; it is live from its first word on."""
    row = stream_message(STREAM_ORDER)
    assert isinstance(row, OrderRow)
    order = order_of(row, lambda _: None)
    assert (order.order_id, order.state, order.filled_quantity) == ("240221025997024", OrderState.OPEN, 0)


def test_a_gtt_message_has_its_time_in_microseconds() -> None:
    """This one update counts microseconds."""
    row = stream_message(STREAM_GTT)
    assert isinstance(row, GttRow)
    assert row.made_at == datetime(2025, 2, 14, 2, 30, tzinfo=UTC)


def test_an_update_of_a_new_kind_is_passed_over() -> None:
    """The broker may add kinds: they are nobody's."""
    assert stream_message('{"update_type":"loyalty_points","order_id":1}') is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"update_type":"order"}', "missing required field"),
        ("{", "truncated"),
        ("[]", "Expected `object`"),
        ('{"update_type":7}', "`$.update_type`"),
        (json.dumps({**json.loads(STREAM_ORDER), "filled_quantity": 2}), "filled_quantity was 2"),
    ],
)
def test_a_broken_message_is_refused(text: str, why: str) -> None:
    """What cannot be read sends the reader to the book."""
    with pytest.raises(ApiFailure, match="portfolio_stream: the answer cannot be read") as caught:
        stream_message(text)
    assert why in caught.value.message


@given(text=st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    """Any text is a message, nobody's, or refused."""
    try:
        assert stream_message(text) is None
    except ApiFailure as failure:
        assert failure.endpoint == "portfolio_stream"


@pytest.mark.parametrize("left_out", [None, "authorized_redirect_uri", "authorizedRedirectUri"])
def test_a_feeds_address_is_read_in_either_spelling_and_hidden(left_out: str | None) -> None:
    """Its code opens one connection: it is in no text of the value."""
    value = {"authorized_redirect_uri": FEED_URI, "authorizedRedirectUri": FEED_URI}
    value.pop(left_out or "", None)
    told = data_of(success_body(value), FeedAddress, endpoints.FEED_AUTHORIZE)
    assert told.uri == FEED_URI
    assert "90d1f7" not in f"{told!r} {told}"
    assert json.loads(msgspec.json.encode(FeedAddress.of(FEED_URI))) == {
        "authorized_redirect_uri": FEED_URI,
        "authorizedRedirectUri": FEED_URI,
    }


@pytest.mark.parametrize(
    "value", [{}, {"authorized_redirect_uri": ""}, {"authorizedRedirectUri": "http://x"}]
)
def test_a_feed_without_a_socket_address_is_refused(value: dict[str, Any]) -> None:
    """Neither spelling, nothing in it, or no address of a socket."""
    with pytest.raises(ApiFailure, match="missing required field `authorized_redirect_uri`"):
        data_of(success_body(value), FeedAddress, endpoints.FEED_AUTHORIZE)


def test_a_request_to_the_feed() -> None:
    """To subscribe a mode is named, to stop it is not."""
    start = FeedRequest(
        guid="g", method="sub", data=FeedRequestData(mode="full", keys=["NSE_INDEX|Nifty 50"])
    )
    assert json.loads(msgspec.json.encode(start))["data"] == {
        "mode": "full",
        "instrumentKeys": ["NSE_INDEX|Nifty 50"],
    }
    stop = FeedRequest(guid="g", method="unsub", data=FeedRequestData(keys=["NSE_INDEX|Nifty 50"]))
    assert json.loads(msgspec.json.encode(stop))["data"] == {"instrumentKeys": ["NSE_INDEX|Nifty 50"]}
