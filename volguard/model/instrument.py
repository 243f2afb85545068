"""What can be traded: an underlying, an option contract, a direction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import NewType

Underlying = NewType("Underlying", str)


class OptionType(StrEnum):
    """Call or put, in the exchange's words."""

    CALL = "CE"
    PUT = "PE"


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, -1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The side that closes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class ExpiryCycle(StrEnum):
    """Which listing cycle an expiry belongs to."""

    WEEKLY = "W"
    MONTHLY = "M"
    QUARTERLY = "Q"
    HALF_YEARLY = "H"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class OptionContract:
    """One listed option; strike in index points."""

    underlying: Underlying
    expiry: date
    strike: int
    option_type: OptionType

    @property
    def symbol(self) -> str:
        """A name of our own, stable and sortable; never parsed back."""
        return f"{self.underlying} {self.expiry.isoformat()} {self.strike} {self.option_type}"
