"""A day's path from its four prices: open, the nearer extreme, the other extreme, close.

Daily bars do not say when the extremes came. What is assumed is stated and the same for every day: which came
first is told by a hash of the date, so that neither tells where the day will close; they came at a third and
at two thirds of the session; between the four prices the index went straight. No price is passed that the bar
does not hold, and nothing is drawn at random. A result on such paths is one of many that the bars allow:
stops and short-leg breaches between the looks can come earlier or later than they did.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from volguard.model.errors import DataError
from volguard.model.market import DailyBar, FloatArray

TURNS: Final = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0)  # shares of the session at which the four prices stand


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPath:
    """Looks of one day: `times` ascending, `level` of the index at each in points.

    In between it goes straight from turn to turn: `turns_s` seconds after `opens`, at the levels of `prices`.
    """

    times: tuple[datetime, ...]
    level: FloatArray
    opens: datetime
    turns_s: FloatArray
    prices: FloatArray

    @property
    def closes(self) -> datetime:
        """When the day is over."""
        return self.opens + timedelta(seconds=float(self.turns_s[-1]))

    def level_at(self, ts: datetime) -> float:
        """The index at any moment of the day, in points."""
        return float(np.interp((ts - self.opens).total_seconds(), self.turns_s, self.prices))


def path_of_bar(bar: DailyBar, opens: datetime, closes: datetime, every_s: float) -> DayPath:
    """A look at the open and then every so many seconds, the last before the close.

    Raises DataError where the bar does not hold all four prices or contradicts itself, ValueError for times
    that make no session.
    """
    length_s = (closes - opens).total_seconds()
    if not 0.0 < every_s <= length_s:
        raise ValueError(f"every_s was {every_s}, must be in (0, {length_s:.0f}]")
    at_s = np.arange(0.0, length_s, every_s)
    turns_s, prices = np.array(TURNS) * length_s, _four(bar)
    return DayPath(
        times=tuple(opens + timedelta(seconds=second) for second in at_s.tolist()),
        level=np.interp(at_s, turns_s, prices),
        opens=opens,
        turns_s=turns_s,
        prices=prices,
    )


def _four(bar: DailyBar) -> FloatArray:
    first, high, low, last = bar.open, bar.high, bar.low, bar.close
    if first is None or high is None or low is None:
        raise DataError(
            f"the bar of {bar.day.isoformat()} has its close alone",
            hint="a path needs open, high and low: leave the day out, or give a file that has them",
        )
    if not 0.0 < low <= min(first, last) <= max(first, last) <= high < np.inf:
        raise DataError(
            f"the bar of {bar.day.isoformat()} contradicts itself: open {first}, high {high}, low {low}, "
            f"close {last}",
            hint="mend the file, or leave the day out",
        )
    turns = (high, low) if sees_high_first(bar.day) else (low, high)
    return np.array([first, *turns, last])


def sees_high_first(day: date) -> bool:
    """Whether the high of a day is taken to come before its low: as often as not."""
    return hashlib.blake2b(day.isoformat().encode(), digest_size=1).digest()[0] % 2 == 0
