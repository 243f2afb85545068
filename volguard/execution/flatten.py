"""Everything to zero, as pure data: what is taken off first, which orders close what, at what price and cost.

Shorts are bought back first; a long is sold only when no short of its expiry and type needs it. Prices climb
from near mid to the edge of the exchange's band; there is never an order without a limit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.execution.ladder import ladder_price, price_band
from volguard.execution.settings import ExecutionSettings
from volguard.measure.broker_net import (
    OUR_PRODUCT,
    BrokerEvidence,
    Holding,
    adders,
    closable_units,
    exits,
    group_of,
    holdings,
    spare_longs,
)
from volguard.measure.flat_cost import Depth
from volguard.model.book import ZERO
from volguard.model.broker import BrokerOrder, InstrumentKey
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionContract, OptionType, Side
from volguard.model.market import Quote
from volguard.model.order import Purpose, Urgency
from volguard.model.units import figure, money, rupees
from volguard.nse.charges import Charges

OTHER_PRODUCT: Final = "held under product {0}: an order of ours would open a second position"
NOT_LISTED: Final = "no option of ours, or not in today's instrument file"
NO_WHOLE_LOT: Final = "less than one lot"
NO_PRICE: Final = "nobody quotes it and no last price is known"
RUNGS_MAX: Final = 12  # more doublings than any band needs


class Basis(StrEnum):
    """What a price is measured from."""

    TOUCH = "touch"
    LAST = "last price"  # nobody quotes the side that is needed, or quotes cannot be read


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractTerms:
    """What the exchange asks of an order in a contract; units, tick in rupees."""

    lot_size: int
    freeze_quantity: int
    tick: Decimal

    @property
    def slice_max(self) -> int:
        """The largest order of whole lots."""
        return self.freeze_quantity // self.lot_size * self.lot_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is known of a contract's market: the order book shown, the last price, when they were read."""

    read_at: datetime
    depth: Depth
    last: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Priced:
    """A quote with two sides to measure a ladder by, and what it really is."""

    quote: Quote
    basis: Basis


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit:
    """Units of one position that orders close now; `held_back` units cover shorts and come later."""

    holding: Holding
    quantity: int
    held_back: int
    slices: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedExit:
    """One position's way to zero. Rupees are against mid, None with the reason in `gap`."""

    holding: Holding
    wave: int  # 1 shorts and what covers nothing, 2 the longs that cover them
    units: int
    working: int  # of them on their way already by orders that rest
    slices: tuple[int, ...]
    first_price: Decimal | None
    last_price: Decimal | None
    basis: Basis | None
    half_spread_inr: Decimal | None
    walk_inr: Decimal | None
    charges_inr: Decimal | None
    gap: str

    @property
    def cost_inr(self) -> Decimal | None:
        """Half the spread, what lies beyond the touch, charges; None when any part is not known."""
        if self.half_spread_inr is None or self.walk_inr is None or self.charges_inr is None:
            return None
        return self.half_spread_inr + self.walk_inr + self.charges_inr


@dataclass(frozen=True, slots=True, kw_only=True)
class Unorderable:
    """A position that no order of ours can close, and why: only the broker's exit-all reaches it."""

    holding: Holding
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlattenPlan:
    """What a flatten would do now. `cost_inr` None: a part is not known, see the gaps."""

    cancels: tuple[BrokerOrder, ...]
    kept: tuple[BrokerOrder, ...]
    exits: tuple[PlannedExit, ...]
    unorderable: tuple[Unorderable, ...]
    cost_inr: Decimal | None
    orders: int
    seconds: float

    @property
    def is_empty(self) -> bool:
        """Nothing is held and no order could open anything."""
        return not (self.cancels or self.kept or self.exits or self.unorderable)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanInputs:
    """What a plan is made of; `terms` and `sights` lack what is not known."""

    evidence: BrokerEvidence
    terms: Mapping[InstrumentKey, ContractTerms]
    sights: Mapping[InstrumentKey, Sight]
    settings: ExecutionSettings
    charges: Charges
    trade_date: date
    orders_per_second: float


