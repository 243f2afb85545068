"""A structure of listed legs in whole lots on one snapshot, and what it is at its first expiry."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from volguard.config.settings import Settings
from volguard.measure.first_expiry import FirstExpiry, LaterLeg
from volguard.measure.market_view import MarketView
from volguard.model.book import Leg, StructureKind
from volguard.model.errors import UsageError
from volguard.model.instrument import OptionType, Side
from volguard.model.units import units_of
from volguard.nse.rules import Rules
from volguard.pricing.surface import Surface
from volguard.strategy.legs_text import LegLine, unit_legs
from volguard.wiring import rules_of

LOTS_MAX: Final = 10_000
# Type and sign of the legs from the lowest strike up (a put before a call of its strike), ratio 1 each.
NAMES: Final[Mapping[tuple[tuple[str, int], ...], str]] = {
    (("PE", 1), ("PE", -1), ("CE", -1), ("CE", 1)): StructureKind.IRON_CONDOR,
    (("PE", 1), ("PE", -1)): StructureKind.BULL_PUT_SPREAD,
    (("CE", -1), ("CE", 1)): StructureKind.BEAR_CALL_SPREAD,
    (("PE", -1), ("CE", -1)): StructureKind.SHORT_STRANGLE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """`legs` of one unit; `first`: position of the first expiry in the listing.

    `at_expiry` is None, with the `reason`, where the smile of a leg that lives on is not known.
    """

    view: MarketView
    rules: Rules
    lines: tuple[LegLine, ...]
    legs: tuple[Leg, ...]
    lots: int
    lot_size: int
    first: int
    at_expiry: FirstExpiry | None
    reason: str | None

    @property
    def units(self) -> int:
        """Units of the underlying of a leg of ratio one."""
        return units_of(self.lots, self.lot_size)

    @property
    def discount(self) -> float:
        """Discount factor to the first expiry."""
        return float(self.view.forwards.discount[self.first])

    @property
    def expired(self) -> tuple[Leg, ...]:
        """Legs of one unit that expire first."""
        expiry = self.view.listing.expiries[self.first]
        return tuple(leg for leg in self.legs if leg.contract.expiry == expiry)


def structure_of(
    view: MarketView, lines: tuple[LegLine, ...], lots: int, surface: Surface, settings: Settings
) -> Structure:
    """Build it.

    Raises UsageError on lots outside 1 .. LOTS_MAX or different lot sizes, DateNotCovered off the tables.
    """
    check_lots(lots)
    rules = rules_of(settings)
    lot_size = common_lot_size(view, lines, rules)
    first = view.listing.expiries.index(min(line.leg.contract.expiry for line in lines))
    at_expiry = _at_first_expiry(view, unit_legs(lines), first, surface)
    return Structure(
        view=view,
        rules=rules,
        lines=lines,
        legs=unit_legs(lines),
        lots=lots,
        lot_size=lot_size,
        first=first,
        at_expiry=None if isinstance(at_expiry, str) else at_expiry,
        reason=at_expiry if isinstance(at_expiry, str) else None,
    )


def check_lots(lots: int) -> None:
    """Raises UsageError on a number of lots that no order is for."""
    if not 1 <= lots <= LOTS_MAX:
        raise UsageError(f"--lots was {lots}, must be 1 to {LOTS_MAX}")


def common_lot_size(view: MarketView, lines: tuple[LegLine, ...], rules: Rules) -> int:
    """The lot size of every leg. Raises UsageError when they differ, DateNotCovered off the tables."""
    day, underlying = view.ts.date(), view.listing.underlying
    expiries = sorted({line.leg.contract.expiry for line in lines})
    sizes = {expiry: rules.contracts.lot_size(underlying, day, expiry) for expiry in expiries}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{size} for {expiry.isoformat()}" for expiry, size in sizes.items())
        raise UsageError(f"legs have different lot sizes ({told}): they are no structure of equal units")
    return sizes[expiries[0]]


def _at_first_expiry(
    view: MarketView, legs: tuple[Leg, ...], first: int, surface: Surface
) -> FirstExpiry | str:
    listing, forwards = view.listing, view.forwards
    expiry, forward = listing.expiries[first], float(forwards.forward[first])
    later: list[LaterLeg] = []
    for leg in legs:
        i = listing.expiries.index(leg.contract.expiry)
        if i == first:
            continue
        one = LaterLeg(
            leg=leg,
            sigma=float(surface.expiry_sigma(float(leg.contract.strike), i)),
            years=float(view.years[i] - view.years[first]),
            carry=float(forwards.forward[i]) / forward,
        )
        if not all(map(math.isfinite, (one.sigma, one.years, one.carry))):
            return f"the leg {leg.contract.symbol} lives on, and its smile or forward is not known"
        later.append(one)
    expired = tuple(leg for leg in legs if leg.contract.expiry == expiry)
    return FirstExpiry(forward=forward, expired=expired, later=tuple(later))


def structure_name(lines: Sequence[LegLine]) -> str | None:
    """The field's word for the legs, None where there is none."""
    contracts = [line.leg.contract for line in lines]
    if any(line.count > 1 for line in lines):
        return None
    if len({contract.expiry for contract in contracts}) > 1:
        return _name_over_time(lines)
    upward = sorted(
        lines, key=lambda line: (line.leg.contract.strike, line.leg.contract.option_type is OptionType.CALL)
    )
    shape = tuple((line.leg.contract.option_type.value, line.leg.side.sign) for line in upward)
    name = NAMES.get(shape)
    strikes = {contract.strike for contract in contracts}
    if name == StructureKind.IRON_CONDOR and len(strikes) == 3:
        return str(StructureKind.NEUTRAL_IRON_CONDOR)
    if name == StructureKind.SHORT_STRANGLE and len(strikes) == 1:
        return "SHORT_STRADDLE"
    return None if name is None else str(name)


def _name_over_time(lines: Sequence[LegLine]) -> str | None:
    # The leg that is sold ends first: the other way round a short lives on, and that has no name here.
    if len(lines) != 2:
        return None
    near, far = (line.leg for line in sorted(lines, key=lambda line: line.leg.contract.expiry))
    is_one_type = near.contract.option_type is far.contract.option_type
    if not is_one_type or near.side is not Side.SELL or far.side is not Side.BUY:
        return None
    is_one_strike = near.contract.strike == far.contract.strike
    return str(StructureKind.CALENDAR_SPREAD if is_one_strike else StructureKind.DIAGONAL_SPREAD)


def row_of(view: MarketView, leg: Leg) -> int:
    """Row of a leg in the snapshot. Raises UsageError when it is not listed."""
    row = view.row(leg.contract)
    if row is None:
        raise UsageError(f"{leg.contract.symbol} is not listed in the snapshot")
    return row
