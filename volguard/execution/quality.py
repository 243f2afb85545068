"""Execution quality: what an order cost against the market that it was decided on, and how long it took.

Slippage is signed, in rupees: positive was paid against us. It is measured from the mid at arrival, that of
the last look before the order left, and only on what was filled. Slippage and the value of the fills at that
mid add up to the cash paid, exactly.

The model is what the cost test of an entry charges: half the spread at arrival, which crossing at once would
have paid. Slippage over the model is what a fill paid beyond that: zero at the touch that was decided on,
negative where the patience of the ladder was rewarded, positive where the market ran away meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from statistics import median
from typing import Final, TypeVar

from volguard.model.book import ZERO, Fill
from volguard.model.order import OrderRequest, OrderState, Urgency
from volguard.model.units import seconds_between

T = TypeVar("T")


class Outcome(StrEnum):
    """How an order ended; WORKING has not, UNKNOWN is not proven to have."""

    FILLED = "FILLED"
    PART = "PART"
    CANCELLED = "CANCELLED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    WORKING = "WORKING"


# DENIED: it never reached the exchange. FILLED: the broker says so and executions are still to be told.
_UNFILLED: Final = {
    OrderState.CANCELLED: Outcome.CANCELLED,
    OrderState.REJECTED: Outcome.REJECTED,
    OrderState.DENIED: Outcome.REJECTED,
    OrderState.UNKNOWN: Outcome.UNKNOWN,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SentOrder:
    """One order that left: as it was first asked for, what it met, what became of it.

    `arrival_mid` and `arrival_half_spread` are in rupees per unit, None when a side was not quoted.
    `price_steps` counts the re-pricings that were sent; `last_urgency` is that of the last one, an exit may
    turn urgent while it rests.
    """

    request: OrderRequest
    sent_at: datetime
    arrival_mid: Decimal | None
    arrival_half_spread: Decimal | None
    state: OrderState
    fills: tuple[Fill, ...]
    price_steps: int
    last_urgency: Urgency

    @property
    def filled_quantity(self) -> int:
        """Units."""
        return sum(fill.quantity for fill in self.fills)

    @property
    def outcome(self) -> Outcome:
        """By its executions first: a late one counts, whatever the last word was."""
        if self.filled_quantity >= self.request.quantity:
            return Outcome.FILLED
        so_far = _UNFILLED.get(self.state, Outcome.WORKING)
        is_over = so_far in (Outcome.CANCELLED, Outcome.REJECTED)
        return Outcome.PART if is_over and self.fills else so_far

    @property
    def average_price(self) -> Decimal | None:
        """Rupees per unit over all fills; None without one."""
        value = sum((fill.quantity * fill.price for fill in self.fills), ZERO)
        return value / self.filled_quantity if self.fills else None

    @property
    def slippage_inr(self) -> Decimal | None:
        """Rupees paid beyond the mid at arrival by all fills, exact; None without a fill or a mid."""
        mid = self.arrival_mid
        if mid is None or not self.fills:
            return None
        return sum((fill.side.sign * fill.quantity * (fill.price - mid) for fill in self.fills), ZERO)

    @property
    def slippage_per_unit(self) -> Decimal | None:
        """Rupees per unit filled."""
        total = self.slippage_inr
        return None if total is None else total / self.filled_quantity

    @property
    def slippage_share(self) -> float | None:
        """Slippage as a share of the mid at arrival."""
        per_unit, mid = self.slippage_per_unit, self.arrival_mid
        return None if per_unit is None or not mid else float(per_unit / mid)

    @property
    def over_model_per_unit(self) -> tuple[Decimal, ...]:
        """Rupees per unit that each fill paid beyond half the spread at arrival; () without a quote there."""
        mid, half = self.arrival_mid, self.arrival_half_spread
        if mid is None or half is None:
            return ()
        return tuple(fill.side.sign * (fill.price - mid) - half for fill in self.fills)

    @property
    def fill_s(self) -> float | None:
        """Seconds from sent to the last fill, by the times that the broker gave; None without a fill."""
        if not self.fills:
            return None
        return seconds_between(self.sent_at, max(fill.ts for fill in self.fills))


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySummary:
    """Many orders together; None wherever nothing was measured.

    Rupees per unit, rupees, shares of the mid, seconds. Worst is the most paid and the longest wait.
    `unmeasured` counts the orders that filled with no mid at arrival: no slippage figure holds them.
    """

    orders: int
    filled_share: float | None  # of the units ordered
    slippage_median: Decimal | None
    slippage_worst: Decimal | None
    share_median: float | None
    share_worst: float | None
    slippage_inr: Decimal | None
    fill_s_median: float | None
    fill_s_worst: float | None
    unmeasured: int


def summary_of(orders: Sequence[SentOrder]) -> QualitySummary:
    """The figures of all these orders."""
    asked = sum(order.request.quantity for order in orders)
    per_unit = _known(order.slippage_per_unit for order in orders)
    shares = _known(order.slippage_share for order in orders)
    totals = _known(order.slippage_inr for order in orders)
    times = _known(order.fill_s for order in orders)
    return QualitySummary(
        orders=len(orders),
        filled_share=sum(order.filled_quantity for order in orders) / asked if asked else None,
        slippage_median=median(per_unit) if per_unit else None,
        slippage_worst=max(per_unit, default=None),
        share_median=median(shares) if shares else None,
        share_worst=max(shares, default=None),
        slippage_inr=sum(totals, ZERO) if totals else None,
        fill_s_median=median(times) if times else None,
        fill_s_worst=max(times, default=None),
        unmeasured=sum(bool(order.fills) and order.arrival_mid is None for order in orders),
    )


def by_urgency(orders: Sequence[SentOrder]) -> dict[Urgency, QualitySummary]:
    """A summary per urgency that orders were decided with, patient ones first; none without an order."""
    groups = {urgency: [one for one in orders if one.request.urgency is urgency] for urgency in Urgency}
    return {urgency: summary_of(group) for urgency, group in groups.items() if group}


def _known(values: Iterable[T | None]) -> list[T]:
    return [value for value in values if value is not None]
