"""What the exchange pays on the day an option expires: its intrinsic value at the official close.

Never the last tick: the final settlement price is the index's closing value of the day (NSE Clearing). The
holder of an option in the money pays STT on its exercise, its writer none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from volguard.model.book import ZERO, Position
from volguard.model.instrument import OptionContract, OptionType
from volguard.nse.charges import Charges


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """One position settled: signed units as held, rupees per unit paid to its holder, STT in rupees."""

    contract: OptionContract
    quantity: int
    intrinsic: Decimal
    charges_inr: Decimal

    @property
    def cash_inr(self) -> Decimal:
        """Rupees received (a long in the money) or paid (a short, negative), before charges."""
        return self.quantity * self.intrinsic


def settle(
    positions: Iterable[Position], day: date, final_level: Decimal, charges: Charges
) -> tuple[Settlement, ...]:
    """The positions that expire on a day, settled at the index's official close, in the order given.

    Raises ValueError for a level that is none, DateNotCovered off the table of charges.
    """
    if not final_level.is_finite() or final_level <= 0:
        raise ValueError(f"final level of {day.isoformat()} was {final_level}, must be above 0")
    return tuple(
        _settled(position, final_level, charges)
        for position in positions
        if position.contract.expiry == day and position.quantity
    )


def intrinsic_at(contract: OptionContract, level: Decimal) -> Decimal:
    """Rupees a unit that a contract is in the money."""
    beyond = level - contract.strike
    return max(ZERO, beyond if contract.option_type is OptionType.CALL else -beyond)


def _settled(position: Position, final_level: Decimal, charges: Charges) -> Settlement:
    contract = position.contract
    intrinsic = intrinsic_at(contract, final_level)
    tax = ZERO
    if intrinsic > 0 and position.quantity > 0:
        tax = charges.for_exercise(
            expiry=contract.expiry, quantity=position.quantity, intrinsic=intrinsic, settlement=final_level
        ).total
    return Settlement(contract=contract, quantity=position.quantity, intrinsic=intrinsic, charges_inr=tax)
