"""Two accounts of one day held against each other: every rupee between them, by cause.

An account is what one way of running the day came to: its decisions, orders, fills and closing marks. Both
P&L figures are sums over fills, so their difference is split order by order, units in the order they filled:

    orders that one alone sent          -> DECISION, with their charges
    executions by orders of others      -> OUTSIDE, with their charges
    units that one alone filled         -> ORDER_SIZE (asked for otherwise) or FILL_QUANTITY
    units that both filled              -> FILL_TIME (at another time) or FILL_PRICE
    charges of orders that both sent    -> CHARGES
    what is held, valued otherwise      -> MARK

Positive is in favour of the other account.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from volguard.model.book import ZERO, Fill, positions_of, realised_pnl_inr
from volguard.model.decision import Decision
from volguard.model.instrument import OptionContract, Side
from volguard.model.order import OrderRequest
from volguard.model.units import money
from volguard.report.trade_result import gross_pnl_inr


class Cause(StrEnum):
    """Why two accounts of a day differ in rupees."""

    DECISION = "decision"
    OUTSIDE = "outside"
    ORDER_SIZE = "order_size"
    FILL_QUANTITY = "fill_quantity"
    FILL_TIME = "fill_time"
    FILL_PRICE = "fill_price"
    CHARGES = "charges"
    MARK = "mark"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """A decision as it is journaled; `seq` is its row, None where there is no journal."""

    seq: int | None
    decision: Decision
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A day as one way of running it came to; `marks` at the close, None where nobody quotes."""

    decisions: tuple[DecisionRow, ...]
    sent: Mapping[str, OrderRequest]
    fills: tuple[Fill, ...]
    marks: Mapping[OptionContract, Decimal | None]

    @property
    def unmarked(self) -> tuple[OptionContract, ...]:
        """Contracts held at the close that have no price."""
        return tuple(p.contract for p in positions_of(self.fills) if self.marks.get(p.contract) is None)

    @property
    def gross_inr(self) -> Decimal | None:
        """Rupees before charges, exact; None without a mark."""
        return gross_pnl_inr(self.fills, self.marks)

    @property
    def realised_inr(self) -> Decimal:
        """Rupees locked in, before charges, exact."""
        return realised_pnl_inr(self.fills)

    @property
    def charges_inr(self) -> Decimal:
        """Rupees, exact."""
        return _charges(self.fills)

    @property
    def net_inr(self) -> Decimal | None:
        """As the day's report has it: gross less charges, each rounded to the paisa."""
        gross = self.gross_inr
        return None if gross is None else money(gross) - money(self.charges_inr)


@dataclass(frozen=True, slots=True, kw_only=True)
class CauseLine:
    """One order's (or position's) part of the difference, exact rupees; `tag` None for a position."""

    cause: Cause
    tag: str | None
    contract: OptionContract
    text: str
    amount_inr: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The difference of two net P&L figures and its causes.

    `difference_inr` is of the figures as reported, `exact_inr` before any rounding.
    """

    difference_inr: Decimal
    exact_inr: Decimal
    lines: tuple[CauseLine, ...]

    @property
    def unexplained_inr(self) -> Decimal:
        """What the causes leave of the exact difference: zero, or the split is wrong."""
        return self.exact_inr - sum((line.amount_inr for line in self.lines), ZERO)

    def amount_inr(self, cause: Cause) -> Decimal:
        """One cause's part, rounded to the paisa."""
        return money(sum((line.amount_inr for line in self.lines if line.cause is cause), ZERO))

    @property
    def rounding_inr(self) -> Decimal:
        """What rounding to the paisa, of the figures and of each cause, leaves of the reported difference."""
        return self.difference_inr - self.unexplained_inr - sum(map(self.amount_inr, Cause), ZERO)


def explain_difference(base: Account, other: Account) -> Explained | None:
    """The other's net P&L less the base's, by cause; None where a held contract of either has no mark."""
    mine, theirs = base.gross_inr, other.gross_inr
    if mine is None or theirs is None or base.net_inr is None or other.net_inr is None:
        return None
    values = _common_values(base, other)
    return Explained(
        difference_inr=other.net_inr - base.net_inr,
        exact_inr=(theirs - other.charges_inr) - (mine - base.charges_inr),
        lines=(*_order_lines(base, other, values), *_mark_lines(base, other, values)),
    )


# One price per contract to value single orders at: what is held at its mark, what is flat anyhow.
def _common_values(base: Account, other: Account) -> dict[OptionContract, Decimal]:
    values = {fill.contract: fill.price for fill in (*other.fills, *base.fills)}
    for account in (base, other):
        for position in positions_of(account.fills):
            mark = account.marks[position.contract]
            if mark is not None:
                values[position.contract] = mark
    return values


def _mark_lines(
    base: Account, other: Account, values: Mapping[OptionContract, Decimal]
) -> Iterator[CauseLine]:
    for account, sign in ((base, -1), (other, 1)):
        for position in positions_of(account.fills):
            mark, common = account.marks[position.contract], values[position.contract]
            if mark is not None and mark != common:
                yield CauseLine(
                    cause=Cause.MARK,
                    tag=None,
                    contract=position.contract,
                    text=f"{position.quantity:+d} held at the close: marked {mark} against {common}",
                    amount_inr=sign * position.quantity * (mark - common),
                )


