"""What comes before the first order of a flatten: kill switch, the session's stepping aside, the lock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from volguard.adapters.kill_switch import KillSwitchFile
from volguard.adapters.lock import JournalLock
from volguard.adapters.side_file import read_side_file
from volguard.model.errors import VolguardError
from volguard.model.event import OperatorCommand
from volguard.model.units import IST
from volguard.operations.flatten_record import FlattenRecord
from volguard.operations.flatten_take_over import TAKE_OVER_S, TakenOver, put_switch, take_over
from volguard.simulator.upstox_server.clock import VirtualClock

START = datetime(2026, 9, 16, 10, 0, tzinfo=IST)


class Hall:
    """A root's folders, and a session that answers as it is told."""

    def __init__(self, folder: Path, answer: Callable[[], str | None] = lambda: None) -> None:
        self.journal = folder / "journal" / "mine.db"
        self.kill_switch = KillSwitchFile(folder / "data" / "KILL_SWITCH")
        self.clock = VirtualClock(START)
        self.said: list[str] = []
        self.heard: list[OperatorCommand] = []
        self.answer = answer

    def send_word(self, journal: Path, word: OperatorCommand, text: str) -> str | None:
        assert journal == self.journal and text
        self.heard.append(word)
        return self.answer()

    def take_over(self) -> TakenOver:
        record = FlattenRecord(self.journal, self.clock.now, self.said.append)
        self.rows = record.path
        try:
            return take_over(
                put_switch(self.kill_switch, record),
                self.journal,
                record,
                self.clock,
                send_word=self.send_word,
                stopped=lambda: False,
            )
        finally:
            record.close()

    def kinds(self) -> list[str]:
        assert self.rows is not None
        return [row.kind for row in read_side_file(self.rows).rows]


def test_the_switch_is_on_before_anybody_is_asked_to_leave(tmp_path: Path) -> None:
    """A session that steps aside must not be replaced by one that trades."""
    hall = Hall(tmp_path)

    def answer() -> str:
        assert hall.kill_switch.is_present()
        return "ok: leaving"

    hall.answer = answer
    taken = hall.take_over()
    assert hall.heard == [OperatorCommand.YIELD]
    assert taken.lock is not None and taken.session == "ok: leaving"
    assert hall.kinds()[1:] == ["KillSwitch", "SessionAsked", "Lock"]
    taken.release()


def test_the_lock_is_waited_for_and_taken_when_it_is_let_go(tmp_path: Path) -> None:
    """A session that steps aside needs a moment."""
    hall = Hall(tmp_path, lambda: "ok")
    hall.journal.parent.mkdir(parents=True)
    held = JournalLock.take(hall.journal)
    sleep = hall.clock.sleep

    def sleep_then_let_go(seconds: float) -> None:
        sleep(seconds)
        if hall.clock.monotonic_s() > 3.0:
            held.release()

    hall.clock.sleep = sleep_then_let_go  # type: ignore[method-assign]
    taken = hall.take_over()
    assert taken.lock is not None and 3.0 < hall.clock.monotonic_s() < TAKE_OVER_S
    taken.release()


def test_a_hung_process_is_waited_for_ten_seconds_and_then_left_alone(tmp_path: Path) -> None:
    """Closing goes on without the lock, and it is said loudly."""

    def hang() -> str:
        raise VolguardError("the session does not answer")

    hall = Hall(tmp_path, hang)
    hall.journal.parent.mkdir(parents=True)
    held = JournalLock.take(hall.journal)
    taken = hall.take_over()
    held.release()
    assert taken.lock is None and "not taken" in taken.lock_words and "does not answer" in taken.session
    assert TAKE_OVER_S <= hall.clock.monotonic_s() < TAKE_OVER_S + 1.0
    assert any("WARNING" in line and "closing without it" in line for line in hall.said)


def test_a_kill_switch_that_cannot_be_written_is_shouted_and_stops_nothing(tmp_path: Path) -> None:
    """The data folder is a file: there is no place for it."""
    (tmp_path / "data").write_text("")
    hall = Hall(tmp_path)
    taken = hall.take_over()
    assert taken.kill_switch.startswith("NOT WRITTEN") and taken.lock is not None
    assert any(line.count("WARNING") and "would trade" in line for line in hall.said)
    taken.release()


def test_a_kill_switch_that_is_on_stays_as_it_is(tmp_path: Path) -> None:
    """Whoever put it there said why."""
    hall = Hall(tmp_path)
    hall.kill_switch.put("the first reason")
    hall.take_over().release()
    assert hall.kill_switch.path.read_text() == "the first reason\n"


def test_no_folder_for_the_record_is_said_and_stops_nothing(tmp_path: Path) -> None:
    """Neither record nor lock can be had; the rest goes on."""
    (tmp_path / "journal").write_text("")
    hall = Hall(tmp_path)
    taken = hall.take_over()
    assert hall.rows is None and taken.lock is None
    assert any("going on without it" in line for line in hall.said)
