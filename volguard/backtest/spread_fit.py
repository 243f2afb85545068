"""Fits the touch to a recorded day: log spreads and log sizes by depth and expiry, robustly."""

from __future__ import annotations

from typing import Final

import numpy as np

from volguard.backtest.recorded_quotes import RecordedQuotes
from volguard.backtest.spread_model import DEPTH_MAX, LiquidityRow, SpreadParameters
from volguard.model.instrument import ExpiryCycle
from volguard.model.market import BoolArray, FloatArray
from volguard.nse.expiries import ListedExpiry
from volguard.pricing.least_squares import Model, minimise

STEPS_MAX: Final = 100
_GROWTH_MAX: Final = 3.0
_SHARE_LOGS: Final = (-8.0, -0.7)
_SIZE_LOGS: Final = (0.0, 14.0)


def fit_spreads(quotes: RecordedQuotes, listed: tuple[ListedExpiry, ...], tick: float) -> SpreadParameters:
    """Spread and size parameters of the recorded expiries; `listed` as the rules have it on that day."""
    weekly = {expiry.day: expiry.cycle is ExpiryCycle.WEEKLY for expiry in listed}
    rows = []
    for cycle in (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY):
        is_weekly = cycle is ExpiryCycle.WEEKLY
        places = [place for place, day in enumerate(quotes.expiries) if weekly[day] is is_weekly]
        rows += [_row(quotes, place, cycle, rank, tick) for rank, place in enumerate(places)]
    return SpreadParameters(liquidity=tuple(rows))


def _row(quotes: RecordedQuotes, place: int, cycle: ExpiryCycle, rank: int, tick: float) -> LiquidityRow:
    depth = quotes.depth
    good: BoolArray = (quotes.expiry == place) & np.isfinite(depth) & (np.abs(depth) <= DEPTH_MAX)
    good &= (quotes.bid_qty > 0) & (quotes.ask_qty > 0)
    outside, inside = np.maximum(depth[good], 0.0), np.maximum(-depth[good], 0.0)
    share, wing, within = _fit_spread(outside, inside, quotes.mid[good], quotes.spread[good], tick)
    sizes = quotes.bid_qty[good].astype(np.float64) * quotes.ask_qty[good]
    size, size_growth = _fit_size(depth[good], 0.5 * np.log(sizes))
    return LiquidityRow(
        cycle=cycle,
        rank=rank,
        spread_share=float(np.exp(share)),
        wing_growth=wing,
        inside_growth=within,
        size_units=float(np.exp(size)),
        size_growth=size_growth,
    )


def _fit_spread(
    outside: FloatArray, inside: FloatArray, mid: FloatArray, spread: FloatArray, tick: float
) -> list[float]:
    columns = np.vstack((np.ones_like(outside), outside, inside))
    log_mid, log_tick, wanted = np.log(mid), float(np.log(tick)), np.log(np.maximum(spread, tick))

    def rows(at: FloatArray) -> FloatArray:
        modelled = at[0] @ columns + log_mid
        is_above = modelled > log_tick  # below, the tick is the spread whatever the parameters
        return _bent_rows(columns * is_above, np.maximum(modelled, log_tick) - wanted)

    return _solve(rows, [-5.0, 0.5, 0.5], [_SHARE_LOGS, (0.0, _GROWTH_MAX), (0.0, _GROWTH_MAX)])


def _fit_size(depth: FloatArray, log_size: FloatArray) -> list[float]:
    columns = np.vstack((np.ones_like(depth), depth))

    def rows(at: FloatArray) -> FloatArray:
        return _bent_rows(columns, at[0] @ columns - log_size)

    return _solve(rows, [5.0, 0.0], [_SIZE_LOGS, (-1.0, _GROWTH_MAX)])


# Jacobian and residuals bent by soft L1 (see chain_fit), in the form that `minimise` takes.
def _bent_rows(columns: FloatArray, residual: FloatArray) -> FloatArray:
    root = np.sqrt(1.0 + residual * residual)
    scale = np.sqrt(2.0 / (root + 1.0))
    slope = scale * (1.0 - residual * residual / (2.0 * root * (root + 1.0)))
    return np.vstack((columns * slope, residual * scale))[None]


def _solve(rows: Model, start: list[float], bounds: list[tuple[float, float]]) -> list[float]:
    low, high = np.array(bounds).T
    solution = minimise(
        rows,
        np.array([start]),
        low[None],
        high[None],
        active=np.ones(1, dtype=np.bool_),
        steps_max=STEPS_MAX,
    )
    found: list[float] = solution.parameters[0].tolist()
    return found
