"""The two streams on the wire: their single-use addresses, and the text messages of the portfolio stream.

Messages repeat, come out of order and skip states: `order_words.Recency` tells the newer one.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from volguard.adapters.upstox.times import parse_time
from volguard.adapters.upstox.wire import whole_of
from volguard.adapters.upstox.wire_orders import OrderRow
from volguard.adapters.upstox.wire_values import Spare, Word

PORTFOLIO_STREAM: Final = "portfolio_stream"


class FeedAddress(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of a feed's authorization, in either spelling; hidden, for its code opens a connection."""

    snake: str | None = msgspec.field(default=None, name="authorized_redirect_uri")
    camel: str | None = msgspec.field(default=None, name="authorizedRedirectUri")

    def __post_init__(self) -> None:
        if not self.uri.startswith(("wss://", "ws://")):
            raise ValueError("Object missing required field `authorized_redirect_uri`")

    def __repr__(self) -> str:
        return "FeedAddress(<hidden>)"

    @property
    def uri(self) -> str:
        """Where to connect, once, without a token."""
        return self.snake or self.camel or ""

    @classmethod
    def of(cls, uri: str) -> FeedAddress:
        """The reply for an address, in both spellings."""
        return cls(snake=uri, camel=uri)


class FeedRequestData(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """What to feed; `mode` is not needed to stop."""

    mode: str | None = None
    keys: list[str] = msgspec.field(name="instrumentKeys")


class FeedRequest(msgspec.Struct, kw_only=True, frozen=True):
    """A word to the market feed, sent as JSON in a binary frame: sub, unsub or change_mode."""

    guid: str
    method: str
    data: FeedRequestData


class PositionUpdate(msgspec.Struct, kw_only=True, frozen=True):
    """A position that changed; it carries no P&L and no last price."""

    update_type: str
    instrument_token: str
    instrument_key: str | None = None
    average_price: Spare = None
    buy_value: float
    overnight_quantity: int
    exchange: Spare = None
    day_buy_value: Spare = None
    day_buy_price: Spare = None
    overnight_buy_amount: Spare = None
    overnight_buy_quantity: Spare = None
    day_buy_quantity: Spare = None
    day_sell_value: Spare = None
    day_sell_price: Spare = None
    overnight_sell_amount: Spare = None
    overnight_sell_quantity: Spare = None
    day_sell_quantity: Spare = None
    multiplier: Spare = None
    quantity: int
    product: str
    sell_value: float
    buy_price: Spare = None
    sell_price: Spare = None


class HoldingRow(msgspec.Struct, kw_only=True, frozen=True):
    """A holding, as listed and as streamed; of no use to options but known when it comes."""

    update_type: str | msgspec.UnsetType = msgspec.UNSET
    isin: Spare = None
    cnc_used_quantity: Spare = None
    collateral_type: Spare = None
    company_name: Spare = None
    haircut: Spare = None
    product: str | None = None
    quantity: int
    trading_symbol: Spare = msgspec.UNSET
    tradingsymbol: Spare = msgspec.UNSET
    last_price: Spare = msgspec.UNSET
    close_price: Spare = msgspec.UNSET
    pnl: Spare = msgspec.UNSET
    day_change: Spare = msgspec.UNSET
    day_change_percentage: Spare = msgspec.UNSET
    instrument_token: str
    instrument_key: Spare = msgspec.UNSET
    average_price: Spare = None
    collateral_quantity: Spare = None
    collateral_update_quantity: Spare = None
    t1_quantity: Spare = None
    exchange: Spare = None


class GttRule(msgspec.Struct, kw_only=True, frozen=True):
    """One leg of a good-till-triggered order."""

    strategy: str
    status: str | None = None
    trigger_type: Spare = None
    trigger_price: Spare = None
    transaction_type: Spare = None
    message: Spare = None
    order_id: Spare = None
    trailing_gap: Spare = None


class GttRow(msgspec.Struct, kw_only=True, frozen=True):
    """A good-till-triggered order, as listed and as streamed: never ours, so it is only told."""

    update_type: str | msgspec.UnsetType = msgspec.UNSET
    type: str
    exchange: Spare = None
    quantity: int
    product: Spare = None
    rules: list[GttRule]
    trading_symbol: Spare = msgspec.UNSET
    instrument_token: str
    gtt_order_id: str
    expires_at: Word | None = None
    created_at: Word | None = None

    def __post_init__(self) -> None:
        parse_time(self.expires_at)
        parse_time(self.created_at)

    @property
    def made_at(self) -> datetime | None:
        """When it was made, aware IST; epoch microseconds on the wire."""
        return parse_time(self.created_at)


StreamMessage = OrderRow | PositionUpdate | HoldingRow | GttRow

_KINDS: Final[dict[str, type[OrderRow] | type[PositionUpdate] | type[HoldingRow] | type[GttRow]]] = {
    "order": OrderRow,
    "position": PositionUpdate,
    "holding": HoldingRow,
    "gtt_order": GttRow,
}


class _Head(msgspec.Struct, frozen=True):
    update_type: str = "order"  # older payloads do not say: they tell of orders


def stream_message(text: str | bytes) -> StreamMessage | None:
    """What a message tells of; None for a kind that is not known.

    Raises ApiFailure UNKNOWN naming the field when it cannot be read: then the book must be read instead.
    """
    body = text.encode() if isinstance(text, str) else text
    kind = _KINDS.get(whole_of(body, _Head, PORTFOLIO_STREAM).update_type)
    return None if kind is None else whole_of(body, kind, PORTFOLIO_STREAM)
