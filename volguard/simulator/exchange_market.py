"""What the simulator's exchange sees of the market: the touch in force, sizes left of it, price bands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from volguard.model.instrument import OptionContract, Side
from volguard.model.market import ChainSnapshot
from volguard.model.units import PAISA, tick_above, tick_below, tick_price

PERCENT: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """Best prices and shown sizes of one contract; None where nobody quotes."""

    bid: Decimal | None
    bid_quantity: int
    ask: Decimal | None
    ask_quantity: int
    last: Decimal | None

    def price_for(self, side: Side) -> Decimal | None:
        """What an order of a side would trade at."""
        return self.ask if side is Side.BUY else self.bid

    def size_for(self, side: Side) -> int:
        """Units shown to an order of a side."""
        return self.ask_quantity if side is Side.BUY else self.bid_quantity

    @property
    def reference(self) -> Decimal | None:
        """What bands are measured from: mid, or the last price where a side is missing."""
        if self.bid is not None and self.ask is not None:
            return (self.bid + self.ask) / 2
        return self.last


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBand:
    """How far from the reference a limit may lie: a share of it, or rupees where it is low."""

    share: float = 0.40
    low_inr: float = 20.0
    switch_inr: float = 50.0

    def around(self, reference: Decimal, tick: Decimal) -> tuple[Decimal, Decimal]:
        """Lowest and highest price taken, both on the tick."""
        middle = float(reference)
        reach = self.low_inr if middle <= self.switch_inr else self.share * middle
        return max(tick_above(max(middle - reach, 0.0), tick), tick), tick_below(middle + reach, tick)


class MarketInForce:
    """The last snapshot, and what orders have taken of the sizes that it showed."""

    def __init__(self) -> None:
        self.snapshot: ChainSnapshot | None = None
        self._taken: dict[tuple[OptionContract, Side], int] = {}
        self._touches: dict[OptionContract, Touch | None] = {}  # of this snapshot, as they were asked for

    def show(self, snapshot: ChainSnapshot) -> None:
        """A new snapshot: all its sizes are there to be taken."""
        self.snapshot = snapshot
        self._taken, self._touches = {}, {}

    def touch(self, contract: OptionContract) -> Touch | None:
        """The touch of a contract; None when it is not listed, or nothing was shown yet."""
        if contract not in self._touches:
            self._touches[contract] = self._read(contract)
        return self._touches[contract]

    def size_left(self, contract: OptionContract, side: Side, touch: Touch) -> int:
        """Units of the touch that no order has taken."""
        return touch.size_for(side) - self._taken.get((contract, side), 0)

    def take(self, contract: OptionContract, side: Side, quantity: int) -> None:
        """Units are gone until the next snapshot."""
        self._taken[contract, side] = self._taken.get((contract, side), 0) + quantity

    def _read(self, contract: OptionContract) -> Touch | None:
        shot = self.snapshot
        row = shot.listing.row(contract) if shot is not None else None
        if shot is None or row is None:
            return None
        return Touch(
            bid=_price(float(shot.bid[row])),
            bid_quantity=int(shot.bid_qty[row]),
            ask=_price(float(shot.ask[row])),
            ask_quantity=int(shot.ask_qty[row]),
            last=_price(float(shot.ltp[row])),
        )


def protected_limit(touch: Touch, side: Side, percent: float, tick: Decimal) -> Decimal | None:
    """The limit that a market order gets: the touch, and so many percent beyond; None without a touch."""
    best = touch.price_for(side)
    if best is None:
        return None
    far = float(best) * (1.0 + side.sign * percent / PERCENT)
    return tick_below(far, tick) if side is Side.BUY else max(tick_above(far, tick), tick)


def _price(price: float) -> Decimal | None:
    return tick_price(price, PAISA) if math.isfinite(price) and price > 0.0 else None
