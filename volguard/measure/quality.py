"""Data quality in [0, 1] over the tradable set, and how far each leg's Greeks can be believed.

Tradable set: the expiries of the buckets, strikes within a few expected moves, every leg held.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from volguard.measure.market_view import AtTheMoney, MarketView
from volguard.model.book import Position
from volguard.model.instrument import OptionContract
from volguard.model.market import BoolArray
from volguard.model.units import figure
from volguard.pricing.quote_flags import ARBITRAGE, QuoteFlag

_NAMED_FLAGS: Final = tuple((str(flag.name).lower(), int(flag)) for flag in QuoteFlag)
_STALE: Final = int(QuoteFlag.STALE)  # a member of an IntFlag costs a look-up each time
WEIGHTS: Final = {"coverage": 0.30, "freshness": 0.25, "spread": 0.20, "arbitrage": 0.15, "parity": 0.10}


@dataclass(frozen=True, slots=True, kw_only=True)
class QualitySettings:
    """`expected_moves` bounds the tradable set; `held_leg_cap` caps a book with an unquoted leg."""

    expected_moves: float
    held_leg_cap: float
    vendor_divergence_max: float

    def __post_init__(self) -> None:
        if self.expected_moves <= 0:
            raise ValueError(f"expected_moves was {self.expected_moves}, must be above 0")
        if not 0 <= self.held_leg_cap <= 1:
            raise ValueError(f"held_leg_cap was {self.held_leg_cap}, must be in [0, 1]")
        if self.vendor_divergence_max <= 0:
            raise ValueError(f"vendor_divergence_max was {self.vendor_divergence_max}, must be above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """The figure and its parts, each a share in [0, 1]; `rows` is the size of the tradable set.

    `market` is the figure before the cap of a held leg without a quote: what other trades' exits go by.
    """

    value: float
    market: float
    coverage: float
    freshness: float
    spread: float
    arbitrage: float
    parity: float
    rows: int
    held_unquoted: int


NO_QUALITY: Final = Quality(
    value=0.0,
    market=0.0,
    coverage=0.0,
    freshness=0.0,
    spread=0.0,
    arbitrage=0.0,
    parity=0.0,
    rows=0,
    held_unquoted=0,
)


def data_quality(
    view: MarketView,
    levels: Sequence[AtTheMoney],
    held: Sequence[Position],
    settings: QualitySettings,
) -> Quality:
    """Quality of one snapshot; 0 when the tradable set is empty or blank. `levels`: one per bucket expiry."""
    legs = [position.contract for position in held]
    chosen = tradable_rows(view, levels, legs, settings.expected_moves)
    count = int(np.count_nonzero(chosen))
    if not count:
        return NO_QUALITY
    flags = view.flags[chosen]
    unquoted = sum(not _can_close(view, position) for position in held)
    parts = {
        "coverage": _share_proven(flags, QuoteFlag(0)),
        # After a hole nothing shows yet that the feed is alive again.
        "freshness": 0.0 if view.after_gap else _share_proven(flags, QuoteFlag.STALE),
        "spread": _share_proven(flags, QuoteFlag.WIDE),
        "arbitrage": _share_proven(flags, ARBITRAGE | QuoteFlag.JUMP),
        "parity": _share_proven(flags, QuoteFlag.PARITY),
    }
    market = figure(sum(WEIGHTS[name] * share for name, share in parts.items()))
    value = min(market, settings.held_leg_cap) if unquoted else market
    return Quality(value=value, market=market, rows=count, held_unquoted=unquoted, **parts)


def tradable_rows(
    view: MarketView, levels: Sequence[AtTheMoney], held: Sequence[OptionContract], expected_moves: float
) -> BoolArray:
    """Which rows could be traded or are held, shape (rows,)."""
    chosen = np.zeros(len(view.listing), dtype=np.bool_)
    for level in levels:
        rows = view.listing.rows_of(level.expiry)
        reach = expected_moves * level.straddle
        chosen[rows] |= np.abs(view.listing.strike[rows] - level.forward) <= reach
    for contract in held:
        row = view.row(contract)
        if row is not None:
            chosen[row] = True
    return chosen


def _can_close(view: MarketView, position: Position) -> bool:
    # A short needs both sides; a long that is listed can always be left to expire, bid or not.
    row = view.row(position.contract)
    return row is not None and (position.quantity > 0 or math.isfinite(view.mid[row]))


def _share_proven(flags: np.ndarray, flag: QuoteFlag) -> float:
    # What is not quoted on both sides is not proven good in any respect.
    bad = int(flag | QuoteFlag.NO_BID | QuoteFlag.NO_ASK)
    return 1.0 - float(np.count_nonzero(flags & bad)) / len(flags)


def flag_counts(view: MarketView) -> dict[str, int]:
    """How many rows of the whole chain carry each flag, by lower-case name."""
    raised = view.flags[view.flags != 0]
    return {name: int(np.count_nonzero(raised & bit)) for name, bit in _NAMED_FLAGS}