def _order_lines(
    base: Account, other: Account, values: Mapping[OptionContract, Decimal]
) -> Iterator[CauseLine]:
    mine, theirs = _by_tag(base.fills), _by_tag(other.fills)
    for tag in dict.fromkeys((*base.sent, *mine, *other.sent, *theirs)):
        ours, its = mine.get(tag, ()), theirs.get(tag, ())
        if not ours and not its:
            continue
        ours_asked, its_asked = base.sent.get(tag), other.sent.get(tag)
        if _terms(ours_asked, ours) == _terms(its_asked, its):
            yield from _same_order(tag, ours, its, ours_asked, its_asked, values)
            continue
        cause = Cause.OUTSIDE if ours_asked is None and its_asked is None else Cause.DECISION
        for fills, sign, who in ((ours, -1, "journal"), (its, 1, "other")):
            if fills:
                yield CauseLine(
                    cause=cause,
                    tag=tag,
                    contract=fills[0].contract,
                    text=f"{_traded(fills)}, in the {who} alone",
                    amount_inr=sign * _value(fills, values),
                )


# Two accounts' fills of one order: unit by unit in time order, so that every rupee is exact.
def _same_order(
    tag: str,
    ours: Sequence[Fill],
    its: Sequence[Fill],
    ours_asked: OrderRequest | None,
    its_asked: OrderRequest | None,
    values: Mapping[OptionContract, Decimal],
) -> Iterator[CauseLine]:
    contract, side = (*ours, *its)[0].contract, (*ours, *its)[0].side

    def line(cause: Cause, text: str, amount_inr: Decimal) -> CauseLine:
        return CauseLine(cause=cause, tag=tag, contract=contract, text=text, amount_inr=amount_inr)

    mine, theirs = (_Units(fills) for fills in (ours, its))
    while mine.left and theirs.left:
        units = min(mine.left, theirs.left)
        one, two = mine.fill, theirs.fill
        if one.ts != two.ts or one.price != two.price:
            yield line(
                Cause.FILL_PRICE if one.ts == two.ts else Cause.FILL_TIME,
                f"{side.value} {units} at {_at(one)} against {_at(two)}",
                side.sign * units * (one.price - two.price),
            )
        mine.take(units)
        theirs.take(units)
    asked = ours_asked is not None and its_asked is not None and ours_asked.quantity != its_asked.quantity
    cause = Cause.ORDER_SIZE if asked else Cause.FILL_QUANTITY
    for rest, sign, who in ((mine, -1, "journal"), (theirs, 1, "other")):
        while rest.left:
            fill, units = rest.fill, rest.left
            amount = sign * side.sign * units * (values[contract] - fill.price)
            yield line(cause, f"{side.value} {units} at {_at(fill)}, in the {who} alone", amount)
            rest.take(units)
    charges = _charges(ours) - _charges(its)
    if charges:
        yield line(Cause.CHARGES, f"{_charges(ours)} against {_charges(its)}", charges)


class _Units:
    # The fills of one order, taken apart from the earliest on.
    def __init__(self, fills: Sequence[Fill]) -> None:
        self._fills = [(fill, fill.quantity) for fill in reversed(fills)]

    @property
    def left(self) -> int:
        return self._fills[-1][1] if self._fills else 0

    @property
    def fill(self) -> Fill:
        return self._fills[-1][0]

    def take(self, units: int) -> None:
        fill, left = self._fills.pop()
        if left > units:
            self._fills.append((fill, left - units))


def _by_tag(fills: Iterable[Fill]) -> dict[str, tuple[Fill, ...]]:
    grouped: dict[str, tuple[Fill, ...]] = {}
    for fill in sorted(fills, key=lambda one: one.ts):
        grouped[fill.tag] = (*grouped.get(fill.tag, ()), fill)
    return grouped


def _terms(asked: OrderRequest | None, fills: Sequence[Fill]) -> tuple[bool, OptionContract, Side] | None:
    if asked is not None:
        return True, asked.contract, asked.side
    return (False, fills[0].contract, fills[0].side) if fills else None


def _value(fills: Sequence[Fill], values: Mapping[OptionContract, Decimal]) -> Decimal:
    gross = sum((f.cash_inr + f.side.sign * f.quantity * values[f.contract] for f in fills), ZERO)
    return gross - _charges(fills)


def _charges(fills: Sequence[Fill]) -> Decimal:
    return sum((fill.charges_inr for fill in fills), ZERO)


def _traded(fills: Sequence[Fill]) -> str:
    units = sum(fill.quantity for fill in fills)
    return f"{fills[0].side.value} {units} from {fills[0].ts:%H:%M:%S}"


def _at(fill: Fill) -> str:
    return f"{fill.price} {fill.ts:%H:%M:%S}"
