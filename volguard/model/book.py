"""The book: trades, their legs, orders and fills. Positions are the sum of fills, nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from volguard.model.instrument import OptionContract, Side
from volguard.model.order import Order

ZERO = Decimal(0)


class Bucket(StrEnum):
    """A share of the capital with rules of its own."""

    WEEKLY = "WEEKLY"
    MONTHLY = "MONTHLY"
    INTRADAY = "INTRADAY"


class StructureKind(StrEnum):
    """The shapes that have a name, in the field's words; those marked so are valued and never chosen."""

    IRON_CONDOR = "IRON_CONDOR"
    DEFENSIVE_IRON_CONDOR = "DEFENSIVE_IRON_CONDOR"  # further out, ahead of events
    NEUTRAL_IRON_CONDOR = "NEUTRAL_IRON_CONDOR"  # iron fly: both shorts at one strike
    BULL_PUT_SPREAD = "BULL_PUT_SPREAD"
    BEAR_CALL_SPREAD = "BEAR_CALL_SPREAD"
    SHORT_STRANGLE = "SHORT_STRANGLE"  # never chosen: naked
    CALENDAR_SPREAD = "CALENDAR_SPREAD"  # never chosen: near leg sold, far leg of its strike bought
    DIAGONAL_SPREAD = "DIAGONAL_SPREAD"  # never chosen: near leg sold, far leg of another strike bought
    ADOPTED = "ADOPTED"  # traded by somebody else, managed by us


class TradeState(StrEnum):
    """A trade's life; ABANDONED never held a short."""

    OPENING = "OPENING"
    OPEN = "OPEN"
    CLOSING = "CLOSING"
    CLOSED = "CLOSED"
    ABANDONED = "ABANDONED"

    @property
    def is_live(self) -> bool:
        """It holds, or may come to hold, a position."""
        return self in (TradeState.OPENING, TradeState.OPEN, TradeState.CLOSING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One leg of a structure; `side` is that of the entry, every leg has the trade's lots."""

    contract: OptionContract
    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution with its charges by the schedule of its date."""

    fill_id: str
    tag: str
    ts: datetime
    contract: OptionContract
    side: Side
    quantity: int
    price: Decimal
    charges_inr: Decimal
    touch_bid: Decimal | None
    touch_ask: Decimal | None

    @property
    def cash_inr(self) -> Decimal:
        """Rupees received (a sell) or paid (a buy, negative), before charges."""
        return -self.side.sign * self.quantity * self.price


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Signed units of one contract."""

    contract: OptionContract
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryMarket:
    """The market that a trade was made on, so that what has changed since can be told.

    `forward` of its expiry in points; `sigmas` decimal per year, one a leg, by the strikes beside it;
    `is_backwardation`: near volatility stood above far, None where that could not be told.
    """

    forward: float
    sigmas: tuple[float, ...]
    is_backwardation: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One structure from proposal to flat."""

    trade_id: str
    bucket: Bucket
    structure: StructureKind
    legs: tuple[Leg, ...]
    lots: int
    lot_size: int
    state: TradeState
    proposed_at: datetime
    credit_per_unit: float  # at the touch, when proposed
    max_loss_inr: Decimal  # with round-trip costs, all lots
    reserved_inr: Decimal
    margin_inr: Decimal = ZERO  # asked for it alone when it was approved
    carried_pnl_inr: Decimal = ZERO  # what earlier days made of it, charges taken off
    fills: tuple[Fill, ...] = ()
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    exit_reason: str = ""
    entry_market: EntryMarket | None = None  # None: adopted, or a leg had no volatility then
    part_of: StructureKind | None = None  # what it was a side of, before the other side was rolled

    @property
    def units(self) -> int:
        """Units of the underlying per leg."""
        return self.lots * self.lot_size

    @property
    def capital_used_inr(self) -> Decimal:
        """Rupees of the bucket that it binds: the larger of its margin and what it may lose."""
        return max(self.margin_inr, self.reserved_inr)

    @property
    def charges_inr(self) -> Decimal:
        """Charges of all fills so far."""
        return sum((fill.charges_inr for fill in self.fills), ZERO)

    @property
    def cash_inr(self) -> Decimal:
        """Net premium received so far, before charges."""
        return sum((fill.cash_inr for fill in self.fills), ZERO)

    @property
    def entry_credit_inr(self) -> Decimal:
        """Premium received by the fills on the entry side of each leg."""
        return sum((fill.cash_inr for fill in self.fills if self._is_entry(fill)), ZERO)

    def _is_entry(self, fill: Fill) -> bool:
        return any(leg.contract == fill.contract and leg.side is fill.side for leg in self.legs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """All trades and orders of a session's account, in order of creation."""

    trades: tuple[Trade, ...] = ()
    orders: tuple[Order, ...] = ()

    def trade(self, trade_id: str) -> Trade:
        """The trade of that id; KeyError when there is none."""
        for trade in self.trades:
            if trade.trade_id == trade_id:
                return trade
        raise KeyError(trade_id)

    def order(self, tag: str) -> Order | None:
        """The order of that tag, or None."""
        return next((order for order in self.orders if order.request.tag == tag), None)

    @property
    def live_trades(self) -> tuple[Trade, ...]:
        """Trades that hold, or may come to hold, a position."""
        return tuple(trade for trade in self.trades if trade.state.is_live)

    @property
    def live_orders(self) -> tuple[Order, ...]:
        """Orders that may still fill."""
        return tuple(order for order in self.orders if order.may_fill)

    @property
    def positions(self) -> tuple[Position, ...]:
        """Net units per contract over all trades, zero ones left out, sorted."""
        return positions_of(fill for trade in self.trades for fill in trade.fills)


def positions_of(fills: Iterable[Fill]) -> tuple[Position, ...]:
    """Net signed units per contract, zero ones left out, sorted by contract."""
    net: dict[OptionContract, int] = {}
    for fill in fills:
        net[fill.contract] = net.get(fill.contract, 0) + fill.side.sign * fill.quantity
    return tuple(Position(contract=c, quantity=q) for c, q in sorted(net.items()) if q)


def realised_pnl_inr(fills: Iterable[Fill]) -> Decimal:
    """Gross rupees locked in by closing fills against the average opening price, before charges."""
    realised = ZERO
    held: dict[OptionContract, tuple[int, Decimal]] = {}  # signed units, their cash value at cost
    for fill in fills:
        units, cost = held.get(fill.contract, (0, ZERO))
        signed = fill.side.sign * fill.quantity
        closing = min(abs(units), abs(signed)) if units * signed < 0 else 0
        if closing:
            released = cost * closing / abs(units)
            direction = 1 if units > 0 else -1
            realised += direction * closing * fill.price - released
            units, cost = units - direction * closing, cost - released
            signed += direction * closing
        held[fill.contract] = (units + signed, cost + signed * fill.price)
    return realised
