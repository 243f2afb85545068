"""Greeks of positions: signed units times the Greeks of one unit, and the same in rupees of the account."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from volguard.measure.market_view import MarketView
from volguard.model.book import Position
from volguard.model.units import figure

ONE_PERCENT: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """Position Greeks, and rupees for a 1 % move of the index (delta alone, gamma alone)."""

    delta: float
    gamma: float
    vega_per_pt: float
    theta_per_day: float
    delta_pnl_1pct_inr: float
    gamma_pnl_1pct_inr: float


FLAT: Final = Exposure(
    delta=0.0,
    gamma=0.0,
    vega_per_pt=0.0,
    theta_per_day=0.0,
    delta_pnl_1pct_inr=0.0,
    gamma_pnl_1pct_inr=0.0,
)


def exposure_of(view: MarketView, positions: Sequence[Position]) -> Exposure | None:
    """Greeks of the positions at the smile of their strikes; None when any leg has no Greeks."""
    delta = gamma = vega = theta = delta_pnl = gamma_pnl = 0.0
    for position in positions:
        row = view.row(position.contract)
        if row is None or not math.isfinite(view.greeks.vega_per_pt[row]):
            return None
        units, move = position.quantity, ONE_PERCENT * float(view.forward[row])
        unit_delta, unit_gamma = float(view.greeks.delta[row]), float(view.greeks.gamma[row])
        delta += units * unit_delta
        gamma += units * unit_gamma
        vega += units * float(view.greeks.vega_per_pt[row])
        theta += units * float(view.greeks.theta_per_day[row])
        delta_pnl += units * unit_delta * move
        gamma_pnl += 0.5 * units * unit_gamma * move**2
    return Exposure(
        delta=figure(delta),
        gamma=figure(gamma),
        vega_per_pt=figure(vega),
        theta_per_day=figure(theta),
        delta_pnl_1pct_inr=figure(delta_pnl),
        gamma_pnl_1pct_inr=figure(gamma_pnl),
    )
