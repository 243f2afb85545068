"""Keys over a real pseudo-terminal: each once, sequences whole, and the terminal given back as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import termios
import textwrap
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from threading import Event

import pytest

from volguard.adapters.terminal_keys import (
    BACKSPACE,
    CLEAR,
    ENTER,
    ESCAPE,
    ESCAPE_WAIT_S,
    Keyboard,
    KeyDecoder,
)

PATIENCE_S = 10.0
LFLAG = 3
SEQUENCES = {
    "up": b"\x1b[A", "left": b"\x1b[D", "up, application": b"\x1bOA", "control up, rxvt": b"\x1bOa",
    "control left": b"\x1b[1;5D", "delete": b"\x1b[3~", "F5": b"\x1b[15~", "F1, Linux": b"\x1b[[A",
    "focus": b"\x1b[I", "alt a": b"\x1ba", "mouse": b"\x1b[<0;10;20M", "shift tab": b"\x1b[Z",
    "cursor report": b"\x1b[24;80R", "paste": b"\x1b[200~a\nr\n\x1b[201~",
}  # fmt: skip


@dataclass
class Terminal:
    """A pseudo-terminal: the side of the program, the side of the person, and the keys that came."""

    person: int
    program: int
    keys: list[str] = field(default_factory=list)

    def wait_for(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while len(self.keys) < count and time.monotonic() < deadline:
            time.sleep(0.005)

    def seen_until(self, what: bytes) -> bytes:
        deadline, seen = time.monotonic() + PATIENCE_S, b""
        while what not in seen and time.monotonic() < deadline:
            seen += self.seen()
            time.sleep(0.002)
        return seen

    def seen(self) -> bytes:
        os.set_blocking(self.person, False)
        try:
            return os.read(self.person, 65536)
        except BlockingIOError:
            return b""
        finally:
            os.set_blocking(self.person, True)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    person, program = os.openpty()
    yield Terminal(person=person, program=program)
    for end in (person, program):
        os.close(end)


def keyboard(terminal: Terminal) -> Keyboard:
    return Keyboard(terminal.keys.extend, keys_fd=terminal.program, screen_fd=terminal.program)


def test_keys_come_one_by_one_without_enter_and_without_echo(terminal: Terminal) -> None:
    """A key is there as soon as it is pressed, once, and the terminal writes nothing of it by itself."""
    board = keyboard(terminal)
    terminal.seen_until(b"\x1b[?2004h")
    os.write(terminal.person, b"a\r\n\x7f\x08\x15?")
    terminal.wait_for(7)
    board.close()
    assert terminal.keys == ["a", ENTER, ENTER, BACKSPACE, BACKSPACE, CLEAR, "?"]
    assert terminal.seen_until(b"\x1b[?2004l") == b"\x1b[?2004l"


def test_no_key_is_lost_or_doubled(terminal: Terminal) -> None:
    """Thousands of keys in bursts, characters of several bytes among them, arrive in order, each once."""
    typed = ("early \u20b9 fa\u00e7ade, \u0939\u093e\u0902 0123456789 " * 100)[:3000]
    board = keyboard(terminal)
    sent = typed.encode()
    for start in range(0, len(sent), 97):
        os.write(terminal.person, sent[start : start + 97])
        time.sleep(0.001)
    terminal.wait_for(len([char for char in typed if char.isprintable()]))
    board.close()
    assert terminal.keys == [char for char in typed if char.isprintable()]


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_a_sequence_is_no_letters(sequence: bytes) -> None:
    """Arrows, function keys, Alt, mouse and paste give no key at all, in one piece or byte by byte."""
    whole, slow = KeyDecoder(), KeyDecoder()
    assert whole.feed(sequence) == []
    assert [key for byte in sequence for key in slow.feed(bytes([byte]))] == []
    assert whole.feed(b"a") == slow.feed(b"a") == ["a"]
    assert not whole.waits


@pytest.mark.parametrize("sequence", [b"\x1b[A", b"\x1bOa", b"\x1b[1;5a", b"\x1b[200~a\n\x1b[201~"])
def test_a_sequence_cut_after_its_escape_is_still_no_letters(sequence: bytes) -> None:
    """Where a slow line brings the rest after we stopped waiting, Esc is read and the rest is swallowed."""
    decoder = KeyDecoder()
    assert decoder.feed(sequence[:1]) == []
    assert decoder.waits
    assert decoder.no_more() == [ESCAPE]
    assert [key for byte in sequence[1:] for key in decoder.feed(bytes([byte]))] == []
    assert decoder.feed(b"a") == ["a"]


def test_escape_alone_is_a_key(terminal: Terminal) -> None:
    """Esc is read when nothing follows it, also twice in a row, and what comes after it is itself."""
    board = keyboard(terminal)
    os.write(terminal.person, b"\x1b")
    terminal.wait_for(1)
    time.sleep(2 * ESCAPE_WAIT_S)
    os.write(terminal.person, b"a\x1b\x1b")
    terminal.wait_for(4)
    board.close()
    assert terminal.keys == [ESCAPE, "a", ESCAPE, ESCAPE]


def test_closing_gives_the_terminal_back(terminal: Terminal) -> None:
    """Line editing and echo are as before, marks of pasting are off, unread keys are no shell command."""
    before = termios.tcgetattr(terminal.program)
    board = keyboard(terminal)
    assert not termios.tcgetattr(terminal.program)[LFLAG] & (termios.ICANON | termios.ECHO)
    assert termios.tcgetattr(terminal.program)[LFLAG] & termios.ISIG
    board.close()
    board.close()
    assert termios.tcgetattr(terminal.program) == before
    seen = terminal.seen_until(b"\x1b[?2004l")
    assert seen.count(b"\x1b[?2004h") == seen.count(b"\x1b[?2004l") == 1
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_the_bell_rings_once_for_each_call(terminal: Terminal) -> None:
    """One call, one bell, written by the keyboard's own thread."""
    board = keyboard(terminal)
    board.bell()
    seen = terminal.seen_until(b"\a")
    board.close()
    assert (seen + terminal.seen_until(b"\x1b[?2004l")).count(b"\a") == 1


