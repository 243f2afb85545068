"""Whole option chains from a level of the index, India VIX and the recent range: listing, prices, touch.

Expiries and strikes follow the dated rules of the trading date. What the model does not know is said so:
volume and open interest are 0, last trades and vendor volatilities nan, and no quote is missing but bids that
would lie below a tick. Prices of a chain are modelled: whoever reports on them says so, with the error that
`model_error` measures.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Final

import numpy as np

from volguard.backtest.chain_model import STATE_FIELDS, ChainModelParameters, MarketState, smiles
from volguard.backtest.near_listing import NearListings
from volguard.backtest.spread_model import (
    Liquidity,
    SpreadParameters,
    size_units,
    spread_share,
    touch,
    whole_lots,
)
from volguard.backtest.variance_clock import VarianceClock
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying
from volguard.model.market import ChainSnapshot, FloatArray, IntArray, Listing
from volguard.nse.contracts import Contracts
from volguard.pricing.black76 import price

RIGHTS: Final = np.array([True, False])  # a call before its put
_SIDES: Final = np.array([1.0, -1.0])
BLOCK: Final = 64  # chains made at once: their arrays stay in the cache


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelledValues:
    """Theory of chains: `mid` in points (moments, expiries, strikes, call and put), before spread and tick;
    `sigma` decimal per year and `depth` ln(K/F) in standard deviations, (moments, expiries, strikes)."""

    mid: FloatArray
    sigma: FloatArray
    depth: FloatArray


class ModelledChains:
    """Makes listings and snapshots; `carry(day)` is the forward's growth over the index, continuous per year.

    `expiries` nearest weekly and monthly expiries are listed, and every monthly one up to `monthly_days`
    calendar days ahead (quarterly and longer contracts are not modelled); `strikes` strikes each, an odd
    number around the money.
    """

    def __init__(
        self,
        *,
        parameters: ChainModelParameters,
        spreads: SpreadParameters,
        contracts: Contracts,
        clock: VarianceClock,
        underlying: Underlying,
        carry: Callable[[date], float],
        expiries: int = 2,
        monthly_days: int = 0,
        strikes: int = 81,
    ) -> None:
        if strikes < 1 or strikes % 2 == 0:
            raise ValueError(f"strikes was {strikes}, must be 1 or more, and odd")
        self._parameters, self._contracts = parameters, contracts
        self._clock, self._underlying, self._carry = clock, underlying, carry
        self._strikes = strikes
        self._listed = NearListings(
            contracts, spreads, underlying=underlying, expiries=expiries, monthly_days=monthly_days
        )

    def listing(self, trading_date: date, level: float, held: Collection[int] = ()) -> Listing:
        """Contracts of a trading date with strikes around `level`, as far out as those of `held` lie.

        Raises DateNotCovered outside the rules, DataError where strikes would not be positive.
        """
        terms = self._listed.on(trading_date)
        half = self._strikes // 2
        if held:
            far = max(abs(strike - level) for strike in held)
            half = max(half, *(math.ceil(far / step) + 1 for step in terms.steps))
        lowest = [step * (round(level / step) - half) for step in terms.steps]
        if min(lowest) <= 0:
            raise DataError(
                f"{2 * half + 1} strikes around {level} on {trading_date} reach below 0",
                hint="ask for fewer strikes",
            )
        count = 2 * half + 1
        ladder = np.arange(count, dtype=np.float64)
        ladders = [low + step * ladder for low, step in zip(lowest, terms.steps, strict=True)]
        return Listing(
            underlying=self._underlying,
            expiries=tuple(expiry.day for expiry in terms.expiries),
            offsets=np.arange(len(ladders) + 1) * 2 * count,
            strike=np.repeat(np.concatenate(ladders), 2),
            is_call=np.tile(RIGHTS, len(ladders) * count),
        )

    def values(
        self, times: Sequence[datetime], state: MarketState, listings: Sequence[Listing]
    ) -> ModelledValues:
        """Theoretical prices at each moment of what is listed then; fields of `state` are (moments,).

        Every listing has as many expiries and strikes as the first. Raises DataError naming the moment at
        which something that the model needs is not above 0, or a listed expiry has closed.
        """
        _require_known(times, state)
        left = self._clock.lefts(times, [listing.expiries for listing in listings])
        closed = np.isnan(left.years).any(axis=1)
        if closed.any():
            at = int(np.flatnonzero(closed)[0])
            raise DataError(
                f"expiry {listings[at].expiries[0]} had closed before {times[at]}",
                hint="end the day at its close",
            )
        found = smiles(self._parameters, state.column, left)
        carry = np.array([self._carry(ts.date()) for ts in times])[:, None, None]
        years = left.years[..., None]
        discount = np.exp(-carry * years)
        forward = state.level[:, None, None] / discount
        strike = np.stack([listing.strike[::2] for listing in listings]).reshape(
            len(times), len(listings[0].expiries), -1
        )
        k = np.log(strike / forward)
        theta = found.theta[..., None]
        sigma = replace(found, theta=theta).volatility(k, years)
        gap = discount * (forward - strike)
        # The out-of-the-money side is priced, parity gives the other exactly: C - P = D (F - K).
        outside = price(forward, strike, years, sigma, strike >= forward, discount)
        mid = np.stack((outside + np.maximum(gap, 0.0), outside + np.maximum(-gap, 0.0)), axis=-1)
        return ModelledValues(mid=mid, sigma=sigma, depth=k / np.sqrt(theta))

    def snapshots(
        self, times: Sequence[datetime], state: MarketState, listings: Sequence[Listing]
    ) -> list[ChainSnapshot]:
        """Chains at moments of one day or of many, as `values` with a touch around them. Raises DataError."""
        _require_known(times, state)
        made: list[ChainSnapshot] = []
        for first in range(0, len(times), BLOCK):
            rows = np.arange(first, min(first + BLOCK, len(times)))
            part = slice(first, first + BLOCK)
            made += self._block(times[part], state.take(rows), listings[part])
        return made

    def _block(
        self, times: Sequence[datetime], state: MarketState, listings: Sequence[Listing]
    ) -> list[ChainSnapshot]:
        bid, ask, bid_qty, ask_qty = self._quotes(times, self.values(times, state, listings))
        rows = bid.shape[1]
        zeros = np.zeros(rows, dtype=np.int64)
        unknown, ages = np.full(rows, np.nan), np.zeros(rows)
        levels, vix = state.level.tolist(), state.vix.tolist()
        return [
            ChainSnapshot(
                ts=ts,
                listing=listing,
                bid=bid[i],
                bid_qty=bid_qty[i],
                ask=ask[i],
                ask_qty=ask_qty[i],
                ltp=unknown,
                volume=zeros,
                oi=zeros,
                vendor_iv=unknown,
                quote_age_s=ages,
                underlying_ltp=levels[i],
                vix=vix[i],
            )
            for i, (ts, listing) in enumerate(zip(times, listings, strict=True))
        ]

    # All of shape (moments, rows).
    def _quotes(
        self, times: Sequence[datetime], values: ModelledValues
    ) -> tuple[FloatArray, FloatArray, IntArray, IntArray]:
        terms = [self._listed.on(ts.date()) for ts in times]
        liquidity = Liquidity.of(np.stack([one.liquidity for one in terms])[:, :, None, None])
        depth = values.depth[..., None] * _SIDES
        tick = self._contracts.tick(self._underlying, times[0].date())
        bid, ask = touch(values.mid, spread_share(liquidity, depth) * values.mid, tick)
        lots = np.stack([one.lots for one in terms])[:, :, None, None]
        size = whole_lots(size_units(liquidity, depth), lots)
        flat = (len(times), -1)
        bid_qty = np.where(np.isnan(bid), 0, size)
        return bid.reshape(flat), ask.reshape(flat), bid_qty.reshape(flat), size.reshape(flat)


def _require_known(times: Sequence[datetime], state: MarketState) -> None:
    for name in STATE_FIELDS:
        values = getattr(state, name)
        if values.shape != (len(times),):
            raise ValueError(f"{name} had the shape {values.shape}, must be ({len(times)},)")
        bad = np.flatnonzero(~(np.isfinite(values) & (values > 0.0)))
        if len(bad):
            at = int(bad[0])
            raise DataError(
                f"{name} was {values[at]} at {times[at]}, must be above 0",
                hint="leave the day out, or give the history that it needs",
            )
