"""One trade as the report shows it: legs with average prices, entry, exit, P&L, payoff at expiry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import numpy as np

from volguard.measure.payoff import breakevens, payoff_at
from volguard.model.book import ZERO, Fill, Leg, Trade, positions_of
from volguard.model.instrument import OptionContract
from volguard.model.market import FloatArray
from volguard.model.units import money

Marks = Mapping[OptionContract, Decimal | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class LegResult:
    """One leg: units bought or sold on the way in and out at average prices; None before any fill."""

    leg: Leg
    entry_quantity: int
    entry_price: Decimal | None
    exit_quantity: int
    exit_price: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeResult:
    """One trade; `gross_inr` and `net_inr` are None when a contract it holds has no mark.

    `entry_ts` is the first entry fill, None before it; `exit_ts` the close, None while the trade lives.
    """

    trade: Trade
    legs: tuple[LegResult, ...]
    entry_ts: datetime | None
    exit_ts: datetime | None
    entry_cash_inr: Decimal
    exit_cash_inr: Decimal
    entry_charges_inr: Decimal
    charges_inr: Decimal
    gross_inr: Decimal | None

    @property
    def net_inr(self) -> Decimal | None:
        """Gross less charges, of the rounded figures."""
        return None if self.gross_inr is None else self.gross_inr - self.charges_inr


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Payoff:
    """P&L at expiry in rupees, net of entry charges; `levels` and `pnl_inr` have shape (points,)."""

    levels: FloatArray
    pnl_inr: FloatArray
    breakevens: tuple[float, ...]


def trade_result(trade: Trade, marks: Marks) -> TradeResult:
    """The figures of one trade at these closing prices."""
    entries, exits = _entries_of(trade), _exits_of(trade)
    gross = gross_pnl_inr(trade.fills, marks)
    closed = not trade.state.is_live
    return TradeResult(
        trade=trade,
        legs=tuple(_leg_result(leg, entries, exits) for leg in trade.legs),
        entry_ts=entries[0].ts if entries else None,
        exit_ts=trade.closed_at if closed else None,
        entry_cash_inr=sum((fill.cash_inr for fill in entries), ZERO),
        exit_cash_inr=sum((fill.cash_inr for fill in exits), ZERO),
        entry_charges_inr=sum((fill.charges_inr for fill in entries), ZERO),
        charges_inr=money(trade.charges_inr),
        gross_inr=None if gross is None else money(gross),
    )


def gross_pnl_inr(fills: Iterable[Fill], marks: Marks) -> Decimal | None:
    """Cash of the fills plus what is still held at its closing price, exact; None without a mark."""
    fills = tuple(fills)
    total = sum((fill.cash_inr for fill in fills), ZERO)
    for position in positions_of(fills):
        mark = marks.get(position.contract)
        if mark is None:
            return None
        total += position.quantity * mark
    return total


def payoff_of(result: TradeResult, level: float | None) -> Payoff | None:
    """P&L at expiry of what was entered, over a range that holds strikes, breakevens and the level.

    None while any leg is not filled completely, or where legs expire on different days.
    """
    trade = result.trade
    complete = all(leg.entry_quantity == trade.units for leg in result.legs)
    if not complete or len({leg.contract.expiry for leg in trade.legs}) != 1:
        return None
    credit = float(result.entry_cash_inr - result.entry_charges_inr) / trade.units
    points = breakevens(trade.legs, credit)
    strikes = sorted({float(leg.contract.strike) for leg in trade.legs})
    low, high = _range((*strikes, *points, *(() if level is None else (level,))))
    knots = np.array([low, *(at for at in sorted({*strikes, *points}) if low < at < high), high])
    return Payoff(
        levels=knots, pnl_inr=(payoff_at(trade.legs, knots) + credit) * trade.units, breakevens=points
    )


def _range(anchors: tuple[float, ...]) -> tuple[float, float]:
    low, high = min(anchors), max(anchors)
    margin = 0.12 * (high - low) or 0.02 * high
    return low - margin, high + margin


def _entries_of(trade: Trade) -> tuple[Fill, ...]:
    ways_in = {(leg.contract, leg.side) for leg in trade.legs}
    return tuple(fill for fill in trade.fills if (fill.contract, fill.side) in ways_in)


def _exits_of(trade: Trade) -> tuple[Fill, ...]:
    ways_in = {(leg.contract, leg.side) for leg in trade.legs}
    return tuple(fill for fill in trade.fills if (fill.contract, fill.side) not in ways_in)


def _leg_result(leg: Leg, entries: tuple[Fill, ...], exits: tuple[Fill, ...]) -> LegResult:
    entry_quantity, entry_price = _average(fill for fill in entries if fill.contract == leg.contract)
    exit_quantity, exit_price = _average(fill for fill in exits if fill.contract == leg.contract)
    return LegResult(
        leg=leg,
        entry_quantity=entry_quantity,
        entry_price=entry_price,
        exit_quantity=exit_quantity,
        exit_price=exit_price,
    )


def _average(fills: Iterable[Fill]) -> tuple[int, Decimal | None]:
    quantity, cost = 0, ZERO
    for fill in fills:
        quantity, cost = quantity + fill.quantity, cost + fill.quantity * fill.price
    return quantity, cost / quantity if quantity else None
