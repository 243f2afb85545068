"""Which expiries of a past date a backtest shows, with the lots, strikes and liquidity of each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np

from volguard.backtest.spread_model import SpreadParameters, liquidity_columns, liquidity_rows
from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.model.market import FloatArray, IntArray
from volguard.nse.contracts import Contracts
from volguard.nse.expiries import ListedExpiry

NEAR_CYCLES: Final = (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NearListing:
    """The expiries shown on one trading date; of each its strike step in points, its lot in units, and a row
    of `liquidity`, shape (expiries, LIQUIDITY_FIELDS).
    """

    expiries: tuple[ListedExpiry, ...]
    steps: tuple[int, ...]
    lots: IntArray
    liquidity: FloatArray


class NearListings:
    """By trading date: the `expiries` nearest weekly and monthly ones, and every monthly one up to
    `monthly_days` calendar days ahead (quarterly and longer contracts are left out).
    """

    def __init__(
        self,
        contracts: Contracts,
        spreads: SpreadParameters,
        *,
        underlying: Underlying,
        expiries: int,
        monthly_days: int,
    ) -> None:
        if expiries < 1:
            raise ValueError(f"expiries was {expiries}, must be 1 or more")
        self._contracts, self._spreads, self._underlying = contracts, spreads, underlying
        self._expiries, self._monthly_days = expiries, monthly_days
        self._made: dict[date, NearListing] = {}

    def on(self, trading_date: date) -> NearListing:
        """Of a date. Raises DateNotCovered where the rules do not list as many expiries."""
        if trading_date not in self._made:
            self._made[trading_date] = self._make(trading_date)
        return self._made[trading_date]

    def _make(self, trading_date: date) -> NearListing:
        contracts, underlying = self._contracts, self._underlying
        near = [one for one in contracts.expiries(underlying, trading_date) if one.cycle in NEAR_CYCLES]
        if len(near) < self._expiries:
            raise DateNotCovered(
                "contracts.listing", trading_date, f"{self._expiries} expiries of {underlying}"
            )
        last = trading_date + timedelta(days=self._monthly_days)
        taken = [
            row
            for row, one in enumerate(near)
            if row < self._expiries or (one.cycle is ExpiryCycle.MONTHLY and one.day <= last)
        ]
        days = [near[row].day for row in taken]
        return NearListing(
            expiries=tuple(near[row] for row in taken),
            steps=tuple(contracts.strike_step(underlying, trading_date, day) for day in days),
            lots=np.array([contracts.lot_size(underlying, trading_date, day) for day in days]),
            liquidity=liquidity_columns(liquidity_rows(self._spreads, near[: taken[-1] + 1]))[taken],
        )
