"""The two forms of an NSE F&O bhavcopy line, legacy (to July 2024) and UDiFF (since January 2024).

What they hold was settled on published lines: traded volume in contracts (lots), open interest and its
change in units of the underlying, turnover in rupees (legacy: lakhs) of (strike + premium) x units. A price
of zero means none. UDiFF adds lot size, the underlying's close and the expiry after holidays.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from volguard.adapters.chain_rows import STRIKE_MAX
from volguard.model.instrument import OptionType

INDEX_OPTION: Final = ("OPTIDX", "IDO")
LAKH_INR: Final = 100_000.0
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_ISO: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_WORDED: Final = re.compile(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")

ContractKey = tuple[date, int, OptionType]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionDay:
    """One option contract on one trading date; None where the file does not say or nothing was traded."""

    trade_date: date
    expiry: date
    actual_expiry: date | None
    strike: int
    option_type: OptionType
    open: float | None
    high: float | None
    low: float | None
    close: float | None  # of the day before, or a model's, where nothing was traded
    settle: float | None
    contracts: int  # lots traded
    oi: int  # units
    oi_change: int  # units
    turnover_inr: float
    lot_size: int | None
    underlying_close: float | None

    @property
    def contract(self) -> ContractKey:
        """What names it within an underlying and a day."""
        return self.expiry, self.strike, self.option_type


class BadCell(Exception):
    """A cell that cannot be read, or that contradicts another one."""

    def __init__(self, figure: str, text: str) -> None:
        super().__init__(text)
        self.figure = figure
        self.text = text


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One format: the column of each figure; `spellings` are other names that a column went by."""

    name: str
    columns: Mapping[str, str]
    optional: Mapping[str, str] = field(default_factory=dict)
    spellings: Mapping[str, str] = field(default_factory=dict)
    turnover_unit_inr: float

    def places(self, header: Sequence[str]) -> dict[str, int]:
        """Where each figure stands under this header; figures that are missing are left out."""
        cleaned = [name.strip() for name in header]
        names = [self.spellings.get(name, name) for name in cleaned]
        known = {**self.columns, **self.optional}
        return {figure: names.index(column) for figure, column in known.items() if column in names}

    def missing(self, places: Mapping[str, int]) -> list[str]:
        """Columns that a file of this form must have and does not."""
        return [column for figure, column in self.columns.items() if figure not in places]

    def row(self, cells: Mapping[str, str]) -> OptionDay:
        """The line whose figures have these cells. Raises BadCell."""
        row = OptionDay(
            trade_date=_day(cells, "trade_date"),
            expiry=_day(cells, "expiry"),
            actual_expiry=_day(cells, "actual_expiry") if cells.get("actual_expiry") else None,
            strike=_strike(cells),
            option_type=_option_type(cells),
            open=_price(cells, "open"),
            high=_price(cells, "high"),
            low=_price(cells, "low"),
            close=_price(cells, "close"),
            settle=_price(cells, "settle"),
            contracts=_count(cells, "contracts"),
            oi=_count(cells, "oi"),
            oi_change=_whole(cells, "oi_change"),
            turnover_inr=_number(cells, "turnover") * self.turnover_unit_inr,
            lot_size=_lot(cells) if "lot_size" in cells else None,
            underlying_close=_price(cells, "underlying_close") if "underlying_close" in cells else None,
        )
        _check(row)
        return row


