"""What a book of one underlying risks now: Greeks, stress and margin of the same positions on one market."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from volguard.measure.exposure import Exposure, exposure_of
from volguard.measure.margin import IndexState, Margin, NoMargin, margins_after_moves
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
    move = stress.near_spot_move_share
    now, down, up = margins_at_moves(view, positions, margin, (0.0, -move, move))
    return BookRisk(
        exposure=exposure_of(view, positions),
        stress=portfolio_stress(view, positions, stress, quality),
        margin=now,
        margin_moved=_larger(down, up),
    )


def book_margin(view: MarketView, positions: Sequence[Position], inputs: MarginInputs) -> Margin | NoMargin:
    """Margin of positions on the market as it is; NoMargin names what is missing."""
    return margin_at_move(view, positions, inputs, 0.0)


def margin_at_move(
    view: MarketView, positions: Sequence[Position], inputs: MarginInputs, move_share: float
) -> Margin | NoMargin:
    """Margin after the index moved by a signed share, every forward with it, volatilities kept."""
    return margins_at_moves(view, positions, inputs, (move_share,))[0]


def margins_at_moves(
    view: MarketView, positions: Sequence[Position], inputs: MarginInputs, move_shares: Sequence[float]
) -> tuple[Margin | NoMargin, ...]:
    """`margin_at_move` for each of the shares, in one revaluation."""
    rule = _rule(view, inputs)
    if isinstance(rule, NoMargin):
        return (rule,) * len(move_shares)
    level, _ = reference_level(view)
    index = IndexState(
        spot=math.nan if level is None else level,
        previous_close=math.nan if inputs.previous_close is None else inputs.previous_close,
        sigma_daily=math.nan if inputs.sigma_daily is None else inputs.sigma_daily,
    )
    return margins_after_moves(holdings_of(view, positions), index, rule, move_shares)


def _larger(one: Margin | NoMargin, other: Margin | NoMargin) -> Margin | NoMargin:
    # One that is not known could be the larger: then neither is given.
    if isinstance(one, NoMargin):
        return one
    return other if isinstance(other, NoMargin) or other.total_inr > one.total_inr else one


def _rule(view: MarketView, inputs: MarginInputs) -> MarginRule | NoMargin:
    try:
        return inputs.rules.on(Underlying(view.listing.underlying), inputs.trade_date)
    except DateNotCovered as error:
        return NoMargin(reason=str(error))
