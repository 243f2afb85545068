"""A session's state as a journal tells it, at its end or at a time of day; a running session's too."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import time
from pathlib import Path
from sqlite3 import Connection

from volguard.adapters.journal_codec import CHECKPOINT_KIND
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of, recover_state
from volguard.config.loader import restore
from volguard.config.settings import Settings
from volguard.engine.state import Desk, State
from volguard.engine.step import Engine
from volguard.model.errors import UsageError
from volguard.nse.rules import Rules
from volguard.operations.chain_view import clock_of
from volguard.ports import JournalRow
from volguard.wiring import rules_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JournalState:
    """The state after row `seq`, with the settings and rules that the session ran on.

    `ended`: how the session ended, None while it runs, after a crash, and at an earlier time.
    """

    path: Path
    seq: int
    settings: Settings
    rules: Rules
    desk: Desk
    state: State
    ended: str | None


class EarlierReader(JournalReader):
    """A journal as it was after row `last_seq`, at first the last one when it was opened."""

    def __init__(self, path: Path, connection: Connection) -> None:
        super().__init__(path, connection)
        self.last_seq = self.head[0]  # what a running session adds from here on is not seen

    def rows(
        self, after: int = 0, kinds: Collection[str] | None = None, limit: int | None = None
    ) -> Iterator[JournalRow]:
        """Rows after a sequence number up to the last one seen."""
        for row in super().rows(after, kinds, limit):
            if row.seq > self.last_seq:
                return
            yield row

    def last_checkpoint(self) -> JournalRow | None:
        """The newest checkpoint up to the last row seen."""
        found = None
        for row in self.rows(kinds=(CHECKPOINT_KIND,)):
            found = row
        return found


def journal_state(path: Path, at: str | None) -> JournalState:
    """The state at a time of day (None: at the last row), from the last checkpoint before it on.

    Only reads, without a lock. Raises UsageError before the session began, JournalDamaged.
    """
    with EarlierReader.open(path) as reader:
        beginning = beginning_of(reader)
        last = _last_row(reader, at)
        is_whole = last == reader.last_seq
        reader.last_seq = last
        settings = restore(beginning.started.settings, Settings)
        rules = rules_of(settings)
        state = recover_state(reader, Engine(settings.engine, rules))
        if state.desk is None:
            raise UsageError(f"journal {path} holds no session up to {at or 'its end'}")
        return JournalState(
            path=path,
            seq=last,
            settings=settings,
            rules=rules,
            desk=state.desk,
            state=state,
            ended=beginning.ended if is_whole else None,
        )


def _last_row(reader: EarlierReader, at: str | None) -> int:
    until: time | None = clock_of(at)
    if until is None:
        return reader.last_seq
    last = 0
    for row in reader.rows():
        if row.ts_ist.time() > until:
            break
        last = row.seq
    if not last:
        raise UsageError(f"journal {reader.path} has no row up to {at}")
    return last
