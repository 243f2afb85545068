"""Positions on one market with all that they are judged by: legs on a chain, or the book of a journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from volguard.config.settings import Settings
from volguard.measure.book_risk import MarginInputs
from volguard.measure.market_view import MarketView, reference_level
from volguard.model.book import Position
from volguard.model.errors import DateNotCovered, UsageError
from volguard.model.market import DailyBar
from volguard.model.units import figure
from volguard.nse.rules import Rules
from volguard.operations.journal_state import JournalState
from volguard.operations.payoff_structure import check_lots, common_lot_size, structure_name
from volguard.strategy.legs_text import LegLine
from volguard.volatility.ewma_nse import lambda_on, sigma_after
from volguard.volatility.outlook import Outlook
from volguard.wiring import rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginSource:
    """What margins are measured from beside the chain, and where it comes from.

    `reason`: why there is no margin, empty where there is one.
    """

    inputs: MarginInputs
    close_day: date | None
    sigma_origin: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Portfolio:
    """Net positions of one underlying; `name` says whose they are."""

    name: str
    view: MarketView
    positions: tuple[Position, ...]
    settings: Settings
    rules: Rules
    margin: MarginSource


def portfolio_of_legs(
    view: MarketView,
    lines: tuple[LegLine, ...],
    *,
    lots: int,
    bars: Sequence[DailyBar],
    settings: Settings,
) -> Portfolio:
    """A structure in so many lots; `bars` end before the day of the snapshot.

    Raises UsageError on lots out of range or legs of different lot sizes, DateNotCovered off the tables.
    """
    check_lots(lots)
    rules = rules_of(settings)
    units = lots * common_lot_size(view, lines, rules)
    positions = [
        Position(contract=line.leg.contract, quantity=line.leg.side.sign * line.count * units)
        for line in lines
    ]
    name = structure_name(lines) or "structure"
    return Portfolio(
        name=f"{name}, {lots} lot{'' if lots == 1 else 's'}",
        view=view,
        positions=tuple(sorted(positions, key=lambda position: position.contract)),
        settings=settings,
        rules=rules,
        margin=margin_source(bars, view.ts.date(), rules),
    )


def portfolio_of_book(found: JournalState, bars: Sequence[DailyBar] = ()) -> Portfolio:
    """The book of a journal on its last snapshot; `bars` stand in for the history that it was run on.

    Raises UsageError where no snapshot was seen yet.
    """
    view, desk = found.state.market, found.desk
    if view is None:
        raise UsageError(f"journal {found.path} has seen no snapshot up to {desk.now:%H:%M:%S}")
    source = (
        margin_source(bars, desk.trading_date, found.rules)
        if bars
        else journal_margin_source(found.state.outlook, desk.trading_date, found.rules)
    )
    return Portfolio(
        name=f"book of {found.path.stem}",
        view=view,
        positions=desk.book.positions,
        settings=found.settings,
        rules=found.rules,
        margin=source,
    )


def margin_source(bars: Sequence[DailyBar], day: date, rules: Rules) -> MarginSource:
    """From daily bars that all lie before a trade date."""
    if not bars:
        return _absent(day, rules, "no daily history: margins need the previous close and NSE's EWMA")
    days = [bar.day for bar in bars]
    sigma = sigma_after(days, np.array([bar.close for bar in bars]))
    return _source(bars[-1].close, days[-1], sigma, f"{len(bars)} sessions", day, rules)


def journal_margin_source(outlook: Outlook, day: date, rules: Rules) -> MarginSource:
    """From what a session was told of history when it began."""
    if outlook.last_close is None or outlook.last_day is None:
        return _absent(day, rules, outlook.missing)
    sigma = outlook.forecasts.nse_sigma_daily
    return _source(outlook.last_close, outlook.last_day, sigma, "the journal", day, rules)


def positions_document(portfolio: Portfolio) -> list[dict[str, Any]]:
    """Each position as a row of a document."""
    return [
        {
            "expiry": position.contract.expiry.isoformat(),
            "strike": position.contract.strike,
            "option_type": position.contract.option_type.value,
            "units": position.quantity,
        }
        for position in portfolio.positions
    ]


def head_document(schema: str, portfolio: Portfolio) -> dict[str, Any]:
    """What every document of a portfolio begins with."""
    level, origin = reference_level(portfolio.view)
    return {
        "schema": schema,
        "ts": portfolio.view.ts.isoformat(),
        "underlying": portfolio.view.listing.underlying,
        "name": portfolio.name,
        "level": None if level is None else figure(level),
        "level_origin": origin,
        "positions": positions_document(portfolio),
    }


def _source(
    close: float, close_day: date, sigma: float | None, known_by: str, day: date, rules: Rules
) -> MarginSource:
    try:
        before = rules.calendar.previous_trading_day(day)
    except DateNotCovered as error:
        return _absent(day, rules, error.message)
    if close_day != before:
        return _absent(day, rules, f"the history ends on {close_day}, the session before was {before}")
    reason = "" if sigma is not None else f"history of {known_by} is too short for NSE's EWMA"
    origin = f"EWMA of daily closes until {close_day}, lambda {lambda_on(close_day):g}, from {known_by}"
    return MarginSource(
        inputs=MarginInputs(rules=rules.margin, trade_date=day, previous_close=close, sigma_daily=sigma),
        close_day=close_day,
        sigma_origin=origin if sigma is not None else "not available",
        reason=reason,
    )


def _absent(day: date, rules: Rules, reason: str) -> MarginSource:
    inputs = MarginInputs(rules=rules.margin, trade_date=day, previous_close=None, sigma_daily=None)
    return MarginSource(inputs=inputs, close_day=None, sigma_origin="not available", reason=reason)