def test_a_terminal_that_hangs_up_ends_the_reading_alone() -> None:
    """When the person's side is gone no key comes any more, and closing does no harm."""
    gone = Event()
    person, program = os.openpty()
    board = Keyboard(lambda _keys: gone.set(), keys_fd=program, screen_fd=program)
    os.close(person)
    board.bell()
    board.close()
    os.close(program)
    assert not gone.is_set()


PROGRAM = """
    import signal, sys, time
    from volguard.adapters.terminal_keys import Keyboard
    board = Keyboard(lambda keys: None, keys_fd=0, screen_fd=2)
    sys.stderr.write("ready")
    sys.stderr.flush()
    {act}
"""


def run_on(terminal: Terminal, act: str, until: bytes = b"ready") -> subprocess.Popen[bytes]:
    """A program whose terminal this is, started and past its first word."""
    code = textwrap.dedent(PROGRAM).format(act=act)
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=terminal.program,
        stdout=subprocess.DEVNULL,
        stderr=terminal.program,
        process_group=0,  # a group whose parent is gone could not be suspended
    )
    assert until in terminal.seen_until(until)
    return process


@pytest.mark.parametrize("act", ["raise SystemExit(3)", "raise ValueError('x')", "pass"])
def test_a_program_that_ends_gives_the_terminal_back(terminal: Terminal, act: str) -> None:
    """However the program leaves, by its end, by exit or by an exception, the terminal is as it was."""
    before = termios.tcgetattr(terminal.program)
    process = run_on(terminal, act)
    process.wait(PATIENCE_S)
    assert termios.tcgetattr(terminal.program) == before


def test_suspended_the_terminal_is_the_shells_and_ours_again_after(terminal: Terminal) -> None:
    """Ctrl-Z gives the terminal back before the process stops; going on takes it again."""
    before = termios.tcgetattr(terminal.program)
    process = run_on(terminal, "time.sleep(60)")
    ours = termios.tcgetattr(terminal.program)
    process.send_signal(signal.SIGTSTP)
    assert os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT) is not None
    assert termios.tcgetattr(terminal.program) == before
    process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + PATIENCE_S
    while termios.tcgetattr(terminal.program) != ours and time.monotonic() < deadline:
        time.sleep(0.005)
    assert termios.tcgetattr(terminal.program) == ours
    process.kill()
    process.wait(PATIENCE_S)


def test_a_second_ctrl_c_gives_the_terminal_back_before_it_ends_at_once(terminal: Terminal) -> None:
    """The operator insists: the process is gone at once, and the terminal is as it was all the same."""
    before = termios.tcgetattr(terminal.program)
    act = (
        "from volguard.adapters.interrupt import StopRequest; stop = StopRequest(); stop.install(); "
        "stop.before_ending(board.leave); sys.stderr.write('steady'); sys.stderr.flush()\n"
        "while True: time.sleep(60)"
    )
    process = run_on(terminal, act, until=b"steady")
    for _ in range(2):
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
    assert process.wait(PATIENCE_S) == -signal.SIGINT
    assert termios.tcgetattr(terminal.program) == before
    assert b"\x1b[?1049l" in terminal.seen_until(b"\x1b[?1049l")
