"""The end of a day in figures: our charges and our change of cash against the broker's, each with its reason.

What the broker does not tell is not available: it is never guessed, and it is no agreement either. A figure
that it was asked for and did not answer is unread: later it may be had.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

from volguard.execution.reconcile import Difference, DifferenceKind
from volguard.model.book import Fill
from volguard.model.broker import CashOfDay
from volguard.model.instrument import OptionContract, Side
from volguard.model.units import PAISA, money

# Seven lines of charges, each rounded to the paisa by the broker and by nobody here, and the mean price.
CHARGES_TOLERANCE_INR: Final = Decimal("0.05")  # per order
# The contract note rounds tax and stamp duty to whole rupees, half a rupee each, other lines to the paisa.
FUNDS_TOLERANCE_INR: Final = Decimal("1.10")
NOT_AVAILABLE: Final = "not available"


class Verdict(StrEnum):
    """How a figure of ours stands against the broker's."""

    AGREES = "agrees"
    DIFFERS = "differs"
    NOT_AVAILABLE = "not_available"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayFigure:
    """One figure of the day, rupees; None: that side does not know it, for the reason given.

    `is_unread`: the broker has it, and the question failed; else what is not known is so by its nature.
    """

    kind: DifferenceKind
    subject: str
    ours_inr: Decimal | None
    theirs_inr: Decimal | None
    tolerance_inr: Decimal
    reason: str
    is_unread: bool = False

    @property
    def verdict(self) -> Verdict:
        """Within the tolerance, beyond it, or not to be judged."""
        if self.ours_inr is None or self.theirs_inr is None:
            return Verdict.NOT_AVAILABLE
        is_near = abs(self.ours_inr - self.theirs_inr) <= self.tolerance_inr
        return Verdict.AGREES if is_near else Verdict.DIFFERS


@dataclass(frozen=True, slots=True, kw_only=True)
class FilledOrder:
    """What one order traded in a day: units, their mean price, what we booked as its charges."""

    tag: str
    contract: OptionContract
    fills: tuple[Fill, ...]

    @property
    def quantity(self) -> int:
        """Units."""
        return sum(fill.quantity for fill in self.fills)

    @property
    def mean_price(self) -> Decimal:
        """Rupees per unit, to four places."""
        value = sum((fill.quantity * fill.price for fill in self.fills), Decimal(0))
        return (value / self.quantity).quantize(Decimal("0.0001"))

    @property
    def charges_inr(self) -> Decimal:
        """Rupees, as booked."""
        return sum((fill.charges_inr for fill in self.fills), Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class BilledOrder:
    """An order beside the broker's charges for it, None where they could not be had, for the reason given.

    `is_unread`: the question failed.
    """

    order: FilledOrder
    theirs_inr: Decimal | None
    reason: str = ""
    is_unread: bool = False


def filled_orders(
    fills: Iterable[Fill], order_ids: Mapping[str, str] | None = None
) -> tuple[FilledOrder, ...]:
    """The fills of a day by order, sorted by tag.

    Orders that were not ours share the tag of where they were heard of: `order_ids`, the broker's number of
    the order by that of its execution, tells them apart.
    """
    known = order_ids or {}
    by_order: dict[tuple[str, str, OptionContract, Side], list[Fill]] = {}
    for fill in fills:
        order = fill.tag, known.get(fill.fill_id, ""), fill.contract, fill.side
        by_order.setdefault(order, []).append(fill)
    return tuple(
        FilledOrder(tag=tag, contract=contract, fills=tuple(held))
        for (tag, _, contract, _), held in sorted(by_order.items())
    )


def charges_of_contracts(orders: Sequence[BilledOrder]) -> tuple[DayFigure, ...]:
    """Charges per contract and, where all of them are known, of the whole day."""
    by_contract: dict[OptionContract, list[BilledOrder]] = {}
    for billed in orders:
        by_contract.setdefault(billed.order.contract, []).append(billed)
    figures = [_charges(contract.symbol, held) for contract, held in sorted(by_contract.items())]
    return (*figures, _charges("all contracts", orders)) if orders else ()


def change_of_cash(
    fills: Sequence[Fill], cash: CashOfDay | None, unknown: str, *, is_unread: bool = False
) -> DayFigure:
    """Premiums less charges of the day against the change of the broker's cash.

    `unknown`: why the broker's figure cannot stand for ours; empty where it can. `is_unread`: a question to
    the broker failed.
    """
    ours = sum((fill.cash_inr - fill.charges_inr for fill in fills), Decimal(0))
    theirs = None if cash is None or unknown else cash.change_inr
    why = unknown or "the broker does not say what the day began with"
    if theirs is not None:
        why = "ours: premiums less charges; theirs: cash free and in margin, less its opening and pay-ins"
    return DayFigure(
        kind=DifferenceKind.FUNDS,
        subject="change of cash",
        ours_inr=money(ours),
        theirs_inr=theirs,
        tolerance_inr=FUNDS_TOLERANCE_INR,
        reason=why,
        is_unread=is_unread,
    )


def differing(figures: Iterable[DayFigure]) -> Iterator[Difference]:
    """Figures beyond their tolerance, as differences."""
    for figure in figures:
        if figure.verdict is Verdict.DIFFERS:
            yield Difference(
                kind=figure.kind,
                subject=figure.subject,
                ours=inr_text(figure.ours_inr),
                theirs=inr_text(figure.theirs_inr),
                reason=f"more than {figure.tolerance_inr} rupees apart; {figure.reason}",
            )


def inr_text(amount: Decimal | None) -> str:
    """Rupees to the paisa as text."""
    return NOT_AVAILABLE if amount is None else f"{amount.quantize(PAISA):f}"


def _charges(subject: str, orders: Sequence[BilledOrder]) -> DayFigure:
    missing = [billed for billed in orders if billed.theirs_inr is None]
    missing.sort(key=lambda billed: not billed.is_unread)  # what may be had later is said first
    theirs = None if missing else sum((billed.theirs_inr or Decimal(0) for billed in orders), Decimal(0))
    count = f"{len(orders)} order{'s' if len(orders) > 1 else ''}"
    return DayFigure(
        kind=DifferenceKind.CHARGES,
        subject=subject,
        ours_inr=money(sum((billed.order.charges_inr for billed in orders), Decimal(0))),
        theirs_inr=theirs,
        tolerance_inr=CHARGES_TOLERANCE_INR * len(orders),
        reason=missing[0].reason if missing else f"{count}, by the broker's calculator",
        is_unread=any(billed.is_unread for billed in missing),
    )
