"""NSE Clearing's published price scans reproduced from NSE's published volatility: the error by year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from volguard.model.instrument import Underlying
from volguard.model.market import FloatArray
from volguard.nse.margin_rules import MarginRules


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedScans:
    """Price scans of one underlying by day, shape (days,).

    The file of a day's start stands on the session before it: `level` is that session's close in points,
    `sigma_daily` its EWMA (the larger of index and future where the exchange applied it), decimal per day.
    """

    underlying: Underlying
    days: Sequence[date]
    level: FloatArray
    sigma_daily: FloatArray
    price_scan: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanErrors:
    """One year: |ours / published - 1| of the price scan over so many days."""

    year: int
    days: int
    median: float
    percentile_99: float
    worst: float
    worst_day: date


def price_scan_errors(scans: PublishedScans, rules: MarginRules) -> tuple[ScanErrors, ...]:
    """Errors by year, ascending. Raises DateNotCovered, ValueError where an error cannot be told."""
    ours = scans.level * np.array(
        [
            rules.price_scan(scans.underlying, day).fraction(sigma_daily=sigma)
            for day, sigma in zip(scans.days, scans.sigma_daily.tolist(), strict=True)
        ]
    )
    errors = np.abs(ours / scans.price_scan - 1.0)
    if not np.isfinite(errors).all():
        raise ValueError(f"price scan of {scans.days[int(np.argmin(np.isfinite(errors)))]} has no error")
    years = np.array([day.year for day in scans.days])
    return tuple(_of_year(int(year), errors, years, scans.days) for year in np.unique(years))


def _of_year(year: int, errors: FloatArray, years: FloatArray, days: Sequence[date]) -> ScanErrors:
    rows = np.flatnonzero(years == year)
    worst = int(rows[np.argmax(errors[rows])])
    return ScanErrors(
        year=year,
        days=len(rows),
        median=float(np.median(errors[rows])),
        percentile_99=float(np.percentile(errors[rows], 99.0)),
        worst=float(errors[worst]),
        worst_day=days[worst],
    )
