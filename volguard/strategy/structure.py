"""Structures from strikes: which legs, in the field's words, lowest strike first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from volguard.model.book import Leg, StructureKind
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortStrikes:
    """Where the shorts go; None where no strike qualifies."""

    put: int | None
    call: int | None


def structure_legs(
    kind: StructureKind, underlying: Underlying, expiry: date, shorts: ShortStrikes, width: int
) -> tuple[Leg, ...] | None:
    """Legs of a defined-risk structure with wings `width` points beyond the shorts; None without a strike."""
    wants_puts = kind in (StructureKind.IRON_CONDOR, StructureKind.BULL_PUT_SPREAD)
    wants_calls = kind in (StructureKind.IRON_CONDOR, StructureKind.BEAR_CALL_SPREAD)
    if (wants_puts and shorts.put is None) or (wants_calls and shorts.call is None):
        return None

    def leg(strike: int, option_type: OptionType, side: Side) -> Leg:
        contract = OptionContract(
            underlying=underlying, expiry=expiry, strike=strike, option_type=option_type
        )
        return Leg(contract=contract, side=side)

    legs: list[Leg] = []
    if wants_puts and shorts.put is not None:
        legs.append(leg(shorts.put - width, OptionType.PUT, Side.BUY))
        legs.append(leg(shorts.put, OptionType.PUT, Side.SELL))
    if wants_calls and shorts.call is not None:
        legs.append(leg(shorts.call, OptionType.CALL, Side.SELL))
        legs.append(leg(shorts.call + width, OptionType.CALL, Side.BUY))
    return tuple(legs)
