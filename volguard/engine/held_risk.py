"""Stress and margin of positions as a session measures them."""

from __future__ import annotations

from collections.abc import Sequence

from volguard.engine.state import Desk, EngineSettings
from volguard.execution.ladder import patience_s
from volguard.measure.book_risk import BookRisk, MarginInputs, book_risk
from volguard.measure.flat_cost import FlatCost, flat_cost
from volguard.measure.market_view import MarketView
from volguard.model.book import Position
from volguard.model.order import Urgency
from volguard.nse.rules import Rules
from volguard.volatility.outlook import Outlook


def held_risk(
    view: MarketView,
    positions: Sequence[Position],
    desk: Desk,
    outlook: Outlook,
    *,
    settings: EngineSettings,
    rules: Rules,
) -> BookRisk:
    """Greeks, stress and margin of positions on a market."""
    return book_risk(
        view,
        positions,
        stress=settings.stress,
        quality=settings.quality,
        margin=margin_inputs(desk, outlook, rules),
    )


def margin_inputs(desk: Desk, outlook: Outlook, rules: Rules) -> MarginInputs:
    """What margins of a session are measured from beside the market."""
    return MarginInputs(
        rules=rules.margin,
        trade_date=desk.trading_date,
        previous_close=outlook.last_close,
        sigma_daily=outlook.forecasts.nse_sigma_daily,
    )


def flat_cost_of(
    view: MarketView, positions: Sequence[Position], desk: Desk, *, settings: EngineSettings, rules: Rules
) -> FlatCost:
    """Cost and time to close positions on a market."""
    return flat_cost(
        view,
        positions,
        trade_date=desk.trading_date,
        rules=rules,
        settings=settings.flat_cost,
        fill_wait_s=patience_s(Urgency.HIGH, desk.source.capabilities.cadence_s, settings.execution),
    )
