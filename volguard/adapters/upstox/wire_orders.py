"""Orders on the wire: replies to writes, and rows of book, history, trades and stream as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from volguard.adapters.upstox.order_words import state_of
from volguard.adapters.upstox.times import parse_time
from volguard.adapters.upstox.trading_symbols import confirmed_by
from volguard.adapters.upstox.wire import Summary
from volguard.adapters.upstox.wire_errors import ErrorRow, WireError, plain
from volguard.adapters.upstox.wire_order_bodies import MultiLine
from volguard.adapters.upstox.wire_values import Spare, Word, average_of, price_of, require_finite
from volguard.model.broker import BrokerOrder, BrokerTrade, InstrumentKey
from volguard.model.instrument import OptionContract, Side

ContractOf = Callable[[InstrumentKey], OptionContract | None]

_SLICE: Final = re.compile(r"(.+)_\d+")


class OrderIds(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of place v3: one id, more where the order was sliced; never none."""

    order_ids: list[str]

    def __post_init__(self) -> None:
        if not self.order_ids or not all(self.order_ids):
            raise ValueError("order_ids was empty")


class OrderId(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of modify, cancel and place v2."""

    order_id: str


class MultiPlacedLine(msgspec.Struct, kw_only=True, frozen=True):
    """A line that was accepted."""

    correlation_id: str
    order_id: str


class MultiPlaced(msgspec.Struct, kw_only=True, frozen=True):
    """The whole reply of multi place; read with `whole_of`, under 200, 207 and 400 alike."""

    status: str
    data: list[MultiPlacedLine] | None
    errors: list[ErrorRow] | None = None
    summary: Summary | None = None


class OrderIdList(msgspec.Struct, kw_only=True, frozen=True):
    """Ids of many orders, or none."""

    order_ids: list[str] | None


class ManyOrders(msgspec.Struct, kw_only=True, frozen=True):
    """The whole reply of multi cancel and exit all; `errors` name the order or instrument."""

    status: str
    data: OrderIdList | None = None
    errors: list[ErrorRow] | None = None
    summary: Summary | None = None

    @property
    def order_ids(self) -> tuple[str, ...]:
        """Orders that were cancelled or made."""
        return tuple(self.data.order_ids or ()) if self.data is not None else ()

    @property
    def failed(self) -> tuple[WireError, ...]:
        """What could not be done, each with its order or instrument."""
        return tuple(row.read() for row in self.errors or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class LineOutcome:
    """What became of one line of a multi place: ids, or an error; neither: nobody knows, read it back."""

    order_ids: tuple[str, ...] = ()
    error: WireError | None = None


def outcomes_of(reply: MultiPlaced, lines: Sequence[MultiLine]) -> dict[str, LineOutcome]:
    """What became of each line, by correlation id; a sliced line's `_1`, `_2`, ... are put together."""
    known = {line.correlation_id for line in lines}
    ids: dict[str, list[str]] = {}
    for placed in reply.data or ():
        ids.setdefault(_line_of(placed.correlation_id, known), []).append(placed.order_id)
    errors = {
        _line_of(error.correlation_id or "", known): error
        for error in (row.read() for row in reply.errors or ())
    }
    return {name: LineOutcome(order_ids=tuple(ids.get(name, ())), error=errors.get(name)) for name in known}


class OrderRow(msgspec.Struct, kw_only=True, frozen=True):
    """A row of the order book, of an order's history, or of the portfolio stream.

    The three differ in what they carry beside the required fields.
    """

    update_type: str | msgspec.UnsetType = msgspec.UNSET
    exchange: str | None = None
    product: str
    price: float
    quantity: int
    status: str
    guid: Spare = msgspec.UNSET
    tag: str | None = None
    instrument_token: str
    instrument_key: str | msgspec.UnsetType | None = msgspec.UNSET
    placed_by: Spare = None
    user_id: Spare = msgspec.UNSET
    user_id_camel: str | msgspec.UnsetType | None = msgspec.field(default=msgspec.UNSET, name="userId")
    trading_symbol: str | None = None
    tradingsymbol: str | None = None
    order_type: str | None = None
    validity: str | None = None
    transaction_type: Side
    trigger_price: Spare = None
    disclosed_quantity: Spare = None
    average_price: float | None = None
    filled_quantity: int
    pending_quantity: Spare = msgspec.UNSET
    status_message: str | None = None
    status_message_raw: str | msgspec.UnsetType | None = msgspec.UNSET
    exchange_order_id: Spare = None
    parent_order_id: Spare = None
    order_id: str
    variety: Spare = None
    order_timestamp: Word | None = None
    exchange_timestamp: Spare = None
    is_amo: Spare = None
    order_request_id: Word
    order_ref_id: Spare = msgspec.UNSET

    def __post_init__(self) -> None:
        require_finite("price", self.price)
        require_finite("average_price", self.average_price)
        _require_word("order_id", self.order_id)
        _require_word("status", self.status)
        if self.quantity < 0 or not 0 <= self.filled_quantity <= max(self.quantity, 0):
            raise ValueError(f"filled_quantity was {self.filled_quantity}, quantity {self.quantity}")
        if not str(self.order_request_id).strip().isdecimal():
            raise ValueError("order_request_id was no number")
        parse_time(self.order_timestamp)

    @property
    def word(self) -> str:
        """The broker's status, in its one spelling."""
        return self.status.strip().lower()

    @property
    def request_number(self) -> int:
        """1, and one more with each modify."""
        return int(self.order_request_id)

    @property
    def symbol(self) -> str:
        """The trading symbol in whichever spelling it came."""
        return self.trading_symbol or self.tradingsymbol or ""


class TradeRow(msgspec.Struct, kw_only=True, frozen=True):
    """One execution of today."""

    exchange: str | None = None
    product: str
    trading_symbol: str | None = None
    tradingsymbol: str | None = None
    instrument_token: str
    order_type: str | None = None
    transaction_type: Side
    quantity: int
    exchange_order_id: Spare = None
    order_id: str
    exchange_timestamp: Word | None = None
    average_price: float
    trade_id: Word
    order_ref_id: Spare = None
    order_timestamp: Word | None = None

    def __post_init__(self) -> None:
        require_finite("average_price", self.average_price)
        _require_word("trade_id", str(self.trade_id))
        _require_word("order_id", self.order_id)
        if self.quantity <= 0 or self.average_price <= 0.0:
            raise ValueError(f"a trade of {self.quantity} at {self.average_price}, both must be above 0")
        parse_time(self.exchange_timestamp)
        parse_time(self.order_timestamp)


def order_of(row: OrderRow, contract_of: ContractOf) -> BrokerOrder:
    """The order that a row of book, history or stream tells of.

    Its contract is None where the key is none of ours, or where the row's own symbol names another contract.
    A symbol that cannot be parsed changes nothing.
    """
    key = InstrumentKey(row.instrument_token)
    return BrokerOrder(
        order_id=row.order_id,
        tag=row.tag or None,
        key=key,
        contract=confirmed_by(contract_of(key), row.trading_symbol, row.tradingsymbol),
        side=row.transaction_type,
        product=row.product,
        quantity=row.quantity,
        filled_quantity=row.filled_quantity,
        limit_price=price_of(row.price),
        average_price=average_of(row.average_price),
        state=state_of(row.word, quantity=row.quantity, filled_quantity=row.filled_quantity),
        word=row.word,
        message=plain(row.status_message or row.status_message_raw or ""),
        placed_at=parse_time(row.order_timestamp),
        request_number=row.request_number,
    )


def trade_of(row: TradeRow, contract_of: ContractOf) -> BrokerTrade:
    """The execution that a row tells of; its time is the exchange's, else the order's.

    Its contract is None as for `order_of`.
    """
    key = InstrumentKey(row.instrument_token)
    return BrokerTrade(
        trade_id=str(row.trade_id),
        order_id=row.order_id,
        key=key,
        contract=confirmed_by(contract_of(key), row.trading_symbol, row.tradingsymbol),
        side=row.transaction_type,
        product=row.product,
        quantity=row.quantity,
        price=price_of(row.average_price),
        traded_at=parse_time(row.exchange_timestamp) or parse_time(row.order_timestamp),
    )


def _line_of(correlation_id: str, known: Collection[str]) -> str:
    sliced = _SLICE.fullmatch(correlation_id)
    if correlation_id not in known and sliced is not None:
        return sliced[1]
    return correlation_id


def _require_word(name: str, text: str) -> None:
    if not text.strip():
        raise ValueError(f"{name} was empty")
