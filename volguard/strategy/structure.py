"""Structures from strikes: which legs, in the field's words, lowest strike first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from volguard.model.book import Leg, StructureKind
from volguard.model.instrument import OptionContract, OptionType, Side, Underlying

CONDORS: Final = frozenset(
    {StructureKind.IRON_CONDOR, StructureKind.DEFENSIVE_IRON_CONDOR, StructureKind.NEUTRAL_IRON_CONDOR}
)
WITH_PUTS: Final = CONDORS | {StructureKind.BULL_PUT_SPREAD}
WITH_CALLS: Final = CONDORS | {StructureKind.BEAR_CALL_SPREAD}


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortStrikes:
    """Where the shorts go; None where no strike qualifies."""

    put: int | None
    call: int | None


def structure_legs(
    kind: StructureKind, underlying: Underlying, expiry: date, shorts: ShortStrikes, width: int
) -> tuple[Leg, ...] | None:
    """Legs of a defined-risk structure with wings `width` points beyond the shorts; None without a strike.

    None as well where the shorts do not fit the structure (an iron fly's stand at one strike, a condor's put
    below its call), and for a kind that is never chosen.
    """
    wants_puts, wants_calls = kind in WITH_PUTS, kind in WITH_CALLS
    if not (wants_puts or wants_calls):
        return None
    if (wants_puts and shorts.put is None) or (wants_calls and shorts.call is None):
        return None
    if kind in CONDORS and not _fits(kind, shorts):
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


def wing_width(legs: Sequence[Leg]) -> int:
    """Points between short and long of the wider wing."""
    by_type: dict[OptionType, list[int]] = {}
    for leg in legs:
        by_type.setdefault(leg.contract.option_type, []).append(leg.contract.strike)
    return max(max(strikes) - min(strikes) for strikes in by_type.values())


def _fits(kind: StructureKind, shorts: ShortStrikes) -> bool:
    if shorts.put is None or shorts.call is None:
        return False
    if kind is StructureKind.NEUTRAL_IRON_CONDOR:
        return shorts.put == shorts.call
    return shorts.put < shorts.call
