"""The portfolio stream: each message once handed on, each gap a reason to read the books."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.adapters.upstox.socket_parts import HandClock, Step, Wire
from volguard.adapters.upstox.failures import ApiFailure
from volguard.adapters.upstox.kept_socket import KeptSocket, SocketNews, SocketState
from volguard.adapters.upstox.portfolio_stream import PortfolioStream, StreamEdge
from volguard.adapters.upstox.reconnect import ReconnectRules
from volguard.adapters.upstox.wire_orders import OrderRow
from volguard.model.broker import ErrorClass

RULES = ReconnectRules(failures_max=5, window_s=60.0, rest_s=300.0)
GAP = "gap"
BROKEN = SocketNews(state=SocketState.LOST, text="Broken pipe")


def order(status: str) -> str:
    """An update as the broker's documents show it."""
    row = {
        **{"update_type": "order", "user_id": "U", "userId": "U", "exchange": "NSE"},
        **{"instrument_token": "NSE_FO|43919", "instrument_key": "NSE_FO|43919", "product": "D"},
        **{"trading_symbol": "NIFTY", "tradingsymbol": "NIFTY", "order_type": "LIMIT", "average_price": 0},
        **{"price": 9.5, "trigger_price": 0, "quantity": 65, "disclosed_quantity": 0, "pending_quantity": 65},
        **{"transaction_type": "BUY", "order_ref_id": "1", "exchange_order_id": "", "parent_order_id": None},
        **{"validity": "DAY", "status": status, "is_amo": False, "variety": "SIMPLE", "tag": "VG-1"},
        **{"exchange_timestamp": None, "status_message": None, "order_id": "240221025997024"},
        **{"order_request_id": "1", "order_timestamp": "2024-02-21 14:40:02", "filled_quantity": 0},
        **{"guid": None, "placed_by": "U", "status_message_raw": None},
    }
    return json.dumps(row)


class Owner:
    """Keeps what the stream tells, and one socket to be served by hand."""

    def __init__(
        self, *scripts: list[Step] | Exception, authorise: Callable[[], str] = lambda: "wss://stream.example/"
    ) -> None:
        clock = HandClock()
        self.heard: list[object] = []
        self.wire = Wire(clock=clock, scripts=list(scripts))
        self.sockets: list[KeptSocket] = []

        def connect(plan: Any) -> KeptSocket:
            self.sockets.append(KeptSocket(plan, RULES, clock, self.wire))
            return self.sockets[0]

        edge = StreamEdge(
            authorise=authorise,
            on_message=self.heard.append,
            on_gap=lambda: self.heard.append(GAP),
            on_lost=self.heard.append,
            token_generation=lambda: 0,
        )
        self.stream = PortfolioStream(edge, connect)

    def attempt(self) -> list[object]:
        """One life of the socket; an order is shown by its status."""
        self.sockets[0].attempt()
        return [one.status if isinstance(one, OrderRow) else one for one in self.heard]


def test_messages_come_in_the_order_they_were_sent() -> None:
    """One update a text; nothing is sent to the server, which needs no subscription."""
    owner = Owner([order("open"), order("complete")])
    assert owner.attempt() == [GAP, "open", "complete", BROKEN]
    assert owner.wire.opened[0].sent == [] and owner.stream.counts.messages == 2


def test_each_connection_is_a_reason_to_read_the_books() -> None:
    """What happened while nobody listened is told by nobody."""
    owner = Owner([order("open")], [])
    owner.attempt()
    assert not owner.stream.is_open
    assert owner.attempt() == [GAP, "open", BROKEN, GAP, BROKEN]
    assert owner.stream.counts.connections == 2


def test_an_hour_without_an_order_is_no_fault() -> None:
    """The stream speaks when something happens; silence does not end it."""
    assert Owner([3600.0, order("open")]).attempt() == [GAP, "open", BROKEN]


def test_what_cannot_be_read_is_counted_and_calls_for_the_books() -> None:
    """Something happened and nobody knows what; the next message still comes."""
    owner = Owner(["<html>", b"\xff", order("open")])
    assert owner.attempt() == [GAP, GAP, GAP, "open", BROKEN]
    assert owner.stream.counts.unreadable == 2


def test_kinds_that_are_not_known_are_passed_over() -> None:
    """A new sort of update is nothing to act on."""
    assert Owner(['{"update_type":"weather"}', order("open")]).attempt() == [GAP, "open", BROKEN]


def test_a_refused_token_is_told() -> None:
    """The owner learns why nothing comes."""

    def refuse() -> str:
        raise ApiFailure("401", error_class=ErrorClass.AUTH, endpoint="portfolio_authorize")

    assert Owner(authorise=refuse).attempt() == [SocketNews(state=SocketState.REFUSED, text="401")]
