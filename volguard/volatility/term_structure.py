"""The term structure of at-the-money volatility at constant maturities.

Total variance sigma^2 T is linear in T between listed expiries, so volatilities of unlike expiries compare.
Contango = far above near, the usual state; backwardation = near above far, stress. Volatility is a decimal
per year, maturities calendar days, T ACT/365.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.pricing.daycount import DAYS_PER_YEAR

MATURITIES_DAYS: Final = (7, 14, 30, 60)
FLAT_WITHIN: Final = 0.0025  # volatility between far and near; the noise of an at-the-money volatility


class TermShape(StrEnum):
    """Far against near."""

    CONTANGO = "CONTANGO"
    FLAT = "FLAT"
    BACKWARDATION = "BACKWARDATION"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True, kw_only=True)
class TermPoint:
    """Volatility at one constant maturity; None with the reason where the listed expiries do not reach it."""

    days: int
    volatility: float | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForwardVariance:
    """Variance per year between two maturities (days); negative means calendar arbitrage in the quotes."""

    from_days: float
    to_days: float
    variance: float

    @property
    def volatility(self) -> float | None:
        """Forward volatility; None where the variance is negative."""
        return math.sqrt(self.variance) if self.variance >= 0.0 else None


@dataclass(frozen=True, slots=True, kw_only=True)
class TermStructure:
    """Constant maturities and what they say; None where a maturity that it needs is missing.

    `slope` = farthest minus nearest known maturity; `slope_per_30_days` the same per 30 days; `curvature` =
    middle minus the straight line between the ends of the first three known maturities.
    """

    points: tuple[TermPoint, ...]
    forward_variances: tuple[ForwardVariance, ...]  # between the listed expiries
    shape: TermShape
    slope: float | None
    slope_per_30_days: float | None
    curvature: float | None

    def at(self, days: int) -> float | None:
        """Volatility of one of the maturities."""
        return next((point.volatility for point in self.points if point.days == days), None)


def term_structure(
    years: FloatArray, sigma: FloatArray, maturities_days: tuple[int, ...] = MATURITIES_DAYS
) -> TermStructure:
    """From T and at-the-money volatility per listed expiry, shape (expiries,); nan entries are left out.

    Expiries may come in any order; of two with the same T the first counts.
    """
    t, total = _known(years, sigma)
    points = tuple(_point(days, t, total) for days in maturities_days)
    known = [(point.days, point.volatility) for point in points if point.volatility is not None]
    slope = None if len(known) < 2 else known[-1][1] - known[0][1]
    return TermStructure(
        points=points,
        forward_variances=_forward_variances(t, total),
        shape=_shape(slope),
        slope=slope,
        slope_per_30_days=None if slope is None else slope * 30.0 / (known[-1][0] - known[0][0]),
        curvature=_curvature(known[:3]),
    )


def constant_maturity(years: FloatArray, sigma: FloatArray, days: float) -> float | None:
    """Volatility at a maturity in days; None outside the listed range."""
    return _point(days, *_known(years, sigma)).volatility


def _known(years: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
    good = np.isfinite(years) & np.isfinite(sigma) & (np.nan_to_num(years) > 0.0)
    t, first = np.unique(years[good], return_index=True)
    return t, sigma[good][first] ** 2 * t


def _point(days: float, t: FloatArray, total: FloatArray) -> TermPoint:
    at = days / DAYS_PER_YEAR
    if not len(t):
        return TermPoint(days=int(days), volatility=None, reason="no expiry has a volatility")
    if not t[0] <= at <= t[-1]:
        listed = f"{t[0] * DAYS_PER_YEAR:.1f} to {t[-1] * DAYS_PER_YEAR:.1f} days"
        return TermPoint(days=int(days), volatility=None, reason=f"outside the listed expiries, {listed}")
    return TermPoint(days=int(days), volatility=math.sqrt(float(np.interp(at, t, total)) / at), reason=None)


def _forward_variances(t: FloatArray, total: FloatArray) -> tuple[ForwardVariance, ...]:
    days = (t * DAYS_PER_YEAR).tolist()
    steps = (np.diff(total) / np.diff(t)).tolist()
    return tuple(
        ForwardVariance(from_days=days[i], to_days=days[i + 1], variance=step) for i, step in enumerate(steps)
    )


def _shape(slope: float | None) -> TermShape:
    if slope is None:
        return TermShape.UNKNOWN
    if abs(slope) <= FLAT_WITHIN:
        return TermShape.FLAT
    return TermShape.CONTANGO if slope > 0.0 else TermShape.BACKWARDATION


def _curvature(known: list[tuple[int, float]]) -> float | None:
    if len(known) < 3:
        return None
    (near_days, near), (middle_days, middle), (far_days, far) = known
    return middle - (near + (far - near) * (middle_days - near_days) / (far_days - near_days))
