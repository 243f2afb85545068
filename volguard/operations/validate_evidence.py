"""What journals hold of sessions that count towards a promotion: live ones, with the settings of today.

A session counts for its account alone, once for its date however many copies its journal has, and only where
orders and quotes were the broker's own: neither a look-alike nor a recording is evidence.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from volguard.adapters.journal_codec import CHECKPOINT_KIND, decode
from volguard.adapters.journal_files import all_journals
from volguard.adapters.journal_reader import JournalReader
from volguard.config.loader import digest_of
from volguard.model.decision import Phase
from volguard.model.errors import UsageError
from volguard.model.event import (
    PAPER,
    Alert,
    MarketSeen,
    SessionEnded,
    SessionResumed,
    SessionStarted,
    StepFailed,
)
from volguard.model.units import seconds_between
from volguard.nse.calendar import Calendar
from volguard.operations.validate_mismatches import unresolved_in
from volguard.operations.validate_row import Context

LIVE_KIND: Final = "upstox"
BROKER_HOSTS: Final = {"base_url": "api.upstox.com", "order_url": "api-hft.upstox.com"}
HARD_STOP: Final = "hard_stop"
UNFINISHED: Final = ("interrupted", "failed")
MAY_GO_ON: Final = (None, "interrupted", "yielded")
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
    beginning: str  # the hash of its first row: a copy under another name has the same
    head: tuple[int, str]  # number and hash of its last row
    last_at: datetime  # of that row
    account: str
    code_version: str
    settings_hash: str
    has_broker: bool  # orders went to a broker who keeps a book of his own, not to paper
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
    unresolved: tuple[str, ...]  # differences with the broker that stood at its end

    def is_complete(self, calendar: Calendar) -> bool:
        """It ran to its end and saw nine tenths of the session's hours. Raises DateNotCovered."""
        session = calendar.session(self.trading_date)
        if session is None or self.first_seen_at is None or self.last_seen_at is None:
            return False
        is_ended = self.ended is not None and self.ended not in UNFINISHED and not self.is_broken
        return is_ended and self.covered_s >= COVERED_SHARE_MIN * session.seconds

    def is_over(self, at: datetime, *, settings_hash: str, code_version: str) -> bool:
        """Nothing goes on in it: it ended, its day is past, or a run of now would not continue it."""
        if self.ended not in MAY_GO_ON or self.trading_date < at.date():
            return True
        return (self.settings_hash, self.code_version) != (settings_hash, code_version)

    @property
    def covered_s(self) -> float:
        """Seconds from the first snapshot to the last."""
        if self.first_seen_at is None or self.last_seen_at is None:
            return 0.0
        return seconds_between(self.first_seen_at, self.last_seen_at)


def recorded_sessions(folder: Path, since: date | None = None) -> tuple[RecordedSession, ...]:
    """Every session of every journal (of a trading date or later), oldest first.

    Raises JournalDamaged on one that cannot be read.
    """
    found: list[RecordedSession] = []
    for path in all_journals(folder):
        stamp = (path.stat().st_mtime_ns, path.stat().st_size)
        if since is None or any(day >= since for day in _days_of(path, stamp)):
            found += _sessions_of(path, stamp)
    kept = (session for session in found if since is None or session.trading_date >= since)
    return tuple(sorted(kept, key=lambda session: session.trading_date))


def live_sessions(context: Context) -> tuple[RecordedSession, ...]:
    """Sessions of this account on the broker's market up to today, of any phase and end, oldest first."""
    account = context.settings.account.name
    return tuple(
        session
        for session in recorded_sessions(context.root.resolve("journal"))
        if session.is_live and session.account == account and session.trading_date <= context.today
    )


def complete_sessions(context: Context) -> tuple[RecordedSession, ...]:
    """Live sessions of any phase that ran to their end, oldest first."""
    calendar = context.rules.calendar
    return tuple(session for session in live_sessions(context) if session.is_complete(calendar))


def counted_sessions(context: Context, phase: Phase) -> tuple[RecordedSession, ...]:
    """Complete sessions of a phase since limits and strategy are what they are now, one a date, oldest first.

    Two complete sessions of one date ran at the same time, or one is the other's copy: one is evidence.
    """
    wanted = counted_digest(context.loaded.values if context.loaded is not None else {})
    counted: dict[date, RecordedSession] = {}
    for session in reversed(complete_sessions(context)):
        if session.settings_digest != wanted:
            break
        if session.phase is phase:
            counted[session.trading_date] = session
    return tuple(counted[day] for day in sorted(counted))


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
        made = tuple(
            _Tally(reader, first, started).session(rows) for first, started, rows in _by_session(reader)
        )
    unresolved = unresolved_in(path) if any(one.is_live and one.has_broker for one in made) else ()
    return tuple(replace(one, unresolved=unresolved if one.has_broker else ()) for one in made)


@lru_cache(maxsize=4096)
def _days_of(path: Path, _stamp: tuple[int, int]) -> tuple[date, ...]:
    try:
        reader = JournalReader.open(path)
    except UsageError:
        return ()
    with reader:
        starts = reader.rows(kinds=(SessionStarted.__name__,))
        return tuple(decode(row.kind, row.body).trading_date for row in starts)


def _by_session(reader: JournalReader) -> Iterator[tuple[str, SessionStarted, list[Any]]]:
    started: tuple[str, SessionStarted] | None = None
    rows: list[Any] = []
    for row in reader.rows(kinds=(*_KINDS, CHECKPOINT_KIND)):
        if row.kind == SessionStarted.__name__:
            if started is not None:
                yield *started, rows
            started, rows = (row.hash, decode(row.kind, row.body)), []
        elif row.kind == CHECKPOINT_KIND:
            rows.append(bool(json.loads(row.body)["stops"]["hard"]))
        else:
            rows.append(decode(row.kind, row.body))
    if started is not None:
        yield *started, rows


class _Tally:
    # Adds up the rows of one session.
    def __init__(self, reader: JournalReader, beginning: str, started: SessionStarted) -> None:
        self._reader, self._beginning, self._started = reader, beginning, started
        self._ended: str | None = None
        self._seen: list[MarketSeen] = []
        self._is_stopped = self._is_broken = False

    def session(self, rows: list[Any]) -> RecordedSession:
        for row in rows:
            self._add(row)
        started, head = self._started, self._reader.head
        return RecordedSession(
            path=self._reader.path,
            beginning=self._beginning,
            head=head,
            last_at=next(self._reader.rows(after=head[0] - 1, limit=1)).ts_ist,
            account=str(started.settings.get("account", {}).get("name", "")),
            code_version=started.code_version,
            settings_hash=started.settings_hash,
            has_broker=started.broker != PAPER,
            trading_date=started.trading_date,
            phase=started.phase,
            is_live=started.source.kind == LIVE_KIND and _is_of_the_broker(started.settings),
            settings_digest=counted_digest(started.settings),
            ended=self._ended,
            first_seen_at=self._seen[0].ts if self._seen else None,
            last_seen_at=self._seen[-1].ts if self._seen else None,
            quality_sum=sum(seen.quality for seen in self._seen),
            snapshots=len(self._seen),
            is_stopped=self._is_stopped,
            is_broken=self._is_broken,
            unresolved=(),
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


# By name, not by what it is not: a look-alike on another machine, or the sandbox, is no broker.
def _is_of_the_broker(settings: Mapping[str, Any]) -> bool:
    upstox = settings.get("upstox", {})
    return all(urlsplit(upstox.get(key, "")).hostname == host for key, host in BROKER_HOSTS.items())
