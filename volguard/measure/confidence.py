"""Greek confidence in [0, 1] per option: the vendor's volatility against ours, their basis cancelled.

A vendor that works from another rate, day count or level of the underlying is off in a way that all strikes
share, and that is no disagreement. Shared are a constant in volatility, and what a forward that differs by
dF does to each strike: at the same price, its volatility differs by delta x dF / vega (to first order). Both
are fitted to the out-of-the-money options by least absolute errors weighted by vega, so that a strange strike
does not bend what the others are judged by. What is left over, as a share of our volatility, is divergence.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from volguard.measure.market_view import MarketView
from volguard.measure.quality import QualitySettings
from volguard.model.instrument import OptionContract
from volguard.model.market import BoolArray, FloatArray
from volguard.model.units import figure
from volguard.pricing.quote_flags import QuoteFlag

_STALE: Final = int(QuoteFlag.STALE)
POINTS_PER_VOL: Final = 100.0
# A basis takes two figures from the witnesses: with fewer of them each would vouch for itself.
WITNESSES_MIN: Final = 6
WITNESSES_PER_SIDE_MIN: Final = 2
# What a rate, dividends and the time of a print can move a forward by. Beyond these bounds the vendor looks
# at another market than we do, and that is no basis.
FORWARD_RATE_MAX: Final = 0.10  # per year
FORWARD_SHARE_MIN: Final = 0.001
SIGMA_SHARE_MAX: Final = 0.5  # of our volatility; a day count shifts it by less
FIT_ROUNDS: Final = 12
EXPIRIES_KEPT: Final = 8
FIT_FLOOR: Final = 1e-4  # residuals in volatility below which a strike pulls no harder


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What vendor and we differ by at every strike; volatility a decimal per year, forward in points.

    `forward_points`: ours less the one that the vendor's figures agree with.
    """

    sigma: float
    forward_points: float
    witnesses: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ExpiryConfidence:
    """One expiry: columns of shape (rows of the expiry,), read-only. `basis` None: too few to judge by.

    `divergence` is a share of our volatility, nan where nobody witnesses the strike.
    """

    value: FloatArray
    divergence: FloatArray
    basis: Basis | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LegConfidence:
    """One leg with what was held against it; `divergence` None: no witness. Empty `reason`: nothing."""

    contract: OptionContract
    value: float
    divergence: float | None
    reason: str


# Orders, stress and strategy ask the same of one look: a view does not change once it is made.
@lru_cache(maxsize=EXPIRIES_KEPT)
def expiry_confidence(view: MarketView, expiry: date, settings: QualitySettings) -> ExpiryConfidence:
    """Confidence of each row of an expiry: call and put of a strike share the figure of the strike.

    A divergence of `vendor_divergence_max` gives 0.5, twice that 0; a stale quote, or the first look after a
    hole, halves it. A vendor figure that is absent or zero is no witness, not a divergence; a strike without
    a volatility has no Greeks to believe: 0.
    """
    rows = view.listing.rows_of(expiry)
    ours = view.sigma[rows]
    basis, divergence = _divergence(view, rows)
    doubt = np.nan_to_num(divergence) / settings.vendor_divergence_max
    value: FloatArray = np.maximum(0.0, 1.0 - 0.5 * doubt)
    value[_is_stale(view, rows)] *= 0.5
    value[~np.isfinite(ours)] = 0.0
    for column in (value, divergence):
        column.setflags(write=False)
    return ExpiryConfidence(value=value, divergence=divergence, basis=basis)


def row_confidence(view: MarketView, expiry: date, settings: QualitySettings) -> FloatArray:
    """Confidence in [0, 1] of each row of an expiry, shape (rows of the expiry,)."""
    return expiry_confidence(view, expiry, settings).value


def least_confidence(
    view: MarketView, expiry: date, by_row: FloatArray, contracts: Sequence[OptionContract]
) -> float:
    """The least of the legs' rows, given `row_confidence` of their expiry; 0 when one is not listed there."""
    rows = view.listing.rows_of(expiry)
    found = [view.row(contract) for contract in contracts]
    return min((_at(by_row, row, rows) for row in found), default=1.0)


def leg_confidences(
    view: MarketView, contracts: Sequence[OptionContract], settings: QualitySettings
) -> tuple[LegConfidence, ...]:
    """Confidence of each leg, of any expiry, with what was held against it."""
    expiries = sorted({contract.expiry for contract in contracts})
    judged = {expiry: expiry_confidence(view, expiry, settings) for expiry in expiries}
    return tuple(_leg(view, contract, judged[contract.expiry]) for contract in contracts)


