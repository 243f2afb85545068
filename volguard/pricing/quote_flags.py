"""What is wrong with each quote, as a bit mask per row: everything is suspect until proven good.

Arbitrage tests use executable prices (buy at the ask, sell at the bid), so a flag means that the quotes
themselves contradict one another, not that a mid is untidy.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from volguard.model.market import BoolArray, FloatArray, IntArray, Listing

FlagArray = NDArray[np.uint16]


class QuoteFlag(IntFlag):
    """One reason each not to trust a quote."""

    NO_BID = 1
    NO_ASK = 2
    CROSSED = 4
    WIDE = 8
    STALE = 16
    BOUNDS = 32
    JUMP = 64
    PARITY = 128
    MONOTONE = 256
    CONVEX = 512


ARBITRAGE: Final = QuoteFlag.CROSSED | QuoteFlag.BOUNDS | QuoteFlag.MONOTONE | QuoteFlag.CONVEX
SLACK_TICKS: Final = 2
UNTRADABLE: Final = (
    QuoteFlag.NO_BID | QuoteFlag.NO_ASK | QuoteFlag.STALE | QuoteFlag.JUMP | QuoteFlag.PARITY | ARBITRAGE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagSettings:
    """Thresholds: ages in seconds, spreads as a share of mid or in ticks, jumps in robust sigmas."""

    stale_s_min: float
    stale_cadences: float
    wide_spread_share: float
    wide_spread_ticks: int
    jump_sigmas: float
    gap_cadences: float

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} was {getattr(self, name)}, must be above 0")


@dataclass(frozen=True, kw_only=True, eq=False)
class StrikeGrid:
    """Neighbours in strike of each row, derived once per listing. Rows of one type and expiry only."""

    listing: Listing

    @cached_property
    def by_type(self) -> tuple[IntArray, BoolArray]:
        """Rows ordered by (type, expiry, strike), and whether each has its right neighbour next in line."""
        listing = self.listing
        order = np.lexsort((listing.strike, listing.expiry_index, listing.is_call))
        key = listing.expiry_index * 2 + listing.is_call
        linked = key[order[:-1]] == key[order[1:]]
        return order, linked

    @cached_property
    def steps(self) -> tuple[IntArray, IntArray, BoolArray]:
        """Rows at a strike and at the next higher one, and whether they are calls."""
        order, linked = self.by_type
        left, right = order[:-1][linked], order[1:][linked]
        return left, right, self.listing.is_call[left]

    @cached_property
    def triples(self) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        """Rows of three neighbouring strikes, and the weight of the left one at the middle strike."""
        order, linked = self.by_type
        both = linked[:-1] & linked[1:]
        left, middle, right = order[:-2][both], order[1:-1][both], order[2:][both]
        strike = self.listing.strike
        with np.errstate(all="ignore"):  # a strike listed twice has no weight: nan, which flags nothing
            weight = (strike[right] - strike[middle]) / (strike[right] - strike[left])
        return left, middle, right, weight


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PricedRows:
    """Per row, shape (rows,): touch, mid (nan unless both sides), forward and discount of its expiry."""

    bid: FloatArray
    ask: FloatArray
    mid: FloatArray
    forward: FloatArray
    discount: FloatArray


def flag_quotes(
    grid: StrikeGrid,
    rows: PricedRows,
    *,
    previous_mid: FloatArray | None,
    quote_age_s: FloatArray | None,
    cadence_s: float,
    tick: float,
    settings: FlagSettings,
) -> FlagArray:
    """The flags of every row, shape (rows,), uint16; no quote raises.

    A side that is nan, infinite or not above zero is absent. `previous_mid` None: no jump can be told.
    """
    with np.errstate(all="ignore"):
        return _flags_of(grid, rows, previous_mid, quote_age_s, cadence_s, tick, settings)


def _flags_of(
    grid: StrikeGrid,
    rows: PricedRows,
    previous_mid: FloatArray | None,
    quote_age_s: FloatArray | None,
    cadence_s: float,
    tick: float,
    settings: FlagSettings,
) -> FlagArray:
    flags = np.zeros(len(grid.listing), dtype=np.uint16)
    spread = rows.ask - rows.bid
    _set(flags, ~((rows.bid > 0.0) & (rows.bid < np.inf)), QuoteFlag.NO_BID)
    _set(flags, ~((rows.ask > 0.0) & (rows.ask < np.inf)), QuoteFlag.NO_ASK)
    _set(flags, spread < 0, QuoteFlag.CROSSED)
    wide = np.maximum(settings.wide_spread_share * rows.mid, settings.wide_spread_ticks * tick)
    _set(flags, spread > wide + 1e-9, QuoteFlag.WIDE)
    if quote_age_s is not None:
        limit_s = max(settings.stale_s_min, settings.stale_cadences * cadence_s)
        # An age that is missing is not an age of zero.
        _set(flags, ~(quote_age_s <= limit_s), QuoteFlag.STALE)
    _flag_bounds(flags, grid.listing, rows, tick)
    _flag_parity(flags, grid.listing, rows, tick)
    _flag_strikes(flags, grid, rows, SLACK_TICKS * tick)
    if previous_mid is not None:
        _flag_jumps(flags, grid, rows.mid, previous_mid, spread, tick, settings.jump_sigmas)
    return flags


def _set(flags: FlagArray, where: BoolArray, flag: QuoteFlag) -> None:
    flags[where] |= np.uint16(flag)


def _flag_bounds(flags: FlagArray, listing: Listing, rows: PricedRows, tick: float) -> None:
    moneyness = np.where(listing.is_call, rows.forward - listing.strike, listing.strike - rows.forward)
    floor = rows.discount * np.maximum(moneyness, 0.0)
    cap = rows.discount * np.where(listing.is_call, rows.forward, listing.strike)
    # Deep in the money the forward's own error shows as a breach, so one tick and 2 bp of it are forgiven.
    slack = tick + 2e-4 * rows.forward
    _set(flags, (rows.ask < floor - slack) | (rows.bid > cap + slack), QuoteFlag.BOUNDS)


def _flag_parity(flags: FlagArray, listing: Listing, rows: PricedRows, tick: float) -> None:
    call, put = listing.pairs
    fair = rows.discount[call] * (rows.forward[call] - listing.strike[call])
    # Rows of one snapshot are not read in the same instant: the index moves about 1 bp meanwhile.
    slack = SLACK_TICKS * tick + 1e-4 * rows.forward[call]
    dear = rows.bid[call] - rows.ask[put] > fair + slack
    cheap = rows.ask[call] - rows.bid[put] < fair - slack
    off = dear | cheap
    _set_rows(flags, call, off, QuoteFlag.PARITY)
    _set_rows(flags, put, off, QuoteFlag.PARITY)


def _flag_strikes(flags: FlagArray, grid: StrikeGrid, rows: PricedRows, slack: float) -> None:
    left, right, calls = grid.steps
    bid, ask = rows.bid, rows.ask
    # Less than the slack does not pay for its own charges, so nobody trades it away.
    out_of_order = np.where(calls, bid[right] > ask[left] + slack, bid[left] > ask[right] + slack)
    _set_rows(flags, left, out_of_order, QuoteFlag.MONOTONE)
    _set_rows(flags, right, out_of_order, QuoteFlag.MONOTONE)
    low, middle, high, weight = grid.triples
    bent = bid[middle] > weight * ask[low] + (1.0 - weight) * ask[high] + slack + 1e-9
    for corner in (low, middle, high):
        _set_rows(flags, corner, bent, QuoteFlag.CONVEX)


def _flag_jumps(
    flags: FlagArray,
    grid: StrikeGrid,
    mid: FloatArray,
    previous_mid: FloatArray,
    spread: FloatArray,
    tick: float,
    sigmas: float,
) -> None:
    # A move that the two neighbouring strikes do not share, in units of the quote's own spread, against
    # the chain's robust spread of the same figure (median absolute deviation, floored at one spread).
    low, middle, high, weight = grid.triples
    change = mid - previous_mid
    lone = change[middle] - (weight * change[low] + (1.0 - weight) * change[high])
    scaled = np.abs(lone) / np.maximum(spread[middle], tick)
    known = scaled[np.isfinite(scaled)]
    if not len(known):
        return
    sigma = max(1.4826 * float(np.median(known)), 1.0)
    _set_rows(flags, middle, scaled > sigmas * sigma, QuoteFlag.JUMP)


def _set_rows(flags: FlagArray, at: IntArray, where: BoolArray, flag: QuoteFlag) -> None:
    flags[at[where]] |= np.uint16(flag)
