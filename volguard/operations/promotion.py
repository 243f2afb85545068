"""Phases are earned: a promotion is written when every gate is open, and must still hold at each start."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from volguard.adapters.code_version import code_version
from volguard.config.loader import Loaded
from volguard.config.roots import Root
from volguard.config.settings import Settings
from volguard.model.decision import Phase
from volguard.model.errors import GateFailed, UsageError, VolguardError
from volguard.nse.calendar import Calendar
from volguard.nse.rules import Rules
from volguard.operations.promotion_gates import PHASE_BEFORE, SESSIONS_MIN
from volguard.operations.promotion_record import (
    GateFigure,
    JournalMark,
    Promotion,
    is_edited,
    make_promotion,
    promotion_path,
    read_promotion,
    record_problem,
    write_promotion,
)
from volguard.operations.validate_checks_gates import GATE_CHECKS, GOVERNANCE
from volguard.operations.validate_evidence import (
    RecordedSession,
    counted_digest,
    counted_sessions,
    recorded_sessions,
)
from volguard.operations.validate_row import Context, Row, Verdict, looked_at

MARKS_MAX: Final = 60  # newest first: more than any phase asks for
TEXT_MAX: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NotEarned:
    """Why a phase may not be run, and what to do."""

    reason: str
    mend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Now:
    """What a session would start with, to hold a record against."""

    at: datetime
    account: str
    capital_inr: Decimal
    settings_digest: str
    settings_hash: str
    code_version: str


def now_of(loaded: Loaded[Settings], at: datetime) -> Now:
    """What a session of these settings would start with."""
    account = loaded.settings.account
    return Now(
        at=at,
        account=account.name,
        capital_inr=account.capital_inr,
        settings_digest=counted_digest(loaded.values),
        settings_hash=loaded.digest,
        code_version=code_version(),
    )


def earned_phase(
    phase: Phase,
    record: Promotion | None,
    now: Now,
    sessions: Sequence[RecordedSession],
    calendar: Calendar,
) -> Phase | NotEarned:
    """The phase when a session may run in it, else why not. SHADOW needs nothing.

    `sessions`: all that the journals hold since the first that the record names. A hard stop or an unresolved
    mismatch since the promotion makes the record void until the gates are open again and it is written anew.
    """
    if phase is Phase.SHADOW:
        return phase
    problem = _problem_of(phase, record, now)
    if problem or record is None:
        return NotEarned(reason=problem, mend=promote_command(phase))
    ours = [one for one in sessions if one.is_live and one.account == now.account]
    problem = _problem_of_evidence(record, ours, calendar) or _lost(record, ours, now)
    return NotEarned(reason=problem, mend=promote_command(phase)) if problem else phase


def earned(
    phase: Phase, loaded: Loaded[Settings], root: Root, rules: Rules, at: datetime
) -> Phase | NotEarned:
    """The phase when a session of these settings may run in it on the broker's market now, else why not.

    An unreadable record or journal is a reason, never a pass.
    """
    if phase is Phase.SHADOW:
        return phase
    try:
        record = read_promotion(promotion_path(root.resolve("data"), loaded.settings.account.name, phase))
        first = min((mark.trading_date for mark in record.journals), default=None) if record else None
        sessions = recorded_sessions(root.resolve("journal"), since=first or at.date()) if record else ()
    except VolguardError as error:
        return NotEarned(reason=error.message, mend=error.hint or promote_command(phase))
    return earned_phase(phase, record, now_of(loaded, at), sessions, rules.calendar)


def promote_command(phase: Phase) -> str:
    """What collects the gates of a phase and records it."""
    return f"volguard validate --phase {phase.value} shows the gates, with --promote it records the phase"


def check_promotable(context: Context) -> Phase:
    """The phase that is asked for. Raises UsageError without one to promote to, and on a look-alike."""
    if context.phase is None or context.phase not in SESSIONS_MIN:
        raise UsageError(
            "--promote needs a phase to promote to", hint="--phase SEMI_AUTO or FULL_AUTO; SHADOW needs none"
        )
    if context.settings.upstox.is_rehearsal:
        raise UsageError("a look-alike gives no promotion", hint="leave --base-url out")
    return context.phase


def shut_gates(rows: Iterable[Row]) -> tuple[str, ...]:
    """Gates that are not open in these rows, or were not looked at.

    The governance record alone may still be missing: it is what a promotion writes.
    """
    verdicts = {row.id: row.verdict for row in rows}
    wanted = (gate.id for gate in GATE_CHECKS if gate.id != GOVERNANCE)
    return tuple(gate for gate in wanted if verdicts.get(gate) is not Verdict.PASS)


def check_gates(phase: Phase, rows: Iterable[Row]) -> None:
    """Raises GateFailed naming the gates that are shut."""
    if shut := shut_gates(rows):
        raise GateFailed(
            f"{phase.value} is not given, shut: {', '.join(shut)}", hint="their rows say what each wants"
        )


def promote(context: Context, rows: Sequence[Row], *, operator: str, words: str) -> tuple[Path, Promotion]:
    """Write the record of the context's phase on rows of this very run.

    Raises GateFailed when a gate is shut, UsageError when name or words are empty or nothing can be promoted
    to, ConfigError when the file cannot be written.
    """
    phase = check_promotable(context)
    check_gates(phase, rows)
    if context.loaded is None:
        raise UsageError("the configuration does not load", hint="volguard validate --only configuration")
    now = now_of(context.loaded, context.at)
    gates = {gate.id for gate in GATE_CHECKS} - {GOVERNANCE}
    record = make_promotion(
        phase=phase,
        account=now.account,
        capital_inr=now.capital_inr,
        at=context.at,
        operator=_said("operator", operator),
        words=_said("words", words),
        code_version=now.code_version,
        settings_digest=now.settings_digest,
        settings_hash=now.settings_hash,
        gates=[_figure(row) for row in rows if row.id in gates],
        journals=[_mark(one) for one in counted_sessions(context, PHASE_BEFORE[phase])[-MARKS_MAX:]],
    )
    path = promotion_path(context.root.resolve("data"), now.account, phase)
    write_promotion(path, record)
    return path, record


def promotion_document(path: Path, record: Promotion) -> dict[str, Any]:
    """What was recorded and where, for `volguard.validate/1`."""
    return {
        "file": str(path),
        "phase": record.phase.value,
        "account": record.account,
        "at": record.at.isoformat(),
        "expires_at": None if record.expires_at is None else record.expires_at.isoformat(),
        "operator": record.operator,
        "words": record.words,
        "sessions": len(record.journals),
        "evidence_hash": record.evidence_hash,
    }


def with_governance(context: Context, rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows with the governance record looked at again, after it was written."""
    gate = next(gate for gate in GATE_CHECKS if gate.id == GOVERNANCE)
    return tuple(looked_at(gate, context) if row.id == GOVERNANCE else row for row in rows)


