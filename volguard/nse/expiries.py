"""Which expiries exist: weekday rules, roll-back before holidays, and what is listed on a trade date.

Every look-up has two keys. A contract's expiry follows the rule and the holidays that were in force on the
trade date it is asked for: exchanges re-date listed contracts, and holiday lists appear a year at a time.
A scheduled expiry that is no trading day moves to the trading day before it; a muhurat-only day is a holiday.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from itertools import count, islice

from volguard.model.errors import DateNotCovered
from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.nse.calendar import Calendar
from volguard.nse.dated import ONE_DAY, Confidence, Timeline, grouped

QUARTER_MONTHS = (3, 6, 9, 12)
HALF_YEAR_MONTHS = (6, 12)


class Weekday(StrEnum):
    """The weekday of an expiry rule."""

    MON = "MON"
    TUE = "TUE"
    WED = "WED"
    THU = "THU"
    FRI = "FRI"

    @property
    def number(self) -> int:
        """Monday is 0, as in date.weekday()."""
        return list(Weekday).index(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRuleRow:
    """The weekday of expiries scheduled between two dates; no weekday: none exist.

    The M rule (last such weekday of the month) serves quarterly and half-yearly expiries too and begins on
    the first of a month. `known_from` is the first trade date whose listings followed the row; before, the
    row above it was thought to go on.
    """

    underlying: str
    cycle: ExpiryCycle
    valid_from: date
    valid_to: date | None = None
    weekday: Weekday | None = None
    known_from: date | None = None
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingRow:
    """How many expiries of each cycle are listed on a trade date; weeklies leave out the monthly's week."""

    underlying: str
    valid_from: date
    valid_to: date | None = None
    weekly: int
    monthly: int
    quarterly: int
    half_yearly: int
    source: str
    confidence: Confidence


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedExpiry:
    """One expiry; `scheduled` is its date by the weekday rule alone.

    `holiday_checked` False: the holidays of its year were not published then, the date may still move.
    """

    day: date
    cycle: ExpiryCycle
    scheduled: date
    holiday_checked: bool

    @property
    def is_rolled_back(self) -> bool:
        """A holiday moved it."""
        return self.day != self.scheduled


