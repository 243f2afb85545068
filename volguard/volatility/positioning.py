"""How foreign investors stand in index futures: their long share against its own past.

NSE publishes who holds what after each close. Their futures are read as a crowd: it is the extreme of the
year that says something, not the side.
"""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np

from volguard.model.market import ForeignStand, ParticipantDay
from volguard.volatility.rank import percentile_of

SESSIONS: Final = 252
SESSIONS_MIN: Final = 60


NO_POSITIONS: Final = ForeignStand(
    day=None, long_share=None, percentile=None, missing="no data of who holds what"
)


def foreign_stand(days: tuple[ParticipantDay, ...], session_before: date) -> ForeignStand:
    """After the session before the trading date; what ends earlier says nothing of today."""
    held = [one for one in days if one.foreign_long + one.foreign_short > 0.0]
    if not held:
        return NO_POSITIONS
    last = held[-1].day
    shares = np.array([one.foreign_long / (one.foreign_long + one.foreign_short) for one in held])
    now, past = float(shares[-1]), shares[:-1][-SESSIONS:]
    missing = ""
    if last < session_before:
        missing = f"the data ends on {last.isoformat()}, the session before was {session_before.isoformat()}"
    elif len(past) < SESSIONS_MIN:
        missing = f"{len(past)} sessions of past, needs {SESSIONS_MIN}"
    return ForeignStand(
        day=last,
        long_share=now,
        percentile=None if missing else percentile_of(now, past),
        missing=missing,
    )
