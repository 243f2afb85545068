"""The legs of a book as columns, with all that their revaluation needs; or what is missing, by leg."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.measure.confidence import row_confidence
from volguard.measure.exposure_groups import net_positions
from volguard.measure.market_view import MarketView
from volguard.measure.quality import QualitySettings
from volguard.model.book import Position
from volguard.model.instrument import OptionContract
from volguard.model.market import BoolArray, FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StressBook:
    """One row a contract; every column has shape (legs,).

    `units` signed units of the underlying; `forward` and `strike` in points; `years` ACT/365 to the close of
    the expiry day; `sigma` decimal per year; `confidence` in that volatility, in [0, 1]. `by_neighbours`:
    legs whose own strike shows no volatility now, so that the strikes beside it speak for it.
    """

    contracts: tuple[OptionContract, ...]
    units: FloatArray
    forward: FloatArray
    strike: FloatArray
    years: FloatArray
    sigma: FloatArray
    is_call: BoolArray
    discount: FloatArray
    confidence: FloatArray
    by_neighbours: tuple[OptionContract, ...] = ()

    def __post_init__(self) -> None:
        for name in ("forward", "strike", "years", "sigma", "discount"):
            self._require(name, bool(np.all(np.isfinite(getattr(self, name)) & (getattr(self, name) > 0.0))))
        self._require("units", bool(np.all(np.isfinite(self.units))))
        self._require("confidence", bool(np.all((self.confidence >= 0.0) & (self.confidence <= 1.0))))
        self._require("is_call", len(self.is_call) == len(self.contracts))

    def __len__(self) -> int:
        return len(self.contracts)

    @property
    def first_expiry(self) -> date | None:
        """The nearest expiry of any leg; None for an empty book."""
        return min((contract.expiry for contract in self.contracts), default=None)

    def _require(self, name: str, is_good: bool) -> None:
        # A column that is not a figure for every leg would pass through the stress as nan.
        column = getattr(self, name)
        if not is_good or len(column) != len(self.contracts):
            raise ValueError(f"{name} was {column.tolist()}, must be a possible figure for each leg")


@dataclass(frozen=True, slots=True, kw_only=True)
class StressUnavailable:
    """No stress can be given: one reason for each leg that lacks an input."""

    reasons: tuple[str, ...]

    @property
    def text(self) -> str:
        """All reasons on one line."""
        return "; ".join(self.reasons)


def stress_book(
    view: MarketView, positions: Sequence[Position], quality: QualitySettings
) -> StressBook | StressUnavailable:
    """The net legs of positions as the market shows them now, or each leg that cannot be priced.

    The volatility is that of the leg's strike; where nothing shows it, that of the strikes beside it with
    confidence 0. A leg without either, without a forward, settled, or not listed has no stress.
    """
    net = net_positions(positions)
    contracts = tuple(position.contract for position in net)
    rows = [view.row(contract) for contract in contracts]
    reasons = [_missing(view, contract, row) for contract, row in zip(contracts, rows, strict=True)]
    if any(reasons):
        return StressUnavailable(reasons=tuple(reason for reason in reasons if reason))
    at = np.array(rows, dtype=np.int64)
    listing, own = view.listing, view.sigma[at] > 0.0
    return StressBook(
        contracts=contracts,
        units=np.array([position.quantity for position in net], dtype=np.float64),
        forward=view.forward[at],
        strike=listing.strike[at],
        years=view.years[listing.expiry_index[at]],
        sigma=np.where(own, view.sigma[at], view.fair_sigma[at]),
        is_call=listing.is_call[at],
        discount=view.discount[at],
        confidence=_confidence(view, contracts, at.tolist(), quality),
        by_neighbours=tuple(one for one, is_own in zip(contracts, own.tolist(), strict=True) if not is_own),
    )


def _missing(view: MarketView, contract: OptionContract, row: int | None) -> str:
    if row is None:
        return f"{contract.symbol} is not in the chain"
    if not math.isfinite(view.years[view.listing.expiry_index[row]]):
        return f"{contract.symbol} has settled"
    if not math.isfinite(view.forward[row]) or not math.isfinite(view.discount[row]):
        return f"{contract.symbol} has no forward, the quotes of its expiry do not pin one"
    if not (view.sigma[row] > 0.0 or view.fair_sigma[row] > 0.0):
        return f"{contract.symbol} has no volatility, neither its own strike nor those beside it are quoted"
    return ""


def _confidence(
    view: MarketView, contracts: Sequence[OptionContract], rows: Sequence[int], quality: QualitySettings
) -> FloatArray:
    expiries = {contract.expiry for contract in contracts}
    by_expiry = {expiry: row_confidence(view, expiry, quality) for expiry in sorted(expiries)}
    first = {expiry: view.listing.rows_of(expiry).start for expiry in by_expiry}
    return np.array(
        [
            by_expiry[contract.expiry][row - first[contract.expiry]]
            for contract, row in zip(contracts, rows, strict=True)
        ]
    )
