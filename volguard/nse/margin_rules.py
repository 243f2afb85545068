"""The clearing corporation's margin parameters by trade date: scans, extreme scenarios, charges, add-ons.

Rates are fractions of value. The figures and their sources stand in margin.toml; how they combine is
`measure.margin`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, TypeVar

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import Underlying
from volguard.nse.dated import Confidence, DatedRow, Timeline, grouped

EWMA_DAYS_PER_YEAR: Final = 365  # how the exchange's own volatility file annualises its daily figure
LONG_DATED_MONTHS: Final = 9
FILE: Final = "margin"


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceScanRow:
    """Price scan of one underlying; `floor_long_dated` for options with more than nine months to live."""

    underlying: str
    valid_from: date
    valid_to: date | None = None
    sigma_multiple: float
    horizon_days: int
    floor: float
    floor_long_dated: float | None = None
    source: str
    confidence: Confidence

    def fraction(self, *, sigma_daily: float, is_long_dated: bool = False) -> float:
        """Scan as a fraction of the index level, from NSE's daily EWMA (decimal per day); nan from nan."""
        if not sigma_daily >= 0.0:
            return math.nan
        floor = self.floor_long_dated if is_long_dated and self.floor_long_dated is not None else self.floor
        return max(self.sigma_multiple * math.sqrt(self.horizon_days) * sigma_daily, floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolScanRow:
    """Volatility scan in points of implied volatility: a share of the annual EWMA, not below a floor."""

    valid_from: date
    valid_to: date | None = None
    ewma_share: float
    floor: float
    source: str
    confidence: Confidence

    def points(self, *, sigma_daily: float) -> float:
        """Decimal points of annual volatility, from NSE's daily EWMA; nan from nan."""
        if not sigma_daily >= 0.0:
            return math.nan
        return max(self.ewma_share * sigma_daily * math.sqrt(EWMA_DAYS_PER_YEAR), self.floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioRow:
    """The two extreme scenarios, and the days by which all contracts age in every scenario."""

    valid_from: date
    valid_to: date | None = None
    extreme_multiple: float
    extreme_cover: float
    look_ahead_days: int
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarSpreadRow:
    """Charge per unit of delta that two expiries hold against each other, of the far contract's value."""

    valid_from: date
    valid_to: date | None = None
    rate_per_month: float
    rate_min: float
    rate_max: float
    expiry_day_benefit: bool
    source: str
    confidence: Confidence

    def rate(self, near: date, far: date) -> float:
        """Fraction of the far contract's value for a spread between two expiries."""
        return min(max(self.rate_per_month * _months_between(near, far), self.rate_min), self.rate_max)


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRateRow:
    """One rate, a fraction of the value it is charged on."""

    valid_from: date
    valid_to: date | None = None
    rate: float
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepOtmRow:
    """Add-on for short options struck further than `distance` from the previous close, as fractions."""

    valid_from: date
    valid_to: date | None = None
    rate: float
    distance: float
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginTables:
    """margin.toml; raises ValueError on a gap, an overlap or a figure out of range, naming table and date."""

    price_scan_from: date
    checked_from: date
    checked_until: date
    price_scan: tuple[PriceScanRow, ...]
    vol_scan: tuple[VolScanRow, ...]
    scenarios: tuple[ScenarioRow, ...]
    short_option_minimum: tuple[MarginRateRow, ...]
    calendar_spread: tuple[CalendarSpreadRow, ...]
    exposure: tuple[MarginRateRow, ...]
    deep_otm: tuple[DeepOtmRow, ...]
    expiry_day: tuple[MarginRateRow, ...]
    upfront_premium: tuple[MarginRateRow, ...]

    def __post_init__(self) -> None:
        _price_scans(self)
        for name, columns in _FRACTIONS.items():
            for row in getattr(self, name):
                _check_fractions(name, row, columns)
        for scan in self.price_scan:
            if scan.sigma_multiple <= 0.0 or scan.horizon_days < 1:
                raise ValueError(
                    f"price_scan from {scan.valid_from}: {scan.sigma_multiple} sigma over "
                    f"{scan.horizon_days} days, must be above 0 over 1 day or more"
                )
        for extreme in self.scenarios:
            if extreme.extreme_multiple <= 1.0 or extreme.look_ahead_days < 0:
                raise ValueError(
                    f"scenarios from {extreme.valid_from}: extreme moves of {extreme.extreme_multiple} scans "
                    f"after {extreme.look_ahead_days} days, must be above 1 after 0 days or more"
                )
        for row in self.calendar_spread:
            if row.rate_min > row.rate_max:
                raise ValueError(
                    f"calendar_spread from {row.valid_from}: rate_min was {row.rate_min}, "
                    f"above rate_max {row.rate_max}"
                )
        for name in _TABLES:
            _timeline(self, name, getattr(self, name))


_FRACTIONS: Final = {
    "price_scan": ("floor", "floor_long_dated"),
    "vol_scan": ("ewma_share", "floor"),
    "scenarios": ("extreme_cover",),
    "short_option_minimum": ("rate",),
    "calendar_spread": ("rate_per_month", "rate_min", "rate_max"),
    "exposure": ("rate",),
    "deep_otm": ("rate", "distance"),
    "expiry_day": ("rate",),
    "upfront_premium": ("rate",),
}
_TABLES: Final = tuple(name for name in _FRACTIONS if name != "price_scan")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRule:
    """All parameters of one underlying on one trade date."""

    day: date
    price_scan: PriceScanRow
    vol_scan: VolScanRow
    scenarios: ScenarioRow
    short_option_minimum: MarginRateRow
    calendar_spread: CalendarSpreadRow
    exposure: MarginRateRow
    deep_otm: DeepOtmRow
    expiry_day: MarginRateRow
    upfront_premium: MarginRateRow

    def price_scan_fraction(self, expiry: date, *, sigma_daily: float) -> float:
        """Price scan of a contract as a fraction of the index level; nan from nan."""
        return self.price_scan.fraction(
            sigma_daily=sigma_daily, is_long_dated=is_long_dated(self.day, expiry)
        )

    def offsets_other_expiries(self, expiry: date) -> bool:
        """Whether a contract may offset, and spread against, other expiries on this date."""
        return self.calendar_spread.expiry_day_benefit or expiry != self.day


class MarginRules:
    """Margin parameters by date; every date outside the tables raises DateNotCovered."""

    def __init__(self, tables: MarginTables) -> None:
        self._first, self._last = tables.checked_from, tables.checked_until
        self._price_scans = _price_scans(tables)
        self._vol_scan = _timeline(tables, "vol_scan", tables.vol_scan)
        self._scenarios = _timeline(tables, "scenarios", tables.scenarios)
        self._minimum = _timeline(tables, "short_option_minimum", tables.short_option_minimum)
        self._calendar = _timeline(tables, "calendar_spread", tables.calendar_spread)
        self._exposure = _timeline(tables, "exposure", tables.exposure)
        self._deep_otm = _timeline(tables, "deep_otm", tables.deep_otm)
        self._expiry_day = _timeline(tables, "expiry_day", tables.expiry_day)
        self._premium = _timeline(tables, "upfront_premium", tables.upfront_premium)

    def on(self, underlying: Underlying, day: date) -> MarginRule:
        """Every parameter of a trade date. Raises DateNotCovered."""
        if not self._first <= day <= self._last:
            raise DateNotCovered(FILE, day)
        return MarginRule(
            day=day,
            price_scan=self.price_scan(underlying, day),
            vol_scan=self._vol_scan.at(day),
            scenarios=self._scenarios.at(day),
            short_option_minimum=self._minimum.at(day),
            calendar_spread=self._calendar.at(day),
            exposure=self._exposure.at(day),
            deep_otm=self._deep_otm.at(day),
            expiry_day=self._expiry_day.at(day),
            upfront_premium=self._premium.at(day),
        )

    def price_scan(self, underlying: Underlying, day: date) -> PriceScanRow:
        """The price scan of an underlying, from 2012 on. Raises DateNotCovered."""
        if underlying not in self._price_scans:
            raise DateNotCovered(f"{FILE}.price_scan", day, underlying)
        return self._price_scans[underlying].at(day)


def is_long_dated(day: date, expiry: date) -> bool:
    """More than nine months to live: the ninth monthly return of the date comes before the expiry."""
    months = _months_between(day, expiry)
    return months > LONG_DATED_MONTHS or (months == LONG_DATED_MONTHS and expiry.day > day.day)


def _months_between(day: date, later: date) -> int:
    return 12 * (later.year - day.year) + later.month - day.month


RowT = TypeVar("RowT", bound=DatedRow)


def _timeline(tables: MarginTables, name: str, rows: Sequence[RowT]) -> Timeline[RowT]:
    return Timeline(name, rows, first=tables.checked_from, last=tables.checked_until, file=FILE)


def _price_scans(tables: MarginTables) -> dict[str, Timeline[PriceScanRow]]:
    return {
        underlying: Timeline(
            "price_scan",
            rows,
            first=tables.price_scan_from,
            last=tables.checked_until,
            key=underlying,
            file=FILE,
        )
        for underlying, rows in grouped(tables.price_scan, lambda row: row.underlying).items()
    }


def _check_fractions(table: str, row: DatedRow, columns: tuple[str, ...]) -> None:
    for column in columns:
        value: float | None = getattr(row, column)
        if value is not None and not 0.0 <= value <= 1.0:
            raise ValueError(
                f"{table} from {row.valid_from}: {column} was {value}, must be a fraction from 0 to 1"
            )
