"""What a broker says of an account, as values: orders, executions, positions, funds, margin, charges."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NewType

from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderState

InstrumentKey = NewType("InstrumentKey", str)  # the broker's own name, e.g. "NSE_FO|51834"


class ErrorClass(StrEnum):
    """Why a call to the broker failed, split by what the caller must do next."""

    AUTH = "AUTH"  # log in again
    RATE = "RATE"  # slow down; a write did not happen
    SERVER = "SERVER"  # a write may or may not have happened
    NETWORK = "NETWORK"  # the same, unless it is proven that nothing left
    REJECT = "REJECT"  # a proven no: mend the request
    UNKNOWN = "UNKNOWN"  # an answer that cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerOrder:
    """One order as the broker's book has it; quantities in units, `filled_quantity` cumulative.

    `contract` is None for what is no option of ours; `state` None for a word that is not known: still live.
    """

    order_id: str
    tag: str | None
    key: InstrumentKey
    contract: OptionContract | None
    side: Side
    product: str
    quantity: int
    filled_quantity: int
    limit_price: Decimal
    average_price: Decimal | None
    state: OrderState | None
    word: str  # the broker's own status
    message: str
    placed_at: datetime | None
    request_number: int  # raised by each modify


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerTrade:
    """One execution as the broker has it."""

    trade_id: str
    order_id: str
    key: InstrumentKey
    contract: OptionContract | None
    side: Side
    product: str
    quantity: int
    price: Decimal
    traded_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerPosition:
    """A net position, signed units; 0 for one that was closed today. P&L is ours to compute, not theirs."""

    key: InstrumentKey
    contract: OptionContract | None
    product: str
    quantity: int
    overnight_quantity: int
    buy_value_inr: Decimal
    sell_value_inr: Decimal
    last_price: Decimal | None
    keyed_as: OptionContract | None = None  # what its key stands for, where its own symbol says otherwise

    @property
    def entry_price(self) -> Decimal | None:
        """What a unit cost or brought, all of today's and carried trades counted; None: nothing sensible."""
        if not self.quantity:
            return None
        price = (self.buy_value_inr - self.sell_value_inr) / self.quantity
        return price if price > 0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerView:
    """What the broker said at one time; None: it could not be read, for the reason in `unread`."""

    orders: tuple[BrokerOrder, ...] | None
    trades: tuple[BrokerTrade, ...] | None
    positions: tuple[BrokerPosition, ...] | None
    unread: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """Money of the account: what can be used for margin now, and what is."""

    available_inr: Decimal
    used_inr: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CashOfDay:
    """The cash of the account, pledges aside, and what moved it besides trades; None: it was not told."""

    available_inr: Decimal
    used_inr: Decimal  # in margin
    opening_inr: Decimal | None
    added_inr: Decimal | None
    withdrawn_inr: Decimal | None

    @property
    def change_inr(self) -> Decimal | None:
        """Rupees that the day's trades brought or took; None where a part of the sum is not known."""
        if self.opening_inr is None or self.added_inr is None or self.withdrawn_inr is None:
            return None
        return self.available_inr + self.used_inr - self.opening_inr - self.added_inr + self.withdrawn_inr


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginLine:
    """One leg of a margin question: signed units, the price assumed (None: the market's)."""

    key: InstrumentKey
    quantity: int
    product: str
    price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginAnswer:
    """What the broker wants: `required_inr` to get the basket on, `final_inr` once all legs are on."""

    required_inr: Decimal
    final_inr: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargesAnswer:
    """What the broker would charge for one order, in rupees."""

    total_inr: Decimal
    brokerage_inr: Decimal
    stt_inr: Decimal
    stamp_inr: Decimal
    gst_inr: Decimal
    exchange_inr: Decimal
    sebi_inr: Decimal
    ipft_inr: Decimal
