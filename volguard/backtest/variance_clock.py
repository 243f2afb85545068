"""The time that variance runs by: sessions with the night before them, what is left of today, closed days.

Implied variance does not run by the calendar: a weekend holds less of it than a session does, and the rest of
a session less than a session with the night before it. How much less is for a model to say; here is counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from itertools import accumulate
from typing import Final

import numpy as np

from volguard.model.errors import DateNotCovered
from volguard.model.market import BoolArray, FloatArray, IntArray
from volguard.nse.calendar import Calendar
from volguard.pricing.daycount import FLOOR_S, years_to_expiry


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TimeLeft:
    """What lies between a moment and expiries, all of one shape.

    `years` ACT/365 to the close of the expiry day, floored at five minutes, nan after it; `session_left`
    share of today's session still to come, 0 to 1; `sessions` whole sessions after today, the expiry day's
    among them; `closed_days` days without a session until then.
    """

    years: FloatArray
    session_left: FloatArray
    sessions: FloatArray
    closed_days: FloatArray

    def take(self, rows: BoolArray | IntArray) -> TimeLeft:
        """The given rows of every column."""
        return TimeLeft(**{name: getattr(self, name)[rows] for name in TIME_FIELDS})


TIME_FIELDS: Final = tuple(field.name for field in fields(TimeLeft))


class VarianceClock:
    """Counts the time left from any moment to any expiry of the calendar; DateNotCovered outside it."""

    def __init__(self, calendar: Calendar, first: date, last: date) -> None:
        self._calendar, self._first, self._last = calendar, first.toordinal(), last.toordinal()
        open_days = {day.toordinal() for day in calendar.trading_days(first, last)}
        self._opened = list(
            accumulate(ordinal in open_days for ordinal in range(self._first, self._last + 1))
        )
        self._close_s: dict[date, float] = {}
        self._windows_s: dict[date, tuple[tuple[float, float], ...]] = {}

    def left(self, ts: datetime, expiries: Sequence[date]) -> TimeLeft:
        """Time left from an aware moment to each expiry's close, shape (expiries,)."""
        rows = self.lefts([ts], [expiries])
        return TimeLeft(**{name: getattr(rows, name)[0] for name in TIME_FIELDS})

    def lefts(self, times: Sequence[datetime], expiries: Sequence[Sequence[date]]) -> TimeLeft:
        """Time left from each moment to its own expiries, as many for each, shape (moments, expiries)."""
        seconds, share, sessions, days = [], [], [], []
        for ts, ends in zip(times, expiries, strict=True):
            today, now_s = ts.date(), ts.timestamp()
            opened, to_come, floor = self._opened_to(today), *self._session_left(now_s, today)
            seconds.append([self.close_s(end) - now_s for end in ends])
            sessions.append([self._opened_to(end) - opened for end in ends])
            days.append([(end - today).days for end in ends])
            share.append([max(to_come, floor) if end == today else to_come for end in ends])
        opened_days = np.array(sessions, dtype=np.float64)
        return TimeLeft(
            years=years_to_expiry(np.array(seconds)),
            session_left=np.array(share, dtype=np.float64),
            sessions=opened_days,
            closed_days=np.array(days, dtype=np.float64) - opened_days,
        )

    def close_s(self, day: date) -> float:
        """`close` in seconds since 1970."""
        if day not in self._close_s:
            self._close_s[day] = self.close(day).timestamp()
        return self._close_s[day]

    def close(self, day: date) -> datetime:
        """When contracts that expire on a day stop trading.

        A day that was a session when the contract was listed and a holiday later (late holidays move listed
        expiries) is given the hours of the session before it. Raises DateNotCovered outside the calendar.
        """
        session = self._calendar.session(day)
        if session is not None:
            return session.windows[-1][1]
        before = self._calendar.session(self._calendar.previous_trading_day(day))
        if before is None:
            raise DateNotCovered("calendar.session", day, "an expiry, which needs the hours of a session")
        return datetime.combine(day, before.windows[-1][1].timetz())

    def _opened_to(self, day: date) -> int:
        if not self._first <= day.toordinal() <= self._last:
            raise DateNotCovered("calendar", day, "the variance clock")
        return self._opened[day.toordinal() - self._first]

    # Share of the session still to come, and the share that five minutes are: on an expiry day these count
    # at least, as in the day count.
    def _session_left(self, now_s: float, today: date) -> tuple[float, float]:
        if today not in self._windows_s:
            self._windows_s[today] = self._make_windows_s(today)
        windows = self._windows_s[today]
        if not windows:
            return 0.0, 0.0
        whole = sum(closes - opens for opens, closes in windows)
        to_come = sum(max(0.0, closes - max(now_s, opens)) for opens, closes in windows)
        return to_come / whole, FLOOR_S / whole

    def _make_windows_s(self, day: date) -> tuple[tuple[float, float], ...]:
        session = self._calendar.session(day)
        if session is None or not self._calendar.is_trading_day(day):
            return ()
        return tuple((opens.timestamp(), closes.timestamp()) for opens, closes in session.windows)
