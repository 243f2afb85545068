"""The journal of days that are told once: everything is heard, in order, and counted."""

from __future__ import annotations

from datetime import datetime

from tests.fakes import MemoryJournal
from volguard.adapters.heard_journal import HeardJournal
from volguard.model.event import Alert, Effect, Record, Severity, StepFailed, TimePassed
from volguard.model.units import IST

NOW = datetime(2025, 8, 29, 9, 15, tzinfo=IST)


def test_what_a_step_said_is_heard_in_its_order_and_events_are_counted() -> None:
    heard: list[Record | Effect] = []
    journal = HeardJournal(heard.append)
    failed, alert = (
        StepFailed(ts=NOW, error="late"),
        Alert(ts=NOW, severity=Severity.WARNING, code="late", text="late"),
    )
    assert [journal.append(TimePassed(ts=NOW)) for _ in range(2)] == [1, 2]
    journal.commit(2, (failed,), (alert,), durable=True)
    journal.checkpoint(NOW, None)
    assert heard == [failed, alert]


def test_a_journal_that_is_kept_is_written_as_well() -> None:
    kept = MemoryJournal()
    journal = HeardJournal(lambda _said: None, kept)
    failed = StepFailed(ts=NOW, error="late")
    assert journal.append(TimePassed(ts=NOW)) == 1
    journal.commit(1, (failed,), (), durable=True)
    journal.checkpoint(NOW, "state")
    assert kept.steps == [(TimePassed(ts=NOW), (failed,), (), True)]
    assert kept.checkpoints == [(NOW, "state")]
