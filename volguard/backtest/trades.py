"""Closed trades of a record: what each made, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum

import numpy as np

from volguard.backtest.bootstrap import Intervals, Resampling, intervals
from volguard.backtest.figure import Figure, figure_or, not_available
from volguard.backtest.settlement import Settlement
from volguard.model.book import ZERO, Fill
from volguard.model.market import FloatArray, IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTrade:
    """One trade from entry to flat, in rupees, with what it can be grouped by.

    gross_inr    cash of its fills and of its settlement, before charges
    charges_inr  all charges, those of settlement too
    traded_inr   units times price over its fills, bought and sold, as positive amounts
    regime       of the session it was entered in
    fills        what it is made of, oldest first; () where the record has none
    settled      what expired with it
    """

    trade_id: str
    opened_on: date
    closed_on: date
    gross_inr: Decimal
    charges_inr: Decimal
    traded_inr: Decimal
    regime: str
    bucket: str
    structure: str
    exit_reason: str
    fills: tuple[Fill, ...] = ()
    settled: tuple[Settlement, ...] = ()

    @property
    def net_inr(self) -> Decimal:
        """What it made, charges taken off."""
        return self.gross_inr - self.charges_inr


class TradeStatistic(StrEnum):
    """Figures of a list of trades; `trade_statistics` defines each."""

    WIN_RATE = "win_rate"
    PROFIT_FACTOR = "profit_factor"
    MEAN_INR = "mean_inr"
    COST_SHARE = "cost_share"
    COST_OF_PREMIUM = "cost_of_premium"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """Counts and sums in rupees, and the figures made of them; best and worst are None without a trade."""

    trades: int
    wins: int
    losses: int
    scratches: int
    gross_inr: Decimal
    charges_inr: Decimal
    net_inr: Decimal
    best_inr: Decimal | None
    worst_inr: Decimal | None
    figures: Mapping[TradeStatistic, Figure]


def trade_statistics(trades: Sequence[ClosedTrade]) -> TradeStatistics:
    """What closed trades made together. A trade is won or lost by its net; exactly zero is a scratch.

    win rate         won over won and lost
    profit factor    net of the won over the loss of the lost
    mean             net of a trade, rupees
    cost share       charges over the gross of all, where that is a gain
    cost of premium  charges over premium traded, bought and sold
    """
    nets = [trade.net_inr for trade in trades]
    wins, losses = sum(net > ZERO for net in nets), sum(net < ZERO for net in nets)
    values = _of_paths(_columns(trades), np.arange(len(trades))[np.newaxis])
    return TradeStatistics(
        trades=len(trades),
        wins=wins,
        losses=losses,
        scratches=len(nets) - wins - losses,
        gross_inr=sum((trade.gross_inr for trade in trades), ZERO),
        charges_inr=sum((trade.charges_inr for trade in trades), ZERO),
        net_inr=sum(nets, ZERO),
        best_inr=max(nets, default=None),
        worst_inr=min(nets, default=None),
        figures={name: _figure(name, values, len(trades)) for name in TradeStatistic},
    )


def trade_intervals(trades: Sequence[ClosedTrade], resampling: Resampling) -> Intervals:
    """An interval of each figure that the trades have, from blocks of trades in the order given."""
    columns = _columns(trades)
    reasons = {name: figure.reason for name, figure in trade_statistics(trades).figures.items()}
    return intervals(columns.net, lambda rows: _of_paths(columns, rows), reasons, resampling)


_WITHOUT_VALUE = {
    TradeStatistic.WIN_RATE: "no trade was won or lost",
    TradeStatistic.PROFIT_FACTOR: "no trade was lost",
    TradeStatistic.COST_SHARE: "the gross of all trades is not a gain",
    TradeStatistic.COST_OF_PREMIUM: "no premium was traded",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Columns:
    # A row a trade; each net is the exact difference, so that a scratch stays one.
    net: FloatArray
    gross: FloatArray
    charges: FloatArray
    traded: FloatArray


def _columns(trades: Sequence[ClosedTrade]) -> _Columns:
    return _Columns(
        net=np.array([float(trade.net_inr) for trade in trades]),
        gross=np.array([float(trade.gross_inr) for trade in trades]),
        charges=np.array([float(trade.charges_inr) for trade in trades]),
        traded=np.array([float(trade.traded_inr) for trade in trades]),
    )


def _of_paths(columns: _Columns, rows: IntArray) -> Mapping[TradeStatistic, FloatArray]:
    net = columns.net[rows]
    won, lost = np.sum(net > 0.0, axis=1), np.sum(net < 0.0, axis=1)
    gain, loss = np.sum(np.maximum(net, 0.0), axis=1), -np.sum(np.minimum(net, 0.0), axis=1)
    gross, charges, traded = (
        np.sum(column[rows], axis=1) for column in (columns.gross, columns.charges, columns.traded)
    )
    with np.errstate(all="ignore"):
        return {
            TradeStatistic.WIN_RATE: won / (won + lost),
            TradeStatistic.PROFIT_FACTOR: np.where(loss > 0.0, gain / loss, np.nan),
            TradeStatistic.MEAN_INR: np.sum(net, axis=1) / rows.shape[1],
            TradeStatistic.COST_SHARE: np.where(gross > 0.0, charges / gross, np.nan),
            TradeStatistic.COST_OF_PREMIUM: np.where(traded > 0.0, charges / traded, np.nan),
        }


def _figure(name: TradeStatistic, values: Mapping[TradeStatistic, FloatArray], trades: int) -> Figure:
    if not trades:
        return not_available("there is no trade")
    return figure_or(float(values[name][0]), _WITHOUT_VALUE.get(name, "it is beyond what a number can hold"))
