"""What refusing cost or saved over many sessions, from their journals alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import start_of
from volguard.model.errors import ConfigError, JournalDamaged, UsageError
from volguard.model.event import SessionStarted
from volguard.report.refused import RefusedDay, add_up, net_of
from volguard.report.refused_gather import gather_refused
from volguard.report.refused_json import by_reason, refused_section, text_of
from volguard.wiring import engine_of

SCHEMA: Final = "volguard.refused/1"
_AGAIN: Final = ("replay", "simulator")  # markets that come out the same each time


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedSession:
    """One journal's refusals on paper; `left_out` says why they are not counted."""

    journal: Path
    started: SessionStarted | None
    day: RefusedDay | None
    left_out: str = ""


def refused_session(path: Path) -> RefusedSession:
    """One journal's. Raises JournalDamaged, UsageError on an empty one, ConfigError on settings of old."""
    with JournalReader.open(path) as reader:
        started = start_of(reader)
        day = gather_refused(reader, started, engine_of(reader).rules)
    return RefusedSession(journal=path, started=started, day=day)


def refused_sessions(paths: Iterable[Path]) -> tuple[RefusedSession, ...]:
    """Each journal's, in the order given; one that cannot be read, or tells a day again, is left out."""
    found = [_session_or_why(path) for path in paths]
    newest = {_key(one.started): one.journal for one in found if one.started is not None}
    return tuple(
        one
        if one.started is None or newest[_key(one.started)] == one.journal
        else RefusedSession(
            journal=one.journal,
            started=one.started,
            day=None,
            left_out=f"the same day again in {newest[_key(one.started)].name}",
        )
        for one in found
    )


def refused_document(found: Sequence[RefusedSession]) -> dict[str, Any]:
    """As `volguard.refused/1`: each session's section, and all that count added up."""
    days = [one.day for one in found if one.day is not None]
    structures = [one for day in days for one in day.structures]
    return {
        "schema": SCHEMA,
        "sessions": [_document(one) for one in found],
        "counted": len(days),
        "held": sum(len(day.held) for day in days),
        "net_inr": text_of(net_of(one for one in structures if one.is_held)),
        "by_reason": by_reason(add_up(structures)),
    }


def _session_or_why(path: Path) -> RefusedSession:
    try:
        return refused_session(path)
    except (ConfigError, JournalDamaged, UsageError) as error:
        return RefusedSession(journal=path, started=None, day=None, left_out=str(error))


def _key(started: SessionStarted) -> object:
    # What is real happens once, and each journal of it tells another part.
    if started.source.kind not in _AGAIN:
        return started.session_id
    return (started.source, started.settings_hash, started.phase)


def _document(one: RefusedSession) -> dict[str, Any]:
    started = one.started
    return {
        "journal": str(one.journal),
        "session_id": None if started is None else started.session_id,
        "trading_date": None if started is None else started.trading_date.isoformat(),
        "phase": None if started is None else started.phase.value,
        "left_out": one.left_out or None,
        "refused": None if one.day is None else refused_section(one.day),
    }
