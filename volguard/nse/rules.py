"""The exchange's rules in one value: calendar, contracts, charges, margin, built from their dated tables."""

from __future__ import annotations

from dataclasses import dataclass

from volguard.nse.calendar import Calendar, CalendarTables
from volguard.nse.charges import Charges, ChargeTables
from volguard.nse.contracts import Contracts, ContractTables
from volguard.nse.margin_rules import MarginRules, MarginTables


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rules:
    """All dated rules; every look-up outside its table raises DateNotCovered."""

    calendar: Calendar
    contracts: Contracts
    charges: Charges
    margin: MarginRules


def make_rules(
    calendar: CalendarTables, contracts: ContractTables, charges: ChargeTables, margin: MarginTables
) -> Rules:
    """Build the rules from their tables."""
    days = Calendar(calendar)
    return Rules(
        calendar=days,
        contracts=Contracts(contracts, days),
        charges=Charges(charges),
        margin=MarginRules(margin),
    )