def make_plan(inputs: PlanInputs) -> FlattenPlan:
    """The whole way to zero from here, priced at what the market shows now."""
    held = holdings(inputs.evidence.positions)
    out_of_reach = unorderable(held, inputs.terms)
    planned = tuple(
        _planned(inputs, holding) for holding in held if holding not in {one.holding for one in out_of_reach}
    )
    cancels = adders(inputs.evidence)
    counts = {wave: sum(len(one.slices) for one in planned if one.wave == wave) for wave in (1, 2)}
    waits = sum(inputs.settings.patience_high_s for count in counts.values() if count)
    orders = sum(counts.values())
    return FlattenPlan(
        cancels=cancels,
        kept=exits(inputs.evidence),
        exits=tuple(sorted(planned, key=lambda one: (one.wave, one.holding.name, one.holding.product))),
        unorderable=out_of_reach,
        cost_inr=_total([one.cost_inr for one in planned] + [None] * len(out_of_reach)),
        orders=orders,
        seconds=figure((orders + len(cancels)) / inputs.orders_per_second + waits),
    )


def unorderable(
    held: Sequence[Holding], terms: Mapping[InstrumentKey, ContractTerms]
) -> tuple[Unorderable, ...]:
    """Positions that no order of ours can close."""
    found = []
    for holding in held:
        known = terms.get(holding.key)
        if holding.contract is None or known is None or not known.slice_max:
            why = NOT_LISTED
        elif holding.product != OUR_PRODUCT:
            why = OTHER_PRODUCT.format(holding.product)
        elif abs(holding.quantity) % known.lot_size:
            why = NO_WHOLE_LOT
        else:
            continue
        found.append(Unorderable(holding=holding, why=why))
    return tuple(found)


