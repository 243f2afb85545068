"""NSE's daily volatility, the EWMA behind margins: reproduced one step ahead from its own published file.

sigma_t^2 = lambda sigma_{t-1}^2 + (1 - lambda) r_t^2, r the log return of the closes, sigma per day (not per
year). lambda is 0.94 until May 2020 and 0.995 since 1 June 2020 (SEBI/HO/MRD2/DCAP/CIR/P/2020/27). On that
day NSE restarted from a history smoothed with the new lambda; how long a history is not published, so this
one row cannot follow from the row before it. It is set beside the file's own history smoothed anew (the error
says how close that comes) and is no part of the one-step figures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np

from volguard.model.market import FloatArray

LAMBDA_CHANGED_ON: Final = date(2020, 6, 1)
LAMBDA_BEFORE: Final = 0.94
LAMBDA_SINCE: Final = 0.995
WARM_UP_SESSIONS: Final = 250
CLOSE_TOLERANCE: Final = 0.05  # index points: the file's own rounding


class EwmaRow(StrEnum):
    """How a row of the file follows from the row before it."""

    FIRST = "first"  # nothing before it
    ONE_STEP = "one_step"
    AFTER_MISSING_DAY = "after_missing_day"  # its previous close is not the close of the row before
    LAMBDA_CHANGE = "lambda_change"  # restarted from a history smoothed with the new lambda


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PublishedVolatility:
    """Columns of the file for one symbol, by date, shape (rows,): closes in points, sigma decimal per day."""

    days: Sequence[date]
    close: FloatArray
    previous_close: FloatArray
    sigma: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingDay:
    """A session the file does not have, seen from the close that the next row remembers."""

    after: date  # last row before it
    before: date  # first row after it
    close: float  # of the missing session, as the next row states it
    error: float  # of the next row when the recursion is taken through the missing session


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EwmaCheck:
    """Per row what one step gives and its kind; `error` = |given - published|, nan for the first row."""

    reproduced: FloatArray
    error: FloatArray
    kinds: tuple[EwmaRow, ...]
    missing: tuple[MissingDay, ...]

    @property
    def worst_one_step(self) -> float:
        """Largest error of the rows that follow from the row before; nan when there are none."""
        return self._worst(EwmaRow.ONE_STEP)

    @property
    def restart_error(self) -> float:
        """Error of the row of the lambda's change; nan where the rows do not span it."""
        return self._worst(EwmaRow.LAMBDA_CHANGE)

    def _worst(self, kind: EwmaRow) -> float:
        errors = [e for e, k in zip(self.error.tolist(), self.kinds, strict=True) if k is kind]
        return max(errors, default=math.nan)


def lambda_on(day: date) -> float:
    """The weight of yesterday's variance that NSE used on a date."""
    return LAMBDA_SINCE if day >= LAMBDA_CHANGED_ON else LAMBDA_BEFORE


def next_sigma(sigma: float, log_return: float, lambda_: float) -> float:
    """One step of the recursion; sigma per day."""
    return math.sqrt(lambda_ * sigma * sigma + (1.0 - lambda_) * log_return * log_return)


def sigma_after(days: Sequence[date], closes: FloatArray) -> float | None:
    """NSE's volatility per day after the last close, from daily closes alone; None with too few.

    All returns are weighted by the lambda of the last day, as NSE did when it changed. The recursion begins
    from the mean square of its first WARM_UP_SESSIONS returns, NSE's own began longer ago: they draw together
    by half in 138 sessions.
    """
    returns = np.diff(np.log(closes))
    if len(returns) < WARM_UP_SESSIONS or not np.all(np.isfinite(returns)):
        return None
    first = returns[:WARM_UP_SESSIONS]
    sigma = math.sqrt(float(first @ first) / WARM_UP_SESSIONS)
    weight = lambda_on(days[-1])
    for move in returns[WARM_UP_SESSIONS:].tolist():
        sigma = next_sigma(sigma, move, weight)
    return sigma


def check_published(rows: PublishedVolatility) -> EwmaCheck:
    """Reproduce each row from the one before; missing sessions are found, listed and not hidden.

    Raises ValueError when dates do not ascend.
    """
    days = list(rows.days)
    if any(later <= earlier for earlier, later in pairwise(days)):
        raise ValueError("dates of the volatility file do not ascend, or one is given twice")
    close, previous, sigma = rows.close.tolist(), rows.previous_close.tolist(), rows.sigma.tolist()
    given = np.full(len(days), np.nan)
    kinds = [EwmaRow.FIRST] * min(1, len(days))
    missing: list[MissingDay] = []
    for i in range(1, len(days)):
        weight, move = lambda_on(days[i]), math.log(close[i] / previous[i])
        given[i] = next_sigma(sigma[i - 1], move, weight)
        if abs(previous[i] - close[i - 1]) > CLOSE_TOLERANCE:
            kinds.append(EwmaRow.AFTER_MISSING_DAY)
            hidden = next_sigma(sigma[i - 1], math.log(previous[i] / close[i - 1]), weight)
            error = abs(next_sigma(hidden, move, weight) - sigma[i])
            missing.append(MissingDay(after=days[i - 1], before=days[i], close=previous[i], error=error))
        elif lambda_on(days[i - 1]) != weight:
            kinds.append(EwmaRow.LAMBDA_CHANGE)
            given[i] = _smoothed_anew(close, previous, sigma[0], i, weight)
        else:
            kinds.append(EwmaRow.ONE_STEP)
    error_by_row = np.abs(given - rows.sigma)
    return EwmaCheck(reproduced=given, error=error_by_row, kinds=tuple(kinds), missing=tuple(missing))


def _smoothed_anew(
    close: list[float], previous: list[float], start: float, until: int, lambda_: float
) -> float:
    # Through missing sessions too: their close stands in the row after them.
    level = start
    for i in range(1, until + 1):
        if abs(previous[i] - close[i - 1]) > CLOSE_TOLERANCE:
            level = next_sigma(level, math.log(previous[i] / close[i - 1]), lambda_)
        level = next_sigma(level, math.log(close[i] / previous[i]), lambda_)
    return level
