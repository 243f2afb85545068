"""What a book of one underlying risks now: Greeks, stress and margin of the same positions on one market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from volguard.measure.exposure import Exposure, exposure_of
from volguard.measure.margin import Holdings, IndexState, Margin, NoMargin, margin_of
from volguard.measure.margin_holdings import holdings_of
from volguard.measure.market_view import MarketView, reference_level
from volguard.measure.quality import QualitySettings
from volguard.measure.stress import StressResult, portfolio_stress
from volguard.measure.stress_book import StressUnavailable
from volguard.measure.stress_settings import StressSettings
from volguard.model.book import Position
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.nse.margin_rules import MarginRule, MarginRules


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginInputs:
    """What margins are measured from beside the market: None or nan where history does not give it."""

    rules: MarginRules
    trade_date: date
    previous_close: float | None
    sigma_daily: float | None  # NSE's EWMA after the last session, decimal per day


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRisk:
    """Greeks (None where a leg has none), stress, margin now, and the larger of margins after a move."""

    exposure: Exposure | None
    stress: StressResult | StressUnavailable
    margin: Margin | NoMargin
    margin_moved: Margin | NoMargin


def book_risk(
    view: MarketView,
    positions: Sequence[Position],
    *,
    stress: StressSettings,
    quality: QualitySettings,
    margin: MarginInputs,
) -> BookRisk:
    """Everything at once; what is missing is said in its own part and nowhere replaced."""
    return BookRisk(
        exposure=exposure_of(view, positions),
        stress=portfolio_stress(view, positions, stress, quality),
        margin=book_margin(view, positions, margin),
        margin_moved=margin_after_move(view, positions, margin, stress.near_spot_move_share),
    )


def book_margin(view: MarketView, positions: Sequence[Position], inputs: MarginInputs) -> Margin | NoMargin:
    """Margin of positions on the market as it is; NoMargin names what is missing."""
    return margin_at_move(view, positions, inputs, 0.0)


def margin_after_move(
    view: MarketView, positions: Sequence[Position], inputs: MarginInputs, move_share: float
) -> Margin | NoMargin:
    """The larger margin after the index moved up or down by a share, volatilities kept."""
    both = [margin_at_move(view, positions, inputs, move) for move in (-move_share, move_share)]
    known = [margin for margin in both if isinstance(margin, Margin)]
    missing = [margin for margin in both if isinstance(margin, NoMargin)]
    return missing[0] if missing else max(known, key=lambda margin: margin.total_inr)


def margin_at_move(
    view: MarketView, positions: Sequence[Position], inputs: MarginInputs, move_share: float
) -> Margin | NoMargin:
    """Margin after the index moved by a signed share, every forward with it, volatilities kept."""
    rule = _rule(view, inputs)
    if isinstance(rule, NoMargin):
        return rule
    level, _ = reference_level(view)
    index = IndexState(
        spot=math.nan if level is None else level * (1.0 + move_share),
        previous_close=math.nan if inputs.previous_close is None else inputs.previous_close,
        sigma_daily=math.nan if inputs.sigma_daily is None else inputs.sigma_daily,
    )
    return margin_of(_shifted(holdings_of(view, positions), move_share), index, rule)


def _rule(view: MarketView, inputs: MarginInputs) -> MarginRule | NoMargin:
    try:
        return inputs.rules.on(Underlying(view.listing.underlying), inputs.trade_date)
    except DateNotCovered as error:
        return NoMargin(reason=str(error))


def _shifted(holdings: Holdings, move_share: float) -> Holdings:
    if move_share == 0.0:
        return holdings
    contracts = holdings.contracts
    return replace(holdings, contracts=replace(contracts, forward=contracts.forward * (1.0 + move_share)))
