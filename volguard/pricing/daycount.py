"""Time to expiry: actual days over 365, to the second, never below five minutes while the option lives."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.model.units import seconds_between

SECONDS_PER_DAY: Final = 86_400.0
DAYS_PER_YEAR: Final = 365.0
SECONDS_PER_YEAR: Final = DAYS_PER_YEAR * SECONDS_PER_DAY
FLOOR_S: Final = 300.0


def years_to_expiry(seconds_to_close: FloatArray | float) -> FloatArray:
    """ACT/365 years from seconds to the close of the expiry day, same shape (a scalar gives a 0-d array).

    The last five minutes count as five minutes. After the close the contract is settled and has no time
    value to speak of: a negative number of seconds gives nan, as nan does.
    """
    seconds = np.asarray(seconds_to_close, dtype=np.float64)
    floored = np.where(seconds >= 0.0, np.maximum(seconds, FLOOR_S), np.nan)
    return np.asarray(floored / SECONDS_PER_YEAR)


def years_between(ts: datetime, expiry_close_ts: datetime) -> float:
    """ACT/365 years from `ts` to the close of the expiry day, both timezone-aware; nan after the close."""
    return float(years_to_expiry(seconds_between(ts, expiry_close_ts)))
