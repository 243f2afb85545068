"""The account over the days of a backtest: its value, its closed trades, and what was odd on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.backtest.activity import Activity
from volguard.backtest.attribution import Attribution
from volguard.backtest.curve import EquityCurve, curve_of_values
from volguard.backtest.play import PlayedDay, SkippedDay
from volguard.backtest.settlement import Settlement
from volguard.backtest.trades import ClosedTrade
from volguard.model.book import ZERO, Fill, Trade, positions_of
from volguard.model.decision import Action
from volguard.model.instrument import OptionContract, Underlying
from volguard.nse.contracts import Contracts
from volguard.report.refused import ByReason, merged

SETTLED: Final = "settled"


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a day that a reader of the record should know."""

    day: date
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRow:
    """One session of the account in rupees.

    value_inr    net liquidation value at the close; None: a leg had no mark
    margin_inr   the most that was needed at any look; None: not known at one of them
    traded_inr   units times price of the day's fills, as positive amounts
    premium_inr  net premium of each trade's entry and of its exit on the day, as positive amounts
    was_held     whether there was a position at any moment
    """

    day: date
    cash_inr: Decimal
    charges_inr: Decimal
    value_inr: Decimal | None
    margin_inr: float | None
    traded_inr: Decimal
    premium_inr: Decimal
    was_held: bool
    regime: str
    attribution: Attribution


