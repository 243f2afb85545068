"""How foreign investors stand is told of the session before alone, against their own year."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from volguard.model.market import ParticipantDay
from volguard.volatility.positioning import NO_POSITIONS, foreign_stand

LAST = date(2025, 8, 28)


def held(shares: list[float], last: date = LAST) -> tuple[ParticipantDay, ...]:
    days = [last - timedelta(days=back) for back in range(len(shares) - 1, -1, -1)]
    return tuple(
        ParticipantDay(day=day, foreign_long=1000 * share, foreign_short=1000 * (1 - share))
        for day, share in zip(days, shares, strict=True)
    )


def test_the_long_share_is_placed_among_the_sessions_before() -> None:
    stand = foreign_stand(held([0.2 + 0.005 * n for n in range(100)] + [0.45]), LAST)
    assert (stand.day, stand.missing) == (LAST, "")
    assert stand.long_share == pytest.approx(0.45)
    assert stand.percentile == pytest.approx(50.0, abs=1.0)


def test_data_that_ends_before_the_last_session_says_nothing_of_today() -> None:
    stand = foreign_stand(held([0.3] * 100, LAST - timedelta(days=1)), LAST)
    assert stand.percentile is None
    assert stand.missing == "the data ends on 2025-08-27, the session before was 2025-08-28"


def test_a_past_of_less_than_sixty_sessions_is_none() -> None:
    stand = foreign_stand(held([0.3] * 60), LAST)
    assert (stand.percentile, stand.missing) == (None, "59 sessions of past, needs 60")
    assert foreign_stand(held([0.3] * 61), LAST).percentile == 0.0


def test_no_data_is_no_stand() -> None:
    assert foreign_stand((), LAST) is NO_POSITIONS
    assert foreign_stand((ParticipantDay(day=LAST, foreign_long=0, foreign_short=0),), LAST) is NO_POSITIONS
