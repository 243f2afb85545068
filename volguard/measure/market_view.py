"""One snapshot, priced and judged: forwards, volatilities, Greeks and flags of every row."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import OptionContract
from volguard.model.market import Capabilities, ChainSnapshot, FloatArray, IntArray, Listing
from volguard.nse.rules import Rules
from volguard.pricing.black76 import Greeks, greeks
from volguard.pricing.daycount import years_to_expiry
from volguard.pricing.forward import Forwards, imply_forwards
from volguard.pricing.implied_vol import implied_vol
from volguard.pricing.quote_flags import (
    FlagArray,
    FlagSettings,
    PricedRows,
    StrikeGrid,
    flag_quotes,
)

ATM_STRIKES_MIN: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Frame:
    """What stays the same while the listing does: strike neighbours, closes of the expiry days."""

    listing: Listing
    grid: StrikeGrid
    closes: tuple[datetime, ...]
    close_epoch_s: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarketView:
    """A snapshot with all that is derived from it; columns have shape (rows,), nan where unknown.

    `sigma` is the volatility of the strike: implied by its out-of-the-money side where both are quoted.
    `fair_sigma` is what its neighbours in strike say of it, so that no quote vouches for itself.
    """

    snapshot: ChainSnapshot
    capabilities: Capabilities  # of the source: what a snapshot should hold
    frame: Frame
    after_gap: bool
    years: FloatArray  # per expiry
    forwards: Forwards  # per expiry
    forward: FloatArray
    discount: FloatArray
    mid: FloatArray
    iv: FloatArray
    sigma: FloatArray
    fair_sigma: FloatArray
    greeks: Greeks
    flags: FlagArray

    @property
    def ts(self) -> datetime:
        """Time of the snapshot."""
        return self.snapshot.ts

    @property
    def listing(self) -> Listing:
        """The contracts behind the rows."""
        return self.snapshot.listing

    def row(self, contract: OptionContract) -> int | None:
        """Row of a contract, None when it is not listed in this snapshot."""
        return self.listing.row(contract)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtTheMoney:
    """The smile at the forward of one expiry: level, volatility, straddle; prices in points."""

    expiry: date
    forward: float
    discount: float
    years: float
    sigma: float
    straddle: float  # mid of call plus put, interpolated at the forward: the expected move


def make_frame(listing: Listing, trading_date: date, rules: Rules) -> Frame:
    """The frame of a listing. Raises DateNotCovered when the trading date itself is not covered."""
    closes = tuple(_expiry_close(expiry, trading_date, rules) for expiry in listing.expiries)
    epoch = np.array([close.timestamp() for close in closes])
    return Frame(listing=listing, grid=StrikeGrid(listing=listing), closes=closes, close_epoch_s=epoch)


def view_market(
    snapshot: ChainSnapshot,
    previous: MarketView | None,
    *,
    trading_date: date,
    capabilities: Capabilities,
    rules: Rules,
    settings: FlagSettings,
    unchanged_s: float = 0.0,
) -> MarketView:
    """Price and judge one snapshot; `previous` is the view before it (None at the first).

    `unchanged_s`: how long not one quote of the chain has changed; it stands in for quote times.
    """
    cadence_s = capabilities.cadence_s
    listing = snapshot.listing
    same_listing = previous is not None and previous.listing.same_as(listing)
    if previous is not None and same_listing:
        frame = previous.frame
    else:
        frame = make_frame(listing, trading_date, rules)
    after_gap = previous is not None and _is_gap(previous.ts, snapshot.ts, cadence_s, settings)
    years = years_to_expiry(frame.close_epoch_s - snapshot.ts.timestamp())
    bid, ask = snapshot.bid, snapshot.ask
    mid = 0.5 * (bid + ask)
    forwards = imply_forwards(listing, bid, ask, years)
    at = listing.expiry_index
    forward, discount, t = forwards.forward[at], forwards.discount[at], years[at]
    iv = implied_vol(mid, forward, listing.strike, t, listing.is_call, discount).sigma
    sigma = _strike_sigma(listing, forward, iv)
    rows = PricedRows(bid=bid, ask=ask, mid=mid, forward=forward, discount=discount)
    flags = flag_quotes(
        frame.grid,
        rows,
        previous_mid=previous.mid if previous is not None and same_listing and not after_gap else None,
        quote_age_s=_quote_age_s(snapshot, capabilities, unchanged_s),
        cadence_s=cadence_s,
        tick=float(rules.contracts.tick(listing.underlying, trading_date)),
        settings=settings,
    )
    return MarketView(
        snapshot=snapshot,
        capabilities=capabilities,
        frame=frame,
        after_gap=after_gap,
        years=years,
        forwards=forwards,
        forward=forward,
        discount=discount,
        mid=mid,
        iv=iv,
        sigma=sigma,
        fair_sigma=_neighbours_sigma(frame.grid, sigma),
        greeks=greeks(forward, listing.strike, t, sigma, listing.is_call, discount),
        flags=flags,
    )


def at_the_money(view: MarketView, expiry: date) -> AtTheMoney | None:
    """Level, volatility and straddle at the forward of one expiry; None where quotes do not pin them."""
    listing = view.listing
    if expiry not in listing.expiries:
        return None
    i = listing.expiries.index(expiry)
    forward = float(view.forwards.forward[i])
    if not math.isfinite(forward):
        return None
    calls, puts = _pairs_of(listing, i)
    known = np.isfinite(view.sigma[calls]) & np.isfinite(view.mid[calls]) & np.isfinite(view.mid[puts])
    calls, puts = calls[known], puts[known]
    if len(calls) < ATM_STRIKES_MIN:
        return None
    strikes = listing.strike[calls]
    if not strikes[0] <= forward <= strikes[-1]:
        return None
    straddle = view.mid[calls] + view.mid[puts]
    return AtTheMoney(
        expiry=expiry,
        forward=forward,
        discount=float(view.forwards.discount[i]),
        years=float(view.years[i]),
        sigma=float(np.interp(forward, strikes, view.sigma[calls])),
        straddle=float(np.interp(forward, strikes, straddle)),
    )


def reference_level(view: MarketView) -> tuple[float | None, str]:
    """The index level and its origin: the source's own, else the nearest forward from parity."""
    if view.snapshot.underlying_ltp is not None:
        return view.snapshot.underlying_ltp, "source"
    for expiry, forward in zip(view.listing.expiries, view.forwards.forward.tolist(), strict=True):
        if math.isfinite(forward):
            return forward, f"forward {expiry.isoformat()} from parity"
    return None, "not available"