LEGACY: Final = Form(
    name="legacy",
    columns={
        "kind": "INSTRUMENT",
        "underlying": "SYMBOL",
        "trade_date": "TIMESTAMP",
        "expiry": "EXPIRY_DT",
        "strike": "STRIKE_PR",
        "option_type": "OPTION_TYP",
        "open": "OPEN",
        "high": "HIGH",
        "low": "LOW",
        "close": "CLOSE",
        "settle": "SETTLE_PR",
        "contracts": "CONTRACTS",
        "turnover": "VAL_INLAKH",
        "oi": "OPEN_INT",
        "oi_change": "CHG_IN_OI",
    },
    spellings={"OPTIONTYPE": "OPTION_TYP"},
    turnover_unit_inr=LAKH_INR,
)
UDIFF: Final = Form(
    name="UDiFF",
    columns={
        "kind": "FinInstrmTp",
        "underlying": "TckrSymb",
        "trade_date": "TradDt",
        "expiry": "XpryDt",
        "strike": "StrkPric",
        "option_type": "OptnTp",
        "open": "OpnPric",
        "high": "HghPric",
        "low": "LwPric",
        "close": "ClsPric",
        "settle": "SttlmPric",
        "contracts": "TtlTradgVol",
        "turnover": "TtlTrfVal",
        "oi": "OpnIntrst",
        "oi_change": "ChngInOpnIntrst",
        "lot_size": "NewBrdLotQty",
        "underlying_close": "UndrlygPric",
    },
    optional={"actual_expiry": "FininstrmActlXpryDt"},
    turnover_unit_inr=1.0,
)


def form_of(header: Sequence[str]) -> Form | None:
    """Which form a header belongs to, by the columns that only one of them has."""
    names = {name.strip() for name in header}
    return UDIFF if "TckrSymb" in names else LEGACY if {"INSTRUMENT", "SYMBOL"} <= names else None


@lru_cache(maxsize=1024)
def day_of(text: str) -> date | None:
    """A date as 2024-01-25 or 25-Jan-2024, None for anything else."""
    try:
        if match := _ISO.fullmatch(text):
            return date(int(match.group(1)), int(match.group(2)), int(match.group(3)))
        if match := _WORDED.fullmatch(text):
            month = _MONTHS.index(match.group(2).upper()) + 1
            return date(int(match.group(3)), month, int(match.group(1)))
    except ValueError:
        return None
    return None


def _day(cells: Mapping[str, str], figure: str) -> date:
    day = day_of(cells[figure])
    if day is None:
        raise BadCell(figure, f"{cells[figure]!r} is not a date")
    return day


def _number(cells: Mapping[str, str], figure: str) -> float:
    value = _float(cells[figure])
    if not 0.0 <= value < math.inf:
        raise BadCell(figure, f"{cells[figure]!r} is not a number of 0 or more")
    return value


def _float(text: str) -> float:
    # Python's own forms (1_000, infinity) are none of the exchange's.
    return float(text) if _NUMBER.fullmatch(text) else math.nan


def _price(cells: Mapping[str, str], figure: str) -> float | None:
    return _number(cells, figure) or None


def _whole(cells: Mapping[str, str], figure: str) -> int:
    value = _float(cells[figure])
    if not value.is_integer():
        raise BadCell(figure, f"{cells[figure]!r} is not a whole number")
    return int(value)


def _count(cells: Mapping[str, str], figure: str) -> int:
    count = _whole(cells, figure)
    if count < 0:
        raise BadCell(figure, f"{count} is negative")
    return count


def _lot(cells: Mapping[str, str]) -> int:
    lot = _whole(cells, "lot_size")
    if lot < 1:
        raise BadCell("lot_size", f"{lot} is below 1")
    return lot


def _strike(cells: Mapping[str, str]) -> int:
    strike = _whole(cells, "strike")
    if not 0 < strike <= STRIKE_MAX:
        raise BadCell("strike", f"{strike} is no strike")
    return strike


def _option_type(cells: Mapping[str, str]) -> OptionType:
    try:
        return OptionType(cells["option_type"])
    except ValueError:
        raise BadCell("option_type", f"{cells['option_type']!r}, known are CE and PE") from None


def _check(row: OptionDay) -> None:
    if row.expiry < row.trade_date:
        raise BadCell("expiry", f"{row.expiry} is before the trade date {row.trade_date}")
    if row.high is not None and row.low is not None and row.high < row.low:
        raise BadCell("high", f"high {row.high} is below low {row.low}")
    if row.contracts and row.close is None:
        raise BadCell("close", f"no price where {row.contracts} contracts were traded")
