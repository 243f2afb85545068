"""The score of scheduled events fades with distance; a trade's size follows the gravest of them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from volguard.volatility.events import Event, EventClass, EventKind, score_events

TODAY = date(2026, 1, 30)
K = EventKind


def ahead(days: int, kind: EventKind) -> Event:
    return Event(day=TODAY + timedelta(days=days), kind=kind, name=kind.value)


@pytest.mark.parametrize(
    ("kind", "weight", "expected"),
    [
        (K.BUDGET, 3.0, EventClass.A),
        (K.FOMC, 2.5, EventClass.A),
        (K.RBI, 2.0, EventClass.B),
        (K.GLOBAL, 2.0, EventClass.B),
        (K.RESULTS, 1.5, EventClass.B),
        (K.WEEKEND, 1.3, EventClass.C),
        (K.EXPIRY, 1.2, EventClass.C),
        (K.DATA, 1.0, EventClass.C),
    ],
)
def test_each_kind_has_its_weight_on_the_day_and_its_class(
    kind: EventKind, weight: float, expected: EventClass
) -> None:
    score = score_events([ahead(0, kind)], TODAY, TODAY)
    assert score.score == weight
    assert score.highest_class is expected
    assert score.size_multiplier == {"A": 0.3, "B": 0.5, "C": 1.0}[expected.value]


def test_impact_fades_by_a_seventh_a_day_to_a_tenth() -> None:
    impacts = [
        score_events([ahead(d, K.DATA)], TODAY, TODAY + timedelta(days=60)).score for d in (0, 1, 6, 7, 30)
    ]
    assert impacts == pytest.approx([1.0, 6 / 7, 1 / 7, 0.1, 0.1])


def test_several_events_add_up_to_five_at_most_and_the_smallest_multiplier_counts() -> None:
    many = [ahead(0, K.BUDGET), ahead(0, K.RBI), ahead(1, K.DATA)]
    score = score_events(many, TODAY, TODAY + timedelta(days=5))
    assert score.score == 5.0
    assert score.size_multiplier == 0.3
    assert [part.event.kind for part in score.impacts] == [K.BUDGET, K.RBI, K.DATA]


def test_events_past_or_beyond_the_horizon_do_not_count() -> None:
    score = score_events([ahead(-1, K.BUDGET), ahead(6, K.FOMC)], TODAY, TODAY + timedelta(days=5))
    assert (score.score, score.size_multiplier, score.impacts, score.highest_class) == (0.0, 1.0, (), None)


def test_a_horizon_before_today_is_refused() -> None:
    with pytest.raises(ValueError, match="before today"):
        score_events([], TODAY, TODAY - timedelta(days=1))


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-3, 40), st.sampled_from(list(EventKind))), max_size=8))
def test_the_score_stays_in_bounds_and_does_not_depend_on_order(
    drawn: list[tuple[int, EventKind]],
) -> None:
    events = [ahead(days, kind) for days, kind in drawn]
    until = TODAY + timedelta(days=30)
    score = score_events(events, TODAY, until)
    assert 0.0 <= score.score <= 5.0
    assert score == score_events(sorted(events, key=lambda e: (e.kind, e.day), reverse=True), TODAY, until)