def is_same_chain(one: ChainSnapshot, other: ChainSnapshot) -> bool:
    """Whether not one bid or ask differs: a feed that repeats itself looks like this."""
    return (
        one.listing.same_as(other.listing)
        and np.array_equal(one.bid, other.bid, equal_nan=True)
        and np.array_equal(one.ask, other.ask, equal_nan=True)
    )


def _quote_age_s(
    snapshot: ChainSnapshot, capabilities: Capabilities, unchanged_s: float
) -> FloatArray | None:
    if snapshot.quote_age_s is not None:
        return np.maximum(snapshot.quote_age_s, unchanged_s)  # a feed that repeats itself is as old as that
    # Meant to be there: an unknown age is a stale one. Never there: a whole chain that stands still is.
    return np.full(len(snapshot.listing), np.nan if capabilities.quote_time else unchanged_s)


def _is_gap(earlier: datetime, later: datetime, cadence_s: float, settings: FlagSettings) -> bool:
    return (later - earlier).total_seconds() > settings.gap_cadences * cadence_s


def _expiry_close(expiry: date, trading_date: date, rules: Rules) -> datetime:
    try:
        session = rules.calendar.session(expiry)
    except DateNotCovered:
        session = None
    if session is None:
        # Years ahead the session times are not published: today's closing time moves t by minutes in years.
        today = rules.calendar.session(trading_date)
        if today is None:
            raise DateNotCovered("calendar.session", trading_date)
        return datetime.combine(expiry, today.windows[-1][1].timetz())
    return session.windows[-1][1]


def _strike_sigma(listing: Listing, forward: FloatArray, iv: FloatArray) -> FloatArray:
    call, put = listing.pairs
    otm_is_call = listing.strike[call] >= forward[call]
    first = np.where(otm_is_call, iv[call], iv[put])
    second = np.where(otm_is_call, iv[put], iv[call])
    best = np.where(np.isfinite(first), first, second)
    sigma = iv.copy()
    sigma[call] = best
    sigma[put] = best
    return sigma


def _neighbours_sigma(grid: StrikeGrid, sigma: FloatArray) -> FloatArray:
    low, middle, high, weight = grid.triples
    below, above = sigma[low], sigma[high]
    between = weight * below + (1.0 - weight) * above
    one = np.where(np.isfinite(below), below, above)
    fair = np.full(len(sigma), np.nan)
    fair[middle] = np.where(np.isfinite(between), between, one)
    return fair


def _pairs_of(listing: Listing, expiry_index: int) -> tuple[IntArray, IntArray]:
    calls, puts = listing.pairs
    first, last = np.searchsorted(calls, listing.offsets[expiry_index : expiry_index + 2])
    return calls[first:last], puts[first:last]
