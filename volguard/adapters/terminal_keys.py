"""Keys of a terminal as they are pressed; the terminal is given back as it was, however the session ends."""

from __future__ import annotations

import atexit
import codecs
import os
import select
import signal
import termios
import threading
import tty
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any, Final

ENTER: Final = "enter"
ESCAPE: Final = "escape"
BACKSPACE: Final = "backspace"
CLEAR: Final = "clear"
ESCAPE_WAIT_S: Final = 0.1  # for the rest of a sequence, also over a slow line
READ_BYTES: Final = 1024

_NAMED: Final = {
    "\r": ENTER, "\n": ENTER, "\x7f": BACKSPACE, "\x08": BACKSPACE, "\x15": CLEAR,
}  # fmt: skip
_PASTE_BEGINS: Final = "[200~"
_PASTE_ENDS: Final = "\x1b[201~"
# What is pasted comes between marks, so that it can be told from what is typed.
_PASTE_MARKS_ON: Final = b"\x1b[?2004h"
_PASTE_MARKS_OFF: Final = b"\x1b[?2004l"
_SCREEN_ON: Final = b"\x1b[?1049h\x1b[?25l"
_SCREEN_OFF: Final = b"\x1b[?25h\x1b[?1049l"
_BELL: Final = b"\a"


class KeyDecoder:
    """Bytes of a terminal to keys: a character, or the name of a key that an answer needs.

    Arrows, function keys, keys with Alt and everything pasted are swallowed whole: their letters are no keys.
    """

    def __init__(self) -> None:
        self._text = codecs.getincrementaldecoder("utf-8")(errors="ignore")
        self._rest = ""  # of a sequence that is not complete
        self._is_pasting = False
        self._after_escape = False

    @property
    def waits(self) -> bool:
        """Whether an Esc stands there of which it is not clear whether more follows."""
        return self._rest == "\x1b"

    def feed(self, data: bytes) -> list[str]:
        """The keys that these bytes complete."""
        text, keys = self._rest + self._text.decode(data), []
        while text:
            used, key = self._next(text)
            if not used:
                break
            text = text[used:]
            if key:
                keys.append(key)
        self._rest = text
        return keys

    def no_more(self) -> list[str]:
        """Nothing followed an Esc: it was the key itself."""
        if not self.waits:
            return []
        # Should the rest of an arrow come late all the same, it is still no letters.
        self._rest, self._after_escape = "", True
        return [ESCAPE]

    def _next(self, text: str) -> tuple[int, str]:
        if self._is_pasting:
            return self._pasted(text)
        if self._after_escape:
            self._after_escape = False
            if text[0] in "[O":
                return self._sequence("\x1b" + text, late=1)
        if text[0] == "\x1b":
            return self._sequence(text, late=0)
        if text[0] in _NAMED:
            return 1, _NAMED[text[0]]
        return 1, text[0] if text[0].isprintable() else ""

    def _pasted(self, text: str) -> tuple[int, str]:
        end = text.find(_PASTE_ENDS)
        if end >= 0:
            self._is_pasting = False
            return end + len(_PASTE_ENDS), ""
        # The mark of the end may be cut in two.
        kept = next(n for n in range(len(_PASTE_ENDS) - 1, -1, -1) if text.endswith(_PASTE_ENDS[:n]))
        return len(text) - kept, ""

    def _sequence(self, text: str, *, late: int) -> tuple[int, str]:
        length = _sequence_length(text)
        if length == 0:
            self._after_escape = bool(late)
            return 0, ""
        self._is_pasting = text[1:length] == _PASTE_BEGINS
        return length - late, ESCAPE if text[:length] == "\x1b" else ""


def _sequence_length(text: str) -> int:
    """Characters of the sequence that begins with the Esc of `text`; 0 while it is not complete."""
    if len(text) < 2:
        return 0
    if text[1] == "\x1b":
        return 1  # Esc pressed twice, or Esc before a sequence
    if text[1] == "O":
        return 3 if len(text) >= 3 else 0
    if text[1] != "[":
        return 2  # a key with Alt
    if text[2:3] == "[":
        return 4 if len(text) >= 4 else 0  # function keys of the Linux console
    for place, char in enumerate(text[2:], start=2):
        if "@" <= char <= "~":
            return place + 1
        if not " " <= char <= "?":
            return place  # cut off: what follows stands for itself
    return 0


