"""Before a flatten touches the broker: no new risk, a running session steps aside, the journal is locked.

None of it is waited for longer than it may last: what does not work is said, and closing goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.lock import JournalLock
from volguard.model.errors import LockHeld, UsageError, VolguardError
from volguard.model.event import OperatorCommand
from volguard.operations.flatten_record import FlattenRecord
from volguard.ports import Clock

TAKE_OVER_S: Final = 10.0
TRY_AGAIN_S: Final = 0.2
WHY: Final = "volguard flatten"

_ASKED: Final = {
    OperatorCommand.YIELD: "asked to step aside",
    OperatorCommand.FLATTEN: "told to flatten",
}

SendWord = Callable[[Path, OperatorCommand, str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """How it went, in words; `lock` None: somebody holds it still, or it cannot be taken."""

    kill_switch: str
    session: str
    lock_words: str
    lock: JournalLock | None

    def release(self) -> None:
        """Give the lock back."""
        if self.lock is not None:
            self.lock.release()


def take_over(
    switched: str,
    journal: Path,
    record: FlattenRecord,
    clock: Clock,
    *,
    send_word: SendWord,
    stopped: Callable[[], bool],
) -> TakenOver:
    """With the kill switch `switched`: YIELD, then the lock; `clock` is this machine's."""
    session = _tell_session(journal, record, send_word, OperatorCommand.YIELD)
    lock, words = _lock(journal, record, clock, stopped)
    return TakenOver(kill_switch=switched, session=session, lock_words=words, lock=lock)


def leave_it_to_the_session(
    switched: str, journal: Path, record: FlattenRecord, *, send_word: SendWord
) -> TakenOver:
    """Without a login: a running session is told to flatten, not to step aside. Nobody else could close.

    It may hold a token that was pushed to it, or get one.
    """
    session = _tell_session(journal, record, send_word, OperatorCommand.FLATTEN)
    return TakenOver(kill_switch=switched, session=session, lock_words="not asked for", lock=None)


def put_switch(kill_switch: KillSwitchFile, record: FlattenRecord) -> str:
    """Put the kill switch on before anything else; how it went, in words."""
    try:
        kill_switch.put(WHY)
    except OSError as error:
        words = f"NOT WRITTEN: {kill_switch.path}: {error.strerror or error}"
        record.tell(
            "KillSwitch",
            {"path": str(kill_switch.path), "is_on": False, "error": str(error)},
            f"WARNING: the kill switch was {words}; a session that starts now would trade",
        )
        return words
    record.tell(
        "KillSwitch",
        {"path": str(kill_switch.path), "is_on": True},
        f"kill switch {kill_switch.path} is on: no new risk until you remove it",
    )
    return f"on: {kill_switch.path}"


def _tell_session(journal: Path, record: FlattenRecord, send_word: SendWord, command: OperatorCommand) -> str:
    try:
        answer = send_word(journal, command, WHY)
    except VolguardError as error:
        words = f"does not answer: {error.message}"
        record.tell(
            "SessionAsked", {"word": command, "answer": words}, f"the session of {journal.name} {words}"
        )
        return words
    words = "none listens" if answer is None else answer
    said = "" if answer is None else f"the session of {journal.name} was {_ASKED[command]}: {answer}"
    record.tell("SessionAsked", {"word": command, "answer": words}, said)
    return words


def _lock(
    journal: Path, record: FlattenRecord, clock: Clock, stopped: Callable[[], bool]
) -> tuple[JournalLock | None, str]:
    until_s = clock.monotonic_s() + TAKE_OVER_S
    is_waiting = False
    while True:
        try:
            lock = JournalLock.take(journal)
        except LockHeld as held:
            if clock.monotonic_s() < until_s and not stopped():
                if not is_waiting:
                    record.say(f"{held.message}: waiting up to {TAKE_OVER_S:.0f} s")
                    is_waiting = True
                clock.sleep(TRY_AGAIN_S)
                continue
            words = f"not taken after {TAKE_OVER_S:.0f} s: {held.message}"
            record.tell(
                "Lock",
                {"is_held": False, "why": held.message},
                f"WARNING: {held.message} and does not let go: closing without it; end that process",
            )
            return None, words
        except UsageError as error:
            record.tell("Lock", {"is_held": False, "why": error.message}, f"WARNING: {error.message}")
            return None, f"not taken: {error.message}"
        record.tell("Lock", {"is_held": True, "journal": journal.name})
        return lock, "held"
