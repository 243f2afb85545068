"""The exchange's calendar: sessions, holidays and special sessions of the index-options market.

A muhurat-only day (one ceremonial hour) is a session but no trading day: it neither carries an expiry nor
counts in variance. Full weekend sessions are trading days.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from itertools import accumulate
from typing import Literal

from volguard.model.errors import DateNotCovered
from volguard.model.units import IST, seconds_between
from volguard.nse.dated import ONE_DAY, Confidence, Timeline

Window = tuple[datetime, datetime]
FRIDAY = 4


class SessionKind(StrEnum):
    """What sort of session a day has."""

    REGULAR = "regular"
    SPECIAL = "special"
    MUHURAT = "muhurat"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionTimeRow:
    """Continuous trading of options on ordinary days; from `closing_auction_from` the index is in auction."""

    valid_from: date
    valid_to: date | None = None
    open_at: time
    close_at: time
    closing_auction_from: time | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class HolidayRow:
    """A weekday closure; `known_from` is set where it was declared after the year's list."""

    day: date
    kind: Literal["full", "muhurat_only"]
    known_from: date | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialSessionRow:
    """A day with hours of its own; no `windows` means that the times are not known."""

    day: date
    kind: Literal["special", "muhurat"]
    windows: tuple[tuple[time, time], ...] | None = None
    reason: str
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class YearRow:
    """Check sums of a year, and the first trade date on which listed expiries reflected its holidays.

    `weekday_sessions` counts weekdays without a full closure (muhurat hours included), `special_sessions`
    the rows of special_session; without `known_from` the list counts as known ever since.
    """

    year: int
    weekday_sessions: int
    special_sessions: int
    known_from: date | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedHolidayRow:
    """A holiday of the same date every year: all that is known of years not yet published."""

    month: int
    day: int
    name: str
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarTables:
    """calendar.toml; raises ValueError on a gap, an overlap, or a row too many or too few."""

    checked_from: date
    checked_until: date
    session_time: tuple[SessionTimeRow, ...]
    year: tuple[YearRow, ...]
    holiday: tuple[HolidayRow, ...]
    special_session: tuple[SpecialSessionRow, ...]
    fixed_holiday: tuple[FixedHolidayRow, ...]

    def __post_init__(self) -> None:
        _session_times(self)
        _check_unique("holiday", [row.day for row in self.holiday])
        _check_unique("special_session", [row.day for row in self.special_session])
        days = [*(row.day for row in self.holiday), *(row.day for row in self.special_session)]
        for day in days:
            if not self.checked_from <= day <= self.checked_until:
                raise ValueError(f"holiday or special_session on {day} lies outside the calendar")
        _check_holidays(self)
        _check_years(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One day's trading hours: windows of (open, close), aware IST, in order."""

    day: date
    kind: SessionKind
    windows: tuple[Window, ...]
    closing_auction_from: datetime | None

    @property
    def seconds(self) -> float:
        """Length of all windows."""
        return sum(seconds_between(open_at, close_at) for open_at, close_at in self.windows)


class Calendar:
    """Answers about days and hours; every date outside the tables raises DateNotCovered."""

    def __init__(self, tables: CalendarTables) -> None:
        self._first, self._last = tables.checked_from, tables.checked_until
        self._times = _session_times(tables)
        self._holidays = {row.day: row for row in tables.holiday}
        self._special = {row.day: row for row in tables.special_session}
        self._fixed = frozenset((row.month, row.day) for row in tables.fixed_holiday)
        self._year_known_from = {row.year: row.known_from for row in tables.year}
        self._days = tuple(day for day in _each_day(self._first, self._last) if self._is_full(day))
        self._day_set = frozenset(self._days)
        self._sessions: dict[date, Session | None] = {}
        lengths = [session.seconds for session in map(self.session, self._days) if session is not None]
        self._seconds_before = [0.0, *accumulate(lengths)]

    def session(self, day: date) -> Session | None:
        """The day's session, None on weekends and holidays.

        Raises DateNotCovered outside the calendar, and for a special session whose times are not known.
        """
        if day not in self._sessions:
            self._sessions[day] = self._make_session(day)
        return self._sessions[day]

    def is_trading_day(self, day: date) -> bool:
        """A regular or full special session is held; the muhurat hour alone does not count."""
        self._require(day)
        return day in self._day_set

    def is_expiry_candidate(self, day: date) -> bool:
        """An expiry may fall on this day: any trading day, a weekend session too, but no muhurat-only day."""
        return self.is_trading_day(day)

    def is_year_known(self, year: int, known_on: date) -> bool:
        """Whether listings of a trade date already reflected the holidays of a year."""
        if year not in self._year_known_from:
            return False
        known_from = self._year_known_from[year]
        return known_from is None or known_from <= known_on

    def is_expected_open(self, day: date, known_on: date) -> bool:
        """Whether the day was a possible expiry by what was published on `known_on`.

        Of a year without a published list only weekends and fixed-date holidays are known.
        """
        if not self.is_year_known(day.year, known_on):
            return day.weekday() <= FRIDAY and (day.month, day.day) not in self._fixed
        holiday = self._holidays.get(day)
        if holiday is not None and holiday.known_from is not None and known_on < holiday.known_from:
            return True
        return day in self._day_set

    @property
    def last_day(self) -> date:
        """The last date that it covers."""
        return self._last

    def previous_trading_day(self, day: date) -> date:
        """The last trading day strictly before. Raises DateNotCovered when the calendar begins later."""
        self._require(day)
        index = bisect_left(self._days, day)
        if index == 0:
            raise DateNotCovered("calendar", day, "a trading day before")
        return self._days[index - 1]

    def next_trading_day(self, day: date) -> date:
        """The first trading day strictly after. Raises DateNotCovered when the calendar ends before it."""
        self._require(day)
        index = bisect_right(self._days, day)
        if index == len(self._days):
            raise DateNotCovered("calendar", day, "a trading day after")
        return self._days[index]

    def trading_days(self, first: date, last: date) -> tuple[date, ...]:
        """Trading days from first to last, both inclusive; () when last is before first."""
        self._require(first)
        self._require(last)
        return self._days[bisect_left(self._days, first) : bisect_right(self._days, last)]

    def open_seconds(self, from_ts: datetime, to_ts: datetime) -> float:
        """Session seconds of trading days between two aware instants, negative when `to_ts` is earlier."""
        return self._elapsed(to_ts) - self._elapsed(from_ts)

    def _elapsed(self, ts: datetime) -> float:
        if ts.tzinfo is None:
            raise ValueError(f"{ts} has no time zone, session time needs one")
        day = ts.astimezone(IST).date()
        self._require(day)
        before = self._seconds_before[bisect_left(self._days, day)]
        session = self.session(day) if day in self._day_set else None
        if session is None:
            return before
        return before + sum(
            seconds_between(open_at, min(max(ts, open_at), close_at)) for open_at, close_at in session.windows
        )

    def _make_session(self, day: date) -> Session | None:
        self._require(day)
        special = self._special.get(day)
        if special is not None:
            if special.windows is None:
                raise DateNotCovered(
                    "calendar.special_session", day, f"the times of the {special.kind} session"
                )
            return Session(
                day=day,
                kind=SessionKind(special.kind),
                windows=tuple((_at(day, start), _at(day, end)) for start, end in special.windows),
                closing_auction_from=None,
            )
        if not self._is_full(day):
            return None
        row = self._times.at(day)
        auction = row.closing_auction_from
        return Session(
            day=day,
            kind=SessionKind.REGULAR,
            windows=((_at(day, row.open_at), _at(day, row.close_at)),),
            closing_auction_from=None if auction is None else _at(day, auction),
        )

    def _is_full(self, day: date) -> bool:
        special = self._special.get(day)
        if special is not None:
            return special.kind == "special"
        return day.weekday() <= FRIDAY and day not in self._holidays

    def _require(self, day: date) -> None:
        if not self._first <= day <= self._last:
            raise DateNotCovered("calendar", day)


def _at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=IST)


