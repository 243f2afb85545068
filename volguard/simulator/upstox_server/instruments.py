"""The broker's names of what the market lists: keys, tokens, trading symbols, a slot for each contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.model.instrument import ExpiryCycle, OptionContract, Underlying
from volguard.model.market import IntArray, Listing
from volguard.nse.contracts import Contracts

SEGMENT: Final = "NSE_FO"
INDEX_SEGMENT: Final = "NSE_INDEX"
INDEX_NAMES: Final = {"NIFTY": "Nifty 50", "BANKNIFTY": "Nifty Bank"}
VIX_NAME: Final = "India VIX"
FIRST_TOKEN: Final = 40_001
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
MONTH_DIGITS: Final = "123456789OND"  # of weekly symbols


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One option contract as the broker names it; `slot` is its place in the board's columns."""

    slot: int
    contract: OptionContract
    token: str
    symbol: str
    is_weekly: bool
    lot_size: int
    tick: Decimal
    freeze_quantity: int

    @property
    def key(self) -> str:
        """How requests name it, and rows that carry it."""
        return f"{SEGMENT}|{self.token}"

    @property
    def map_key(self) -> str:
        """How replies of quotes name it."""
        return f"{SEGMENT}:{self.symbol}"

    @property
    def file_symbol(self) -> str:
        """Its trading symbol in the instrument file."""
        contract = self.contract
        return f"{contract.underlying} {contract.strike} {contract.option_type} {file_day(contract.expiry)}"


def file_day(day: date) -> str:
    """A date in a trading symbol of the instrument file: `08 SEP 26`."""
    return f"{day.day:02d} {MONTHS[day.month - 1]} {day.year % 100:02d}"


def symbol_of(contract: OptionContract, *, is_weekly: bool) -> str:
    """Trading symbol of orders and quotes: `NIFTY2543021600PE` of a week, `NIFTY25APR21600PE` of a month."""
    day = contract.expiry
    middle = f"{MONTH_DIGITS[day.month - 1]}{day.day:02d}" if is_weekly else MONTHS[day.month - 1]
    return f"{contract.underlying}{day.year % 100:02d}{middle}{contract.strike}{contract.option_type}"


class Instruments:
    """All contracts that were ever listed today; a slot, once given, stays. Raises DateNotCovered."""

    def __init__(self, contracts: Contracts, underlying: Underlying, day: date) -> None:
        self._contracts, self._day = contracts, day
        self.underlying = underlying
        self.index_key = f"{INDEX_SEGMENT}|{INDEX_NAMES[underlying]}"
        self.vix_key = f"{INDEX_SEGMENT}|{VIX_NAME}"
        self._tick = contracts.tick(underlying, day)
        self._freeze_quantity = contracts.freeze_quantity(underlying, day)
        self._weekly = {
            listed.day for listed in contracts.expiries(underlying, day) if listed.cycle is ExpiryCycle.WEEKLY
        }
        self.rows: list[Instrument] = []
        self._by_contract: dict[OptionContract, Instrument] = {}
        self._by_key: dict[str, Instrument] = {}
        self._slots: list[tuple[Listing, IntArray]] = []

    def slots(self, listing: Listing) -> IntArray:
        """The slot of each row of a listing; contracts that are new get one."""
        for known, slots in self._slots:
            if known is listing:
                return slots
        rows = [self._listed(listing.contract(row)).slot for row in range(len(listing))]
        found = np.array(rows, dtype=np.int64)
        self._slots = [(listing, found), *self._slots[:3]]
        return found

    def of_key(self, key: str) -> Instrument | None:
        """By the broker's key."""
        return self._by_key.get(key)

    def of_contract(self, contract: OptionContract) -> Instrument | None:
        """By the contract."""
        return self._by_contract.get(contract)

    def _listed(self, contract: OptionContract) -> Instrument:
        known = self._by_contract.get(contract)
        if known is not None:
            return known
        slot = len(self.rows)
        is_weekly = contract.expiry in self._weekly
        made = Instrument(
            slot=slot,
            contract=contract,
            token=str(FIRST_TOKEN + slot),
            symbol=symbol_of(contract, is_weekly=is_weekly),
            is_weekly=is_weekly,
            lot_size=self._contracts.lot_size(self.underlying, self._day, contract.expiry),
            tick=self._tick,
            freeze_quantity=self._freeze_quantity,
        )
        self.rows.append(made)
        self._by_contract[contract] = self._by_key[made.key] = made
        return made
