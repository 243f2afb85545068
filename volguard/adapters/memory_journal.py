"""A journal for days that are told once and never continued: it keeps nothing, whoever listens hears all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from volguard.model.event import Effect, Event, Record


class MemoryJournal:
    """Implements ports.Journal; `hear` is told every record and effect in their order."""

    def __init__(self, hear: Callable[[Record | Effect], None]) -> None:
        self._hear = hear
        self._count = 0

    def append(self, event: Event) -> int:  # noqa: ARG002 - the port's
        """Count it."""
        self._count += 1
        return self._count

    def commit(
        self,
        seq: int,  # noqa: ARG002 - the port's
        records: Sequence[Record],
        effects: Sequence[Effect],
        *,
        durable: bool,  # noqa: ARG002 - the port's
    ) -> None:
        """Tell of them."""
        for said in (*records, *effects):
            self._hear(said)

    def checkpoint(self, ts: datetime, state: Any) -> None:
        """Nothing: such a day is never continued."""
