"""The prompt and the screen together over a real pseudo-terminal: keys in, answers out, screen in between."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.adapters.approval_samples import asking, card
from volguard.adapters.approval_answer import READ_S
from volguard.adapters.approval_prompt import ApprovalPrompt, terminal_missing
from volguard.adapters.terminal import LiveScreen
from volguard.model.proposal import Answer, Verdict

PATIENCE_S = 10.0
KEYS_READ_S = 0.2
APPROVAL = Answer(proposal_id="P001", digest="d1", verdict=Verdict.APPROVE)
ESCAPES = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")


class Desk:
    """A person at a pseudo-terminal of 80 columns and 24 lines, and the program's screen and prompt on it.

    The program's clock is the test's: what is read takes no time.
    """

    def __init__(self) -> None:
        self.person, self.program = os.openpty()
        self.resize(80, 24)
        self.now_s = 100.0
        self._seen: list[bytes] = []
        self._ends = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._file = os.fdopen(os.dup(self.program), "w", encoding="utf-8")
        self.before = termios.tcgetattr(self.program)
        self.prompt = ApprovalPrompt(lambda: self.now_s, keys_fd=self.program, screen_fd=self.program)
        self.console = _SizedConsole(self.program, self._file)
        self.screen = LiveScreen(self.console, self.prompt)

    def resize(self, width: int, height: int) -> None:
        fcntl.ioctl(self.program, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self.person, keys.encode())

    def read_time(self) -> None:
        """The person has had the time to read what is drawn."""
        self.now_s += 2 * READ_S

    @property
    def seen(self) -> bytes:
        return b"".join(self._seen)

    @property
    def last_frame(self) -> str:
        return ESCAPES.sub("", self.seen.decode(errors="replace").split("\x1b[H")[-1]).replace("\r", "")

    def until(self, what: str) -> str:
        """The frame that says this."""
        wait_until(lambda: what in self.last_frame, what)
        return self.last_frame

    def answers(self) -> tuple[Answer, ...]:
        """The next answers that come."""
        found: list[Answer] = []
        wait_until(lambda: bool(found.extend(self.prompt.drain()) or found), "an answer")
        return tuple(found)

    def close(self) -> None:
        self.screen.close()
        self._ends.set()
        self._file.close()
        os.close(self.program)
        self._reader.join()
        os.close(self.person)

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self.person, 65536)
            except OSError:
                return  # the program's side is closed
            if not data:
                return
            self._seen.append(data)


class _SizedConsole(Console):
    """Asks this terminal for its size: rich asks the test runner's own."""

    def __init__(self, fd: int, file: object) -> None:
        self._fd = fd
        super().__init__(file=file, force_terminal=True, color_system=None)  # type: ignore[arg-type]

    @property
    def size(self):  # type: ignore[no-untyped-def,override]
        from rich.console import ConsoleDimensions

        return ConsoleDimensions(*os.get_terminal_size(self._fd))


def wait_until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.005)


@pytest.fixture
def desk() -> Iterator[Desk]:
    at = Desk()
    yield at
    at.close()


def shown(desk: Desk, *words: str) -> None:
    desk.screen.show(asking(card()))
    for each in words or ("P001 WEEKLY iron condor",):
        desk.until(each)
    desk.read_time()


def test_a_proposal_is_approved_by_key_and_enter(desk: Desk) -> None:
    """The card and the line of input stand on the screen; a and Enter give the one answer to it."""
    shown(desk, "P001 WEEKLY iron condor", "60 s left", "> a approve")
    desk.press("a")
    desk.until("approve P001, 3 lots, credit 5,782.50 INR?")
    assert desk.prompt.drain() == ()
    desk.press("\r")
    assert desk.answers() == (APPROVAL,)
    desk.until("your answer was sent")
    assert desk.prompt.drain() == ()


def test_fewer_lots_and_rejection_are_typed_on_the_line(desk: Desk) -> None:
    """What is typed is seen, and comes back as lots and as the reason."""
    shown(desk)
    desk.press("f2")
    desk.until("lots of 3?  Enter: yes   Esc: back  > 2_")
    desk.press("\n")
    assert desk.answers() == (replace(APPROVAL, lots=2),)
    desk.screen.show(asking(card("P002", "d2")))
    desk.until("P002 WEEKLY")
    desk.read_time()
    desk.press("rbefore the budget\n")
    assert desk.answers() == (
        Answer(proposal_id="P002", digest="d2", verdict=Verdict.REJECT, reason="before the budget"),
    )


def test_arrows_and_pasted_words_answer_nothing(desk: Desk) -> None:
    """Cursor keys, function keys and what is pasted are no keys, even with the letters of answers in them."""
    shown(desk)
    desk.press("\x1b[A\x1b[D\x1bOa\x1b[1;5a\x1b[15~\x1b[200~a\n\x1b[201~\x1ba\r")
    desk.press("?")
    desk.until("a Enter         approve")
    assert desk.prompt.drain() == ()
    assert "approve P001" not in desk.last_frame


def test_a_card_swapped_under_the_fingers_is_not_answered(desk: Desk) -> None:
    """The card changed between the key and Enter: nothing is sent, and the screen says why."""
    shown(desk)
    desk.press("a")
    desk.until("approve P001")
    desk.screen.show(asking(card("P002", "d2")))
    desk.press("\r")
    frame = desk.until("P002 WEEKLY")
    assert "P001 left the screen before your answer was complete: nothing was sent" in frame or desk.until(
        "> a approve"
    )
    desk.read_time()
    desk.press("\x1b")
    desk.until("> a approve")
    assert desk.prompt.drain() == ()


