"""The account over the days of a backtest: its value, its closed trades, and what was odd on the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.backtest.activity import Activity
from volguard.backtest.attribution import Attribution
from volguard.backtest.curve import EquityCurve, curve_of_values
from volguard.backtest.play import PlayedDay, SkippedDay
from volguard.backtest.settlement import Settlement, intrinsic_at
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
        self._regime_on: dict[date, str] = {}
        self._settled_of: dict[str, tuple[Settlement, ...]] = {}
        self._lots: dict[str, int] = {}
        self._closed: set[str] = set()
        self._left: tuple[Trade, ...] = ()  # what the last played day ended with
        self._between = Attribution()  # of days that were left out, until the next session tells of them
        self._between_cash, self._between_charges = ZERO, ZERO
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
            self._take_skipped(day)
        else:
            self._take_played(day)

    def finish(self) -> None:
        """The record is over: what days left out at its end settled is the last session's."""
        if self.sessions and self._between != Attribution():
            last = self.sessions[-1]
            value = None if last.value_inr is None else last.value_inr + self._between.total_inr
            self.sessions[-1] = replace(
                last,
                cash_inr=last.cash_inr + self._between_cash,
                charges_inr=last.charges_inr + self._between_charges,
                value_inr=value,
                attribution=last.attribution + self._between,
            )
            self._forget_between()

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

    def _take_skipped(self, day: SkippedDay) -> None:
        self.left_out.append(Note(day.day, day.reason))
        self._note_moved(day.day, day.moved)
        self._between += day.attribution
        self._between_cash += day.cash_inr
        self._between_charges += day.charges_inr
        self._cash += day.cash_inr
        if day.desk is not None:
            trades = tuple(trade for trade in day.desk.book.trades if trade.fills)
            self._left = trades
            self._settle(day.day, day.settled, day.final_level, trades)
            self._close(day.day, trades)

    def _note_moved(self, day: date, moved: Mapping[date, date]) -> None:
        for then, now in sorted(moved.items()):
            text = f"what was held for {then.isoformat()} expires on {now.isoformat()}: the exchange moved it"
            if not any(note.text == text for note in self.notes):
                self.notes.append(Note(day, text))

    def _forget_between(self) -> None:
        self._between, self._between_cash, self._between_charges = Attribution(), ZERO, ZERO

    def _take_played(self, day: PlayedDay) -> None:
        trades = tuple(trade for trade in day.desk.book.trades if trade.fills)
        self._regime_on[day.trading_date] = day.regime
        for trade in trades:
            self._number_of.setdefault(_name(trade), f"{day.trading_date.isoformat()} {trade.trade_id}")
            self._watch_lot(day.trading_date, trade)
        self._note_moved(day.trading_date, day.moved)
        self._settle(day.trading_date, day.settled, day.final_level, trades)
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
                cash_inr=day.cash_inr + self._between_cash,
                charges_inr=day.charges_inr + self._between_charges,
                value_inr=None if day.marks_inr is None else self._cash + day.marks_inr,
                margin_inr=day.margin_inr,
                traded_inr=sum((abs(fill.cash_inr) for fill in day.fills), ZERO),
                premium_inr=_premium(day.fills, trades),
                was_held=bool(day.held or day.fills or day.settled),
                regime=day.regime,
                attribution=day.attribution + self._between,
            )
        )
        self._forget_between()

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

    def _settle(
        self,
        day: date,
        settled: Sequence[Settlement],
        final_level: Decimal | None,
        trades: Sequence[Trade],
    ) -> None:
        # Each trade is paid for its own units, though another's may cancel them; tax is of the net alone.
        taxes = {one.contract: one.charges_inr for one in settled}
        mine = [
            (trade, position)
            for trade in trades
            if _name(trade) not in self._closed
            for position in positions_of(trade.fills)
            if position.contract.expiry == day
        ]
        longs: Counter[OptionContract] = Counter()
        for _, position in mine:
            longs[position.contract] += max(position.quantity, 0)
        for trade, position in mine:
            if final_level is None:
                continue
            contract, units = position.contract, position.quantity
            share = Decimal(max(units, 0)) / longs[contract] if longs[contract] else ZERO
            paid = Settlement(
                contract=contract,
                quantity=units,
                intrinsic=intrinsic_at(contract, final_level),
                charges_inr=taxes.get(contract, ZERO) * share,
            )
            name = _name(trade)
            self._settled_of[name] = (*self._settled_of.get(name, ()), paid)

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
                    regime=self._regime_on[trade.fills[0].ts.date()],
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
