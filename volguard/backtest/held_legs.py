"""Every leg that is held, from fill to fill and from close to close: what the P&L between is made of."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from volguard.backtest.attribution import (
    Attribution,
    Execution,
    HeldLeg,
    LegLook,
    attribute,
    look_of,
    settled_look,
)
from volguard.backtest.settlement import Settlement
from volguard.measure.market_view import MarketView
from volguard.measure.touch import closing_price
from volguard.model.book import ZERO, Fill
from volguard.model.instrument import OptionContract

DAYS_PER_YEAR: Final = 365.0


@dataclass(frozen=True, slots=True)
class _Leg:
    units: int
    look: LegLook

    def redated(self, years: float) -> _Leg:
        return replace(self, look=replace(self.look, years=max(self.look.years + years, 0.0)))


class HeldLegs:
    """Legs as they stand, each with its last look; begins with none.

    A leg is marked at its mid; one without a mid at what closing it would bring, a long that nobody bids for
    at nothing. A short that nobody offers has no mark: its change counts once it has one again.
    """

    def __init__(self) -> None:
        self._legs: dict[OptionContract, _Leg] = {}
        self._parts = Attribution()

    def traded(self, view: MarketView, fills: Iterable[Fill]) -> None:
        """Fills that the look of `view` made."""
        for fill in fills:
            mid = _mid(view, fill.contract) or fill.price
            look = look_of(view, fill.contract, mid)
            if look is None:
                raise ValueError(f"{fill.contract.symbol} was filled and is not in the market's list")
            before = self._legs.get(fill.contract)
            held = [] if before is None else [_between(fill.contract, before, look)]
            units = fill.side.sign * fill.quantity
            execution = Execution(
                units=units, price_inr=fill.price, mid_inr=mid, charges_inr=fill.charges_inr
            )
            self._parts += attribute(held, [execution])
            self._put(fill.contract, (0 if before is None else before.units) + units, look)

    def marked(self, view: MarketView, tick: Decimal) -> None:
        """All legs looked at once more, at a day's last look."""
        for contract, leg in list(self._legs.items()):
            price = _mark(view, contract, leg.units, tick)
            look = None if price is None else look_of(view, contract, price)
            if look is not None:
                self._parts += attribute([_between(contract, leg, look)])
                self._put(contract, leg.units, look)

    def settled(self, settlements: Iterable[Settlement], level: Decimal) -> None:
        """Legs that expired, paid at the official close."""
        for one in settlements:
            look = settled_look(one.contract, level)
            self._parts += attribute([_between(one.contract, self._legs[one.contract], look)])
            self._parts += Attribution(costs_inr=-one.charges_inr)
            del self._legs[one.contract]

    def moved(self, renamed: Mapping[date, date]) -> None:
        """Legs whose expiry was moved to another day."""
        self._legs = {
            replace(contract, expiry=now): leg.redated((now - contract.expiry).days / DAYS_PER_YEAR)
            for contract, leg in self._legs.items()
            for now in (renamed.get(contract.expiry, contract.expiry),)
        }

    def told(self) -> Attribution:
        """The parts since this was last asked; their sum is the P&L at the marks."""
        parts, self._parts = self._parts, Attribution()
        return parts

    def _put(self, contract: OptionContract, units: int, look: LegLook) -> None:
        if units:
            self._legs[contract] = _Leg(units, look)
        else:
            self._legs.pop(contract, None)


def marks_inr(
    view: MarketView | None, held: Sequence[tuple[OptionContract, int]], tick: Decimal
) -> Decimal | None:
    """Worth of positions (contract, signed units) as HeldLegs marks them; None where one has no mark."""
    total = ZERO
    for contract, units in held:
        price = None if view is None else _mark(view, contract, units, tick)
        if price is None:
            return None
        total += units * price
    return total


def _between(contract: OptionContract, leg: _Leg, now: LegLook) -> HeldLeg:
    return HeldLeg(contract=contract, units=leg.units, then=leg.look, now=now)


def _mid(view: MarketView, contract: OptionContract) -> Decimal | None:
    row = view.row(contract)
    mid = math.nan if row is None else float(view.mid[row])
    return Decimal(repr(mid)) if math.isfinite(mid) else None


def _mark(view: MarketView, contract: OptionContract, units: int, tick: Decimal) -> Decimal | None:
    mid = _mid(view, contract)
    if mid is not None or view.row(contract) is None:
        return mid
    closing = closing_price(view, contract, units, tick)
    return ZERO if closing is None and units > 0 else closing
