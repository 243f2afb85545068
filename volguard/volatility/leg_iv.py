"""Implied volatility of traded condor legs against India VIX, by calendar days to expiry.

Four strikes a day do not pin a forward by put-call parity, so the forward is the spot grown at a stated
carry: F = S e^{carry T}, and the discount is e^{-carry T}.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.pricing.daycount import years_between
from volguard.pricing.implied_vol import implied_vol

ALL_LEGS: Final = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class TradedLeg:
    """One traded price of an option: `name` groups legs; price, strike and spot in points, vix decimal."""

    name: str
    ts: datetime
    expiry_close: datetime
    is_call: bool
    strike: float
    price: float
    spot: float
    vix: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LegIvRow:
    """Legs of one name at one distance; medians are None where no price had a volatility."""

    days_to_expiry: int
    name: str
    legs: int
    solved: int
    iv: float | None
    vix: float | None
    ratio: float | None  # median of leg volatility / India VIX


def leg_ivs(legs: Sequence[TradedLeg], carry: float) -> FloatArray:
    """Volatility of each leg, decimal per year, shape (legs,); nan where its price holds none."""
    years = np.array([years_between(leg.ts, leg.expiry_close) for leg in legs])
    growth = np.exp(carry * years)
    return implied_vol(
        np.array([leg.price for leg in legs]),
        np.array([leg.spot for leg in legs]) * growth,
        np.array([leg.strike for leg in legs]),
        years,
        np.array([leg.is_call for leg in legs], dtype=np.bool_),
        1.0 / growth,
    ).sigma


def leg_iv_table(legs: Sequence[TradedLeg], carry: float) -> tuple[LegIvRow, ...]:
    """Rows by days to expiry and leg name (`ALL_LEGS` first), ascending; `carry` per year, continuous."""
    sigma = leg_ivs(legs, carry)
    vix = np.array([leg.vix for leg in legs])
    days = np.array([(leg.expiry_close.date() - leg.ts.date()).days for leg in legs], dtype=np.int64)
    names = np.array([leg.name for leg in legs], dtype=np.str_)
    rows: list[LegIvRow] = []
    for distance in np.unique(days).tolist():
        here = days == distance
        rows.append(_row(distance, ALL_LEGS, sigma[here], vix[here]))
        for name in np.unique(names[here]).tolist():
            mine = here & (names == name)
            rows.append(_row(distance, name, sigma[mine], vix[mine]))
    return tuple(rows)


def _row(days: int, name: str, sigma: FloatArray, vix: FloatArray) -> LegIvRow:
    known = np.isfinite(sigma) & np.isfinite(vix)
    has_any = bool(np.any(known))
    return LegIvRow(
        days_to_expiry=days,
        name=name,
        legs=len(sigma),
        solved=int(np.isfinite(sigma).sum()),
        iv=float(np.median(sigma[known])) if has_any else None,
        vix=float(np.median(vix[known])) if has_any else None,
        ratio=float(np.median(sigma[known] / vix[known])) if has_any else None,
    )