class Keyboard:
    """Reads keys in its own thread and calls `on_keys` with what came; the main thread makes and closes it.

    Ctrl-C and Ctrl-Z keep their meaning. Ctrl-S does not: it would freeze the screen of a running session.
    """

    def __init__(self, on_keys: Callable[[Sequence[str]], None], *, keys_fd: int, screen_fd: int) -> None:
        self._on_keys = on_keys
        self._keys_fd, self._screen_fd = keys_fd, screen_fd
        self._lines: list[Any] = termios.tcgetattr(keys_fd)
        self._wake_out, self._wake_in = os.pipe()
        self._is_open = True
        self._bell_due = threading.Event()
        self._enter()
        atexit.register(self.close)
        self._on_stop_before = signal.signal(signal.SIGTSTP, self._suspend)
        self._thread = threading.Thread(target=self._read, name="keyboard", daemon=True)
        self._thread.start()

    def bell(self) -> None:
        """Ring once, from the keyboard's own thread: the caller is never held up by a slow terminal."""
        self._bell_due.set()
        self._wake(b"b")

    def close(self) -> None:
        """Stop reading and give the terminal back; harmless when called twice."""
        if not self._is_open:
            return
        self._is_open = False
        self._wake(b"q")
        self._thread.join()
        atexit.unregister(self.close)
        signal.signal(signal.SIGTSTP, self._on_stop_before)
        self._give_back()
        # What was typed for us and not read is no command for the shell.
        with suppress(termios.error):
            termios.tcflush(self._keys_fd, termios.TCIFLUSH)
        os.close(self._wake_in)
        os.close(self._wake_out)

    def leave(self) -> None:
        """Give line editing and screen back at once, and no more; for a process about to end."""
        self._give_back()
        with suppress(OSError):
            os.write(self._screen_fd, _SCREEN_OFF)

    def _give_back(self) -> None:
        with suppress(OSError, termios.error):
            termios.tcsetattr(self._keys_fd, termios.TCSANOW, self._lines)
            os.write(self._screen_fd, _PASTE_MARKS_OFF)

    def _enter(self) -> None:
        tty.setcbreak(self._keys_fd, termios.TCSANOW)
        ours = termios.tcgetattr(self._keys_fd)
        ours[0] &= ~termios.IXON
        termios.tcsetattr(self._keys_fd, termios.TCSANOW, ours)
        os.write(self._screen_fd, _PASTE_MARKS_ON)

    def _wake(self, word: bytes) -> None:
        with suppress(OSError):
            os.write(self._wake_in, word)

    def _read(self) -> None:
        decoder = KeyDecoder()
        while True:
            wait_s = ESCAPE_WAIT_S if decoder.waits else None
            ready, _, _ = select.select([self._keys_fd, self._wake_out], [], [], wait_s)
            if self._wake_out in ready:
                if b"q" in os.read(self._wake_out, READ_BYTES):
                    return
                self._ring()
            if self._keys_fd in ready and not self._take(decoder):
                return
            if not ready:
                self._give(decoder.no_more())

    def _take(self, decoder: KeyDecoder) -> bool:
        try:
            data = os.read(self._keys_fd, READ_BYTES)
        except OSError:
            return False  # the terminal is gone
        self._give(decoder.feed(data))
        return bool(data)

    def _give(self, keys: list[str]) -> None:
        if keys:
            self._on_keys(keys)

    def _ring(self) -> None:
        if self._bell_due.is_set():
            self._bell_due.clear()
            with suppress(OSError):
                os.write(self._screen_fd, _BELL)

    def _suspend(self, number: int, _frame: FrameType | None) -> None:
        # Ctrl-Z: the shell gets its terminal back, and we take it again when it lets us go on.
        self.leave()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)
        signal.signal(number, self._suspend)
        self._enter()
        os.write(self._screen_fd, _SCREEN_ON)
