"""What a made-up session is given: the exchange's rules as plain values, and the contracts listed by them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final

import numpy as np

from volguard.model.instrument import ExpiryCycle, Underlying
from volguard.model.market import FloatArray, Listing
from volguard.model.units import IST

NEAR_DAYS: Final = 30
MONTH_DAYS: Final = 45
MIDDLE_DAYS: Final = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRules:
    """What the exchange lists and when it is open, as plain values; dates ascending.

    `trading_days` are those before the session (later ones are left alone); `tick` in rupees, `strike_step`
    in points, `lot_size` in units. Raises ValueError for values that make no session.
    """

    underlying: Underlying
    trading_date: date
    open_at: time
    close_at: time
    expiries: tuple[tuple[date, ExpiryCycle], ...]
    lot_size: int
    tick: Decimal
    strike_step: int
    trading_days: tuple[date, ...]

    def __post_init__(self) -> None:
        if self.close_at <= self.open_at:
            raise ValueError(f"close_at was {self.close_at}, must be after open_at {self.open_at}")
        if not self.expiries or min(self.expiries)[0] < self.trading_date:
            raise ValueError(f"expiries must be given, and none before {self.trading_date}")
        if self.lot_size <= 0 or self.strike_step <= 0 or self.tick <= 0:
            raise ValueError("lot_size, strike_step and tick must be above 0")

    @property
    def opens(self) -> datetime:
        """The open, IST."""
        return datetime.combine(self.trading_date, self.open_at, IST)

    @property
    def session_s(self) -> float:
        """Length of the session in seconds."""
        return (datetime.combine(self.trading_date, self.close_at, IST) - self.opens).total_seconds()

    def expires(self, expiry: date) -> datetime:
        """When contracts of an expiry stop: that day's close, taken to be at this session's hour."""
        return datetime.combine(expiry, self.close_at, IST)


def listed_contracts(rules: SessionRules, *spots: float) -> Listing:
    """Call and put of every listed strike: each step within 8 % of the spots, coarser and wider when far.

    Several spots are where the index has been or will go: strikes reach that far beyond the outer two.
    """
    expiries = tuple(sorted({day for day, _ in rules.expiries}))
    strikes = [_strikes((day - rules.trading_date).days, rules.strike_step, spots) for day in expiries]
    per_row = np.repeat(np.concatenate(strikes), 2)
    return Listing(
        underlying=rules.underlying,
        expiries=expiries,
        offsets=np.r_[0, np.cumsum([2 * len(s) for s in strikes])].astype(np.int64),
        strike=per_row,
        is_call=np.arange(len(per_row)) % 2 == 0,
    )


def _strikes(days_left: int, strike_step: int, spots: tuple[float, ...]) -> FloatArray:
    if days_left <= MONTH_DAYS:
        step, reach = strike_step, 0.08 if days_left <= NEAR_DAYS else 0.11
    elif days_left <= MIDDLE_DAYS:
        step, reach = 2 * strike_step, 0.12
    else:
        step, reach = 10 * strike_step, 0.15
    first, last = np.ceil(min(spots) * (1.0 - reach) / step), np.floor(max(spots) * (1.0 + reach) / step)
    strikes: FloatArray = step * np.arange(first, last + 1.0)
    return strikes