class ExpiryRules:
    """Expiries by rule, as known on a trade date. Outside the tables: DateNotCovered."""

    def __init__(
        self,
        rules: tuple[ExpiryRuleRow, ...],
        listing: tuple[ListingRow, ...],
        calendar: Calendar,
        *,
        checked_from: date,
        checked_until: date,
    ) -> None:
        self._first, self._last, self._calendar = checked_from, checked_until, calendar
        self._rules = rule_timelines(rules, first=checked_from)
        self._listing = listing_timelines(listing, first=checked_from, last=checked_until)
        self._listed: dict[tuple[str, date], tuple[ListedExpiry, ...]] = {}
        self._as_known: dict[tuple[str, ExpiryCycle, date], tuple[ExpiryRuleRow, ...]] = {}

    def listed(self, underlying: Underlying, trade_date: date) -> tuple[ListedExpiry, ...]:
        """Everything listed on a trade date, nearest first."""
        key = (underlying, trade_date)
        if key not in self._listed:
            self._listed[key] = tuple(sorted(self._make_listed(underlying, trade_date), key=_by_day))
        return self._listed[key]

    def between(self, underlying: Underlying, first: date, last: date) -> tuple[ListedExpiry, ...]:
        """Weekly and monthly expiries dated from first to last, each as it finally was."""
        self._require(underlying, first)
        self._require(underlying, last)
        found: list[ListedExpiry] = []
        # A roll-back spans a few closed days at most: look a fortnight past the end, sort, cut.
        for ordinal in range(first.toordinal(), min(last.toordinal() + 14, self._last.toordinal()) + 1):
            scheduled = date.fromordinal(ordinal)
            cycle = self._cycle_scheduled(underlying, scheduled)
            if cycle is not None:
                expiry = self._expiry(cycle, scheduled, known_on=scheduled)
                if first <= expiry.day <= last:
                    found.append(expiry)
        return tuple(sorted(found, key=_by_day))

    def find(self, underlying: Underlying, trade_date: date, expiry: date) -> ListedExpiry:
        """The expiry of that date as known on the trade date, listed or not.

        Raises DateNotCovered when the rules put no expiry on it.
        """
        for listed in self.listed(underlying, trade_date):
            if listed.day == expiry:
                return listed
        for ordinal in range(expiry.toordinal(), expiry.toordinal() + 14):
            scheduled = date.fromordinal(ordinal)
            if self._is_weekly(underlying, scheduled, trade_date):
                weekly = self._expiry(ExpiryCycle.WEEKLY, scheduled, known_on=trade_date)
                if weekly.day == expiry:
                    return weekly
        raise DateNotCovered(
            "contracts.expiry_rule",
            expiry,
            f"an expiry of {underlying} as known on {trade_date}",
            hint="check the underlying and the expiry of this contract against the exchange's contract file",
        )

    def is_monthly(self, underlying: Underlying, expiry: date) -> bool:
        """The expiry ends a month's cycle, by its date or by the one scheduled before a holiday moved it."""
        known_on = min(expiry, self._last)
        monthly = self._monthly(underlying, expiry.year, expiry.month, known_on)
        return expiry in (monthly.day, monthly.scheduled)

    def roll_back(self, scheduled: date, known_on: date) -> date:
        """The last day up to `scheduled` that was expected to be a trading day on `known_on`."""
        day = scheduled
        while not self._calendar.is_expected_open(day, known_on):
            day -= ONE_DAY
        return day

    def _make_listed(self, underlying: Underlying, trade_date: date) -> Iterator[ListedExpiry]:
        self._require(underlying, trade_date)
        counts = self._listing[underlying].at(trade_date)
        yield from islice(self._weeklies(underlying, trade_date), counts.weekly)
        ends = self._month_ends(underlying, trade_date)  # one pass: each cycle begins where the last stopped
        yield from islice(ends, counts.monthly)
        quarters = (expiry for expiry in ends if expiry.scheduled.month in QUARTER_MONTHS)
        for expiry in islice(quarters, counts.quarterly):
            yield replace(expiry, cycle=ExpiryCycle.QUARTERLY)
        halves = (expiry for expiry in ends if expiry.scheduled.month in HALF_YEAR_MONTHS)
        for expiry in islice(halves, counts.half_yearly):
            yield replace(expiry, cycle=ExpiryCycle.HALF_YEARLY)

    def _month_ends(self, underlying: Underlying, trade_date: date) -> Iterator[ListedExpiry]:
        for months in count(12 * trade_date.year + trade_date.month - 1):
            expiry = self._monthly(underlying, months // 12, months % 12 + 1, trade_date)
            if expiry.day >= trade_date:
                yield expiry

    def _weeklies(self, underlying: Underlying, trade_date: date) -> Iterator[ListedExpiry]:
        for ordinal in range(trade_date.toordinal(), trade_date.toordinal() + 366):
            scheduled = date.fromordinal(ordinal)
            if self._is_weekly(underlying, scheduled, trade_date):
                expiry = self._expiry(ExpiryCycle.WEEKLY, scheduled, known_on=trade_date)
                if expiry.day >= trade_date:
                    yield expiry

    def _cycle_scheduled(self, underlying: Underlying, day: date) -> ExpiryCycle | None:
        if self._monthly_scheduled(underlying, day.year, day.month, day) == day:
            return ExpiryCycle.MONTHLY
        return ExpiryCycle.WEEKLY if self._is_weekly(underlying, day, day) else None

    def _is_weekly(self, underlying: Underlying, day: date, known_on: date) -> bool:
        rule = self._rule(underlying, ExpiryCycle.WEEKLY, day, known_on)
        if rule.weekday is None or rule.weekday.number != day.weekday():
            return False
        monday = date.fromordinal(day.toordinal() - day.weekday())
        friday = date.fromordinal(monday.toordinal() + 4)
        months = {(one.year, one.month) for one in (max(monday, self._first), friday)}
        ends = (self._monthly_scheduled(underlying, year, month, known_on) for year, month in months)
        return not any(monday <= end <= friday for end in ends)

    def _monthly(self, underlying: Underlying, year: int, month: int, known_on: date) -> ListedExpiry:
        scheduled = self._monthly_scheduled(underlying, year, month, known_on)
        return self._expiry(ExpiryCycle.MONTHLY, scheduled, known_on=known_on)

    def _monthly_scheduled(self, underlying: Underlying, year: int, month: int, known_on: date) -> date:
        rule = self._rule(underlying, ExpiryCycle.MONTHLY, date(year, month, 1), known_on)
        if rule.weekday is None:
            raise DateNotCovered("contracts.expiry_rule", date(year, month, 1), f"{underlying} M")
        last = (date(year + month // 12, month % 12 + 1, 1) - ONE_DAY).toordinal()
        return date.fromordinal(last - (date.fromordinal(last).weekday() - rule.weekday.number) % 7)

    def _expiry(self, cycle: ExpiryCycle, scheduled: date, *, known_on: date) -> ListedExpiry:
        return ListedExpiry(
            day=self.roll_back(scheduled, known_on),
            cycle=cycle,
            scheduled=scheduled,
            holiday_checked=self._calendar.is_year_known(scheduled.year, known_on),
        )

    def _rule(self, underlying: Underlying, cycle: ExpiryCycle, day: date, known_on: date) -> ExpiryRuleRow:
        self._require(underlying, known_on)
        key = (underlying, cycle, known_on)
        if key not in self._as_known:
            rows = self._rules[underlying, cycle].rows
            self._as_known[key] = tuple(
                row for row in rows if row.known_from is None or row.known_from <= known_on
            )
        for row in reversed(self._as_known[key]):
            if row.valid_from <= day:
                return row
        raise DateNotCovered("contracts.expiry_rule", day, f"{underlying} {cycle}")

    def _require(self, underlying: Underlying, trade_date: date) -> None:
        if underlying not in self._listing:
            raise DateNotCovered("contracts.listing", trade_date, underlying)
        if not self._first <= trade_date <= self._last:
            raise DateNotCovered("contracts", trade_date, f"expiries of {underlying}")


def rule_timelines(
    rules: tuple[ExpiryRuleRow, ...], *, first: date
) -> dict[tuple[str, ExpiryCycle], Timeline[ExpiryRuleRow]]:
    """Weekday rules per underlying and cycle; the last row serves expiries however far ahead.

    Raises ValueError on a gap, an overlap, a cycle other than W and M, or an M row in mid-month.
    """
    for row in rules:
        if row.cycle not in (ExpiryCycle.WEEKLY, ExpiryCycle.MONTHLY):
            raise ValueError(f"expiry_rule {row.underlying} had cycle {row.cycle}, must be W or M")
        if row.cycle is ExpiryCycle.MONTHLY and row.valid_from.day != 1:
            raise ValueError(f"expiry_rule {row.underlying} M begins on {row.valid_from}, in mid-month")
    return {
        key: Timeline(
            "expiry_rule", rows, first=first, last=date.max, key=f"{key[0]} {key[1]}", file="contracts"
        )
        for key, rows in grouped(rules, lambda row: (row.underlying, row.cycle)).items()
    }


def listing_timelines(
    listing: tuple[ListingRow, ...], *, first: date, last: date
) -> dict[str, Timeline[ListingRow]]:
    """Listing counts per underlying. Raises ValueError on a gap or an overlap."""
    return {
        key: Timeline("listing", rows, first=first, last=last, key=key, file="contracts")
        for key, rows in grouped(listing, lambda row: row.underlying).items()
    }


def _by_day(expiry: ListedExpiry) -> date:
    return expiry.day
