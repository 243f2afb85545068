"""A journal for days that are told once and never continued: whoever listens hears all of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from volguard.model.event import Effect, Event, Record
from volguard.ports import Journal


class HeardJournal:
    """Implements ports.Journal; `hear` is told every record and effect in their order.

    It keeps nothing itself: `kept`, where there is one, is written as well.
    """

    def __init__(self, hear: Callable[[Record | Effect], None], kept: Journal | None = None) -> None:
        self._hear, self._kept = hear, kept
        self._count = 0

    def append(self, event: Event) -> int:
        """Count it."""
        self._count += 1
        if self._kept is not None:
            self._count = self._kept.append(event)
        return self._count

    def commit(
        self, seq: int, records: Sequence[Record], effects: Sequence[Effect], *, durable: bool
    ) -> None:
        """Tell of them."""
        if self._kept is not None:
            self._kept.commit(seq, records, effects, durable=durable)
        for said in (*records, *effects):
            self._hear(said)

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Where one is kept: such a day is never continued."""
        if self._kept is not None:
            self._kept.checkpoint(ts, state)
