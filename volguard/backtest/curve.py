"""The account from session to session: net liquidation values, and the returns between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from volguard.model.errors import UsageError
from volguard.model.market import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EquityCurve:
    """Net liquidation value after each session; a value that is not known is nan, never the one before.

    start   value before the first session, in the unit of `values`
    days    the sessions, rising, (n,)
    values  value at the close of each, (n,): rupees, or any unit where only returns are known
    """

    start: float
    days: tuple[date, ...]
    values: FloatArray

    @property
    def sessions(self) -> int:
        """How many sessions there are."""
        return len(self.days)

    @property
    def wealth(self) -> FloatArray:
        """The start and the values after it, (n + 1,)."""
        return np.concatenate(([self.start], self.values))

    @property
    def returns(self) -> FloatArray:
        """Simple return of each session, decimal, (n,). Means something only where `fault` finds none."""
        wealth = self.wealth
        with np.errstate(all="ignore"):
            return np.asarray(wealth[1:] / wealth[:-1] - 1.0)

    @property
    def week_starts(self) -> tuple[int, ...]:
        """Rows of the first session of each ISO week (Monday to Sunday), rising."""
        weeks = [day.isocalendar()[:2] for day in self.days]
        return tuple(row for row, week in enumerate(weeks) if row == 0 or week != weeks[row - 1])

    @property
    def fault(self) -> str:
        """Why no return can be told from it, or nothing."""
        if not self.days:
            return "there is no session"
        wealth = self.wealth
        missing = np.flatnonzero(~np.isfinite(wealth))
        if len(missing):
            return f"{len(missing)} of {len(wealth)} values missing, the first {self._place(missing[0])}"
        gone = np.flatnonzero(wealth <= 0.0)
        if len(gone):
            return f"the account was worth {wealth[gone[0]]:.2f} {self._place(gone[0])}"
        return ""

    def _place(self, row: int) -> str:
        return f"on {self.days[row - 1].isoformat()}" if row else "at the start"


def curve_of_values(days: Sequence[date], values: ArrayLike, *, start: float) -> EquityCurve:
    """A curve of net liquidation values (n,) at the closes of the days. Raises UsageError on unequal lengths
    and on days that do not rise.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (len(days),):
        raise UsageError(f"{len(days)} days came with values of shape {array.shape}")
    for before, after in pairwise(days):
        if after <= before:
            raise UsageError(f"{after.isoformat()} comes after {before.isoformat()}: days must rise")
    return EquityCurve(start=float(start), days=tuple(days), values=array)


def curve_of_returns(days: Sequence[date], returns: ArrayLike) -> EquityCurve:
    """A curve that begins at 1 and makes these simple returns (n,), decimal. Raises UsageError as above."""
    array = np.asarray(returns, dtype=np.float64)
    return curve_of_values(days, np.cumprod(1.0 + array), start=1.0)
