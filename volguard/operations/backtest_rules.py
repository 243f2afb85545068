"""The exchange's rules for days that are over, bounded on the safe side where they are not known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from volguard.config.settings import Settings
from volguard.nse.contracts import FreezeRow
from volguard.nse.rules import Rules
from volguard.wiring import past_rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRules:
    """Rules of past days; `unknown` freeze quantities were bounded."""

    rules: Rules
    unknown: tuple[FreezeRow, ...]

    def said(self, days: tuple[date, ...]) -> list[str]:
        """What a report must say of the bounds that the days rest on."""
        if not days:
            return []
        told = []
        for row in self.unknown:
            last = row.valid_to or days[-1]
            if row.valid_from <= days[-1] and last >= days[0]:
                told.append(
                    f"freeze quantities of {row.underlying} until {last.isoformat()} are not known: orders "
                    "are cut at the smallest of the exchange's steps, so charges are too high if anything"
                )
        return told


def past_rules(settings: Settings) -> PastRules:
    """The dated rules, freeze quantities that nobody knows bounded by the smallest step."""
    contracts = settings.contracts
    traded = settings.market.underlying
    return PastRules(
        rules=past_rules_of(settings),
        unknown=tuple(row for row in contracts.freeze if row.units is None and row.underlying == traded),
    )
