"""Run a journal's events through the engine again and prove that every word comes out the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volguard.adapters.code_version import code_version
from volguard.adapters.journal_codec import (
    CHECKPOINT_KIND,
    EVENT_KINDS,
    decode,
    decode_as,
    encode,
    encode_exact,
)
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import beginning_of, failed_steps
from volguard.engine.state import Desk, State, Step
from volguard.engine.step import Engine
from volguard.model.errors import JournalDamaged, VolguardError
from volguard.model.event import DecisionMade
from volguard.ports import JournalRow
from volguard.wiring import engine_of, platform_text


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayResult:
    """What a replay found; `first_difference` is the row that came out otherwise (None: none did)."""

    decisions: int
    checkpoints: int
    rows: int
    identical: bool
    comparable: bool
    first_difference: int | None
    reason: str


def replay_journal(path: Path, *, force: bool = False) -> ReplayResult:
    """Replay from the first event, ignoring checkpoints, and compare every row.

    Byte for byte; where a journal was written before a field was added, as today's version reads it. Not
    comparable (another code version or platform) unless `force`. Raises JournalDamaged on an unreadable
    journal.
    """
    with JournalReader.open(path) as reader:
        started = beginning_of(reader).started
        mine, theirs = (code_version(), platform_text()), (started.code_version, started.platform)
        if mine != theirs and not force:
            reason = f"not comparable: written by {theirs[0]} on {theirs[1]}, this is {mine[0]} on {mine[1]}"
            return ReplayResult(
                decisions=0,
                checkpoints=0,
                rows=0,
                identical=False,
                comparable=False,
                first_difference=None,
                reason=reason,
            )
        return _compare(reader, engine_of(reader))


def _compare(reader: JournalReader, engine: Engine) -> ReplayResult:
    state = State()
    failures = failed_steps(reader, 0)
    expected: Iterator[tuple[str, str]] = iter(())
    decisions = checkpoints = rows = 0
    difference: int | None = None
    for row in reader.rows():
        rows += 1
        if row.kind in EVENT_KINDS:
            if next(expected, None) is not None:
                difference = row.seq
                break
            step = step_again(engine, state, reader, row, failures)
            state = step.state
            expected = iter([_text(said) for said in (*step.records, *step.effects)])
        elif row.kind == CHECKPOINT_KIND:
            checkpoints += 1
            if state.desk is None or not _is_same_desk(state.desk, row.body):
                difference = row.seq
                break
        else:
            decisions += row.kind == DecisionMade.__name__
            if not _is_same_row(next(expected, None), row):
                difference = row.seq
                break
    return ReplayResult(
        decisions=decisions,
        checkpoints=checkpoints,
        rows=rows,
        identical=difference is None,
        comparable=True,
        first_difference=difference,
        reason="" if difference is None else f"row {difference} comes out differently",
    )


# A journal from before a field was added lacks it: its row is the same if it says all that is said now, but
# for fields that hold what their absence means.
def _is_same_desk(desk: Desk, body: str) -> bool:
    text = encode_exact(desk).decode()
    return text == body or _lacks_only(body, text, lambda old: encode_exact(decode_as(Desk, old)).decode())


def _is_same_row(said: tuple[str, str] | None, row: JournalRow) -> bool:
    if said is None or said[0] != row.kind:
        return False
    text = said[1]
    return text == row.body or _lacks_only(row.body, text, lambda old: _text(decode(row.kind, old))[1])


def _lacks_only(old: str, new: str, as_today: Callable[[str], str]) -> bool:
    try:
        return as_today(old) == new and _is_part(json.loads(old), json.loads(new))
    except JournalDamaged:  # it says what no version ever said
        return False


def _is_part(old: Any, new: Any) -> bool:
    if isinstance(old, dict) and isinstance(new, dict):
        return all(key in new and _is_part(value, new[key]) for key, value in old.items())
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_is_part, old, new))
    return bool(old == new)


def step_again(
    engine: Engine, state: State, reader: JournalReader, row: JournalRow, failures: dict[int, str]
) -> Step:
    """The step that a journaled event causes now; `failures` names the ones that raised then, by row.

    Raises JournalDamaged where the step raises and did not then.
    """
    event = reader.event(row)
    error = failures.get(row.seq)
    if error is not None:
        return engine.failed(state, event, error)
    try:
        return engine.step(state, event)
    except (VolguardError, ArithmeticError, LookupError, TypeError, ValueError) as problem:
        raise JournalDamaged(
            f"row {row.seq} ({row.kind}) raises {type(problem).__name__} on replay: {problem}", seq=row.seq
        ) from problem


def _text(said: object) -> tuple[str, str]:
    kind, body = encode(said)  # type: ignore[arg-type] # records and effects are both known to the codec
    return kind, body.decode()
