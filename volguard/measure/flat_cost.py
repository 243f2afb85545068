"""Time and cost to be flat now: what closing everything would take of the market as it is shown.

Cost is against the mid: half the spread, walking beyond the touch, charges. What the book of orders does not
show has no price: that leg's cost is not available, and the whole is infinite until it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.measure.market_view import MarketView
from volguard.measure.touch import quote_of
from volguard.model.book import ZERO, Position
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionContract, Side
from volguard.model.units import figure, money, rupees
from volguard.nse.rules import Rules
from volguard.pricing.quote_flags import QuoteFlag

ORDERS_PER_SECOND_MAX: Final = 10.0  # what the exchange allows without registering the algorithm
NO_DEPTH: Final[Mapping[OptionContract, Depth]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatCostSettings:
    """`orders_per_second` is the rate that closing may use, all orders together."""

    orders_per_second: float

    def __post_init__(self) -> None:
        if not 0 < self.orders_per_second <= ORDERS_PER_SECOND_MAX:
            raise ValueError(
                f"orders_per_second was {self.orders_per_second}, must be above 0, "
                f"at most {ORDERS_PER_SECOND_MAX}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One price of the order book with the units that rest there."""

    price: Decimal
    quantity: int

    def __post_init__(self) -> None:
        if self.quantity < 0:
            raise ValueError(f"quantity was {self.quantity}, must be 0 or more")


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """Both sides of one contract's order book, in any order; the touch alone is a depth of one level."""

    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class FlatGap(StrEnum):
    """Why a leg has no cost; all but NO_MID and NO_RULES mean that it cannot be closed at a price shown."""

    NOT_LISTED = "not listed in this snapshot"
    STALE = "quote is stale"
    NO_QUOTE = "no depth: nobody quotes the closing side"
    CROSSED = "quote is crossed"
    NO_DEPTH = "no depth: the size shown is too small"
    NO_MID = "one-sided quote: no mid to compare with"
    NO_RULES = "freeze quantity, lot size, tick or charges not known for the date"

    @property
    def is_infinite(self) -> bool:
        """No size that is shown would close the leg, at whatever price."""
        return self not in (FlatGap.NO_MID, FlatGap.NO_RULES)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatLeg:
    """One contract: what closing it costs in rupees against the mid, and its share of the orders.

    `done_s` is when its last order is answered, in seconds from now. Rupees are None where `gap` says why;
    orders and times are None only where the exchange's rules for the contract are not known.
    """

    contract: OptionContract
    side: Side  # of the closing order
    units: int
    shown_units: int  # of the closing side, all levels that are shown
    orders: int | None
    half_spread_inr: Decimal | None = None
    walk_inr: Decimal | None = None  # beyond the touch
    charges_inr: Decimal | None = None
    done_s: float | None = None
    gap: FlatGap | None = None

    @property
    def cost_inr(self) -> Decimal | None:
        """Rupees lost against the mid, charges included; None when any part is not available."""
        if self.half_spread_inr is None or self.walk_inr is None or self.charges_inr is None:
            return None
        return self.half_spread_inr + self.walk_inr + self.charges_inr

    @property
    def reason(self) -> str:
        """Why there is no cost, for a person; empty when there is one."""
        if self.gap is None:
            return ""
        size = f", {self.shown_units} of {self.units} units shown" if self.gap is FlatGap.NO_DEPTH else ""
        return f"{self.contract.symbol}: {self.gap.value}{size}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FlatCost:
    """Being flat now: shorts in the order of `legs` first, then hedges. No legs: flat already, at no cost."""

    legs: tuple[FlatLeg, ...]
    cost_inr: Decimal | None
    shorts_cost_inr: Decimal | None  # until no short is left
    orders: int | None
    seconds: float | None  # until the last order is answered
    shorts_seconds: float | None

    @property
    def is_infinite(self) -> bool:
        """Something cannot be closed at any price that is shown."""
        return any(leg.gap is not None and leg.gap.is_infinite for leg in self.legs)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why there is no cost, leg by leg."""
        return tuple(leg.reason for leg in self.legs if leg.gap is not None)

    @property
    def text(self) -> str:
        """One line for status and decisions."""
        if self.cost_inr is not None:
            cost = f"{self.cost_inr:.2f} rupees"
        else:
            cost = f"{'infinite' if self.is_infinite else 'not available'} ({'; '.join(self.reasons)})"
        if self.orders is None or self.seconds is None:
            return f"flat now: {cost}"
        return f"flat now: {cost}, {self.orders} orders, {self.seconds:.1f} s"


def flat_cost(
    view: MarketView,
    positions: Sequence[Position],
    *,
    trade_date: date,
    rules: Rules,
    settings: FlatCostSettings,
    fill_wait_s: float,
    depth: Mapping[OptionContract, Depth] = NO_DEPTH,
) -> FlatCost:
    """What closing the positions now would cost and how long it would take.

    `depth` holds the order books that the source gives; elsewhere the touch and its size are all there is.
    `fill_wait_s`: seconds that a wave waits for its fills after its last order left, before the next wave.
    Positions of one contract are netted. What is missing is named per leg, never raised.
    """
    net = _netted(positions)
    shorts = [leg for leg in net if leg.quantity < 0]
    hedges = [leg for leg in net if leg.quantity > 0]
    legs: list[FlatLeg] = []
    elapsed_s: float | None = 0.0
    for wave in (shorts, hedges):
        for position in wave:
            book = depth.get(position.contract)
            leg = _flat_leg(view, position, trade_date, rules, book)
            elapsed_s = _after_orders(elapsed_s, leg.orders, settings)
            done_s = None if elapsed_s is None else figure(elapsed_s + fill_wait_s)
            legs.append(replace(leg, done_s=done_s))
        elapsed_s = elapsed_s + fill_wait_s if wave and elapsed_s is not None else elapsed_s
    first = legs[: len(shorts)]
    return FlatCost(
        legs=tuple(legs),
        cost_inr=_sum_money(leg.cost_inr for leg in legs),
        shorts_cost_inr=_sum_money(leg.cost_inr for leg in first),
        orders=_sum_orders(leg.orders for leg in legs),
        seconds=legs[-1].done_s if legs else 0.0,
        shorts_seconds=first[-1].done_s if first else 0.0,
    )


def _netted(positions: Sequence[Position]) -> list[Position]:
    units: dict[OptionContract, int] = {}
    for position in positions:
        units[position.contract] = units.get(position.contract, 0) + position.quantity
    return [Position(contract=contract, quantity=q) for contract, q in sorted(units.items()) if q]


def _flat_leg(
    view: MarketView, position: Position, trade_date: date, rules: Rules, book: Depth | None
) -> FlatLeg:
    contract, side = position.contract, Side.SELL if position.quantity > 0 else Side.BUY
    units = abs(position.quantity)
    orders = _order_count(contract, units, trade_date, rules)
    if book is None:
        book = _touch_depth(view, contract, trade_date, rules)
    walking = [] if book is None else _closing_side(book, side)
    leg = FlatLeg(
        contract=contract,
        side=side,
        units=units,
        shown_units=sum(level.quantity for level in walking),
        orders=orders,
    )
    gap = _gap(view, leg, book)
    if gap is not None or book is None or orders is None:
        return replace(leg, gap=gap)
    return _costed(leg, book, walking, trade_date, rules, orders=orders)


def _costed(
    leg: FlatLeg, book: Depth, walking: Sequence[Level], trade_date: date, rules: Rules, *, orders: int
) -> FlatLeg:
    bid, ask = _best_bid(book), _best_ask(book)
    touch = ask if leg.side is Side.BUY else bid
    left, premium, walk = leg.units, ZERO, ZERO
    for level in walking:
        taken = min(left, level.quantity)
        premium += taken * level.price
        walk += taken * abs(level.price - touch)
        left -= taken
    try:
        charges = rules.charges.estimate_inr(
            trade_date=trade_date,
            premium_buy_inr=float(premium) if leg.side is Side.BUY else 0.0,
            premium_sell_inr=float(premium) if leg.side is Side.SELL else 0.0,
            orders=orders,
        )
    except DateNotCovered:
        return replace(leg, gap=FlatGap.NO_RULES)
    return replace(
        leg,
        half_spread_inr=money(leg.units * (ask - bid) / 2),
        walk_inr=money(walk),
        charges_inr=rupees(charges),
    )


def _order_count(contract: OptionContract, units: int, trade_date: date, rules: Rules) -> int | None:
    # Slices are whole lots, none above the freeze quantity: as the baskets of an exit are cut.
    try:
        lot = rules.contracts.lot_size(contract.underlying, trade_date, contract.expiry)
        freeze = rules.contracts.freeze_quantity(contract.underlying, trade_date)
    except DateNotCovered:
        return None
    largest = freeze // lot * lot
    return -(-units // largest) if largest else None


def _touch_depth(view: MarketView, contract: OptionContract, trade_date: date, rules: Rules) -> Depth | None:
    try:
        quote = quote_of(view, contract, rules.contracts.tick(contract.underlying, trade_date))
    except DateNotCovered:
        return None
    if quote is None:
        return Depth()
    return Depth(
        bids=() if quote.bid is None else (Level(price=quote.bid, quantity=quote.bid_qty),),
        asks=() if quote.ask is None else (Level(price=quote.ask, quantity=quote.ask_qty),),
    )


def _closing_side(book: Depth, side: Side) -> list[Level]:
    if side is Side.BUY:
        return sorted(book.asks, key=lambda level: level.price)
    return sorted(book.bids, key=lambda level: level.price, reverse=True)


def _gap(view: MarketView, leg: FlatLeg, book: Depth | None) -> FlatGap | None:
    row = view.row(leg.contract)
    if row is None:
        return FlatGap.NOT_LISTED
    if book is None or leg.orders is None:
        return FlatGap.NO_RULES
    if view.after_gap or int(view.flags[row]) & int(QuoteFlag.STALE):
        return FlatGap.STALE
    if not (book.asks if leg.side is Side.BUY else book.bids):
        return FlatGap.NO_QUOTE
    if book.bids and book.asks and _best_bid(book) > _best_ask(book):
        return FlatGap.CROSSED
    if leg.shown_units < leg.units:
        return FlatGap.NO_DEPTH
    return None if book.bids and book.asks else FlatGap.NO_MID


def _best_bid(book: Depth) -> Decimal:
    return max(level.price for level in book.bids)


def _best_ask(book: Depth) -> Decimal:
    return min(level.price for level in book.asks)


def _after_orders(elapsed_s: float | None, orders: int | None, settings: FlatCostSettings) -> float | None:
    if elapsed_s is None or orders is None:
        return None
    return elapsed_s + orders / settings.orders_per_second


def _sum_money(costs: Iterable[Decimal | None]) -> Decimal | None:
    total = ZERO
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _sum_orders(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total
