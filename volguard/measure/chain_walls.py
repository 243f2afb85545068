"""The walls of open interest that a chain shows now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.volatility.chain_metrics import Wall, wall_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainWalls:
    """The call wall lies at or above the forward, the put wall at or below; None without interest there."""

    call: Wall | None
    put: Wall | None

    def distance(self, level: float) -> float | None:
        """Distance of the level from the nearer wall, as a share of the level."""
        walls = [wall.strike for wall in (self.call, self.put) if wall is not None]
        if not walls or not level > 0.0:
            return None
        return min(abs(strike / level - 1.0) for strike in walls)


def chain_walls(view: MarketView, expiry: date) -> ChainWalls:
    """Of one listed expiry; no wall where its forward is not known."""
    listing, rows = view.listing, view.listing.rows_of(expiry)
    forward = float(view.forwards.forward[listing.expiries.index(expiry)])
    strike, is_call = listing.strike[rows], listing.is_call[rows]
    oi = view.snapshot.oi[rows].astype(np.float64)
    return ChainWalls(
        call=wall_of(strike[is_call], oi[is_call], strike[is_call] >= forward),
        put=wall_of(strike[~is_call], oi[~is_call], strike[~is_call] <= forward),
    )
