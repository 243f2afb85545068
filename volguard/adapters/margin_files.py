"""The clearing corporation's published price scans, each with the close and the volatility behind it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from volguard.adapters.volatility_files import dated_figures
from volguard.measure.margin_price_scan import PublishedScans
from volguard.model.errors import DataError
from volguard.model.instrument import Underlying

SCAN_COLUMNS: Final = ("price_scan",)
VOLATILITY_COLUMNS: Final = ("spot_prev", "sigma_applicable")


def read_published_scans(scans: Path, volatility: Path) -> Mapping[str, PublishedScans]:
    """Scans of each symbol by date; a day without the volatility of the session before it is left out.

    `scans` has the columns date, symbol, price_scan (points); `volatility` date, symbol, spot_prev (points)
    and sigma_applicable (decimal per day). CSV or compressed CSV. Raises DataError naming file, line and
    column, or that no day is in both files.
    """
    by_symbol, sigmas = dated_figures(scans, SCAN_COLUMNS), dated_figures(volatility, VOLATILITY_COLUMNS)
    found = {
        symbol: _joined(symbol, by_symbol[symbol], sigmas[symbol]) for symbol in by_symbol if symbol in sigmas
    }
    known = {symbol: one for symbol, one in found.items() if one.days}
    if not known:
        raise DataError(
            f"{scans} and {volatility} have no day in common", hint="give files of the same years"
        )
    return known


def _joined(
    symbol: str, scans: Mapping[date, tuple[float, ...]], volatility: Mapping[date, tuple[float, ...]]
) -> PublishedScans:
    days = [(before, day) for before, day in pairwise(volatility) if day in scans]
    return PublishedScans(
        underlying=Underlying(symbol),
        days=[day for _, day in days],
        level=np.array([volatility[day][0] for _, day in days]),
        sigma_daily=np.array([volatility[before][1] for before, _ in days]),
        price_scan=np.array([scans[day][0] for _, day in days]),
    )
