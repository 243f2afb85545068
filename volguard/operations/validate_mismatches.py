"""What stood between our book and the broker's when a journal ended: differences that nothing explained."""

from __future__ import annotations

from pathlib import Path

from volguard.adapters.journal_reader import JournalReader
from volguard.adapters.recovery import recover_state
from volguard.engine.reconciling import BAD_READS_MAX
from volguard.engine.state import Desk
from volguard.model.errors import VolguardError
from volguard.wiring import engine_of


def unresolved_in(path: Path) -> tuple[str, ...]:
    """Each difference with the broker that stands at a journal's end, in words; () when both books agree.

    A book that was never held against the broker's, and a journal whose end this version cannot bring back,
    are unresolved too. Raises UsageError when there is no such journal.
    """
    with JournalReader.open(path) as reader:
        try:
            desk = recover_state(reader, engine_of(reader)).desk
        except VolguardError as error:
            return (f"its end cannot be brought back: {error.message}",)
    return () if desk is None else unresolved_on(desk)


def unresolved_on(desk: Desk) -> tuple[str, ...]:
    """Each difference with the broker that a desk knows of, in words."""
    found = [mismatch.text for mismatch in desk.mismatches]
    if desk.bad_book_reads >= BAD_READS_MAX:
        found.append(f"the broker's book could not be read, {desk.bad_book_reads} times in a row")
    if not found and desk.is_book_untrue:
        found.append("halted by a mismatch that no reading has cleared")
    if not found and desk.awaits_book:
        found.append("the broker's book was never seen to be ours")
    return tuple(found)