class Ledger:
    """Takes days in order; `contracts` tells when a lot changes while a trade is held."""

    def __init__(self, capital_inr: Decimal, contracts: Contracts, underlying: Underlying) -> None:
        self.capital_inr = capital_inr
        self._contracts, self._underlying = contracts, underlying
        self._cash = capital_inr
        self._number_of: dict[str, str] = {}  # of each trade, by its first fill: a day, and its number on it
        self._regime_of: dict[str, str] = {}
        self._settled_of: dict[str, tuple[Settlement, ...]] = {}
        self._lots: dict[str, int] = {}
        self._closed: set[str] = set()
        self._left: tuple[Trade, ...] = ()  # what the last played day ended with
        self._between = Attribution()  # of days that were left out
        self.sessions: list[SessionRow] = []
        self.trades: list[ClosedTrade] = []
        self.left_out: list[Note] = []
        self.notes: list[Note] = []
        self.decisions: Counter[tuple[str, str]] = Counter()
        self.hashes: list[str] = []
        self.refused: tuple[ByReason, ...] = ()
        self.failed_steps = 0

    def take(self, day: PlayedDay | SkippedDay) -> None:
        """The next day."""
        if isinstance(day, SkippedDay):
            self.left_out.append(Note(day.day, day.reason))
            self._between += day.attribution
            self._cash += day.cash_inr
            self._settle(day.settled, self._left)
            self._close(day.day, self._left)
        else:
            self._take_played(day)

    @property
    def curve(self) -> EquityCurve:
        """Net liquidation value after each session."""
        return self._curve(ZERO)

    def curve_doubted(self, share: float) -> EquityCurve:
        """The same were every premium of an entry or exit worse by `share` of it."""
        return self._curve(Decimal(repr(share)))

    @property
    def activity(self) -> Activity:
        """What was done in each session."""
        return Activity(
            traded_inr=np.array([float(row.traded_inr) for row in self.sessions]),
            held=np.array([row.was_held for row in self.sessions], dtype=np.bool_),
        )

    @property
    def attribution(self) -> Attribution:
        """Of the whole P&L."""
        return sum((row.attribution for row in self.sessions), Attribution())

    @property
    def open_trades(self) -> tuple[Trade, ...]:
        """Trades that the record ends with."""
        return tuple(trade for trade in self._left if trade.fills and _name(trade) not in self._closed)

    def _curve(self, share: Decimal) -> EquityCurve:
        lost, values = ZERO, []
        for row in self.sessions:
            lost += share * row.premium_inr
            values.append(float("nan") if row.value_inr is None else float(row.value_inr - lost))
        return curve_of_values([row.day for row in self.sessions], values, start=float(self.capital_inr))

    def _take_played(self, day: PlayedDay) -> None:
        trades = tuple(trade for trade in day.desk.book.trades if trade.fills)
        for trade in trades:
            self._number_of.setdefault(_name(trade), f"{day.trading_date.isoformat()} {trade.trade_id}")
            self._regime_of.setdefault(_name(trade), day.regime)
            self._watch_lot(day.trading_date, trade)
        for then, now in sorted(day.moved.items()):
            text = f"what was held for {then.isoformat()} expires on {now.isoformat()}: the exchange moved it"
            self.notes.append(Note(day.trading_date, text))
        self._settle(day.settled, trades)
        self._left = trades
        self._close(day.trading_date, trades)
        self._cash += day.cash_inr
        self.decisions.update((one.action.value, _reason(one.action, one.reason)) for one in day.decisions)
        self.hashes.append(day.decisions_hash)
        self.refused = merged((self.refused, day.refused.by_reason))
        self.failed_steps += len(day.failures)
        self.notes += [
            Note(day.trading_date, f"a step failed and trading was halted: {error}")
            for error in dict.fromkeys(day.failures)
        ]
        if day.marks_inr is None:
            self.notes.append(Note(day.trading_date, "a leg that is held has no price at the last look"))
        self.sessions.append(
            SessionRow(
                day=day.trading_date,
                cash_inr=day.cash_inr,
                charges_inr=day.charges_inr,
                value_inr=None if day.marks_inr is None else self._cash + day.marks_inr,
                margin_inr=day.margin_inr,
                traded_inr=sum((abs(fill.cash_inr) for fill in day.fills), ZERO),
                premium_inr=_premium(day.fills, trades),
                was_held=bool(day.held or day.fills or day.settled),
                regime=day.regime,
                attribution=day.attribution + self._between,
            )
        )
        self._between = Attribution()

    def _watch_lot(self, day: date, trade: Trade) -> None:
        held = positions_of(trade.fills)
        expiries = sorted({p.contract.expiry for p in held if p.contract.expiry >= day})
        for expiry in expiries:
            lot = self._contracts.lot_size(self._underlying, day, expiry)
            known = self._lots.get(_name(trade), trade.lot_size)
            if lot != known:
                text = (
                    f"a lot of {expiry.isoformat()} is {lot} units now, was {known}, while a "
                    f"{trade.structure.value} of {trade.units} units is held"
                )
                self.notes.append(Note(day, text))
            self._lots[_name(trade)] = lot

    def _settle(self, settled: Sequence[Settlement], trades: Sequence[Trade]) -> None:
        # The exchange settles the net of each contract; each trade is given its own part of it.
        for one in settled:
            shares = [
                (trade, p.quantity)
                for trade in trades
                for p in positions_of(trade.fills)
                if p.contract == one.contract and _name(trade) not in self._closed
            ]
            longs = sum(units for _, units in shares if units > 0)
            for trade, units in shares:
                name = _name(trade)
                part = one.charges_inr * max(units, 0) / longs if longs else ZERO
                mine = replace(one, quantity=units, charges_inr=part)
                self._settled_of[name] = (*self._settled_of.get(name, ()), mine)

    def _close(self, day: date, trades: Sequence[Trade]) -> None:
        for trade in trades:
            name = _name(trade)
            if name in self._closed or any(p.contract.expiry > day for p in positions_of(trade.fills)):
                continue
            self._closed.add(name)
            settled = self._settled_of.get(name, ())
            self.trades.append(
                ClosedTrade(
                    trade_id=self._number_of[name],
                    opened_on=trade.fills[0].ts.date(),
                    closed_on=day,
                    gross_inr=trade.cash_inr + sum((one.cash_inr for one in settled), ZERO),
                    charges_inr=trade.charges_inr + sum((one.charges_inr for one in settled), ZERO),
                    traded_inr=sum((abs(fill.cash_inr) for fill in trade.fills), ZERO),
                    regime=self._regime_of[name],
                    bucket=trade.bucket.value,
                    structure=trade.structure.value,
                    exit_reason=trade.exit_reason or SETTLED,
                    fills=trade.fills,
                    settled=settled,
                )
            )


def _name(trade: Trade) -> str:
    # Trades are numbered anew each day; their first fill stays what it is.
    return trade.fills[0].fill_id


def _reason(action: Action, reason: str) -> str:
    # An exit's reason begins with its rule; the figures behind it differ from day to day.
    return reason if action is not Action.EXIT else reason.split(":")[0]


def _premium(fills: Sequence[Fill], trades: Sequence[Trade]) -> Decimal:
    """Size of the net premium of each trade's fills of a day, entries and exits apart."""
    today = {fill.fill_id for fill in fills}
    return sum((abs(sum(cash, ZERO)) for trade in trades for cash in _sides(trade, today)), ZERO)


def _sides(trade: Trade, today: set[str]) -> Iterator[list[Decimal]]:
    entry: list[Decimal] = []
    leave: list[Decimal] = []
    sides: dict[OptionContract, object] = {leg.contract: leg.side for leg in trade.legs}
    for fill in trade.fills:
        if fill.fill_id in today:
            (entry if sides.get(fill.contract) is fill.side else leave).append(fill.cash_inr)
    yield entry
    yield leave
