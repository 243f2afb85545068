"""What a person approves: how long it stands, and when the market has moved away from it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from volguard.model.proposal import ProposalCard


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalSettings:
    """How long a proposal waits, and how far what it was made on may move, as shares."""

    expires_s: float
    level_move_max: float
    credit_move_max: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise ValueError(f"{name} was {value}, must be above 0")
        for name in ("level_move_max", "credit_move_max"):
            if getattr(self, name) >= 1:
                raise ValueError(f"{name} was {getattr(self, name)}, must be below 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketOfNow:
    """What a card is held against; None: it cannot be told now."""

    level: float | None
    credit_per_unit: float | None
    quality: float | None


def moved_away(
    card: ProposalCard, now: MarketOfNow, settings: ApprovalSettings, quality_min: float
) -> tuple[str, ...]:
    """Every way in which the market is no longer the one that was shown, as shown -> now; empty: it is."""
    told: list[str] = []
    if now.level is None:
        told.append(f"level {card.level:,.2f} -> not available")
    elif abs(now.level / card.level - 1.0) > settings.level_move_max:
        share = now.level / card.level - 1.0
        told.append(
            f"level {card.level:,.2f} -> {now.level:,.2f} ({share:+.2%}, limit {settings.level_move_max:.2%})"
        )
    if now.credit_per_unit is None:
        told.append(f"credit {card.credit_per_unit:.2f} -> a leg is not quoted")
    elif abs(now.credit_per_unit - card.credit_per_unit) > settings.credit_move_max * card.credit_per_unit:
        share = now.credit_per_unit / card.credit_per_unit - 1.0
        told.append(
            f"credit {card.credit_per_unit:.2f} -> {now.credit_per_unit:.2f} "
            f"({share:+.1%}, limit {settings.credit_move_max:.0%})"
        )
    if now.quality is None or now.quality < quality_min:
        seen = "not available" if now.quality is None else f"{now.quality:.2f}"
        told.append(f"data quality -> {seen}, limit {quality_min:.2f}")
    return tuple(told)
