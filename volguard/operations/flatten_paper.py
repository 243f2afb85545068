"""Paper sessions that run: each is told to flatten, and watched until it says that it holds nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from volguard.adapters.control import ask_status, listening
from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import start_of
from volguard.model.errors import VolguardError
from volguard.model.event import PAPER, OperatorCommand
from volguard.operations.flatten_take_over import WHY, SendWord
from volguard.ports import Clock

LOOK_AGAIN_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperSession:
    """One that listens; `held` as its newest frame says, in words, None: it does not answer."""

    journal: Path
    held: tuple[str, ...] | None
    trouble: str = ""

    @property
    def is_flat(self) -> bool:
        """It said that it holds nothing and has no order that may fill."""
        return self.held == ()


def paper_sessions(folder: Path, *, besides: Path, say: Callable[[str], None]) -> tuple[PaperSession, ...]:
    """Sessions of a folder that listen and fill on paper, as the first row of their journal says.

    One whose journal cannot be read is none, and is said: it may be a real account's. `besides` is the
    live account's own journal.
    """
    looked = (look(journal) for journal in listening(folder) if journal != besides)
    return tuple(one for one in looked if one is not None and _fills_on_paper(one.journal, say))


def look(journal: Path) -> PaperSession | None:
    """How a session stands; None when none listens there."""
    try:
        answer = ask_status(journal)
    except VolguardError as error:
        return PaperSession(journal=journal, held=None, trouble=error.message)
    if answer is None:
        return None
    try:
        frame = msgspec.json.decode(answer, type=dict[str, Any])
        held = (
            *(f"{line['quantity']:+d} {line['symbol']}" for line in frame["positions"]),
            *(f"order {line}" for line in frame["open_orders"]),
        )
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError):
        return PaperSession(journal=journal, held=None, trouble="it has shown no frame yet")
    return PaperSession(journal=journal, held=held)


def _fills_on_paper(journal: Path, say: Callable[[str], None]) -> bool:
    try:
        with JournalReader.open(journal) as reader:
            return start_of(reader).broker == PAPER
    except (VolguardError, OSError) as error:
        why = error.message if isinstance(error, VolguardError) else str(error)
        say(f"warning: the session of {journal.name} is left alone, whose it is is not known: {why}")
        return False


def tell_to_flatten(
    sessions: Iterable[PaperSession], send_word: SendWord, say: Callable[[str], None]
) -> dict[Path, str]:
    """Send each the word; what each answered."""
    answers = {}
    for one in sessions:
        try:
            answer = send_word(one.journal, OperatorCommand.FLATTEN, WHY)
            answer = "it ended" if answer is None else answer or "no answer"
        except VolguardError as error:
            answer = error.message
        say(f"paper session {one.journal.name} was told to flatten: {answer}")
        answers[one.journal] = answer
    return answers


def wait_until_flat(
    sessions: Iterable[PaperSession], clock: Clock, *, deadline_s: float, stopped: Callable[[], bool]
) -> tuple[PaperSession, ...]:
    """Watch each until it holds nothing, the deadline passes, or the operator stops it."""
    until_s = clock.monotonic_s() + deadline_s
    waiting = list(sessions)
    done = []
    while waiting:
        still = []
        for one in waiting:
            seen = look(one.journal)
            if seen is None:
                ended = PaperSession(journal=one.journal, held=one.held, trouble="it ended meanwhile")
                done.append(ended)
            elif seen.is_flat:
                done.append(seen)
            else:
                still.append(seen)
        waiting = still
        if waiting and (clock.monotonic_s() >= until_s or stopped()):
            return (*done, *waiting)
        if waiting:
            clock.sleep(LOOK_AGAIN_S)
    return tuple(done)
