"""What journals hold of sessions that count towards a promotion: live ones, with the settings of today."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from volguard.adapters.journal_codec import CHECKPOINT_KIND, decode
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.upstox.settings import LOOPBACK
from volguard.config.loader import digest_of
from volguard.model.decision import Phase
from volguard.model.errors import UsageError
from volguard.model.event import Alert, MarketSeen, SessionEnded, SessionResumed, SessionStarted, StepFailed
from volguard.model.units import seconds_between
from volguard.nse.calendar import Calendar
from volguard.operations.validate_row import Context

LIVE_KIND: Final = "upstox"
HARD_STOP: Final = "hard_stop"
UNFINISHED: Final = ("interrupted", "failed")
COVERED_SHARE_MIN: Final = 0.9  # of the session's hours, from the first snapshot to the last
# A change in one of these restarts the count: limits.toml, and what the strategy decides by.
COUNTED_SETTINGS: Final = (
    *("limits", "bucket_limits", "order_breaker", "feed_breaker", "vix_spike"),
    *("strategy", "bucket", "iv_rv"),
)
_KINDS: Final = tuple(
    kind.__name__ for kind in (SessionStarted, SessionResumed, SessionEnded, MarketSeen, Alert, StepFailed)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """One session of a journal: what it ran on, how it ended, what it saw."""

    path: Path
    trading_date: date
    phase: Phase
    is_live: bool  # on the broker's own market, not on a look-alike, a recording or a made-up day
    settings_digest: str
    ended: str | None
    first_seen_at: datetime | None
    last_seen_at: datetime | None
    quality_sum: float
    snapshots: int
    is_stopped: bool  # its hard stop was hit
    is_broken: bool  # a step failed

    def is_complete(self, calendar: Calendar) -> bool:
        """It ran to its end and saw nine tenths of the session's hours. Raises DateNotCovered."""
        session = calendar.session(self.trading_date)
        if session is None or self.first_seen_at is None or self.last_seen_at is None:
            return False
        is_ended = self.ended is not None and self.ended not in UNFINISHED and not self.is_broken
        return is_ended and self.covered_s >= COVERED_SHARE_MIN * session.seconds

    @property
    def covered_s(self) -> float:
        """Seconds from the first snapshot to the last."""
        if self.first_seen_at is None or self.last_seen_at is None:
            return 0.0
        return seconds_between(self.first_seen_at, self.last_seen_at)


def recorded_sessions(folder: Path) -> tuple[RecordedSession, ...]:
    """Every session of every journal, by trading date. Raises JournalDamaged on one that cannot be read."""
    found: list[RecordedSession] = []
    for path in sorted(folder.glob("*.db")) if folder.is_dir() else ():
        stat = path.stat()
        found += _sessions_of(path, (stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found, key=lambda session: session.trading_date))


def complete_sessions(context: Context) -> tuple[RecordedSession, ...]:
    """Live sessions of any phase that ran to their end, oldest first."""
    sessions = recorded_sessions(context.root.resolve("journal"))
    calendar = context.rules.calendar
    return tuple(session for session in sessions if session.is_live and session.is_complete(calendar))


def counted_sessions(context: Context, phase: Phase) -> tuple[RecordedSession, ...]:
    """Complete sessions of a phase since limits and strategy are what they are now, oldest first."""
    wanted = counted_digest(context.loaded.values if context.loaded is not None else {})
    counted: list[RecordedSession] = []
    for session in reversed(complete_sessions(context)):
        if session.settings_digest != wanted:
            break
        if session.phase is phase:
            counted.insert(0, session)
    return tuple(counted)


def counted_digest(values: Mapping[str, Any]) -> str:
    """The hash of those settings that restart the count when they change."""
    return digest_of({name: values.get(name) for name in COUNTED_SETTINGS})


# Journals of earlier days do not change while one command runs, and several gates read them all.
@lru_cache(maxsize=256)
def _sessions_of(path: Path, _stamp: tuple[int, int]) -> tuple[RecordedSession, ...]:
    try:
        reader = JournalReader.open(path)
    except UsageError:
        return ()  # a session that never began left it
    with reader:
        return tuple(_Tally(path, started).session(rows) for started, rows in _by_session(reader))


def _by_session(reader: JournalReader) -> Iterator[tuple[SessionStarted, list[Any]]]:
    started: SessionStarted | None = None
    rows: list[Any] = []
    for row in reader.rows(kinds=(*_KINDS, CHECKPOINT_KIND)):
        if row.kind == SessionStarted.__name__:
            if started is not None:
                yield started, rows
            started, rows = decode(row.kind, row.body), []
        elif row.kind == CHECKPOINT_KIND:
            rows.append(bool(json.loads(row.body)["stops"]["hard"]))
        else:
            rows.append(decode(row.kind, row.body))
    if started is not None:
        yield started, rows


class _Tally:
    # Adds up the rows of one session.
    def __init__(self, path: Path, started: SessionStarted) -> None:
        self._path, self._started = path, started
        self._ended: str | None = None
        self._seen: list[MarketSeen] = []
        self._is_stopped = self._is_broken = False

    def session(self, rows: list[Any]) -> RecordedSession:
        for row in rows:
            self._add(row)
        started = self._started
        return RecordedSession(
            path=self._path,
            trading_date=started.trading_date,
            phase=started.phase,
            is_live=started.source.kind == LIVE_KIND and not _is_rehearsal(started.settings),
            settings_digest=counted_digest(started.settings),
            ended=self._ended,
            first_seen_at=self._seen[0].ts if self._seen else None,
            last_seen_at=self._seen[-1].ts if self._seen else None,
            quality_sum=sum(seen.quality for seen in self._seen),
            snapshots=len(self._seen),
            is_stopped=self._is_stopped,
            is_broken=self._is_broken,
        )

    def _add(self, row: Any) -> None:
        match row:
            case MarketSeen():
                self._seen.append(row)
            case SessionEnded(reason=reason):
                self._ended = reason
            case SessionResumed():
                self._ended = None
            case StepFailed():
                self._is_broken = True
            case Alert(code=code):
                self._is_stopped |= code == HARD_STOP
            case bool():
                self._is_stopped |= row


def _is_rehearsal(settings: Mapping[str, Any]) -> bool:
    address = settings.get("upstox", {}).get("base_url", "")
    return urlsplit(address).hostname in (*LOOPBACK, None)
