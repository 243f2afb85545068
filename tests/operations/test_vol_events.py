"""Events after a session: scored with their parts, and what is not known is named."""

from __future__ import annotations

from datetime import date

import pytest

from tests.fakes import shipped
from volguard.operations.vol_events import events_document


def test_the_week_after_a_session_is_scored_by_what_is_scheduled() -> None:
    document = events_document(date(2025, 9, 12), shipped())
    assert (document["first"], document["last"]) == ("2025-09-15", "2025-09-22")
    kinds = [(event["day"], event["kind"], event["class"]) for event in document["events"]]
    assert kinds == [
        ("2025-09-18", "fomc", "A"),
        ("2025-09-15", "weekend", "C"),
        ("2025-09-16", "expiry", "C"),
        ("2025-09-22", "weekend", "C"),
    ]
    assert document["score"] == pytest.approx(sum(event["impact"] for event in document["events"]))
    assert (document["size_multiplier"], document["highest_class"]) == (0.3, "A")
    assert document["not_known"] == ["global", "results", "data"]


def test_after_the_calendar_ends_nothing_is_scored() -> None:
    document = events_document(date(2026, 12, 31), shipped())
    assert document["score"] is None and "2026-12-31" in document["missing"]


def test_before_the_contracts_are_listed_nothing_is_scored() -> None:
    document = events_document(date(2012, 3, 1), shipped())
    assert document["score"] is None and document["missing"]
