"""How long states stand and what India VIX was meanwhile: a made-up series counted by hand."""

from __future__ import annotations

import math
from datetime import date, timedelta
from statistics import fmean

import pytest

from tests.volatility.real_data import daily
from volguard.model.market import DailyBar
from volguard.volatility.stays import (
    AFTER_SESSIONS,
    StateDay,
    VixDay,
    share_of,
    state_rows,
    transitions,
    vix_days,
)

FIRST = date(2025, 1, 1)


def bars(levels: list[float]) -> tuple[DailyBar, ...]:
    """Closes on days in a row."""
    return tuple(
        DailyBar(day=FIRST + timedelta(days=i), open=None, high=None, low=None, close=level)
        for i, level in enumerate(levels)
    )


def days_of(states: str) -> list[StateDay]:
    """One letter a session; a dash is a session without a state."""
    return [
        StateDay(day=FIRST + timedelta(days=i), state=None if letter == "-" else letter)
        for i, letter in enumerate(states)
    ]


def vix_of(percentiles: list[float | None], realised: float | None = 12.0) -> dict[date, VixDay]:
    """India VIX 10, 11, 12 ... with these percentiles."""
    return {
        FIRST + timedelta(days=i): VixDay(
            level=10.0 + i,
            percentile=percentile,
            change_1_session=None,
            change_5_sessions=None,
            realised_after=realised,
        )
        for i, percentile in enumerate(percentiles)
    }


def test_stays_arrivals_and_levels_are_those_counted_by_hand() -> None:
    """AAB-BAAA: A stands for 2 and 3 sessions and is entered once, B for 1 and 1 and is entered once."""
    rows = state_rows(
        days_of("AAB-BAAA"),
        ["A", "B", "C"],
        FIRST,
        vix_of([80.0, 20.0, 90.0, 50.0, None, 80.0, 10.0, 50.0]),
        low=25.0,
        high=75.0,
        agrees={"B": lambda one: one.level > 13.0},
    )
    a, b, c = rows
    assert (a.sessions, a.share, a.arrivals, a.stay_mean, a.stay_max) == (5, 5 / 8, 1, 2.5, 3)
    assert a.arrivals_per_year == pytest.approx(1 / (8 / 252))
    assert (a.vix_mean, a.vix_median) == (fmean([10, 11, 15, 16, 17]), 15.0)
    assert (a.above_high, a.below_low, a.agreement) == (2 / 5, 2 / 5, None)
    assert (a.realised_after, a.above_realised) == (12.0, 3 / 5)
    # B's second session has no percentile: the shares are of the one that has.
    assert (b.sessions, b.arrivals, b.stay_mean, b.above_high, b.agreement) == (2, 1, 1.0, 1.0, 1 / 2)
    assert (c.sessions, c.share, c.stay_mean, c.vix_mean, c.above_high) == (0, 0.0, None, None, None)


def test_a_change_counts_on_the_session_it_comes_and_never_next_to_an_unknown_state() -> None:
    """The session before the first one asked for only tells whether the first is a change."""
    days = days_of("AB-CCA")
    assert transitions(days, FIRST) == (("A", "B"), ("C", "A"))
    assert transitions(days, FIRST + timedelta(days=1)) == (("A", "B"), ("C", "A"))
    assert transitions(days, FIRST + timedelta(days=2)) == (("C", "A"),)


def test_percentile_and_changes_need_their_past_and_realised_needs_its_future() -> None:
    """The first 252 closes have no percentile, the last 21 no volatility that followed."""
    count = 252 + 30
    vix = vix_days(
        bars([10.0 + 0.01 * i for i in range(count)]), bars([100.0 * 1.01**i for i in range(count)])
    )
    each = list(vix.values())
    assert [one.percentile for one in each[:252]] == [None] * 252
    assert [one.percentile for one in each[252:]] == [100.0] * 30
    assert each[4].change_5_sessions is None and each[0].change_1_session is None
    assert each[5].change_5_sessions == pytest.approx(10.05 / 10.0 - 1.0)
    assert [one.realised_after is None for one in each] == [False] * (count - 21) + [True] * 21
    expected = 100.0 * math.log(1.01) * math.sqrt(252)
    assert each[0].realised_after == pytest.approx(expected)
    assert each[0].is_above_realised is False and each[-1].is_above_realised is None


def test_on_real_history_each_figure_is_that_of_a_plain_computation() -> None:
    """A few sessions of the real series, done again in plain loops."""
    vix, index = daily("INDIA_VIX"), daily("NIFTY")
    found = vix_days(vix, index)
    closes = {bar.day: bar.close for bar in index}
    ordered = sorted(closes)
    for at in (252, 700, 2000, len(vix) - 60):
        bar, one = vix[at], found[vix[at].day]
        below = sum(other.close < bar.close for other in vix[at - 252 : at])
        assert one.percentile == pytest.approx(100.0 * below / 252)
        assert one.change_5_sessions == pytest.approx(bar.close / vix[at - 5].close - 1.0)
        i = ordered.index(bar.day)
        after = [
            math.log(closes[ordered[j + 1]] / closes[ordered[j]]) ** 2 for j in range(i, i + AFTER_SESSIONS)
        ]
        assert one.realised_after == pytest.approx(100.0 * math.sqrt(sum(after) / AFTER_SESSIONS * 252))


def test_a_share_of_nothing_known_is_not_known() -> None:
    """No session on which it can be told: no share, not zero."""
    assert (
        share_of(list(vix_of([None, None], realised=None).values()), lambda one: one.is_above_realised)
        is None
    )
    assert share_of([], lambda one: one.level > 0.0) is None
