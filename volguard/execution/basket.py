"""Baskets: the legs of one entry or exit in waves, so that no short is ever without its hedge.

A basket is data; `advance` is pure and says what it wants next. Entries buy hedges first and sell shorts
only when every hedge is filled; exits buy shorts back first. What does not complete in time is unwound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from volguard.execution.ladder import patience_s, rungs
from volguard.execution.settings import ExecutionSettings
from volguard.model.book import Leg, Position, Trade
from volguard.model.errors import InvariantBroken
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import (
    CANCELLABLE_STATES,
    RESTING_STATES,
    TAG_LENGTH_MAX,
    Order,
    Purpose,
    Urgency,
)

# Where snapshots are rare a minute is one look at the market: a wave gets at least so many.
LOOKS_MIN: Final = 3


class BasketState(StrEnum):
    """WORKING wants fills, UNWINDING wants its orders off the exchange, DONE wants nothing."""

    WORKING = "WORKING"
    UNWINDING = "UNWINDING"
    DONE = "DONE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One slice of one leg: one order."""

    tag: str
    contract: OptionContract
    side: Side
    quantity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """One entry or exit of one trade, wave by wave."""

    basket_id: str
    trade_id: str
    purpose: Purpose
    urgency: Urgency
    waves: tuple[tuple[Line, ...], ...]
    wave: int
    state: BasketState
    reason: str
    wave_started_at: datetime | None = None  # when it was first to be sent; None: not yet


@dataclass(frozen=True, slots=True, kw_only=True)
class WantPlace:
    """Send these lines, all or none, after review."""

    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WantReprice:
    """Move a resting order to the next rung."""

    order: Order
    rung: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WantCancel:
    """Take a resting order off the exchange."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextWave:
    """All lines of the wave are filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """Every wave is filled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedOut:
    """The wave did not fill in time: the basket is to be unwound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """Unwinding, and no order of the basket can fill any more."""


Want = WantPlace | WantReprice | WantCancel | NextWave | Completed | TimedOut | Withdrawn


def entry_basket(trade: Trade, *, session_code: str, freeze: int, reason: str) -> Basket:
    """Hedges in the first wave, shorts in the second."""
    hedges = [leg for leg in trade.legs if leg.side is Side.BUY]
    shorts = [leg for leg in trade.legs if leg.side is Side.SELL]
    basket_id = f"{trade.trade_id}-E"
    waves = tuple(
        _lines(wave, trade.units, basket_id=basket_id, session_code=session_code, freeze=freeze, first=first)
        for wave, first in ((hedges, 0), (shorts, len(hedges)))
        if wave
    )
    return Basket(
        basket_id=basket_id,
        trade_id=trade.trade_id,
        purpose=Purpose.OPEN,
        urgency=Urgency.LOW,
        waves=waves,
        wave=0,
        state=BasketState.WORKING,
        reason=reason,
    )


def exit_basket(
    trade_id: str,
    positions: Sequence[Position],
    *,
    attempt: int,
    urgency: Urgency,
    session_code: str,
    freeze: int,
    reason: str,
    part: str = "",
) -> Basket:
    """Shorts bought back in the first wave, hedges sold in the second; `part` names one of several exits."""
    basket_id = f"{trade_id}-X{attempt}{part}"
    waves: list[tuple[Line, ...]] = []
    first = 0
    for wanted in (Side.BUY, Side.SELL):
        lines: list[Line] = []
        for position in positions:
            side = Side.BUY if position.quantity < 0 else Side.SELL
            if side is wanted:
                leg = Leg(contract=position.contract, side=side)
                lines += _lines(
                    [leg],
                    abs(position.quantity),
                    basket_id=basket_id,
                    session_code=session_code,
                    freeze=freeze,
                    first=first,
                )
                first += 1
        if lines:
            waves.append(tuple(lines))
    return Basket(
        basket_id=basket_id,
        trade_id=trade_id,
        purpose=Purpose.CLOSE,
        urgency=urgency,
        waves=tuple(waves),
        wave=0,
        state=BasketState.WORKING,
        reason=reason,
    )


def advance(
    basket: Basket,
    orders: Sequence[Order],
    *,
    now: datetime,
    is_fresh: bool,
    cadence_s: float,
    settings: ExecutionSettings,
) -> tuple[Want, ...]:
    """What the basket wants next. `orders`: all orders of its tags; `is_fresh`: a new snapshot was seen.

    Timers run in event time and only on fresh snapshots, so that none expires unseen.
    """
    if basket.state is BasketState.DONE:
        return ()
    by_tag = {order.request.tag: order for order in orders}
    if basket.state is BasketState.UNWINDING:
        return _unwind(basket, by_tag, now, settings)
    lines = basket.waves[basket.wave]
    if all(_filled(by_tag.get(line.tag)) >= line.quantity for line in lines):
        return (Completed(),) if basket.wave == len(basket.waves) - 1 else (NextWave(),)
    has_dead = any(_is_dead(by_tag.get(line.tag), line) for line in lines)
    if has_dead and not _goes_on(basket, by_tag, now, settings):
        return (TimedOut(),)
    if not is_fresh:
        return ()
    unsent = tuple(line for line in lines if line.tag not in by_tag)
    sent = [by_tag[line.tag] for line in lines if line.tag in by_tag]
    work = _work(basket, sent, now, cadence_s, settings)
    # A leg that nobody quotes now must not keep the others of its wave from climbing.
    if unsent and TimedOut() not in work:
        return (WantPlace(lines=unsent), *work)
    return work


