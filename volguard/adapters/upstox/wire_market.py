"""The market's own facts on the wire: status, hours of a day, holidays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

import msgspec

from volguard.adapters.upstox.times import parse_day, parse_time
from volguard.adapters.upstox.wire_values import Word


class MarketWord(StrEnum):
    """Where an exchange is in its day; the words of the closing auction exist since August 2026."""

    PRE_OPEN_START = "PRE_OPEN_START"
    PRE_OPEN_END = "PRE_OPEN_END"
    NORMAL_OPEN = "NORMAL_OPEN"
    NORMAL_CLOSE = "NORMAL_CLOSE"
    CLOSING_START = "CLOSING_START"
    CLOSING_END = "CLOSING_END"


class StatusData(msgspec.Struct, kw_only=True, frozen=True):
    """`data` of the market status; a word that is not known is no open market."""

    exchange: str
    status: str
    last_updated: Word | None = None
    cas_eligible_status: str | msgspec.UnsetType | None = msgspec.UNSET

    def __post_init__(self) -> None:
        parse_time(self.last_updated)

    @property
    def is_open(self) -> bool:
        """Continuous trading is going on."""
        return self.status == MarketWord.NORMAL_OPEN

    @property
    def updated_at(self) -> datetime | None:
        """Since when the word stands, aware IST."""
        return parse_time(self.last_updated)


class HoursRow(msgspec.Struct, kw_only=True, frozen=True):
    """One exchange's hours of a day: of the timings, and of a holiday's open exchanges."""

    exchange: str
    start_time: Word
    end_time: Word

    def __post_init__(self) -> None:
        opens_at, closes_at = self.window
        if not opens_at < closes_at:
            raise ValueError(f"{self.exchange}: start_time {opens_at} is not before end_time {closes_at}")

    @property
    def window(self) -> tuple[datetime, datetime]:
        """Open and close, aware IST. Raises ValueError when one is not there."""
        opens_at, closes_at = parse_time(self.start_time), parse_time(self.end_time)
        if opens_at is None or closes_at is None:
            raise ValueError(f"{self.exchange}: start_time or end_time was empty")
        return opens_at, closes_at


class HolidayRow(msgspec.Struct, kw_only=True, frozen=True):
    """One entry of the holiday list. Its type says little: exchanges may be open on a TRADING_HOLIDAY."""

    date_text: str = msgspec.field(name="date")
    description: str | None = None
    holiday_type: str | None = None
    closed_exchanges: list[str]
    open_exchanges: list[HoursRow]

    def __post_init__(self) -> None:
        parse_day(self.date_text)

    @property
    def day(self) -> date:
        """The date."""
        return parse_day(self.date_text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    """What the list says of one exchange on a day: hours of its own, or closed (None)."""

    day: date
    description: str
    window: tuple[datetime, datetime] | None


def holidays_of(rows: Iterable[HolidayRow], exchange: str) -> dict[date, Holiday]:
    """Days on which an exchange is closed or has hours of its own, by who is closed and who is open.

    Hours win over closed: a day of one evening session names the exchange in both lists. A row that names it
    in neither, as of a settlement holiday, says nothing of it.
    """
    found: dict[date, Holiday] = {}
    for row in rows:
        hours = next((open_.window for open_ in row.open_exchanges if open_.exchange == exchange), None)
        if hours is not None or exchange in row.closed_exchanges:
            found[row.day] = Holiday(day=row.day, description=row.description or "", window=hours)
    return found


def hours_of(rows: Iterable[HoursRow], exchange: str) -> tuple[datetime, datetime] | None:
    """An exchange's hours among a day's timings; None: closed."""
    return next((row.window for row in rows if row.exchange == exchange), None)
