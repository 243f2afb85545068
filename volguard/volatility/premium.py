"""The variance risk premium: implied against forecast total variance up to one expiry, in session time.

Implied total variance is sigma^2 T (ACT/365). The forecast's is the sum over the sessions left: what is left
of today by the intraday profile, then whole sessions from close to close (overnight and weekend gaps inside).
Both are then quoted as volatility per 252 sessions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from volguard.model.market import FloatArray
from volguard.nse.calendar import Calendar, Session
from volguard.volatility.rank import z_score
from volguard.volatility.realized import SESSIONS_PER_YEAR

HISTORY_SESSIONS: Final = 252
# Shares of one close-to-close variance from the NIFTY 50 one-minute bars of 2024 (`intraday_profile` over its
# 244 full sessions gives them): from the last close to the open, then each 15 minutes from 09:15 to 15:30.
OVERNIGHT_SHARE: Final = 0.2312
QUARTER_HOUR_SHARES: Final = (
    0.0921, 0.0605, 0.0582, 0.0449, 0.0403, 0.0295, 0.0282, 0.0231, 0.0214, 0.0221, 0.0200, 0.0181, 0.0213,
    0.0232, 0.0223, 0.0164, 0.0196, 0.0198, 0.0179, 0.0257, 0.0249, 0.0282, 0.0274, 0.0428, 0.0210,
)  # fmt: skip
BUCKETS: Final = len(QUARTER_HOUR_SHARES)


@dataclass(frozen=True, slots=True, kw_only=True)
class VariancePremium:
    """Implied against forecast over the same sessions; volatilities per 252 sessions.

    `z` compares the spread with the last sessions of the same constant-maturity spread; None without them.
    """

    sessions: float
    implied_variance: float
    forecast_variance: float
    implied: float
    forecast: float
    spread: float
    ratio: float
    z: float | None


def share_left(session: Session, now: datetime) -> float:
    """Share of a session's close-to-close variance still to come at `now`: 1 before the day, 0 at the close.

    Before the open of the same day the overnight move counts as made. A session of another length carries
    the profile stretched over its open hours.
    """
    if now.date() < session.day:
        return 1.0
    gone = 0.0
    for open_at, close_at in session.windows:
        gone += max(0.0, (min(now, close_at) - open_at) / timedelta(seconds=1))
    place = min(1.0, gone / session.seconds) * BUCKETS
    before = np.concatenate(([0.0], np.cumsum(QUARTER_HOUR_SHARES)))
    whole = float(before[-1])
    left = 1.0 - float(np.interp(place, np.arange(BUCKETS + 1), before)) / whole
    return (1.0 - OVERNIGHT_SHARE) * left


def session_gone(calendar: Calendar, now: datetime) -> float:
    """Share of the running session's close-to-close variance that is over; 0 outside a trading day."""
    session = calendar.session(now.date())
    if session is None or not calendar.trading_days(now.date(), now.date()):
        return 0.0
    return 1.0 - share_left(session, now)


def sessions_of_variance(calendar: Calendar, now: datetime, expiry_close: datetime) -> float:
    """Sessions' worth of variance from `now` to the close of the expiry day; 0 after it.

    Raises DateNotCovered when the calendar does not reach the expiry.
    """
    total = 0.0
    for day in calendar.trading_days(now.date(), expiry_close.date()):
        session = calendar.session(day)
        if session is not None:
            total += share_left(session, now)
    return total


def session_volatility(implied_sigma: float, years: float, sessions: float) -> float | None:
    """Implied total variance sigma^2 T (ACT/365) quoted per 252 sessions; None without time or volatility."""
    if not (math.isfinite(implied_sigma) and sessions > 0.0 and years > 0.0):
        return None
    return implied_sigma * math.sqrt(years * SESSIONS_PER_YEAR / sessions)


def variance_premium(
    implied_sigma: float,
    years: float,
    forecast_variance: float,
    sessions: float,
    past_spreads: FloatArray | None = None,
) -> VariancePremium | None:
    """The premium of an expiry; None where a volatility, the forecast or the time is missing.

    `forecast_variance` is the forecast's total over `sessions`, `past_spreads` one per session, oldest first.
    """
    known = all(map(math.isfinite, (implied_sigma, years, forecast_variance, sessions)))
    if not known or min(implied_sigma, years, forecast_variance, sessions) <= 0.0:
        return None
    implied_variance = implied_sigma**2 * years
    implied, forecast = (
        math.sqrt(variance * SESSIONS_PER_YEAR / sessions)
        for variance in (implied_variance, forecast_variance)
    )
    spread = implied - forecast
    return VariancePremium(
        sessions=sessions,
        implied_variance=implied_variance,
        forecast_variance=forecast_variance,
        implied=implied,
        forecast=forecast,
        spread=spread,
        ratio=implied / forecast,
        z=None if past_spreads is None else z_score(spread, past_spreads[-HISTORY_SESSIONS:]),
    )


def intraday_profile(previous_close: FloatArray, levels: FloatArray) -> tuple[float, FloatArray]:
    """Overnight share and share of each bucket, both of the close-to-close variance; they sum to 1.

    `levels` holds one row per session: the open, then the level at the end of each bucket, shape
    (sessions, buckets + 1); `previous_close` shape (sessions,). Each session's squares are divided by its own
    sum first, so that one crash does not become the profile; a session with an unknown level is left out.
    """
    path = np.log(np.column_stack([previous_close, levels]))
    squares = np.diff(path, axis=1) ** 2
    total = squares.sum(axis=1)
    good = np.isfinite(total) & (np.nan_to_num(total) > 0.0)
    if not np.any(good):
        return math.nan, np.full(levels.shape[1] - 1, np.nan)
    shares = (squares[good] / total[good][:, None]).mean(axis=0)
    return float(shares[0]), shares[1:]
