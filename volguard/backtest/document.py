"""The figures of a record as one document, ready for JSON: `volguard.backtest.statistics/1`.

A figure that is not available is null, with its reason under `missing` of the same part. Rates and returns
are decimals of nine significant digits, money is text with two decimals, days are ISO dates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from volguard.backtest.activity import Activity, activity_intervals, activity_statistics
from volguard.backtest.attribution import Attribution
from volguard.backtest.bootstrap import Intervals, Resampling, curve_intervals
from volguard.backtest.curve import EquityCurve
from volguard.backtest.deflated_sharpe import DeflatedSharpe
from volguard.backtest.drawdown import Drawdown
from volguard.backtest.figure import Figure
from volguard.backtest.grouping import Dimension, groups, session_shares
from volguard.backtest.path_statistics import Conventions
from volguard.backtest.ruin import Probability, Ruin
from volguard.backtest.statistics import CurveStatistics, by_month, curve_statistics
from volguard.backtest.trades import ClosedTrade, TradeStatistics, trade_intervals, trade_statistics
from volguard.model.units import figure, money_text

SCHEMA: Final = "volguard.backtest.statistics/1"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that a backtest hands over to be measured; None: it has no such thing."""

    curve: EquityCurve
    trades: tuple[ClosedTrade, ...]
    activity: Activity | None = None
    regimes: tuple[str, ...] = ()  # of each session
    attribution: Attribution | None = None
    ruin: Ruin | None = None
    deflated: DeflatedSharpe | None = None


def statistics_document(record: Record, conventions: Conventions, resampling: Resampling) -> Document:
    """Everything that the record says, with intervals: some seconds for fourteen years of sessions."""
    curve, trades = record.curve, record.trades
    document: Document = {
        "schema": SCHEMA,
        "conventions": {
            "sessions_per_year": conventions.sessions_per_year,
            "risk_free": conventions.risk_free,
            "sessions_min": conventions.sessions_min,
        },
        "returns": {
            **_curve(curve_statistics(curve, conventions)),
            "intervals": _intervals(curve_intervals(curve, conventions, resampling)),
            "months": [
                {"year": year, "month": month, "return": figure(value)}
                for (year, month), value in by_month(curve).items()
            ],
        },
        "trades": {
            **_trades(trade_statistics(trades)),
            "intervals": _intervals(trade_intervals(trades, resampling)),
        },
        "groups": {dimension.value: _groups(trades, dimension) for dimension in Dimension},
        "regime_shares": {name: figure(share) for name, share in session_shares(record.regimes).items()},
        "activity": None,
        "attribution": None if record.attribution is None else attribution_document(record.attribution),
        "ruin": None if record.ruin is None else _ruin(record.ruin),
        "deflated_sharpe": None if record.deflated is None else deflated_document(record.deflated),
    }
    if record.activity is not None:
        document["activity"] = {
            **_figures(activity_statistics(curve, record.activity, conventions)),
            "intervals": _intervals(activity_intervals(curve, record.activity, conventions, resampling)),
        }
    return document


def attribution_document(attribution: Attribution) -> Document:
    """Parts and total to the paisa; as texts they still add up."""
    parts = attribution.to_the_paisa()
    return {
        "delta_inr": money_text(parts.delta_inr),
        "gamma_inr": money_text(parts.gamma_inr),
        "theta_inr": money_text(parts.theta_inr),
        "vega_inr": money_text(parts.vega_inr),
        "residual_inr": money_text(parts.residual_inr),
        "execution_inr": money_text(parts.execution_inr),
        "costs_inr": money_text(parts.costs_inr),
        "total_inr": money_text(parts.total_inr),
        "not_told_apart": [contract.symbol for contract in parts.unpriced],
    }


def _curve(statistics: CurveStatistics) -> Document:
    return {
        "sessions": statistics.sessions,
        "first_day": _day(statistics.first_day),
        "last_day": _day(statistics.last_day),
        **_figures(statistics.figures),
        "worst_day_on": _day(statistics.worst_day),
        "best_day_on": _day(statistics.best_day),
        "worst_week_from": _day(statistics.worst_week),
        "deepest_drawdown": _drawdown(statistics.deepest),
        "longest_drawdown": _drawdown(statistics.longest),
    }


def _drawdown(stretch: Drawdown | None) -> Document | None:
    if stretch is None:
        return None
    return {
        "depth": figure(stretch.depth),
        "peak_day": _day(stretch.peak_day),
        "first_day": _day(stretch.first_day),
        "trough_day": _day(stretch.trough_day),
        "recovery_day": _day(stretch.recovery_day),
        "sessions": stretch.sessions,
        "days": stretch.days,
    }


def _trades(statistics: TradeStatistics) -> Document:
    return {
        "trades": statistics.trades,
        "wins": statistics.wins,
        "losses": statistics.losses,
        "scratches": statistics.scratches,
        "gross_inr": money_text(statistics.gross_inr),
        "charges_inr": money_text(statistics.charges_inr),
        "net_inr": money_text(statistics.net_inr),
        "best_inr": _money(statistics.best_inr),
        "worst_inr": _money(statistics.worst_inr),
        **_figures(statistics.figures),
    }


def _groups(trades: Sequence[ClosedTrade], dimension: Dimension) -> list[Document]:
    return [{"name": group.name, **_trades(group.of_trades)} for group in groups(trades, dimension)]


def _ruin(ruin: Ruin) -> Document:
    return {
        "capital_inr": money_text(Decimal(repr(ruin.capital_inr))),
        "loss_share": ruin.loss_share,
        "horizon_sessions": ruin.horizon_sessions,
        "ruin": _probability(ruin.ruin),
        "margin_breach": _probability(ruin.margin_breach),
        "seed": ruin.seed,
        "draws": ruin.draws,
        "block": _known(ruin.block),
    }


def _probability(probability: Probability) -> Document:
    return {
        **_figures({"share": probability.share}),
        "low": _known(probability.low),
        "high": _known(probability.high),
        "hits": probability.hits,
    }


def deflated_document(deflated: DeflatedSharpe) -> Document:
    """The judged trial of a sweep; null with its reason where something is missing."""
    return {
        **_figures(
            {
                "probabilistic": deflated.probabilistic,
                "expected_max_per_session": deflated.expected_max,
                "deflated": deflated.deflated,
            }
        ),
        "trials": deflated.trials,
    }


def _intervals(found: Intervals) -> Document:
    return {
        "level": found.level,
        "draws": found.draws,
        "seed": found.seed,
        "block": _known(found.block),
        **{
            name: None if at.reason else [_known(at.low), _known(at.high)]
            for name, at in found.by_name.items()
        },
        "missing": {name: at.reason for name, at in found.by_name.items() if at.reason},
    }


def _figures(figures: Mapping[Any, Figure]) -> Document:
    return {
        **{str(name): _known(at.value) for name, at in figures.items()},
        "missing": {str(name): at.reason for name, at in figures.items() if at.reason},
    }


def _known(value: float | None) -> float | None:
    return None if value is None else figure(value)


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else money_text(amount)


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