def exits_now(evidence: BrokerEvidence, terms: Mapping[InstrumentKey, ContractTerms]) -> tuple[Exit, ...]:
    """What orders may close at this moment, shorts first; nothing that is on its way already.

    Among longs those go first that cover least: the call that is highest, the put that is lowest.
    """
    held = holdings(evidence.positions)
    beyond = {one.holding.place for one in unorderable(held, terms)}
    spare: dict[object, int] = {}
    found = []
    for holding in sorted(held, key=_worst_cover_first):
        contract = holding.contract
        if contract is None or holding.place in beyond:
            continue
        known = terms[holding.key]
        wanted = free = closable_units(evidence, holding) // known.lot_size * known.lot_size
        if holding.quantity > 0:
            group = group_of(contract)
            left = spare.setdefault(group, spare_longs(evidence, group))
            free = min(wanted, left // known.lot_size * known.lot_size)
            spare[group] = left - free
        if wanted:
            found.append(
                Exit(
                    holding=holding,
                    quantity=free,
                    held_back=wanted - free,
                    slices=slices_of(free, known.slice_max),
                )
            )
    return tuple(found)


def slices_of(quantity: int, largest: int) -> tuple[int, ...]:
    """A quantity in orders of at most `largest` units."""
    whole, rest = divmod(quantity, largest)
    return (largest,) * whole + ((rest,) if rest else ())


def priced(contract: OptionContract, side: Side, sight: Sight | None) -> Priced | None:
    """What to measure an exit's ladder by: the touch, else the last price, else the other side's touch."""
    if sight is None:
        return None
    bid = max((level.price for level in sight.depth.bids), default=None)
    ask = min((level.price for level in sight.depth.asks), default=None)
    touch = ask if side is Side.BUY else bid
    if bid is not None and ask is not None:
        return Priced(quote=_quote(contract, sight, bid, ask), basis=Basis.TOUCH)
    if touch is not None:
        return Priced(quote=_quote(contract, sight, touch, touch), basis=Basis.TOUCH)
    known = sight.last if sight.last is not None else (bid if bid is not None else ask)
    if known is None:
        return None
    return Priced(quote=_quote(contract, sight, known, known), basis=Basis.LAST)


def exit_price(
    found: Priced, side: Side, *, rung: int, tick: Decimal, settings: ExecutionSettings
) -> tuple[Decimal, tuple[Decimal, Decimal]] | None:
    """Limit price of a rung and the exchange's band around it; None when there is no band."""
    band = price_band(found.quote, tick=tick, settings=settings)
    price = ladder_price(
        found.quote,
        side=side,
        purpose=Purpose.CLOSE,
        urgency=Urgency.HIGH,
        rung=min(rung, RUNGS_MAX),
        rung_count=1,
        tick=tick,
        settings=settings,
    )
    if band is None or price is None or band[0] > band[1]:
        return None
    return min(max(price, band[0]), band[1]), band


def would_strip(remaining: Sequence[Holding], sweepable: Sequence[Holding]) -> tuple[Holding, ...]:
    """Longs that an exit of everything would take from under a short whose own exit works but does not fill.

    `sweepable` are positions that no order of ours can close: there the sweep is the better exit.
    """
    stuck = {
        group_of(held.contract)
        for held in remaining
        if held.quantity < 0 and held.contract is not None and held not in sweepable
    }
    return tuple(
        held
        for held in remaining
        if held.quantity > 0 and held.contract is not None and group_of(held.contract) in stuck
    )


# --- the plan's figures -------------------------------------------------------------------------------


def _planned(inputs: PlanInputs, holding: Holding) -> PlannedExit:
    evidence, contract, side = inputs.evidence, holding.contract, holding.closing_side
    if contract is None:
        raise ValueError(f"{holding.name} is no option of ours")
    terms = inputs.terms[holding.key]
    units = abs(holding.quantity)
    to_order = closable_units(evidence, holding) // terms.lot_size * terms.lot_size
    slices = slices_of(to_order, terms.slice_max)
    sight = inputs.sights.get(holding.key)
    found = priced(contract, side, sight)
    ends = (
        [
            exit_price(found, side, rung=rung, tick=terms.tick, settings=inputs.settings)
            for rung in (0, RUNGS_MAX)
        ]
        if found is not None
        else [None, None]
    )
    cost = _cost(inputs, sight, side, units, len(slices))
    covers = holding.quantity > 0 and spare_longs(evidence, group_of(contract)) < units
    return PlannedExit(
        holding=holding,
        wave=2 if covers else 1,
        units=units,
        working=units - to_order,
        slices=slices,
        first_price=ends[0][0] if ends[0] is not None else None,
        last_price=ends[1][0] if ends[1] is not None else None,
        basis=found.basis if found is not None else None,
        half_spread_inr=cost[0],
        walk_inr=cost[1],
        charges_inr=cost[2],
        gap=_gap(found, side, cost),
    )


def _cost(
    inputs: PlanInputs, sight: Sight | None, side: Side, units: int, orders: int
) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
    if sight is None or not sight.depth.bids or not sight.depth.asks:
        return None, None, None
    bids = sorted(sight.depth.bids, key=lambda level: -level.price)
    asks = sorted(sight.depth.asks, key=lambda level: level.price)
    half_spread = money(units * (asks[0].price - bids[0].price) / 2)
    walking = asks if side is Side.BUY else bids
    left, premium, walk = units, ZERO, ZERO
    for level in walking:
        taken = min(left, level.quantity)
        premium += taken * level.price
        walk += taken * abs(level.price - walking[0].price)
        left -= taken
    if left:
        return half_spread, None, None
    try:
        charges = inputs.charges.estimate_inr(
            trade_date=inputs.trade_date,
            premium_buy_inr=float(premium) if side is Side.BUY else 0.0,
            premium_sell_inr=float(premium) if side is Side.SELL else 0.0,
            orders=max(orders, 1),
        )
    except DateNotCovered:
        return half_spread, money(walk), None
    return half_spread, money(walk), rupees(charges)


def _gap(found: Priced | None, side: Side, cost: tuple[Decimal | None, ...]) -> str:
    if found is None:
        return NO_PRICE
    if found.basis is Basis.LAST:
        doing = "offers" if side is Side.BUY else "bids"
        return f"nobody {doing}: an order would rest, measured from the last price {found.quote.bid}"
    if cost[0] is None:
        return "one side alone is quoted: no mid to measure a cost from"
    if cost[1] is None:
        return "the size shown is too small"
    return "" if cost[2] is not None else "charges are not known for the date"


def _total(costs: Sequence[Decimal | None]) -> Decimal | None:
    total = ZERO
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total


def _quote(contract: OptionContract, sight: Sight, bid: Decimal, ask: Decimal) -> Quote:
    return Quote(ts=sight.read_at, contract=contract, bid=bid, bid_qty=0, ask=ask, ask_qty=0)


def _worst_cover_first(holding: Holding) -> tuple[bool, str, int, str]:
    contract = holding.contract
    if contract is None:
        return holding.quantity > 0, holding.name, 0, holding.product
    group = f"{contract.underlying} {contract.expiry} {contract.option_type}"
    outwards = -1 if contract.option_type is OptionType.CALL else 1
    return holding.quantity > 0, group, outwards * contract.strike, holding.product