def test_a_card_of_other_figures_is_another_card(desk: Desk) -> None:
    """The same proposal with another digest takes no answer that was begun to the one before."""
    shown(desk)
    desk.press("rtoo ")
    desk.until("> too _")
    desk.screen.show(asking(replace(card(), digest="d9")))
    desk.until("P001 left the screen before your answer was complete: nothing was sent")
    desk.press("a far\r")
    desk.until("> a approve")
    assert desk.prompt.drain() == ()


def test_an_ended_proposal_takes_its_half_given_answer_with_it(desk: Desk) -> None:
    """A proposal that ends while the reason is typed is said to have ended, above the usual frame."""
    shown(desk)
    desk.press("rtoo late")
    desk.until("> too late_")
    desk.screen.show(asking(alerts=("10:01:00 P001 EXPIRED: nobody answered in time",)))
    desk.until("P001 left the screen before your answer was complete: nothing was sent")
    desk.press("\r")
    wait_until(lambda: "nothing was sent" not in desk.last_frame, "a clean screen")
    assert desk.prompt.drain() == ()


def test_keys_pressed_before_the_card_was_drawn_are_ignored(desk: Desk) -> None:
    """What is typed while nothing waits, or just as the card comes, is no answer to it."""
    desk.screen.show(asking())
    desk.until("positions (0)")
    desk.press("a\r")
    time.sleep(KEYS_READ_S)  # nothing on the screen tells that they were read
    desk.screen.show(asking(card()))
    desk.until("P001 WEEKLY")
    desk.press("a")  # within the time of reading: the test's clock stands still
    desk.until("read it, then press the key again")
    desk.press("\r")
    desk.read_time()
    desk.press("?")
    desk.until("a Enter         approve")
    assert desk.prompt.drain() == ()


def test_a_resized_window_shows_the_card_in_its_new_size(desk: Desk) -> None:
    """Wider, smaller and back: the frame fits each time; in a window too small nothing is decided."""
    shown(desk)
    for width, height in ((120, 40), (80, 24), (64, 30)):
        desk.resize(width, height)
        wait_until(lambda w=width, h=height: _is_whole(desk.last_frame.split("\n"), w, h), "the new size")
    desk.resize(50, 10)
    desk.until("window is too small")
    desk.press("a\r")
    desk.resize(80, 24)
    desk.until("> a approve")
    assert desk.prompt.drain() == ()


def _is_whole(lines: list[str], width: int, height: int) -> bool:
    return (
        len(lines) == height
        and max(map(len, lines)) == width
        and "P001 WEEKLY iron condor" in lines[0]
        and any(line.startswith("> a approve") for line in lines)
    )


def test_a_new_proposal_rings_once(desk: Desk) -> None:
    """One bell for each proposal that comes, none for its later frames nor for its end."""
    shown(desk)
    wait_until(lambda: desk.seen.count(b"\a") == 1, "the bell")
    for after_s in (1.0, 2.0):
        desk.screen.show(asking(card(), after_s=after_s))
    desk.until("58 s left")
    desk.screen.show(asking(card("P002", "d2"), after_s=3.0))
    wait_until(lambda: desk.seen.count(b"\a") == 2, "the second bell")
    desk.screen.show(asking())
    desk.until("positions (0)")
    assert desk.seen.count(b"\a") == 2


def test_an_answer_without_effect_may_be_given_again(desk: Desk) -> None:
    """Where the session has taken the answer and the card waits still, the line takes keys again."""
    shown(desk)
    desk.press("a\r")
    assert desk.answers() == (APPROVAL,)
    desk.screen.show(asking(card(), after_s=1.0))
    desk.until("P001 waits still")
    desk.press("a\r")
    assert desk.answers() == (APPROVAL,)


def test_closing_the_screen_gives_the_terminal_back(desk: Desk) -> None:
    """Line editing, cursor and the screen of before are back, in that session's middle, and for good."""
    shown(desk)
    desk.press("rhalf a rea")
    desk.until("> half a rea_")
    desk.screen.close()
    desk.screen.close()
    assert termios.tcgetattr(desk.program) == desk.before
    wait_until(lambda: desk.seen.count(b"\x1b[?1049l") == 1, "the screen of before")
    assert desk.seen.rfind(b"\x1b[?25h") > desk.seen.rfind(b"\x1b[?25l")
    assert desk.prompt.drain() == ()


def test_where_nobody_can_be_asked_the_reason_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pipes, dumb terminals and background jobs are told apart, each in words."""
    person, program = os.openpty()
    with os.fdopen(program, "r") as terminal, Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        monkeypatch.setattr("sys.stderr", terminal)
        assert "standard input is not a terminal" in terminal_missing()
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr("sys.stderr", nothing)
        assert "standard error is not a terminal" in terminal_missing()
        monkeypatch.setattr("sys.stderr", terminal)
        monkeypatch.setenv("TERM", "dumb")
        assert terminal_missing() == "TERM is dumb: such a terminal cannot hold a screen"
        monkeypatch.setenv("TERM", "xterm")
        for group, words in ((os.getpgrp() + 1, "background job"), (os.getpgrp(), "")):
            monkeypatch.setattr("os.tcgetpgrp", lambda _fd, group=group: group)
            assert words in terminal_missing()
        assert terminal_missing() == ""
    os.close(person)
