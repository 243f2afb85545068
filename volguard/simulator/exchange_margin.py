"""What the simulator's broker blocks for a book: by the margin engine, or a flat share without a market."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np

from volguard.measure.margin import Holdings, IndexState, Margin, margin_of
from volguard.measure.margin_scan import Contracts
from volguard.model.instrument import OptionContract, OptionType, Underlying
from volguard.model.market import DailyBar, FloatArray
from volguard.nse.margin_rules import MarginRule, MarginRules
from volguard.simulator.priced_chain import PricedChain
from volguard.volatility.ewma_nse import sigma_after

CACHE_MAX: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked:
    """Margin of a book in rupees, by component."""

    span_inr: float = 0.0
    exposure_inr: float = 0.0
    additional_inr: float = 0.0  # deep out of the money, and on the day of expiry

    @property
    def total_inr(self) -> float:
        """All components."""
        return self.span_inr + self.exposure_inr + self.additional_inr


NOTHING: Final = Blocked()
Units = Mapping[OptionContract, int]


class MarginDesk:
    """Margins of one underlying on one date.

    `index` are its daily bars before the date: without enough of them the price scan is its floor. A book
    with a leg that has no market is asked the floor of the scan and the exposure on every unit sold, hedged
    or not. Raises DateNotCovered outside the margin tables.
    """

    def __init__(
        self, rules: MarginRules, underlying: Underlying, day: date, index: tuple[DailyBar, ...]
    ) -> None:
        self._rule: MarginRule = rules.on(underlying, day)
        closes = np.array([bar.close for bar in index])
        sigma = sigma_after([bar.day for bar in index], closes) if len(index) else None
        self._sigma_daily = 0.0 if sigma is None else sigma
        self._previous_close = index[-1].close if index else None
        self._known: dict[tuple[tuple[OptionContract, int], ...], Blocked] = {}
        self._known_of: PricedChain | None = None

    def of(self, units: Units, chain: PricedChain | None) -> Blocked:
        """Margin of signed units on a market (None: there was none yet)."""
        key = tuple((contract, count) for contract, count in units.items() if count)
        if not key:
            return NOTHING
        if chain is not self._known_of or len(self._known) >= CACHE_MAX:
            self._known, self._known_of = {}, chain
        if key not in self._known:
            self._known[key] = self._blocked(dict(key), chain)
        return self._known[key]

    def _blocked(self, units: Units, chain: PricedChain | None) -> Blocked:
        level = chain.spot if chain is not None else math.nan
        if chain is None or not math.isfinite(level):
            return self._flat(units, level)
        close = self._previous_close if self._previous_close is not None else level
        index = IndexState(spot=level, previous_close=close, sigma_daily=self._sigma_daily)
        margin = margin_of(holdings_at(units, chain), index, self._rule)
        if not isinstance(margin, Margin):
            return self._flat(units, level)
        return Blocked(
            span_inr=round(margin.span_inr, 2),
            exposure_inr=round(margin.exposure_inr, 2),
            additional_inr=round(margin.deep_otm_inr + margin.expiry_day_inr, 2),
        )

    def _flat(self, units: Units, level: float) -> Blocked:
        value = sum(
            -count * (level if math.isfinite(level) else float(contract.strike))
            for contract, count in units.items()
            if count < 0
        )
        scan = self._rule.price_scan.fraction(sigma_daily=self._sigma_daily)
        return Blocked(
            span_inr=round(scan * value, 2), exposure_inr=round(self._rule.exposure.rate * value, 2)
        )


def holdings_at(units: Units, chain: PricedChain) -> Holdings:
    """Signed units with the market of their strikes; nan where a contract is not listed."""
    contracts = list(units)
    rows = [chain.snapshot.listing.row(contract) for contract in contracts]

    def column(values: FloatArray) -> FloatArray:
        return np.array([math.nan if row is None else float(values[row]) for row in rows])

    return Holdings(
        expiries=tuple(contract.expiry for contract in contracts),
        units=np.array([float(count) for count in units.values()]),
        contracts=Contracts(
            is_future=np.zeros(len(contracts), dtype=np.bool_),
            is_call=np.array([contract.option_type is OptionType.CALL for contract in contracts]),
            strike=np.array([float(contract.strike) for contract in contracts]),
            forward=column(chain.forward),
            t=column(chain.years),
            sigma=column(chain.sigma),
            discount=column(chain.discount),
        ),
    )