def is_uncovered(positions: Sequence[Position]) -> bool:
    """Some short of a type and expiry exceeds the longs of that type and expiry."""
    return uncovered_units(positions) > 0


def uncovered_units(positions: Sequence[Position]) -> int:
    """Units short beyond the longs of the same type and expiry, all of them together."""
    net: dict[tuple[object, ...], int] = {}
    for position in positions:
        key = (position.contract.underlying, position.contract.expiry, position.contract.option_type)
        net[key] = net.get(key, 0) + position.quantity
    return sum(max(0, -units) for units in net.values())


def _work(
    basket: Basket,
    orders: Sequence[Order],
    now: datetime,
    cadence_s: float,
    settings: ExecutionSettings,
) -> tuple[Want, ...]:
    wait_s = patience_s(basket.urgency, cadence_s, settings)
    started = basket.wave_started_at
    # Exits never give up: an unwound exit would only start again.
    limit_s = max(settings.basket_timeout_s, LOOKS_MIN * wait_s)
    elapsed_s = (now - started).total_seconds() if started is not None else 0.0
    if basket.purpose is Purpose.OPEN and elapsed_s >= limit_s:
        return (TimedOut(),)
    last = rungs(basket.urgency, cadence_s, settings) - 1
    wants: list[Want] = []
    for order in orders:
        # Nothing is known to be there to re-price until the broker has spoken of it.
        if order.state not in RESTING_STATES or order.cancel_requested_at is not None:
            continue
        if (now - order.priced_at).total_seconds() >= wait_s:
            is_capped = basket.purpose is Purpose.OPEN
            rung = min(order.rung + 1, last) if is_capped else order.rung + 1
            wants.append(WantReprice(order=order, rung=rung))
    return tuple(wants)


# One leg of an exit that is refused must not take those off that work: they get the wave's time to fill.
def _goes_on(basket: Basket, by_tag: dict[str, Order], now: datetime, settings: ExecutionSettings) -> bool:
    started = basket.wave_started_at
    if basket.purpose is Purpose.OPEN or started is None:
        return False
    is_alive = any(order.may_fill for order in by_tag.values())
    return is_alive and (now - started).total_seconds() < settings.basket_timeout_s


def _unwind(
    basket: Basket, by_tag: dict[str, Order], now: datetime, settings: ExecutionSettings
) -> tuple[Want, ...]:
    alive = [order for order in by_tag.values() if order.may_fill]
    if not alive:
        return (Withdrawn(),)
    return tuple(
        WantCancel(order=order, reason=basket.reason)
        for order in alive
        if order.state in CANCELLABLE_STATES and not _is_leaving(order, now, settings)
    )


# A cancel that nothing came of is asked for again: the request itself may be lost.
def _is_leaving(order: Order, now: datetime, settings: ExecutionSettings) -> bool:
    asked = order.cancel_requested_at
    return asked is not None and (now - asked).total_seconds() < settings.absence_delay_s


def _lines(
    legs: Sequence[Leg], units: int, *, basket_id: str, session_code: str, freeze: int, first: int
) -> tuple[Line, ...]:
    lines: list[Line] = []
    for number, leg in enumerate(legs, start=first):
        for piece, quantity in enumerate(_slices(units, freeze)):
            tag = f"VG{session_code}-{basket_id}-{number}{piece:02d}"
            if len(tag) > TAG_LENGTH_MAX:
                raise ValueError(f"tag {tag} has {len(tag)} characters, at most {TAG_LENGTH_MAX}")
            lines.append(Line(tag=tag, contract=leg.contract, side=leg.side, quantity=quantity))
    return tuple(lines)


def _slices(units: int, freeze: int) -> tuple[int, ...]:
    if freeze < 1:
        raise InvariantBroken(f"orders of at most {freeze} units close nothing")
    full, rest = divmod(units, freeze)
    return (freeze,) * full + ((rest,) if rest else ())


def _filled(order: Order | None) -> int:
    return 0 if order is None else order.filled_quantity


def _is_dead(order: Order | None, line: Line) -> bool:
    # One whose last executions are on their way is not dead: what it filled would be sent again.
    return order is not None and not order.may_fill and order.filled_quantity < line.quantity