def _leg(view: MarketView, contract: OptionContract, judged: ExpiryConfidence) -> LegConfidence:
    row, rows = view.row(contract), view.listing.rows_of(contract.expiry)
    if row is None:
        return LegConfidence(contract=contract, value=0.0, divergence=None, reason="not listed")
    value, divergence = _at(judged.value, row, rows), _at(judged.divergence, row, rows)
    reasons = []
    if not math.isfinite(view.sigma[row]):
        reasons.append("the strike has no volatility")
    if math.isfinite(divergence) and divergence > 0.0:
        reasons.append(f"the vendor's volatility diverges by {divergence:.1%}")
    if _is_stale(view, slice(row, row + 1))[0]:
        reasons.append("the quote is stale")
    return LegConfidence(
        contract=contract,
        value=value,
        divergence=divergence if math.isfinite(divergence) else None,
        reason=", ".join(reasons) if value < 1.0 else "",
    )


def _at(column: FloatArray, row: int | None, rows: slice) -> float:
    if row is None or not rows.start <= row < rows.stop:
        return 0.0
    return figure(float(column[row - rows.start]))


def _is_stale(view: MarketView, rows: slice) -> BoolArray:
    stale: BoolArray = (view.flags[rows] & _STALE) != 0
    return stale | view.after_gap


def _divergence(view: MarketView, rows: slice) -> tuple[Basis | None, FloatArray]:
    ours, theirs = view.sigma[rows], view.snapshot.vendor_iv[rows]
    is_call = view.listing.is_call[rows]
    is_otm: BoolArray = (view.listing.strike[rows] >= view.forward[rows]) == is_call
    difference = np.where(theirs > 0.0, theirs, np.nan) - ours
    vega = view.greeks.vega_per_pt[rows]
    is_witness = is_otm & np.isfinite(difference) & (vega > 0.0)
    nobody = np.full(len(ours), np.nan)
    if np.count_nonzero(is_witness) < WITNESSES_MIN:
        return None, nobody
    per_point = view.greeks.delta[rows][is_witness] / (POINTS_PER_VOL * vega[is_witness])
    first = int(np.argmax(is_witness)) + rows.start
    basis = _fitted_basis(
        difference[is_witness],
        per_point,
        vega[is_witness],
        is_call[is_witness],
        sigma_max=SIGMA_SHARE_MAX * _weighted_median(ours[is_witness], vega[is_witness]),
        forward_max=_forward_max(view, first),
    )
    shared = basis.sigma + basis.forward_points * per_point
    nobody[is_witness] = np.abs(difference[is_witness] - shared) / ours[is_witness]
    return basis, _by_strike(view, rows, nobody)


def _forward_max(view: MarketView, row: int) -> float:
    years = float(view.years[view.listing.expiry_index[row]])
    return float(view.forward[row]) * (FORWARD_SHARE_MIN + FORWARD_RATE_MAX * years)


def _fitted_basis(
    difference: FloatArray,
    per_point: FloatArray,
    vega: FloatArray,
    is_call: BoolArray,
    *,
    sigma_max: float,
    forward_max: float,
) -> Basis:
    calls = int(np.count_nonzero(is_call))
    is_two_sided = min(calls, len(is_call) - calls) >= WITNESSES_PER_SIDE_MIN
    points = 0.0  # one side alone cannot tell a forward from a constant
    if is_two_sided:
        points = float(np.clip(_least_absolute(difference, per_point, vega), -forward_max, forward_max))
    sigma = _weighted_median(difference - points * per_point, vega)
    sigma = min(max(sigma, -sigma_max), sigma_max)
    return Basis(sigma=figure(sigma), forward_points=figure(points), witnesses=len(difference))


def _least_absolute(difference: FloatArray, per_point: FloatArray, vega: FloatArray) -> float:
    # Least absolute errors by reweighted least squares (Schlossmacher 1973): the slope of the line.
    weight = vega.copy()
    slope = 0.0
    for _ in range(FIT_ROUNDS):
        total = weight.sum()
        x_mean, y_mean = weight @ per_point / total, weight @ difference / total
        x, y = per_point - x_mean, difference - y_mean
        slope = float((weight * x) @ y / ((weight * x) @ x))
        weight = vega / np.maximum(np.abs(y - slope * x), FIT_FLOOR)
    return slope


def _weighted_median(values: FloatArray, weight: FloatArray) -> float:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(reached, 0.5 * reached[-1])])


def _by_strike(view: MarketView, rows: slice, of_otm: FloatArray) -> FloatArray:
    # Both options of a strike have one volatility, so they have one witness: the out-of-the-money one.
    calls, puts = view.listing.pairs
    inside = (calls >= rows.start) & (puts < rows.stop)
    call, put = calls[inside] - rows.start, puts[inside] - rows.start
    shared = np.where(np.isfinite(of_otm[call]), of_otm[call], of_otm[put])
    by_strike = of_otm.copy()
    by_strike[call] = shared
    by_strike[put] = shared
    return by_strike