def _each_day(first: date, last: date) -> tuple[date, ...]:
    return tuple(date.fromordinal(n) for n in range(first.toordinal(), last.toordinal() + 1))


def _session_times(tables: CalendarTables) -> Timeline[SessionTimeRow]:
    return Timeline(
        "session_time",
        tables.session_time,
        first=tables.checked_from,
        last=tables.checked_until,
        file="calendar",
    )


def _check_unique(table: str, days: list[date]) -> None:
    for day in days:
        if days.count(day) > 1:
            raise ValueError(f"{table} {day} is given twice")


def _check_holidays(tables: CalendarTables) -> None:
    muhurat = {row.day for row in tables.special_session if row.kind == "muhurat"}
    open_all_day = {row.day for row in tables.special_session if row.kind == "special"}
    for row in tables.holiday:
        if row.day.weekday() > FRIDAY:
            raise ValueError(f"holiday {row.day} falls on a weekend")
        if row.day in open_all_day or (row.kind == "full" and row.day in muhurat):
            raise ValueError(f"holiday {row.day} has a special_session too")
    muhurat_only = {row.day for row in tables.holiday if row.kind == "muhurat_only"}
    weekday_muhurat = {day for day in muhurat if day.weekday() <= FRIDAY}
    for day in sorted(muhurat_only ^ weekday_muhurat):
        raise ValueError(f"holiday {day}: muhurat_only here and muhurat in special_session go together")


def _check_years(tables: CalendarTables) -> None:
    years = range(tables.checked_from.year, tables.checked_until.year + 1)
    if [row.year for row in tables.year] != list(years):
        raise ValueError(f"year must have one row each from {years[0]} to {years[-1]}, in order")
    if (tables.checked_from, tables.checked_until) != (date(years[0], 1, 1), date(years[-1], 12, 31)):
        raise ValueError("checked_from and checked_until must be the first and last day of a year")
    closed = {row.day for row in tables.holiday if row.kind == "full"}
    for row in tables.year:
        days = _each_day(date(row.year, 1, 1), date(row.year + 1, 1, 1) - ONE_DAY)
        sessions = sum(day.weekday() <= FRIDAY and day not in closed for day in days)
        special = sum(session.day.year == row.year for session in tables.special_session)
        if (sessions, special) != (row.weekday_sessions, row.special_sessions):
            raise ValueError(
                f"year {row.year}: rows give {sessions} weekday and {special} special sessions, "
                f"declared are {row.weekday_sessions} and {row.special_sessions}"
            )