def _said(name: str, text: str) -> str:
    said = " ".join(text.split())
    if not said or len(said) > TEXT_MAX:
        raise UsageError(
            f"{name} had {len(said)} letters, must have 1 to {TEXT_MAX}",
            hint="the record keeps who gave the phase and in which words: --operator and --words",
        )
    return said


def _figure(row: Row) -> GateFigure:
    figures = tuple((one.name, one.seen, one.limit) for one in row.finding.evidence)
    return GateFigure(id=row.id, verdict=row.verdict.value, reason=row.finding.reason, figures=figures)


def _mark(session: RecordedSession) -> JournalMark:
    seq, head = session.head
    return JournalMark(
        trading_date=session.trading_date, beginning=session.beginning, head_seq=seq, head_hash=head
    )


def _problem_of(phase: Phase, record: Promotion | None, now: Now) -> str:
    if record is None:
        return f"{phase.value} is not earned: no promotion of account {now.account} is recorded"
    if record.phase is not phase:
        return f"the record is of {record.phase.value}, not of {phase.value}"
    if is_edited(record):
        return f"the record of {phase.value} was edited: its hashes are not those of what it says"
    found = record_problem(record, account=now.account, settings_digest=now.settings_digest, at=now.at)
    if found:
        return found
    if now.capital_inr > record.capital_inr:
        return (
            f"account.capital_inr was raised to {now.capital_inr}, {phase.value} was given for "
            f"{record.capital_inr}: limits are shares of it"
        )
    if now.code_version != record.code_version:
        return (
            f"{phase.value} was given to version {record.code_version}, this is {now.code_version}: "
            "a replay must show that it decides alike"
        )
    return ""


# The record is only as good as the journals that it names: each must be there, as it was, and count.
def _problem_of_evidence(record: Promotion, sessions: Sequence[RecordedSession], calendar: Calendar) -> str:
    phase, wanted = record.phase, SESSIONS_MIN[record.phase]
    known = {(one.beginning, *one.head): one for one in sessions}
    days = set()
    for mark in record.journals:
        session = known.get((mark.beginning, mark.head_seq, mark.head_hash))
        day = mark.trading_date.isoformat()
        if session is None:
            return f"{phase.value} rests on the session of {day}, and no journal holds it as it was"
        fits = (session.phase, session.settings_digest) == (PHASE_BEFORE[phase], record.settings_digest)
        if session.trading_date != mark.trading_date or not fits or not session.is_complete(calendar):
            return f"{phase.value} rests on the session of {day}, which does not count"
        days.add(session.trading_date)
    if len(days) < wanted:
        return f"{phase.value} rests on {len(days)} sessions, limit {wanted}"
    return ""


# Only what is over demotes: a session that goes on after a crash must be able to, its exits with it.
def _lost(record: Promotion, sessions: Sequence[RecordedSession], now: Now) -> str:
    for one in sessions:
        is_later = one.trading_date >= record.at.date() and one.last_at > record.at
        if not is_later or not one.is_over(
            now.at, settings_hash=now.settings_hash, code_version=now.code_version
        ):
            continue
        if one.is_stopped:
            return f"{record.phase.value} was lost: hard stop on {one.trading_date.isoformat()}"
        if one.unresolved:
            where = f"{one.trading_date.isoformat()}: {one.unresolved[0]}"
            return f"{record.phase.value} was lost: unresolved mismatch of {where}"
    return ""
